#!/usr/bin/env bats
# The life of a container: what each command does to it in each of its states, and with which words
# it is refused. Docker's command line is the reference.
load ../lib/common

setup_file()
{
    require_root
    skiff_setup
    import_busybox
    skiff import -c 'CMD ["sh"]' -c 'STOPSIGNAL SIGUSR1' "$(rootfs_busybox)" usr1 >/dev/null
}

teardown_file()
{
    skiff_teardown
}

teardown()
{
    skiff_cleanup
}

# made NAME COMMAND...: created. started NAME COMMAND...: and running, without a network.
made()
{
    local name=$1
    shift
    skiff create --network none --name "$name" busybox "$@" >/dev/null
}

started()
{
    local name=$1
    shift
    skiff run -d --network none --name "$name" busybox "$@" >/dev/null
}

# One that ends at its stop signal, whichever that is, with status 7 and a word.
obedient()
{
    printf 'trap "echo told; exit 7" %s; echo ready; while :; do sleep 0.05; done' "${1:-TERM}"
}

field()
{
    skiff inspect --format "{{$2}}" "$1"
}

status_is()
{
    [ "$(field "$1" .State.Status)" = "$2" ] || {
        echo "$1 is $(field "$1" .State.Status), not $2" >&2
        return 1
    }
}

log_has()
{
    skiff logs "$1" 2>&1 | grep -q "$2"
}

ready()
{
    until_true log_has "$1" ready
}

# --- create, start -------------------------------------------------------------------------------

@test "create makes one that has not run; start runs it, and says its name as it was given" {
    run_ok skiff create --network none --name first busybox sleep 100
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    local id=$output
    status_is first created
    [ "$(field first .State.Pid)" = 0 ]
    run_ok skiff start first
    output_is first
    status_is first running
    skiff kill first >/dev/null
    run_ok skiff start "${id:0:12}"
    output_is "${id:0:12}"
    # One that runs already is no error.
    run_ok skiff start first
    output_is first
}

@test "start keeps what the container wrote, and gives it a fresh state" {
    started kept sh -c 'echo here >>/file; wc -l </file; exit 3'
    [ "$(skiff wait kept)" -eq 3 ]
    status_is kept exited
    [ "$(field kept .State.ExitCode)" -eq 3 ]
    local first
    first=$(field kept .State.StartedAt)
    skiff start -a kept >"$BATS_TEST_TMPDIR/out" || [ $? -eq 3 ]
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = 2 ]
    [ "$(field kept .State.StartedAt)" != "$first" ]
}

@test "start -a: its output, and its exit status; -i: its input too" {
    made out sh -c 'echo out; echo err >&2; exit 5'
    run_status 5 skiff start -a out 2>/dev/null
    skiff start -a out >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || true
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = out ]
    [ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]

    skiff create -i --network none --name in busybox wc -l >/dev/null
    [ "$(printf 'a\nb\nc\n' | skiff start -a -i in)" -eq 3 ]
    [ "$(printf 'a\n' | skiff start -i in)" -eq 1 ]
}

@test "start -a takes one container only, and one that does not run" {
    made one true
    made two true
    run_fails 'cannot start and attach multiple containers at once' skiff start -a one two
    status_is one created
    status_is two created
    started runs sleep 100
    differs "start -a of one that runs waits for its end" || run_fails 'attach runs' skiff start -a runs
}

@test "a start whose command is missing says so; the container stays, created, and can be removed" {
    made absent no-such-program
    run_fails '"no-such-program": executable file not found in \$PATH' skiff start absent
    status_is absent created
    [ "$(field absent .State.ExitCode)" -eq 127 ]
    [[ "$(field absent .State.Error)" =~ "executable file not found" ]]
    run_status 1 skiff start -a absent
    run_ok skiff rm absent
}

@test "a start whose image is gone says so, and the container stays" {
    needs_skiff "its images lie elsewhere"
    made orphaned true
    mv "$SKIFF_ROOT/images" "$SKIFF_ROOT/elsewhere"
    run_fails 'no such image: sha256:[0-9a-f]{64}' skiff start orphaned
    rm -rf "$SKIFF_ROOT/images"
    mv "$SKIFF_ROOT/elsewhere" "$SKIFF_ROOT/images"
    status_is orphaned created
    [[ "$(field orphaned .State.Error)" =~ "no such image" ]]
    run_ok skiff start orphaned
    skiff wait orphaned >/dev/null
    run_ok skiff rm orphaned
}

@test "several at once, by names and by prefixes of IDs; errors are told for each, the others are done" {
    started one sleep 100
    started two sleep 100
    started three sleep 100
    local id
    id=$(field two .Id)
    run skiff stop -t 0 one missing "${id:0:10}" three
    [ "$status" -eq 1 ]
    [ "$(grep -c '^one$' <<<"$output")" -eq 1 ]
    [ "$(grep -c "^${id:0:10}\$" <<<"$output")" -eq 1 ]
    [ "$(grep -c '^three$' <<<"$output")" -eq 1 ]
    output_has 'no such container: missing'
    for name in one two three; do status_is "$name" exited; done
    run_ok skiff start one two three
    output_is $'one\ntwo\nthree'
    run_ok skiff kill one two three
    run_ok skiff rm one two three
    output_is $'one\ntwo\nthree'
}

@test "a prefix that several IDs have is refused; one that is a name is the name" {
    local i
    for i in $(seq 17); do skiff create --network none busybox true >/dev/null; done
    local prefix
    prefix=$(skiff ps -aq --no-trunc | cut -c 1 | sort | uniq -d | head -1)
    run_fails "multiple IDs found with provided prefix: $prefix" skiff start "$prefix"
}

@test "names: in use, invalid, and made up when none is given" {
    made taken true
    run_fails 'the container name "/taken" is already in use by container "[0-9a-f]{64}"' \
        skiff create --name taken busybox true
    run_fails 'invalid container name ["(]-x[")]' skiff create --name=-x busybox true
    run_fails 'invalid container name ["(]a/b[")]' skiff create --name a/b busybox true
    run_fails 'invalid container name ["(]x[")]' skiff create --name x busybox true
    skiff rm taken >/dev/null
    run_ok skiff create --name taken busybox true
    skiff create busybox true >/dev/null
    run_ok skiff ps -a --format '{{.Names}}'
    output_has '[a-z]+_[a-z]+'
}

# --- stop, kill, restart -------------------------------------------------------------------------

@test "stop sends SIGTERM, and the container ends as it wants to" {
    started polite sh -c "$(obedient)"
    ready polite
    run_ok skiff stop polite
    output_is polite
    status_is polite exited
    [ "$(field polite .State.ExitCode)" -eq 7 ]
    log_has polite told
    # Nothing to do is no error.
    run_ok skiff stop polite
    made never true
    run_ok skiff stop never
    status_is never created
}

@test "stop kills what does not end in time: -t, --time and --stop-timeout" {
    started deaf sleep 1000
    run_ok skiff stop -t 0 deaf
    [ "$(field deaf .State.ExitCode)" -eq 137 ]
    skiff start deaf >/dev/null
    run_ok skiff stop --time 0 deaf
    [ "$(field deaf .State.ExitCode)" -eq 137 ]
    skiff run -d --network none --stop-timeout 0 --name own busybox sleep 1000 >/dev/null
    run_ok skiff stop own
    [ "$(field own .State.ExitCode)" -eq 137 ]
    differs "stop -t -7 waits for ever" || run_fails 'invalid timeout -7' skiff stop -t -7 own
}

@test "stop sends the image's signal, one of run's, or one of its own" {
    skiff run -d --network none --name image usr1 sh -c "$(obedient USR1)" >/dev/null
    ready image
    run_ok skiff stop image
    [ "$(field image .State.ExitCode)" -eq 7 ]

    skiff run -d --network none --stop-signal USR2 --name run usr1 sh -c "$(obedient USR2)" >/dev/null
    ready run
    run_ok skiff stop run
    [ "$(field run .State.ExitCode)" -eq 7 ]

    differs "daemons before 23 know no signal of stop" && return
    started given sh -c "$(obedient HUP)"
    ready given
    run_ok skiff stop -s HUP given
    [ "$(field given .State.ExitCode)" -eq 7 ]
    run_fails 'invalid signal: NOSUCH' skiff stop -s NOSUCH given
}

@test "kill: SIGKILL, or any other by name and number; only what runs can be killed" {
    started victim sleep 1000
    run_ok skiff kill victim
    status_is victim exited
    [ "$(field victim .State.ExitCode)" -eq 137 ]
    run_fails 'cannot kill container: victim: container [0-9a-f]{64} is not running' skiff kill victim
    made young true
    run_fails 'is not running' skiff kill young

    started hears sh -c 'trap "echo one" USR1; trap "echo two" USR2; echo ready; while :; do sleep 0.05; done'
    ready hears
    run_ok skiff kill -s SIGUSR1 hears
    until_true log_has hears one
    run_ok skiff kill -s 12 hears
    until_true log_has hears two
    status_is hears running
    run_fails 'signal:? 99' skiff kill -s 99 hears
}

@test "restart: of one that runs, that is paused, that has ended, that never ran" {
    started again sleep 1000
    local before
    before=$(container_pid again)
    run_ok skiff restart -t 0 again
    output_is again
    status_is again running
    [ "$(container_pid again)" != "$before" ]
    [ "$(field again .RestartCount)" -eq 0 ]
    skiff pause again >/dev/null
    run_ok skiff restart -t 0 again
    status_is again running
    skiff kill again >/dev/null
    run_ok skiff restart again
    status_is again running
    made fresh sleep 1000
    run_ok skiff restart fresh
    status_is fresh running
}

@test "restart keeps a container that is to be removed at its end; its next end removes it" {
    skiff run -d --rm --network none --name passing busybox sleep 1000 >/dev/null
    run_ok skiff restart -t 0 passing
    status_is passing running
    run_ok skiff restart -t 0 passing
    status_is passing running
    run_ok skiff stop -t 0 passing
    until_true eval '! skiff inspect passing >/dev/null 2>&1'
}

# --- pause ---------------------------------------------------------------------------------------

@test "pause holds its processes, unpause lets them go on" {
    started held sh -c 'i=0; while :; do i=$((i + 1)); echo $i >/count; done'
    until_true eval '[ -s "$(field held .GraphDriver.Data.UpperDir)/count" ]'
    run_ok skiff pause held
    output_is held
    status_is held paused
    [ "$(field held .State.Paused)" = true ]
    [ "$(field held .State.Running)" = true ]
    run_ok skiff ps --format '{{.Status}}'
    output_has 'Paused'
    local count
    count=$(field held .GraphDriver.Data.UpperDir)/count
    local one two
    one=$(cat "$count")
    sleep 0.1
    two=$(cat "$count")
    [ "$one" = "$two" ]
    run_ok skiff unpause held
    status_is held running
    until_true eval "[ \"\$(cat $count)\" != '$two' ]"
}

@test "what a paused one is refused, and what it is not" {
    started ice sleep 1000
    made young true
    skiff pause ice >/dev/null
    local id
    id=$(field ice .Id)
    run_fails "container $id is already paused" skiff pause ice
    run_fails 'cannot start a paused container, try unpause instead' skiff start ice
    run_fails 'cannot remove container "/ice": container is paused and must be unpaused first|remove a paused container' skiff rm ice
    run_fails 'cannot attach to a paused container, unpause it first' skiff attach ice
    run_ok skiff rename ice iced
    run_ok skiff unpause iced
    run_fails "container $id is not paused" skiff unpause iced
    run_fails "container [0-9a-f]{64} is not running" skiff pause young
    skiff kill iced >/dev/null
    run_fails "container $id is not running" skiff pause iced
    run_fails "container $id is not paused" skiff unpause iced
}

@test "stop and kill end a paused one; another signal waits for it until it goes on" {
    started ice sh -c "$(obedient)"
    ready ice
    skiff pause ice >/dev/null
    run_ok skiff stop ice
    [ "$(field ice .State.ExitCode)" -eq 7 ]
    skiff start ice >/dev/null
    skiff pause ice >/dev/null
    run_ok skiff kill ice
    status_is ice exited
    [ "$(field ice .State.ExitCode)" -eq 137 ]

    started later sh -c 'trap "echo heard" USR1; echo ready; while :; do sleep 0.05; done'
    ready later
    skiff pause later >/dev/null
    run_ok skiff kill -s USR1 later
    differs "every signal lets a paused one go on" || {
        status_is later paused
        run_ok skiff unpause later
    }
    until_true log_has later heard
    skiff pause later >/dev/null
    run_ok skiff rm -f later
}

@test "who pauses again and again does not keep a stop from ending it" {
    started hard sleep 1000
    (while skiff pause hard >/dev/null 2>&1 || skiff inspect --format '{{.State.Running}}' hard | grep -q true; do :; done) 3>&- &
    local other=$!
    run_ok timeout 60 "$SKIFF" stop -t 1 hard
    status_is hard exited
    wait "$other"
}

# --- wait ----------------------------------------------------------------------------------------

@test "wait prints the exit statuses of several, in their order" {
    started a3 sh -c 'sleep 0.3; exit 3'
    started a4 sh -c 'exit 4'
    run_ok skiff wait a3 a4
    output_is $'3\n4'
    # Of those that have ended, at once.
    run_ok skiff wait a4 a3
    output_is $'4\n3'
    run skiff wait a4 missing a3
    [ "$status" -eq 1 ]
    output_has 'no such container: missing'
    grep -q '^4$' <<<"$output"
}

@test "wait --condition: next-exit, removed, running" {
    needs_skiff "wait has no --condition"
    started gone sh -c 'exit 4'
    skiff wait gone >/dev/null
    skiff wait --condition next-exit gone >"$BATS_TEST_TMPDIR/next" 3>&- &
    local next=$!
    skiff wait --condition removed gone >"$BATS_TEST_TMPDIR/removed" 3>&- &
    local removed=$!
    until_true eval '[ ! -s "$BATS_TEST_TMPDIR/next" ] && kill -0 '"$next"
    sleep 0.1
    kill -0 "$next"
    kill -0 "$removed"
    skiff start gone >/dev/null
    wait "$next"
    [ "$(cat "$BATS_TEST_TMPDIR/next")" -eq 4 ]
    kill -0 "$removed"
    skiff rm gone >/dev/null
    wait "$removed"

    made later sleep 1000
    skiff wait --condition running later >"$BATS_TEST_TMPDIR/running" 3>&- &
    local running=$!
    sleep 0.1
    kill -0 "$running"
    skiff start later >/dev/null
    wait "$running"
    [ "$(cat "$BATS_TEST_TMPDIR/running")" -eq 0 ]
    run_fails 'invalid condition "nonsense"' skiff wait --condition nonsense later
}

@test "wait for the next exit of one that is removed instead says that there is none" {
    needs_skiff "wait has no --condition"
    made short true
    skiff wait --condition next-exit short >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    local waiting=$! status=0
    sleep 0.2
    skiff rm short >/dev/null
    wait "$waiting" || status=$?
    [ "$status" -eq 1 ]
    file_has "$BATS_TEST_TMPDIR/out" 'no such container'
}

@test "wait hears the status of every short container, also of those that are removed at once" {
    local i many=40
    differs "a start takes it longer" && many=8
    for i in $(seq $many); do
        skiff run -d --rm --network none --name "short-$i" busybox sh -c "exit $((i % 7 + 1))" >/dev/null
        run skiff wait "short-$i"
        # Either we came in time and hear the truth, or it was gone and that is said.
        if [ "$status" -eq 0 ]; then output_is "$((i % 7 + 1))"; else output_has 'no such container'; fi
        started "kept-$i" sh -c "exit $((i % 7 + 1))"
        run_ok skiff wait "kept-$i"
        output_is "$((i % 7 + 1))"
    done
}

# --- rename, rm ----------------------------------------------------------------------------------

@test "rename, running or not; the old name is free, the new one taken" {
    started old sleep 1000
    run_ok skiff rename old new
    [ "$(field new .Name)" = /new ]
    run_fails 'no such (container|object): old' skiff stop old
    made old true
    run_fails 'the container name "/new" is already in use' skiff rename old new
    [ "$(field old .Name)" = /old ]
    run_fails 'invalid container name' skiff rename old a/b
    run_fails 'with the same name as its current name' skiff rename old old
    run_fails 'no such container: none' skiff rename none other
    skiff rm -f new old >/dev/null
    [ -z "$(ls "$SKIFF_ROOT/names")" ]
}

@test "a container that is removed at its end takes its new name along" {
    skiff run -d --rm --network none --name before busybox sleep 1000 >/dev/null
    skiff rename before after
    skiff stop -t 0 after >/dev/null
    until_true eval '[ -z "$(skiff ps -aq)" ]'
    [ -z "$(ls "$SKIFF_ROOT/names")" ]
}

@test "rm: only what does not run; -f all, and what is not there" {
    started busy sleep 1000
    run_fails 'cannot remove container "/busy": container is running: stop the container before removing or force remove|remove a running container' \
        skiff rm busy
    status_is busy running
    made idle true
    run skiff rm idle busy missing
    [ "$status" -eq 1 ]
    grep -q '^idle$' <<<"$output"
    output_has 'busy|running container'
    output_has 'no such container: missing'
    run_ok skiff rm -f busy missing
    [ -z "$(skiff ps -aq)" ]
    run_fails 'no such container' skiff rm missing
}

@test "rm -f of several: names alone that were there" {
    skiff create --name there busybox true >/dev/null
    run_ok skiff rm -f nowhere there nowhere-else
    output_is there
}

@test "rm -l: there are no links, so a container's own name is all that is found" {
    skiff create --name linked busybox true >/dev/null
    run_fails 'conflict: cannot remove the default link name of container "linked"' skiff rm -l linked
    [ "$(skiff ps -aqf name=linked | wc -l)" -eq 1 ]
    run_fails 'no such container: other/linked' skiff rm --link other/linked
    skiff rm linked
}

@test "--rm: nothing is left of it, however it ends" {
    local end
    for end in "stop -t 0" kill "rm -f"; do
        skiff run -d --rm --network none --name going busybox sleep 1000 >/dev/null
        # shellcheck disable=SC2086 # a command with its options
        run_ok skiff $end going
        until_true eval '[ -z "$(skiff ps -aq; find "$SKIFF_RUN_DIR" -mindepth 2)" ]'
    done
    skiff create --rm --network none --name going busybox true >/dev/null
    run_ok skiff start going
    until_true eval '[ -z "$(skiff ps -aq)" ]'
}

@test "--rm and a restart policy cannot both be" {
    run_fails "cannot specify both --restart and --rm" skiff create --rm --restart always busybox true
    run_fails "cannot specify both --restart and --rm" skiff run --rm --restart on-failure busybox true
    [ -z "$(skiff ps -aq)" ]
}
