#!/usr/bin/env bats
# load and save: all forms of archives, from files and pipes, plain and compressed; what one saves
# another loads; and pull and run from places that are no registries.
load ../lib/common

setup_file()
{
    require_root
    skiff_setup
    layers=$BATS_FILE_TMPDIR/layers
    mkdir "$layers"
    cp "$(rootfs_busybox)" "$layers/one.tar"
    mkdir "$BATS_FILE_TMPDIR/two" && echo two >"$BATS_FILE_TMPDIR/two/two"
    tar -C "$BATS_FILE_TMPDIR/two" --owner=0 --group=0 --mtime=@0 -cf "$layers/two.tar" two
    export layers
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    needs_skiff "archives are made for skiff"
    cd "$BATS_TEST_TMPDIR" || return
}

teardown()
{
    local ids
    skiff_cleanup
    # An ID may be that of two manifests.
    while ids=$(skiff images -aq | sort -u) && [ -n "$ids" ]; do
        # shellcheck disable=SC2086 # one ID a word
        skiff rmi -f $ids >/dev/null || break
    done
    [ -z "$(ls "$SKIFF_ROOT/layers")" ] || told "layers are left: $(ls "$SKIFF_ROOT/layers")"
}

archive()
{
    "$SKIFF_SOURCE/tests/lib/image_archive.py" "$@"
}

# Both layers are there, and in order.
works()
{
    [ "$(skiff run --rm --network none "$1" cat /two 2>/dev/null)" = two ]
}

@test "load: Docker's form, old and new, and an OCI layout; from a file and from a pipe" {
    local form
    for form in docker both oci; do
        archive "$form" "$form.tar" "$layers/one.tar" "$layers/two.tar" --name "$form:1"
        run_ok skiff load -i "$form.tar"
        output_is "Loaded image: $form:1"
        works "$form:1"
        skiff rmi "$form:1" >/dev/null
        run_ok bash -c "cat $form.tar | '$SKIFF' load -q"
        output_is "Loaded image: $form:1"
        works "$form:1"
        skiff rmi "$form:1" >/dev/null
    done
    run_ok skiff system check images
}

@test "load: compressed archives, from a file and from a pipe" {
    local program
    archive both both.tar "$layers/one.tar" "$layers/two.tar" --name packed:1
    for program in gzip zstd xz bzip2; do
        command -v "$program" >/dev/null || continue
        "$program" -1 -c both.tar >packed 2>/dev/null || "$program" -c both.tar >packed
        run_ok skiff load -q -i packed
        output_is 'Loaded image: packed:1'
        works packed:1
        skiff rmi packed:1 >/dev/null
        run_ok bash -c "cat packed | '$SKIFF' load"
        output_is 'Loaded image: packed:1'
        skiff rmi packed:1 >/dev/null
    done
}

@test "load: several names, none, the same layer twice, links between layers" {
    archive oci names.tar "$layers/one.tar" "$layers/two.tar" "$layers/two.tar" --name a:1 --name b:2
    run_ok skiff load -i names.tar
    output_is $'Loaded image: a:1\nLoaded image: b:2'
    works b:2
    archive docker none.tar "$layers/two.tar"
    run_ok skiff load -i none.tar
    output_has '^Loaded image ID: sha256:[0-9a-f]{64}$'
    local name
    archive docker linked.tar "$layers/one.tar" "$layers/two.tar" --name linked:1
    name=$(tar tf linked.tar | grep 1/layer.tar)
    archive docker linked.tar "$layers/one.tar" "$layers/two.tar" --name linked:1 --drop "$name" \
        --link "$name=../other/layer.tar"
    tar --transform 's|.*|other/layer.tar|' --absolute-names -rf linked.tar "$layers/two.tar"
    run_ok skiff load -i linked.tar
    output_is 'Loaded image: linked:1'
    works linked:1
    skiff rmi linked:1 a:1 b:2 >/dev/null
    run_ok bash -c "cat linked.tar | '$SKIFF' load"
    works linked:1
}

@test "load: what is there is not unpacked again, and a name moves" {
    archive both one.tar "$layers/one.tar" "$layers/two.tar" --name name:1
    archive both other.tar "$layers/two.tar" --name name:1
    skiff load -i one.tar
    local before after
    before=$(stat -c '%i %Z' "$SKIFF_ROOT"/layers/*/fs)
    run_ok skiff load -i one.tar
    run_ok bash -c "cat one.tar | '$SKIFF' load"
    after=$(stat -c '%i %Z' "$SKIFF_ROOT"/layers/*/fs)
    [ "$before" = "$after" ]
    run_ok skiff load -i other.tar
    output_has 'The image name:1 already exists, renaming the old one with ID sha256:'
    output_has 'Loaded image: name:1'
}

@test "load: --platform chooses, and refuses what is not for it" {
    "$SKIFF_SOURCE/tests/lib/oci_image.py" layout v1 --add --platform linux/amd64 "$layers/one.tar" >/dev/null
    "$SKIFF_SOURCE/tests/lib/oci_image.py" layout v1 --add --platform linux/arm64 "$layers/two.tar" >/dev/null
    tar -C layout -cf layout.tar .
    run_ok skiff load --platform linux/arm64 -i layout.tar
    local id=${output##* }
    run_ok skiff inspect -f '{{.Architecture}}' "$id"
    output_is arm64
    run_fails 'for linux/s390x' skiff load --platform linux/s390x -i layout.tar
    archive docker one.tar "$layers/two.tar" --name n:1 --arch arm64
    run_fails 'is for linux/arm64, not for linux/amd64' skiff load --platform linux/amd64 -i one.tar
    run_ok skiff load -i one.tar
}

@test "load: what it tells events, and the ID of each image" {
    archive oci names.tar "$layers/two.tar" --name a:1
    local since id
    since=$(date +%s)
    skiff load -i names.tar
    id=$(skiff inspect -f '{{.Id}}' a:1)
    run_ok skiff events --since "$since" --until "$(($(date +%s) + 1))" --filter type=image
    output_has "image load $id"
}

@test "save: the same images make the same bytes, to a file and to a pipe; load takes them back" {
    archive oci one.tar "$layers/one.tar" "$layers/two.tar" --name a:1 --name a:2 --name b:1
    skiff load -q -i one.tar
    skiff save -o first a:1 b:1
    skiff save a:1 b:1 >second
    cmp first second
    skiff save a:1 b:1 | cat | cmp - first
    : >appended
    skiff save a:1 b:1 >>appended
    cmp first appended
    local id
    id=$(skiff inspect -f '{{.Id}}' a:1)
    tar -xOf first manifest.json | jq -e '.[0].RepoTags == ["a:1", "b:1"]' >/dev/null
    [ "$(tar -xOf first manifest.json | jq -r '.[0].Config')" = "blobs/sha256/${id#sha256:}" ]
    # Each blob once, and the archive's own names for them are true.
    [ -z "$(tar -tf first | sort | uniq -d)" ]
    mkdir out && tar -xf first -C out
    (cd out/blobs/sha256 && for blob in *; do echo "$blob  $blob"; done | sha256sum -c --quiet)
    skiff rmi a:1 a:2 b:1 >/dev/null
    run_ok skiff load -i first
    output_is $'Loaded image: a:1\nLoaded image: b:1'
    [ "$(skiff inspect -f '{{.Id}}' b:1)" = "$id" ]
    works a:1
}

@test "save: a name alone is all its tags, an ID has none; a format alone" {
    archive oci one.tar "$layers/two.tar" --name a:latest --name a:2 --name b:1
    skiff load -q -i one.tar
    skiff save a | tar -xO manifest.json | jq -e '.[0].RepoTags | sort == ["a:2", "a:latest"]' >/dev/null
    skiff save "$(skiff inspect -f '{{.Id}}' a)" | tar -xO manifest.json | jq -e '.[0].RepoTags == null' >/dev/null
    skiff save --format docker-archive -o docker a
    skiff save --format oci-archive -o oci a
    run tar -tf docker
    output_lacks 'index.json|oci-layout'
    run tar -tf oci
    output_lacks '^manifest.json|repositories'
    skiff rmi a:latest a:2 b:1 >/dev/null
    run_ok skiff load -i docker
    run_ok skiff load -i oci
    run_fails 'unknown format "zip"' skiff save --format zip -o zip a
    [ ! -e zip ]
    run_fails 'does not provide the specified platform \(linux/s390x\)' skiff save --platform linux/s390x -o none a
    [ ! -e none ]
}

@test "save: a blob that is damaged is found before it is passed on as whole" {
    archive oci one.tar "$layers/two.tar" --name a:1
    skiff load -q -i one.tar
    local blob
    blob=$(skiff save a:1 | tar -xO manifest.json | jq -r '.[0].Layers[0]')
    echo more >>"$SKIFF_ROOT/images/$blob"
    run_fails 'bytes instead of' skiff save -o saved a:1
    [ ! -e saved ]
}

@test "pull and run from places: oci, dir, archives" {
    require_command skopeo
    "$SKIFF_SOURCE/tests/lib/oci_image.py" layout v1 "$layers/one.tar" "$layers/two.tar" >/dev/null
    "$SKIFF_SOURCE/tests/lib/oci_image.py" layout v2 "$layers/one.tar" >/dev/null
    skopeo copy -q oci:layout:v1 dir:folder
    skopeo copy -q oci:layout:v1 docker-archive:docker.tar:place/name:3
    skopeo copy -q oci:layout:v1 oci-archive:oci.tar:place/name:4
    local place
    for place in "oci:$PWD/layout:v1" "oci:./layout:v1" "dir:$PWD/folder" docker-archive:docker.tar \
        docker-archive:docker.tar:place/name:3 oci-archive:oci.tar; do
        run_ok skiff pull "$place"
        works "$place"
        skiff rmi -f "$(skiff images -aq | head -n 1)" >/dev/null
    done
    [ -z "$(skiff images -aq)" ]
    run_fails 'there are 2 images: one of them is to be named' skiff pull "oci:$PWD/layout"
    run_fails 'has the name "v3"' skiff pull "oci:$PWD/layout:v3"
    run_fails 'no such file' skiff pull "oci:$PWD/none"
    run_fails 'not a directory' skiff pull "oci:$PWD/oci.tar:v1"
    run_fails 'names no file or folder' skiff pull oci-archive::x
    run_fails 'unable to find' skiff run --pull never "oci:$PWD/layout:v1"
    # A link leads out of the folder.
    mv folder/manifest.json outside && ln -s ../outside folder/manifest.json
    run_fails 'not in the archive' skiff pull "dir:$PWD/folder"
}

@test "pull docker-daemon: what listens on the socket is asked, and its refusals are told" {
    archive docker answer.tar "$layers/one.tar" "$layers/two.tar" --name daemon:1
    answer()
    {
        rm -f socket
        timeout 60 python3 - "$@" 3>&- <<'END' &
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind("socket")
s.listen()
c, _ = s.accept()
asked = c.recv(4096)
open("asked", "wb").write(asked)
c.sendall(sys.argv[1].encode().decode("unicode_escape").encode())
if len(sys.argv) > 2:
    c.sendall(open(sys.argv[2], "rb").read())
END
        until_true test -S socket
    }
    export DOCKER_HOST=unix://$PWD/socket
    answer 'HTTP/1.0 200 OK\r\nContent-Type: application/x-tar\r\n\r\n' answer.tar
    run_ok skiff pull docker-daemon:daemon:1
    output_has 'Loaded image: daemon:1'
    [ "$(head -n 1 asked)" = $'GET /images/docker.io/library/daemon:1/get HTTP/1.0\r' ]
    works daemon:1
    answer 'HTTP/1.0 404 Not Found\r\n\r\n{"message":"No such image: nope"}'
    run_fails 'docker-daemon: No such image: nope' skiff pull docker-daemon:nope
    answer 'SSH-2.0-x\r\n\r\n'
    run_fails 'SSH-2.0-x' skiff pull docker-daemon:nope
    run_fails 'invalid reference' skiff pull 'docker-daemon:a b'
    DOCKER_HOST=tcp://127.0.0.1:1 run_fails 'only a socket' skiff pull docker-daemon:nope
    rm socket
    run_fails 'cannot connect' skiff pull docker-daemon:nope
    wait_all
}

@test "what skiff saves skopeo and umoci read, and what they write skiff loads" {
    require_command skopeo umoci
    archive oci one.tar "$layers/one.tar" "$layers/two.tar" --name x/y:1
    skiff load -q -i one.tar
    local id
    id=$(skiff inspect -f '{{.Id}}' x/y:1)
    skiff save -o saved x/y:1
    for place in docker-archive:saved docker-archive:saved:docker.io/x/y:1 oci-archive:saved oci-archive:saved:1; do
        rm -rf copy
        skopeo copy -q "$place" oci:copy:v
        umoci unpack --image copy:v unpacked
        [ "$(cat unpacked/rootfs/two)" = two ]
        rm -rf unpacked
    done
    skopeo copy -q oci:copy:v docker-archive:again:x/y:5
    run_ok skiff load -i again
    output_is 'Loaded image: x/y:5'
    works x/y:5
    skopeo copy -q oci:copy:v oci-archive:again.oci:x/y:6
    run_ok bash -c "cat again.oci | '$SKIFF' load"
    output_is 'Loaded image: x/y:6'
    [ "$(skiff inspect -f '{{.Id}}' x/y:6)" = "$id" ]
}

@test "load and places: policy.json says whether they may" {
    archive oci one.tar "$layers/two.tar" --name a:1
    mkdir -p home/.config/containers
    echo '{"default": [{"type": "reject"}], "transports": {"oci-archive": {"": [{"type": "insecureAcceptAnything"}]}}}' \
        >home/.config/containers/policy.json
    HOME=$PWD/home run_fails 'policy' skiff load -i one.tar
    HOME=$PWD/home run_fails 'policy' skiff pull docker-archive:one.tar
    [ -z "$(skiff images -aq)" ]
    HOME=$PWD/home run_ok skiff pull oci-archive:one.tar
}
