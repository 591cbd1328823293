#!/usr/bin/env bats
# attach: several on one container, terminals that come and go, and clients that do not read.
load ../lib/common
load ../lib/pty

setup_file()
{
    require_root
    skiff_setup
    import_busybox
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    OUT=$BATS_TEST_TMPDIR
}

teardown()
{
    pty_stop
    [ -z "${helpers:-}" ] || kill -9 $helpers 2>/dev/null || true
    helpers=
    skiff_cleanup
}

# Clients that the test leaves in the background; ended with it.
helpers=

started()
{
    local name=$1
    shift
    skiff run -d --network none --name "$name" busybox "$@" >/dev/null
}

# A container that prints what a file in it, written from outside, says.
listener()
{
    started "$1" sh -c 'mkfifo /say; echo ready; while read -r line </say; do echo "$line"; done'
    until_true log_has "$1" ready
}

say()
{
    skiff exec "$1" sh -c "echo '$2' >/say"
}

log_has()
{
    skiff logs "$1" 2>&1 | grep -q "$2"
}

status_is()
{
    [ "$(skiff inspect --format '{{.State.Status}}' "$1")" = "$2" ]
}

# How many clients a container's monitor has.
monitor_pid()
{
    awk '/^PPid/ { print $2 }' "/proc/$(container_pid "$1")/status"
}

clients_are()
{
    [ "$(find "/proc/$(monitor_pid "$1")/fd" -lname 'socket:*' 2>/dev/null | wc -l)" -eq $(($2 + 1)) ]
}

# --- streams -------------------------------------------------------------------------------------

@test "each of several clients gets everything from the time it came; their exit status is the container's" {
    needs_skiff "clients are counted at our monitor"
    started many sh -c 'mkfifo /say; echo ready; for i in 1 2 3; do read -r line </say; echo "$line"; echo "e$line" >&2; done; exit 6'
    until_true log_has many ready
    "$SKIFF" attach many >"$OUT/a" 2>"$OUT/a2" 3>&- &
    local a=$!
    until_true clients_are many 1
    say many one
    until_true file_has "$OUT/a" one
    "$SKIFF" attach many >"$OUT/b" 2>"$OUT/b2" 3>&- &
    local b=$!
    "$SKIFF" attach --no-stdin many >"$OUT/c" 2>"$OUT/c2" 3>&- &
    local c=$!
    until_true clients_are many 3
    say many two
    say many three
    local status pid
    for pid in $a $b $c; do
        status=0
        wait "$pid" || status=$?
        [ "$status" -eq 6 ]
    done
    [ "$(cat "$OUT/a")" = $'one\ntwo\nthree' ]
    [ "$(cat "$OUT/a2")" = $'eone\netwo\nethree' ]
    local other
    for other in b c; do
        [ "$(cat "$OUT/$other")" = $'two\nthree' ]
        [ "$(cat "$OUT/${other}2")" = $'etwo\nethree' ]
    done
}

@test "standard input of a container without a terminal; it ends with the first client that had it" {
    needs_skiff "clients are counted at our monitor"
    skiff run -d -i --network none --name in busybox wc -l >/dev/null
    printf 'a\nb\n' | "$SKIFF" attach in >"$OUT/out" 3>&- &
    until_true clients_are in 1
    sleep 0.2
    status_is in running # -d -i: an end of input is no reason to end (StdinOnce is not set)
    printf 'c\n' | timeout -s KILL 0.5 "$SKIFF" attach in >/dev/null || true
    skiff stop -t 0 in >/dev/null

    skiff create -i --network none --name once busybox wc -l >/dev/null
    [ "$(printf 'a\nb\n' | skiff start -a -i once)" -eq 2 ]
}

@test "--no-stdin: nothing of ours reaches it" {
    needs_skiff "clients are counted at our monitor"
    skiff run -d -i --network none --name quiet busybox sh -c 'read -r line; echo "got $line"' >/dev/null
    printf 'no\n' | timeout -s KILL 0.5 "$SKIFF" attach --no-stdin quiet || true
    status_is quiet running
    printf 'yes\n' | skiff attach quiet >"$OUT/out"
    [ "$(cat "$OUT/out")" = 'got yes' ]
}

@test "signals go to the container, and end the client alone with --sig-proxy=false" {
    needs_skiff "clients are counted at our monitor"
    started traps sh -c 'trap "echo term" TERM; echo ready; while :; do sleep 0.05; done'
    until_true log_has traps ready
    "$SKIFF" attach traps >"$OUT/out" 3>&- &
    local client=$!
    until_true clients_are traps 1
    kill -TERM "$client"
    until_true file_has "$OUT/out" term
    kill -0 "$client"
    kill -9 "$client"
    until_true clients_are traps 0
    "$SKIFF" attach --sig-proxy=false traps >"$OUT/alone" 3>&- &
    client=$!
    until_true clients_are traps 1
    kill -TERM "$client"
    local status=0
    wait "$client" || status=$?
    [ "$status" -eq 143 ]
    status_is traps running
    [ ! -s "$OUT/alone" ]
}

# ask_thrice NAME PID: three signals, each of which the container hears before the next.
ask_thrice()
{
    local name=$1 client=$2 i=0 signal
    for signal in INT TERM INT; do
        i=$((i + 1))
        kill -s "$signal" "$client"
        until_true eval '[ "$(skiff logs "$name" | grep -c heard)" -eq "$i" ]'
    done
}

@test "asked to end three times, the client leaves; the container has heard all three, and goes on" {
    started deaf sh -c 'trap "echo heard" TERM INT; echo ready; while :; do sleep 0.05; done'
    until_true log_has deaf ready
    env --default-signal "$SKIFF" attach deaf >"$OUT/out" 2>"$OUT/told" 3>&- &
    local client=$! status=0
    until_true clients_are deaf 1
    ask_thrice deaf "$client"
    wait "$client" || status=$?
    [ "$status" -eq 1 ]
    [ "$(cat "$OUT/told")" = $'\ngot 3 SIGTERM/SIGINTs, forcefully exiting' ]
    status_is deaf running
    until_true clients_are deaf 0
}

@test "asked three times by other signals, the client stays" {
    started deaf sh -c 'trap "echo heard" HUP USR1; echo ready; while :; do sleep 0.05; done'
    until_true log_has deaf ready
    env --default-signal "$SKIFF" attach deaf >"$OUT/out" 2>&1 3>&- &
    local client=$! i
    until_true clients_are deaf 1
    for i in 1 2 3 4; do
        kill -s USR1 "$client"
        until_true eval '[ "$(skiff logs deaf | grep -c heard)" -eq "$i" ]'
    done
    clients_are deaf 1
    kill -9 "$client"
}

@test "refusals: what does not run, what is not there, wrong detach keys" {
    skiff create --network none --name idle busybox true >/dev/null
    run_fails 'cannot attach to a stopped container, start it first' skiff attach idle
    run_fails 'no such container: none' skiff attach none
    started busy sleep 1000
    differs "it says 'unable to upgrade to tcp'" || run_fails 'invalid detach keys \(ctrl-\) provided' skiff attach --detach-keys ctrl- busy
    skiff run -d -it --network none --name tty busybox sh >/dev/null
    skiff create -it --network none busybox sh >/dev/null # not to be attached to yet
    run_fails 'the input device is not a TTY' skiff attach tty </dev/null
}

# --- who does not read -----------------------------------------------------------------------------

@test "a client that is stopped holds up neither the container nor another client, and is let go" {
    needs_skiff "it holds up the container"
    # 8 MB: more than the client's buffer and all that pipes and sockets hold.
    started loud sh -c 'mkfifo /go; echo ready; read -r x </go; yes 0123456789abcdef | head -c 8000000; echo; echo done; read -r x </go'
    until_true log_has loud ready
    "$SKIFF" attach loud >"$OUT/stopped" 2>"$OUT/story" 3>&- &
    local stopped=$!
    "$SKIFF" attach loud >"$OUT/reading" 3>&- &
    local reading=$!
    helpers="$stopped $reading"
    until_true clients_are loud 2
    kill -STOP "$stopped"
    skiff exec loud sh -c 'echo x >/go'
    until_true file_has "$OUT/reading" '^done$'
    [ "$(wc -c <"$OUT/reading")" -eq 8000006 ]
    until_true clients_are loud 1
    kill -CONT "$stopped"
    local status=0
    wait "$stopped" || status=$?
    [ "$status" -ne 0 ]
    file_has "$OUT/story" 'container "loud" writes faster than is read here, and goes on without us'
    # What it got is the beginning, without a gap.
    head -c "$(wc -c <"$OUT/stopped")" "$OUT/reading" | cmp - "$OUT/stopped"
    skiff exec loud sh -c 'echo x >/go'
    wait "$reading"
}

@test "twenty stopped clients cost the monitor a bounded amount, and it is given back" {
    needs_skiff "clients are counted at our monitor"
    started loud sh -c 'mkfifo /go; echo ready; read -r x </go; yes 0123456789abcdef | head -c 30000000; echo; echo done; read -r x </go'
    until_true log_has loud ready
    local i monitor
    monitor=$(monitor_pid loud)
    for i in $(seq 20); do
        "$SKIFF" attach loud >/dev/null 2>&1 3>&- &
        helpers="$helpers $!"
    done
    until_true clients_are loud 20
    kill -STOP $helpers
    skiff exec loud sh -c 'echo x >/go'
    until_true log_has loud '^done$'
    [ "$(awk '/^VmHWM/ { print $2 }' "/proc/$monitor/status")" -lt 40000 ]
    until_true clients_are loud 0
    [ "$(awk '/^VmRSS/ { print $2 }' "/proc/$monitor/status")" -lt 8000 ]
}

@test "the last words reach an attached client, however short the container" {
    needs_skiff "the last words can be lost with start -a -i"
    local i
    for i in $(seq 30); do
        skiff create -i --network none --name "last-$i" busybox sh -c 'read -r x; head -c 100000 /dev/zero | tr "\0" x; echo; echo end' >/dev/null
        echo go | skiff start -a -i "last-$i" >"$OUT/out"
        [ "$(wc -c <"$OUT/out")" -eq 100005 ]
        [ "$(tail -1 "$OUT/out")" = end ]
    done
}

# --- terminals ------------------------------------------------------------------------------------

modes()
{
    stty -g -F "$(pty_tmux display-message -p -t pty '#{pane_tty}')"
}

@test "run -it, Ctrl-P Ctrl-Q, attach again: the same shell, the same terminal" {
    require_command tmux
    pty_start "$SKIFF" run -it --network none --name shell busybox sh
    pty_wait '^/ #$'
    pty_type 'X=kept'
    pty_key C-p C-q
    pty_ended
    [ "$(pty_status)" -eq 0 ]
    differs "run says nothing" || pty_wait 'read escape sequence'
    status_is shell running
    pty_stop
    pty_start "$SKIFF" attach shell
    pty_type 'echo "X is $X" on $(tty)'
    pty_wait '^X is kept on /dev/pts/0$'
    pty_type 'exit 9'
    pty_ended
    [ "$(pty_status)" -eq 9 ]
}

@test "detach keys of one's own; those that only begin like them are typed" {
    require_command tmux
    skiff run -d -it --network none --name shell busybox cat >/dev/null
    pty_start "$SKIFF" attach --detach-keys 'x,y,ctrl-a' shell
    pty_type 'x xx xyz'
    pty_wait '^x xx xyz$'
    pty_key C-p C-q
    pty_type 'still here'
    pty_wait 'still here$'
    pty_key x y C-a
    pty_ended
    differs "who leaves attach has status 1" || [ "$(pty_status)" -eq 0 ]
    status_is shell running
}

@test "start -a -i with detach keys, and run's --detach-keys" {
    require_command tmux
    skiff create -it --network none --name shell busybox sh >/dev/null
    pty_start "$SKIFF" start -a -i --detach-keys q shell
    pty_wait '^/ #$'
    pty_key q
    pty_ended
    [ "$(pty_status)" -eq 0 ]
    status_is shell running
    pty_stop
    pty_start "$SKIFF" run -it --detach-keys 'ctrl-\,q' --network none --name other busybox sh
    pty_wait '^/ #$'
    pty_key 'C-\' q
    pty_ended
    status_is other running
}

@test "the window follows the client that came last, and the one that is resized" {
    require_command tmux
    skiff run -d -it --network none --name win busybox sh >/dev/null
    pty_start "$SKIFF" attach win
    pty_type 'stty size'
    pty_wait '^24 80$'
    pty_resize 90 40
    until_true eval 'pty_type "stty size"; sleep 0.1; pty_shows "^40 90$"'
}

@test "two terminals on one container see the same, and each may type" {
    require_command tmux
    skiff run -d -it --network none --name shared busybox sh >/dev/null
    pty_start "$SKIFF" attach shared
    local first=$PTY_SOCKET second
    pty_type 'echo one-$((1 + 1))'
    pty_wait '^one-2$'
    pty_start "$SKIFF" attach shared
    second=$PTY_SOCKET
    pty_type 'echo two-$((2 + 2))'
    pty_wait '^two-4$'
    PTY_SOCKET=$first
    pty_wait '^two-4$'
    pty_type 'echo three-$((3 + 3))'
    PTY_SOCKET=$second
    pty_wait '^three-6$'
    PTY_SOCKET=$first
    pty_stop
    PTY_SOCKET=$second
    pty_type 'exit 4'
    pty_ended
    [ "$(pty_status)" -eq 4 ]
}

@test "the terminal of a client that is killed with SIGKILL is given back as it was; the container goes on" {
    needs_skiff "nobody gives the terminal back"
    require_command tmux
    skiff run -d -it --network none --name shell busybox sh >/dev/null
    cat >"$OUT/shell" <<END
stty -g >"$OUT/before"
"$SKIFF" attach shell
read line
END
    pty_start sh "$OUT/shell"
    until_true test -s "$OUT/before"
    until_true eval '[ "$(modes)" != "$(cat "$OUT/before")" ]'
    pkill -9 -P "$(pty_pid)" -f ' attach shell'
    until_true eval '[ "$(modes)" = "$(cat "$OUT/before")" ]'
    status_is shell running
    until_true clients_are shell 0
}

@test "a client that leaves in order sets its terminal itself: the monitor does not touch it later" {
    needs_skiff "clients are counted at our monitor"
    require_command tmux
    skiff run -d -it --network none --name shell busybox sh >/dev/null
    cat >"$OUT/shell" <<END
"$SKIFF" attach shell
stty -echo
stty -g >"$OUT/mine"
read line
END
    pty_start sh "$OUT/shell"
    until_true clients_are shell 1
    pty_key C-p C-q
    until_true test -s "$OUT/mine"
    until_true clients_are shell 0
    [ "$(modes)" = "$(cat "$OUT/mine")" ]
}
