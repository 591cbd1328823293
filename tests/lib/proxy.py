#!/usr/bin/env python3
"""proxy.py FOLDER TARGET [USER:PASSWORD]: an HTTP proxy that leads every name to TARGET (ADDRESS:PORT).

Whoever comes through it has not asked for the name himself. Listens on a free port of 127.0.0.1,
writes it into FOLDER/proxy.port, and a line "METHOD TARGET" a request into FOLDER/proxy.log.
"""
import base64
import os
import socket
import socketserver
import sys
import threading

FOLDER = sys.argv[1]
HOST, _, PORT = sys.argv[2].rpartition(":")
WANTED = "basic " + base64.b64encode(sys.argv[3].encode()).decode() if len(sys.argv) > 3 else None


def carry(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        first = self.rfile.readline(65536)
        head = []
        while (line := self.rfile.readline(65536)) not in (b"\r\n", b"\n", b""):
            head.append(line)
        method, target = first.decode().split()[:2]
        with open(os.path.join(FOLDER, "proxy.log"), "a") as file:
            file.write(f"{method} {target}\n")
        given = [line.decode().partition(":")[2].strip() for line in head
                 if line.lower().startswith(b"proxy-authorization:")]
        if WANTED and (not given or given[0].lower()[:6] + given[0][6:] != WANTED):
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                             b"Proxy-Authenticate: Basic realm=\"proxy\"\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection((HOST, int(PORT))) as there:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Established\r\n\r\n")
            else:
                path = "/" + target.partition("://")[2].partition("/")[2]
                # One request a connection: the rest of it is no proxy's matter.
                head = [line for line in head if not line.lower().startswith((b"proxy-", b"connection:"))]
                there.sendall(f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(head) +
                              b"Connection: close\r\n\r\n")
            back = threading.Thread(target=carry, args=(there, self.connection), daemon=True)
            back.start()
            carry(self.connection, there)
            back.join()


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def main():
    with Server(("127.0.0.1", 0), Handler) as server:
        with open(os.path.join(FOLDER, "proxy.new"), "w") as file:
            file.write(f"{server.server_address[1]}\n")
        os.rename(os.path.join(FOLDER, "proxy.new"), os.path.join(FOLDER, "proxy.port"))
        server.serve_forever()


main()
