# The house: scripts/floors.sh refuses what goes up or sideways.
load ../lib/common

# spoiled ROOM LINE: a tree with one file in ROOM that holds LINE.
spoiled()
{
    local tree=$BATS_TEST_TMPDIR/tree
    rm -rf "$tree"
    mkdir -p "$tree/$1"
    printf '%s\n' "$2" >"$tree/$1/file.c"
    "$SKIFF_SOURCE/scripts/floors.sh" "$tree"
}

@test "the project keeps its own floors" {
    run_ok "$SKIFF_SOURCE/scripts/floors.sh"
    output_is ''
}

@test "a room may include from the floors below it" {
    run_ok spoiled engine '#include "image/image.h"'
    run_ok spoiled oci '#include "runtime/spec.h"'
    run_ok spoiled kernel '#include "base/err.h"'
    run_ok spoiled base '#include <stdio.h>'
}

@test "a room may not include upwards, nor from its neighbours" {
    while read -r room header; do
        run_fails "$room must not know ${header%%/*}" spoiled "$room" "#  include \"$header\""
    done <<'END'
base kernel/mount.h
kernel runtime/spec.h
runtime image/image.h
runtime network/network.h
network runtime/spec.h
image network/network.h
image engine/engine.h
engine cli/cli.h
oci engine/engine.h
oci image/image.h
cli oci/oci.h
END
}

@test "an include without a room, and an unknown room, are refused" {
    run_fails 'names no room' spoiled base '#include "err.h"'
    run_fails 'no floor is known' spoiled cellar ''
}
