"""name_client.py stream SECONDS NAME EXPECTED: asks one question after the other, each again after
0.2 s without an answer; prints how many were answered and the longest that one took in ms, counted
from its first packet. name_client.py hostile COUNT: sends nonsense and half-right messages by UDP and
TCP, ignoring what comes back. name_client.py burst COUNT PREFIX: asks for that many names at once and
counts the answers by code."""
import random
import socket
import struct
import sys
import time

SERVER = ("127.0.0.11", 53)


def query(number, name, kind=1):
    labels = b"".join(bytes([len(x)]) + x.encode() for x in name.split("."))
    return struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def stream(seconds, name, expected):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(0.2)
    s.connect(SERVER)
    end, n, longest, number = time.monotonic() + seconds, 0, 0.0, 0
    while time.monotonic() < end:
        number = (number + 1) & 0xffff
        began = time.monotonic()
        again = True
        while True:
            if again:
                s.send(query(number, name))
            try:
                reply = s.recv(4096)
            except socket.timeout:
                again = True
                continue
            again = False
            if struct.unpack(">H", reply[:2])[0] == number:
                break
        assert socket.inet_ntoa(reply[-4:]) == expected, reply
        longest = max(longest, time.monotonic() - began)
        n += 1
    print(n, int(longest * 1000))


def hostile(count):
    random.seed(7)
    good = [query(1, "web"), query(2, "a.b.example", 28), query(3, "2.0.18.172.in-addr.arpa", 12),
            query(4, "x" * 63 + "." + "y" * 63)]
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.connect(SERVER)
    for i in range(count):
        kind = i % 4
        if kind == 0:
            message = random.randbytes(random.randrange(0, 600))
        else:
            message = bytearray(random.choice(good))
            for _ in range(random.randrange(1, 6)):
                message[random.randrange(len(message))] = random.choice((0, 0xc0, 0xff, 12, random.randrange(256)))
            if kind == 3:
                message = message[:random.randrange(len(message))]
        try:
            s.send(message)
            s.recv(65535)
        except (BlockingIOError, ConnectionError):
            pass
        if i % 100 == 0:
            try:
                with socket.create_connection(SERVER, 1) as t:
                    t.send(struct.pack(">H", random.choice((0, 5, len(message), 65535))) + message)
            except OSError:
                pass


def burst(count, prefix):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    s.settimeout(8)
    s.connect(SERVER)
    for i in range(count):
        s.send(query(i, f"{prefix}.n{i}.example"))
        if i % 16 == 15:
            time.sleep(0.002)
    codes = {}
    for _ in range(count):
        code = s.recv(4096)[3] & 15
        codes[code] = codes.get(code, 0) + 1
    print(" ".join(f"{k}:{v}" for k, v in sorted(codes.items())))


if sys.argv[1] == "stream":
    stream(float(sys.argv[2]), sys.argv[3], sys.argv[4])
elif sys.argv[1] == "hostile":
    hostile(int(sys.argv[2]))
else:
    burst(int(sys.argv[2]), sys.argv[3])
