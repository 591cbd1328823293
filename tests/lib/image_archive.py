#!/usr/bin/env python3
"""image_archive.py FORM OUTPUT [LAYER...]: an archive of images, as it is asked for, however wrong.

    FORM    docker      config, NAME/layer.tar, manifest.json (docker save before 25)
            both        an OCI layout with manifest.json (docker save since 25)
            oci         an OCI layout alone
    --name NAME         "a:1", any number of times
    --set FILE=TEXT     the document FILE has that text instead
    --drop FILE         FILE is left out
    --twice FILE        FILE comes twice
    --big FILE=BYTES    FILE is a JSON document of so many bytes
    --add FILE=TEXT     one more file
    --link FILE=TARGET  FILE is a symbolic link
    --lie N=FILE        layer N has the content of FILE, and its digests stay
    --many N            N more files
"""
import argparse
import hashlib
import io
import json
import tarfile


def hex_of(data):
    return hashlib.sha256(data).hexdigest()


def encode(value):
    return json.dumps(value).encode()


def descriptor(kind, data):
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": "sha256:" + hex_of(data), "size": len(data)}


def make(args, layers):
    config = encode({"architecture": args.arch, "os": "linux", "config": {"Cmd": ["/true"]},
                     "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hex_of(x) for x in layers]}})
    files = []
    shown = list(layers)
    for lie in args.lie:
        n, _, path = lie.partition("=")
        with open(path, "rb") as file:
            shown[int(n)] = file.read()
    if args.form == "docker":
        names = [f"{hex_of(x)[:12]}{i}/layer.tar" for i, x in enumerate(layers)]
        files += [(hex_of(config) + ".json", config)] + list(zip(names, shown))
        config_name = hex_of(config) + ".json"
    else:
        names = ["blobs/sha256/" + hex_of(x) for x in layers]
        manifest = encode({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                           "config": descriptor("config.v1+json", config),
                           "layers": [descriptor("layer.v1.tar", x) for x in layers]})
        config_name = "blobs/sha256/" + hex_of(config)
        files += list(zip(names, shown)) + [(config_name, config), ("blobs/sha256/" + hex_of(manifest), manifest)]
        entry = descriptor("manifest.v1+json", manifest)
        entries = [entry | {"annotations": {"io.containerd.image.name": name}} for name in args.name] or [entry]
        files += [("index.json", encode({"schemaVersion": 2, "manifests": entries})),
                  ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')]
    if args.form != "oci":
        files += [("manifest.json", encode([{"Config": config_name, "RepoTags": args.name or None, "Layers": names}])),
                  ("repositories", b"{}")]
    return files


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("form", choices=["docker", "both", "oci"])
    parser.add_argument("output")
    parser.add_argument("layers", nargs="*")
    parser.add_argument("--arch", default="amd64")
    parser.add_argument("--many", type=int, default=0)
    for option in "name", "set", "drop", "twice", "big", "add", "link", "lie":
        parser.add_argument("--" + option, action="append", default=[])
    args = parser.parse_args()
    layers = []
    for path in args.layers:
        with open(path, "rb") as file:
            layers.append(file.read())
    files = dict(make(args, layers))
    for text in args.set + args.add:
        name, _, value = text.partition("=")
        files[name] = value.encode()
    for text in args.big:
        name, _, size = text.partition("=")
        files[name] = b"[" + b" " * (int(size) - 2) + b"]"
    for name in args.drop:
        del files[name]
    listed = list(files.items()) + [(name, files[name]) for name in args.twice]
    with tarfile.open(args.output, "w") as archive:
        for text in args.link:
            name, _, target = text.partition("=")
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
        for name, data in listed + [(f"more/{i}", b"") for i in range(args.many)]:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


main()
