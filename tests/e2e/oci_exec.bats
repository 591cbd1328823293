# skiff-oci exec: one more process in a container, by runc's command line.
# shellcheck disable=SC2016,SC2154 # the containers' shells expand; bundle and id are the library's
load ../lib/common
load ../lib/oci
load ../lib/pty

setup_file()
{
    oci_setup
    require_command cc tmux
    cc -D_GNU_SOURCE -o "$oci_folder/receiver" "$SKIFF_SOURCE/tests/e2e/console_receiver.c"
}

teardown_file()
{
    oci_teardown
}

teardown()
{
    pty_stop
    oci_cleanup
}

# running [FILTER...]: a container that does nothing; $pid is its first process.
running()
{
    bundle '.process.args = ["sleep", "1000"]' "$@"
    oci run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&-
    pid=$(oci state "$id" | jq .pid)
}

# What a process may and where it is, for a comparison.
walls='{ for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done
    cat /proc/self/cgroup; grep -E "^(Cap|NoNewPrivs|Seccomp)" /proc/self/status; umask
    cat /proc/self/oom_score_adj /proc/self/limits; }'

# same_walls FILTER...: what the first process writes of itself, an exec writes, too.
same_walls()
{
    local file=/tmp/first-$RANDOM
    bundle "$(sh_c "$walls >$file; exec sleep 1000")" ".root.readonly = false" "$@"
    oci run -d -b "$bundle" "$id" </dev/null >/dev/null 2>&1 3>&-
    run_ok oci exec "$id" sh -c "while ! grep -q \"realtime timeout\" $file 2>/dev/null; do :; done; cat $file"
    local first=$output
    run_ok oci exec "$id" sh -c "$walls"
    output_is "$first"
}

@test "exec: walls, limits and rights are those of the container's own process" {
    same_walls
    same_walls '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 77, hard: 99}]' \
        '.process.oomScoreAdj = 321' '.process.user.umask = 63' \
        '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["swapon"], action: "SCMP_ACT_ERRNO"}]}'
    same_walls '.process.noNewPrivileges = false' '.process.capabilities.effective = ["CAP_KILL"]' \
        '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW"}'
    same_walls '.linux.namespaces += [{type: "user"}]' \
        '.linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]' \
        '.linux.gidMappings = [{containerID: 0, hostID: 100000, size: 65536}]'
    same_walls '.linux.namespaces += [{type: "time"}]' '.linux.timeOffsets = {boottime: {secs: 1000}}'
    same_walls '.linux.namespaces |= map(select(.type == "mount" or .type == "ipc"))' 'del(.hostname)'
}

@test "exec: exit statuses, of ours too" {
    running
    run_status 0 oci exec "$id" true
    run_status 7 oci exec "$id" sh -c 'exit 7'
    run_status 137 oci exec "$id" sh -c 'kill -9 $$'
    run_status 255 oci exec "$id" nonesuch
    output_is 'skiff-oci: cannot start "nonesuch": executable file not found in $PATH'
    run_status 255 oci exec "$id" /etc/passwd
    output_is 'skiff-oci: cannot start "/etc/passwd": exec: permission denied'
    run_fails 'a container and what to execute in it are needed' oci exec "$id"
    run_fails 'does not exist' oci exec nobody true
}

@test "exec: options change the configuration's process" {
    running '.process.env += ["KEPT=yes"]' '.process.user = {uid: 0, gid: 50}'
    run_ok oci exec -u 1000 -g 7 --additional-gids 8 -e A=b --env C=d --cwd /tmp "$id" \
        sh -c 'echo $(id -u):$(id -g):$(id -G); echo $A$C$KEPT; pwd'
    output_is $'1000:50:50 7 8\nbdyes\n/tmp'
    run_ok oci exec -u 5:6 "$id" sh -c 'echo $(id -u):$(id -g)'
    output_is 5:6
    local uid
    for uid in x -1 4294967296 2147483648 1: 1:x; do
        run_fails 'is not a user or group ID' oci exec -u="$uid" "$id" true
    done
    # A capability more, and none that is inherited.
    run_ok oci exec -c CAP_SYS_TIME "$id" grep -E '^Cap(Inh|Eff)' /proc/self/status
    output_is $'CapInh:\t0000000000000000\nCapEff:\t0000000022000420'
    run_fails 'unknown capability "CAP_NONE"' oci exec -c CAP_NONE "$id" true
}

@test "exec: --no-new-privs" {
    running '.process.noNewPrivileges = false'
    run_ok oci exec "$id" grep NoNewPrivs /proc/self/status
    output_is $'NoNewPrivs:\t0'
    run_ok oci exec --no-new-privs "$id" grep NoNewPrivs /proc/self/status
    output_is $'NoNewPrivs:\t1'
}

@test "exec: what is not supported is refused by name" {
    running
    run_fails 'apparmorProfile" is not supported' oci exec --apparmor some "$id" true
    run_fails 'selinuxLabel" is not supported' oci exec --process-label some "$id" true
    run_fails '"--cgroup" is not supported' oci exec --cgroup x "$id" true
}

@test "exec: a process from a file, detached, with its number" {
    running
    jq '.process | .args = ["sleep", "777"] | .cwd = "/tmp"' "$bundle/config.json" >"$bundle/process"
    oci exec --process "$bundle/process" --detach --pid-file "$bundle/pid" "$id" \
        >"$bundle/out" 2>&1 </dev/null 3>&-
    [ ! -s "$bundle/out" ]
    local other
    other=$(cat "$bundle/pid")
    [ "$(tr '\0' ' ' <"/proc/$other/cmdline")" = 'sleep 777 ' ]
    [ "$(readlink "/proc/$other/ns/pid")" = "$(readlink "/proc/$pid/ns/pid")" ]
    [ "$(cat "/proc/$other/cgroup")" = "$(cat "/proc/$pid/cgroup")" ]
    # It dies with the container.
    oci delete --force "$id"
    until_true is_gone "$other"
    nothing_left "$id"
}

@test "exec: descriptors of the caller's only when they are asked for" {
    running
    run_ok oci exec "$id" sh -c 'ls /proc/self/fd' 5</ 6</
    output_is $'0\n1\n2\n3' # 3 is ls's own
    run_ok oci exec --preserve-fds 1 "$id" sh -c 'cat <&3' 3<"$bundle/config.json"
    output_is "$(cat "$bundle/config.json")"
    run_fails 'descriptor 9 is not open' bash -c \
        "exec '$SKIFF_OCI' --root '$OCI_ROOT' exec --preserve-fds 7 '$id' true 3</ 4</ 5</ 6</ 7</ 8</ 9<&-"
}

@test "exec: a terminal in the foreground" {
    running
    pty_start "$SKIFF_OCI" --root "$OCI_ROOT" exec -t "$id" \
        sh -c 'tty; stty size; trap "exit 9" INT; echo ready; while :; do sleep 0.05; done'
    pty_wait '^ready$'
    pty_shows '^/dev/pts/0$'
    pty_shows '^24 80$'
    pty_key C-c
    pty_ended
    [ "$(pty_status)" -eq 9 ]
}

@test "exec: a terminal over a socket" {
    running
    "$oci_folder/receiver" "$bundle/socket" >"$bundle/out" 2>"$bundle/said" 3>&- <<<'exit 3' &
    until_true file_has "$bundle/said" listening
    run_ok oci exec -t --console-socket "$bundle/socket" --detach "$id" sh -c 'tty; read word' 3>&-
    wait_all
    file_has "$bundle/out" '/dev/pts/0'
    run_fails 'console-socket is needed' oci exec -t --detach "$id" true
    run_fails 'no terminal is asked for' oci exec --console-socket "$bundle/socket" "$id" true
}

@test "exec: signals go to the process" {
    running
    mkfifo "$bundle/said"
    "$SKIFF_OCI" --root "$OCI_ROOT" exec "$id" \
        sh -c 'trap "exit 21" TERM; echo ready; while :; do sleep 0.05; done' \
        >"$bundle/said" 3>&- &
    local client=$! status=0 word
    read -r word <"$bundle/said"
    [ "$word" = ready ]
    kill -TERM "$client"
    wait "$client" || status=$?
    [ "$status" -eq 21 ]
}

@test "exec: not in a stopped container, and not in one that is paused" {
    running
    local group
    group=$(cgroups_of "$id" | grep -E 'freezer|^/sys/fs/cgroup/skiff-oci' | head -n 1)
    if [ -e "$group/freezer.state" ]; then
        echo FROZEN >"$group/freezer.state"
        until_true file_has "$group/freezer.state" FROZEN
    else
        echo 1 >"$group/cgroup.freeze"
        until_true file_has "$group/cgroup.events" 'frozen 1'
    fi
    run_status 255 oci exec "$id" true
    output_has 'paused container'
    if [ -e "$group/freezer.state" ]; then echo THAWED >"$group/freezer.state"; else echo 0 >"$group/cgroup.freeze"; fi
    run_ok oci exec "$id" true
    kill -KILL "$pid"
    until_true status_is "$id" stopped
    run_status 255 oci exec "$id" true
    output_is 'skiff-oci: cannot exec in a stopped container'
}

@test "exec: in a container that is created and not started" {
    bundle
    oci create -b "$bundle" "$id"
    run_ok oci exec "$id" echo here
    output_is here
}

@test "exec: a container that ends meanwhile is told in one line" {
    local i n=0
    for ((i = 0; i < 15; i++)); do
        running
        (kill -KILL "$pid") &
        run oci exec "$id" sh -c 'sleep 100'
        wait_all
        case $status in
        137) n=$((n + 1)) ;; # it was in there, and died with it
        255) output_is 'skiff-oci: cannot exec in a stopped container' ;;
        *) told "round $i" ;;
        esac
        oci delete --force "$id"
    done
    echo "$n of them died inside"
}
