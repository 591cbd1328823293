#!/usr/bin/env bats
# The command lines of pull, push, load, save and search, and run of an image that is not there: how
# skiff-image is called, what is printed, what is refused. A script stands in its place.
# shellcheck disable=SC2016,SC2154 # what the script expands; and what fake_helper.bash sets
load ../lib/common
load ../lib/fake_helper

setup_file()
{
    skiff_setup
    import_busybox
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    fake_begin
}

teardown()
{
    fake_end
    skiff_cleanup
}

# One layer from the first word to the last.
one_layer()
{
    helper <<'SCRIPT'
say '{"status":"Pulling from library/rust","id":"latest"}'
layer a12cd34ef567 'Pulling fs layer'
layer a12cd34ef567 Downloading '"current":1000000,"total":4000000'
layer a12cd34ef567 'Download complete'
layer a12cd34ef567 Extracting '"current":4000000,"total":4000000'
layer a12cd34ef567 'Pull complete'
say '{"status":"Digest: sha256:abc"}'
say '{"status":"Status: Downloaded newer image for rust:latest"}'
echo sha256:1111111111111111111111111111111111111111111111111111111111111111
SCRIPT
}

@test "pull without a terminal: Docker's lines, one for each change of a layer" {
    one_layer
    run_ok skiff pull rust
    diff - <(echo "$output") <<'EOF'
Using default tag: latest
latest: Pulling from library/rust
a12cd34ef567: Pulling fs layer
a12cd34ef567: Download complete
a12cd34ef567: Pull complete
Digest: sha256:abc
Status: Downloaded newer image for rust:latest
docker.io/library/rust:latest
EOF
    [ "$(called)" = 'pull --prefix=skiff -- rust ' ]
    run_ok bash -c '"$SKIFF" pull rust 2>&1 >/dev/null'
    output_is ''
}

@test "pull: -q, -a, --platform, names" {
    one_layer
    run_ok skiff pull -q rust
    output_is docker.io/library/rust:latest
    [ "$(called)" = 'pull --prefix=skiff --quiet -- rust ' ]
    run grep progress-fd "$fake/called"
    [ "$status" -eq 1 ]
    run_ok skiff image pull -qa ghcr.io/a/b
    output_is ghcr.io/a/b
    [ "$(called)" = 'pull --prefix=skiff --all-tags --quiet -- ghcr.io/a/b ' ]
    run_ok skiff pull -q --platform linux/arm64 --disable-content-trust localhost:5000/a:1
    output_is localhost:5000/a:1
    [ "$(called)" = 'pull --prefix=skiff --platform=linux/arm64 --quiet -- localhost:5000/a:1 ' ]
    run_ok skiff pull localhost:5000/a:1
    [ "${lines[0]}" = 'latest: Pulling from library/rust' ]
    digest=sha256:$(printf '1%.0s' {1..64})
    run_ok skiff pull -q "rust@$digest"
    output_is "docker.io/library/rust@$digest"
    run_ok skiff pull -q oci:/some/folder
    output_is oci:/some/folder
    rm "$fake/called"
    run_fails "tag can't be used with --all-tags/-a" skiff pull -a rust:1
    run_fails 'invalid reference format' skiff pull 'Rust!'
    run_fails 'built-in' skiff pull host
    run_fails 'requires 1 argument' skiff pull
    [ ! -e "$fake/called" ]
}

@test "pull: what skiff-image says when it fails is the error, what it says before is told" {
    helper <<'SCRIPT'
echo 'skiff: warning: a mirror does not answer' >&2
echo 'skiff: pull access denied for nope, repository does not exist' >&2
exit 1
SCRIPT
    run_status 1 skiff pull -q nope
    output_is $'skiff: warning: a mirror does not answer\nskiff: pull access denied for nope, repository does not exist'
    helper <<<'exit 1'
    run_status 1 skiff pull -q nope
    output_has 'did not say why'
    # Its exit status is 64 and an errno.
    helper <<<'echo "skiff: nobody has it" >&2; exit 66'
    run_status 1 skiff --debug pull -q nope
    output_has 'skiff: nobody has it'
    output_has 'failed with ENOENT'
    helper <<<'kill -9 $$'
    run_status 1 skiff pull -q nope
    output_has 'killed by signal 9'
    helper <<<'echo only a warning >&2'
    run_status 0 skiff pull -q nope
    output_is $'only a warning\ndocker.io/library/nope:latest'
    helper <<<'printf "skiff: no line end \033[2J" >&2; exit 1'
    run_status 1 skiff pull -q nope
    output_is 'skiff: no line end \x1b[2J'
}

@test "pull: what skiff-image has started and left behind is not waited for" {
    helper <<'SCRIPT'
sleep 600 &
echo $! >"$here/left"
say '{"status":"Digest: sha256:abc"}'
echo 'skiff: a last word, without a line end' >&2
SCRIPT
    run_ok timeout 60 "$SKIFF" pull x:1
    output_is $'Digest: sha256:abc\nskiff: a last word, without a line end\ndocker.io/library/x:1'
    kill "$(cat "$fake/left")"
}

@test "an event for each pull" {
    one_layer
    since=$(date +%s.%N)
    run_ok skiff pull -q ghcr.io/a/b:1
    run_ok skiff events --since "$since" --until 0s --filter type=image \
        --format '{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}'
    output_is 'pull ghcr.io/a/b:1 ghcr.io/a/b'
}

# A helper that gives the image busybox the name that is pulled.
names_busybox()
{
    helper <<SCRIPT
layer a12cd34ef567 "Pull complete"
SKIFF_LIBEXEC='$SKIFF_BUILD' '$SKIFF' tag busybox "\${@: -1}"
'$SKIFF' images -q --no-trunc busybox
SCRIPT
}

@test "run of an image that is not there: said, fetched, run" {
    names_busybox
    "$SKIFF" run --rm --network none absent echo "from it" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = 'from it' ]
    diff - "$BATS_TEST_TMPDIR/err" <<'EOF'
Unable to find image 'absent:latest' locally
a12cd34ef567: Pull complete
EOF
    [ "$(called)" = 'pull --prefix=skiff -- absent ' ]
    run_ok skiff create -q absent:2 true
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    [ "$(called)" = 'pull --prefix=skiff --quiet -- absent:2 ' ]
    run_ok skiff inspect -f '{{.Config.Image}}' "$output"
    output_is absent:2
    # What is here is not fetched; --pull always does.
    rm "$fake/called"
    run_ok skiff run --rm --network none --pull missing absent:2 true
    [ ! -e "$fake/called" ]
    run_ok skiff run --rm --network none --pull=always -q absent:2 echo again
    output_is again
    [ -e "$fake/called" ]
    run_ok skiff rmi -f absent:2 absent
}

@test "run: --pull never, a pull that fails, other policies, IDs" {
    helper <<<'echo "skiff: pull access denied for nope" >&2; exit 1'
    run_status 125 skiff run --rm --pull never nope true
    output_is "skiff: unable to find image 'nope:latest' locally"
    [ ! -e "$fake/called" ]
    run_status 125 skiff run --rm nope true
    output_is $'Unable to find image \'nope:latest\' locally\nskiff: pull access denied for nope'
    run_status 125 skiff run --rm busybx true
    output_has 'denied.*"busybox" is here: did you mean that\?'
    run_status 1 skiff create nope true
    rm "$fake/called"
    run_status 125 skiff run --rm --pull sometimes busybox true
    output_has "invalid pull option: 'sometimes': must be one of \"always\", \"missing\" or \"never\""
    run_status 125 skiff run --rm --platform 'a/b/c/d' busybox true
    output_has 'invalid platform'
    run_status 125 skiff run --rm "sha256:$(printf '1%.0s' {1..64})" true
    output_has 'no such image'
    run_status 125 skiff run --rm --pull always 'Busy!' true
    output_has 'invalid reference format'
    [ ! -e "$fake/called" ]
    run_ok skiff ps -aq
    output_is ''
}

@test "run --platform: an image for another platform is not the one" {
    helper <<<'echo "skiff: no image for it" >&2; exit 1'
    run_status 125 skiff run --rm --platform linux/s390x busybox true
    output_has "Unable to find image 'busybox:latest' locally"
    [ "$(called)" = 'pull --prefix=skiff --platform=linux/s390x -- busybox ' ]
    rm "$fake/called"
    run_status 125 skiff run --rm --pull never --platform linux/s390x busybox true
    run_ok skiff create --platform "linux/$(dpkg --print-architecture)" busybox true
    SKIFF_LIBEXEC=$SKIFF_BUILD run_ok skiff import --platform linux/s390x "$(rootfs_busybox)" foreign
    run_ok skiff create --platform linux/s390x foreign true
    run_ok skiff create foreign true
    output_has "warning: The requested image's platform \(linux/s390x\) does not match the detected host"
    [ ! -e "$fake/called" ]
    skiff_cleanup
    run_ok skiff rmi foreign
}

@test "push: how skiff-image is called, what is printed and refused" {
    helper <<<'say "{\"status\":\"The push refers to repository [localhost:5000/a]\"}"'
    run_ok skiff push -a --compression zstd --platform linux/amd64 localhost:5000/a
    output_is 'The push refers to repository [localhost:5000/a]'
    [ "$(called)" = 'push --prefix=skiff --all-tags --platform=linux/amd64 --compression=zstd -- localhost:5000/a ' ]
    run_ok skiff push -q busybox
    output_is docker.io/library/busybox:latest
    run_ok skiff image push busybox
    [ "${lines[0]}" = 'Using default tag: latest' ]
    rm "$fake/called"
    run_fails 'neither gzip nor zstd' skiff push --compression lzma busybox
    run_fails "tag can't be used" skiff push -a busybox:1
    run_fails 'cannot push a digest reference' skiff push "busybox@sha256:$(printf '1%.0s' {1..64})"
    run_fails 'built-in' skiff push host
    [ ! -e "$fake/called" ]
}

@test "load: from a file and from standard input, what was loaded is told also when quiet" {
    helper <<<'say "{\"stream\":\"Loaded image: a:1\\n\"}"; wc -c >"$here/size"'
    head -c 1000 /dev/zero >"$BATS_TEST_TMPDIR/archive"
    run_ok skiff load -q --platform linux/amd64 -i "$BATS_TEST_TMPDIR/archive"
    output_is 'Loaded image: a:1'
    [ "$(called)" = 'load --prefix=skiff --platform=linux/amd64 --quiet ' ]
    [ "$(cat "$fake/size")" -eq 1000 ]
    rm "$fake/size"
    run_ok bash -c '"$SKIFF" image load <"$BATS_TEST_TMPDIR/archive"'
    [ "$(cat "$fake/size")" -eq 1000 ]
    rm "$fake/called"
    run_fails 'no such file' skiff load -i /no/such/file
    run_fails 'requires 0 arguments' skiff load archive
    [ ! -e "$fake/called" ]
}

@test "save: to standard output and to a file, which is whole or not there" {
    helper <<<'echo an archive'
    run_ok skiff save busybox
    output_is 'an archive'
    [ "$(called)" = 'save --prefix=skiff -- busybox ' ]
    run_ok skiff save --platform linux/amd64 -o "$BATS_TEST_TMPDIR/saved" busybox busybox:latest
    [ "$(cat "$BATS_TEST_TMPDIR/saved")" = 'an archive' ]
    [ "$(called)" = 'save --prefix=skiff --platform=linux/amd64 -- busybox busybox:latest ' ]
    rm "$fake/called"
    run_fails 'no such image: nope' skiff image save busybox nope
    run_fails 'built-in' skiff save host
    run_fails 'failed to save image: cannot write "/tmp"' skiff save -o /tmp busybox
    [ ! -e "$fake/called" ]
    helper <<<'echo half; echo "skiff: no" >&2; exit 1'
    run_fails '^skiff: no$' skiff save -o "$BATS_TEST_TMPDIR/half" busybox
    run ls -A "$BATS_TEST_TMPDIR"
    [[ $output != *half* ]]
}

@test "search: Docker's table, filters, limits" {
    helper <<'SCRIPT'
echo '{"name":"few","description":"one\ttwo\nthree \u001b[31m","star_count":1,"is_official":false}'
echo 'no JSON'
echo '{"name":"many","description":"Aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee","star_count":20,"is_official":true}'
SCRIPT
    run_ok skiff search term
    [ "${lines[0]}" = 'NAME      DESCRIPTION                                     STARS     OFFICIAL' ]
    [ "${lines[1]}" = 'many      Aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeee…   20        [OK]' ]
    [[ ${lines[2]} == 'few       one two three \x1b[31m '* ]]
    [ "$(called)" = 'search --prefix=skiff -- term ' ]
    run_ok skiff search --no-trunc --limit 5 --filter is-official=true --format '{{.Name}}: {{.Description}}' term
    output_is 'many: Aaaaaaaaa bbbbbbbbb ccccccccc ddddddddd eeeeeeeee'
    [ "$(called)" = 'search --prefix=skiff --limit=5 -- term ' ]
    run_ok skiff search -f stars=2 --format '{{.Name}}' term
    output_is many
    run_ok skiff search --format json -f is-official=false term
    jq -e '.Name == "few" and .StarCount == "1"' <<<"$output"
    rm "$fake/called"
    run_fails 'outside the range' skiff search --limit 101 term
    run_fails "invalid filter 'x=1'" skiff search -f x=1 term
    run_fails "invalid filter 'stars=x'" skiff search -f stars=x term
    [ ! -e "$fake/called" ]
}
