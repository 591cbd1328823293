#!/usr/bin/env python3
"""token_server.py FOLDER SERVICE: the token server that a registry with `auth: token` sends its clients to.

Makes FOLDER/token.key and FOLDER/token.pem (the registry's rootcertbundle), listens on a free port of
127.0.0.1, writes the number into FOLDER/token.port, and one JSON line a request into FOLDER/token.log.

    GET  ?service=…&scope=…   anonymous: may pull from repositories "open/…"; as user:secret: all
    POST the same as a form   grant_type=password or refresh_token; gives one, if access_type=offline asks

Tokens are good for TOKEN_SECONDS (60, if not set). They are signed as the registry's library wants
them: RS256, with the certificate in the head.
"""
import base64
import http.server
import json
import os
import subprocess
import sys
import time
import urllib.parse

FOLDER, SERVICE = sys.argv[1:]
KEY, CERTIFICATE = os.path.join(FOLDER, "token.key"), os.path.join(FOLDER, "token.pem")
LIFE = int(os.environ.get("TOKEN_SECONDS", "60"))
USER, PASSWORD, REFRESH = "user", "secret", "refresh-of-user"


def make_key():
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=token server", "-keyout", KEY, "-out", CERTIFICATE],
                   check=True, capture_output=True)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def make_token(subject, access):
    with open(CERTIFICATE) as file:
        certificate = "".join(line for line in file.read().splitlines() if "-----" not in line)
    now = int(time.time())
    head = {"typ": "JWT", "alg": "RS256", "x5c": [certificate]}
    claims = {"iss": "token server", "sub": subject, "aud": SERVICE, "exp": now + LIFE,
              "nbf": now - 10, "iat": now, "jti": str(time.time_ns()), "access": access}
    text = b".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", KEY], input=text,
                               capture_output=True, check=True).stdout
    return (text + b"." + base64url(signature)).decode()


def granted(scopes, user):
    access = []
    for scope in " ".join(scopes).split():
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        allowed = set(actions.split(",")) if user else \
            set(actions.split(",")) & {"pull"} if name.startswith("open/") else set()
        if allowed:
            access.append({"type": kind, "name": name, "actions": sorted(allowed)})
    return access


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self, **what):
        with open(os.path.join(FOLDER, "token.log"), "a") as file:
            file.write(json.dumps(dict(what, method=self.command, path=self.path)) + "\n")

    def answer(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self):
        self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]})

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        given = self.headers.get("Authorization", "")
        self.note(authorization=given, query=query)
        if given and given != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            return self.refuse()
        token = make_token(USER if given else "", granted(query.get("scope", []), bool(given)))
        answer = {"token": token, "access_token": token, "expires_in": LIFE}
        if query.get("offline_token") == ["true"] and given:
            answer["refresh_token"] = REFRESH
        return self.answer(200, answer)

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        self.note(form=form)
        one = {key: values[0] for key, values in form.items()}
        if one.get("grant_type") == "refresh_token":
            right = one.get("refresh_token") == REFRESH
        else:
            right = (one.get("username"), one.get("password")) == (USER, PASSWORD)
        if not right:
            return self.refuse()
        token = make_token(USER, granted(form.get("scope", []), True))
        answer = {"access_token": token, "expires_in": LIFE}
        if one.get("access_type") == "offline" or one.get("grant_type") == "refresh_token":
            answer["refresh_token"] = REFRESH
        return self.answer(200, answer)


def main():
    make_key()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with open(os.path.join(FOLDER, "token.port.new"), "w") as file:
        file.write(f"{server.server_port}\n")
    os.rename(os.path.join(FOLDER, "token.port.new"), os.path.join(FOLDER, "token.port"))
    server.serve_forever()


main()
