#!/bin/sh
# setup.sh FOLDER FLAG...: make a meson build folder, or do nothing when it is made with these flags.
set -eu
folder=$1
shift
stamp=$folder/.setup-flags
if [ -f "$folder/build.ninja" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$*" ]; then
    exit 0
fi
command -v meson >/dev/null || {
    echo "setup: meson is missing; \`make deps\` installs what building needs" >&2
    exit 1
}
[ ! -t 2 ] || echo "setup: meson looks at what this machine has" >&2
if [ -f "$folder/build.ninja" ]; then
    meson setup --reconfigure "$folder" "$@" >"$folder/setup.log" 2>&1 || {
        tail -n 12 "$folder/setup.log" >&2
        exit 1
    }
else
    rm -rf "$folder"
    mkdir -p "$folder"
    meson setup "$folder" "$@" >"$folder/setup.log" 2>&1 || {
        tail -n 12 "$folder/setup.log" >&2
        rm -rf "$folder"
        exit 1
    }
fi
printf '%s' "$*" >"$stamp"
