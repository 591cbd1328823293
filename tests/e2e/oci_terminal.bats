# skiff-oci: terminals, of ours in the foreground and handed over a socket when detached.
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

# on_terminal TEXT [FILTER...]: a bundle whose sh has a terminal.
on_terminal()
{
    local text=$1
    shift
    bundle "$(sh_c "$text")" '.process.terminal = true' "$@"
}

@test "a foreground terminal: its name, size, keys, the exit status" {
    on_terminal 'tty; echo "owner $(stat -c %u /dev/console)"; trap "stty size" WINCH; stty size; echo ready; until read word; do :; done; echo "got $word"; cat; exit 7' \
        '.process.user.uid = 1000'
    pty_start "$SKIFF_OCI" --root "$OCI_ROOT" run -b "$bundle" "$id"
    pty_wait '^ready$'
    pty_shows '^/dev/pts/0$'
    pty_shows '^owner 1000$'
    pty_shows '^24 80$'
    pty_resize 100 30
    pty_wait '^30 100$'
    pty_type hello
    pty_wait '^got hello$'
    pty_key C-d
    pty_ended
    [ "$(pty_status)" -eq 7 ]
    nothing_left "$id"
}

@test "Ctrl-C is the container's" {
    on_terminal 'trap "exit 33" INT; echo ready; while :; do sleep 0.05; done'
    pty_start "$SKIFF_OCI" --root "$OCI_ROOT" run -b "$bundle" "$id"
    pty_wait '^ready$'
    pty_key C-c
    pty_ended
    [ "$(pty_status)" -eq 33 ]
}

@test "the caller's terminal is given back as it was" {
    on_terminal 'stty raw -echo; exit 5'
    pty_start bash --norc
    pty_wait '#$'
    pty_type "stty -g >'$BATS_TEST_TMPDIR/before'; '$SKIFF_OCI' --root '$OCI_ROOT' run -b '$bundle' '$id'; echo status \$?; stty -g >'$BATS_TEST_TMPDIR/after'"
    pty_wait '^status 5$'
    until_true cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "all of a large output arrives, while nobody reads what is typed" {
    on_terminal 'i=0; while [ $i -lt 3000 ]; do echo "line $i of the many that there are"; i=$((i + 1)); done; echo end'
    head -c 200000 /dev/zero | tr '\0' 'x' >"$BATS_TEST_TMPDIR/typed"
    # A terminal as the standard input, from which much is typed.
    run timeout 60 script -qec "'$SKIFF_OCI' --root '$OCI_ROOT' run -b '$bundle' '$id'" /dev/null <"$BATS_TEST_TMPDIR/typed"
    [ "$status" -eq 0 ]
    output_has 'line 2999 of the many'
}

@test "a detached terminal goes over the socket" {
    on_terminal 'tty; stty size; read word; echo "got $word"; exit 4' '.process.consoleSize = {height: 33, width: 111}'
    socket=$BATS_TEST_TMPDIR/s
    mkfifo "$BATS_TEST_TMPDIR/in"
    "$oci_folder/receiver" "$socket" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    receiver=$!
    exec 7>"$BATS_TEST_TMPDIR/in"
    until_true file_has "$BATS_TEST_TMPDIR/err" listening
    oci create -b "$bundle" --console-socket "$socket" "$id"
    oci start "$id"
    until_true file_has "$BATS_TEST_TMPDIR/out" '33 111'
    grep -q '^/dev/pts/0' "$BATS_TEST_TMPDIR/out"
    echo word >&7
    until_true file_has "$BATS_TEST_TMPDIR/out" '^got word'
    exec 7>&-
    wait $receiver
    until_true status_is "$id" stopped
}

@test "a terminal that cannot be handed over fails the creation, and leaves nothing" {
    on_terminal 'exit 0'
    run_fails 'console-socket is needed' create_to_file -b "$bundle" "$id"
    run_fails 'console-socket is needed' oci run -b "$bundle" "$id" </dev/null
    run_fails 'cannot connect to console socket "/nonesuch"' \
        create_to_file -b "$bundle" --console-socket /nonesuch "$id"
    nothing_left "$id"
    run_fails 'file name too long' create_to_file -b "$bundle" --console-socket "/$(printf 'a%.0s' {1..200})" "$id"
    nothing_left "$id"
    bundle '.process.terminal = true' 'del(.mounts[] | select(.type == "devpts"))'
    run_fails 'cannot open a terminal' create_to_file -b "$bundle" --console-socket /nonesuch "$id"
    nothing_left "$id"
}
