#!/usr/bin/env bats
# Restart policies: who is started again, how often, and who ends it for good; and after a reboot.
load ../lib/common

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

teardown()
{
    skiff_cleanup
}

# under POLICY NAME COMMAND...: started.
under()
{
    local policy=$1 name=$2
    shift 2
    skiff run -d --network none --restart "$policy" --name "$name" busybox "$@" >/dev/null
}

field()
{
    skiff inspect --format "{{$2}}" "$1"
}

status_is()
{
    [ "$(field "$1" .State.Status)" = "$2" ]
}

restarted_at_least()
{
    [ "$(field "$1" .RestartCount)" -ge "$2" ]
}

# As a reboot leaves things: no process of ours and of containers, no run folder.
reboot()
{
    local id pid
    for id in $(skiff ps -q --no-trunc); do
        pid=$(container_pid "$id")
        [ "$pid" -eq 0 ] || kill -9 "$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")" "$pid" 2>/dev/null
    done
    # Those that wait for their next start have only a monitor.
    for pid in $(monitors); do kill -9 "$pid"; done
    until_true eval '[ -z "$(monitors)" ]'
    rm -rf "$SKIFF_RUN_DIR"
    # Of our own containers alone: others start theirs beside us.
    for id in "$SKIFF_ROOT"/containers/*; do
        find /sys/fs/cgroup -depth -type d -path "*/skiff/${id##*/}*" -exec rmdir {} + 2>/dev/null || true
    done
}

monitors()
{
    local folder
    for folder in /proc/[0-9]*; do
        [ "$(cat "$folder/comm" 2>/dev/null)" = skiff ] || continue
        grep -qF "SKIFF_ROOT=$SKIFF_ROOT" "$folder/environ" 2>/dev/null && echo "${folder#/proc/}"
    done
    return 0
}

@test "no: it ends, once" {
    under no once sh -c 'echo run; exit 1'
    [ "$(skiff wait once)" -eq 1 ]
    status_is once exited
    [ "$(field once .RestartCount)" -eq 0 ]
    [ "$(skiff logs once | wc -l)" -eq 1 ]
}

@test "on-failure:N: a failure is tried again N times, a success never" {
    under on-failure:2 fails sh -c 'echo run; exit 9'
    until_true status_is fails exited
    [ "$(field fails .RestartCount)" -eq 2 ]
    [ "$(field fails .State.ExitCode)" -eq 9 ]
    [ "$(skiff logs fails | grep -c run)" -eq 3 ]
    under on-failure works sh -c 'echo run'
    [ "$(skiff wait works)" -eq 0 ]
    status_is works exited
    [ "$(skiff logs works | grep -c run)" -eq 1 ]
    # Until it works.
    under on-failure third sh -c 'echo x >>/tries; [ "$(wc -l </tries)" -eq 3 ]'
    until_true status_is third exited
    [ "$(field third .RestartCount)" -eq 2 ]
    [ "$(field third .State.ExitCode)" -eq 0 ]
}

@test "always and unless-stopped: whatever it said; inspect and ps show it in between" {
    local policy
    for policy in always unless-stopped; do
        under $policy ends sh -c 'exit 0'
        until_true restarted_at_least ends 2
        until_true status_is ends restarting
        [ "$(field ends .State.Running)" = true ]
        [ "$(field ends .State.Restarting)" = true ]
        differs "it keeps the number of the one that was" || [ "$(field ends .State.Pid)" -eq 0 ]
        run_ok skiff ps --format '{{.Status}}'
        output_has '^(Restarting|Up)'
        run_ok skiff rm -f ends
        [ -z "$(skiff ps -aq)" ]
    done
}

@test "a container that is killed from outside is started again; one that a person kills is not" {
    under always stays sleep 1000
    local pid
    pid=$(container_pid stays)
    kill -9 "$pid"
    until_true restarted_at_least stays 1
    until_true status_is stays running
    [ "$(container_pid stays)" -ne "$pid" ]
    run_ok skiff kill stays
    status_is stays exited
    sleep 0.3
    status_is stays exited
}

@test "stop ends it for good: running, waiting for its next start, and paused" {
    local command
    for command in "stop -t 0" "kill" "kill -s TERM"; do
        under always loops sh -c 'exit 3'
        until_true restarted_at_least loops 3
        # shellcheck disable=SC2086 # a command and its options
        until_true skiff $command loops
        until_true status_is loops exited
        sleep 0.5
        status_is loops exited
        skiff rm loops >/dev/null
    done
    under always ice sleep 1000
    skiff pause ice >/dev/null
    run_ok skiff stop -t 0 ice
    sleep 0.3
    status_is ice exited
}

@test "stop answers within the delay of a restart, not after it" {
    under always slow sh -c 'exit 1'
    until_true restarted_at_least slow 5 # the next delay is several seconds
    until_true status_is slow restarting
    run_ok timeout 2 "$SKIFF" stop slow
    status_is slow exited
    [ "$(field slow .State.ExitCode)" -eq 1 ]
}

@test "what one that waits for its next start is refused, and what it is not" {
    under always waits sh -c 'exit 1'
    until_true restarted_at_least waits 5
    until_true status_is waits restarting
    local id
    id=$(field waits .Id)
    run_fails "container $id is restarting, wait until the container is running" skiff pause waits
    run_fails 'cannot attach to a restarting container, wait until it is running' skiff attach waits
    run_fails 'cannot remove container "/waits": container is restarting: stop the container before removing or force remove|remove a restarting container' \
        skiff rm waits
    run_ok skiff start waits
    differs "it has no network to be renamed in" && return
    run_ok skiff rename waits waited
    run_ok skiff kill -s USR1 waited
    status_is waited restarting
    run_ok skiff restart -t 0 waited
    run_ok skiff rm -f waited
}

@test "a sig-proxied signal that ends it is a person's word too" {
    "$SKIFF" run --network none --restart always --name fore busybox sh -c \
        'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done' >"$BATS_TEST_TMPDIR/out" 3>&- &
    local client=$! status=0
    until_true file_has "$BATS_TEST_TMPDIR/out" ready
    kill "$client"
    wait "$client" || status=$?
    [ "$status" -eq 7 ]
    until_true status_is fore exited
    sleep 0.3
    status_is fore exited
}

@test "the policy counts as it stands when it ends" {
    under no later sh -c 'sleep 0.5; exit 1'
    run_ok skiff update --restart always later
    until_true restarted_at_least later 1
    run_ok skiff update --restart no later
    until_true status_is later exited
}

@test "a renamed one is started again under its new name" {
    under always old sh -c 'sleep 0.1'
    until_true skiff rename old new # docker has none while it starts again
    until_true restarted_at_least new 2
    [ "$(field new .Name)" = /new ]
    run skiff inspect old
    [ "$status" -ne 0 ]
    run_ok skiff rm -f new
    [ -z "$(ls "$SKIFF_ROOT/names")" ]
}

@test "one that cannot be started again ends, and says why" {
    under always broken sh -c 'rm /bin/sh /bin/busybox; exit 1'
    until_true status_is broken exited
    [ "$(field broken .State.ExitCode)" -ne 0 ]
    [ -n "$(field broken .State.Error)" ]
}

@test "boot starts what is to run after a reboot, and nothing else" {
    needs_skiff "no boot: its daemon starts them"
    under always always sleep 1000
    under always stopped sleep 1000
    under unless-stopped unless sleep 1000
    under unless-stopped unless-not sleep 1000
    under on-failure failure sleep 1000
    under no none sleep 1000
    skiff create --network none --restart always --name never busybox sleep 1000 >/dev/null
    skiff stop -t 0 stopped unless-not >/dev/null
    reboot
    [ "$(skiff ps -a --format '{{.State}}' | sort | uniq -c | awk '{ print $2 $1 }' | paste -sd,)" = created1,exited6 ]
    [ -z "$(skiff ps -q)" ]
    run_ok skiff boot
    [ "$(sort <<<"$output" | paste -sd,)" = always,stopped,unless ]
    [ "$(skiff ps --format '{{.Names}}' | sort | paste -sd,)" = always,stopped,unless ]
    # Once more there is nothing to do.
    run_ok skiff boot
    output_is ''
    run_ok skiff exec always true
}

@test "boot: unless-stopped remembers over several reboots, and forgets by a start" {
    needs_skiff "no boot: its daemon starts them"
    under unless-stopped mem sleep 1000
    skiff stop -t 0 mem >/dev/null
    reboot
    run_ok skiff boot
    output_is ''
    reboot
    run_ok skiff boot
    output_is ''
    skiff start mem >/dev/null
    reboot
    run_ok skiff boot
    output_is mem
}

@test "boot: one that was waiting for its next start is started" {
    needs_skiff "no boot: its daemon starts them"
    under always waits sh -c 'exit 1'
    until_true restarted_at_least waits 4
    reboot
    until_true status_is waits exited
    run_ok skiff boot
    output_is waits
    until_true restarted_at_least waits 1
}

@test "boot: who shares another's namespace waits for it; who cannot start is told" {
    needs_skiff "no boot: its daemon starts them"
    skiff run -d --network none --restart always --name base busybox sleep 1000 >/dev/null
    skiff run -d --network container:base --restart always --name top busybox sleep 1000 >/dev/null
    under always bad sleep 1000
    reboot
    rm -rf "$SKIFF_ROOT/containers/$(field bad .Id)/upper"
    touch "$SKIFF_ROOT/containers/$(field bad .Id)/upper"
    run skiff boot
    [ "$status" -eq 1 ]
    output_has '(^|
)base'
    output_has '(^|
)top'
    output_has 'skiff: .*bad|skiff: cannot'
    status_is top running
}
