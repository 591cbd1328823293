#!/usr/bin/env bats
# Whatever of a pull is killed, whenever, and wherever the disk is full: the store stays whole, and the next
# pull finishes.
load ../lib/common
load ../lib/registry
# shellcheck disable=SC2154 # common.bash sets skiff_folder

setup_file()
{
    require_root
    require_command skopeo jq python3
    skiff_setup
    registry_settings
    registry_begin plain
    export PLAIN layout=$skiff_folder/layout
    PLAIN=$(registry plain)
    oci_image "$layout" four "$(rootfs_busybox)" "$(layer_of_noise 4000000 1)" "zstd:$(layer_of_noise 4000000 2)" \
        "plain:$(many_files)" >/dev/null
    put_image "$layout" four plain lib/four
    oci_image "$layout" three "$(rootfs_busybox)" "$(layer_of_noise 4000000 1)" "$(layer_of other 1)" >/dev/null
    put_image "$layout" three plain lib/three
}

teardown_file()
{
    registry_end
    skiff_teardown
}

teardown()
{
    [ -z "${full:-}" ] || umount -l "$full"
    remove_images
}

many_files()
{
    local folder=$skiff_folder/many i
    mkdir -p "$folder"
    for ((i = 0; i < 1500; i++)); do
        [ $((i % 50)) -ne 0 ] || mkdir "$folder/$((i / 50))"
        echo $i >"$folder/$((i / 50))/$i"
    done
    tar -C "$folder" --numeric-owner -cf "$folder.tar" .
    echo "$folder.tar"
}

# whole: nothing wrong, and no traces of the dead once a pull has gone through.
whole()
{
    run_ok skiff system check --images images
}

@test "killed at a random moment, ${SKIFF_TEST_RUNS:-20} times: the store is whole, and the pull finishes" {
    run_ok "$SKIFF_SOURCE/tests/lib/pull_killer.py" "${SKIFF_TEST_RUNS:-20}" "$SKIFF" "$PLAIN/lib/four" "$PLAIN/lib/three"
    remove_images
    # Nor is there anything left once the images are gone.
    [ -z "$(find "$SKIFF_ROOT/images/blobs" -type f)" ]
    [ -z "$(ls "$SKIFF_ROOT/layers")" ]
    [ -z "$(find "$SKIFF_ROOT" -name '.tmp-*' -o -name '.dead-*')" ]
}

@test "a disk that is full at any point: a clear line, a whole store; with more room it goes on" {
    full=$BATS_TEST_TMPDIR/full
    mkdir "$full"
    mount -t tmpfs -o size=1m tmpfs "$full"
    export SKIFF_ROOT=$full/root
    for ((size = 1; size < 60; size += 3)); do
        mount -o "remount,size=${size}m" "$full"
        run skiff pull -q "$PLAIN/lib/four"
        [ "$status" -ne 0 ] || break
        [ "${#lines[@]}" -eq 1 ] || told 'more than one line'
        output_has '[Nn]o space'
        run_ok skiff images -aq
        output_is ''
        whole
    done
    # It was full, and then it was not.
    [ "$size" -gt 1 ]
    [ "$size" -lt 60 ]
    whole
    run_ok skiff rmi "$PLAIN/lib/four"
    [ -z "$(ls "$SKIFF_ROOT/layers")" ]
}

@test "a disk without inodes" {
    full=$BATS_TEST_TMPDIR/full
    mkdir "$full"
    mount -t tmpfs -o size=64m,nr_inodes=300 tmpfs "$full"
    export SKIFF_ROOT=$full/root
    run_fails '[Nn]o space' skiff pull -q "$PLAIN/lib/four"
    whole
    mount -o remount,nr_inodes=100000 "$full"
    run_ok skiff pull -q "$PLAIN/lib/four"
    whole
}

@test "a store that is read-only" {
    full=$BATS_TEST_TMPDIR/full
    mkdir "$full"
    mount -t tmpfs -o ro,size=1m tmpfs "$full"
    export SKIFF_ROOT=$full/root
    run_fails '[Rr]ead-only' skiff pull -q "$PLAIN/lib/four"
}

@test "pulls, removals and prunes of the same layers, all at once" {
    for i in 1 2 3 4 5; do
        skiff pull -q "$PLAIN/lib/four" >>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
        skiff pull -q "$PLAIN/lib/three" >>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
        sleep 0.1
        skiff rmi "$PLAIN/lib/four" >/dev/null 2>&1 3>&- &
        skiff rmi "$PLAIN/lib/three" >/dev/null 2>&1 3>&- &
        wait_all
        whole
    done
    # A pull either works or is not there: none has failed.
    run ! grep -vE "^$PLAIN/lib/(four|three):latest$" "$BATS_TEST_TMPDIR/out"
}
