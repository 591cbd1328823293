#!/usr/bin/env bats
# Interrupted at any moment: whatever was killed, the next command finds nothing that it does not
# clear away.
load ../lib/common
load ../lib/leftovers

setup_file()
{
    require_root
    require_command python3
    skiff_setup
    leftovers_setup
    import_busybox
}

teardown_file()
{
    skiff_teardown
    leftovers_teardown
}

# Interfaces of containers; others' may come meanwhile, but none of ours may stay.
cables()
{
    ip -o link show master skiff0 2>/dev/null | cut -d: -f2 | cut -d@ -f1
}

# interrupted ROUNDS OPTION... IMAGE COMMAND...
interrupted()
{
    local rounds=$1
    shift
    run_ok "$SKIFF_SOURCE/tests/lib/interrupt.py" "$rounds" "$SKIFF" run \
        --cgroup-parent "$LEFTOVERS_GROUP" "$@"
    printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/rounds"
}

# What a killed client leaves running is the container's right; it ends by itself soon.
nothing_runs()
{
    [ -z "$(skiff ps -q)" ]
}

settled()
{
    until_true nothing_runs
    run_ok skiff ps -a
    nothing_left || {
        cat "$BATS_TEST_TMPDIR/rounds" >&2
        return 1
    }
}

@test "100 runs without a network, interrupted at random moments" {
    interrupted 100 --rm --network none busybox sleep 0.03
    settled
}

@test "60 runs with an address, an init of ours and limits, interrupted at random moments" {
    interrupted 60 --rm --init -m 50m --pids-limit 20 busybox sleep 0.03
    settled
}

@test "20 runs with a user namespace, interrupted at random moments" {
    interrupted 20 --rm --network none --userns private busybox sleep 0.03
    settled
}

@test "20 runs that are not to be removed: all can be seen and removed afterwards" {
    interrupted 20 --network none busybox sleep 0.03
    until_true nothing_runs
    run skiff ps -aq
    [ "${#lines[@]}" -le 20 ]
    local state
    for state in $(skiff ps -a --format '{{.State}}'); do
        [[ $state = exited || $state = created ]] || told "a container is $state"
    done
    skiff_cleanup
    settled
}

@test "imports, interrupted at random moments: the next one clears away what was begun" {
    run_ok "$SKIFF_SOURCE/tests/lib/interrupt.py" 20 "$SKIFF" import "$(rootfs_busybox)" other
    printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/rounds"
    run_ok skiff import "$(rootfs_busybox)" other
    run_ok attempt other true
    run_ok skiff rmi other
    settled
}

something_runs()
{
    [ -n "$(skiff ps -q)" ]
}

@test "a client that is killed leaves its container running, which goes on and is removed" {
    "$SKIFF" run --rm --network none --cgroup-parent "$LEFTOVERS_GROUP" --name left busybox \
        sleep 2 3>&- &
    local client=$!
    until_true something_runs
    kill -9 "$client"
    run_ok skiff ps --format '{{.Names}}'
    output_is left
    until_true nothing_runs
    settled
}

@test "a first process that is killed ends its container with 137" {
    skiff run --network none --cgroup-parent "$LEFTOVERS_GROUP" --name killed busybox sleep 100 3>&- &
    local client=$! status=0
    until_true something_runs
    kill -9 "$(container_pid killed)"
    wait "$client" || status=$?
    [ "$status" -eq 137 ]
    skiff rm killed
    settled
}
