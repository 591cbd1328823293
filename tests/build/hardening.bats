# The flags that the compiler was given are in what came out.
load ../lib/common

setup_file()
{
    export installed=$BATS_FILE_TMPDIR/root
    make -s -C "$SKIFF_SOURCE" install DESTDIR="$installed" MAKEFLAGS=
}

# The installed programs, one a line.
programs()
{
    find "$installed" -type f -name 'skiff*' -perm -u+x | grep .
}

@test "every program is position independent" {
    for program in $(programs); do
        run_ok readelf -hW "$program"
        output_has 'Type: +DYN'
    done
}

@test "every program's relocations are done at start and read-only after" {
    for program in $(programs); do
        run_ok readelf -lWd "$program"
        output_has 'GNU_RELRO'
        output_has 'BIND_NOW|Flags: .*NOW'
    done
}

@test "no program has memory that is written and executed" {
    for program in $(programs); do
        run readelf -lW "$program"
        output_has 'GNU_STACK .* RW  '
        output_lacks 'LOAD .* RWE '
    done
}

@test "skiff and skiff-oci are static, and carry no debugging information when installed" {
    for program in $(programs | grep -E '/(skiff|skiff-oci)$'); do
        run readelf -lWS "$program"
        output_lacks 'INTERP'
        output_lacks '\.debug_info'
    done
}

@test "stack protector and FORTIFY are in the code" {
    for program in skiff skiff-oci; do
        run_ok nm "$SKIFF_BUILD/$program"
        output_has '__stack_chk_fail'
        output_has '_chk'
    done
}

@test "every object of ours is marked for control-flow enforcement" {
    [ "$(uname -m)" = x86_64 ] || skip "x86 only"
    count=0
    for object in $(find "$SKIFF_BUILD/src" -name '*.o'); do
        run readelf -nW "$object"
        output_has 'x86 feature: IBT, SHSTK'
        count=$((count + 1))
    done
    [ "$count" -gt 10 ]
}

@test "the installed programs together are at most 4 MiB" {
    total=0
    for program in $(programs); do
        size=$(stat -c %s "$program")
        echo "$size $program"
        total=$((total + size))
    done
    echo "$total bytes"
    [ "$total" -le 4194304 ]
}

@test "skiff-image loads no library for formats that it does not read" {
    [ -e "$("${CC:-cc}" -print-file-name=libarchive.a)" ] || skip "there is no static libarchive"
    run_ok ldd "$SKIFF_BUILD/skiff-image"
    output_lacks 'libxml2|libicu|libnettle|libarchive'
}
