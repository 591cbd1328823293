# What a file's own root has left behind: `load ../lib/common`, `load ../lib/leftovers`.
#
#     setup_file() { skiff_setup; leftovers_setup; … }
#     @test "…" { run_fails '…' attempt busybox true; nothing_left; }
#
# Other people's containers on this machine do not count: what is ours is told by its folder, by a
# control group of its own above all containers, and by the environment of our processes.

leftovers_setup()
{
    export LEFTOVERS_GROUP=/skiff-test-$$
}

leftovers_teardown()
{
    find /sys/fs/cgroup -depth -type d -path "*$LEFTOVERS_GROUP*" -exec rmdir {} + 2>/dev/null
    return 0
}

# attempt OPTION... IMAGE COMMAND...: `skiff run --rm` without a network, in the group of ours.
attempt()
{
    skiff run --rm --network none --cgroup-parent "$LEFTOVERS_GROUP" "$@"
}

# Clients and monitors by their environment; payloads by their group.
leftover_processes()
{
    local folder
    for folder in /proc/[0-9]*; do
        [ "$(cat "$folder/comm" 2>/dev/null)" = skiff ] || continue
        grep -qF "SKIFF_ROOT=$SKIFF_ROOT" "$folder/environ" 2>/dev/null || continue
        echo "process ${folder#/proc/}: $(tr '\0' ' ' <"$folder/cmdline" 2>/dev/null | cut -c 1-200)"
    done
}

# One line each; nothing where nothing is left.
leftovers()
{
    local place
    for place in "$SKIFF_ROOT"/{containers,names,removed} "$SKIFF_RUN_DIR"/{containers,locks}; do
        [ ! -d "$place" ] || find "$place" -mindepth 1 -maxdepth 1 -printf 'file %p\n'
    done
    [ ! -d "$SKIFF_ROOT" ] || find "$SKIFF_ROOT" -maxdepth 3 -name '.*' ! -name .lock -printf 'file %p\n'
    grep -F "$SKIFF_ROOT" /proc/self/mountinfo | sed 's/^/mount /'
    find /sys/fs/cgroup -type d -path "*$LEFTOVERS_GROUP/*" -printf 'cgroup %p\n' 2>/dev/null
    leftover_processes
}

# A monitor needs a moment after its client has told the end.
nothing_left()
{
    local i left
    for ((i = 0; i < 100; i++)); do
        left=$(leftovers)
        [ -n "$left" ] || return 0
        sleep 0.05
    done
    printf 'left behind:\n%s\n' "$left" >&2
    return 1
}
