#!/usr/bin/env bats
# Bad input, full disks, missing rights: one clear line each, and nothing is left of the attempt.
load ../lib/common
load ../lib/leftovers

setup_file()
{
    require_root
    skiff_setup
    leftovers_setup
    import_busybox
}

teardown_file()
{
    skiff_teardown
    leftovers_teardown
}

teardown()
{
    skiff_cleanup
    local folder
    for folder in "$BATS_TEST_TMPDIR"/*; do
        ! mountpoint -q "$folder" || umount -l "$folder"
    done
}

# spoil FILE TEXT: in its place, kept to be put back.
spoil()
{
    cp "$1" "$BATS_TEST_TMPDIR/spoilt"
    printf '%s' "$2" >"$1"
}

restore()
{
    cp "$BATS_TEST_TMPDIR/spoilt" "$1"
}

# --- what stands in files ------------------------------------------------------------------------

@test "a broken images/index.json is named, whatever the command" {
    local index=$SKIFF_ROOT/images/index.json text
    for text in '' '{' 'nul' '[]' '{}' '{"schemaVersion":2,"manifests":3}'; do
        spoil "$index" "$text"
        run_fails '"images/index.json" is not' attempt busybox true
        [ "$status" -eq 125 ]
        run_fails '"images/index.json" is not' skiff images
        run_fails '"images/index.json" is not' skiff rmi busybox
        run_fails '"images/index.json" is not' skiff import "$(rootfs_busybox)" other
        run_ok skiff ps -a
        restore "$index"
    done
    nothing_left
}

@test "an entry of images/index.json that leads elsewhere is no image" {
    local index=$SKIFF_ROOT/images/index.json entry
    for entry in 3 '{}' '{"digest":"sha256:../../../../etc/passwd","mediaType":"x","size":1}'; do
        spoil "$index" "{\"schemaVersion\":2,\"manifests\":[$entry]}"
        run_fails 'unable to find image' attempt --pull never busybox true
        run_ok skiff images
        output_has '1 images of the store cannot be read'
        restore "$index"
    done
    nothing_left
}

# with_broken FILE TEXT: containers "ended" and "alive" whose FILE says TEXT ("@" for the ID).
with_broken()
{
    local name id
    skiff run --network none --cgroup-parent "$LEFTOVERS_GROUP" --name ended busybox true
    skiff run -d --network none --cgroup-parent "$LEFTOVERS_GROUP" --name alive busybox sleep 300 \
        >/dev/null
    for name in ended alive; do
        id=$(skiff inspect --format '{{.Id}}' "$name")
        [ ! -e "$SKIFF_ROOT/containers/$id/$1" ] ||
            printf '%s' "${2//@/$id}" >"$SKIFF_ROOT/containers/$id/$1"
    done
}

@test "a broken container.json: told by ps and inspect, the name is taken, rm -f removes it" {
    local text
    for text in '' '{' '[]' '{"Id":7}' '{"Id":"@"}' '{"Id":"@","Name":"/ended"}'; do
        with_broken container.json "$text"
        run_ok skiff ps -a
        [ "$(grep -c 'container "[0-9a-f]*": "container.json" is not' <<<"$output")" -eq 2 ]
        run_fails '"container.json" is not' skiff rm ended
        run_fails '"container.json" is not' skiff kill alive
        run_fails 'already in use' skiff run --rm --name ended busybox true
        run_status 1 skiff inspect ended
        run_ok skiff rm -f ended alive
        nothing_left
    done
}

@test "a broken config.json hinders nobody: what runs goes on, ends and is removed" {
    local text
    for text in '' '{' '[]' '{"linux":{"cgroupsPath":"../../../x"}}'; do
        with_broken config.json "$text"
        run_ok skiff ps -a --format '{{.Names}}={{.State}}'
        output_has 'ended=exited'
        output_has 'alive=running'
        run_ok skiff kill alive
        run_ok skiff rm -f ended alive
        nothing_left
    done
}

@test "a broken state.json: it has ended, and inspect says why nobody knows how" {
    local text
    for text in '' '{' '[]' '{"State":{}}'; do
        with_broken state.json "$text"
        run_ok skiff ps -a --format '{{.Names}}={{.Status}}'
        output_has 'ended=Exited \(255\)'
        output_has 'alive=Up'
        run_ok skiff inspect --format '{{.State.Error}}' ended
        output_has '"state.json" is not'
        run_ok skiff rm ended
        run_ok skiff rm -f alive
        nothing_left
    done
}

@test "a broken state of a running container: told, and put right when its monitor is gone" {
    local id
    with_broken state.json ''
    id=$(skiff inspect --format '{{.Id}}' alive)
    local pid
    pid=$(awk '/^PPid/ { print $2 }' "/proc/$(container_pid alive)/status")
    echo '{' >"$SKIFF_RUN_DIR/containers/$id/state.json"
    run_fails 'state.json" is not valid JSON' skiff kill alive
    kill -9 "$pid"
    run_ok skiff ps -a --format '{{.Names}}={{.State}}'
    output_has 'alive=exited'
    run_ok skiff rm ended alive
    nothing_left
}

# --- what stands in an image ---------------------------------------------------------------------

hostile_image()
{
    local root=$BATS_FILE_TMPDIR/hostile
    skiff inspect hostile >/dev/null 2>&1 && return
    rootfs_unpacked "$(rootfs_busybox)" "$root"
    mkdir -p "$BATS_FILE_TMPDIR/canary"
    ln -s b "$root/a"
    ln -s a "$root/b"
    ln -s . "$root/self"
    ln -s .. "$root/up"
    ln -s ../../../../../../../../..$BATS_FILE_TMPDIR/canary "$root/relative"
    ln -s "$BATS_FILE_TMPDIR/canary" "$root/absolute"
    ln -s /etc "$root/to-etc"
    import_folder "$root" hostile
}

canary_is_untouched()
{
    [ -z "$(find "$BATS_FILE_TMPDIR/canary" -mindepth 1)" ] &&
        ! grep -q canary /proc/self/mountinfo
}

@test "cyclic links in the image: a mount on one is refused, the rest works" {
    hostile_image
    run_fails 'cannot open "/a" in the root file system: too many levels of symbolic links' \
        attempt -v "$BATS_TEST_TMPDIR:/a" hostile true
    run_fails 'too many levels of symbolic links' attempt -v "$BATS_TEST_TMPDIR:/b/x" hostile true
    run_fails 'too many levels of symbolic links' attempt -w /a hostile true
    run_status 126 attempt hostile /a
    run_ok attempt -v "$BATS_TEST_TMPDIR:/self/self/mnt" hostile true
    nothing_left
}

@test "\"..\" in a mount's target stays in the container's root" {
    hostile_image
    local file=$BATS_TEST_TMPDIR/file pair target there
    echo mine >"$file"
    for pair in /../x=/x "/y/../../../..$BATS_FILE_TMPDIR/canary/y=$BATS_FILE_TMPDIR/canary/y" \
        /up/up/up/z=/z /self/../../w=/w; do
        target=${pair%=*} there=${pair#*=}
        run_ok attempt -v "$file:$target" hostile cat "$there"
        output_is mine
        run_ok attempt -v "$BATS_TEST_TMPDIR:$target-d" hostile cat "$there-d/file"
        output_is mine
    done
    run_fails 'the root itself' attempt -v "$BATS_TEST_TMPDIR:/.." hostile true
    run_fails 'the root itself' attempt -v "$BATS_TEST_TMPDIR:/" hostile true
    canary_is_untouched
    nothing_left
}

@test "a mount on a link of the image to the host's folder never reaches the host" {
    hostile_image
    local file=$BATS_TEST_TMPDIR/file before link
    echo mine >"$file"
    before=$(sha256sum /etc/passwd)
    for link in relative absolute; do
        # In the container's root the link leads nowhere: refused, or made there.
        run attempt -v "$file:/$link/y" hostile true
        run attempt -v "$BATS_TEST_TMPDIR:/$link" hostile true
        run attempt -v "$file:/$link" hostile true
        run attempt --tmpfs "/$link/t" hostile true
    done
    canary_is_untouched
    run_ok attempt -v "$file:/to-etc/passwd" hostile cat /etc/passwd
    output_is mine
    run_ok attempt -v "$BATS_TEST_TMPDIR:/to-etc/new" hostile cat /etc/new/file
    output_is mine
    [ ! -e /etc/new ]
    [ "$(sha256sum /etc/passwd)" = "$before" ]
    nothing_left
}

# --- what is typed -------------------------------------------------------------------------------

@test "an environment of 10 MB: what the kernel takes is passed on whole, more is refused" {
    printf 'BIG=%s\n' "$(head -c 10000000 /dev/zero | tr '\0' x)" >"$BATS_TEST_TMPDIR/one"
    run_fails 'cannot start "true": exec: argument list too long' \
        attempt --env-file "$BATS_TEST_TMPDIR/one" busybox true
    [ "$status" -eq 126 ]
    seq -f "V%.0f=$(printf 'x%.0s' {1..90})" 100000 >"$BATS_TEST_TMPDIR/many"
    run_fails 'argument list too long' attempt --env-file "$BATS_TEST_TMPDIR/many" busybox true
    head -n 10000 "$BATS_TEST_TMPDIR/many" >"$BATS_TEST_TMPDIR/some"
    run_ok attempt --env-file "$BATS_TEST_TMPDIR/some" busybox sh -c 'env | grep -c ^V'
    output_is 10000
    nothing_left
}

@test "a container's name with every byte: letters, digits, dot, dash and underscore are taken" {
    local i byte
    for ((i = 1; i < 256; i++)); do
        byte=$(printf "\\x$(printf %x "$i")x")
        byte=${byte%x}
        case $byte in
        [a-zA-Z0-9] | . | - | _) ;;
        *)
            run_fails 'invalid container name' skiff run --rm --name "a${byte}b" busybox true
            [ "$status" -eq 125 ]
            ;;
        esac
    done
    for byte in . - _; do
        run_ok attempt --name "a${byte}b" busybox true
        run_fails 'invalid container name' skiff run --rm --name "${byte}b" busybox true
    done
    nothing_left
}

@test "bytes that are not UTF-8, newlines and escapes: refused in one line, or kept as they are" {
    local bad=$'x\xffy' odd=$'x\ny\t"\\\e[31mz' option
    for option in --env=A= --label=a= --hostname= --workdir=/ --user= --entrypoint= --volume=/tmp:/ \
        --env-file= --add-host=; do
        run_fails . attempt "$option$bad" busybox true
        [ "$status" -eq 125 ] || told "status of $option"
        output_lacks 'out of memory'
    done
    run_fails 'not UTF-8' attempt busybox echo "$bad"
    run_fails 'invalid reference format' skiff run --rm "$bad" true
    run_fails 'no such container' skiff rm "$bad"
    run_fails 'no such container' skiff rm "$odd"
    run_fails 'invalid reference format' skiff run --rm "$odd" true
    run_status 127 attempt busybox "$odd"
    [ "${#lines[@]}" -eq 1 ]
    run_ok attempt busybox echo "$odd"
    output_is "$odd"
    run_ok attempt -e "A=$odd" busybox sh -c 'echo "$A"'
    output_is "$odd"
    run_ok attempt -w "/$odd" busybox pwd
    output_is "/$odd"
    nothing_left
}

# --- disks and rights ----------------------------------------------------------------------------

# on_disk SIZE: SKIFF_ROOT is on a disk of that size; the run-time folder is not.
on_disk()
{
    mkdir -p "$BATS_TEST_TMPDIR/disk"
    mount -t tmpfs -o "size=$1" disk "$BATS_TEST_TMPDIR/disk"
    export SKIFF_ROOT=$BATS_TEST_TMPDIR/disk/root SKIFF_RUN_DIR=$BATS_TEST_TMPDIR/run
}

@test "a full disk: run and import are refused in one line and leave nothing" {
    local size succeeded=0
    for size in 4k 8k 12k 16k 20k 24k 28k 32k 64k; do
        on_disk "$size"
        run attempt host true
        if [ "$status" -eq 0 ]; then
            succeeded=1
        else
            [ "$status" -eq 125 ] && [ "${#lines[@]}" -eq 1 ] || told "size $size"
            output_has 'no space left on device'
            [ "$succeeded" -eq 0 ] || told "$size is less than what was enough"
        fi
        run_fails 'no space left on device' skiff import "$(rootfs_busybox)" busybox
        nothing_left
        umount "$BATS_TEST_TMPDIR/disk"
    done
    [ "$succeeded" -eq 1 ]
}

@test "a container that fills the disk: its exit status is known, and it can be removed" {
    on_disk 5m
    import_busybox
    run skiff run --network none --cgroup-parent "$LEFTOVERS_GROUP" --name filler busybox \
        sh -c 'dd if=/dev/zero of=/x bs=4k 2>/dev/null; dd if=/dev/zero of=/y bs=1 2>/dev/null; exit 3'
    [ "$status" -eq 3 ]
    [ "$(df --output=avail "$SKIFF_ROOT" | tail -n 1)" -eq 0 ]
    run_ok skiff ps -a --format '{{.Names}} {{.Status}}'
    output_has '^filler Exited \(3\) '
    run_fails 'no space left on device' attempt busybox true
    run_ok skiff rm filler
    run_ok attempt busybox true
    nothing_left
    umount "$BATS_TEST_TMPDIR/disk"
}

@test "a read-only root: what only looks works, what writes is refused in one line" {
    mkdir "$BATS_TEST_TMPDIR/disk"
    cp -a "$SKIFF_ROOT" "$BATS_TEST_TMPDIR/disk/root"
    mount --bind "$BATS_TEST_TMPDIR/disk" "$BATS_TEST_TMPDIR/disk"
    mount -o remount,bind,ro "$BATS_TEST_TMPDIR/disk"
    export SKIFF_ROOT=$BATS_TEST_TMPDIR/disk/root SKIFF_RUN_DIR=$BATS_TEST_TMPDIR/run
    run_ok skiff ps -a
    run_ok skiff images
    run_ok skiff inspect busybox
    run_fails 'read-only file system' attempt busybox true
    [ "$status" -eq 125 ]
    run_fails 'read-only file system' attempt host true
    run_fails 'read-only file system' skiff rmi busybox
    run_fails 'read-only file system' skiff import "$(rootfs_busybox)" other
    SKIFF_ROOT=$BATS_TEST_TMPDIR/disk/new run_fails 'read-only file system' skiff ps
    umount "$BATS_TEST_TMPDIR/disk"
}

@test "a root that is a file, or lies below one" {
    echo >"$BATS_TEST_TMPDIR/file"
    local root
    for root in "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/file/below"; do
        SKIFF_ROOT=$root run_fails 'not a directory' skiff ps
        SKIFF_ROOT=$root run_fails 'not a directory' skiff run --rm host true
        SKIFF_RUN_DIR=$root run_fails 'not a directory' skiff run --rm host true
    done
}

as_nobody()
{
    setpriv --reuid 65534 --regid 65534 --clear-groups \
        env SKIFF_ROOT=/var/lib/skiff-nobody SKIFF_RUN_DIR=/run/skiff-nobody "$@"
}

@test "an ordinary user is told what is missing, in one line, by every command" {
    local program=$BATS_FILE_TMPDIR/skiff command
    as_nobody test -x "$SKIFF" || skip "the build folder is not for others to enter"
    for command in ps 'run --rm host true' 'run -d host true' images 'inspect x' info ns 'kill x' \
        'rm x' 'rmi x' 'import - x'; do
        # shellcheck disable=SC2086 # the words of a command
        run_fails 'root|sudo' as_nobody "$SKIFF" $command </dev/null
    done
    run_fails 'root|sudo' as_nobody env SKIFF_ROOT="$SKIFF_ROOT" SKIFF_RUN_DIR="$SKIFF_RUN_DIR" \
        "$SKIFF" run --rm host true
    run_ok as_nobody "$SKIFF" version
    run_ok as_nobody "$SKIFF" --help
    [ ! -e /var/lib/skiff-nobody ] && [ ! -e /run/skiff-nobody ]
}
