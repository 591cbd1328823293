#!/usr/bin/env python3
# tree_facts.py FOLDER: a line for each file below it: name, type, mode, owner, size or device, time to
# the nanosecond, number of names and the first of them, target, attributes, SHA-256 of the content.
import hashlib
import os
import stat
import sys


def attributes(path):
    # What steers an overlay, or is the machine's own.
    private = (b"trusted.overlay.", b"user.overlay.", b"security.selinux")
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return [
        (n, os.getxattr(path, n, follow_symlinks=False))
        for n in names
        if not os.fsencode(n).startswith(private)
    ]


def content(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            h.update(block)
    return h.hexdigest()[:16]


def facts(path, first):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    line = [
        f"{st.st_mode:o}",
        f"{st.st_uid}:{st.st_gid}",
        f"{st.st_mtime_ns}",
    ]
    if kind == stat.S_IFREG:
        line += [f"{st.st_size}", content(path)]
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        line += [f"{os.major(st.st_rdev)}.{os.minor(st.st_rdev)}"]
    if kind == stat.S_IFLNK:
        line += [repr(os.readlink(path))]
    if kind != stat.S_IFDIR:
        line += [f"{st.st_nlink} {first.setdefault(st.st_ino, path)!r}"]
    if kind in (stat.S_IFREG, stat.S_IFDIR):
        line += [f"{n}={v.hex()}" for n, v in attributes(path)]
    return line


os.chdir(os.fsencode(sys.argv[1]))
found, first = [b"."], {}
for folder, folders, files in os.walk(b"."):
    found += [os.path.join(folder, n) for n in folders + files]
for path in sorted(found):
    print(repr(path)[1:], *facts(path, first))
