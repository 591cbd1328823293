#!/usr/bin/env bats
# Secrets that pass through: in no message at any level, no event, no command line, no file but the
# one they are kept in (CVE-2019-13509).
load ../lib/common
load ../lib/registry

setup_file()
{
    require_root
    skiff_setup
    registry_begin basic basic
    registry_begin token token
    # A name for it that must not be the canary's own, and the same in base64 of "user:canary".
    export CANARY=c4n4ry-$RANDOM$RANDOM
    CANARY_AUTH=$(printf 'user:%s' "$CANARY" | base64 -w 0)
    export CANARY_AUTH
}

teardown_file()
{
    registry_end
    skiff_teardown
}

setup()
{
    export HOME=$BATS_TEST_TMPDIR DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker
    unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR
    mkdir -p "$DOCKER_CONFIG"
}

# The canary is neither in $output nor in anything that the engine keeps.
nowhere()
{
    [[ $output != *"$CANARY"* && $output != *"$CANARY_AUTH"* ]] || told "it was shown" || return 1
    run grep -rlF -e "$CANARY" -e "$CANARY_AUTH" "$SKIFF_ROOT" "$SKIFF_RUN_DIR"
    [ "$status" -eq 1 ] || told "it was kept"
}

# A container that was removed gives its space back when nobody waits for it any more.
swept()
{
    [ -z "$(ls -A "$SKIFF_ROOT/removed" 2>/dev/null)" ]
}

# Runs a command and looks at every command line of the machine meanwhile.
watched()
{
    local pid
    "$@" >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        cat /proc/[0-9]*/cmdline 2>/dev/null || true
    done >"$BATS_TEST_TMPDIR/cmdlines"
    wait "$pid" || true
    output=$(cat "$BATS_TEST_TMPDIR/output")
    run grep -caF -e "$CANARY" -e "$CANARY_AUTH" "$BATS_TEST_TMPDIR/cmdlines"
    [ "$status" -eq 1 ] || told "it was on a command line"
    output=$(cat "$BATS_TEST_TMPDIR/output")
}

@test "an environment variable of a container" {
    for level in debug info; do
        run skiff --log-level "$level" run --rm --network none -e "SECRET=$CANARY" host true
        [ "$status" -eq 0 ]
        until_true swept
        nowhere
    done
    run skiff events --since 0 --until "$(date +%s)"
    nowhere
}

@test "a password at login, taken or not" {
    for registry in "$(registry basic)" "$(registry token)"; do
        echo "$CANARY" >"$BATS_TEST_TMPDIR/password"
        watched sh -c "'$SKIFF' --debug login -u user --password-stdin $registry <'$BATS_TEST_TMPDIR/password'"
        [[ $output != *"Login Succeeded"* ]]
        nowhere
    done
}

@test "credentials that a pull uses, also when the registry refuses them" {
    for registry in "$(registry basic)" "$(registry token)"; do
        echo "{\"auths\":{\"$registry\":{\"auth\":\"$CANARY_AUTH\"}}}" >"$DOCKER_CONFIG/config.json"
        watched "$SKIFF" --debug pull "$registry/nothing:1"
        output_has "unauthorized|denied|authentication"
        nowhere
    done
}

@test "a file of credentials that is damaged" {
    echo "{\"auths\":{\"$(registry basic)\":{\"auth\":\"$CANARY_AUTH" >"$DOCKER_CONFIG/config.json"
    run skiff --debug pull "$(registry basic)/nothing:1"
    [ "$status" -eq 1 ]
    output_has 'config.json" is not valid JSON'
    nowhere
}
