#!/usr/bin/env bats
# What is shown of images, and how they go: filters, digests of registries, the tree, inspect, rmi by
# digest, and that prune gives back what df promised.
# shellcheck disable=SC2016,SC2030,SC2031 # what a shell expands; each test has an output of its own
load ../lib/common

setup()
{
    skiff_setup
    tar=$(rootfs_busybox)
}

teardown()
{
    skiff_teardown
}

one=sha256:1111111111111111111111111111111111111111111111111111111111111111

# called_by_registry NAME DIGEST: as a pull would have noted it.
called_by_registry()
{
    jq --arg name "docker.io/library/$1:latest" --arg digest "docker.io/library/$1@$2" \
        '(.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $name)
            | .annotations["dev.skiff.repo-digest"]) = $digest' \
        "$SKIFF_ROOT/images/index.json" >"$BATS_TEST_TMPDIR/index"
    cat "$BATS_TEST_TMPDIR/index" >"$SKIFF_ROOT/images/index.json"
}

three_images()
{
    skiff import -c 'ENV N=1' "$tar" first >/dev/null
    skiff import -c 'LABEL stage=test' "$tar" local/second:v2 >/dev/null
    skiff import -c 'LABEL stage=live' -c 'LABEL keep=' "$tar" third >/dev/null
    skiff tag third other/third:x
}

names()
{
    run_ok skiff images --format '{{.Repository}}:{{.Tag}}' "$@"
    sorted=$(sort <<<"$output" | tr '\n' ' ')
}

@test "images --filter: reference, label, before, since, until, dangling" {
    three_images
    names -f reference='local/*'
    [ "$sorted" = 'local/second:v2 ' ]
    names -f 'reference=*rst' -f reference=local/second:v2
    [ "$sorted" = 'first:latest local/second:v2 ' ]
    names -f reference=docker.io/library/third
    [ "$sorted" = 'third:latest ' ]
    names -f label=stage
    [ "$sorted" = 'local/second:v2 other/third:x third:latest ' ]
    names -f label=stage=live -f label=keep
    [ "$sorted" = 'other/third:x third:latest ' ]
    names -f 'label!=stage'
    [ "$sorted" = 'first:latest ' ]
    names -f before=local/second:v2
    [ "$sorted" = 'first:latest ' ]
    names -f since=first -f before=third
    [ "$sorted" = 'local/second:v2 ' ]
    names -f until=24h
    [ "$sorted" = ' ' ]
    names -f until=0s third
    [ "$sorted" = 'third:latest ' ]
    names -f dangling=true
    [ "$sorted" = ' ' ]
    skiff tag first third
    names -f dangling=false
    [ "$sorted" = 'first:latest local/second:v2 other/third:x third:latest ' ]
    skiff rmi other/third:x >/dev/null
    skiff tag first local/second:v2
    names -f dangling=true
    [ "$sorted" = '<none>:<none> ' ]
    run_fails "invalid filter 'x=1'" skiff images -f x=1
    run_fails "invalid filter 'dangling=x'" skiff images -f dangling=x
    run_fails "it is no time" skiff images -f until=x
    run_fails 'no such image: nope' skiff images -f before=nope
}

@test "what a registry called it: images --digests, inspect, run and rmi by it" {
    three_images
    called_by_registry first "$one"
    run_ok skiff images --digests --format '{{.Digest}}' first
    output_is "$one"
    run_ok skiff image inspect -f '{{.RepoDigests}} {{.RepoTags}}' first
    output_is "[first@$one] [first:latest]"
    run_ok skiff run --rm --network none "first@$one" echo by digest
    output_is 'by digest'
    run_status 1 skiff image inspect "second@$one"
    output_has 'no such image'
    # Its name alone goes: it is listed by the registry's repository.
    skiff tag third first
    run_ok skiff images --digests --format '{{.Repository}} {{.Tag}} {{.Digest}}' -f dangling=true
    output_is "first <none> $one"
    run_ok skiff rmi "first@$one"
    [ "${lines[0]}" = "Untagged: first@$one" ]
    [[ ${lines[1]} == 'Deleted: sha256:'* ]]
    [ "${#lines[@]}" -eq 2 ]
    # One that has a name keeps it.
    called_by_registry third "$one"
    run_ok skiff rmi "third@$one"
    output_is "Untagged: third@$one"
    run_ok skiff image inspect -f '{{len .RepoDigests}}' third
    output_is 0
    called_by_registry first "$one"
    run_ok skiff rmi -f "$(skiff images -q first)"
    output_has "Untagged: first@$one"
}

@test "inspect: a digest that is none of a registry's is not shown" {
    three_images
    for bad in sha256:xyz 'sha256:../../etc/passwd' "$one:x"; do
        called_by_registry first "$bad"
        run_ok skiff image inspect -f '{{len .RepoDigests}}' first
        output_is 0
        run_status 1 skiff image inspect "first@$bad"
    done
}

@test "image inspect: Docker's document" {
    skiff import -c 'ENV A=b' -c 'CMD ["x"]' --platform linux/arm/v7 "$tar" first >/dev/null
    run_ok skiff image inspect first
    jq -e '.[0] | (.Id | test("^sha256:[0-9a-f]{64}$")) and .RepoTags == ["first:latest"] and
        .RepoDigests == [] and .Parent == "" and .DockerVersion == "" and .Author == "" and
        .Architecture == "arm" and .Variant == "v7" and .Os == "linux" and .Size > 1000000 and
        .Config.Env == ["A=b"] and .Config.Cmd == ["x"] and .RootFS.Type == "layers" and
        (.RootFS.Layers | length) == 1 and .GraphDriver.Name == "overlay2" and
        .Metadata.LastTagTime == "0001-01-01T00:00:00Z" and
        .Descriptor.mediaType == "application/vnd.oci.image.manifest.v1+json"' <<<"$output"
    folder=$(jq -r '.[0].GraphDriver.Data.UpperDir' <<<"$output")
    [ -e "$folder/bin/busybox" ]
    digest=$(jq -r '.[0].Descriptor.digest' <<<"$output")
    [ "$(stat -c %s "$SKIFF_ROOT/images/blobs/sha256/${digest#sha256:}")" -eq \
        "$(jq '.[0].Descriptor.size' <<<"$output")" ]
    run_ok skiff image inspect "$digest"
}

@test "image inspect, history: --platform" {
    skiff import --platform linux/arm64 "$tar" first >/dev/null
    for command in 'image inspect' history; do
        # shellcheck disable=SC2086 # one or two words
        run_ok skiff $command --platform linux/arm64 first
        # shellcheck disable=SC2086
        run_status 1 skiff $command --platform linux/s390x first
        output_has 'image with reference first was found but does not provide the specified platform \(linux/s390x\)'
        # shellcheck disable=SC2086
        run_status 1 skiff $command --platform a/b/c/d first
        output_has 'invalid platform'
    done
}

@test "images --tree: names, platforms of one index, what is in use" {
    three_images
    skiff import --platform linux/arm64 -c 'ENV B=c' "$tar" foreign >/dev/null
    called_by_registry first "$one"
    called_by_registry foreign "$one"
    sed -i 's,docker.io/library/foreign@,docker.io/library/first@,' "$SKIFF_ROOT/images/index.json"
    skiff create --network none third true >/dev/null
    run_ok skiff images --tree
    grep -qE '^IMAGE +ID +DISK USAGE +CONTENT SIZE +EXTRA$' <<<"$output"
    grep -qE -A 1 '^other/third:x +[0-9a-f]{12} +[0-9.]+MB +[0-9.]+MB   U$' <<<"$output"
    [ "$(grep -cE '^local/second:v2 +[0-9a-f]{12} +[0-9.]+MB +[0-9.]+MB$' <<<"$output")" -eq 1 ]
    tree=$(sed -n '/^foreign:latest/,/^$/p' <<<"$output" | cut -c 1-24 | sed 's/ *$//')
    [ "$tree" = $'foreign:latest\nfirst:latest\n├─ linux/arm64\n└─ linux/'"$(dpkg --print-architecture)" ]
    run_ok skiff images --tree local/second
    [ "$(grep -c '^[a-z]' <<<"$output")" -eq 1 ]
    run_fails 'not yet supported with --tree' skiff images --tree -q
    run_fails 'not yet supported with --tree' skiff images --tree --format json
}

# What df says of images could be given back, in bytes; 0B is 0.
reclaimable()
{
    run_ok skiff system df --format '{{.Type}} {{.Reclaimable}}'
    awk '/^Images/ { print $2 }' <<<"$output"
}

@test "prune gives back what df says, and what containers use stays" {
    three_images
    head -c 500000 /dev/urandom >"$BATS_TEST_TMPDIR/noise"
    tar -C "$BATS_TEST_TMPDIR" -cf "$BATS_TEST_TMPDIR/noise.tar" noise
    skiff import "$BATS_TEST_TMPDIR/noise.tar" noise >/dev/null
    skiff create --network none third true >/dev/null
    promised=$(reclaimable)
    [[ $promised =~ ^1.*MB$ ]]
    run_ok skiff image prune -af
    output_has "Total reclaimed space: $promised"
    output_has 'untagged: noise:latest'
    [ "$(reclaimable)" = 0B ]
    names
    [ "$sorted" = 'other/third:x third:latest ' ]
    # Sums: what each has of its own and shares is what it takes.
    skiff import -c 'ENV N=1' "$tar" first >/dev/null
    run_ok skiff system df -v --format json
    jq -e '.Images | length == 2 and all(.SharedSize == .Size) and all(.UniqueSize | endswith("B"))' <<<"$output"
    promised=$(reclaimable)
    run_ok skiff system prune -af
    output_has 'untagged: first:latest'
    names
    [ "$sorted" = ' ' ]
    [ "$(find "$SKIFF_ROOT/layers" -type f | wc -l)" -eq 0 ]
}

@test "image prune: only what has no name, filters, an answer" {
    three_images
    skiff tag first third
    skiff tag first other/third:x
    run_ok bash -c 'echo n | "$SKIFF" image prune || [ $? -eq 1 ]'
    output_has 'This will remove all dangling images.'
    run_ok skiff image prune -f --filter until=24h
    output_is 'Total reclaimed space: 0B'
    run_ok skiff image prune -f --filter 'label!=stage'
    output_is 'Total reclaimed space: 0B'
    run_ok skiff image prune -f --filter label=stage=live
    [[ ${lines[0]} == 'Deleted Images:' && ${lines[1]} == 'deleted: sha256:'* ]]
    names
    [ "$sorted" = 'first:latest local/second:v2 other/third:x third:latest ' ]
}

@test "rmi: several, one of which is not there; -f of it is no failure" {
    three_images
    run_status 1 skiff rmi first nope local/second:v2
    output_has 'no such image: nope'
    output_has 'Untagged: first:latest'
    output_has 'Untagged: local/second:v2'
    run_status 0 skiff rmi -f --no-prune nope
    output_has 'no such image: nope'
    run_status 0 skiff image rm "$(skiff images -q third | head -1)" -f
    output_has 'Untagged: other/third:x'
    names
    [ "$sorted" = ' ' ]
}

@test "what a broken pull has fetched: df counts it, prune gives it back" {
    local partial=$SKIFF_ROOT/images/partial name
    name=$(printf 'ab%.0s' $(seq 32))
    run_fails 'no such image' skiff rmi nothing # makes the store
    mkdir -p "$partial"
    head -c 3000000 /dev/urandom >"$partial/$name"
    run_ok skiff system df --format '{{.Type}} {{.Reclaimable}}'
    [[ $output = *'Images 3'*'MB (100%)'* ]] || told "$output"
    # Somebody is at it: it stays.
    (flock 9 && skiff image prune -f) 9<"$partial/$name"
    [ -e "$partial/$name" ]
    run_ok skiff image prune -f
    [[ $output = *'Total reclaimed space: 3'* ]] || told "$output"
    [ ! -e "$partial/$name" ]
}
