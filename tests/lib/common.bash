# What every bats file loads: `load ../lib/common`.
#
#     setup_file() { skiff_setup; import_busybox; }
#     teardown_file() { skiff_teardown; }
#     @test "…" { run skiff run --rm busybox true; [ "$status" -eq 0 ]; }
#
# Each file works in a root and a run folder of its own, in $BATS_FILE_TMPDIR, and skiff_teardown
# sees that nothing of them is left. `run_ok`, `run_fails` and `run_status` are `run` with an
# expectation and a useful message.

! declare -F bats_require_minimum_version >/dev/null || bats_require_minimum_version 1.5.0
BATS_TEST_DIRNAME=${BATS_TEST_DIRNAME:-$PWD}
SKIFF_SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
SKIFF_BUILD=${SKIFF_BUILD:-$SKIFF_SOURCE/build}
SKIFF=${SKIFF:-$SKIFF_BUILD/skiff}
SKIFF_OCI=${SKIFF_OCI:-$SKIFF_BUILD/skiff-oci}
SKIFF_TEST_CACHE=${SKIFF_TEST_CACHE:-$SKIFF_SOURCE/.cache}
export SKIFF_SOURCE SKIFF_BUILD SKIFF SKIFF_OCI SKIFF_TEST_CACHE
export LC_ALL=C.UTF-8
if [ "${ENGINE:-skiff}" = docker ]; then
    # shellcheck source=tests/lib/docker.bash
    . "$SKIFF_SOURCE/tests/lib/docker.bash"
fi

skiff()
{
    if [ "${ENGINE:-skiff}" = docker ] && [ "${1-}" = import ]; then
        docker_import "${@:2}"
        return
    fi
    "$SKIFF" "$@"
}

skiff-oci()
{
    "$SKIFF_OCI" "$@"
}

require_root()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
}

require_command()
{
    local command
    for command; do
        command -v "$command" >/dev/null || skip "$command is missing"
    done
}

# needs_skiff REASON: the test is about what Docker's client has not, or has in another way; what of it
# a user could notice stands in docs/differences.md.
needs_skiff()
{
    [ "${ENGINE:-skiff}" != docker ] || skip "docker: $1"
}

# differs REASON: the same for one expectation of a test: differs "…" || run_fails …
differs()
{
    [ "${ENGINE:-skiff}" = docker ] || return 1
    { echo "# docker: $1" >&3; } 2>/dev/null || true
}

# --- a root of one's own -------------------------------------------------------------------------

# skiff_setup: in setup_file (or setup). Exports SKIFF_ROOT and SKIFF_RUN_DIR.
skiff_setup()
{
    [ -x "$SKIFF" ] || {
        echo "\"$SKIFF\" is not there (make)" >&2
        return 1
    }
    skiff_folder=$(mktemp -d "${BATS_FILE_TMPDIR:-${TMPDIR:-/tmp}}/skiff-XXXXXX")
    export skiff_folder SKIFF_ROOT=$skiff_folder/root SKIFF_RUN_DIR=$skiff_folder/run
    if [ "${ENGINE:-skiff}" = docker ] && [ -z "${DOCKER_HOST:-}" ]; then
        docker_folder=$(mktemp -d /tmp/skiff-docker-XXXXXX)
        DOCKER_HOST=$(docker_begin "$docker_folder")
        export docker_folder DOCKER_HOST
    fi
}

# skiff_cleanup: removes every container of this root. In teardown, when a file's tests share a root.
skiff_cleanup()
{
    local ids
    ids=$("$SKIFF" ps -aq 2>/dev/null) || return 0
    # shellcheck disable=SC2086 # one ID a word
    [ -z "$ids" ] || "$SKIFF" rm -f $ids >/dev/null
}

# skiff_teardown: the containers, then the folders; fails when something of them is still in use.
skiff_teardown()
{
    [ -n "${skiff_folder:-}" ] || return 0
    skiff_cleanup
    # Their bridges are the machine's.
    [ ! -d "$SKIFF_ROOT/networks" ] || "$SKIFF" network prune -f >/dev/null
    # The next file may share the daemon.
    [ "${ENGINE:-skiff}" != docker ] || "$SKIFF" system prune -af --volumes >/dev/null 2>&1
    [ -z "${docker_folder:-}" ] || docker_end "$docker_folder"
    local left
    left=$(grep -F "$skiff_folder" /proc/self/mountinfo)
    [ -z "$left" ] || {
        echo "mounts left behind: $left" >&2
        awk -v folder="$skiff_folder" 'index($5, folder) == 1 { print $5 }' /proc/self/mountinfo |
            sort -r | xargs -r -n 1 umount -l
        rm -rf "$skiff_folder" || { sleep 1 && rm -rf "$skiff_folder"; } # a monitor may still be sweeping
        return 1
    }
    rm -rf "$skiff_folder" || { sleep 1 && rm -rf "$skiff_folder"; }
}

# --- images --------------------------------------------------------------------------------------

# cached NAME FUNCTION: prints the path of NAME.tar in the cache, made by FUNCTION FILE the first time
# and whenever the function's text has changed; only one process makes it.
cached()
{
    local recipe file
    recipe=$(declare -f "$2" | sha256sum | cut -c 1-12)
    file=$SKIFF_TEST_CACHE/$1-$recipe.tar
    shift
    mkdir -p "$SKIFF_TEST_CACHE"
    (
        flock 9
        if [ ! -e "$file" ]; then
            "$@" "$file.making" >&2 && mv "$file.making" "$file"
        fi
    ) 9>"$file.lock" || return 1
    echo "$file"
}

make_busybox_tar()
{
    local root applet status
    root=$(mktemp -d)
    mkdir -p "$root"/{bin,dev,etc,home,proc,root,run,sbin,sys,tmp,usr/bin,usr/sbin,var/tmp}
    chmod 1777 "$root/tmp" "$root/var/tmp"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    cat >"$root/etc/passwd" <<EOF
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
user:x:1000:1000:user:/home:/bin/sh
EOF
    cat >"$root/etc/group" <<EOF
root:x:0:
daemon:x:1:
staff:x:50:user
user:x:1000:
EOF
    tar -C "$root" --numeric-owner --owner=0 --group=0 --mtime=@0 --sort=name -cf "$1" .
    status=$?
    rm -rf "$root"
    return $status
}

# Debian with what a person types in the README's sessions: a shell, ps, ip and ss, vi, a compiler.
make_debian_tar()
{
    local root status
    root=$(mktemp -d)
    chmod 755 "$root"
    debootstrap --variant=minbase --include=bash,procps,iproute2,gcc,libc6-dev,vim-tiny bookworm "$root" &&
        rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* &&
        tar -C "$root" --numeric-owner -cf "$1" .
    status=$?
    rm -rf "$root"
    return $status
}

# The tars, as paths.
rootfs_busybox()
{
    cached busybox make_busybox_tar
}

rootfs_debian()
{
    cached debian-bookworm make_debian_tar
}

# rootfs_unpacked TAR FOLDER: for tests that make a bundle or spoil a root file system.
rootfs_unpacked()
{
    mkdir -p "$2" && tar -C "$2" -xpf "$1"
}

# import_busybox [REFERENCE]
import_busybox()
{
    skiff import -c 'CMD ["sh"]' "$(rootfs_busybox)" "${1:-busybox:latest}" >/dev/null
}

# import_debian [REFERENCE]: several seconds; a file that needs it imports it once, in setup_file.
import_debian()
{
    skiff import -c 'CMD ["bash"]' "$(rootfs_debian)" "${1:-rust:latest}" >/dev/null
}

# import_folder FOLDER REFERENCE [OPTION...]: what a test built by hand.
import_folder()
{
    local folder=$1 reference=$2
    shift 2
    tar -C "$folder" --numeric-owner -cf - . | skiff import "$@" - "$reference" >/dev/null
}

# --- expectations --------------------------------------------------------------------------------

# told MESSAGE: fails, and says what the last `run` gave.
told()
{
    printf '%s\nstatus: %s\noutput:\n%s\n' "$1" "${status-}" "${output-}" >&2
    return 1
}

# run_status STATUS COMMAND...
run_status()
{
    local expected=$1
    shift
    # bats takes an unannounced 127 for a slip of the test's own.
    if [ "$expected" -eq 127 ]; then run -127 "$@"; else run "$@"; fi
    # shellcheck disable=SC2154 # bats sets status
    [ "$status" -eq "$expected" ] || told "expected status $expected of: $*" || return 1
}

run_ok()
{
    run_status 0 "$@"
}

# run_fails PATTERN COMMAND...: a refusal: fails in one line that PATTERN (extended) describes.
run_fails()
{
    local pattern=$1
    shift
    run "$@"
    [ "$status" -ne 0 ] || told "expected a failure of: $*" || return 1
    # shellcheck disable=SC2154 # bats sets lines
    [ "${#lines[@]}" -eq 1 ] || [ "${ENGINE:-skiff}" = docker ] || told "expected one line of: $*" || return 1
    [[ $output =~ $pattern ]] || told "expected /$pattern/ of: $*" || return 1
}

# output_is TEXT, output_has PATTERN (extended), output_lacks PATTERN
output_is()
{
    [ "$output" = "$1" ] || told "expected exactly: $1" || return 1
}

output_has()
{
    [[ $output =~ $1 ]] || told "expected /$1/" || return 1
}

output_lacks()
{
    [[ ! $output =~ $1 ]] || told "expected nothing like /$1/" || return 1
}

# until_true COMMAND...: waits for it, at most half a minute: a bound against hanging, not a test of
# speed.
until_true()
{
    local i
    for ((i = 0; i < 300; i++)); do
        "$@" && return 0
        sleep 0.1
    done
    echo "never became true: $*" >&2
    return 1
}

# wait_all: waits for all that the test has in the background, whatever becomes of it; but not for the
# process of bats that watches the test's time.
wait_all()
{
    local pid
    for pid in $(jobs -p); do
        [ "$pid" = "${BATS_killer_pid:-}" ] || wait "$pid" || true
    done
}

# four_lanes N COMMAND...: COMMAND with each number below N, four at a time. What it prints is wrong.
four_lanes()
{
    local n=$1 lane i
    shift
    for lane in 0 1 2 3; do
        for ((i = lane; i < n; i += 4)); do
            "$@" "$i" || echo "$i: status $?"
        done >"$BATS_TEST_TMPDIR/lane.$lane" 2>&1 3>&- &
    done
    wait_all
    run cat "$BATS_TEST_TMPDIR"/lane.?
    output_is ''
}

# file_has FILE PATTERN, for until_true.
file_has()
{
    grep -qE "$2" "$1" 2>/dev/null
}

# container_pid NAME: the host's number of its first process.
container_pid()
{
    skiff inspect --format '{{.State.Pid}}' "$1"
}
