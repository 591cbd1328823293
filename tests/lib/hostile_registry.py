#!/usr/bin/env python3
"""hostile_registry.py FOLDER [CERTIFICATE KEY]: a registry that does what registries should not.

What it does wrong is the first part of a repository's name: ADDRESS/cut/x is an image whose transfer
breaks off. FAULTS below names those of the transport, hostile_images.py those of the content; anything else is
an image as it should be. Listens on two free ports of 127.0.0.1, the second for "another host" (without TLS,
always), and writes both into FOLDER/ports; into FOLDER/log goes one JSON object a request: port, method,
path, the headers that matter, and "sent", the body's bytes.
"""
import email.utils
import http.server
import json
import os
import random
import re
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from hostile_images import image_of  # noqa: E402

FOLDER = sys.argv[1]
dice = random.Random(os.environ.get("SEED", "dice"))
lock = threading.Lock()
images, times, ports = {}, {}, []
ESCAPES = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eback\u202c\r\nsecond line"


def image(fault):
    with lock:
        if fault not in images:
            images[fault] = image_of(fault)
        return images[fault]


def count(key):
    """How often this has been asked for: 1 the first time."""
    with lock:
        times[key] = times.get(key, 0) + 1
        return times[key]


class Cut(Exception):
    """The connection ends here."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sent = 0

    def log_message(self, *_):
        pass

    def note(self):
        wanted = ("Authorization", "Range", "Cookie", "Host", "Accept-Encoding", "X-Injected")
        line = {name.lower(): self.headers[name] for name in wanted if name in self.headers}
        line.update(port=self.server.server_port, method=self.command, path=self.path, sent=self.sent)
        with lock, open(os.path.join(FOLDER, "log"), "a") as file:
            file.write(json.dumps(line) + "\n")

    # --- answers ---------------------------------------------------------------------------------

    def head(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def body(self, data):
        if self.command != "HEAD":
            self.sent += len(data)
            self.wfile.write(data)

    def answer(self, status, data, kind="application/json", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.head(status, {"Content-Type": kind, "Content-Length": len(data), **headers})
        self.body(data)

    def error(self, status, message, code="DENIED", **headers):
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), **headers)

    def redirect(self, where, status=307):
        self.answer(status, b"", Location=where)

    def me(self):
        return f"{'https' if self.server.tls else 'http'}://127.0.0.1:{ports[0]}"

    def forever(self, data, pause=0.0):
        """Until whoever reads has had enough."""
        while True:
            self.body(data)
            time.sleep(pause)

    def chunks(self, first, endless=b"x" * 65536):
        self.head(200, {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"})
        for data in [first] if first else []:
            self.body(b"%x\r\n%s\r\n" % (len(data), data))
        self.forever(b"%x\r\n%s\r\n" % (len(endless), endless))

    def whole(self, data, kind, digest, ranges=True):
        """As it should be."""
        begin = self.begin(len(data)) if ranges else 0
        headers = {"Content-Type": kind, "Docker-Content-Digest": digest,
                   "Content-Length": len(data) - begin}
        if ranges:
            headers["Accept-Ranges"] = "bytes"
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self.head(206 if begin else 200, headers)
        self.body(data[begin:])

    def begin(self, size):
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return min(int(found[1]), size) if found else 0

    def partly(self, data, kind, digest, n, ranges=True):
        """Promises all, and breaks off after @n bytes."""
        begin = self.begin(len(data)) if ranges else 0
        headers = {"Content-Type": kind, "Docker-Content-Digest": digest,
                   "Content-Length": len(data) - begin}
        if begin:
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        self.head(206 if begin else 200, headers)
        self.body(data[begin:begin + n])
        if begin + n < len(data):
            raise Cut

    # --- requests --------------------------------------------------------------------------------

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        length = min(int(self.headers.get("Content-Length", 0)), 1 << 20)
        self.rfile.read(length)
        self.do_GET()

    def do_PUT(self):
        if not self.path.startswith(("/v2/push-gate/", "/pushed")):
            return self.do_POST()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "/manifests/" in self.path:
            open(os.path.join(FOLDER, "waiting"), "w").close()
            while not os.path.exists(os.path.join(FOLDER, "open")):
                time.sleep(0.05)
        self.sent = 0
        self.answer(201, b"")
        self.note()

    def do_GET(self):
        self.sent = 0
        try:
            self.serve()
        except (Cut, ConnectionError, ssl.SSLError):
            self.close_connection = True
        finally:
            self.note()

    def serve(self):
        path = self.path.partition("?")[0]
        upload = re.fullmatch(r"/v2/([^/]+)/.+/blobs/uploads/", path)
        found = re.fullmatch(r"/v2/([^/]+)/(.+)/(manifests|blobs|tags)/([^/]+)", path)
        if path == "/v2/":
            self.answer(200, b"{}")
        elif path.startswith("/token"):
            self.token(path.split("/")[2])
        elif upload:
            self.head(202, {"Location": UPLOADS[upload[1]](), "Content-Length": 0})
        elif path == "/upload":
            self.challenge(f'Bearer realm="http://localhost:{ports[1]}/token/good"')
        elif not found:
            self.error(404, "no such page", "NOT_FOUND")
        else:
            fault, _, kind, reference = found.groups()
            self.found(fault, kind, reference)

    def token(self, fault):
        if fault == "token-endless":
            self.chunks(b'{"token": "', b"a" * 65536)
        elif fault == "token-huge":
            self.answer(200, json.dumps({"token": "a" * (10 << 20)}).encode())
        elif fault == "token-header":
            self.answer(200, json.dumps({"token": "good\r\nX-Injected: yes"}).encode())
        elif fault == "token-html":
            self.answer(200, b"<html>welcome</html>", "text/html")
        elif fault == "token-number":
            self.answer(200, b'{"token": 7}')
        elif fault == "token-escape":
            self.error(403, ESCAPES)
        else:
            self.answer(200, b'{"token": "good"}')

    def found(self, fault, kind, reference):
        if fault in UPLOADS and not self.headers.get("Authorization"):
            return self.challenge('Basic realm="x"')
        here = image(fault)
        if kind == "manifests":
            digest = here.tag if not reference.startswith("sha256:") else reference
            media, data = here.manifests.get(digest, (None, None))
        elif kind == "blobs":
            digest, media, data = reference, "application/octet-stream", here.blobs.get(reference)
        else:
            digest, media, data = "", "application/json", json.dumps({"tags": ["latest"]}).encode()
        if data is None:
            return self.error(404, "no such thing", "NOT_FOUND")
        # A small blob is the configuration; what is wrong with layers is wrong with large ones.
        layer = kind == "blobs" and len(data) > 10000
        wrong = FAULTS.get(f"{fault} {'layer' if layer else kind}") or FAULTS.get(f"{fault} all")
        if wrong:
            return wrong(self, data, media, digest)
        return self.whole(data, media, digest)

    def challenge(self, value):
        self.error(401, "authentication required", "UNAUTHORIZED", WWW_Authenticate=value)

    def guarded(self, realm):
        """A way past a challenge, of those who let in whoever comes back with any token."""
        if self.headers.get("Authorization"):
            return False
        self.challenge(f'Bearer realm="{realm}",service="s",scope="repository:x:pull"')
        return True


# --- what is wrong: (handler, data, media type, digest) ----------------------------------------------

def slowly(h, data, kind, digest):
    h.head(200, {"Content-Type": kind, "Content-Length": len(data)})
    for i in range(len(data)):
        h.body(data[i:i + 1])
        time.sleep(0.2)


def slow_head(h, *_):
    h.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    h.forever(b"s", 0.2)


def endless_head(h, *_):
    h.wfile.write(b"HTTP/1.1 200 OK\r\n")
    h.forever(b"X-More: " + b"m" * 4096 + b"\r\n")


def giant_head(h, data, kind, digest):
    h.head(200, {"Content-Type": kind, "X-Giant": "g" * (8 << 20), "Content-Length": len(data)})
    h.body(data)


def stall(h, data, kind, digest):
    h.head(200, {"Content-Type": kind, "Content-Length": len(data)})
    h.body(data[:len(data) // 2])
    time.sleep(600)


def gate(h, data, kind, digest):
    """Half of it, and the rest once FOLDER/open is there."""
    begin = h.begin(len(data))
    headers = {"Content-Type": kind, "Content-Length": len(data) - begin}
    if begin:
        headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
    h.head(206 if begin else 200, headers)
    middle = max(begin, len(data) // 2)
    h.body(data[begin:middle])
    while not os.path.exists(os.path.join(FOLDER, "open")):
        time.sleep(0.05)
    h.body(data[middle:])


def mute(*_):
    time.sleep(600)


def cut_at_random(h, data, kind, digest):
    h.partly(data, kind, digest, dice.randrange(1, 700000))


def cut_without_range(h, data, kind, digest):
    if count("cut-norange") <= 3:
        h.partly(data, kind, digest, dice.randrange(1, len(data)), False)
    else:
        h.whole(data, kind, digest, False)


def cut_lying(h, data, kind, digest):
    """The rest begins elsewhere than it says, or says elsewhere than was asked."""
    begin = h.begin(len(data))
    if not begin:
        return h.partly(data, kind, digest, 500000)
    h.head(206, {"Content-Type": kind, "Content-Length": len(data) - begin,
                 "Content-Range": f"bytes {begin + 7}-{len(data) - 1}/{len(data)}"})
    h.body(data[begin:])


def cut_other(h, data, kind, digest):
    """The rest is somebody else's."""
    begin = h.begin(len(data))
    if not begin:
        return h.partly(data, kind, digest, 500000)
    return h.whole(bytes(len(data)), kind, digest)


def cut_head(*_):
    raise Cut


def cut_never_further(h, data, kind, digest):
    h.partly(data, kind, digest, max(0, 300000 - h.begin(len(data))))


def changed(h, data, kind, digest):
    at = len(data) // 2
    h.whole(data[:at] + bytes([data[at] ^ 1]) + data[at + 1:], kind, digest)


def short(h, data, kind, digest):
    h.answer(200, data[:-1000], kind)


def long(h, data, kind, digest):
    h.answer(200, data + bytes(100000), kind)


def endless(h, data, kind, digest):
    h.chunks(data)


def endless_manifest(h, *_):
    h.chunks(b'{"schemaVersion": 2, "x": "')


def huge_manifest(h, data, kind, digest):
    size = 100 << 20
    h.head(200, {"Content-Type": kind, "Content-Length": size + len(data), "Docker-Content-Digest": digest})
    for _ in range(100):
        h.body(b" " * (1 << 20))
    h.body(data)


def flaky(h, data, kind, digest):
    if count("flaky" + h.path) <= 2:
        h.error(500, "something broke", "UNKNOWN")
    else:
        h.whole(data, kind, digest)


def busy(h, data, kind, digest):
    if count("busy" + h.path) <= 1:
        h.error(429, "too many requests", "TOOMANYREQUESTS", Retry_After="1")
    else:
        h.whole(data, kind, digest)


def busy_date(h, data, kind, digest):
    if count("busy-date" + h.path) <= 1:
        h.error(429, "too many requests", "TOOMANYREQUESTS",
                Retry_After=email.utils.formatdate(time.time() + 2, usegmt=True))
    else:
        h.whole(data, kind, digest)


def busy_forever(h, *_):
    h.error(429, "come back next year", "TOOMANYREQUESTS", Retry_After="31536000")


def busy_nonsense(h, data, kind, digest):
    if count("busy-nonsense" + h.path) <= 1:
        h.error(429, "too many requests", "TOOMANYREQUESTS", Retry_After="-99999999999999999999")
    else:
        h.whole(data, kind, digest)


def broken(h, *_):
    h.error(500, "the disk of this registry is on fire", "UNKNOWN")


def circle(h, *_):
    h.redirect(h.path.partition("?")[0] + f"?{count('circle')}")


def elsewhere(h, data, kind, digest):
    if h.server.server_port == ports[0]:
        h.redirect(f"http://localhost:{ports[1]}{h.path}")
    else:
        h.whole(data, kind, digest)


def guarded_elsewhere(h, data, kind, digest):
    if h.server.server_port == ports[0] and h.guarded(h.me() + "/token/good"):
        return
    elsewhere(h, data, kind, digest)


def robbed_elsewhere(h, data, kind, digest):
    """Who is sent there is asked who he is."""
    if h.server.server_port == ports[0]:
        h.redirect(f"http://localhost:{ports[1]}{h.path}")
    else:
        h.challenge(f'Bearer realm="http://localhost:{ports[1]}/token/good",service="s"')


def endless_page(h, *_):
    h.head(404, {"Content-Type": "text/plain", "Transfer-Encoding": "chunked"})
    h.forever(b"%x\r\n%s\r\n" % (65536, b"x" * 65536))


def guarded(realm):
    def wrong(h, data, kind, digest):
        if not h.guarded(realm if "://" in realm else h.me() + realm):
            h.whole(data, kind, digest)
    return wrong


def realm_elsewhere(h, data, kind, digest):
    if not h.guarded(f"http://localhost:{ports[1]}/token/good"):
        h.whole(data, kind, digest)


def password_wanted(h, data, kind, digest):
    if h.headers.get("Authorization", "").startswith("Basic "):
        h.whole(data, kind, digest)
    else:
        h.challenge('Basic realm="x"')


def password_and_gate(h, data, kind, digest):
    if h.headers.get("Authorization", "").startswith("Basic "):
        (gate if len(data) > 10000 else Handler.whole)(h, data, kind, digest)
    else:
        h.challenge('Basic realm="x"')


def circle_of_tokens(h, *_):
    h.challenge(f'Bearer realm="{h.me()}/token/good",service="s",scope="repository:x:pull"')


def challenge_of(text):
    return lambda h, *_: h.challenge(text)


def bomb(h, data, kind, digest):
    import zlib
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(pack.compress(b" " * (1 << 20)) for _ in range(512)) + pack.compress(data) + pack.flush()
    h.answer(200, packed, kind, Content_Encoding="gzip", Docker_Content_Digest=digest)


def page(status):
    return lambda h, *_: h.answer(
        status, b"<!DOCTYPE html><html><body><h1>Captive portal</h1>" + b"<p>x</p>" * 999 + b"</body></html>",
        "text/html")


FAULTS = {
    "cut layer": cut_at_random, "cut-norange layer": cut_without_range, "cut-lying layer": cut_lying,
    "cut-other layer": cut_other, "cut-head layer": cut_head, "cut-stuck layer": cut_never_further,
    "cut-manifest manifests": lambda h, data, kind, digest: h.partly(data, kind, digest, 100, False),
    "changed layer": changed, "changed-manifest manifests": changed, "changed-config blobs": changed,
    "short layer": short, "long layer": long, "endless layer": endless, "long-config blobs": long,
    "endless-config blobs": endless, "huge-manifest manifests": huge_manifest,
    "endless-manifest manifests": endless_manifest,
    "slow layer": slowly, "slow-manifest manifests": slowly, "slow-head manifests": slow_head,
    "slow-head-layer layer": slow_head, "stall layer": stall, "gate layer": gate,
    "mute manifests": mute, "mute-layer layer": mute,
    "endless-head manifests": endless_head, "giant-head manifests": giant_head,
    "flaky all": flaky, "busy all": busy, "busy-date layer": busy_date, "busy-forever all": busy_forever,
    "busy-nonsense layer": busy_nonsense, "broken all": broken, "broken-layer layer": broken,
    "circle layer": circle, "circle-manifest manifests": circle,
    "elsewhere layer": elsewhere, "guarded-elsewhere all": guarded_elsewhere,
    "robbed layer": robbed_elsewhere,
    "garbage layer": lambda h, data, kind, digest: h.whole(data[:1000] + b"\xff" * (len(data) - 1000), kind, digest), "endless-page manifests": endless_page,
    "to-file layer": lambda h, *_: h.redirect("file:///etc/passwd"),
    "to-gopher layer": lambda h, *_: h.redirect(f"gopher://127.0.0.1:{ports[1]}/x"),
    "to-plain layer": lambda h, *_: h.redirect(f"http://127.0.0.1:{ports[1]}{h.path}"),
    "to-nothing layer": lambda h, *_: h.redirect(""),
    "to-user layer": lambda h, *_: h.redirect(f"http://user:word@127.0.0.1:{ports[1]}{h.path}"),
    "type-wrong manifests": lambda h, data, kind, digest: h.whole(data, "image/png", digest),
    "type-bare manifests": lambda h, data, kind, digest: h.whole(data, "image/png", digest),
    "type-index manifests": lambda h, data, kind, digest: h.whole(
        data, "application/vnd.oci.image.index.v1+json", digest),
    "type-none manifests": lambda h, data, kind, digest: h.whole(data, "", digest),
    "header-digest manifests": lambda h, data, kind, digest: h.whole(data, kind, "sha256:" + "0" * 64),
    "header-path manifests": lambda h, data, kind, digest: h.whole(data, kind, "sha256:../../x"),
    "html manifests": page(200), "html-error manifests": page(502), "html-denied manifests": page(403),
    "html-layer layer": page(200), "teapot manifests": lambda h, *_: h.answer(418, b""),
    "no-content manifests": lambda h, *_: h.head(204, {}),
    "escape manifests": lambda h, *_: h.error(403, ESCAPES),
    "long-error manifests": lambda h, *_: h.error(403, "e" * (1 << 20)),
    "endless-error manifests": lambda h, *_: h.chunks(b""),
    "odd-error manifests": lambda h, *_: h.answer(403, b'{"errors": [7, {"code": {}}, {"message": []}]}'),
    "bomb manifests": bomb,
    "password all": password_wanted, "password-gate all": password_and_gate, "token-circle all": circle_of_tokens,
    "token-elsewhere all": realm_elsewhere, "token-file all": guarded("file:///etc/passwd"),
    **{f"{name} all": guarded(f"/token/{name}") for name in (
        "token-endless", "token-huge", "token-header", "token-html", "token-number", "token-escape")},
    "challenge-long all": challenge_of('Bearer realm="' + "a" * 60000 + '"'),
    "challenge-open all": challenge_of('Bearer realm="http://127.0.0.1'),
    "challenge-none all": challenge_of(""), "challenge-unknown all": challenge_of("Negotiate abc"),
    "challenge-twice all": challenge_of('Basic realm="x", Bearer realm="file:///x",realm="gopher://y"'),
}


# Where who pushes is to send blobs to.
UPLOADS = {
    "push-gate": lambda: f"http://127.0.0.1:{ports[0]}/pushed",
    "upload-elsewhere": lambda: f"http://localhost:{ports[1]}/upload",
    "upload-as-user": lambda: f"http://user:word@127.0.0.1:{ports[0]}/upload",
    "upload-file": lambda: "file:///etc/passwd",
}


class Server(http.server.ThreadingHTTPServer):
    tls = False
    request_queue_size = 64

    def handle_error(self, *_):
        pass


def main():
    servers = [Server(("127.0.0.1", 0), Handler) for _ in range(2)]
    if len(sys.argv) > 2:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[2], sys.argv[3])
        servers[0].socket = context.wrap_socket(servers[0].socket, server_side=True,
                                                do_handshake_on_connect=False)
        servers[0].tls = True
    ports.extend(server.server_port for server in servers)
    threading.Thread(target=servers[1].serve_forever, daemon=True).start()
    with open(os.path.join(FOLDER, "ports.new"), "w") as file:
        print(*ports, file=file)
    os.rename(os.path.join(FOLDER, "ports.new"), os.path.join(FOLDER, "ports"))
    servers[0].serve_forever()


main()
