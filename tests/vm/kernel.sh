#!/bin/bash
# kernel.sh: fetch Debian's cloud kernel (cgroup v2 only, everything a container needs as modules)
# into .cache/vm/ without installing it, and print the folder that holds boot/ and lib/modules/.
# What is there already is used as it is, so a second run needs no network.
set -eu
cache=$(cd "$(dirname "$0")/../.." && pwd)/.cache/vm
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9

kernel_folder()
{
    find "$cache" -maxdepth 1 -type d -name 'linux-image-*' | sort -V | tail -n 1
}

folder=$(kernel_folder)
if [ -z "$folder" ]; then
    command -v apt-get >/dev/null || {
        echo "kernel.sh: no apt-get here to fetch Debian's kernel with" >&2
        exit 1
    }
    versioned()
    {
        apt-cache depends linux-image-cloud-amd64 2>/dev/null |
            sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
    }
    fetch()
    {
        local package
        package=$(versioned)
        [ -n "$package" ] && (cd "$cache" && apt-get download -qq "$package" >&2)
    }
    fetch || { [ "$(id -u)" -eq 0 ] && apt-get update -qq >&2 && fetch; }
    deb=$(find "$cache" -name 'linux-image-*.deb' | sort -V | tail -n 1)
    rm -rf "$cache/unpacking"
    dpkg-deb -x "$deb" "$cache/unpacking"
    folder=$cache/$(basename "${deb%%_*}")
    mv "$cache/unpacking" "$folder"
    rm -f "$deb"
fi
echo "$folder"
