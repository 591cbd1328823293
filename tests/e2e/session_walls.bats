#!/usr/bin/env bats
# What a container sees of the machine, and how each wall goes away with one option: processes,
# sockets and interfaces, mounts and files.
load ../lib/common
load ../lib/pty
load ../lib/session

setup_file()
{
    session_setup
    # A socket of the host's, to be seen or not, and a process of somebody else than root.
    python3 -c 'import socket, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
print(s.getsockname()[1], flush=True); time.sleep(600)' >"$BATS_FILE_TMPDIR/port" 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/listener"
    setpriv --reuid 65534 --clear-groups sleep 600 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/nobody"
    until_true test -s "$BATS_FILE_TMPDIR/port"
}

teardown_file()
{
    kill "$(cat "$BATS_FILE_TMPDIR/listener")" "$(cat "$BATS_FILE_TMPDIR/nobody")"
    session_teardown
}

teardown()
{
    pty_stop
    skiff_cleanup
}

in_debian()
{
    skiff run --rm "$@"
}

# --- processes -----------------------------------------------------------------------------------

@test "--pid=host: ps aux shows the host's process 1, and kernel threads in brackets" {
    typed --pid=host rust:latest bash
    pty_type 'ps aux | head -n 12; echo end=$?'
    pty_wait '^end=0$'
    run screen_after '^USER +PID '
    local first
    first=$(tr '\0' ' ' </proc/1/cmdline | cut -c 1-15)
    [[ ${lines[0]} =~ ^root\ +1\  ]] || told "no process 1"
    [[ ${lines[0]} == *"${first% }"* ]] || told "process 1 is not the host's: $first"
    pty_shows '^root +2 .* \[kthreadd\]$'
}

@test "--pid=host: the shell is a process among the host's" {
    run_ok in_debian --pid=host rust:latest sh -c 'echo $$'
    [ "$output" -gt 2 ] || told "expected a high number"
}

@test "--pid=host: kill -0 obeys capabilities" {
    local other
    other=$(cat "$BATS_FILE_TMPDIR/nobody")
    run_ok in_debian --pid=host rust:latest bash -c 'kill -0 1'
    run_ok in_debian --pid=host rust:latest bash -c "kill -0 $other"
    run_status 1 in_debian --pid=host -u 1000 rust:latest bash -c 'kill -0 1'
    output_has 'Operation not permitted'
    run_status 1 in_debian --pid=host --cap-drop KILL rust:latest bash -c "kill -0 $other"
    output_has 'Operation not permitted'
}

@test "--pid=host: nothing of what ran in it outlives the container" {
    run_ok in_debian --pid=host --name outlived rust:latest sh -c 'sleep 4242 & echo started'
    output_is started
    until_true eval '! pgrep -f "^sleep 4242$" >/dev/null'
}

@test "a process of the host is no process of a default container" {
    run_status 1 in_debian rust:latest bash -c "kill -0 $(cat "$BATS_FILE_TMPDIR/nobody")"
    output_has 'No such process'
}

# --- sockets and interfaces ----------------------------------------------------------------------

# What `ss` says of kinds of sockets that this kernel does not know is the kernel's.
@test "ss in a default container prints its header alone" {
    typed rust:latest bash
    pty_type 'ss 2>/dev/null; ss -Hatuwx | grep -v " 127.0.0.11:1011 "; echo end=0'
    pty_wait '^end=0$'
    run screen_after 'ss 2>'
    [[ ${lines[0]} =~ ^Netid\ +State ]] || told "no header"
    # In 80 columns the header may take two lines.
    [ "${lines[1]}" = end=0 ] || [[ ${lines[1]} = Process && ${lines[2]} = end=0 ]] ||
        told "more than a header"
}

@test "ip a in a default container: lo, and eth0 with an address of skiff0's range" {
    typed rust:latest bash
    pty_type 'ip a; echo end=$?'
    pty_wait '^end=0$'
    [ "$(pty_screen | grep -cE '^[0-9]+: ')" -eq 2 ]
    pty_shows '^1: lo: <LOOPBACK,UP,'
    pty_shows '^2: eth0@if[0-9]+: <BROADCAST,MULTICAST,UP,LOWER_UP>'
    local address bridge
    address=$(pty_screen | sed -n 's|.* inet \([0-9./]*\) .* eth0$|\1|p')
    bridge=$(ip -4 -o address show skiff0 | sed -n 's|.* inet \([0-9./]*\) .*|\1|p')
    python3 - "$address" "$bridge" <<'EOF'
import sys
from ipaddress import ip_interface
mine, bridge = map(ip_interface, sys.argv[1:])
assert mine.network == bridge.network and mine.ip != bridge.ip, (mine, bridge)
assert bridge.ip == bridge.network.network_address + 1, bridge
EOF
}

@test "--network=host: ip a shows the host's interfaces, skiff0 among them" {
    in_debian rust:latest true # the first use makes the bridge
    typed --network=host rust:latest bash
    pty_type 'ip -br link | cut -d " " -f 1; echo end=$?'
    pty_wait '^end=0$'
    pty_shows '^skiff0$'
    local name
    for name in /sys/class/net/*; do
        name=${name##*/}
        case $name in
        eth* | en* | lo) pty_shows "^$name\$" ;;
        esac
    done
}

@test "--network=host: ss shows the host's sockets, a default container does not" {
    local port
    port=$(cat "$BATS_FILE_TMPDIR/port")
    run_ok in_debian --network=host rust:latest ss -Hltn
    output_has ":$port "
    run_ok in_debian rust:latest ss -Hltn
    [[ ${#lines[@]} -eq 1 && $output == *" 127.0.0.11:1011 "* ]] # who answers for names
    run_ok in_debian rust:latest cat /proc/net/unix
    [ "${#lines[@]}" -eq 1 ] || told "unix sockets of others"
}

# --- mounts and files ----------------------------------------------------------------------------

@test "mount and df: its own root, and none of the host's mounts" {
    typed rust:latest bash
    pty_type 'clear; mount | head -n 1; df / | tail -n 1; echo end=$?'
    pty_wait '^end=0$'
    pty_shows '^overlay on / type overlay \(rw,'
    pty_shows '^overlay .* /$'
}

@test "the host's mounts are not in /proc/self/mountinfo" {
    mkdir "$BATS_TEST_TMPDIR/secret"
    mount -t tmpfs canary "$BATS_TEST_TMPDIR/secret"
    run skiff run --rm rust:latest cat /proc/self/mountinfo
    umount "$BATS_TEST_TMPDIR/secret"
    [ "$status" -eq 0 ]
    output_lacks 'canary|secret'
    output_has ' / / rw.* - overlay overlay '
    # The three files that are bound from the host show what file system they lie on, and no more.
    local line
    for line in "${lines[@]}"; do
        [[ $line =~ ' - '(overlay|proc|tmpfs|devpts|sysfs|cgroup2?|mqueue)' ' ]] ||
            [[ $line =~ ' /etc/'(hosts|hostname|resolv.conf)' ' ]] || told "a foreign mount: $line"
    done
}

@test "ls /: the image's root, and touch /x writes into the container alone" {
    typed rust:latest bash
    pty_type 'touch /x; ls -d /x /usr; echo end=$?'
    pty_wait '^end=0$'
    pty_shows '^/usr +/x$|^/x +/usr$|^/x$'
    [ ! -e /x ]
    run_ok in_debian rust:latest ls /
    [ "$(grep -cx x <<<"$output")" -eq 0 ] || told "another container's file"
}

@test "what it wrote is gone with --rm, and is there without" {
    run_ok skiff run --name keeps rust:latest sh -c 'echo kept >/x'
    local upper
    upper=$(skiff inspect --format '{{.GraphDriver.Data.UpperDir}}' keeps)
    [ "$(cat "$upper/x")" = kept ]
    skiff rm keeps >/dev/null
    [ ! -e "$upper" ]
    run_ok skiff run --rm --name gone rust:latest sh -c 'echo lost >/x'
    run grep -rl lost "$SKIFF_ROOT/containers"
    output_is ''
}

@test "mounting needs SYS_ADMIN" {
    run_status 32 in_debian rust:latest mount -t tmpfs none /mnt
    output_has 'permission denied|must be superuser'
}

@test "with --cap-add SYS_ADMIN what it mounts never reaches the host" {
    skiff run -d --name mounter --cap-add SYS_ADMIN rust:latest \
        sh -c 'mount -t tmpfs canary /mnt && touch /mnt/done && sleep 600' >/dev/null
    until_true test -e "/proc/$(container_pid mounter)/root/mnt/done"
    run cat /proc/self/mountinfo
    output_lacks canary
    run cat "/proc/$(container_pid mounter)/mountinfo"
    output_has canary
}

@test "with SYS_ADMIN nothing mounted on a bound folder of the host reaches it, even where the host shares" {
    local folder=$BATS_TEST_TMPDIR/shared
    mkdir -p "$folder/below"
    mount --bind "$folder" "$folder"
    mount --make-shared "$folder"
    run skiff run --rm --cap-add SYS_ADMIN -v "$folder:/host" rust:latest \
        sh -c 'mount -t tmpfs canary /host/below && touch /host/below/x && ls /host/below'
    local left
    left=$(ls "$folder/below")
    umount "$folder"
    [ "$status" -eq 0 ] || told "cannot mount"
    output_is x
    [ -z "$left" ]
}
