#!/usr/bin/env bats
# A life that others interfere with: commands at the moment of the next start, folders and monitors
# that are gone, and descriptors that run out.
# shellcheck disable=SC2016,SC2034 # what until_true evaluates, and programs of containers
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
    thaw
    skiff_cleanup
}

field()
{
    skiff inspect --format "{{$2}}" "$1"
}

status_is()
{
    [ "$(field "$1" .State.Status)" = "$2" ]
}

restarted()
{
    [ "$(field "$1" .RestartCount)" -ge "$2" ]
}

monitor_of()
{
    awk '/^PPid/ { print $2 }' "/proc/$(container_pid "$1")/status"
}

# What the kernel limits its memory to.
limit_of()
{
    local group=/sys/fs/cgroup/memory/skiff/ file=memory.limit_in_bytes
    [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || { group=/sys/fs/cgroup/skiff/ && file=memory.max; }
    cat "$group$(field "$1" .Id)/$file"
}

# freeze PID, thaw: in a group of the test's own.
freeze()
{
    local folder=/sys/fs/cgroup/freezer/skiff-test-life
    [ -d /sys/fs/cgroup/freezer ] || folder=/sys/fs/cgroup/skiff-test-life
    mkdir -p "$folder"
    echo "$1" >"$folder/cgroup.procs"
    if [ -e "$folder/freezer.state" ]; then
        echo FROZEN >"$folder/freezer.state"
    else
        echo 1 >"$folder/cgroup.freeze"
    fi
    frozen=$folder
}

thaw()
{
    [ -n "${frozen:-}" ] || return 0
    if [ -e "$frozen/freezer.state" ]; then
        echo THAWED >"$frozen/freezer.state"
    else
        echo 0 >"$frozen/cgroup.freeze"
    fi
    until_true rmdir "$frozen" 2>/dev/null
    frozen=
}

# --- the next life -------------------------------------------------------------------------------

@test "what update says while a container waits for its next start holds for that life" {
    # Its third try stays.
    skiff run -d --name late --network none --restart always busybox \
        sh -c 'echo x >>/tries; [ "$(wc -l </tries)" -lt 4 ] || exec sleep 1000' >/dev/null
    until_true restarted late 2
    until_true status_is late restarting
    run_ok skiff update -m 33m --memory-swap 33m late
    until_true restarted late 3
    until_true status_is late running
    [ "$(limit_of late)" -eq $((33 << 20)) ]
    run_ok skiff inspect -f '{{.HostConfig.Memory}}' late
    output_is $((33 << 20))
    grep -q '"limit":34603008' "$SKIFF_ROOT/containers/$(field late .Id)/config.json"
}

@test "a policy that is taken away while a container waits for its next start: it does not come" {
    skiff run -d --name fickle --network none --restart always busybox false >/dev/null
    local count
    until_true restarted fickle 3
    until_true status_is fickle restarting
    count=$(field fickle .RestartCount)
    run_ok skiff update --restart no fickle
    until_true status_is fickle exited
    [ "$(field fickle .RestartCount)" -eq "$count" ]
    [ "$(field fickle .State.ExitCode)" -eq 1 ]
}

@test "update again and again through restarts: each life has its document's limits" {
    local life i
    skiff run -d --name both --network none --restart always busybox sleep 1000 >/dev/null
    for life in 1 2 3 4 5 6; do
        kill -9 "$(container_pid both)"
        for ((i = 20; i < 60; i++)); do
            skiff update -m ${i}m --memory-swap ${i}m both >/dev/null
            ! restarted both $life || break
        done
        until_true restarted both $life
        until_true status_is both running
        [ "$(limit_of both)" -eq "$(field both .HostConfig.Memory)" ]
        grep -q "\"limit\":$(field both .HostConfig.Memory)" "$SKIFF_ROOT/containers/$(field both .Id)/config.json"
    done
}

@test "who holds a container that waits for its next start keeps it from starting, not from stopping" {
    skiff run -d --name held --network none --restart always busybox true >/dev/null
    until_true restarted held 1
    until_true status_is held restarting
    local count
    exec 8<"$SKIFF_ROOT/containers/$(field held .Id)"
    flock 8
    until_true status_is held restarting
    count=$(field held .RestartCount)
    sleep 1
    [ "$(field held .RestartCount)" -eq "$count" ]
    status_is held restarting
    exec 8<&-
    until_true restarted held $((count + 1))
    run_ok skiff stop held
    status_is held exited
}

# --- --rm and restart ----------------------------------------------------------------------------

@test "a restart that is killed between stop and start: --rm is removed by the next command" {
    local id monitor restart
    id=$(skiff run -d --rm --name gone --network none busybox sleep 1000)
    monitor=$(monitor_of gone)
    kill -STOP "$monitor"
    "$SKIFF" restart -t 0 gone 3>&- &
    restart=$!
    until_true file_has "/proc/$(container_pid gone)/stat" ') Z '
    kill -STOP "$restart"
    kill -CONT "$monitor"
    until_true eval '! [ -e "$SKIFF_RUN_DIR/containers/$id" ]'
    # Stopped, and to be started: ps leaves it alone.
    run_ok skiff ps -aq --no-trunc
    output_is "$id"
    kill -9 "$restart"
    wait_all
    run_ok skiff ps -aq --no-trunc
    output_is ''
    [ ! -e "$SKIFF_ROOT/containers/$id" ]
}

@test "a restart that is killed before the stop: --rm is removed at its end as ever" {
    local id restart
    id=$(skiff run -d --rm --name kept --network none busybox sleep 1000)
    kill -STOP "$(monitor_of kept)"
    "$SKIFF" restart -t 100 kept 3>&- &
    restart=$!
    until_true eval '[ -e "$SKIFF_RUN_DIR/containers/$id/stopped" ]'
    kill -9 "$restart"
    wait_all
    kill -CONT "$(monitor_of kept)"
    run skiff kill kept
    until_true eval '! [ -e "$SKIFF_ROOT/containers/$id" ]'
}

@test "--rm and a start that fails: it is removed, as Docker's is" {
    skiff create --rm --name never --network none busybox /no/such/program >/dev/null
    run_fails 'no such file|not found' skiff start never
    run_ok skiff ps -aq
    output_is ''
}

# --- a log that is read to its end ---------------------------------------------------------------

@test "logs -f of a --rm container that is several files behind at its end has all of it" {
    local follower id folder
    mkfifo "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/pipe"
    id=$(skiff run -d --rm --name turns --network none -v "$BATS_TEST_TMPDIR:/d" --log-opt max-size=100k \
        --log-opt max-file=9 busybox sh -c 'read _ </d/go; seq 100000001 100009000; echo x >/x')
    "$SKIFF" logs -f turns >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    follower=$!
    exec 4<"$BATS_TEST_TMPDIR/pipe"
    until_true test -e "$SKIFF_ROOT/containers/$id/log"
    until_true file_has /proc/locks "$(stat -c %i "$SKIFF_ROOT/containers/$id")"
    echo >"$BATS_TEST_TMPDIR/go"
    folder=$SKIFF_ROOT/removed/$id
    until_true test -e "$folder"
    # It is out of sight, and what takes room is gone; the log waits for its reader.
    until_true eval '! [ -e "$folder/upper" ]'
    run_ok skiff ps -aq
    output_is ''
    [ -e "$folder/log.4" ]
    run skiff system check # of the machine's groups some may be others'
    output_lacks 'giving back its space'
    head -n 9000 <&4 | cmp - <(seq 100000001 100009000)
    exec 4<&-
    wait "$follower" || true
    [ ! -s "$BATS_TEST_TMPDIR/err" ]
    [ ! -e "$folder" ]
}

@test "a reader that is killed leaves a removed container's log to the next command" {
    local follower id
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    id=$(skiff run -d --rm --name read --network none busybox sh -c 'seq 100000001 100020000; exec sleep 1000')
    "$SKIFF" logs -f read >"$BATS_TEST_TMPDIR/pipe" 3>&- &
    follower=$!
    exec 4<"$BATS_TEST_TMPDIR/pipe"
    head -n 1 <&4 >/dev/null
    skiff kill read >/dev/null
    until_true test -e "$SKIFF_ROOT/removed/$id/log"
    kill -9 "$follower"
    wait "$follower" || true
    exec 4<&-
    skiff ps >/dev/null
    [ ! -e "$SKIFF_ROOT/removed/$id" ]
}

# --- a monitor that was killed -------------------------------------------------------------------

@test "start just after a monitor was killed starts it, and does not say that it runs" {
    local i pid monitor id
    id=$(skiff run -d --name dying --network none busybox sleep 1000)
    for ((i = 0; i < 5; i++)); do
        pid=$(container_pid dying)
        monitor=$(monitor_of dying)
        # As long as it does not run it cannot die, and holds all that it holds: stopped in the
        # freezer it is as one that has not been scheduled since.
        freeze "$monitor"
        kill -9 "$monitor"
        "$SKIFF" start dying >/dev/null 3>&- &
        sleep 0.1
        thaw
        wait_all
        status_is dying running
        kill -0 "$(container_pid dying)"
        [ "$(container_pid dying)" -ne "$pid" ]
    done
    # And one that does run is asked, and left alone.
    pid=$(container_pid dying)
    run_ok skiff start dying
    [ "$(container_pid dying)" -eq "$pid" ]
    kill -STOP "$(monitor_of dying)"
    run_ok skiff start dying
    kill -CONT "$(monitor_of dying)"
    [ "$(container_pid dying)" -eq "$pid" ]
}

# --- descriptors ---------------------------------------------------------------------------------

# How often it went to sleep: who spins never does, however busy the machine is.
naps()
{
    awk '/^voluntary_ctxt/ { print $2 }' "/proc/$1/status"
}

# In hundredths of a second.
cpu_time()
{
    awk '{ print $14 + $15 }' "/proc/$1/stat"
}

descriptors_of()
{
    find "/proc/$1/fd" -type l | wc -l
}

rests()
{
    ! find "/proc/$1/fd" -lname '*cgroup*' | grep -q .
}

@test "a monitor at rest has no descriptor of the control group, and still knows of an OOM kill" {
    skiff run -d --name idle -m 16m --memory-swap 16m -v "$BATS_TEST_TMPDIR:/d" --network none busybox \
        sh -c 'until [ -e /d/go ]; do sleep 0.1; done; exec dd if=/dev/zero of=/dev/null bs=64M' >/dev/null
    local monitor id
    id=$(field idle .Id)
    monitor=$(monitor_of idle)
    until_true rests "$monitor"
    [ "$(descriptors_of "$monitor")" -le 18 ]
    touch "$BATS_TEST_TMPDIR/go"
    [ "$(skiff wait idle)" -eq 137 ]
    [ "$(field idle .State.OOMKilled)" = true ]
    [ -z "$(find /sys/fs/cgroup -type d -name "$id" 2>/dev/null || true)" ]
}

@test "clients for whom a monitor has no descriptor wait, cost nothing, and hear the end; stop, and the next life, go on" {
    local monitor before slept i pid
    skiff run -d --name full --restart on-failure:1 --network none busybox sleep 1000 >/dev/null
    monitor=$(monitor_of full)
    until_true rests "$monitor"
    prlimit --pid "$monitor" --nofile=128:128
    for ((i = 0; i < 60; i++)); do
        "$SKIFF" wait full >"$BATS_TEST_TMPDIR/wait.$i" 2>&1 3>&- &
    done
    # All that it takes have been taken.
    until_true eval '[ "$(descriptors_of "$monitor")" -ge 45 ]'
    before=$(cpu_time "$monitor")
    slept=$(naps "$monitor")
    until_true eval '[ "$(naps "$monitor")" -ge $((slept + 10)) ]'
    [ $(($(cpu_time "$monitor") - before)) -lt 50 ]
    pid=$(container_pid full)
    kill -9 "$pid"
    until_true restarted full 1
    until_true status_is full running
    run_ok skiff stop -t 0 full
    status_is full exited
    wait_all
    # Each was told of the first end or of the second.
    for ((i = 0; i < 60; i++)); do
        [ "$(cat "$BATS_TEST_TMPDIR/wait.$i")" = 137 ]
    done
}

@test "more clients than a monitor's queue has places do not keep stop from ending it" {
    local monitor i
    skiff run -d --name crowd --network none busybox sleep 1000 >/dev/null
    monitor=$(monitor_of crowd)
    until_true rests "$monitor"
    prlimit --pid "$monitor" --nofile=24:24
    for ((i = 0; i < 160; i++)); do
        "$SKIFF" wait crowd >/dev/null 2>&1 3>&- &
    done
    # The queue is full when one that does not wait is turned away.
    until_true eval '! python3 -c "
import os, socket
s = socket.socket(socket.AF_UNIX); s.setblocking(False)
os.chdir(\"$SKIFF_RUN_DIR/containers/$(field crowd .Id)\")
s.connect(\"monitor.sock\")" 2>/dev/null'
    run_ok timeout 60 "$SKIFF" stop -t 0 crowd
    status_is crowd exited
    wait_all
}

# --- a run folder that was deleted ----------------------------------------------------------------

# What is left of a container without its run folder: one process, the first.
alone()
{
    local group=/sys/fs/cgroup/pids/skiff/$1
    [ -d "$group" ] || group=/sys/fs/cgroup/skiff/$1
    kill -0 "$2"
    [ "$(cat "$group/cgroup.procs")" = "$2" ]
}

@test "a container whose run folder was deleted is not started a second time, and is shown as it is" {
    local id pid folder
    for folder in "$SKIFF_RUN_DIR" "$SKIFF_RUN_DIR/locks" "$SKIFF_RUN_DIR/containers"; do
        id=$(skiff run -d --name one --network none busybox sleep 1000)
        pid=$(container_pid one)
        rm -rf "$folder"
        [ "$folder" != "$SKIFF_RUN_DIR/containers" ] || rm -rf "$SKIFF_RUN_DIR/locks/$id"
        run "$SKIFF" start one
        alone "$id" "$pid"
        status_is one running
        [ "$(container_pid one)" -eq "$pid" ]
        run_ok skiff ps -q
        output_is "${id:0:12}"
        run_fails 'running' skiff rm one
        alone "$id" "$pid"
        # It can be ended, and then begins anew.
        run_ok skiff stop -t 0 one
        status_is one exited
        run_ok skiff start one
        status_is one running
        run_ok skiff stop -t 0 one
        run_ok skiff rm one
    done
}

@test "a container whose run folder was deleted: rm -f, whatever its policy" {
    local id pid
    id=$(skiff run -d --name one --restart always --network none busybox sleep 1000)
    pid=$(container_pid one)
    rm -rf "$SKIFF_RUN_DIR"
    run_ok skiff rm -f one
    run kill -0 "$pid"
    [ "$status" -ne 0 ]
    [ ! -e "$SKIFF_ROOT/containers/$id" ]
    run_ok skiff ps -aq
    output_is ''
}
