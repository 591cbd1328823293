# For the sessions that a person types: `load ../lib/common`, `load ../lib/pty`, `load ../lib/session`.
#
#     setup_file() { session_setup; }
#     teardown_file() { session_teardown; }
#
# Debian takes seconds to import. All files that call session_setup share one root, when
# SKIFF_TEST_SHARED names a folder that outlives them (tests/run does); each removes its containers.

session_setup()
{
    require_root
    require_command tmux debootstrap
    if [ -z "${SKIFF_TEST_SHARED:-}" ]; then
        skiff_setup || return 1
    else
        mkdir -p "$SKIFF_TEST_SHARED"
        export SKIFF_ROOT=$SKIFF_TEST_SHARED/debian SKIFF_RUN_DIR=$SKIFF_TEST_SHARED/debian-run
    fi
    skiff inspect rust:latest >/dev/null 2>&1 || import_debian rust:latest 2>/dev/null
}

session_teardown()
{
    skiff_cleanup
    skiff_teardown
}

# typed OPTION... IMAGE COMMAND...: `skiff run -it` of it in a fresh terminal, up to its prompt.
typed()
{
    pty_start "$SKIFF" run -it --rm "$@" && pty_wait '^root@[^:]+:/#$'
}

# The only container that runs.
session_id()
{
    skiff ps -q --no-trunc
}

# foreground_is NAME: what the container's terminal gives Ctrl-C and Ctrl-Z to is called so.
foreground_is()
{
    local pid group
    pid=$(container_pid "$(session_id)") &&
        group=$(awk '{ print $8 }' "/proc/$pid/stat" 2>/dev/null) &&
        [ "$(cat "/proc/$group/comm" 2>/dev/null)" = "$1" ]
}

# pty_size_is ROWS COLUMNS: the outer terminal has it (tmux takes its time).
pty_size_is()
{
    [ "$(stty size -F "$(pty_tmux display-message -p -t pty '#{pane_tty}')")" = "$1 $2" ]
}

# screen_after PATTERN: the lines below the last one that matches.
screen_after()
{
    pty_screen | awk -v pattern="$1" '$0 ~ pattern { text = ""; next } { text = text $0 "\n" }
        END { printf "%s", text }'
}
