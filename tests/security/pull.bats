#!/usr/bin/env bats
# What a registry could do to who pulls from it: named after the vulnerabilities of others where there were
# some. Files outside of the store, credentials, memory, and the terminal stay what they are.
load ../lib/common
load ../lib/registry
load security
# shellcheck disable=SC2154 # common.bash sets skiff_folder

SECRET=canary-of-a-password # not exported: it would be in the environment of all that is looked at

setup_file()
{
    require_root
    require_command jq python3 openssl
    skiff_setup
    registry_settings
    export SKIFF_REGISTRY_TIMEOUT=3 CANARY=$skiff_folder/canary
    hostile_begin bad
    hostile_begin safe tls
    export BAD SAFE
    BAD=$(registry bad)
    SAFE=$(strict safe)
    mkdir -p "$CANARY"
    echo secret-of-the-host >"$CANARY/canary"
    BEFORE=$(host_files)
    export BEFORE
}

teardown_file()
{
    registry_end
    skiff_teardown
}

setup()
{
    : >"$(registry_folder bad)/log"
    : >"$(registry_folder safe)/log"
}

teardown()
{
    remove_images
    rm -rf "$DOCKER_CONFIG/config.json" "${skiff_folder:?}/etc" "${skiff_folder:?}/etc.work"
    [ "$(host_files)" = "$BEFORE" ]
}

# What paths out of a blob's name would meet.
host_files()
{
    sha256sum /etc/passwd "$CANARY/canary"
    find "$CANARY" /etc/passwd -printf '%p %y %m %T@\n' | sort
}

pull()
{
    timeout -k 5 100 "$SKIFF" pull -q "$@"
}

refuses()
{
    run_fails "$2" pull "$BAD/$1/x"
    [ "$status" -ne 124 ] || told "never ended: $1" || return 1
    output_lacks $'[\e\a\r]' || return 1
    [ "${#output}" -lt 2000 ] || told "too much of it: $1" || return 1
    [ -z "$(skiff images -aq)" ] || told "an image is there: $1"
}

# peak MOST COMMAND...: fails when the processes of a command had more memory (PSS, MiB) than that.
peak()
{
    local most=$1 used
    shift
    used=$("$SKIFF_SOURCE/bench/peak.py" -- "$@" 2>/dev/null) || true
    awk -v used="$used" -v most="$most" 'BEGIN { exit !(used > 0 && used <= most) }' ||
        told "$used MiB of: $*"
}

@test "CVE-2024-3727: digests that are paths, or no digests" {
    for fault in digest-path digest-dots digest-upper digest-short digest-long digest-nul digest-empty \
        digest-number digest-md5 config-path index-path; do
        refuses $fault 'digest|descriptor|manifest|index'
    done
}

@test "sha512: works or is refused by name" {
    run pull "$BAD/digest-sha512/x"
    [ "$status" -eq 0 ] || output_has 'sha512|digest'
}

@test "CVE-2021-41190: a manifest that is also an index" {
    refuses both 'index|manifests|both|something else'
    refuses index-both 'index|layers|both|something else'
}

@test "indexes of indexes, in a circle, without end" {
    refuses index-chain 'index'
    refuses index-circle 'index|digest'
    [ "$(requests_of bad index-chain manifests)" -lt 20 ]
    [ "$(requests_of bad index-circle manifests)" -lt 20 ]
    refuses index-empty 'platform|no manifest|matching|empty'
    refuses index-many 'platform|no manifest|matching'
}

@test "CVE-2023-25153: a manifest of 100 MB, one without end" {
    for fault in huge-manifest endless-manifest; do
        refuses $fault 'large|long|limit|more than|at most'
        peak 64 "$SKIFF" pull -q "$BAD/$fault/x"
    done
    [ "$(hostile_requests bad '.sent' | sort -n | tail -n 1)" -lt 60000000 ]
}

@test "JSON that is deep, doubled, cut, or none" {
    for fault in deep duplicate nonsense empty array null odd-bytes trailing; do
        refuses $fault .
    done
}

@test "manifests that lie about what they have" {
    for fault in no-config no-layers layers-object size-negative size-text size-less size-more size-huge \
        config-huge config-size config-more config-fewer config-other config-html config-array layer-twice many-layers \
        schema-1 schema-text; do
        refuses $fault .
    done
}

@test "layers that are none" {
    for fault in layer-crypt layer-html layer-cut artifact; do
        refuses $fault .
    done
}

@test "CVE-2021-20291: bytes after a layer's end leave nothing locked" {
    run pull "$BAD/layer-tail/x"
    run_ok pull "$BAD/good/x"
    run_ok skiff rmi "$BAD/good/x"
}

@test "headers: giant, without end" {
    for fault in giant-head endless-head; do
        refuses $fault 'headers are too long'
        peak 64 "$SKIFF" pull -q "$BAD/$fault/x"
    done
}

@test "a bomb as Content-Encoding" {
    refuses bomb .
    peak 64 "$SKIFF" pull -q "$BAD/bomb/x"
}

@test "what a registry says is made visible" {
    refuses escape 'red'
    [[ $output != *$'\u202e'* ]]
}

# --- credentials -----------------------------------------------------------------------------------

# known_at REGISTRY...: the user has a password there.
known_at()
{
    local registry
    for registry; do
        jq -n --arg registry "$registry" --arg auth "$(printf 'user:%s' "$SECRET" | base64 -w 0)" \
            '{auths: {($registry): {auth: $auth}}}'
    done | jq -s 'reduce .[] as $one ({}; . * $one)' >"$DOCKER_CONFIG/config.json"
}

# Where the password has been sent to: "PORT PATH", once each.
told_to()
{
    hostile_requests "$1" 'select((.authorization // "") | startswith("Basic ")) | "\(.port) \(.path)"' |
        tr -d '"' | sed 's/?.*//' | sort -u
}

@test "redirects to another host do not carry the token" {
    run_ok pull "$BAD/guarded-elsewhere/x"
    other=$(cut -d : -f 2 <"$(registry_folder bad)/other")
    [ -n "$(hostile_requests bad 'select(.authorization == "Bearer good")')" ]
    [ -n "$(hostile_requests bad "select(.port == $other)")" ]
    [ -z "$(hostile_requests bad "select(.port == $other and .authorization)")" ]
}

@test "passwords go to the registry, and where it sends for a token, and nowhere else" {
    known_at "$BAD"
    run_ok pull "$BAD/good/x"
    # Nobody asked.
    [ -z "$(told_to bad)" ]
    remove_images
    run_ok pull "$BAD/password/x"
    [ -n "$(told_to bad)" ]
    remove_images
    : >"$(registry_folder bad)/log"
    run_ok pull "$BAD/elsewhere/x"
    other=$(cut -d : -f 2 <"$(registry_folder bad)/other")
    [ -n "$(hostile_requests bad "select(.port == $other)")" ]
    [ -z "$(hostile_requests bad "select(.port == $other and .authorization)")" ]
}

@test "passwords of one registry are not told to another" {
    known_at "$SAFE"
    run_fails 'authentication|unauthorized|401|login' pull "$BAD/password/x"
    [ -z "$(told_to bad)" ]
}

@test "realms that are no web, and circles of tokens" {
    known_at "$BAD"
    for fault in token-file token-circle token-endless token-huge token-header token-html token-number \
        token-escape challenge-long challenge-open challenge-none challenge-unknown challenge-twice; do
        refuses $fault .
        [ "$(requests_of bad $fault)" -lt 20 ] || told "$fault: too many requests"
    done
    [ -z "$(hostile_requests bad 'select(."x-injected")')" ]
    output_lacks "$SECRET"
}

@test "https: never from there to plain HTTP, neither by redirect nor by realm" {
    trust safe
    run_ok in_own_etc "$SKIFF" pull -q "$SAFE/good/x"
    remove_images
    run_fails 'redirect|http' in_own_etc "$SKIFF" pull -q "$SAFE/to-plain/x"
    known_at "$SAFE"
    run_fails . in_own_etc "$SKIFF" pull -q "$SAFE/token-elsewhere/x"
    other=$(cut -d : -f 2 <"$(registry_folder safe)/other")
    [ -z "$(hostile_requests safe "select(.port == $other)")" ]
}

@test "a certificate that nobody vouches for is refused" {
    run_fails 'certificate' in_own_etc "$SKIFF" pull -q "$SAFE/good/x"
    [ -z "$(hostile_requests safe .)" ]
}

@test "CVE-2019-13509: passwords are in no command line, environment, log or story" {
    known_at "$BAD"
    encoded=$(printf 'user:%s' "$SECRET" | base64 -w 0)
    rm -f "$(registry_folder bad)/open"
    "$SKIFF" --debug pull "$BAD/password-gate/x" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    until_true some_helper
    sleep 0.5
    for pid in $(pull_processes); do
        { tr '\0' '\n' <"/proc/$pid/cmdline"; tr '\0' '\n' <"/proc/$pid/environ"; } 2>/dev/null
    done >"$BATS_TEST_TMPDIR/seen" || true
    touch "$(registry_folder bad)/open"
    wait_all
    run_ok grep -c . "$BATS_TEST_TMPDIR/seen"
    known_at "$BAD"
    skiff --debug pull "$BAD/token-escape/x" >>"$BATS_TEST_TMPDIR/out" 2>&1 || true
    run ! grep -rlE "$SECRET|$encoded" "$BATS_TEST_TMPDIR"/{out,seen} "$SKIFF_ROOT" "$SKIFF_RUN_DIR"
}

some_helper()
{
    [ "$(pull_processes | wc -l)" -ge 4 ]
}

# --- the fetcher's cage ----------------------------------------------------------------------------

@test "the fetcher has no rights, no new ones, a filter, and nothing of the store" {
    rm -f "$(registry_folder bad)/open"
    "$SKIFF" pull "$BAD/gate/x" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    until_true fetcher_is_there
    fetcher=$(who_talks)
    cat "/proc/$fetcher/status" >"$BATS_TEST_TMPDIR/status"
    ls -l "/proc/$fetcher/fd" >"$BATS_TEST_TMPDIR/fds"
    store=$(readlink -f "$SKIFF_ROOT")
    mounts=$(awk '$6 ~ /^rw/ { print $5 }' "/proc/$fetcher/mountinfo")
    touch "$(registry_folder bad)/open"
    wait_all
    cat "$BATS_TEST_TMPDIR"/{status,fds}
    for line in 'Uid:\s+65534\s+65534\s+65534\s+65534' 'Gid:\s+65534\s+65534\s+65534\s+65534' \
        'CapEff:\s+0+' 'CapPrm:\s+0+' 'CapInh:\s+0+' 'CapBnd:\s+0+' 'CapAmb:\s+0+' 'NoNewPrivs:\s+1' \
        'Seccomp:\s+2' 'Groups:\s*'; do
        grep -qE "^$line\$" "$BATS_TEST_TMPDIR/status" || told "no $line"
    done
    run ! grep -F "$store" "$BATS_TEST_TMPDIR/fds"
    # Pipes, sockets, /dev/null and what poll needs.
    run awk 'NR > 1 && $NF !~ "^(pipe:|socket:|/dev/null|anon_inode:)"' "$BATS_TEST_TMPDIR/fds"
    output_is ''
    [ -z "$mounts" ] || told "may write below: $mounts"
}

# who_talks: which of the processes has a connection to the registry.
who_talks()
{
    local pid port inodes
    port=$(printf '%04X' "${BAD#*:}")
    inodes=$(awk -v port=":$port" 'index($3, port) { print "socket:[" $10 "]" }' /proc/net/tcp)
    for pid in $(pull_processes); do
        [ "$(cat "/proc/$pid/stat" 2>/dev/null | sed 's/.*) //' | cut -d ' ' -f 1)" != Z ] || continue
        find "/proc/$pid/fd" -type l -printf '%l\n' 2>/dev/null | grep -qxFf <(printf '%s\n' "$inodes") &&
            echo "$pid" && return 0
    done
    return 1
}

fetcher_is_there()
{
    who_talks >/dev/null && [ -n "$(find "$SKIFF_ROOT/images/partial" -type f -size +500k 2>/dev/null)" ]
}
