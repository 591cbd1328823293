#!/usr/bin/env bats
# However a container with a terminal ends, the user's own terminal is afterwards as it was before.
load ../lib/common
load ../lib/pty
load ../lib/session

setup_file()
{
    session_setup
}

teardown_file()
{
    session_teardown
}

teardown()
{
    pty_stop
    skiff_cleanup
}

# in_shell OPTION... IMAGE COMMAND...: `skiff run -it` of it in a shell that, unlike an interactive
# one, never sets the terminal itself. It leaves the modes before and after and the status in files.
in_shell()
{
    local command
    command=$(printf '%q ' "$SKIFF" run -it "$@")
    cat >"$BATS_TEST_TMPDIR/shell" <<EOF
stty -g >"$BATS_TEST_TMPDIR/before"
$command
echo \$? >"$BATS_TEST_TMPDIR/status"
read line
EOF
    pty_start sh "$BATS_TEST_TMPDIR/shell"
}

client_pid()
{
    pgrep -P "$(pty_pid)" -f ' run -it '
}

monitor_pid()
{
    awk '/^PPid/ { print $2 }' "/proc/$(container_pid "$(session_id)")/status"
}

modes()
{
    stty -g -F "$(pty_tmux display-message -p -t pty '#{pane_tty}')"
}

is_raw()
{
    [ "$(modes)" != "$(cat "$BATS_TEST_TMPDIR/before")" ]
}

is_restored()
{
    ! is_raw
}

# ended STATUS: the client is over with it, and the terminal is as before.
ended()
{
    until_true test -s "$BATS_TEST_TMPDIR/status"
    run cat "$BATS_TEST_TMPDIR/status"
    [ "$output" = "$1" ] || told "ended otherwise than with $1" || return 1
    until_true is_restored
}

nothing_runs()
{
    [ -z "$(skiff ps -q)" ]
}

@test "after exit" {
    in_shell --rm rust:latest bash
    pty_wait ':/#$'
    is_raw
    pty_type 'exit 7'
    ended 7
}

@test "when the program is not there" {
    in_shell --rm rust:latest no-such-program
    ended 127
    pty_shows 'skiff: cannot start "no-such-program": executable file not found in \$PATH'
}

@test "when the image is not there" {
    in_shell --rm nobody:latest bash
    ended 125
}

@test "when the container is killed by a signal" {
    in_shell --rm rust:latest bash
    pty_wait ':/#$'
    is_raw
    skiff kill "$(session_id)"
    ended 137
}

@test "when the client's peer, the monitor, is killed with -9: one line says so" {
    in_shell --name peer rust:latest bash
    pty_wait ':/#$'
    is_raw
    local pid
    pid=$(container_pid peer)
    kill -9 "$(monitor_pid)"
    ended 125
    pty_shows "skiff: the container's monitor was killed, and with it the container\$"
    until_true test ! -e "/proc/$pid"
    run_ok skiff ps -a --format '{{.Names}} {{.State}} {{.Status}}'
    output_has '^peer exited Exited \(137\)'
}

@test "when the client is killed with -9: by the monitor; the container lives on" {
    in_shell --name orphan rust:latest bash
    pty_wait ':/#$'
    is_raw
    kill -9 "$(client_pid)"
    ended 137
    run_ok skiff ps --format '{{.Names}} {{.State}}'
    output_is 'orphan running'
}

@test "when the client is sent SIGTERM, which goes to the program" {
    in_shell --rm rust:latest bash -c 'trap "exit 9" TERM; echo rea""dy; while :; do sleep 0.1; done'
    pty_wait '^ready$'
    is_raw
    kill "$(client_pid)"
    ended 9
}

@test "when the client is sent SIGTERM and the program dies of it" {
    in_shell --rm --init rust:latest bash -c 'echo rea""dy; exec sleep 1000'
    pty_wait '^ready$'
    is_raw
    kill "$(client_pid)"
    ended 143
}

@test "SIGTERM with --sig-proxy=false ends the client, not the container" {
    in_shell --sig-proxy=false --name stays rust:latest bash
    pty_wait ':/#$'
    is_raw
    kill "$(client_pid)"
    ended 143
    run_ok skiff ps --format '{{.Names}} {{.State}}'
    output_is 'stays running'
}

@test "closing the window ends the shell, and with --rm nothing is left" {
    in_shell --rm rust:latest bash
    pty_wait ':/#$'
    pty_stop
    until_true nothing_runs
    run_ok skiff ps -aq
    output_is ''
}

@test "without a terminal on standard input, -it is refused in one line" {
    run_fails 'the input device is not a TTY' skiff run -it --rm rust:latest true </dev/null
    [ "$status" -eq 125 ]
}
