#!/usr/bin/env bats
# login and logout, before a registry that is a script: what is asked, kept, and never shown.
load ../lib/common
load ../lib/pty

setup()
{
    work=$BATS_TEST_TMPDIR
    mkdir -p "$work/libexec" "$work/docker" "$work/bin"
    # The registry's part: it takes one password, and writes down how it was called.
    cat >"$work/libexec/skiff-image" <<EOF
#!/bin/bash
tr '\0' ' ' </proc/\$\$/cmdline >>"$work/called"
env >>"$work/called"
for word; do
    case \$word in --credentials-fd=*) fd=\${word#*=} ;; esac
done
answer=\$(cat <&"\$fd")
printf '%s\n' "\$answer" >>"$work/asked"
case \$answer in
*'"password":"s3cret'*) [ ! -e "$work/token" ] || cat "$work/token" ;;
*) echo "skiff: unauthorized: incorrect username or password" >&2; exit 1 ;;
esac
EOF
    chmod +x "$work/libexec/skiff-image"
    touch "$work/libexec/skiff-init"
    chmod +x "$work/libexec/skiff-init"
    export SKIFF_LIBEXEC=$work/libexec DOCKER_CONFIG=$work/docker HOME=$work PATH=$work/bin:$PATH
    unset REGISTRY_AUTH_FILE XDG_RUNTIME_DIR
    config=$DOCKER_CONFIG/config.json
}

teardown()
{
    pty_stop
    # Whatever a test did, the secret was in no command line and no environment.
    [ ! -e "$work/called" ] || ! grep -q s3cret "$work/called"
}

login()
{
    printf 's3cret\n' | skiff login --username me --password-stdin "$@"
}

@test "what is typed at --password-stdin is tried and kept, for its owner alone" {
    run login localhost:5000
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "Login Succeeded" ]
    [[ $output == *"stored unencrypted in '$config'"* ]]
    [[ $output != *s3cret* ]]
    [ "$(stat -c %a "$config")" = 600 ]
    [ "$(cat "$work/asked")" = '{"username":"me","password":"s3cret"}' ]
    grep -q "ping --prefix=skiff --credentials-fd=[0-9]* localhost:5000" "$work/called"
    [ "$(tr -d ' \n' <"$config")" = '{"auths":{"localhost:5000":{"auth":"bWU6czNjcmV0"}}}' ]
}

@test "a refusal is shown, and nothing is kept" {
    run sh -c "echo wrong | '$SKIFF' login -u me --password-stdin localhost:5000"
    [ "$status" -eq 1 ]
    [ "$output" = "skiff: unauthorized: incorrect username or password" ]
    [ ! -e "$config" ]
}

@test "without a server it is Docker Hub, by Docker's name for it" {
    run login
    [ "$status" -eq 0 ]
    grep -q '"https://index.docker.io/v1/"' "$config"
    run login https://index.docker.io/v1/
    [ "$status" -eq 0 ]
    run login docker.io
    [ "$status" -eq 0 ]
    [ "$(grep -c auth\" "$config")" -eq 1 ]
    run skiff logout
    [ "$status" -eq 0 ]
    [ "$output" = "Removing login credentials for https://index.docker.io/v1/" ]
    [ "$(tr -d ' \n' <"$config")" = '{"auths":{}}' ]
}

@test "logout takes one registry out and leaves the rest of the file" {
    echo '{"psFormat":"x","auths":{"a.io":{"auth":"eDp5"},"https://b.io/v1/":{"auth":"eDp5"}}}' >"$config"
    run skiff logout b.io
    [ "$status" -eq 0 ]
    [ "$output" = "Removing login credentials for b.io" ]
    [ "$(tr -d ' \n' <"$config")" = '{"psFormat":"x","auths":{"a.io":{"auth":"eDp5"}}}' ]
    run skiff logout never.io
    [ "$status" -eq 0 ]
    echo '{' >"$config"
    run skiff logout a.io
    [ "$status" -eq 1 ]
    [ "$(cat "$config")" = "{" ]
}

@test "a password on the command line is warned of, and wiped there" {
    run skiff login -u me -p s3cret localhost:5000
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "WARNING! Using --password via the CLI is insecure. Use --password-stdin." ]
    # While the registry thinks, the command line of skiff is read.
    sed -i "2i tr '\\\\0' ' ' </proc/\$PPID/cmdline >'$work/parent'" "$work/libexec/skiff-image"
    run skiff login -u me --password=s3cret localhost:5000
    [ "$status" -eq 0 ]
    grep -q "login -u me" "$work/parent"
    run grep s3cret "$work/parent"
    [ "$status" -eq 1 ]
}

@test "options that do not go together are refused in Docker's words" {
    run skiff login -u me -p x --password-stdin localhost:5000
    [ "$status" -eq 1 ]
    [[ $output == *"conflicting options: cannot specify both --password and --password-stdin"* ]]
    run skiff login --password-stdin localhost:5000 </dev/null
    [ "$status" -eq 1 ]
    [[ $output == *"the --password-stdin option requires --username to be set"* ]]
    run skiff login -u me localhost:5000 </dev/null
    [ "$status" -eq 1 ]
    [[ $output == *"cannot perform an interactive login from a non TTY device"* ]]
    run skiff login -u me --password-stdin localhost:5000 </dev/null
    [ "$status" -eq 1 ]
    [[ $output == *"password is empty"* ]]
    run skiff login -u me --password-stdin 'no host' </dev/null
    [ "$status" -eq 1 ]
    [[ $output == *'"no host" is no registry'* ]]
    [ ! -e "$work/called" ]
}

@test "a credential helper keeps it, and the file only says so" {
    echo '{"credHelpers":{"localhost:5000":"safe"}}' >"$config"
    cat >"$work/bin/docker-credential-safe" <<EOF
#!/bin/sh
cat >"$work/\$1"
[ "\$1" != get ] || { echo credentials not found; exit 1; }
EOF
    chmod +x "$work/bin/docker-credential-safe"
    run login localhost:5000
    [ "$status" -eq 0 ]
    [ "$output" = "Login Succeeded" ]
    [ "$(cat "$work/store")" = '{"ServerURL":"localhost:5000","Username":"me","Secret":"s3cret"}' ]
    run grep 'auth"' "$config"
    [ "$status" -eq 1 ]
    run skiff logout localhost:5000
    [ "$status" -eq 0 ]
    [ "$(cat "$work/erase")" = localhost:5000 ]
}

@test "a token that the registry gives takes the password's place" {
    echo '{"identitytoken":"for-later"}' >"$work/token"
    run login localhost:5000
    [ "$status" -eq 0 ]
    grep -q '"identitytoken": "for-later"' "$config"
    run grep bWU6czNjcmV0 "$config"
    [ "$status" -eq 1 ]
}

@test "what is kept is tried first, and asked for anew when it is no good" {
    login localhost:5000
    run skiff login localhost:5000 </dev/null
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "Authenticating with existing credentials... [Username: me]" ]
    [ "${lines[1]}" = "Login Succeeded" ]
    echo '{"auths":{"localhost:5000":{"auth":"bWU6b2xk"}}}' >"$config" # me:old
    run skiff login localhost:5000 </dev/null
    [ "$status" -eq 1 ]
    [[ $output == *"unauthorized"*"non TTY device"* ]]
}

@test "at a terminal the password is not shown" {
    require_command tmux
    pty_start "$SKIFF" login localhost:5000
    pty_wait '^Username: *$'
    pty_type me
    pty_wait '^Password: *$'
    pty_type s3cret
    pty_ended
    [ "$(pty_status)" -eq 0 ]
    pty_shows 'Login Succeeded'
    [[ $(pty_screen) != *s3cret* ]]
    [ "$(cat "$work/asked")" = '{"username":"me","password":"s3cret"}' ]
}

@test "Ctrl-C at the password gives the terminal back" {
    require_command tmux
    cat >"$work/shell" <<EOF
trap : INT
stty -g >"$work/before"
"$SKIFF" login -u me localhost:5000
echo \$? >"$work/status"
stty -g >"$work/after"
read line
EOF
    pty_start sh "$work/shell"
    pty_wait '^Password: *$'
    pty_key C-c
    until_true test -s "$work/after"
    [ "$(cat "$work/status")" -eq 130 ]
    cmp "$work/before" "$work/after"
    [ ! -e "$work/called" ]
}

@test "no log level shows a secret, and no error does" {
    for level in debug info; do
        run sh -c "echo s3cret | '$SKIFF' --log-level $level login -u me --password-stdin localhost:5000"
        [ "$status" -eq 0 ]
        [[ $output != *s3cret* && $output != *bWU6czNjcmV0* ]]
    done
    echo '{"auths":{"localhost:5000":{"auth":"s3cret' >"$config"
    run login localhost:5000
    [ "$status" -eq 1 ]
    [[ $output == *"is not valid JSON"* && $output != *s3cret* ]]
}
