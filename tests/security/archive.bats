# Archives of images that are out for harm: what is around the layers. (The layers themselves:
# unpack.bats.) Nothing outside changes, nothing is left in the store, and each is over in bounded time
# and memory.
load ../lib/common

setup()
{
    require_root
    skiff_setup
    cd "$BATS_TEST_TMPDIR" || return
    mkdir outside tree
    echo untouched >outside/canary
    echo file >tree/file
    tar -C tree --owner=0 --group=0 --mtime=@0 -cf layer.tar file
    before=$(snapshot)
}

snapshot()
{
    stat -c '%n %a %u %g %s %Y %Z %h' outside outside/canary /etc /etc/passwd /dev/null
}

teardown()
{
    [ "$before" = "$(snapshot)" ] || told "something outside has changed: $(snapshot)"
    skiff_teardown
}

archive()
{
    "$SKIFF_SOURCE/tests/lib/image_archive.py" "$@"
}

mktar()
{
    perl "$SKIFF_SOURCE/tests/lib/mktar.pl" "$@"
}

# Nothing of any image is in the store, and it is in order.
is_empty()
{
    local left
    left=$(find "$SKIFF_ROOT/layers" "$SKIFF_ROOT/images/blobs" -mindepth 1 -name '[.0-9a-f]*' ! -name sha256 2>/dev/null)
    [ -z "$left" ] || told "left in the store: $left"
    [ -z "$(skiff images -aq)" ]
    run_ok skiff system check --images images
}

# refused PATTERN FILE: from the file and through a pipe.
refused()
{
    run_fails "$1" timeout 60 "$SKIFF" load -i "$2"
    is_empty
    run_fails "$1" timeout 60 bash -c "cat '$2' | '$SKIFF' load"
    is_empty
}

@test "names that lead out, and links that do" {
    mktar 'name=../outside/canary data=x' >bad.tar
    refused 'outside of it' bad.tar
    mktar 'name=a/../../outside/canary data=x' >bad.tar
    refused 'outside of it' bad.tar
    local out=$PWD/outside/canary
    archive docker bad.tar layer.tar --name a:1 --set "manifest.json=[{\"Config\":\"link\",\"RepoTags\":[\"a:1\"],\"Layers\":[]}]" \
        --link "link=$out"
    refused '"link", an image.s config, is not in the archive' bad.tar
    archive docker bad.tar layer.tar --name a:1 --set "manifest.json=[{\"Config\":\"$out\",\"RepoTags\":[\"a:1\"],\"Layers\":[]}]"
    refused 'is not in the archive' bad.tar
    archive docker bad.tar layer.tar --link a=b --link b=a --set 'manifest.json=[{"Config":"a","Layers":[]}]'
    refused 'is not in the archive' bad.tar
    archive docker bad.tar layer.tar --drop manifest.json --link "manifest.json=$out"
    refused 'is no archive of images' bad.tar
    # Absolute names are names in the archive like others.
    mktar "name=/etc/passwd data=x" >bad.tar
    refused 'is no archive of images' bad.tar
}

@test "documents that say what is not so" {
    local text
    for text in '{' '{}' '[]' '[1]' '[{"Config":1}]' '[{"Config":"c","Layers":1}]' 'null' '"x"' \
        '[{"Config":"x","RepoTags":["a b"],"Layers":[]}]' '[{"Config":"x","RepoTags":[1],"Layers":[]}]' \
        '[{"Config":"manifest.json","Layers":[]}]' '[{"Config":"repositories","Layers":["a"]}]'; do
        archive docker bad.tar layer.tar --name a:1 --set "manifest.json=$text"
        refused '^skiff: ' bad.tar
    done
    for text in '{' '[]' '{"manifests":1}' '{"manifests":[1]}' '{"manifests":[{"digest":"sha256:../../x"}]}' \
        '{"manifests":[]}' '{"manifests":[{"digest":"sha256:1111111111111111111111111111111111111111111111111111111111111111"}]}'; do
        archive oci bad.tar layer.tar --set "index.json=$text"
        refused '^skiff: ' bad.tar
    done
}

@test "manifest.json that names a file twice, or one that is no layer" {
    archive docker good.tar layer.tar
    local config
    config=$(tar -tf good.tar | grep '[0-9a-f]\.json$')
    archive docker bad.tar layer.tar --set "manifest.json=[{\"Config\":\"$config\",\"Layers\":[\"$config\"]}]"
    refused 'layer|unpack' bad.tar
    archive docker bad.tar layer.tar --set "manifest.json=[{\"Config\":\"$config\",\"Layers\":[\"x\",\"x\"]}]"
    refused 'diff IDs' bad.tar
    archive docker bad.tar layer.tar --twice manifest.json
    refused 'two files with the name' bad.tar
}

@test "layers, configs and manifests that are not what their digests say" {
    echo other >tree/file
    tar -C tree --owner=0 --group=0 --mtime=@0 -cf other.tar file
    local form name
    for form in docker both oci; do
        archive "$form" bad.tar layer.tar --name a:1 --lie 0=other.tar
        refused 'unpacks to|not what its digest says' bad.tar
        head -c 600 /dev/urandom >noise
        archive "$form" bad.tar layer.tar --name a:1 --lie 0=noise
        refused '^skiff: ' bad.tar
    done
    archive oci good.tar layer.tar
    for name in $(tar -tf good.tar | grep blobs); do
        archive oci bad.tar layer.tar --set "$name={\"schemaVersion\":2}"
        refused '^skiff: ' bad.tar
    done
    # What the store has under a name that lies is not taken for it.
    archive both first.tar layer.tar --name first:1
    skiff load -q -i first.tar
    archive docker second.tar other.tar --name second:1
    name=$(tar -tf second.tar | grep layer.tar)
    archive docker bad.tar other.tar --name second:1 --drop "$name" --set "$(sha256sum layer.tar | cut -c 1-64)=x"
    run_fails 'is not in the archive' skiff load -i bad.tar
    skiff rmi first:1 >/dev/null
    is_empty
}

@test "100 MB of JSON" {
    archive docker bad.tar layer.tar --big manifest.json=104857600
    refused 'manifest.json' bad.tar
    archive oci bad.tar layer.tar --big index.json=104857600
    refused 'index.json' bad.tar
    local options=() i
    for ((i = 0; i < 30; i++)); do options+=(--big "$i.json=4000000"); done
    archive docker bad.tar layer.tar --name a:1 "${options[@]}"
    run_fails 'bytes of documents' bash -c "cat bad.tar | '$SKIFF' load"
    is_empty
}

@test "entries without end, and headers that are too large" {
    archive docker bad.tar layer.tar --many 100100
    refused 'more than 100000 files' bad.tar
    mktar 'name=x size=9000000000000000000 end=none' >bad.tar
    refused 'has a file of' bad.tar
    mktar "type=L name=x size=2000000 end=none" >bad.tar
    refused 'has a header of 2000000 bytes' bad.tar
    run_fails 'is empty' timeout 20 "$SKIFF" load -i /dev/null
    run_fails 'no archive|is no tar|is empty' timeout 20 bash -c "head -c 100M /dev/zero | '$SKIFF' load"
    run_fails 'no tar archive' timeout 20 bash -c "head -c 10M /dev/urandom | '$SKIFF' load"
    is_empty
}

@test "cut off at many places, plain and compressed" {
    archive both whole.tar layer.tar --name a:1
    gzip -k whole.tar
    local size at file
    for file in whole.tar whole.tar.gz; do
        size=$(stat -c %s "$file")
        # tar fills up with zeros: what is cut off there is missed by nobody.
        [ "$file" = whole.tar.gz ] || size=$(($(tar -tvRf whole.tar | grep -o 'block [0-9]*' | tail -n 1 | cut -d' ' -f 2) * 512))
        for at in 1 511 512 513 $(shuf -i 1-$((size - 1)) -n 8 --random-source=<(yes)); do
            head -c "$at" "$file" >bad.tar
            refused '^skiff: ' bad.tar
        done
    done
}

@test "bytes that are changed at many places" {
    archive both whole.tar layer.tar --name a:1
    local at
    for at in $(shuf -i 0-9000 -n 20 --random-source=<(yes)); do
        cp whole.tar bad.tar
        printf '\xff' | dd of=bad.tar bs=1 seek="$at" conv=notrunc status=none
        # In padding, or in a field that nobody reads, it changes nothing.
        timeout 60 "$SKIFF" load -q -i bad.tar >/dev/null 2>&1 || is_empty
        skiff images -aq | sort -u | xargs -r "$SKIFF" rmi -f >/dev/null
        is_empty
    done
}

@test "a compressed archive of which little becomes very much" {
    mktar 'name=bomb size=8000000000 end=none' >begin
    run_fails '^skiff: ' timeout 120 env SKIFF_LIMIT_RATIO=100 bash -c "{ cat begin; head -c 4G /dev/zero; } | gzip -1 | '$SKIFF' load"
    is_empty
}

@test "killed in the middle, at many moments: the store is in order, and the next load finishes" {
    head -c 30M /dev/urandom >tree/large
    tar -C tree --owner=0 --group=0 --mtime=@0 -cf layer.tar file large
    archive both whole.tar layer.tar --name a:1
    local i pid
    for i in 1 2 3 4 5 6 7 8; do
        "$SKIFF" load -q -i whole.tar >/dev/null 2>&1 3>&- &
        pid=$!
        sleep "0.0$i"
        kill -KILL "$pid" || true # it may have done its work
        wait "$pid" || true
        skiff rmi -f a:1 >/dev/null 2>&1 || true
        skiff system check --repair >/dev/null 2>&1 || true
        run_ok skiff system check --images images
    done
    run_ok skiff load -i whole.tar
    skiff rmi a:1 >/dev/null
    is_empty
}

@test "a disk that is full" {
    head -c 20M /dev/urandom >tree/large
    tar -C tree --owner=0 --group=0 --mtime=@0 -cf layer.tar file large
    archive both whole.tar layer.tar --name a:1
    archive both small.tar layer.tar --name a:1
    mkdir disk
    mount -t tmpfs -o size=16M tmpfs disk
    local root=$SKIFF_ROOT
    SKIFF_ROOT=$PWD/disk/root run_fails 'no space left' skiff load -i whole.tar
    SKIFF_ROOT=$PWD/disk/root run_fails 'no space left' bash -c "cat whole.tar | '$SKIFF' load"
    SKIFF_ROOT=$PWD/disk/root run_ok skiff system check --images images
    local left
    left=$(find disk/root/layers disk/root/images -name '.tmp-*' -o -name '.dead-*')
    skiff load -q -i whole.tar
    run_fails 'no space left' skiff save -o disk/saved a:1
    [ ! -e disk/saved ]
    umount disk
    [ -z "$left" ] || told "left: $left"
    skiff rmi a:1 >/dev/null
    [ "$SKIFF_ROOT" = "$root" ]
    is_empty
}
