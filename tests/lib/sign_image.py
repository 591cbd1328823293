#!/usr/bin/env python3
"""sign_image.py REGISTRY REPOSITORY DIGEST KEY [OPTION...]: puts a signature of DIGEST made with the private
key KEY (PEM) into a registry without TLS or passwords, where cosign would, beside those that are there.

    --name NAME        as which the image is signed (REGISTRY/REPOSITORY:latest)
    --digest DIGEST    which is signed in place of the one whose signature it pretends to be
    --type TYPE        critical.type
    --payload TEXT     what is signed, as it is
    --spoil            one letter of what is signed is another one afterwards
    --signature TEXT   in place of the signature
    --layer-type TYPE  the layer's media type
    --count N          so many of it
    --alone            in place of those that are there
    --pad N            so many bytes of blanks behind what is signed
"""
import argparse
import base64
import hashlib
import json
import subprocess
import tempfile
import urllib.error
import urllib.request

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def sign(key, data):
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        kind = subprocess.run(["openssl", "pkey", "-in", key, "-noout", "-text"], capture_output=True, check=True).stdout
        if b"ED25519" in kind:
            command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", file.name]
        else:
            command = ["openssl", "dgst", "-sha256", "-sign", key, file.name]
        return subprocess.run(command, capture_output=True, check=True).stdout


def ask(method, url, data=None, **headers):
    request = urllib.request.Request(url, data, {k.replace("_", "-"): v for k, v in headers.items()}, method=method)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return answer.headers, answer.read()


def put_blob(base, kind, data):
    headers, _ = ask("POST", base + "/blobs/uploads/", b"")
    url = headers["Location"]
    ask("PUT", url + ("&" if "?" in url else "?") + "digest=" + digest(data), data, Content_Type="application/octet-stream")
    return {"mediaType": kind, "digest": digest(data), "size": len(data)}


def text_to_sign(a):
    if a.payload is not None:
        return a.payload.encode()
    value = {
        "critical": {
            "identity": {"docker-reference": a.name or f"{a.registry}/{a.repository}:latest"},
            "image": {"docker-manifest-digest": a.signed_digest or a.digest},
            "type": a.type,
        },
        "optional": None,
    }
    return json.dumps(value, separators=(",", ":")).encode() + b" " * a.pad


def layers_there(base, tag):
    try:
        return json.loads(ask("GET", f"{base}/manifests/{tag}", Accept=MANIFEST)[1])["layers"]
    except urllib.error.HTTPError:
        return []


def main():
    parser = argparse.ArgumentParser()
    for word in ("registry", "repository", "digest", "key"):
        parser.add_argument(word)
    parser.add_argument("--name")
    parser.add_argument("--digest", dest="signed_digest")
    parser.add_argument("--type", default="cosign container image signature")
    parser.add_argument("--payload")
    parser.add_argument("--signature")
    parser.add_argument("--layer-type", default=PAYLOAD)
    parser.add_argument("--spoil", action="store_true")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--pad", type=int, default=0)
    a = parser.parse_args()
    base = f"http://{a.registry}/v2/{a.repository}"
    tag = a.digest.replace(":", "-") + ".sig"
    text = text_to_sign(a)
    signature = a.signature if a.signature is not None else base64.b64encode(sign(a.key, text)).decode()
    if a.spoil:
        text = text.replace(b"cosign", b"cosigN")
    layer = put_blob(base, a.layer_type, text)
    layer["annotations"] = {SIGNATURE: signature}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": put_blob(base, "application/vnd.oci.image.config.v1+json", b'{"rootfs":{"type":"layers","diff_ids":[]}}'),
        "layers": ([] if a.alone else layers_there(base, tag)) + [layer] * a.count,
    }
    ask("PUT", f"{base}/manifests/{tag}", json.dumps(manifest).encode(), Content_Type=MANIFEST)


main()
