# Bundles for skiff-oci: `load ../lib/common` and then `load ../lib/oci`.
#
#     setup_file() { oci_setup; }
#     teardown_file() { oci_teardown; }
#     teardown() { oci_cleanup; }
#     @test "…" { bundle '.process.args = ["true"]'; run_ok oci run -b "$bundle" "$id"; }
#
# Each file has a state root and a root file system of its own; each test an ID of its own.

# shellcheck disable=SC2034 # bundle and id are for the tests

oci()
{
    "$SKIFF_OCI" --root "$OCI_ROOT" "$@"
}

# oci_setup: the root file system of all bundles is $OCI_ROOTFS, busybox.
oci_setup()
{
    require_root
    require_command jq busybox
    [ -x "$SKIFF_OCI" ] || {
        echo "$SKIFF_OCI is not built (make)" >&2
        return 1
    }
    oci_folder=$(mktemp -d "${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}}/skiff-oci-XXXXXX")
    OCI_ROOT=$oci_folder/state OCI_ROOTFS=$oci_folder/rootfs
    export oci_folder OCI_ROOT OCI_ROOTFS
    rootfs_unpacked "$(rootfs_busybox)" "$OCI_ROOTFS"
    chmod 755 "$oci_folder" "$OCI_ROOTFS" # for users who are not root
    # What a test starts from: spec's own container, without its terminal.
    mkdir "$oci_folder/base"
    oci spec -b "$oci_folder/base" &&
        jq --arg root "$OCI_ROOTFS" '.root.path = $root | .process.terminal = false
            | .process.args = ["true"]' "$oci_folder/base/config.json" >"$oci_folder/base.json"
}

# bundle [FILTER...]: sets $bundle, a folder with the base config changed by jq's filters, and $id.
bundle()
{
    local filter=. word
    for word; do filter="$filter | $word"; done
    bundle=$(mktemp -d "$BATS_TEST_TMPDIR/bundle-XXXXXX")
    id=t$$-$BATS_TEST_NUMBER-${bundle##*-}
    jq "$filter" "$oci_folder/base.json" >"$bundle/config.json"
}

# running SHELL-WORDS [FILTER...]: the filter for a payload of sh -c.
sh_c()
{
    jq -n --arg text "$1" '["sh", "-c", $text]' | sed '1s/^/.process.args = /'
}

# run_sh TEXT [FILTER...]: a container that runs TEXT, under bats' `run`.
run_sh()
{
    local text=$1
    shift
    bundle "$(sh_c "$text")" "$@"
    run oci run -b "$bundle" "$id"
}

# ok_sh TEXT [FILTER...]: and that ends well.
ok_sh()
{
    run_sh "$@"
    # shellcheck disable=SC2154 # bats sets status
    [ "$status" -eq 0 ] || told "expected status 0"
}

# create_to_file ARGUMENT...: create whose output is complete when it returns, although the container
# that it may have made goes on holding the streams.
create_to_file()
{
    local status=0
    oci create "$@" >"$BATS_TEST_TMPDIR/created" 2>&1 </dev/null || status=$?
    cat "$BATS_TEST_TMPDIR/created"
    return $status
}

# refused PATTERN FILTER...: a config that is refused in one line, and leaves nothing.
refused()
{
    local pattern=$1
    shift
    bundle "$@"
    run_fails "$pattern" create_to_file -b "$bundle" "$id" || return 1
    nothing_left "$id"
}

status_of()
{
    oci state "$1" | jq -r .status
}

status_is()
{
    [ "$(status_of "$1")" = "$2" ]
}

# is_gone PID: ended, if not yet reaped.
is_gone()
{
    [ ! -e "/proc/$1/stat" ] || [[ $(sed 's/.*) //' "/proc/$1/stat") == [ZX]* ]]
}

# cgroups_of ID: the folders of its default group.
cgroups_of()
{
    find /sys/fs/cgroup -maxdepth 4 -type d -name "skiff-oci-$1" 2>/dev/null
}

# nothing_left ID: no state, no control group, and so no process in one.
nothing_left()
{
    [ ! -e "$OCI_ROOT/$1" ] || told "state of $1 is left" || return 1
    [ -z "$(cgroups_of "$1")" ] || told "control groups of $1 are left"
}

oci_cleanup()
{
    local name
    for name in "$OCI_ROOT"/*; do
        case $name in *'*' | */@seccomp) continue ;; esac
        oci delete --force "${name##*/}"
    done
}

oci_teardown()
{
    [ -n "${oci_folder:-}" ] || return 0
    oci_cleanup
    local left
    left=$(grep -F "$oci_folder" /proc/self/mountinfo)
    rm -rf "$oci_folder"
    [ -z "$left" ] || {
        echo "mounts left behind: $left" >&2
        return 1
    }
}
