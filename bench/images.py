#!/usr/bin/env python3
"""images.py FOLDER PROGRAM: the images that bench/images.sh pulls, as OCI layouts below FOLDER.

    whole   490 MB in 4 layers with 34,000 files, as an image with a compiler has them
    many    one layer of 40,000 small files
    large   one layer of 490 MB in few files

Each has PROGRAM as /true. The same bytes each time, on each machine with the same zlib: what looks
random comes from a seed. Contents are words as texts have them and bytes as programs have them, so
that gzip makes about two fifths of it.
"""
import gzip
import hashlib
import json
import math
import multiprocessing
import os
import random
import sys
import tarfile

MB = 1000 * 1000
# Layers of each image: megabytes, files. What one file has is log-normal: many small, few large.
IMAGES = {
    "whole": [(75, 4500), (45, 3500), (170, 11000), (200, 15000)],
    "many": [(60, 40000)],
    "large": [(490, 60)],
}
FILES_A_FOLDER = 12
POOL = 16 * MB
TYPE = "application/vnd.oci.image."


def make_pool():
    """Contents to cut files from, longer than any window a compressor looks back over."""
    dice = random.Random("contents")
    letters = "etaoinshrdlcumwfgypbvk"
    words = ["".join(letters[int(len(letters) ** dice.random()) - 1]
                     for _ in range(2 + int(9 * dice.random()))) for _ in range(3000)]
    out, size = [], 0
    while size < POOL:
        if dice.random() < 0.5:
            piece = " ".join(words[int(3000 ** dice.random()) - 1] for _ in range(2000)).encode()
        else:
            piece = bytes(int(256 ** dice.random()) & 255 for _ in range(1500)) + dice.randbytes(100)
        out.append(piece)
        size += len(piece)
    return b"".join(out)


class Writer:
    """Compressed bytes into a file; the digests and lengths of both forms."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.plain, self.packed = hashlib.sha256(), hashlib.sha256()
        self.size = 0
        self.zip = gzip.GzipFile("", "wb", 6, self, 0)

    def write(self, data):  # what GzipFile writes
        self.packed.update(data)
        self.size += len(data)
        return self.file.write(data)

    def flush(self):
        self.file.flush()

    def add(self, data):
        self.plain.update(data)
        self.zip.write(data)

    def close(self):
        self.zip.close()
        self.file.close()


def header(name, kind, size=0, mode=0o644, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode, info.linkname, info.mtime = kind, size, mode, link, 1700000000
    return info.tobuf(tarfile.USTAR_FORMAT)


def sizes_of(dice, megabytes, files):
    spread = 2.0 if files > 100 else 0.5
    raw = [math.exp(spread * math.sqrt(-2 * math.log(1 - dice.random())) *
                    math.cos(2 * math.pi * dice.random())) for _ in range(files)]
    factor = megabytes * MB / sum(raw)
    return [int(size * factor) for size in raw]


def add_file(writer, dice, pool, name, size):
    writer.add(header(name, tarfile.REGTYPE, size, 0o755 if dice.random() < 0.1 else 0o644))
    left = size
    while left > 0:
        n = min(left, MB)
        start = int(dice.random() * (POOL - n))
        writer.add(pool[start:start + n])
        left -= n
    writer.add(bytes(-size % 512))


def make_layer(job):
    folder, image, number, megabytes, files, program = job
    dice = random.Random(f"{image} {number}")
    pool = make_pool()
    path = os.path.join(folder, f".{image}.{number}")
    writer = Writer(path)
    if number == 0:
        with open(program, "rb") as file:
            data = file.read()
        writer.add(header("true", tarfile.REGTYPE, len(data), 0o755) + data + bytes(-len(data) % 512))
    place = "usr"
    writer.add(header(place + "/", tarfile.DIRTYPE, 0, 0o755))
    places = [place]
    for i, size in enumerate(sizes_of(dice, megabytes, files)):
        if i % FILES_A_FOLDER == 0:
            above = places[int(dice.random() * len(places))]
            if above.count("/") > 5:
                above = "usr"
            place = f"{above}/l{number}-{i // FILES_A_FOLDER}"
            places.append(place)
            writer.add(header(place + "/", tarfile.DIRTYPE, 0, 0o755))
        if i % 25 == 24:
            writer.add(header(f"{place}/link-{i}", tarfile.SYMTYPE, 0, 0o777, f"file-{i - 1}.so"))
        else:
            add_file(writer, dice, pool, f"{place}/file-{i}.so", size)
    writer.add(bytes(10240))
    writer.close()
    return image, path, writer.size, writer.packed.hexdigest(), writer.plain.hexdigest()


def blob(layout, media, data):
    name = hashlib.sha256(data).hexdigest()
    with open(os.path.join(layout, "blobs/sha256", name), "wb") as file:
        file.write(data)
    return {"mediaType": TYPE + media, "digest": "sha256:" + name, "size": len(data)}


def write_json(layout, name, value):
    with open(os.path.join(layout, name), "w") as file:
        json.dump(value, file)


def finish(folder, image, layers):
    layout = os.path.join(folder, image)
    os.makedirs(os.path.join(layout, "blobs/sha256"))
    descriptors = []
    for _, path, size, packed, _ in layers:
        os.rename(path, os.path.join(layout, "blobs/sha256", packed))
        descriptors.append({"mediaType": TYPE + "layer.v1.tar+gzip", "digest": "sha256:" + packed,
                            "size": size})
    config = blob(layout, "config.v1+json", json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "amd64"),
        "os": "linux", "created": "2023-11-14T00:00:00Z", "config": {"Cmd": ["/true"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + layer[4] for layer in layers]},
        "history": [{"created": "2023-11-14T00:00:00Z", "created_by": "bench"} for _ in layers],
    }).encode())
    manifest = blob(layout, "manifest.v1+json", json.dumps({
        "schemaVersion": 2, "mediaType": TYPE + "manifest.v1+json", "config": config,
        "layers": descriptors}).encode())
    write_json(layout, "oci-layout", {"imageLayoutVersion": "1.0.0"})
    write_json(layout, "index.json", {"schemaVersion": 2, "manifests": [
        dict(manifest, annotations={"org.opencontainers.image.ref.name": "latest"})]})


def main():
    folder, program = sys.argv[1:]
    jobs = [(folder, image, number, megabytes, files, program)
            for image, layers in IMAGES.items() for number, (megabytes, files) in enumerate(layers)]
    jobs.sort(key=lambda job: -job[3])
    with multiprocessing.Pool(2) as workers:
        done = workers.map(make_layer, jobs, 1)
    for image, layers in IMAGES.items():
        mine = sorted((layer for layer in done if layer[0] == image), key=lambda layer: layer[1])
        assert len(mine) == len(layers)
        finish(folder, image, mine)


main()
