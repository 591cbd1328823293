#!/usr/bin/env bats
# A person's shell in a container, typed into a real terminal: who it is, what it sees, its keys.
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

@test "the prompt is root at the container's ID, in /" {
    pty_start "$SKIFF" run -it rust:latest bash
    pty_wait '^root@[0-9a-f]{12}:/#$'
    pty_shows "^root@$(session_id | cut -c 1-12):/#\$"
}

@test "ps aux: bash is process 1 on pts/0, and there is ps, and nothing else" {
    typed rust:latest bash
    pty_type 'ps aux'
    pty_wait ' R[<N]?\+ .* ps aux$'
    run screen_after '^USER +PID '
    [[ ${lines[0]} =~ ^root\ +1\ .*\ pts/0\ +Ss\ .*\ bash$ ]] || told "bash is not process 1"
    [[ ${lines[1]} =~ ^root\ +[0-9]+\ .*\ pts/0\ +R\+\ .*\ ps\ aux$ ]] || told "ps is not on pts/0"
    [[ ${lines[2]-root@} =~ ^root@ ]] || told "more than two processes"
}

@test "tty says /dev/pts/0, which is there, and is what /dev/console is" {
    typed rust:latest bash
    pty_type 'tty; ls /dev/pts; tty </dev/console; echo seen=$?'
    pty_wait '^seen=0$'
    run screen_after 'echo seen'
    [ "${lines[0]}" = /dev/pts/0 ] || told "tty"
    [[ ${lines[1]} =~ ^0\ +ptmx$ ]] || told "/dev/pts"
}

@test "job control: Ctrl-Z stops, bg and fg go on, Ctrl-C ends" {
    typed rust:latest bash
    pty_type 'sleep 1000'
    until_true foreground_is sleep
    pty_key C-z
    pty_wait '^\[1\]\+ +Stopped +sleep 1000$'
    pty_type 'bg'
    pty_wait '^\[1\]\+ sleep 1000 &$'
    pty_type 'jobs'
    pty_wait '^\[1\]\+ +Running +sleep 1000 &$'
    pty_type 'fg'
    until_true foreground_is sleep
    pty_key C-c
    until_true foreground_is bash
    pty_type 'echo status=$?; jobs; echo none=$?'
    pty_wait '^status=130$'
    pty_wait '^none=0$'
}

@test "Ctrl-C reaches the container's program and not skiff" {
    typed rust:latest bash
    pty_type 'cat'
    until_true foreground_is cat
    pty_key C-c
    until_true foreground_is bash
    pty_type 'echo still=$((40 + 2))'
    pty_wait '^still=42$'
    pty_key C-d
    pty_ended
    [ "$(pty_status)" -eq 0 ]
}

@test "the window's size is known from the start, and follows" {
    typed rust:latest bash
    pty_type 'stty size'
    pty_wait '^24 80$'
    pty_type 'trap "echo signal=WINCH" WINCH; echo armed=$((1 + 1))'
    pty_wait '^armed=2$'
    until_true foreground_is bash
    pty_resize 100 30
    until_true pty_size_is 30 100
    pty_type 'stty size'
    pty_wait '^30 100$'
    pty_wait 'signal=WINCH$'
}

@test "vi edits and saves a file" {
    typed rust:latest bash
    pty_type 'vi /tmp/poem'
    until_true foreground_is vi
    pty_wait '^~$'
    pty_tmux send-keys -t pty -l 'iwords in a container'
    pty_wait '^words in a container$'
    pty_key Escape
    pty_tmux send-keys -t pty -l ':wq'
    pty_wait '^:wq$'
    pty_key Enter
    until_true foreground_is bash
    pty_type 'tr a-z A-Z </tmp/poem'
    pty_wait '^WORDS IN A CONTAINER$'
}

@test "exit 7 ends it with status 7, and with --rm nothing of it is left" {
    typed rust:latest bash
    pty_type 'exit 7'
    pty_ended
    [ "$(pty_status)" -eq 7 ]
    run_ok skiff ps -aq
    output_is ''
}

@test "gcc compiles in it what then runs" {
    typed rust:latest bash
    pty_type "echo 'int main(void) { return 42; }' | gcc -x c -o /tmp/a - && /tmp/a; echo gave=\$?"
    pty_wait '^gave=42$'
}
