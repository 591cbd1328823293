# The tests' own helpers: a helper that cannot fail makes every test that uses it worthless.
load ../lib/common
load ../lib/pty

teardown()
{
    pty_stop
}

@test "pty: types, sees, and tells the exit status" {
    require_command tmux
    pty_start bash --norc --noprofile -i
    pty_wait '[$#]$'
    pty_type 'echo $((40 + 2)) $(tput cols)'
    pty_wait '^42 80$'
    pty_resize 100 30
    pty_type 'stty size'
    pty_wait '^30 100$'
    pty_type 'exit 7'
    pty_ended
    [ "$(pty_status)" -eq 7 ]
}

@test "pty: Ctrl-C and Ctrl-Z reach the foreground group" {
    require_command tmux
    pty_start bash --norc --noprofile -i
    pty_wait '[$#]$'
    pty_type 'sleep 1000'
    pty_key C-z
    pty_wait 'Stopped'
    pty_type 'fg'
    pty_wait '^sleep 1000$'
    pty_key C-c
    pty_type 'echo got $?'
    pty_wait '^got 130$'
}

@test "run_fails refuses a success, and a failure that says something else" {
    run run_fails 'nothing' true
    [ "$status" -ne 0 ]
    run run_fails 'right' bash -c 'echo wrong; exit 1'
    [ "$status" -ne 0 ]
    run run_fails 'two' bash -c 'echo two; echo two; exit 1'
    [ "$status" -ne 0 ]
    run_fails 'right' bash -c 'echo right; exit 1'
}

@test "the snapshot sees a namespace, a mount, a link, a folder and a process" {
    require_root
    before=$BATS_TEST_TMPDIR/before
    "$SKIFF_SOURCE/tests/lib/snapshot.sh" >"$before"
    folder=$(mktemp -d /tmp/skiff-snapshot.XXXXXX)
    mount -t tmpfs none "$folder"
    ip link add skiff-snapshot type bridge
    unshare --pid --fork --mount-proc sleep 1000 3>&- &
    sleep 0.5
    "$SKIFF_SOURCE/tests/lib/snapshot.sh" | comm -13 "$before" - >"$BATS_TEST_TMPDIR/new"
    pkill -KILL -P $! sleep # PID 1 of its namespace: nothing less is heard
    ip link del skiff-snapshot
    umount "$folder"
    rmdir "$folder"
    cat "$BATS_TEST_TMPDIR/new"
    grep -q "^folder $folder" "$BATS_TEST_TMPDIR/new"
    grep -q "^mount $folder (tmpfs)" "$BATS_TEST_TMPDIR/new"
    grep -q '^link skiff-snapshot' "$BATS_TEST_TMPDIR/new"
    grep -q '^namespace pid:' "$BATS_TEST_TMPDIR/new"
    grep -q '^process .*sleep 1000' "$BATS_TEST_TMPDIR/new"
}
