#!/usr/bin/env bats
# pull from a registry that breaks: what can be had all the same is had, without fetching twice; what
# cannot is a clear line, in bounded time and memory, and leaves nothing.
load ../lib/common
load ../lib/registry
# shellcheck disable=SC2154 # common.bash sets skiff_folder

setup_file()
{
    require_root
    require_command jq python3 curl
    skiff_setup
    registry_settings
    hostile_begin bad
    export BAD
    BAD=$(registry bad)
    # Who waits for bytes that do not come waits this long here.
    export SKIFF_REGISTRY_TIMEOUT=3
}

teardown_file()
{
    registry_end
    skiff_teardown
}

setup()
{
    : >"$(registry_folder bad)/log"
    rm -f "$(registry_folder bad)/open"
}

teardown()
{
    touch "$(registry_folder bad)/open"
    wait_all
    remove_images
    rm -rf "${SKIFF_ROOT:?}/images/partial"
}

# Whatever failed has left no name, no blob, no layer; what is partly there may stay for the next one.
nothing_kept()
{
    local root=$1
    [ -z "$(SKIFF_ROOT=$root skiff images -aq)" ] || told "an image is in $root" || return 1
    [ -z "$(find "$root/images/blobs" "$root/layers" -mindepth 1 -type f 2>/dev/null)" ] ||
        told "left: $(find "$root/images/blobs" "$root/layers" -type f | head)"
}

# pull FAULT: bounded, should it hang.
pull()
{
    timeout -k 5 110 "$SKIFF" pull -q "$BAD/$1/x"
}

# gets FAULT.
gets()
{
    run_ok pull "$1"
    [ -n "$(skiff images -q "$BAD/$1/x")" ]
    run_ok skiff system check --images images
    remove_images
}

# refuses FAULT PATTERN [FAULT PATTERN...]: all at once, for most of it is waiting; each in a store of its
# own, for one would wait for the layer of another.
refuses()
{
    local root fault words=("$@")
    while [ $# -gt 0 ]; do
        SKIFF_ROOT=$BATS_TEST_TMPDIR/$1 pull "$1" >"$BATS_TEST_TMPDIR/$1.out" 2>&1 3>&- &
        echo $! >"$BATS_TEST_TMPDIR/$1.pid"
        shift 2
    done
    set -- "${words[@]}"
    while [ $# -gt 0 ]; do
        fault=$1 root=$BATS_TEST_TMPDIR/$1 status=0
        wait "$(cat "$root.pid")" || status=$?
        output=$(cat "$root.out")
        [ "$status" -eq 1 ] || told "expected a failure of: $fault" || return 1
        [ "$(wc -l <"$root.out")" -eq 1 ] || told "expected one line of: $fault" || return 1
        [[ $output =~ $2 ]] || told "expected /$2/ of: $fault" || return 1
        output_lacks $'[\e\a\r]' || return 1
        [ "${#output}" -lt 2000 ] || told "too much of it: $fault" || return 1
        nothing_kept "$root" || return 1
        rm -rf "$root"
        shift 2
    done
}

@test "a connection that breaks off anywhere: what has come is not fetched again" {
    gets cut
    size=$(hostile_requests bad 'select(.path | contains("/blobs/")) | .sent' | awk '{ n += $1 } END { print n }')
    # A configuration of some hundred bytes, and a layer of 2 MB.
    [ "$size" -lt 2110000 ] || told "$size bytes were sent"
    [ "$(hostile_requests bad 'select(.range)' | wc -l)" -ge 1 ]
}

@test "a connection that breaks off, and no ranges" {
    gets cut-norange
    [ "$(requests_of bad cut-norange blobs)" -ge 4 ]
}

@test "a connection that breaks off in a manifest" {
    refuses cut-manifest 'manifest|closed'
}

@test "ranges that lie" {
    refuses cut-lying . \
        cut-other 'digest|sha256|decompress'
}

@test "a connection that never gets further" {
    refuses cut-stuck .
    [ "$(requests_of bad cut-stuck blobs)" -lt 30 ]
    refuses cut-head .
    [ "$(requests_of bad cut-head blobs)" -lt 30 ]
}

@test "500 twice, and then it works" {
    gets flaky
}

@test "429 with Retry-After: seconds, a date, nonsense" {
    gets busy
    gets busy-date
    gets busy-nonsense
}

@test "429 until next year" {
    refuses busy-forever 'come back next year|too many requests|429'
    [ "$(requests_of bad busy-forever)" -lt 10 ]
}

@test "500 always: the registry's words" {
    refuses broken 'the disk of this registry is on fire' \
        broken-layer 'the disk of this registry is on fire'
}

@test "wrong bytes, of the right length" {
    refuses changed 'digest|sha256|checksum' \
        changed-manifest . \
        changed-config 'digest|sha256'
}

@test "wrong lengths: short, long, endless" {
    refuses short . \
        long . \
        endless . \
        long-config . \
        endless-config .
    # Nobody reads on for long.
    [ "$(hostile_requests bad 'select(.path | contains("endless")) | .sent' | sort -n | tail -n 1)" -lt 30000000 ]
}

@test "slow loris: in headers, in a manifest, in a layer" {
    refuses slow-head 'stall|slow|time|no byte|nothing' \
        slow-manifest 'stall|slow|time|no byte|nothing' \
        slow-head-layer 'stall|slow|time|no byte|nothing' \
        slow 'stall|slow|time|no byte|nothing'
}

@test "nothing comes any more" {
    refuses stall 'stall|slow|time|no byte|nothing' \
        mute 'stall|slow|time|no byte|nothing' \
        mute-layer 'stall|slow|time|no byte|nothing'
}

@test "redirects: without end, to nowhere, to what is no web" {
    refuses circle redirect \
        circle-manifest redirect
    [ "$(requests_of bad circle)" -lt 60 ]
    refuses to-nothing . \
        to-file 'redirect|file|protocol|scheme' \
        to-gopher 'redirect|gopher|protocol|scheme'
}

@test "a redirect to another host is followed" {
    gets elsewhere
    [ "$(hostile_requests bad 'select(.path | contains("/blobs/")) | .port' | sort -u | wc -l)" -eq 2 ]
}

@test "HTML instead of JSON" {
    refuses html 'manifest|HTML|text/html|JSON' \
        html-error '502|manifest' \
        html-denied '403|denied' \
        html-layer .
    output_lacks '<p>x</p><p>x</p>'
}

@test "wrong content types" {
    refuses type-bare 'image/png' \
        type-wrong 'image/png' \
        type-index 'type|index' \
        layer-unknown 'of a type that is not known here: "application/x-unknown"'
}

@test "statuses that say nothing" {
    refuses teapot '418' \
        no-content .
}

@test "wrong Docker-Content-Digest: what counts is the content's own" {
    for fault in header-path header-digest; do
        run_ok pull $fault
        run_ok skiff image inspect --format '{{json .RepoDigests}}' "$BAD/$fault/x"
        digest=$(curl -s "http://$BAD/v2/$fault/x/manifests/latest" | sha256sum | cut -d ' ' -f 1)
        output_is "[\"$BAD/$fault/x@sha256:$digest\"]"
        remove_images
    done
}

@test "the registry's words are shown, made visible and short" {
    refuses escape 'red' \
        long-error 'eeee|403' \
        endless-error . \
        odd-error '403|denied'
}

@test "two pulls of one image at once: one waits for the other, and says so" {
    "$SKIFF" pull "$BAD/gate/x" >"$BATS_TEST_TMPDIR/first" 2>&1 3>&- &
    until_true has_begun
    "$SKIFF" pull "$BAD/gate/x" >"$BATS_TEST_TMPDIR/second" 2>&1 3>&- &
    until_true file_has "$BATS_TEST_TMPDIR/second" '[Ww]aiting'
    touch "$(registry_folder bad)/open"
    wait_all
    cat "$BATS_TEST_TMPDIR"/{first,second}
    file_has "$BATS_TEST_TMPDIR/first" 'Status: Downloaded newer image'
    file_has "$BATS_TEST_TMPDIR/second" 'Status: (Downloaded newer image|Image is up to date)'
    [ "$(hostile_requests bad 'select(.sent > 1000000 and (.path | contains("/blobs/"))) | .sent' | wc -l)" -eq 1 ]
    run_ok skiff system check --images images
}

# A first half is on its way.
has_begun()
{
    [ -n "$(find "$SKIFF_ROOT/images/partial" -type f -size +500k 2>/dev/null)" ]
}

@test "a pull that waits goes on itself when the other one is killed" {
    "$SKIFF" pull "$BAD/gate/x" >"$BATS_TEST_TMPDIR/first" 2>&1 3>&- &
    first=$!
    until_true has_begun
    "$SKIFF" pull "$BAD/gate/x" >"$BATS_TEST_TMPDIR/second" 2>&1 3>&- &
    second=$!
    until_true file_has "$BATS_TEST_TMPDIR/second" '[Ww]aiting'
    kill -KILL "$first"
    wait "$first" || true
    touch "$(registry_folder bad)/open"
    wait "$second"
    # What the dead one has left may still have been its own when the other one looked.
    skiff system check --images --repair || true
    run_ok skiff system check --images images
}

@test "killed, and taken up again: what was there is not fetched again" {
    "$SKIFF" pull "$BAD/gate/x" >"$BATS_TEST_TMPDIR/first" 2>&1 3>&- &
    first=$!
    until_true has_begun
    kill -KILL "$first"
    wait "$first" || true
    until_true no_pull_processes
    : >"$(registry_folder bad)/log"
    touch "$(registry_folder bad)/open"
    # By another name, which tells its requests from those of the dead.
    run_ok skiff pull -q "$BAD/gate/again"
    hostile_requests bad 'select(.path | startswith("/v2/gate/again/")) | select(.range)' | grep -q .
    # Half of 2 MB were there.
    size=$(hostile_requests bad 'select(.path | startswith("/v2/gate/again/")) | .sent' | awk '{ n += $1 } END { print n }')
    [ "$size" -lt 1600000 ] || told "$size bytes were sent"
    run_ok skiff system check --images images
}

@test "a client that is interrupted takes its helpers with it" {
    "$SKIFF" pull "$BAD/gate/x" >"$BATS_TEST_TMPDIR/first" 2>&1 3>&- &
    first=$!
    until_true has_begun
    kill -TERM "$first"
    wait "$first" || true
    until_true no_pull_processes
    touch "$(registry_folder bad)/open"
    run_ok pull gate
}
