#!/bin/sh
# install-man.sh SKIFF FOLDER: what `meson install` runs: the manual pages, below DESTDIR.
set -eu
exec "$(dirname "$0")/man.sh" "${DESTDIR:-}$2" "$1"
