"""A daemon that takes a container's log: log_receiver.py [--journal|--stuck] SOCKET [FILE].

Writes each message on a line of FILE: as it came, or the fields of systemd's journal as JSON. A
stuck one takes none.
"""
import json
import os
import socket
import struct
import sys
import time


def fields(message):
    found = {}
    while message:
        name, rest = message.split(b"\n", 1)
        if b"=" in name:
            name, value = name.split(b"=", 1)
        else:
            length = struct.unpack("<Q", rest[:8])[0]
            value, rest = rest[8:8 + length], rest[9 + length:]
        found[name.decode()] = value.decode("utf-8", "replace")
        message = rest
    return found


def receive(sock):
    message, passed, _, _ = socket.recv_fds(sock, 1 << 20, 1)
    for fd in passed:
        with os.fdopen(fd, "rb") as file:
            file.seek(0)
            message = file.read()
    return message


def main():
    mode = sys.argv.pop(1) if sys.argv[1].startswith("--") else ""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(sys.argv[1])
    while mode == "--stuck":
        time.sleep(1)
    with open(sys.argv[2], "w", encoding="utf-8", buffering=1) as out:
        while True:
            message = receive(sock)
            text = json.dumps(fields(message)) if mode else message.decode("utf-8", "replace")
            out.write(text + "\n")


main()
