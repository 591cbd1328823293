"""Images with something wrong in them, for hostile_registry.py: image_of(FAULT) gives one.

Every digest is right where the fault is not a digest: who checks only those believes all of it.
"""
import gzip
import hashlib
import io
import json
import random
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DEPTH = 100000


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Image:
    """Blobs and manifests by digest, and what the tag is."""

    def __init__(self):
        self.blobs = {}
        self.manifests = {}  # digest: (media type, bytes)
        self.tag = None

    def blob(self, kind, data):
        self.blobs[sha256(data)] = data
        return {"mediaType": kind, "digest": sha256(data), "size": len(data)}

    def manifest(self, kind, data):
        self.manifests[sha256(data)] = (kind, data)
        self.tag = sha256(data)
        return {"mediaType": kind, "digest": self.tag, "size": len(data)}


def archive(name, content):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


NOISE = archive("noise", random.Random("noise").randbytes(2 << 20))
PACKED = gzip.compress(NOISE, 1, mtime=0)


def document(image, diff_ids):
    return image.blob(CONFIG, json.dumps({
        "os": "linux", "architecture": "amd64", "config": {"Cmd": ["/none"]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())


def parts(image):
    """A manifest as it should be, of one layer of 2 MB that does not compress, to be spoilt."""
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": document(image, [sha256(NOISE)]),
            "layers": [image.blob(LAYER, PACKED)]}


def index_of(image, members):
    return image.manifest(INDEX, json.dumps(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": members}).encode())


def chain(image, length):
    """Indexes of indexes."""
    member = image.manifest(MANIFEST, json.dumps(parts(image)).encode())
    for _ in range(length):
        member = index_of(image, [dict(member, platform={"os": "linux", "architecture": "amd64"})])


def circle(image):
    """Digests cannot make one; a registry that lies about them can. Each index names itself."""
    digest = "sha256:" + "c" * 64
    index_of(image, [{"mediaType": INDEX, "digest": digest, "size": 0,
                      "platform": {"os": "linux", "architecture": "amd64"}}])
    kind, data = image.manifests[image.tag]
    data = data.replace(b'"size": 0', b'"size": %d' % (len(data) + len(str(len(data))) - 1))
    image.manifests = {digest: (kind, data)}
    image.tag = digest


def spoil(fault, image, m):
    """Changes the parts of a manifest; or returns its bytes."""
    layer, hexadecimal = m["layers"][0], m["layers"][0]["digest"][7:]
    changes = {
        "digest-path": lambda: layer.update(digest="sha256:../../../../../../etc/passwd"),
        "digest-dots": lambda: layer.update(digest="sha256:.."),
        "digest-upper": lambda: layer.update(digest="sha256:" + hexadecimal.upper()),
        "digest-short": lambda: layer.update(digest="sha256:" + hexadecimal[:63]),
        "digest-long": lambda: layer.update(digest="sha256:" + hexadecimal + "/../x"),
        "digest-nul": lambda: layer.update(digest="sha256:" + hexadecimal + "\0x"),
        "digest-empty": lambda: layer.update(digest=""),
        "digest-number": lambda: layer.update(digest=7),
        "digest-md5": lambda: layer.update(digest="md5:" + "0" * 32),
        "config-path": lambda: m["config"].update(digest="sha256:../../../../../../etc/passwd"),
        "both": lambda: m.update(manifests=[dict(layer, mediaType=MANIFEST)]),
        "no-config": lambda: m.pop("config"),
        "no-layers": lambda: m.pop("layers"),
        "layers-object": lambda: m.update(layers={"0": layer}),
        "size-negative": lambda: layer.update(size=-1),
        "size-text": lambda: layer.update(size="2000000"),
        "size-less": lambda: layer.update(size=layer["size"] - 1000),
        "size-more": lambda: layer.update(size=layer["size"] + 1000),
        "size-huge": lambda: layer.update(size=1 << 62),
        "config-huge": lambda: m["config"].update(size=1 << 40),
        "config-size": lambda: m["config"].update(size=m["config"]["size"] + 1),
        "config-more": lambda: m.update(config=document(image, [sha256(NOISE)] * 3)),
        "config-fewer": lambda: m.update(config=document(image, [])),
        "config-other": lambda: m.update(config=document(image, [sha256(b"other")])),
        "config-html": lambda: m.update(config=image.blob(CONFIG, b"<html><body>sorry</body></html>")),
        "config-array": lambda: m.update(config=image.blob(CONFIG, b"[]")),
        "layer-twice": lambda: m.update(
            layers=[layer, layer], config=document(image, [sha256(NOISE), sha256(b"other")])),
        "many-layers": lambda: m.update(layers=[layer] * 10000),
        "layer-two-ways": lambda: m.update(
            layers=[layer, layer], config=document(image, [sha256(NOISE), sha256(b"other")])),
        "layer-unknown": lambda: layer.update(mediaType="application/x-unknown"),
        "layer-crypt": lambda: m["layers"].__setitem__(0, image.blob(
            LAYER + "+encrypted", random.Random("key").randbytes(100000))),
        "layer-foreign": lambda: layer.update(
            mediaType="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            urls=["file:///etc/passwd", "http://127.0.0.1:1/x"]),
        "layer-html": lambda: m["layers"].__setitem__(0, image.blob(LAYER, b"<html>no</html>" * 99)),
        "layer-cut": lambda: m["layers"].__setitem__(0, image.blob(LAYER, PACKED[:-1000])),
        "layer-tail": lambda: m["layers"].__setitem__(0, image.blob(LAYER, PACKED + b"tail" * 999)),
        "type-bare": lambda: m.pop("mediaType"),
        "schema-1": lambda: m.update(schemaVersion=1),
        "schema-text": lambda: m.update(schemaVersion="2"),
        "artifact": lambda: m["config"].update(mediaType="application/vnd.oci.empty.v1+json"),
    }
    if fault in changes:
        changes[fault]()
    text = json.dumps(m)
    whole = {
        "deep": '{"schemaVersion": 2, "layers": ' + "[" * DEPTH + "]" * DEPTH + "}",
        "heavy": '{"schemaVersion": 2, "layers": [' + "{}," * 1300000 + "{}]}",
        "duplicate": text[:-1] + ', "layers": []}',
        "nonsense": '{"schemaVersion": 2, "config": ',
        "empty": "",
        "array": "[]",
        "null": "null",
        "odd-bytes": text[:-1] + ', "x": "\xff\xfe"}',
        "trailing": text + " and more",
    }
    return whole.get(fault, text).encode("latin-1")


def sha512_layer(image, m):
    """What the specification allows and hardly anybody has."""
    digest = "sha512:" + hashlib.sha512(PACKED).hexdigest()
    image.blobs[digest] = PACKED
    m["layers"][0]["digest"] = digest


def image_of(fault):
    image = Image()
    if fault == "index-chain":
        chain(image, 50)
    elif fault == "index-circle":
        circle(image)
    elif fault == "index-many":
        member = image.manifest(MANIFEST, json.dumps(parts(image)).encode())
        index_of(image, [dict(member, platform={"os": "plan9", "architecture": f"cpu{i}"})
                         for i in range(8000)])
    elif fault == "index-empty":
        index_of(image, [])
    elif fault == "index-path":
        index_of(image, [{"mediaType": MANIFEST, "digest": "sha256:../../../etc/passwd", "size": 10,
                          "platform": {"os": "linux", "architecture": "amd64"}}])
    elif fault == "index-both":
        m = parts(image)
        member = image.manifest(MANIFEST, json.dumps(m).encode())
        both = dict(m, mediaType=INDEX,
                    manifests=[dict(member, platform={"os": "linux", "architecture": "amd64"})])
        image.manifest(INDEX, json.dumps(both).encode())
    else:
        m = parts(image)
        if fault == "digest-sha512":
            sha512_layer(image, m)
        image.manifest(MANIFEST, spoil(fault, image, m))
    return image
