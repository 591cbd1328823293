# What a pull that was killed leaves behind, and who takes it away.
load ../lib/common
load ../lib/registry
# shellcheck disable=SC2154 # common.bash sets skiff_folder

setup_file()
{
    require_root
    skiff_setup
    registry_settings
    registry_begin plain
    local name
    name=$(registry plain)/box:1
    skiff import "$(rootfs_busybox)" "$name"
    skiff push "$name"
    skiff rmi "$name"
}

teardown_file()
{
    registry_end
    skiff_teardown
}

setup()
{
    name=$(registry plain)/box:1
    partial=$SKIFF_ROOT/images/partial/$(printf left | sha256sum | cut -d' ' -f1)
    layer=$SKIFF_ROOT/layers/.tmp-0123456789abcdef0123456789abcdef
    mkdir -p "$layer/fs/folder" "${partial%/*}"
    head -c 3000000 /dev/zero >"$partial"
}

@test "the next pull takes away what was unpacked, and keeps what was fetched" {
    run_ok skiff pull -q "$name"
    [ ! -e "$layer" ] && [ -e "$partial" ]
    run_ok skiff system check images
}

@test "so does one that finds everything there, a load and an import" {
    run_ok skiff pull -q "$name"
    run_ok skiff save -o "$BATS_TEST_TMPDIR/box.tar" "$name"
    for line in "pull -q $name" "load -q -i $BATS_TEST_TMPDIR/box.tar" "import $(rootfs_busybox) other"; do
        mkdir -p "$layer/fs"
        echo x >"$SKIFF_ROOT/images/.tmp-0123"
        # shellcheck disable=SC2086 # words
        run_ok skiff $line
        [ ! -e "$layer" ] && [ ! -e "$SKIFF_ROOT/images/.tmp-0123" ] || told "left by: $line"
    done
}

@test "is no damage: a check says nothing of it, and takes it away if it may repair" {
    run_ok skiff system check --images images
    output_lacks 'layers'
    [ -e "$layer" ]
    run_ok skiff system check --repair images
    output_has 'image "layers/.tmp-0123456789abcdef0123456789abcdef": its writer was killed .repaired: what no image needs is removed'
    [ ! -e "$layer" ]
}

@test "prune takes away both, counts what was fetched, and leaves what somebody writes" {
    run_ok skiff image prune -f --filter until=1h
    [ -e "$layer" ] && [ -e "$partial" ]
    exec 8<"$partial"
    flock 8
    run_ok skiff image prune -f
    output_has 'Total reclaimed space: [0-9.]+[kM]?B'
    [ ! -e "$layer" ] && [ -e "$partial" ]
    exec 8<&-
    run_ok skiff system prune -f
    output_has 'Total reclaimed space: 3MB'
    [ ! -e "$partial" ]
    run_ok skiff image prune -f
    output_has 'Total reclaimed space: 0B'
}
