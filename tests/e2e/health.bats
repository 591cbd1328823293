#!/usr/bin/env bats
# Health checks: who is asked, how often, what is shown, and what is done about it.
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

# checked COMMAND [OPTION...]: a container "checked" with that check, every 100 ms.
checked()
{
    local command=$1
    shift
    skiff run -d --name checked --network none --health-cmd "$command" --health-interval 100ms \
        --health-retries 2 "$@" busybox sleep 600
}

health()
{
    skiff inspect -f '{{.State.Health.Status}}' checked
}

health_is()
{
    [ "$(health)" = "$1" ]
}

log_has()
{
    skiff inspect -f '{{json .State.Health.Log}}' checked | jq -e "$1"
}

@test "healthy once the command succeeds, unhealthy after as many failures as --health-retries says" {
    checked 'test -e /tmp/well'
    health_is starting || health_is unhealthy
    until_true health_is unhealthy
    run_ok skiff inspect -f '{{.State.Health.FailingStreak}}' checked
    [ "$output" -ge 2 ]
    skiff exec checked touch /tmp/well
    until_true health_is healthy
    run_ok skiff inspect -f '{{.State.Health.FailingStreak}}' checked
    output_is 0
    skiff exec checked rm /tmp/well
    until_true health_is unhealthy
}

@test "ps shows it; --filter health finds it" {
    checked true
    until_true health_is healthy
    run_ok skiff ps --format '{{.Status}}'
    output_has '^Up .* \(healthy\)$'
    run_ok skiff ps -q --filter health=healthy
    [ "${#lines[@]}" -eq 1 ]
    run_ok skiff ps -q --filter health=unhealthy
    output_is ''
}

@test "the last five outputs are kept, each cut at 4 KiB, whatever bytes they are" {
    needs_skiff "bytes that are no UTF-8 take three each"
    checked 'echo out; echo err >&2; exit 3'
    log_is_full()
    {
        log_has 'length == 5'
    }
    until_true log_is_full
    log_has 'all(.[]; .ExitCode == 3 and (.Output | contains("out\n")) and (.Output | contains("err\n")))'
    skiff rm -f checked
    checked 'head -c 100000 /dev/zero | tr "\0" "\377"'
    until_true health_is healthy
    log_has 'all(.[]; .Output | utf8bytelength == 4096)'
}

@test "a check that takes longer than --health-timeout fails, and is gone" {
    needs_skiff "top runs the host's ps"
    checked 'sleep 300' --health-timeout 50ms
    until_true health_is unhealthy
    log_has 'any(.[]; .ExitCode == -1 and (.Output | test("exceeded timeout")))'
    skiff pause checked
    run_ok skiff top checked -o args
    [ "$(grep -c 'sleep 300' <<<"$output")" -le 2 ] # the one that is under way: a shell and its command
    skiff unpause checked
    run_ok skiff stop -t 0 checked
}

@test "while it starts no failure counts; --health-start-interval is its own" {
    needs_skiff "--health-start-interval is known since 25"
    checked 'test -e /tmp/well' --health-start-period 60s --health-start-interval 50ms
    has_failed_often()
    {
        log_has 'length == 5'
    }
    until_true has_failed_often
    health_is starting
    skiff exec checked touch /tmp/well
    until_true health_is healthy
}

@test "the image's own check is inherited, replaced in parts, and turned off" {
    skiff import -c 'HEALTHCHECK --interval=100ms --retries=7 CMD test -e /bin/sh' \
        "$(rootfs_busybox)" imaged >/dev/null
    run_ok skiff image inspect -f '{{json .Config.Healthcheck}}' imaged
    [ "$(jq -Sc . <<<"$output")" = '{"Interval":100000000,"Retries":7,"Test":["CMD-SHELL","test -e /bin/sh"]}' ]
    for wrong in 'x true' 'CMD' 'NONE x' '--interval=1 CMD x' '--retries=-1 CMD x' '--x=1 CMD x'; do
        differs "in other words" || run_fails '^skiff: .*HEALTHCHECK: ' skiff import -c "HEALTHCHECK $wrong" "$(rootfs_busybox)" wrong
    done
    skiff run -d --name checked --network none imaged sleep 600
    until_true health_is healthy
    skiff rm -f checked
    skiff run -d --name checked --network none --health-cmd false --health-retries 1 imaged sleep 600
    until_true health_is unhealthy
    skiff rm -f checked
    skiff run -d --name checked --network none --no-healthcheck imaged sleep 600
    run_ok skiff inspect -f '{{json .Config.Healthcheck.Test}}' checked
    output_is '["NONE"]'
    differs "in other words" || run_fails 'no entry for key "Health"' skiff inspect -f '{{.State.Health}}' checked
}

@test "wait --condition healthy" {
    needs_skiff "wait has no --condition"
    checked 'test -e /tmp/well'
    timeout 20 "$SKIFF" wait --condition healthy checked >"$BATS_TEST_TMPDIR/waited" 3>&- &
    local waiting=$!
    sleep 0.3
    [ ! -s "$BATS_TEST_TMPDIR/waited" ]
    skiff exec checked touch /tmp/well
    wait "$waiting"
    [ "$(cat "$BATS_TEST_TMPDIR/waited")" = 0 ]
}

@test "events tell each change of it" {
    checked 'test -e /tmp/well'
    until_true health_is unhealthy
    skiff exec checked touch /tmp/well
    until_true health_is healthy
    run_ok skiff events --since 1m --until 0s --format '{{.Action}}'
    grep -qx 'health_status: unhealthy' <<<"$output"
    grep -qx 'health_status: healthy' <<<"$output"
}

@test "--health-on-failure kill: as a kill would, so that a restart policy applies" {
    needs_skiff "no --health-on-failure"
    checked false --health-on-failure kill
    ended()
    {
        [ "$(skiff inspect -f '{{.State.Status}} {{.State.ExitCode}}' checked)" = 'exited 137' ]
    }
    until_true ended
}

@test "--health-on-failure restart: with no restart policy too" {
    needs_skiff "no --health-on-failure"
    checked false --health-on-failure restart
    restarted()
    {
        [ "$(skiff inspect -f '{{.RestartCount}}' checked)" -ge 2 ]
    }
    until_true restarted
    run_ok skiff stop -t 0 checked
}

@test "--health-on-failure stop: for good, by its stop signal and then by KILL" {
    needs_skiff "no --health-on-failure"
    checked false --health-on-failure stop --restart always --stop-timeout 0
    stopped()
    {
        [ "$(skiff inspect -f '{{.State.Status}}' checked)" = exited ]
    }
    until_true stopped
    sleep 0.5
    stopped
}

@test "a paused container is not checked" {
    needs_skiff "inspect waits for a check of a paused one"
    checked 'echo again >>/tmp/checks'
    until_true health_is healthy
    skiff pause checked
    skiff inspect -f '{{json .State.Health.Log}}' checked >"$BATS_TEST_TMPDIR/before"
    sleep 0.5
    skiff inspect -f '{{json .State.Health.Log}}' checked | cmp - "$BATS_TEST_TMPDIR/before"
    skiff unpause checked
    until_true health_is healthy
}

@test "what makes no sense is refused by the option's name" {
    needs_skiff "in other words"
    run_fails 'conflicts with --health-' skiff create --no-healthcheck --health-cmd true busybox true
    run_fails 'health-interval cannot be negative' skiff create --health-interval=-1s busybox true
    run_fails 'health-timeout cannot be less than 1ms' skiff create --health-timeout 1us busybox true
    run_fails 'invalid argument "x" for "--health-start-period"' \
        skiff create --health-start-period x busybox true
    run_fails 'health-retries cannot be negative' skiff create --health-retries=-1 busybox true
    run_fails 'invalid argument "x" for "--health-on-failure"' \
        skiff create --health-on-failure x busybox true
}
