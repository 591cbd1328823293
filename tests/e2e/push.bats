#!/usr/bin/env bats
# push: what is there is not sent, what is sent is the same each time, and others can read it.
load ../lib/common
load ../lib/registry
# shellcheck disable=SC2154 # common.bash sets skiff_folder

setup_file()
{
    require_root
    require_command skopeo jq openssl htpasswd
    skiff_setup
    registry_settings
    registry_begin source
    export SOURCE layout=$skiff_folder/layout
    SOURCE=$(registry source)
    oci_image "$layout" one "$(rootfs_busybox)" "zstd:$(layer_of zstd 1)" >/dev/null
    put_image "$layout" one source lib/one
    skiff pull -q "$SOURCE/lib/one" >/dev/null
    skiff import -c 'CMD ["sh"]' "$(rootfs_busybox)" made >/dev/null
}

teardown_file()
{
    registry_end
    skiff_teardown
}

# Each test pushes into one of its own.
setup()
{
    registry_begin target
    TARGET=$(registry target)
}

teardown()
{
    registry_stop target
    rm -rf "$(registry_folder target)" "$DOCKER_CONFIG/config.json"
    skiff images --format '{{.Repository}}:{{.Tag}}' | grep -F "$TARGET" | xargs -r "$SKIFF" rmi >/dev/null
}

# tagged IMAGE NAME: pushed as NAME.
pushed()
{
    skiff tag "$1" "$2" && run_ok skiff push "$2"
}

manifest_at()
{
    skopeo inspect --raw --tls-verify=false "docker://$1"
}

# Uploads that the registry took part in.
uploads()
{
    registry_requests target '^(PATCH|PUT) [^ ]*/blobs/uploads/.* 20[12] '
}

@test "push: a pulled image comes out as it was" {
    pushed "$SOURCE/lib/one" "$TARGET/lib/one"
    [ "${lines[0]}" = 'Using default tag: latest' ]
    [ "${lines[1]}" = "The push refers to repository [$TARGET/lib/one]" ]
    output_has ': Pushed'
    digest=$(manifest_at "$SOURCE/lib/one" | sha256sum | cut -d ' ' -f 1)
    output_has "latest: digest: sha256:$digest"
    [[ ${lines[-1]} =~ ^latest:\ digest:\ sha256:$digest\ size:\ [0-9]+$ ]]
    cmp <(manifest_at "$SOURCE/lib/one") <(manifest_at "$TARGET/lib/one")
    run_ok skopeo --insecure-policy copy -q --src-tls-verify=false "docker://$TARGET/lib/one" "dir:$BATS_TEST_TMPDIR/one"
}

@test "push: what is there is not sent" {
    pushed "$SOURCE/lib/one" "$TARGET/lib/one"
    registry_forget target
    run_ok skiff push "$TARGET/lib/one"
    output_has 'Layer already exists'
    [ -z "$(uploads)" ]
}

@test "push: a blob that another repository has is mounted from there" {
    pushed "$SOURCE/lib/one" "$TARGET/lib/one"
    registry_forget target
    pushed "$SOURCE/lib/one" "$TARGET/other/two"
    output_has 'Mounted from lib/one'
    [ -n "$(registry_requests target '^POST .*mount=sha256.* 201 ')" ]
    cmp <(manifest_at "$TARGET/lib/one") <(manifest_at "$TARGET/other/two")
}

@test "push: what was compressed once is not compressed again while the registry has it" {
    local notes=$SKIFF_ROOT/images/folded.json
    pushed made "$TARGET/made"
    output_has 'Compressing'
    registry_forget target
    run_ok skiff push "$TARGET/made"
    output_has 'Layer already exists'
    output_lacks 'Compressing|Pushed'
    manifest_at "$TARGET/made" >"$BATS_TEST_TMPDIR/manifest"
    [ -z "$(uploads)" ]
    # Another form of it is another blob.
    run_ok skiff push --compression zstd "$TARGET/made"
    output_has 'Compressing'
    # Where it is not there it is made again, and is the same.
    registry_stop target
    rm -rf "$(registry_folder target)"
    registry_begin target
    pushed made "$(registry target)/made"
    output_has 'Compressing'
    cmp "$BATS_TEST_TMPDIR/manifest" <(manifest_at "$(registry target)/made")
    # Nonsense and lies in the notes harm nobody.
    for text in x '{"a": 1}' "$(jq -c 'map_values({gzip: {digest: "sha256:../..", size: 1}})' "$notes")" \
        "$(jq -c 'map_values({gzip: {digest: ("sha256:" + "0" * 64), size: 5}})' "$notes")"; do
        echo "$text" >"$notes"
        run_ok skiff push "$(registry target)/made"
        output_has 'Compressing'
        cmp "$BATS_TEST_TMPDIR/manifest" <(manifest_at "$(registry target)/made")
    done
    skiff rmi -f "$(registry target)/made" >/dev/null
}

@test "push: notes of layers that are gone go" {
    echo "{\"sha256:$(printf %064d 0)\": {\"gzip\": {\"digest\": \"sha256:$(printf %064d 1)\", \"size\": 1}}}" >"$SKIFF_ROOT/images/folded.json"
    pushed made "$TARGET/made"
    run_ok jq length "$SKIFF_ROOT/images/folded.json"
    output_is 1
}

@test "push -q says the name" {
    skiff tag made "$TARGET/made"
    run_ok skiff push -q "$TARGET/made"
    output_is "$TARGET/made:latest"
}

@test "push -a: all tags" {
    skiff tag made "$TARGET/made:a"
    skiff tag "$SOURCE/lib/one" "$TARGET/made:b"
    run_ok skiff push -a "$TARGET/made"
    [ "$(skopeo list-tags --tls-verify=false "docker://$TARGET/made" | jq -c '.Tags | sort')" = '["a","b"]' ]
}

@test "push: what was made here is compressed, and the same each time" {
    pushed made "$TARGET/made"
    first=$(manifest_at "$TARGET/made")
    [ "$(jq -r '.layers[0].mediaType' <<<"$first")" = application/vnd.oci.image.layer.v1.tar+gzip ]
    # The same archive, in another store.
    SKIFF_ROOT=$BATS_TEST_TMPDIR/root skiff import -c 'CMD ["sh"]' "$(rootfs_busybox)" "$TARGET/again" >/dev/null
    SKIFF_ROOT=$BATS_TEST_TMPDIR/root run_ok skiff push "$TARGET/again"
    [ "$(jq -r '.layers[0].digest' <<<"$first")" = "$(manifest_at "$TARGET/again" | jq -r '.layers[0].digest')" ]
}

@test "push --compression" {
    skiff tag made "$TARGET/made"
    for kind in zstd gzip; do
        run_ok skiff push --compression $kind "$TARGET/made"
        manifest_at "$TARGET/made" >"$BATS_TEST_TMPDIR/$kind"
        [ "$(jq -r '.layers[0].mediaType' "$BATS_TEST_TMPDIR/$kind")" = application/vnd.oci.image.layer.v1.tar+$kind ]
        remove_again "$TARGET/made"
        [ "$(skiff run --rm --network none "$TARGET/made" echo works 2>/dev/null)" = works ]
    done
    run_fails 'compression' skiff push --compression rar "$TARGET/made"
}

# remove_again NAME: only the name, if the image has others.
remove_again()
{
    skiff rmi "$1" >/dev/null
    skiff pull -q "$1" >/dev/null
}

@test "push, and pulled by podman" {
    require_command podman
    pushed made "$TARGET/made"
    podman="env -u DOCKER_CONFIG podman --root $BATS_TEST_TMPDIR/podman --runroot $BATS_TEST_TMPDIR/podman.run --storage-driver vfs"
    run_ok $podman pull -q --tls-verify=false "$TARGET/made"
    $podman rmi -a -f >/dev/null 2>&1
}

@test "push: passwords, tokens; refusals in the registry's words" {
    registry_begin basic basic
    registry_begin token token
    for name in basic token; do
        there=$(registry $name)
        skiff tag made "$there/lib/made"
        rm -f "$DOCKER_CONFIG/config.json"
        run_fails 'authentication|unauthorized|denied|login' skiff push -q "$there/lib/made"
        jq -n --arg registry "$there" '{auths: {($registry): {auth: "dXNlcjpzZWNyZXQ="}}}' >"$DOCKER_CONFIG/config.json"
        run_ok skiff push -q "$there/lib/made"
        run_ok skopeo inspect --tls-verify=false --creds user:secret "docker://$there/lib/made"
        skiff rmi "$there/lib/made" >/dev/null
        registry_stop $name
    done
}

@test "push: what is not there, and what has no registry" {
    run_fails 'does not exist locally|no such image' skiff push -q "$TARGET/none"
    run_fails 'does not exist locally|no such image' skiff push -q "$TARGET/none:tag"
    skiff tag made 127.0.0.1:1/made
    run_fails 'refused|connect' skiff push -q 127.0.0.1:1/made
    skiff rmi 127.0.0.1:1/made >/dev/null
}

@test "push, killed: the next one finishes" {
    oci_image "$layout" large "$(layer_of_noise 20000000 1)" "$(layer_of_noise 20000000 2)" >/dev/null
    put_image "$layout" large source lib/large
    skiff pull -q "$SOURCE/lib/large" >/dev/null
    skiff tag "$SOURCE/lib/large" "$TARGET/lib/large"
    for delay in 0.02 0.05 0.1 0.2; do
        "$SKIFF" push "$TARGET/lib/large" >/dev/null 2>&1 3>&- &
        sleep $delay
        kill -KILL $! || true
        wait $! || true
    done
    run_ok skiff push -q "$TARGET/lib/large"
    cmp <(manifest_at "$SOURCE/lib/large") <(manifest_at "$TARGET/lib/large")
    run_ok skiff system check --images images
    skiff rmi "$SOURCE/lib/large" >/dev/null
}

@test "rmi: an ID that two manifests have is both of them" {
    id=$(skiff import -c 'ENV N=two' "$(rootfs_busybox)" twice)
    skiff tag twice "$TARGET/twice"
    run_ok skiff push -q --compression zstd "$TARGET/twice"
    skiff rmi "$TARGET/twice" >/dev/null
    run_ok skiff pull -q "$TARGET/twice"
    [ "$(skiff images -q --no-trunc | grep -cx "$id")" -eq 2 ]
    run_fails 'referenced in multiple repositories' skiff rmi "$id"
    run_ok skiff rmi -f "$id"
    output_has 'Untagged: twice:latest'
    output_has "Untagged: $TARGET/twice:latest"
    [ "$(grep -c '^Deleted: ' <<<"$output")" -eq 1 ]
    [ "$(skiff images -aq --no-trunc | grep -cx "$id")" -eq 0 ]
    run_ok skiff system check --images images
}
