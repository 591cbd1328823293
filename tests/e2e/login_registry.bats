#!/usr/bin/env bats
# login at real registries: with passwords, with tokens, with TLS, and by what registries.conf says.
load ../lib/common
load ../lib/registry

setup_file()
{
    require_root
    skiff_setup
    registry_begin basic basic
    registry_begin token token
    registry_begin tls tls basic
}

teardown_file()
{
    registry_end
    skiff_teardown
}

setup()
{
    work=$BATS_TEST_TMPDIR
    export DOCKER_CONFIG=$work/docker HOME=$work
    unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR CONTAINERS_REGISTRIES_CONF
}

# login REGISTRY PASSWORD
login()
{
    printf '%s' "$2" | "$SKIFF" login -u user --password-stdin "$1"
}

# with_docker_folder FOLDER COMMAND...: where /etc/docker is FOLDER.
with_docker_folder()
{
    [ -d /etc/docker ] || skip "there is no /etc/docker to cover"
    # shellcheck disable=SC2016 # for the inner shell
    unshare -m sh -c 'mount --bind "$1" /etc/docker && shift && exec "$@"' sh "$@"
}

@test "a registry with passwords takes the right one alone" {
    run login "$(registry basic)" secret
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "Login Succeeded" ]
    run login "$(registry basic)" wrong
    [ "$status" -eq 1 ]
    output_lacks "Login Succeeded"
    output_lacks wrong
    grep -q "\"$(registry basic)\"" "$DOCKER_CONFIG/config.json"
}

@test "a registry with a token server takes the right one alone" {
    run login "$(registry token)" secret
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "Login Succeeded" ]
    run login "$(registry token)" wrong
    [ "$status" -eq 1 ]
    output_lacks "Login Succeeded"
}

@test "an authority in certs.d is asked whether the registry is the one" {
    mkdir -p "$work/etc/certs.d/$(registry tls)"
    cp "$(registry_folder tls)/ca.crt" "$work/etc/certs.d/$(registry tls)/"
    run with_docker_folder "$work/etc" sh -c "echo secret | '$SKIFF' login -u user --password-stdin $(registry tls)"
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "Login Succeeded" ]
    make_certificate "$work/other"
    cp "$work/other/ca.crt" "$work/etc/certs.d/$(registry tls)/ca.crt"
    run with_docker_folder "$work/etc" sh -c "echo secret | '$SKIFF' login -u user --password-stdin $(registry tls)"
    [ "$status" -eq 1 ]
    output_has certificate
}

@test "a blocked registry is not asked" {
    printf '[[registry]]\nlocation = "%s"\nblocked = true\n' "$(registry basic)" >"$work/registries.conf"
    export CONTAINERS_REGISTRIES_CONF=$work/registries.conf
    run login "$(registry basic)" secret
    [ "$status" -eq 1 ]
    output_has "the registry of \"$(registry basic)\" is blocked by \"$work/registries.conf\""
    CONTAINERS_REGISTRIES_CONF=$work/none run login "$(registry basic)" secret
    [ "$status" -eq 1 ]
    output_has "$work/none"
}

@test "nothing that listens there is told so" {
    run login 127.0.0.1:1 secret
    [ "$status" -eq 1 ]
    output_has 127.0.0.1
    [ ! -e "$DOCKER_CONFIG/config.json" ]
}

@test "a token server that gives a token for later: it is kept in place of the password, and good for a pull" {
    run login "$(registry token)" secret
    [ "$status" -eq 0 ]
    jq -e --arg at "$(registry token)" '.auths[$at] | .identitytoken == "refresh-of-user" and
        ((.auth // "") | @base64d | test("secret") | not)' "$DOCKER_CONFIG/config.json"
    : >"$(registry_folder token)/token.log"
    run_fails 'not found|unknown' "$SKIFF" pull -q "$(registry token)/closed/none"
    jq -se 'any(.form.grant_type == ["refresh_token"])' "$(registry_folder token)/token.log"
    # What is known already is tried as it is.
    run_ok "$SKIFF" login "$(registry token)"
    output_has 'Login Succeeded'
}
