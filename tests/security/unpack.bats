# Archives that are out for harm, as layers: what each of them tries has broken an engine before. A
# canary beside the layer's folder, and the host's own files, stay as they are; nothing is left in
# the store; and each is over in bounded time, memory and disk.
load ../lib/common

setup()
{
    require_root
    require_command perl gzip
    SKIFF_IMAGE=${SKIFF_IMAGE:-$SKIFF_BUILD/skiff-image}
    [ -x "$SKIFF_IMAGE" ] || skip "$SKIFF_IMAGE is not built"
    cd "$BATS_TEST_TMPDIR" || return
    mkdir store outside
    echo untouched >outside/canary
    chmod 640 outside/canary
    out=$BATS_TEST_TMPDIR/outside
    before=$(snapshot)
}

snapshot()
{
    stat -c '%n %a %u %g %s %Y %Z %h' outside outside/canary /etc /etc/passwd /dev/null
}

teardown()
{
    [ -n "${before:-}" ] || return 0
    [ "$before" = "$(snapshot)" ] || told "something outside has changed: $(snapshot)"
    [ "$(cat outside/canary)" = untouched ]
    [ -z "$(find store -maxdepth 2 \( -name '.tmp-*' -o -name '.dead-*' \))" ]
}

mktar()
{
    perl "$SKIFF_SOURCE/tests/lib/mktar.pl" "$@"
}

import()
{
    timeout 120 "$SKIFF_IMAGE" import --root-fd 9 "$@" 9<store
}

# refused PATTERN ENTRY...: and nothing of it is in the store.
refused()
{
    local pattern=$1
    shift
    mktar "$@" >bad.tar
    refused_file "$pattern" bad.tar
}

refused_file()
{
    rm -rf store && mkdir store
    run_fails "$1" import "${@:2}"
    [ -z "$(ls store/layers)" ] || told "a layer is left"
    [ -z "$(ls store/images/blobs/sha256)" ] || told "a blob is left"
}

# contained ENTRY...: taken or refused, as long as it harms nobody (see teardown).
contained()
{
    rm -rf store && mkdir store
    mktar "$@" >bad.tar
    run import bad.tar
    [ "$status" -eq 0 ] || [ "$status" -gt 64 ] || told "neither taken nor refused: $*"
}

@test "CVE-2020-10696, 2021-29136, 2021-32760, 2025-47290: names, links and modes that lead out" {
    local up=../../../../../../../../../../../../../../..
    refused '"\.\." in a name' "name=$up$out/canary data=broken"
    refused '"\.\." in a name' "name=x pax.path=a/$up$out/canary data=broken"
    refused '"\.\." in a name' "type=1 name=h link=$up$out/canary"
    refused '"\.\." in a name' "type=1 name=h link=x pax.linkpath=$up$out/canary"
    refused '"\.\." in a name' "type=5 name=.. mode=777"
    refused '"\.\." in a name' "type=5 name=d/../.. mode=777"
    local link
    for link in "$out" "$up$out" "/proc/1/root$out" "/proc/self/root$out" "/proc/self/cwd/outside"; do
        contained "type=2 name=l link=$link" 'name=l/canary data=broken mode=777 uid=1'
        contained "type=2 name=l link=$link" 'type=5 name=l/ mode=777 uid=1'
        contained "type=2 name=l link=$link" 'type=5 name=l/canary mode=777' 'name=l/canary/x data=1'
        contained "type=2 name=l link=$link/canary" 'name=l data=broken mode=777'
        contained "type=2 name=l link=$link/canary" 'type=1 name=l link=l mode=777 uid=1'
        contained "type=2 name=l link=$link" 'type=1 name=h link=l/canary mode=777 uid=1' 'name=h data=broken'
        contained "type=2 name=l link=$link" 'name=l/.wh.canary'
        contained "type=2 name=l link=$link" 'name=l/.wh..wh..opq'
        contained "type=2 name=l link=$link" "type=3 name=l/node major=1 minor=1"
        contained "type=2 name=a link=b" "type=2 name=b link=$link" 'name=a/canary data=broken'
        contained "type=1 name=h link=$link/canary mode=777 uid=1"
    done
    refused 'root is not a folder' "type=2 name=. link=$out" 'name=canary data=broken'
    refused 'root is not a folder' "type=2 name=/ link=$out" 'name=canary data=broken'
    refused 'root is not a folder' "type=3 name=./ major=1 minor=1"
}

@test "CVE-2020-10696 and others: whiteouts that lead out" {
    refused 'whiteout' 'name=.wh..'
    refused 'whiteout' 'name=.wh...'
    refused 'whiteout' 'name=a/.wh...'
    refused '"\.\." in a name' 'name=a/../.wh.canary'
    refused 'whiteout' 'name=x pax.path=.wh..'
    contained 'name=.wh./canary' "name=.wh.$out"
    contained 'type=5 name=.wh.d mode=755' 'name=.wh.d/x data=1'
    contained "type=2 name=.wh.l link=$out"
}

@test "attributes that would steer an overlay, or what the host executes, are left out" {
    mktar 'type=5 name=d mode=755 pax.SCHILY.xattr.trusted.overlay.opaque=y pax.SCHILY.xattr.trusted.overlay.redirect=/etc' \
        'name=f data=1 pax.SCHILY.xattr.trusted.overlay.metacopy=x pax.SCHILY.xattr.user.overlay.whiteout=y pax.SCHILY.xattr.security.selinux=x pax.SCHILY.xattr.system.posix_acl_access=x pax.SCHILY.xattr.security.ima=x' >a.tar
    run_ok import a.tar
    require_command getfattr
    [ -z "$(getfattr -hR -m - store/layers/*/fs/d store/layers/*/fs/f 2>/dev/null)" ]
    # A capability that is none is refused, not half set.
    refused 'attribute' 'name=f data=1 pax.SCHILY.xattr.security.capability=x'
}

@test "devices of an image are not the host's while they lie in the store" {
    mktar 'type=4 name=disk major=254 minor=0 mode=666' 'type=3 name=mem major=1 minor=1 mode=4666' \
        'type=3 name=whiteout major=0 minor=0' 'type=6 name=fifo mode=666' >a.tar
    run_ok import a.tar
    [ "$(stat -c %a store/layers)" = 700 ]
    # A node over a node, a file over a FIFO: nothing is opened on the way.
    contained 'type=6 name=x' 'name=x data=1' 'type=3 name=y major=1 minor=1' 'name=y data=1'
    run_status 0 test -f "$(echo store/layers/*/fs)/x"
}

@test "sizes that lie, and numbers that overflow" {
    local n
    for n in 99999999999999999999 18446744073709551615 9223372036854775807 -1 0x10 1e9; do
        contained 'type=0 name=a data=1' "name=b data=1 pax.size=$n"
        contained "name=b data=1 pax.GNU.sparse.realsize=$n pax.GNU.sparse.major=1 pax.GNU.sparse.minor=0"
        contained "name=b data=1 pax.GNU.sparse.size=$n pax.GNU.sparse.map=0,1,$n,1"
        contained "name=b data=1 pax.GNU.sparse.size=9 pax.GNU.sparse.numblocks=$n pax.GNU.sparse.offset=$n pax.GNU.sparse.numbytes=$n"
        contained "name=b data=1 pax.mtime=$n pax.atime=$n pax.uid=$n pax.gid=$n"
        contained "type=3 name=b pax.SCHILY.devmajor=$n pax.SCHILY.devminor=$n"
    done
    refused '[Tt]runcated|range|cannot|too' 'name=a size=9223372036854775807'
    refused '[Tt]runcated|range|cannot|too' 'name=a size=4611686018427387904 data=1'
    refused 'arge' 'type=x name=p size=99999999999' 'name=a data=1'
    refused 'arge|[Tt]runcated' 'type=L name=p size=99999999999' 'name=a data=1'
    refused 'arge|[Tt]runcated' 'type=K name=p size=1099511627776' 'name=a data=1'
    # PAX records whose own length lies.
    for n in '0 path=x' '99999999999 path=x' '-5 path=x' '7 path' 'x path=y' '12 path=\x00abc'; do
        n=${n// /\\x20}
        contained "type=x name=p data=$n\\x0a" 'name=a data=1'
    done
    # A sparse map that goes backwards, overlaps, or has no end.
    contained 'name=b data=12 pax.GNU.sparse.size=20 pax.GNU.sparse.map=10,1,5,1'
    contained 'name=b data=12 pax.GNU.sparse.size=20 pax.GNU.sparse.map=0,10,5,10'
    contained 'name=b data=99999999\x0a0\x0a1\x0a pax.GNU.sparse.major=1 pax.GNU.sparse.minor=0 pax.GNU.sparse.realsize=5'
}

@test "CVE-2021-20291: cut anywhere, an archive is refused, and the store is free" {
    mktar 'type=5 name=d mode=755' 'name=d/a data=hello pax.SCHILY.xattr.user.x=y' 'type=1 name=h link=d/a' >whole.tar
    gzip <whole.tar >whole.gz
    local n size
    size=$(stat -c %s whole.gz)
    for ((n = 11; n < size; n += 7)); do
        head -c $n whole.gz >cut.gz
        refused_file 'gzip' cut.gz
    done
    for n in 513 700 1100 1700 2052; do
        head -c $n whole.tar >cut.tar
        refused_file '[Tt]runcated|cannot read' cut.tar
    done
    run_ok import whole.gz
}

@test "bombs: what unfolds without end, entries without end, folders in folders without end" {
    # Three gigabytes in three megabytes; the pieces of a disk are never written.
    head -c 64M /dev/zero | gzip -1 >piece
    for n in $(seq 48); do cat piece; done >bomb.gz
    SKIFF_LIMIT_BYTES=200000000 refused_file 'larger than 200000000 bytes' bomb.gz
    SKIFF_LIMIT_RATIO=100 refused_file 'more than 100 times its size' bomb.gz
    SKIFF_LIMIT_ENTRIES=5000 refused_file 'more than 5000 entries' - \
        < <(perl -e 'exec "perl", @ARGV, map { "name=f$_" } 1 .. 6000' "$SKIFF_SOURCE/tests/lib/mktar.pl")
    local deep
    deep=$(printf 'd/%.0s' $(seq 2000))
    mktar "name=x pax.path=${deep}file data=1" >deep.tar
    run_ok import deep.tar # 4,000 bytes of a name: allowed, and removed again
    SKIFF_LIMIT_ENTRIES=1000 refused_file 'more than 1000 entries' - \
        < <(mktar "name=x pax.path=${deep}file data=1" "name=x pax.path=e/${deep}file data=1")
    refused 'longer than 4095 bytes' "name=x pax.path=${deep}${deep}file data=1"
    # A link for each entry to the file before it, and a file that is said to be an exabyte.
    refused 'cannot' 'name=x data=1 pax.GNU.sparse.size=9000000000000000000 pax.GNU.sparse.map=0,1'
}

@test "a layer's special bits and owners are not the host's while it is unpacked" {
    mktar 'name=su data=x mode=6755' 'type=5 name=d mode=2777 gid=5' 'name=d/in data=1' >a.tar
    run_ok import a.tar
    local layer
    layer=$(echo store/layers/*/fs)
    [ "$(stat -c '%a %g' "$layer/su" "$layer/d" "$layer/d/in" | tr '\n' ' ')" = '6755 0 2777 5 644 0 ' ]
}
