#!/usr/bin/env bats
# What a registry, or whoever has taken over what talks to it, could get from us: a password, a place
# to wait in forever, the rest of the machine.
# shellcheck disable=SC2154 # common.bash sets skiff_folder
load ../lib/common
load ../lib/registry
load security

setup_file()
{
    require_root
    require_command jq python3
    skiff_setup
    registry_settings
    export SKIFF_REGISTRY_TIMEOUT=3
    hostile_begin bad
    BAD=$(registry bad)
    OTHER=$(cut -d : -f 2 <"$(registry_folder bad)/other")
    export BAD OTHER
    import_busybox
}

teardown_file()
{
    registry_end
    skiff_teardown
}

setup()
{
    : >"$(registry_folder bad)/log"
    jq -n --arg registry "$BAD" --arg auth "$(printf 'user:canary-of-a-password' | base64 -w 0)" \
        '{auths: {($registry): {auth: $auth}}}' >"$DOCKER_CONFIG/config.json"
}

teardown()
{
    ! mountpoint -q "$skiff_folder/disk" || umount "$skiff_folder/disk"
    # shellcheck disable=SC2046 # one name a word
    skiff rmi -f $(skiff images --format '{{.Repository}}:{{.Tag}}' | grep -v busybox) >/dev/null 2>&1 || true
}

pull()
{
    timeout -k 5 60 "$SKIFF" pull -q "$@"
}

push()
{
    skiff tag busybox "$1"
    timeout -k 5 60 "$SKIFF" push -q "$1"
}

# What the other host was asked, and the authorization that came with it.
other_asked()
{
    hostile_requests bad "select(.port == $OTHER) | \"\(.method) \(.path) \(.authorization // \"\")\"" | tr -d '"'
}

@test "whom a redirect leads to is not told who we are, however he asks" {
    run_fails 'authentication required|unauthorized' pull "$BAD/robbed/x"
    [[ $(other_asked) = 'GET /v2/robbed/x/blobs/'* ]]
    [ "$(other_asked | wc -l)" -eq 1 ]
    [[ $(other_asked) != *Basic* && $(other_asked) != *Bearer* ]]
}

@test "nor where a registry wants uploads" {
    run_fails 'authentication required|unauthorized' push "$BAD/upload-elsewhere/x"
    # The registry itself was told.
    [ -n "$(hostile_requests bad 'select((.authorization // "") | startswith("Basic "))')" ]
    [[ $(other_asked) = *'PUT /upload?digest='* ]]
    [[ $(other_asked) != *Basic* && $(other_asked) != *Bearer* && $(other_asked) != */token/* ]]
}

@test "a name that goes to another image while it is pushed stays there" {
    rm -f "$(registry_folder bad)"/{open,waiting}
    skiff tag busybox "$BAD/push-gate/x"
    "$SKIFF" push -q "$BAD/push-gate/x" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    until_true test -e "$(registry_folder bad)/waiting"
    skiff import -m another "$(rootfs_busybox)" "$BAD/push-gate/x" >"$BATS_TEST_TMPDIR/id"
    touch "$(registry_folder bad)/open"
    wait_all
    grep -q "$BAD/push-gate/x" "$BATS_TEST_TMPDIR/out"
    [ "$(skiff image inspect -f '{{.Id}}' "$BAD/push-gate/x")" = "$(cat "$BATS_TEST_TMPDIR/id")" ]
    [ "$(skiff image inspect -f '{{len .RepoDigests}}' "$BAD/push-gate/x")" = 0 ]
}

@test "a push that finds the disk full while it compresses" {
    disk=$skiff_folder/disk
    mkdir "$disk"
    mount -t tmpfs -o size=10m tmpfs "$disk"
    head -c 4000000 /dev/urandom >"$BATS_TEST_TMPDIR/noise"
    tar -cf "$BATS_TEST_TMPDIR/noise.tar" -C "$BATS_TEST_TMPDIR" noise
    run_ok "$SKIFF" --root "$disk" import "$BATS_TEST_TMPDIR/noise.tar" "$BAD/push-gate/full"
    run_fails 'cannot write the compressed layer.*no space left' \
        timeout -k 5 60 "$SKIFF" --root "$disk" push -q --compression zstd "$BAD/push-gate/full"
}

@test "addresses that name a user, or are no web" {
    for fault in upload-as-user upload-file; do
        run_fails . push "$BAD/$fault/x"
        [ -z "$(hostile_requests bad 'select(.path | startswith("/upload"))')" ]
        output_lacks canary-of-a-password
    done
}

@test "what is for the machine itself is not given to a proxy" {
    export http_proxy=http://127.0.0.1:1 HTTPS_PROXY=http://127.0.0.1:1 all_proxy=http://127.0.0.1:1
    run_ok pull "$BAD/password/x"
    [ -n "$(hostile_requests bad 'select((.authorization // "") | startswith("Basic "))')" ]
}

@test "an error's page without end" {
    run_fails 'not found|404' pull "$BAD/endless-page/x"
    # No more was read than is shown.
    [ "$(hostile_requests bad 'select(.path | contains("/manifests/")) | .sent' | sort -n | tail -n 1)" -lt $((64 << 20)) ]
}

@test "a manifest of a million values is not parsed" {
    run_fails 'more than 200000 values' pull "$BAD/heavy/x"
}

@test "what was wrong is not gone on with: neither when it does not unpack, nor when an earlier pull left it" {
    run_fails 'cannot unpack layer' pull "$BAD/garbage/x"
    run find "$SKIFF_ROOT/images/partial" -type f
    output_is ''
    # The same digest, of an image that is as it should be, and of a pull that broke off.
    digest=$(hostile_requests bad 'select(.path | contains("garbage/x/blobs")) | .path' | tail -n 1 | grep -o '[0-9a-f]\{64\}')
    head -c 700000 /dev/urandom >"$SKIFF_ROOT/images/partial/$digest"
    run_ok pull "$BAD/good/x"
}

@test "one blob as two layers" {
    run_fails "another's blob with another diff ID" pull "$BAD/layer-two-ways/x"
}

@test "the fetcher has nothing of our environment but proxies" {
    rm -f "$(registry_folder bad)/open"
    CANARY=canary-of-a-secret no_proxy=example.com "$SKIFF" pull -q "$BAD/gate/x" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    client=$!
    until_true fetcher_of "$client"
    tr '\0' '\n' <"/proc/$(fetcher_of "$client")/environ" >"$BATS_TEST_TMPDIR/environ"
    readlink "/proc/$(fetcher_of "$client")/fd/"{1,2} >"$BATS_TEST_TMPDIR/streams"
    touch "$(registry_folder bad)/open"
    wait_all
    grep -qx no_proxy=example.com "$BATS_TEST_TMPDIR/environ"
    [ "$(grep -vicE '^(http|https|no|all)_proxy=|^(ASAN|UBSAN)_OPTIONS=' "$BATS_TEST_TMPDIR/environ")" -eq 0 ]
    [ "$(sort -u "$BATS_TEST_TMPDIR/streams")" = /dev/null ]
}

@test "the fetcher ends with who started it, also in the middle of a transfer" {
    rm -f "$(registry_folder bad)/open"
    export SKIFF_REGISTRY_TIMEOUT=600
    "$SKIFF" pull -q "$BAD/gate/x" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
    client=$!
    until_true has_begun
    fetcher=$(fetcher_of "$client")
    kill -KILL "$(helper_of "$client")"
    until_true process_gone "$fetcher"
    touch "$(registry_folder bad)/open"
    wait_all
    run_ok pull "$BAD/gate/x"
}

helper_of()
{
    pgrep -P "$1" -x skiff-image
}

# One that has locked itself in.
fetcher_of()
{
    local pid
    for pid in $(pgrep -P "$(helper_of "$1")" -x skiff-fetch); do
        ! grep -q '^Seccomp:.2' "/proc/$pid/status" || { echo "$pid"; return 0; }
    done
    return 1
}

has_begun()
{
    [ -n "$(find "$SKIFF_ROOT/images/partial" -type f -size +500k 2>/dev/null)" ]
}
