# What of the machine could be seen or changed from inside: files of the kernel, control groups,
# system calls, the terminal, other processes.
bats_require_minimum_version 1.5.0
load ../lib/common
load ../lib/pty
load security

setup_file()
{
    security_setup
}

teardown_file()
{
    security_teardown
}

teardown()
{
    pty_stop
    skiff_cleanup
}

# --- files of the kernel -------------------------------------------------------------------------

@test "proc leaks: each path that is masked shows nothing, also to root with more rights" {
    local path rights shown=0
    for rights in --cap-add=CHOWN --cap-add=ALL --userns=private --pid=host; do
        for path in /proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys \
            /proc/latency_stats /proc/sched_debug /proc/scsi /proc/timer_list /proc/timer_stats \
            /sys/firmware /sys/devices/virtual/powercap; do
            [ -e "$path" ] || continue
            if [ -d "$path" ]; then
                run_ok quick "$rights" busybox ls -A "$path"
            else
                run_ok quick "$rights" busybox cat "$path"
            fi
            output_is ""
            shown=$((shown + 1))
        done
    done
    [ "$shown" -ge 12 ]
    # The processors' counters, which this machine may not have, are masked one by one.
    run_ok unshare -m bash -ec "
        mount -t tmpfs fake /sys/devices/system/cpu
        echo 0-1 >/sys/devices/system/cpu/possible
        mkdir -p /sys/devices/system/cpu/cpu{0,1}/thermal_throttle
        '$SKIFF' run -d --network none --name throttle busybox sleep 100"
    run_ok jq -c '.linux.maskedPaths | map(select(endswith("thermal_throttle")))' \
        "$SKIFF_ROOT"/containers/*/config.json
    output_is '["/sys/devices/system/cpu/cpu0/thermal_throttle","/sys/devices/system/cpu/cpu1/thermal_throttle"]'
}

@test "proc leaks: each path that is read-only refuses root" {
    local path
    for path in /proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger; do
        [ -e "$path" ] || continue
        run_ok quick --cap-add ALL busybox grep -E " $path ro," /proc/self/mountinfo
    done
    run quick --cap-add ALL busybox sh -c 'echo 1 >/proc/sys/kernel/core_pattern'
    output_has 'Read-only file system'
    run quick --cap-add ALL busybox sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    output_has 'Read-only file system'
    # Nothing below /sys either, nor by another way to the same files.
    run quick --cap-add ALL busybox sh -c 'echo 1 >/sys/kernel/uevent_helper'
    [ "$status" -ne 0 ]
    run quick --cap-add ALL busybox sh -c 'echo 1 >/proc/1/root/proc/sys/kernel/core_pattern'
    output_has 'Read-only file system'
    run quick busybox mount -o remount,rw /proc/sys
    [ "$status" -ne 0 ]
    run quick busybox umount /proc/keys
    [ "$status" -ne 0 ]
}

@test "proc leaks: what may be masked anew, and no more, is what was asked for" {
    run_ok quick --security-opt systempaths=unconfined busybox sh -c 'cat /proc/keys | wc -c'
    [ "$output" -gt 0 ]
    run_fails 'security-opt' quick --security-opt systempaths=everything busybox true
    run_fails 'security-opt' quick --security-opt seccomp busybox true
}

# --- control groups ------------------------------------------------------------------------------

# Every place of the cgroup tree where a container could write.
cgroup_attack='
    for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do
        [ -d $folder ] || continue
        mkdir $folder/evil 2>/dev/null && echo "made $folder/evil"
        for file in release_agent notify_on_release cgroup.procs tasks cgroup.subtree_control; do
            (echo 1 >$folder/$file) 2>/dev/null && echo "wrote $folder/$file"
        done
        ls $folder | grep release_agent
    done
    mount -o remount,rw /sys/fs/cgroup 2>/dev/null && echo remounted
    true'

@test "CVE-2023-25809: the cgroup tree is read-only, and the container's own part of it alone" {
    local options
    for options in "" --cgroupns=host --cgroupns=private "--userns=private" "--userns=private --cgroupns=host" \
        "--privileged=false --cap-add=CHOWN"; do
        # shellcheck disable=SC2086 # options are words
        run_ok quick $options busybox sh -c "$cgroup_attack"
        output_is ""
        # shellcheck disable=SC2086
        run_ok quick $options busybox sh -c 'cat /sys/fs/cgroup/memory/cgroup.procs /sys/fs/cgroup/cgroup.procs 2>/dev/null | wc -l'
        [ "$output" -le 4 ] || told "$options: more than its own processes"
    done
    # It is an attack: where it is let in, it says so.
    run_ok quick --privileged busybox sh -c "$cgroup_attack"
    output_has 'made /sys/fs/cgroup'
    # Every cgroup mount there is, is read-only.
    run_ok quick --cgroupns=host busybox grep -E ' - cgroup2? ' /proc/self/mountinfo
    [ "$(grep -vcE '^[0-9 ]+ [0-9:]+ [^ ]+ [^ ]+ ro,' <<<"$output")" -eq 0 ] || told "a writable one"
    # The same of a bundle.
    local folder
    folder=$(bundle cgroup '.linux.namespaces |= map(select(.type != "cgroup"))')
    jq --arg attack "$cgroup_attack" '.process.args = ["sh", "-c", $attack]' "$folder/config.json" \
        >"$folder/config.new"
    mv "$folder/config.new" "$folder/config.json"
    run_ok oci run -b "$folder" cgroup
    output_is ""
}

@test "CVE-2022-0492: no namespace of its own gives a payload the right to mount a cgroup hierarchy" {
    run_ok quick probe /probe calls
    output_is ""
    run_ok quick -u 1000 probe /probe calls
    output_is ""
    run_ok quick --userns=private probe /probe calls
    output_is ""
    run quick --privileged probe /probe calls
    [ "$status" -eq 1 ]
    output_has 'unshare.NEWUSER. went through'
    run quick busybox unshare -Ur true
    [ "$status" -ne 0 ]
    run quick busybox unshare -m true
    [ "$status" -ne 0 ]
    # Even without the filter: what is mounted there is the container's own group, not a hierarchy's root.
    run quick --security-opt seccomp=unconfined busybox unshare -Urm sh -c '
        for kind in memory pids devices; do
            mkdir -p /tmp/$kind
            mount -t cgroup -o $kind cgroup /tmp/$kind && ls /tmp/$kind/release_agent
        done'
    output_lacks '(^|[^:] )/tmp/[a-z]*/release_agent($|[^:])'
}

# --- the terminal --------------------------------------------------------------------------------

@test "TIOCSTI: a payload cannot type into the terminal of whoever started it" {
    # With a terminal of its own it types into that, whatever it is worth; never into ours.
    pty_start bash --norc
    pty_type "PS1='prompt> '"
    pty_wait '^prompt>$'
    pty_type "'$SKIFF' run --rm --network none -t probe /probe type; echo status \$?"
    pty_wait '^status [0-9]+'
    pty_type "'$SKIFF' run --rm --network none -it probe /probe type; echo again \$?"
    pty_wait '^again [0-9]+'
    # A bundle without a terminal has ours for its streams, but not for its own terminal.
    local folder
    folder=$(bundle type '.process.args = ["/probe", "type"]')
    pty_type "'$SKIFF_OCI' --root '$skiff_folder/oci' run -b '$folder' type; echo oci \$?"
    pty_wait '^oci [0-9]+'
    pty_wait '^oci 0'
    pty_type "echo over"
    pty_wait '^over'
    [ ! -e /typed ]
    run pty_screen
    output_lacks 'touch /typed$'
}

@test "what an image or a user calls things gives no orders to the terminal that shows them" {
    local evil=$'/x\e]0;title\a\e[31m\nskiff: all is well\x7f\xc2\x9b31m'
    run -127 skiff run --rm --network none --entrypoint "$evil" busybox
    [ "${#lines[@]}" -eq 1 ]
    [ "$(LC_ALL=C tr -d '[:print:]\n' <<<"$output" | wc -c)" -eq 0 ] || told "control characters"
    skiff run -d --network none --name evil busybox sh -c 'sleep 100' "$evil"
    run_ok skiff ps --no-trunc
    [ "${#lines[@]}" -eq 2 ] || told "one container a line"
    [ "$(LC_ALL=C tr -d '[:print:]\n' <<<"$output" | wc -c)" -eq 0 ] || told "control characters"
    local folder
    folder=$(bundle evil)
    jq --arg evil "$evil" '.process.args = [$evil]' "$folder/config.json" >"$folder/config.new"
    mv "$folder/config.new" "$folder/config.json"
    run oci --log "$BATS_TEST_TMPDIR/log" run -b "$folder" evil
    [ "${#lines[@]}" -eq 1 ]
    [ "$(LC_ALL=C tr -d '[:print:]\n' <<<"$output" | wc -c)" -eq 0 ] || told "control characters"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/log")" -eq 1 ]
}

# --- other processes -----------------------------------------------------------------------------

@test "with the host's PID namespace and Docker's rights a payload cannot look into our processes" {
    skiff run -d --network none --name other busybox sleep 100
    local pid monitor
    pid=$(container_pid other)
    monitor=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
    local attack='
        for pid in '"$monitor $$ 1"'; do
            for file in root/ cwd/ fd/0 environ mem maps exe map_files/ task/$pid/root/ ns/mnt; do
                case $file in
                */) ls /proc/$pid/$file ;;
                fd/0) readlink /proc/$pid/fd/0 ;;
                ns/*) nsenter --mount=/proc/$pid/$file true && echo entered ;;
                exe) cat /proc/$pid/exe ;;
                *) dd if=/proc/$pid/$file bs=1 count=1 ;;
                esac >/tmp/out 2>/dev/null && [ -s /tmp/out ] && echo "$pid $file"
            done
        done
        true'
    run_ok quick --pid=host busybox sh -c "$attack"
    output_is ""
    run_ok quick --pid=host -u 1000 busybox sh -c "$attack"
    output_is ""
    run_ok quick --pid=host --cap-add SYS_PTRACE busybox sh -c "$attack"
    output_has "$monitor root/"
}

@test "a payload that shares a PID namespace cannot trace or stop the engine's processes" {
    skiff run -d --network none --name shared busybox sleep 100
    run_ok quick --pid=container:shared busybox sh -c 'ps -o pid,comm | grep -c skiff || true'
    output_is 0
    # It may kill what joins, as root there: that must end as a start that failed, or a container
    # that was killed, and leave nothing.
    skiff run -d --network none --name killer --pid=container:shared busybox sh -c \
        'while true; do kill -9 -1 2>/dev/null; done'
    local i
    for ((i = 0; i < 50; i++)); do
        attempt quick --pid=container:shared busybox true
        case $status in
        0 | 137) [ "$output" = "" ] || told "words of a container that was killed" ;;
        125) [[ $output = "skiff: cannot start the container: "* ]] || told "a start that failed" ;;
        *) told "neither" ;;
        esac
    done
    skiff rm -f killer shared
    run_ok skiff ps -aq
    output_is ""
}

# --- mounts with more rights ---------------------------------------------------------------------

@test "what a payload with CAP_SYS_ADMIN mounts never reaches the host" {
    local before after
    before=$(wc -l </proc/self/mountinfo)
    mkdir "$BATS_TEST_TMPDIR/volume"
    run_ok quick --cap-add SYS_ADMIN -v "$BATS_TEST_TMPDIR/volume:/volume" busybox sh -c '
        mkdir -p /volume/x && mount -t tmpfs evil /volume/x && touch /volume/x/inside &&
            mount --bind /proc /mnt 2>/dev/null; mount | grep -c evil'
    output_is 1
    [ ! -e "$BATS_TEST_TMPDIR/volume/x/inside" ]
    after=$(wc -l </proc/self/mountinfo)
    [ "$before" -eq "$after" ]
    # Neither is the old root left anywhere.
    run_ok quick --cap-add SYS_ADMIN busybox sh -c '
        umount -l /proc/sys 2>/dev/null; umount / 2>/dev/null; cd /; for i in 1 2 3 4 5; do cd ..; done
        ls '"$CANARY"' 2>&1 || true'
    output_has 'No such file'
}
