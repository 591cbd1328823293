#!/usr/bin/env bats
# pull, and run of an image that is not there: as a person uses them, from a registry that behaves.
load ../lib/common
load ../lib/registry
# shellcheck disable=SC2154 # common.bash sets skiff_folder

setup_file()
{
    require_root
    require_command skopeo jq openssl htpasswd
    skiff_setup
    registry_settings
    registry_begin plain
    export PLAIN layout=$skiff_folder/layout
    PLAIN=$(registry plain)
    local base platform
    base=$(rootfs_busybox)
    oci_image "$layout" one "$base" "$(layer_of etc/one 1 shared one)" >/dev/null
    oci_image "$layout" two "$base" "$(layer_of etc/two 2 shared two)" >/dev/null
    put_image "$layout" one plain lib/one
    put_image "$layout" two plain lib/two:v2
    put_image "$layout" one plain lib/many:a
    put_image "$layout" two plain lib/many:b
    oci_image "$layout" kinds "$base" "zstd:$(layer_of zstd 1)" "plain:$(layer_of plain 1)" \
        "gzip:$(layer_of gzip 1)" >/dev/null
    put_image "$layout" kinds plain lib/kinds
    for platform in amd64 arm64/v8 arm/v6 arm/v7 s390x; do
        oci_image "$layout" multi --add --platform "linux/$platform" "$base" \
            "$(layer_of arch "$platform")" >/dev/null
    done
    put_image "$layout" multi plain lib/multi
    put_image "$layout" multi plain lib/list --format=v2s2
    put_image "$layout" one plain lib/schema2 --format=v2s2
}

teardown_file()
{
    registry_end
    skiff_teardown
}

setup()
{
    registry_forget plain
}

teardown()
{
    skiff_cleanup
    remove_images
}

# file_of IMAGE PATH [OPTION...]: what an image has there.
file_of()
{
    local image=$1 path=$2
    shift 2
    skiff run --rm --network none --pull never "$@" "$image" cat "$path"
}

@test "pull: an image, and it runs" {
    run_ok skiff pull "$PLAIN/lib/one"
    [ "${lines[0]}" = 'Using default tag: latest' ]
    [ "${lines[1]}" = 'latest: Pulling from lib/one' ]
    output_has 'Digest: sha256:[0-9a-f]{64}'
    output_has "Status: Downloaded newer image for $PLAIN/lib/one:latest"
    [ "${lines[-1]}" = "$PLAIN/lib/one:latest" ]
    [ "$(file_of "$PLAIN/lib/one" /etc/one)" = 1 ]
}

@test "pull: what is there is not fetched again" {
    skiff pull -q "$PLAIN/lib/one"
    registry_forget plain
    run_ok skiff pull "$PLAIN/lib/one"
    output_has "Status: Image is up to date for $PLAIN/lib/one:latest"
    [ "$(registry_bytes plain /blobs/)" = 0 ]
}

@test "pull: of another image only the layers that are missing" {
    skiff pull -q "$PLAIN/lib/one"
    base=$(jq -r '.layers[0].digest' < <(manifest_of one))
    registry_forget plain
    run_ok skiff pull "$PLAIN/lib/two:v2"
    output_has 'Already exists'
    [ -z "$(registry_requests plain "/blobs/$base")" ]
    [ "$(file_of "$PLAIN/lib/two:v2" /etc/two)" = 2 ]
    [ "$(file_of "$PLAIN/lib/two:v2" /shared)" = two ]
}

# manifest_of TAG: as it is in the layout.
manifest_of()
{
    local digest
    digest=$(jq -r --arg tag "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $tag)
        | .digest' "$layout/index.json")
    cat "$layout/blobs/sha256/${digest#sha256:}"
}

@test "pull -q says its name alone" {
    run_ok skiff pull -q "$PLAIN/lib/one"
    output_is "$PLAIN/lib/one:latest"
}

@test "pull: lines where there is no terminal, without control characters" {
    run_ok skiff pull "$PLAIN/lib/one"
    output_has 'Pulling fs layer'
    output_has 'Pull complete'
    output_lacks $'[\e\r\b]'
}

@test "pull NAME@DIGEST, and it is found by it" {
    digest=sha256:$(manifest_of one | sha256sum | cut -d ' ' -f 1)
    run_ok skiff pull "$PLAIN/lib/one@$digest"
    run_ok skiff inspect --format '{{json .RepoDigests}}' "$PLAIN/lib/one@$digest"
    output_is "[\"$PLAIN/lib/one@$digest\"]"
    [ "$(file_of "$PLAIN/lib/one@$digest" /etc/one)" = 1 ]
    run_ok skiff images --digests --format '{{.Repository}} {{.Tag}} {{.Digest}}'
    output_is "$PLAIN/lib/one <none> $digest"
    run_fails 'not found|unknown|no such' skiff pull -q "$PLAIN/lib/one@sha256:$(printf '%064d' 7)"
}

@test "pull -a: all tags" {
    run_ok skiff pull -a "$PLAIN/lib/many"
    run_ok skiff images --format '{{.Repository}}:{{.Tag}}'
    [ "$(sort <<<"$output" | tr '\n' ' ')" = "$PLAIN/lib/many:a $PLAIN/lib/many:b " ]
    run_fails 'tag' skiff pull -a "$PLAIN/lib/many:a"
}

@test "pull: gzip, zstd and plain layers" {
    run_ok skiff pull -q "$PLAIN/lib/kinds"
    for kind in gzip zstd plain; do
        [ "$(file_of "$PLAIN/lib/kinds" /$kind)" = 1 ]
    done
}

@test "pull: one layer twice, and in two compressions" {
    layer=$(layer_of twice 1)
    oci_image "$layout" twice "$(rootfs_busybox)" "$layer" "$layer" "zstd:$layer" "$(layer_of last 1)" >/dev/null
    put_image "$layout" twice plain lib/twice
    run_ok skiff pull -q "$PLAIN/lib/twice"
    [ "$(file_of "$PLAIN/lib/twice" /twice)" = 1 ]
    [ "$(file_of "$PLAIN/lib/twice" /last)" = 1 ]
    run_ok skiff system check --images images
}

@test "pull: Docker's schema 2 and its lists" {
    run_ok skiff pull -q "$PLAIN/lib/schema2"
    [ "$(file_of "$PLAIN/lib/schema2" /etc/one)" = 1 ]
    run_ok skiff pull -q --platform linux/arm/v6 "$PLAIN/lib/list"
    [ "$(arch_of "$PLAIN/lib/list")" = arm/v6 ]
}

# arch_of IMAGE: what its top layer says; a program of another machine does not run here.
arch_of()
{
    local id
    id=$(skiff create --network none --pull never "$1" true) || return
    skiff cp "$id:/arch" - | tar -xO
    skiff rm "$id" >/dev/null
}

@test "pull --platform: variants" {
    for pair in linux/amd64=amd64 linux/arm64=arm64/v8 linux/arm64/v8=arm64/v8 linux/aarch64=arm64/v8 \
        linux/arm=arm/v7 linux/arm/v7=arm/v7 linux/arm/v6=arm/v6 linux/armhf=arm/v7 linux/x86_64=amd64; do
        run_ok skiff pull -q --platform "${pair%=*}" "$PLAIN/lib/multi"
        [ "$(arch_of "$PLAIN/lib/multi")" = "${pair#*=}" ] || told "$pair: $(arch_of "$PLAIN/lib/multi")"
        run_ok jq -r '[.Os, .Architecture, .Variant // empty] | join("/")' \
            < <(skiff image inspect --format '{{json .}}' "$PLAIN/lib/multi")
        output_is "linux/${pair#*=}"
    done
    # What an older one can do, a newer one can.
    run_ok skiff pull -q --platform linux/arm/v8 "$PLAIN/lib/multi"
    [ "$(arch_of "$PLAIN/lib/multi")" = arm/v7 ]
    run_fails 'linux/arm/v5' skiff pull -q --platform linux/arm/v5 "$PLAIN/lib/multi"
    run_fails 'linux/mips' skiff pull -q --platform linux/mips "$PLAIN/lib/multi"
    run_fails 'platform|matching' skiff pull -q --platform 'linux/../x' "$PLAIN/lib/multi"
}

@test "pull: without a platform, this machine's" {
    run_ok skiff pull -q "$PLAIN/lib/multi"
    case $(uname -m) in
    x86_64) [ "$(file_of "$PLAIN/lib/multi" /arch)" = amd64 ] ;;
    aarch64) [ "$(file_of "$PLAIN/lib/multi" /arch)" = arm64/v8 ] ;;
    esac
}

@test "run of an image that is not there fetches it" {
    run_ok skiff run --rm --network none "$PLAIN/lib/one" cat /etc/one
    output_has "Unable to find image '$PLAIN/lib/one:latest' locally"
    output_has 'Pull complete'
    [ "${lines[-1]}" = 1 ]
    # Nothing of that is in the container's output.
    skiff rmi "$PLAIN/lib/one" >/dev/null
    [ "$(skiff run --rm --network none "$PLAIN/lib/one" cat /etc/one 2>/dev/null)" = 1 ]
    skiff rmi "$PLAIN/lib/one" >/dev/null
    run_ok skiff create --network none "$PLAIN/lib/one"
}

@test "run --pull never, missing, always" {
    run_fails 'no such image|not found|unable to find' skiff run --rm --network none --pull never "$PLAIN/lib/one" true
    [ -z "$(registry_requests plain)" ]
    run_ok skiff run --rm --network none --pull missing "$PLAIN/lib/one" true
    registry_forget plain
    run_ok skiff run --rm --network none --pull missing "$PLAIN/lib/one" true
    [ -z "$(registry_requests plain)" ]
    # The name means another image now.
    put_image "$layout" one plain lib/moving
    run_ok skiff run --rm --network none "$PLAIN/lib/moving" cat /shared
    put_image "$layout" two plain lib/moving
    run_ok skiff run --rm --network none --pull missing "$PLAIN/lib/moving" cat /shared
    [ "${lines[-1]}" = one ]
    run_ok skiff run --rm --network none --pull always "$PLAIN/lib/moving" cat /shared
    [ "${lines[-1]}" = two ]
    run_fails pull skiff run --rm --network none --pull sometimes "$PLAIN/lib/one" true
}

@test "a name that moves on leaves the old image nameless" {
    put_image "$layout" one plain lib/moving
    skiff pull -q "$PLAIN/lib/moving"
    old=$(skiff images -q --no-trunc "$PLAIN/lib/moving")
    put_image "$layout" two plain lib/moving
    skiff pull -q "$PLAIN/lib/moving"
    [ "$(skiff images -q --no-trunc "$PLAIN/lib/moving")" != "$old" ]
    run_ok skiff images -q --no-trunc -f dangling=true
    output_is "$old"
}

@test "what is not there: the registry's words" {
    run_fails "$PLAIN/lib/none.*(manifest unknown|not found)" skiff pull -q "$PLAIN/lib/none"
    run_fails "(manifest unknown|not found)" skiff pull -q "$PLAIN/lib/one:none"
    run_ok skiff images -q
    output_is ''
}

@test "a registry that is not there" {
    run_fails 'refused|connect' skiff pull -q 127.0.0.1:1/x
    run_fails 'nowhere.invalid' skiff pull -q nowhere.invalid/x
}

@test "wrong names" {
    for name in '' 'Upper' "$PLAIN/UPPER" "$PLAIN/x:" "$PLAIN/x@sha256:1" "$PLAIN/a//b" 'http://x/y' '-'; do
        run_fails . skiff pull -q "$name"
    done
    [ -z "$(registry_requests plain)" ]
}

# --- the store -----------------------------------------------------------------------------------

@test "the store is an OCI layout that skopeo reads and copies out of" {
    skiff pull -q "$PLAIN/lib/one"
    skiff pull -q "$PLAIN/lib/kinds"
    for name in one kinds; do
        run_ok skopeo inspect --raw "oci:$SKIFF_ROOT/images:$PLAIN/lib/$name:latest"
        output_is "$(manifest_of $name)"
        run_ok skopeo --insecure-policy copy -q --preserve-digests "oci:$SKIFF_ROOT/images:$PLAIN/lib/$name:latest" \
            "dir:$BATS_TEST_TMPDIR/$name"
        cmp "$BATS_TEST_TMPDIR/$name/manifest.json" <(manifest_of $name)
    done
}

@test "blobs are what the registry has, byte for byte" {
    skiff pull -q "$PLAIN/lib/kinds"
    for digest in $(manifest_of kinds | jq -r '.config.digest, .layers[].digest'); do
        cmp "$SKIFF_ROOT/images/blobs/sha256/${digest#sha256:}" "$layout/blobs/sha256/${digest#sha256:}"
    done
    [ -z "$(find "$SKIFF_ROOT/images" -path '*/partial/*' -type f)" ]
}

@test "system check: clean after a pull; --images finds a bit that flipped" {
    skiff pull -q "$PLAIN/lib/one"
    run_ok skiff system check --images images
    blob=$(manifest_of one | jq -r '.layers[1].digest')
    file=$SKIFF_ROOT/images/blobs/sha256/${blob#sha256:}
    printf '\x55' | dd of="$file" bs=1 seek=100 conv=notrunc status=none
    run_ok skiff system check images
    run skiff system check --images images
    [ "$status" -ne 0 ]
    output_has "${blob#sha256:}"
}

@test "rmi and prune free what nobody needs" {
    skiff pull -q "$PLAIN/lib/one"
    one=$(find "$SKIFF_ROOT/images/blobs" -type f | sort)
    skiff pull -q "$PLAIN/lib/two:v2"
    skiff rmi "$PLAIN/lib/two:v2" >/dev/null
    # What both have stays.
    [ "$(find "$SKIFF_ROOT/images/blobs" -type f | sort)" = "$one" ]
    [ "$(file_of "$PLAIN/lib/one" /shared)" = one ]
    skiff rmi "$PLAIN/lib/one" >/dev/null
    [ -z "$(find "$SKIFF_ROOT/images/blobs" -type f)" ]
    [ -z "$(ls "$SKIFF_ROOT/layers")" ]
    put_image "$layout" one plain lib/moving
    skiff pull -q "$PLAIN/lib/moving"
    put_image "$layout" two plain lib/moving
    skiff pull -q "$PLAIN/lib/moving"
    run_ok skiff image prune -f
    output_has 'reclaimed'
    [ "$(skiff images -aq | wc -l)" -eq 1 ]
    [ "$(ls "$SKIFF_ROOT/layers" | wc -l)" -eq 2 ]
}

@test "an image in use is not removed" {
    skiff pull -q "$PLAIN/lib/one"
    skiff create --network none --name user "$PLAIN/lib/one" true >/dev/null
    run_fails 'in use|being used|user|container' skiff rmi "$(skiff images -q)"
    skiff rm user >/dev/null
    run_ok skiff rmi "$PLAIN/lib/one"
}

@test "several pulls of several images at once" {
    for name in one two:v2 kinds schema2 many:a many:b; do
        skiff pull -q "$PLAIN/lib/$name" >"$BATS_TEST_TMPDIR/${name/:/-}" 2>&1 3>&- &
    done
    wait_all
    cat "$BATS_TEST_TMPDIR"/{one,two-v2,kinds,schema2,many-a,many-b}
    run_ok skiff images -q --no-trunc
    [ "$(sort -u <<<"$output" | wc -l)" -ge 3 ]
    for name in one two:v2 kinds schema2 many:a many:b; do
        run_ok skiff run --rm --network none --pull never "$PLAIN/lib/$name" true
    done
    run_ok skiff system check --images images
    # The layer that all have came once.
    base=$(jq -r '.layers[0].digest' < <(manifest_of one))
    [ "$(registry_requests plain "GET .*/blobs/$base" | wc -l)" -eq 1 ]
}

@test "-q: warnings are said all the same, on standard error" {
    mkdir -p "$BATS_TEST_TMPDIR/docker"
    echo "{\"credHelpers\": {\"$PLAIN\": \"is-not-there\"}}" >"$BATS_TEST_TMPDIR/docker/config.json"
    run_ok env DOCKER_CONFIG="$BATS_TEST_TMPDIR/docker" \
        sh -c "'$SKIFF' pull -q $PLAIN/lib/one 2>'$BATS_TEST_TMPDIR/err'"
    output_is "$PLAIN/lib/one:latest"
    grep -q 'warning: .*is-not-there' "$BATS_TEST_TMPDIR/err"
}
