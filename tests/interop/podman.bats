# skiff-oci under podman.
load ../lib/common
load ../lib/interop

setup_file()
{
    need podman conmon unshare script || return 0
    folder=$(mktemp -d /tmp/skiff-podman-XXXXXX)
    parent=skiff-test-$$
    # Raising limits is not allowed everywhere.
    cat >"$folder/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
END
    export folder parent CONTAINERS_CONF=$folder/containers.conf
    groups_before=$(find /sys/fs/cgroup -maxdepth 2 -type d | sort)
    export groups_before
    pod import "$(rootfs_busybox)" busybox:test >/dev/null 2>&1
}

setup()
{
    skip_without
}

teardown_file()
{
    [ -n "${folder:-}" ] || return 0
    pod rm -fa -t 0 >/dev/null
    local group
    for group in $(comm -13 <(echo "$groups_before") <(find /sys/fs/cgroup -maxdepth 2 -type d | sort) |
        grep -E "/($parent|libpod_parent)$"); do
        find "$group" -depth -type d -exec rmdir {} \;
    done
    rm -rf "$folder"
}

# In mounts of its own, without the newer control groups where the older are in use (podman would
# take them for all there is), and in a network of its own.
apart()
{
    # shellcheck disable=SC2016 # for the shell in there to expand
    unshare --mount --net sh -c '
        [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || umount /sys/fs/cgroup/unified 2>/dev/null
        exec "$@"' sh "$@"
}

pod()
{
    apart podman --root "$folder/root" --runroot "$folder/run" --tmpdir "$folder/tmp" \
        --runtime "$SKIFF_OCI" "$@" 3>&-
}

# run_in [OPTION...] -- COMMAND...: a container that is removed when it ends, without a network.
run_in()
{
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    pod run --rm --network none --cgroup-parent "/$parent" "${options[@]}" localhost/busybox:test "$@"
}

@test "podman: a container's output and exit status" {
    run run_in -- sh -c 'echo hello; id -u; ps; exit 4'
    [ "$status" -eq 4 ]
    output_has $'^hello\n0\n'
    output_has ' 1 root +sh -c'
    run pod ps -aq
    output_is ""
}

@test "podman: exit statuses of what cannot be executed" {
    # Not by `run`, which warns of 127.
    status=0
    output=$(run_in -- nonesuch 2>&1) || status=$?
    [ "$status" -eq 127 ]
    output_has 'executable file not found in \$PATH'
    run run_in -- /etc/passwd
    [ "$status" -eq 126 ]
    output_has 'permission denied'
}

@test "podman: options reach the container" {
    run run_in -h inside -u 1000:50 -w /usr -e A=b --sysctl net.ipv4.ip_forward=1 --oom-score-adj 99 \
        -- sh -c 'hostname; id -u; id -g; pwd; echo $A; cat /proc/sys/net/ipv4/ip_forward /proc/self/oom_score_adj'
    [ "$status" -eq 0 ] || told "status"
    output_is $'inside\n1000\n50\n/usr\nb\n1\n99'
    run run_in --cap-drop all --cap-add kill --security-opt no-new-privileges -- \
        sh -c 'grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status'
    output_is $'CapEff:\t0000000000000020\nNoNewPrivs:\t1\nSeccomp:\t2'
    run run_in --privileged -- grep CapEff /proc/self/status
    output_is "$(grep CapEff /proc/self/status)"
    run run_in --pids-limit 77 -m 50m -- sh -c 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null'
    output_is 77
}

@test "podman: volumes, tmpfs with the image's content, a read-only root" {
    echo content >"$folder/given"
    run run_in -v "$folder:/mnt:ro" --tmpfs /etc --tmpfs /srv:size=64k -- \
        sh -c 'cat /mnt/given; touch /mnt/x; head -n 1 /etc/passwd; touch /etc/new && df /srv | tail -n 1'
    [ "$status" -eq 0 ]
    output_has content
    output_has 'touch: /mnt/x: Read-only file system'
    output_has 'root:x:0:0'
    output_has ' 64 '
    run run_in --read-only -- sh -c 'touch /x; touch /tmp/y && echo writable'
    output_has 'touch: /x: Read-only file system'
    output_has writable
}

@test "podman: a user namespace" {
    run run_in --uidmap 0:100000:65536 --gidmap 0:100000:65536 -- sh -c 'cat /proc/self/uid_map; id -u; stat -c %u /bin/busybox'
    [ "$status" -eq 0 ]
    [[ ${lines[0]} =~ ^\ +0\ +100000\ +65536$ ]]
    [ "${lines[1]}" = 0 ]
    [ "${lines[2]}" = 0 ]
}

@test "podman: namespaces of the host" {
    run run_in --pid host --ipc host --uts host -- sh -c 'readlink /proc/self/ns/pid; readlink /proc/self/ns/uts'
    output_is "$(readlink /proc/self/ns/pid)
$(readlink /proc/self/ns/uts)"
}

# at_terminal ARGUMENT...: podman at a terminal, with a command that shows "/dev/pts/0", reads a line
# and ends. What is written just before the end may not reach podman's client, whichever runtime it
# has: the line is typed when what was written has been seen.
at_terminal()
{
    local seen=$BATS_TEST_TMPDIR/seen typed=$BATS_TEST_TMPDIR/typed client
    mkfifo "$typed"
    script -qec "$(declare -f apart); apart podman --root '$folder/root' --runroot '$folder/run' \
        --tmpdir '$folder/tmp' --runtime '$SKIFF_OCI' $*" /dev/null <>"$typed" >"$seen" 2>&1 3>&- &
    client=$!
    until_true file_has "$seen" '^/dev/pts/0'
    echo >"$typed"
    status=0
    wait "$client" || status=$?
}

@test "podman: a terminal" {
    at_terminal "run --rm -it --network none --cgroup-parent '/$parent' localhost/busybox:test" \
        "sh -c 'tty; read -r line; exit 6'"
    [ "$status" -eq 6 ]
}

@test "podman: detached, its log, stopped, started again, removed" {
    pod run -d --name detached --network none --cgroup-parent "/$parent" localhost/busybox:test \
        sh -c 'echo begun; trap "exit 9" TERM; while :; do sleep 0.05; done' >/dev/null
    until_true eval '[ "$(pod logs detached)" = begun ]'
    [ "$(pod inspect detached --format '{{.State.Status}} {{.OCIRuntime}}')" = "running $SKIFF_OCI" ]
    run pod stop detached
    [ "$(pod inspect detached --format '{{.State.Status}} {{.State.ExitCode}}')" = "exited 9" ]
    run pod start detached
    [ "$(pod inspect detached --format '{{.State.Status}}')" = running ]
    run pod kill detached
    until_true eval '[ "$(pod inspect detached --format "{{.State.Status}} {{.State.ExitCode}}")" = "exited 137" ]'
    run pod rm detached
    [ "$status" -eq 0 ]
}

@test "podman: exec in a running container" {
    pod run -d --name entered --network none --cgroup-parent "/$parent" -e A=b localhost/busybox:test \
        sleep 1000 >/dev/null
    run pod exec -u 1000:50 -w /usr -e C=d entered sh -c 'id -u; id -g; pwd; echo $A$C; cat /proc/1/cmdline; exit 9'
    [ "$status" -eq 9 ] || told "status"
    output_has $'^1000\n50\n/usr\nbd\n'
    output_has 'sleep'
    run pod exec -i entered cat <<<hello
    output_is hello
    run -127 pod exec entered nonesuch
    run -126 pod exec entered /etc/passwd
    at_terminal "exec -it entered sh -c 'tty; read -r line; exit 6'"
    [ "$status" -eq 6 ] || told "status"
    pod rm -f -t 0 entered
}

@test "podman: its default network" {
    run pod run --rm --cgroup-parent "/$parent" localhost/busybox:test ip addr show eth0
    [ "$status" -eq 0 ] || skip "podman has no network here: $output"
    output_has 'inet 10\.'
}
