# A real terminal to type into: `load ../lib/pty`. One tmux server a test, nobody looking at it.
#
#     pty_start skiff run -it rust bash
#     pty_wait 'root@.*:/# $'
#     pty_type 'tty'                # with Enter
#     pty_key C-c                   # tmux's names of keys
#     pty_resize 100 30
#     pty_ended; [ "$(pty_status)" -eq 7 ]
#     pty_stop                      # in teardown, always

pty_tmux()
{
    tmux -S "$PTY_SOCKET" -f /dev/null "$@"
}

# pty_start COMMAND...: 80 columns, 24 rows. The screen stays when the command has ended. SKIFF_ROOT
# and its like reach the command; the test's own descriptors do not.
pty_start()
{
    PTY_SOCKET=$(mktemp -u "${BATS_TEST_TMPDIR:-/tmp}/pty-XXXXXX")
    export PTY_SOCKET
    local command
    command=$(printf '%q ' "$@")
    TERM=xterm pty_tmux new-session -d -x 80 -y 24 -s pty \
        "trap - INT TSTP; exec $command" \; set-option -g remain-on-exit on \; \
        set-option -g history-limit 5000 \; set-option -g status off \
        3>&- 4>&- 5>&- >/dev/null </dev/null
}

pty_type()
{
    pty_tmux send-keys -t pty -l -- "$1"
    pty_tmux send-keys -t pty Enter
}

# pty_key KEY...: C-c, C-z, C-p, Up, Escape ...
pty_key()
{
    pty_tmux send-keys -t pty -- "$@"
}

# What stands on the screen and above it, wrapped lines joined, without blanks at the ends.
pty_screen()
{
    pty_tmux capture-pane -p -J -t pty -S - | sed 's/[[:space:]]*$//'
}

pty_shows()
{
    pty_screen | grep -qE -- "$1"
}

# pty_wait PATTERN: until a line of the screen matches (extended); shows the screen if it never does.
pty_wait()
{
    local i
    for ((i = 0; i < 300; i++)); do
        pty_shows "$1" && return 0
        sleep 0.1
    done
    printf 'never seen: /%s/ on the screen:\n%s\n' "$1" "$(pty_screen)" >&2
    return 1
}

pty_resize()
{
    pty_tmux resize-window -t pty -x "$1" -y "$2"
}

# pty_ended: waits until the command is over.
pty_ended()
{
    local i
    for ((i = 0; i < 300; i++)); do
        # pane_dead may be known before how it ended; and tmux, which now and then misses that a
        # child ended, looks again when another does.
        case $(pty_tmux display-message -p -t pty \
            '#{pane_dead}:#{pane_dead_status}#{pane_dead_signal}' 2>/dev/null) in
        1:?*) return 0 ;;
        1:) pty_tmux run-shell true ;;
        esac
        sleep 0.1
    done
    printf 'still running; the screen:\n%s\n' "$(pty_screen)" >&2
    return 1
}

# pty_status: the command's exit status, after pty_ended. 128+n for signal n.
pty_status()
{
    local status signal
    status=$(pty_tmux display-message -p -t pty '#{pane_dead_status}')
    signal=$(pty_tmux display-message -p -t pty '#{pane_dead_signal}')
    echo "${status:-$((128 + ${signal:-0}))}"
}

# The PID of the command on the host.
pty_pid()
{
    pty_tmux display-message -p -t pty '#{pane_pid}'
}

pty_stop()
{
    [ -z "${PTY_SOCKET:-}" ] || pty_tmux kill-server 2>/dev/null
    PTY_SOCKET=
}
