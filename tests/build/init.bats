# skiff-init by itself: what --init puts in front of a container's command.
load ../lib/common
load ../lib/pty

setup()
{
    init=$SKIFF_BUILD/src/init/skiff-init
    [ -x "$init" ] || init=$SKIFF_BUILD/skiff-init
    [ -x "$init" ]
}

teardown()
{
    pty_stop
}

@test "init ends as its command ends" {
    run_status 0 "$init" -- true
    run_status 7 "$init" -- sh -c 'exit 7'
    run_status 143 "$init" -- sh -c 'kill -TERM $$'
    run_status 137 "$init" -- sh -c 'kill -KILL $$'
}

@test "init hands arguments and environment on untouched" {
    A='b  c' run_ok "$init" -- sh -c 'printf "%s|" "$A" "$@"' sh '' '-- x' '*'
    output_is 'b  c||-- x|*|'
}

@test "init refuses a call without -- or without a command" {
    run_status 125 "$init"
    output_is 'usage: skiff-init -- COMMAND [ARGUMENT...]'
    run_status 125 "$init" true
    run_status 125 "$init" --
    run_status 125 "$init" -x true
}

@test "init tells what cannot be started: 127 not found, 126 not executable" {
    run_status 127 "$init" -- no-such-command
    output_is 'skiff-init: cannot start "no-such-command": not found'
    run_status 127 "$init" -- /no/such/command
    run_status 127 "$init" -- ''
    run_status 126 "$init" -- /etc
    output_is 'skiff-init: cannot start "/etc": permission denied'
    printf 'no program' >"$BATS_TEST_TMPDIR/junk"
    chmod +x "$BATS_TEST_TMPDIR/junk"
    run_status 126 "$init" -- "$BATS_TEST_TMPDIR/junk"
    output_has 'errno 8$'
}

@test "init searches PATH in order, and without PATH the usual folders" {
    mkdir -p "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
    touch "$BATS_TEST_TMPDIR/a/tool"
    printf '#!/bin/sh\necho b\n' >"$BATS_TEST_TMPDIR/b/tool"
    chmod +x "$BATS_TEST_TMPDIR/b/tool"
    PATH=$BATS_TEST_TMPDIR/a:$BATS_TEST_TMPDIR/b run_ok "$init" -- tool
    output_is b
    # Found and not executable says more than not found.
    PATH=$BATS_TEST_TMPDIR/a:$BATS_TEST_TMPDIR run_status 126 "$init" -- tool
    run_ok env -u PATH "$init" -- true
    # Longer than any path can be: passed over.
    PATH=$(printf '/%05000d' 0):$BATS_TEST_TMPDIR/b run_ok "$init" -- tool
}

@test "init hands on every signal that can be, itself unharmed" {
    for signal in HUP INT QUIT USR1 USR2 TERM ABRT ALRM PIPE TRAP WINCH CONT RTMIN RTMAX; do
        out=$BATS_TEST_TMPDIR/$signal
        # The shell ignores INT and QUIT for what it starts in the background.
        # shellcheck disable=SC2016
        env --default-signal "$init" -- bash -c 'trap "echo got >$1; exit 3" "$2"; echo ready >$1
            while :; do sleep 0.05; done' bash "$out" "$signal" 3>&- &
        pid=$!
        until_true file_has "$out" .
        kill -s "$signal" $pid
        code=0
        wait $pid || code=$?
        [ "$code" -eq 3 ]
        [ "$(cat "$out")" = got ]
    done
}

@test "init gives its command an empty signal mask and no ignored signals" {
    run_ok "$init" -- grep -E '^Sig(Blk|Ign)' /proc/self/status
    output_has 'SigBlk:.0000000000000000'
}

@test "init reaps orphans, also when it is not PID 1" {
    "$init" -- sh -c '(sleep 0.1 & sleep 0.1 & true) & wait; exec sleep 1000' 3>&- &
    pid=$!
    one_child()
    {
        [ "$(ps --ppid "$1" -o comm=)" = sleep ]
    }
    until_true one_child $pid
    run ps --ppid $pid -o stat=
    output_lacks Z
    kill $pid
    wait $pid || true
}

@test "init as PID 1 reaps, forwards, and takes the rest down with it" {
    require_root
    run_status 143 unshare --pid --fork --mount-proc "$init" -- sh -c \
        'sleep 1000 & [ $$ -ne 1 ] && kill -TERM 1; sleep 1000'
}

@test "init's command owns the terminal: a group of its own, in the foreground" {
    require_command tmux
    # shellcheck disable=SC2016
    pty_start "$init" -- sh -c 'ps -o stat=,pgid=,tpgid= -p $$ | tr -s " "; read line'
    pty_wait '^[A-Z]+[a-zA-Z<]*\+ ([0-9]+) \1$'
    pty_key C-c
    pty_ended
    [ "$(pty_status)" -eq 130 ]
}

@test "init costs a few pages of memory and names no library" {
    "$init" -- sleep 1000 3>&- &
    pid=$!
    until_true file_has "/proc/$pid/task/$pid/children" .
    rss=$(awk '/^VmRSS/ { print $2 }' /proc/$pid/status)
    kill $pid
    wait $pid || true
    echo "resident: $rss KiB"
    [ "$rss" -le 64 ]
    run readelf -d "$init"
    output_lacks NEEDED
}
