#!/bin/sh
# floors.sh [FOLDER]: a room under src/ (or FOLDER) includes only from the floors below it. Prints
# each include that goes up or sideways and fails if there is one. docs/architecture.md says why.
set -eu
folder=${1:-$(dirname "$0")/../src}
cd "$folder"
find . -name '*.[ch]' | sort | xargs -r awk '
    BEGIN {
        # What each room may include besides itself.
        below["base"] = ""
        below["kernel"] = "base"
        below["runtime"] = below["network"] = below["image"] = "base kernel"
        below["engine"] = "base kernel runtime network image"
        below["cli"] = "base kernel runtime network image engine"
        below["oci"] = "base kernel runtime"
        below["init"] = ""
    }
    FNR == 1 {
        split(FILENAME, part, "/")
        room = part[2]
        if (!(room in below)) {
            printf "%s: no floor is known for the room \"%s\"\n", FILENAME, room
            bad = 1
        }
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, quoted, "\"")
        if (split(quoted[2], path, "/") < 2) {
            printf "%s:%d: include \"%s\" names no room\n", FILENAME, FNR, quoted[2]
            bad = 1
        } else if (path[1] != room && index(" " below[room] " ", " " path[1] " ") == 0) {
            printf "%s:%d: %s must not know %s (\"%s\")\n", FILENAME, FNR, room, path[1], quoted[2]
            bad = 1
        }
    }
    END { exit bad }'
