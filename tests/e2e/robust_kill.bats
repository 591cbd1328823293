#!/usr/bin/env bats
# Whatever of ours is killed, whenever, and whichever write fails: no container is lost, none is shown
# as running that does not run, each can be removed, and then nothing is left.
#
# Killed here, and the next command there:
#
#   killed                                     what is left                         who puts it right, and how
#   -----------------------------------------  -----------------------------------  ----------------------------------
#   create, run: before container.json         lock free, a folder, perhaps a name  reaper: folder and name go
#   create, run: after it                      lock free, no config.json            reaper: it is created
#   run, start: before the monitor             lock free, config.json; a cgroup     reaper: exited 137 (run), or as it
#                                              without processes                    ended last (start): its state.json
#                                                                                   goes only when the new one is
#                                                                                   published
#   start: the client, after the fork          nothing: the monitor goes on         a second start waits for the lock,
#                                                                                   sees it run, and is content
#   monitor: between clone and execve          init dies with it (PDEATHSIG)        reaper: exited 137
#   monitor: while it runs                     the same                             the same; clients are told
#   monitor: between two lives                 published as restarting, lock free   reaper: exited 137
#   monitor: state written, run folder there   lock free, both say something        reaper: state.json is the truth
#   monitor: run folder gone, lock there       lock free                            reaper: the lock goes
#   monitor: --rm, folder moved to removed/    name, run folder, lock, space        reaper goes on from there
#   stop: mark set, not signalled              runs, marked                         it is stopped, once it ends; a start
#                                                                                   afterwards knows nothing of it
#   restart: stopped, not started              exited; --rm: no state.json          whoever starts it; reaper: removed
#   pause: marked, not frozen                  runs; the mark only says that the    nobody needs to
#                                              freezer is to be asked
#   unpause: thawed, still marked              the same                             the same
#   rename: second name claimed                two links; the document says the     the new one is free for whoever
#                                              old one; "renamed" in its folder     claims it; both go with it
#   rename: document written                   two links; it says the new one       the same for the old one
#   rm: folder moved                           name, run folder, lock, space        reaper goes on from there
#   reaper                                     the lock that it took is free again  the next one
#   the machine                                no run folder; config.json and no    reaper: exited, 137 unless state.json
#                                              state.json says that it ran          says better; boot
load ../lib/common
load ../lib/leftovers

setup_file()
{
    require_root
    require_command python3
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
    [ -z "${full:-}" ] || {
        SKIFF_ROOT=$full/root skiff_cleanup
        SKIFF_RUN_DIR=$full/run skiff_cleanup
        umount -l "$full"
    }
    skiff_cleanup
}

killer()
{
    "$SKIFF_SOURCE/tests/lib/killer.py" "$1" "$SKIFF" busybox "$LEFTOVERS_GROUP"
}

# What ps and inspect say is so.
truthful()
{
    run_ok killer 0
}

field()
{
    skiff inspect --format "{{$2}}" "$1"
}

# made NAME COMMAND...; started NAME COMMAND...
made()
{
    local name=$1
    shift
    skiff create --network none --cgroup-parent "$LEFTOVERS_GROUP" --name "$name" busybox "$@" >/dev/null
}

started()
{
    made "$@"
    skiff start "$1" >/dev/null
}

all_gone()
{
    local ids
    ids=$(skiff ps -aq --no-trunc)
    # shellcheck disable=SC2086 # one ID a word
    [ -z "$ids" ] || run_ok skiff rm -f $ids
    nothing_left
}

@test "random commands, and random processes of ours killed: ${SKIFF_TEST_RUNS:-50} times" {
    run_ok killer "${SKIFF_TEST_RUNS:-50}"
    all_gone
}

# --- what the table says, row by row --------------------------------------------------------------

# cut_off SYSCALL WHEN COMMAND...: the command, killed at the WHENth call of SYSCALL in one of its
# processes.
cut_off()
{
    local call=$1 when=$2
    shift 2
    timeout -s KILL 60 strace -f -qq -o /dev/null -e trace="$call" -e inject="$call:signal=KILL:when=$when" \
        "$SKIFF" "$@" >/dev/null 2>&1 || true
}

# one_of WORD...
one_of()
{
    shift $((RANDOM % $#))
    echo "$1"
}

@test "start, rename, restart and rm, killed at the calls by which they change files" {
    require_command strace
    local i call when command
    for i in $(seq $((${SKIFF_TEST_RUNS:-50} / 2))); do
        call=$(one_of renameat unlinkat mkdirat symlinkat linkat flock)
        when=$(one_of 1 2 3 4 5 6)
        command=$(one_of "start victim" "rename victim other" "restart -t 0 victim" "rm -f victim")
        made victim sleep 0.05
        # shellcheck disable=SC2086 # a command and its words
        cut_off "$call" "$when" $command
        truthful || told "after: $command, killed at $call $when"
        [ "$(skiff ps -aq | wc -l)" -le 1 ]
        # Its name, or the other one, is whose it is or free; never both taken and nobody's.
        [ -z "$(skiff ps -aq)" ] || run_ok skiff rm -f "$(skiff ps -aq)"
        made victim true || told "after: $command, killed at $call $when"
        made other true || told "after: $command, killed at $call $when"
        all_gone
    done
}

@test "a renaming that was cut off: the name that it has not is free" {
    require_command strace
    made victim true
    # The last unlinkat is the old name's.
    cut_off unlinkat 1 rename victim other
    [ "$(field other .Name)" = /other ]
    made victim true
    run_fails 'already in use' skiff create --name other busybox true
    all_gone
}

@test "rm that was cut off once the folder was moved: the next command finishes it" {
    require_command strace
    made victim true
    cut_off unlinkat 1 rm victim
    [ -z "$(skiff ps -aq)" ]
    nothing_left
}

@test "a start that was cut off before it began leaves the last end as it was" {
    require_command strace
    started victim sh -c 'exit 3'
    skiff wait victim >/dev/null
    cut_off clone 1 start victim
    [ "$(field victim .State.Status)" = exited ]
    [ "$(field victim .State.ExitCode)" -eq 3 ]
    all_gone
}

@test "a monitor that is killed: its container dies with it, and all are told" {
    started victim sleep 1000
    local monitor status=0
    monitor=$(awk '/^PPid/ { print $2 }' "/proc/$(container_pid victim)/status")
    "$SKIFF" attach victim >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local client=$!
    "$SKIFF" wait victim >"$BATS_TEST_TMPDIR/wait" 3>&- &
    local waiting=$!
    until_true eval '[ "$(find "/proc/'"$monitor"'/fd" -lname "socket:*" | wc -l)" -ge 3 ]'
    kill -9 "$monitor"
    wait "$waiting"
    [ "$(cat "$BATS_TEST_TMPDIR/wait")" -eq 137 ]
    wait "$client" || status=$?
    [ "$status" -ne 0 ]
    grep -q 'monitor was killed' "$BATS_TEST_TMPDIR/out"
    [ "$(field victim .State.Status)" = exited ]
    [ "$(field victim .State.ExitCode)" -eq 137 ]
    run_ok skiff start victim
    all_gone
}

@test "the monitor of a paused one is killed: it can be removed, and started" {
    local again
    for again in rm start; do
        started victim sleep 1000
        skiff pause victim >/dev/null
        kill -9 "$(awk '/^PPid/ { print $2 }' "/proc/$(container_pid victim)/status")"
        truthful
        [ "$(field victim .State.Status)" = exited ]
        run_ok skiff $again victim
        all_gone
    done
}

# --- two hundred at once ---------------------------------------------------------------------------

@test "two hundred commands at once on one container: an end that some order gives, and nothing left" {
    started crowd sleep 1000
    local id
    id=$(field crowd .Id)
    local verbs=("start" "stop -t 0" "pause" "unpause" "kill" "restart -t 0" "exec" "rename" "update --restart no" "kill -s USR1")
    local i words pids=
    for i in $(seq 200); do
        words=${verbs[RANDOM % ${#verbs[@]}]}
        case $words in
        exec) words="exec $id true" ;;
        rename) words="rename $id crowd$((RANDOM % 5))" ;;
        *) words="$words $id" ;;
        esac
        # shellcheck disable=SC2086 # a command and its words
        timeout -s KILL 120 "$SKIFF" $words >/dev/null 2>>"$BATS_TEST_TMPDIR/stories" 3>&- &
        pids="$pids $!"
    done
    local status pid
    for pid in $pids; do
        status=0
        wait "$pid" || status=$?
        # Done, or refused with a reason; exec's process may die with the container, at any step.
        [ "$status" -le 1 ] || [[ $status =~ ^(126|137)$ ]] || told "a command ended with $status"
    done
    # Nobody waited in vain, and nobody stumbled over another.
    run grep -vE 'is not running|is not paused|is already paused|is paused|start a paused|already in use|the same name as|is restarting' "$BATS_TEST_TMPDIR/stories"
    output_is ''
    truthful
    [ "$(skiff ps -aq --no-trunc)" = "$id" ]
    [ "$(find "$SKIFF_ROOT/names" -type l | wc -l)" -eq 1 ]
    all_gone
}

@test "the same with rm -f among them: it is gone, whoever came last" {
    local i words pids verbs=("start" "stop -t 0" "pause" "unpause" "kill" "restart -t 0" "rm -f")
    for _ in 1 2 3; do
        started crowd sleep 1000
        local id
        id=$(field crowd .Id)
        pids=
        for i in $(seq 60); do
            words=${verbs[RANDOM % ${#verbs[@]}]}
            # shellcheck disable=SC2086 # a command and its words
            timeout -s KILL 120 "$SKIFF" $words "$id" >/dev/null 2>&1 3>&- &
            pids="$pids $!"
        done
        skiff rm -f "$id" >/dev/null
        for i in $pids; do
            local status=0
            wait "$i" || status=$?
            [ "$status" -le 1 ]
        done
        [ -z "$(skiff ps -aq)" ]
        nothing_left
    done
}

@test "twenty at once want one name: one gets it" {
    local i
    for _ in 1 2 3 4 5; do
        : >"$BATS_TEST_TMPDIR/ids"
        for i in $(seq 20); do
            "$SKIFF" create --network none --name wanted busybox true >>"$BATS_TEST_TMPDIR/ids" 2>/dev/null 3>&- &
        done
        wait_all
        [ "$(wc -l <"$BATS_TEST_TMPDIR/ids")" -eq 1 ]
        # And so when it is being removed at the same time.
        skiff rm wanted >/dev/null &
        for i in $(seq 20); do
            "$SKIFF" create --network none --name wanted busybox true >>"$BATS_TEST_TMPDIR/ids" 2>/dev/null 3>&- &
        done
        wait_all
        [ "$(wc -l <"$BATS_TEST_TMPDIR/ids")" -le 2 ]
        [ "$(skiff ps -aq | wc -l)" -eq $(($(wc -l <"$BATS_TEST_TMPDIR/ids") - 1)) ]
        skiff_cleanup
        nothing_left
    done
}

# --- writes that fail ------------------------------------------------------------------------------

# spoiled CALL ERROR WHEN COMMAND...
spoiled()
{
    local call=$1 error=$2 when=$3
    shift 3
    timeout -s KILL 60 strace -f -qq -o /dev/null -e trace="$call" -e inject="$call:error=$error:when=$when" \
        "$SKIFF" "$@" >/dev/null 2>&1 || [ $? -lt 128 ] || told "$* died of $error of $call $when"
}

@test "writes, renames and syncs that fail: the container is there, as it was or as it should be" {
    require_command strace
    local i id call when command error
    for i in $(seq $((${SKIFF_TEST_RUNS:-50} / 2))); do
        call=$(one_of write renameat fsync openat mkdirat)
        when=$((RANDOM % 12 + 1))
        error=$(one_of ENOSPC EIO)
        command=$(one_of "start victim" "rename victim other" "restart -t 0 victim" "stop -t 0 victim")
        started victim sleep 0.2
        id=$(field victim .Id)
        # shellcheck disable=SC2086 # a command and its words
        spoiled "$call" "$error" "$when" $command || return 1
        truthful || told "after: $command, $error of $call $when"
        [ "$(skiff ps -aq --no-trunc)" = "$id" ] || told "lost by $command, $error of $call $when"
        all_gone
    done
}

# a_full_disk SIZE FOLDER...: a small tmpfs, and those of ours in it.
a_full_disk()
{
    full=$BATS_TEST_TMPDIR/full
    mkdir -p "$full"
    mount -t tmpfs -o size="$1" tmpfs "$full"
}

# Page by page at the end: a large write gives up early.
fill()
{
    cat /dev/zero >"$full/filler" 2>/dev/null || true
    while head -c 4096 /dev/zero >>"$full/filler" 2>/dev/null; do :; done
}

@test "a full disk under the root: refusals, no container lost, and all goes on once there is room" {
    a_full_disk 8m
    local SKIFF_ROOT=$full/root
    export SKIFF_ROOT
    import_busybox
    started one sleep 1000
    made two sleep 1000
    fill
    run skiff create --network none --name three busybox true
    [ "$status" -eq 1 ]
    output_has '[Nn]o space left'
    run skiff rename one four
    [ "$(field one .Name)" = /one ]
    run_ok skiff stop -t 0 one
    truthful
    [ "$(field one .State.Status)" = exited ]
    [ "$(field one .State.ExitCode)" -eq 137 ]
    run skiff start two
    truthful
    rm "$full/filler"
    [ "$(field one .State.ExitCode)" -eq 137 ]
    run_ok skiff rename one four
    run_ok skiff start four two
    run_ok skiff rm -f four two
    nothing_left
}

@test "a full disk under the run folder: what runs goes on and can be ended; nothing new starts" {
    a_full_disk 2m
    local SKIFF_RUN_DIR=$full/run
    export SKIFF_RUN_DIR
    started one sleep 1000
    made two sleep 1000
    fill
    truthful
    [ "$(field one .State.Status)" = running ]
    run skiff start two
    [ "$status" -ne 0 ]
    truthful
    run_ok skiff rm -f one
    rm "$full/filler"
    run_ok skiff start two
    run_ok skiff rm -f two
    nothing_left
}

# --- power cuts -----------------------------------------------------------------------------------

@test "the root as a power cut leaves it at a random moment: all containers are shown, boot starts what should run" {
    local names
    for _ in $(seq 8); do
        skiff run -d --network none --restart always --name ever busybox sleep 1000 >/dev/null
        made never true
        started once sleep 1000
        (for name in ever once ever once; do skiff restart -t 0 $name; done >/dev/null 2>&1) 3>&- &
        sleep "0.0$((RANDOM % 10))"
        # What comes and goes meanwhile may be there or not.
        cp -a "$SKIFF_ROOT" "$BATS_TEST_TMPDIR/cut" 2>/dev/null || true
        wait_all
        skiff_cleanup # the same IDs have the same groups
        export SKIFF_ROOT_BEFORE=$SKIFF_ROOT SKIFF_RUN_BEFORE=$SKIFF_RUN_DIR
        export SKIFF_ROOT=$BATS_TEST_TMPDIR/cut SKIFF_RUN_DIR=$BATS_TEST_TMPDIR/cut-run
        names=$(skiff ps -a --format '{{.Names}} {{.State}}' | sort | paste -sd,)
        [[ $names =~ ^ever\ (exited|created),never\ created,once\ (exited|created)$ ]] || told "after the cut: $names"
        run_ok skiff boot
        output_is ever
        truthful
        run_ok skiff rm -f ever never once
        nothing_left
        rm -rf "$SKIFF_ROOT" "$SKIFF_RUN_DIR"
        export SKIFF_ROOT=$SKIFF_ROOT_BEFORE SKIFF_RUN_DIR=$SKIFF_RUN_BEFORE
    done
}
