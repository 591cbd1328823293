#!/usr/bin/env python3
"""oci_image.py LAYOUT TAG [--platform OS/ARCH[/VARIANT]] [--config JSON] [--add] [LAYER...]:
writes an image into the OCI layout LAYOUT and prints its manifest's digest. The same arguments make the
same image.

    LAYER        [gzip:|zstd:|plain:]FILE, an archive as tar makes it, lowest first; gzip: if none is said
    --config     what is in "config" of the configuration: {"Cmd": ["sh"]}
    --add        the tag is an index of many platforms, and this is one more of them
"""
import argparse
import gzip
import hashlib
import json
import os
import platform
import subprocess

REF = "org.opencontainers.image.ref.name"
TYPES = {
    "manifest": "application/vnd.oci.image.manifest.v1+json",
    "index": "application/vnd.oci.image.index.v1+json",
    "config": "application/vnd.oci.image.config.v1+json",
    "plain": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def encode(value):
    return json.dumps(value).encode()


def put(layout, kind, data):
    folder = os.path.join(layout, "blobs/sha256")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, digest(data)[7:]), "wb") as file:
        file.write(data)
    return {"mediaType": kind, "digest": digest(data), "size": len(data)}


def compress(how, data):
    if how == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout
    return data


def put_layer(layout, word):
    """The layer's descriptor, and its diff ID."""
    how, colon, path = word.partition(":")
    if not colon or how not in TYPES:
        how, path = "gzip", word
    with open(path, "rb") as file:
        data = file.read()
    return put(layout, TYPES[how], compress(how, data)), digest(data)


def put_image(layout, where, config, layers):
    written = [put_layer(layout, layer) for layer in layers]
    parts = dict(zip(("os", "architecture", "variant"), where.split("/")))
    configuration = dict(parts, created="2024-01-02T03:04:05Z", config=config,
                         rootfs={"type": "layers", "diff_ids": [diff for _, diff in written]},
                         history=[{"created_by": f"layer {i}"} for i in range(len(written))])
    manifest = {
        "schemaVersion": 2, "mediaType": TYPES["manifest"],
        "config": put(layout, TYPES["config"], encode(configuration)),
        "layers": [descriptor for descriptor, _ in written],
    }
    return dict(put(layout, TYPES["manifest"], encode(manifest)), platform=parts)


def read_index(layout):
    try:
        with open(os.path.join(layout, "index.json")) as file:
            return json.load(file)
    except FileNotFoundError:
        os.makedirs(layout, exist_ok=True)
        with open(os.path.join(layout, "oci-layout"), "w") as file:
            json.dump({"imageLayoutVersion": "1.0.0"}, file)
        return {"schemaVersion": 2, "manifests": []}


def add_to_index(layout, old, entry):
    members = []
    if old:
        with open(os.path.join(layout, "blobs/sha256", old["digest"][7:])) as file:
            members = json.load(file)["manifests"]
    return put(layout, TYPES["index"], encode(
        {"schemaVersion": 2, "mediaType": TYPES["index"], "manifests": members + [entry]}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("layout")
    parser.add_argument("tag")
    here = platform.machine()
    parser.add_argument("--platform", default="linux/" + ARCHITECTURES.get(here, here))
    parser.add_argument("--config", type=json.loads, default={"Cmd": ["sh"]})
    parser.add_argument("--add", action="store_true")
    parser.add_argument("layer", nargs="*")
    a = parser.parse_intermixed_args()
    index = read_index(a.layout)
    old = [m for m in index["manifests"] if m["annotations"][REF] == a.tag]
    entry = put_image(a.layout, a.platform, a.config, a.layer)
    print(entry["digest"])
    if a.add:
        entry = add_to_index(a.layout, old[0] if old else None, entry)
    index["manifests"] = [m for m in index["manifests"] if m not in old]
    index["manifests"].append(dict(entry, annotations={REF: a.tag}))
    with open(os.path.join(a.layout, "index.json"), "w") as file:
        json.dump(index, file)


main()
