"""name_server.py ADDRESS BEHAVIOUR [LOG [NEIGHBOUR]]: a name server of the tests, by UDP and TCP, port 53.

What it says to a question depends on the name's first label: "many" is too long for UDP, "silent"
is never answered, "wrong-id", "wrong-question" and "wrong-port" are answered wrongly first, "nx" does not
exist, "fails" is SERVFAIL, "slow" takes a second. "garbage" gets messages that are none before the answer,
"wrong-source" first one from another address (NEIGHBOUR), "junk" nothing but
garbage. By TCP "short" gets a length of five, "half" less than was said, "junk" garbage. Others are 192.0.2.N, N being BEHAVIOUR's number.
With BEHAVIOUR "dead" it answers nothing, with "refuse" everything with REFUSED. Each question is a
line in LOG: "udp PORT ID NAME".
"""
import random
import socket
import struct
import sys
import threading
import time

address, behaviour = sys.argv[1], sys.argv[2]
log = open(sys.argv[3], "a", buffering=1) if len(sys.argv) > 3 else None


def question_end(message):
    at = 12
    while message[at]:
        at += message[at] + 1
    return at + 5


def answer(message, tcp):
    end = question_end(message)
    label = message[13:13 + message[12]].decode("latin-1").lower()
    code, records, flags = 0, 1, 0x8180
    if behaviour == "refuse":
        code, records = 5, 0
    elif label == "nx":
        code, records = 3, 0
    elif label == "fails":
        code, records = 2, 0
    elif label == "many":
        records = 200 if tcp else 0
        flags |= 0 if tcp else 0x200
    last = int(behaviour) if behaviour.isdigit() else 1
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([192, 0, 2, last])
    question = message[12:end]
    # As some servers do: in other letters.
    return struct.pack(">2sHHHHH", message[:2], flags | code, 1, records, 0, 0) + question.lower() + record * records


def garbage(reply, forged):
    """Nothing that a resolver could take for the answer to its question."""
    return [b"", b"\0", reply[:2], reply[:11], reply[:12], reply[:20], random.randbytes(500), b"\xff" * 65000,
            reply[:2] + b"\0\0" + reply[4:], reply[:4] + b"\0\0" + reply[6:], reply[:12] + b"\xc0\x0c" * 200,
            reply[:12] + b"\x3f" + reply[13:]]


def tell(kind, peer, message):
    if log:
        name, at = [], 12
        while message[at]:
            name.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
            at += message[at] + 1
        log.write(f"{kind} {peer[1]} {message[:2].hex()} {'.'.join(name)}\n")


def serve_udp(s):
    while True:
        message, peer = s.recvfrom(4096)
        tell("udp", peer, message)
        label = message[13:13 + message[12]].lower()
        if behaviour == "dead" or label == b"silent":
            continue
        reply = answer(message, False)
        forged = bytearray(reply)
        forged[-1] = 66
        if label == b"wrong-id":
            forged[0] ^= 1
            s.sendto(forged, peer)
        elif label == b"wrong-question":
            forged[13] ^= 2
            s.sendto(forged, peer)
        elif label == b"wrong-port":
            other = socket.socket(s.family, socket.SOCK_DGRAM)
            other.bind(place[:1] + (0,) + place[2:])
            other.sendto(forged, peer)
        elif label == b"wrong-source":
            other = socket.socket(s.family, socket.SOCK_DGRAM)
            other.bind((sys.argv[4], 53))
            other.sendto(forged, peer)
        elif label in (b"garbage", b"junk"):
            for piece in garbage(reply, forged):
                s.sendto(piece, peer)
            if label == b"junk":
                continue
        elif label == b"slow":
            threading.Timer(1, s.sendto, (reply, peer)).start()
            continue
        s.sendto(reply, peer)


def serve_connection(c, peer):
    with c:
        while True:
            head = c.recv(2, socket.MSG_WAITALL)
            if len(head) < 2:
                return
            message = c.recv(struct.unpack(">H", head)[0], socket.MSG_WAITALL)
            tell("tcp", peer, message)
            reply = answer(message, True)
            label = message[13:13 + message[12]].lower()
            whole = struct.pack(">H", len(reply)) + reply
            if label == b"short":
                whole = b"\0\5" + reply[:5]
            elif label == b"slow":
                time.sleep(1)
            elif label == b"half":
                c.sendall(whole[:len(whole) // 2])
                time.sleep(30)
                return
            elif label == b"junk":
                whole = b"\xff\xff" + random.randbytes(65535)
            # In pieces.
            for at in range(0, len(whole), 1000):
                c.sendall(whole[at:at + 1000])
                time.sleep(0.002)


family = socket.AF_INET6 if ":" in address else socket.AF_INET
place = socket.getaddrinfo(address, 53, family, socket.SOCK_DGRAM)[0][4] # with the link of fe80::1%eth0
udp = socket.socket(family, socket.SOCK_DGRAM)
udp.bind(place)
tcp = socket.socket(family, socket.SOCK_STREAM)
tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
tcp.bind(place)
tcp.listen()
print("ready", flush=True)
threading.Thread(target=serve_udp, args=(udp,), daemon=True).start()
while True:
    threading.Thread(target=serve_connection, args=tcp.accept(), daemon=True).start()
