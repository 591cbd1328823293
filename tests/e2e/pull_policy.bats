#!/usr/bin/env bats
# policy.json: which images may come, and who has to have signed them. The signatures are made as
# cosign makes them. skopeo has to decide the same; Debian's cannot verify signatures, but says so only
# where it has found one.
load ../lib/common
load ../lib/registry
# shellcheck disable=SC2154 # common.bash sets skiff_folder

setup_file()
{
    require_root
    require_command skopeo jq openssl
    skiff_setup
    registry_settings
    registry_begin plain
    export PLAIN layout=$skiff_folder/layout keys=$skiff_folder/keys
    PLAIN=$(registry plain)
    export DIGEST OTHER
    DIGEST=$(oci_image "$layout" one "$(layer_of etc/one 1)")
    OTHER=$(oci_image "$layout" two "$(layer_of etc/two 2)")
    make_keys
    printf 'docker:\n  %s: {use-sigstore-attachments: true}\n' "$PLAIN" >"$skiff_folder/attachments.yaml"
    mkdir "$skiff_folder/registries.d"
    mv "$skiff_folder/attachments.yaml" "$skiff_folder/registries.d"
}

teardown_file()
{
    registry_end
    skiff_teardown
}

setup()
{
    export HOME=$BATS_TEST_TMPDIR
    policy=$HOME/.config/containers/policy.json
    repository=test$BATS_TEST_NUMBER/image
    image=$PLAIN/$repository
    put_image "$layout" one plain "$repository"
}

teardown()
{
    skiff_cleanup
    remove_images
}

make_keys()
{
    local name
    mkdir -p "$keys"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$keys/good"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$keys/other"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out "$keys/p384"
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:secp256k1 -out "$keys/strange"
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$keys/rsa" 2>/dev/null
    openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$keys/short" 2>/dev/null
    openssl genpkey -algorithm ED25519 -out "$keys/ed25519"
    for name in "$keys"/*; do
        openssl pkey -in "$name" -pubout -out "$name.pub"
    done
}

# policy SCOPE REQUIREMENT[,REQUIREMENT…]: the caller's policy.json; all else is rejected.
policy()
{
    mkdir -p "${policy%/*}"
    printf '{"default": [{"type": "reject"}], "transports": {"docker": {"%s": [%s]}}}\n' "$1" "$2" >"$policy"
}

# signed KEY [MORE]: a requirement.
signed()
{
    printf '{"type": "sigstoreSigned", "keyPath": "%s"%s}' "$keys/$1.pub" "${2:+, $2}"
}

# identity TYPE [KEY VALUE…]
identity()
{
    printf '"signedIdentity": {"type": "%s"' "$1"
    shift
    while [ $# -gt 0 ]; do
        printf ', "%s": "%s"' "$1" "$2"
        shift 2
    done
    printf '}'
}

# sign KEY [OPTION…]: see sign_image.py.
sign()
{
    "$SKIFF_SOURCE/tests/lib/sign_image.py" "$PLAIN" "$repository" "$DIGEST" "$keys/$1" "${@:2}"
}

# skopeo_decides IMAGE STATUS
skopeo_decides()
{
    local decided=0
    rm -rf "$HOME/copy"
    skopeo --policy "$policy" --registries.d "$skiff_folder/registries.d" copy -q --src-tls-verify=false \
        "docker://$1" "dir:$HOME/copy" >"$HOME/skopeo" 2>&1 || decided=1
    [ "$decided" = "$2" ] || grep -q 'sigstore disabled' "$HOME/skopeo" || { cat "$HOME/skopeo"; false; }
}

# accepted IMAGE; refused PATTERN IMAGE: with nothing of it in the store; both decide so.
accepted()
{
    run_ok skiff pull --verify "$1"
    skopeo_decides "$1" 0
    skiff rmi -f "$1" >/dev/null
}

refused()
{
    refused_here "$1" "$2"
    skopeo_decides "$2" 1
}

refused_here()
{
    run_status 1 skiff pull --verify "$2"
    [[ ${lines[-1]} =~ $1 ]] || told "expected /$1/"
    [[ ${lines[-1]} = *"$policy"* ]] || told "expected the policy's file"
    run skiff image inspect "$2"
    [ "$status" -ne 0 ]
}

@test "no policy: accepted; that of the machine, and before it the caller's own" {
    local etc=$skiff_folder/etc/containers/policy.json
    mkdir -p "${etc%/*}"
    mknod "$etc" c 0 0 # overlay's way to say that there is none
    run_ok in_own_etc "$SKIFF" pull --verify "$image"
    output_has 'accepted without a signature, there is no policy.json'
    rm "$etc"
    echo '{"default": [{"type": "reject"}]}' >"$etc"
    run_status 1 in_own_etc "$SKIFF" pull "$image"
    output_has '"/etc/containers/policy.json" says "reject" by default'
    policy '' '{"type": "insecureAcceptAnything"}'
    run_ok in_own_etc "$SKIFF" pull "$image"
}

@test "insecureAcceptAnything is accepted, and --verify says by which file" {
    policy '' '{"type": "insecureAcceptAnything"}'
    accepted "$image"
    output_has "Policy: accepted without a signature by $policy, for all from \"docker\""
    run_ok skiff pull "$image"
    output_lacks 'Policy'
}

@test "reject, before anything is asked for" {
    policy elsewhere.example '{"type": "insecureAcceptAnything"}'
    registry_forget plain
    refused_here 'says "reject" by default' "$image"
    [ -z "$(registry_requests plain /v2/)" ]
    policy "$PLAIN" '{"type": "reject"}'
    refused "says \"reject\" for \"$PLAIN\"" "$image"
    policy "$PLAIN" '{"type": "insecureAcceptAnything"}, {"type": "reject"}'
    refused 'says "reject"' "$image"
    run_status 125 skiff run --rm "$image" true
    output_has 'says "reject"'
}

@test "signed by the key: accepted; nothing else of the image is fetched before it is known" {
    policy "$PLAIN" "$(signed good)"
    registry_forget plain
    refused_here "asks for \"$PLAIN\" for a signature by $keys/good.pub, and the registry has none for $DIGEST" "$image"
    [ "$(registry_requests plain '^GET .*/blobs/' | wc -l)" -le 1 ]
    refused 'has none' "$image"
    sign good
    accepted "$image"
    output_has "Verified: signed by key $keys/good.pub as $image:latest"
    run_status 127 skiff run --rm --pull always --verify --network none --entrypoint /none "$image"
    output_has "Verified: signed by key"
}

@test "every kind of key that is taken, and those that are not" {
    local kind
    for kind in p384 rsa ed25519; do
        policy "$PLAIN" "$(signed $kind)"
        refused 'none (for|of the)' "$image"
        sign "$kind"
        accepted "$image"
    done
    for kind in strange short; do
        policy "$PLAIN" "$(signed $kind)"
        sign "$kind"
        refused_here 'of a kind that is not taken' "$image"
    done
    policy "$PLAIN" "$(signed missing)"
    refused 'missing.pub' "$image"
    cp "$keys/good" "$keys/private.pub"
    policy "$PLAIN" "$(signed private)"
    refused 'no public key' "$image"
}

@test "wrong key, wrong digest, wrong type, spoiled text, other signatures" {
    policy "$PLAIN" "$(signed good)"
    sign other --alone
    refused 'none of the 1 at the registry is one: it is not by the key' "$image"
    sign good --alone --digest "$OTHER"
    refused "it is for the manifest $OTHER" "$image"
    sign good --alone --spoil
    refused 'it is not by the key' "$image"
    sign good --alone --type 'atomic container signature'
    refused 'has the type "atomic container signature"' "$image"
    sign good --alone --signature 'bm9uZQ=='
    refused 'it is not by the key' "$image"
    sign good --alone --signature '!!'
    refused 'it is not by the key' "$image"
    sign good --alone --layer-type application/vnd.example.attestation
    refused 'has none' "$image"
}

@test "payloads that are none" {
    local payload
    policy "$PLAIN" "$(signed good)"
    for payload in '' '[]' '{}' 'null' '{"critical":1}' '{"critical":{"type":"cosign container image signature"}}' \
        "{\"critical\":{\"type\":\"cosign container image signature\",\"image\":{\"docker-manifest-digest\":\"sha256:12\"},\"identity\":{\"docker-reference\":\"$image:latest\"}},\"optional\":null}" \
        "{\"critical\":{\"type\":\"cosign container image signature\",\"image\":{\"docker-manifest-digest\":\"$DIGEST\"},\"identity\":{\"docker-reference\":\"$image:latest\"},\"more\":1},\"optional\":null}" \
        "{\"critical\":{\"type\":\"cosign container image signature\",\"image\":{\"docker-manifest-digest\":\"$DIGEST\"},\"identity\":{\"docker-reference\":\"$image:latest\"}},\"optional\":null,\"more\":1}"; do
        sign good --alone --payload "$payload"
        refused 'what is signed' "$image"
    done
    sign good --alone --pad 70000
    refused_here 'more than 65536 bytes' "$image"
    sign good --alone --count 65
    refused_here 'more than 64 signatures' "$image"
}

@test "one good signature among bad ones is enough" {
    policy "$PLAIN" "$(signed good)"
    sign other
    sign good --digest "$OTHER"
    sign good --name "$PLAIN/other:latest"
    sign good --payload '{}'
    refused 'none of the 4 at the registry' "$image"
    [ "$(grep -o 'sigstore disabled' "$HOME/skopeo" | wc -l)" = 4 ]
    sign good
    accepted "$image"
}

@test "all requirements have to be met" {
    policy "$PLAIN" "$(signed good),$(signed other)"
    sign good
    refused "$keys/other.pub, and none of the 1" "$image"
    sign other
    accepted "$image"
    output_has "signed by key $keys/good.pub"
    output_has "signed by key $keys/other.pub"
    policy "$PLAIN" "{\"type\": \"insecureAcceptAnything\"},$(signed rsa)"
    refused_here "$keys/rsa.pub" "$image"
}

@test "keyPaths, keyData, keyDatas" {
    local data
    sign good
    policy "$PLAIN" "{\"type\": \"sigstoreSigned\", \"keyPaths\": [\"$keys/other.pub\", \"$keys/good.pub\"]}"
    run_ok skiff pull --verify "$image"
    output_has "signed by key $keys/good.pub"
    skiff rmi "$image"
    policy "$PLAIN" "{\"type\": \"sigstoreSigned\", \"keyPaths\": [\"$keys/other.pub\", \"$keys/rsa.pub\"]}"
    refused_here "signature by $keys/other.pub or another" "$image"
    data=$(base64 -w0 "$keys/good.pub")
    policy "$PLAIN" "{\"type\": \"sigstoreSigned\", \"keyData\": \"$data\"}"
    accepted "$image"
    output_has 'signed by key the "keyData" of'
    policy "$PLAIN" "{\"type\": \"sigstoreSigned\", \"keyDatas\": [\"$(base64 -w0 "$keys/rsa.pub")\", \"$data\"]}"
    run_ok skiff pull --verify "$image"
    skiff rmi "$image"
    policy "$PLAIN" '{"type": "sigstoreSigned", "keyData": "!"}'
    refused 'not in base64' "$image"
}

@test "identities: another repository's and another tag's signature, and how to say which is good" {
    put_image "$layout" one plain "$repository:v1"
    policy "$PLAIN" "$(signed good)"
    sign good --alone --name "$PLAIN/other/image:latest"
    refused "it is for the name \"$PLAIN/other/image:latest\"" "$image"
    policy "$PLAIN" "$(signed good "$(identity exactReference dockerReference "$PLAIN/other/image:latest")")"
    accepted "$image"
    policy "$PLAIN" "$(signed good "$(identity exactRepository dockerRepository "$PLAIN/other/image")")"
    accepted "$image"
    policy "$PLAIN" "$(signed good "$(identity remapIdentity prefix "$PLAIN/${repository%/*}" signedPrefix "$PLAIN/other")")"
    accepted "$image"
    refused 'it is for the name' "$image:v1"
    accepted "$image@$DIGEST"
    policy "$PLAIN" "$(signed good "$(identity matchRepository)")"
    refused 'it is for the name' "$image"
    sign good --alone --name "$image:v1"
    accepted "$image"
    policy "$PLAIN" "$(signed good)"
    refused 'it is for the name' "$image"
    accepted "$image:v1"
    accepted "$image@$DIGEST"
    policy "$PLAIN" "$(signed good "$(identity matchExact)")"
    accepted "$image:v1"
    refused 'it is for the name' "$image@$DIGEST"
}

@test "cosign signs a repository without a tag" {
    policy "$PLAIN" "$(signed good)"
    sign good --name "$image"
    refused 'has no tag and is good for "matchRepository" alone' "$image"
    policy "$PLAIN" "$(signed good "$(identity matchRepository)")"
    accepted "$image"
    output_has "as $image"
}

@test "of an index the manifest that is used has to be signed" {
    oci_image "$layout" multi --add "$(layer_of etc/one 1)" >/dev/null
    oci_image "$layout" multi --add --platform linux/s390x "$(layer_of etc/two 2)" >/dev/null
    put_image "$layout" multi plain "$repository"
    policy "$PLAIN" "$(signed good)"
    DIGEST=$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "multi").digest' "$layout/index.json") \
        sign good
    refused "has none for $DIGEST; a signature of the index" "$image"
    grep -q 'no signature exists' "$HOME/skopeo"
    sign good
    accepted "$image"
}

@test "a mirror: the name that was asked for counts, the signature lies where the image does" {
    local name=names.example/some/image mirrors=$HOME/registries.conf
    printf '%s\n' '[[registry]]' 'prefix = "names.example/some"' "location = \"$PLAIN/nothing\"" \
        '[[registry.mirror]]' "location = \"$PLAIN/${repository%/*}\"" >"$mirrors"
    export CONTAINERS_REGISTRIES_CONF=$mirrors
    policy names.example "$(signed good)"
    sign good --alone
    refused_here "it is for the name \"$image:latest\"" "$name"
    output_lacks 'mirror' # what is refused is not asked for elsewhere
    sign good --alone --name "$name:latest"
    run_ok skiff pull --verify "$name"
    output_has "as $name:latest"
    policy "$PLAIN" "$(signed good)"
    refused_here 'says "reject" by default' "$name:other"
}

@test "--all-tags: each of them" {
    put_image "$layout" one plain "$repository:a"
    put_image "$layout" one plain "$repository:b"
    policy "$PLAIN" "$(signed good)"
    sign good --name "$image:a"
    run_status 1 skiff pull -a "$image"
    output_has 'is refused.*it is for the name'
    run skiff image inspect "$image:b"
    [ "$status" -ne 0 ]
}

@test "what lies in the place of a signature" {
    local tag=${DIGEST/:/-}.sig
    policy "$PLAIN" "$(signed good)"
    oci_image "$layout" strange "$(layer_of etc/strange 1)" >/dev/null
    put_image "$layout" strange plain "$repository:$tag"
    refused "has none for $DIGEST" "$image"
    sign good --alone
    # The registry's own file of what was signed is another one afterwards.
    grep -rlZ "\"docker-manifest-digest\":\"$DIGEST\"" "$(registry_folder plain)/data" | xargs -0 sed -i "s/$DIGEST/$OTHER/"
    refused_here 'sent something else for the signature' "$image"
}

@test "an image that is here already is held against the policy again, and stays" {
    run_ok skiff pull -q "$image"
    policy "$PLAIN" "$(signed good)"
    run_status 1 skiff pull "$image"
    output_has 'has none'
    run_ok skiff image inspect "$image"
    sign good
    run_ok skiff pull --verify "$image"
    output_has 'Verified: signed by key'
    output_has 'Image is up to date'
}

# from TRANSPORT SCOPES: policy.json for what is from no registry.
from()
{
    mkdir -p "${policy%/*}"
    printf '{"default": [{"type": "reject"}], "transports": {"%s": {%s}}}\n' "$1" "$2" >"$policy"
}

@test "what is from no registry: folders, archives, load" {
    local accept='[{"type": "insecureAcceptAnything"}]' reject='[{"type": "reject"}]' folder=$HOME/in/layout
    mkdir -p "$HOME/in"
    cp -r "$layout" "$folder"
    ln -s "$HOME/in" "$HOME/link"
    skopeo --insecure-policy copy -q "oci:$folder:one" "docker-archive:$HOME/in/archive.tar:a.io/b:1"
    skopeo --insecure-policy copy -q "oci:$folder:one" "oci-archive:$HOME/in/oci.tar:one"

    from docker '"": '"$accept"
    for place in "oci:$folder:one" "docker-archive:$HOME/in/archive.tar" "oci-archive:$HOME/in/oci.tar" docker-daemon:busybox; do
        run_status 1 skiff pull "$place"
        output_has "$policy\" says \"reject\" by default"
    done
    run_status 1 skiff load -i "$HOME/in/archive.tar"
    output_has 'an image from "docker-archive" is refused'
    from oci "\"$HOME/in\": $accept, \"$folder:two\": $reject"
    run_ok skiff pull --verify "oci:$folder:one"
    output_has "accepted without a signature by $policy, for \"$HOME/in\""
    run_ok skiff pull "oci:$HOME/link/layout:one"
    run_status 1 skiff pull "oci:$folder:two"
    output_has "says \"reject\" for \"$folder:two\""
    from oci "\"$HOME/link\": $accept"
    run_status 1 skiff pull "oci:$HOME/link/layout:one"
    from oci-archive "\"$HOME/in/oci.tar\": $accept"
    run_ok skiff pull "oci-archive:$HOME/in/oci.tar:one"
    from docker-archive "\"\": $accept"
    run_ok skiff pull "docker-archive:$HOME/in/archive.tar"
    run_ok skiff load -i "$HOME/in/archive.tar"
    from docker-archive "\"\": [$(signed good)]"
    run_status 1 skiff load -i "$HOME/in/archive.tar"
    output_has 'asks for a signature for all from "docker-archive", and those come from registries alone'
    from docker-daemon "\"docker.io/library/rust\": $reject, \"\": $accept"
    run_status 1 skiff pull docker-daemon:rust
    output_has 'says "reject" for "docker.io/library/rust"'
}

# One allocation of skiff-image fails, at many places up to where it has none left. (Some end it with a
# signal: libcrypto's own first steps do not look whether they have what they asked for.)
@test "memory that runs out lets nothing in" {
    local n failed=$HOME/failed
    ninja -C "$SKIFF_BUILD" tests/lib/starve.so >"$HOME/ninja.log"
    policy "$PLAIN" "$(signed good),$(signed rsa "$(identity remapIdentity prefix "$PLAIN" signedPrefix elsewhere.example)")"
    sign other
    sign good
    sign rsa
    mkdir -p "$HOME/root"
    for ((n = 7; n < 20000; n += 41)); do
        printf . >"$failed"
        run env LD_PRELOAD="$SKIFF_BUILD/tests/lib/starve.so" SKIFF_MALLOC_FAIL=$n SKIFF_MALLOC_HIT="$failed" \
            "$SKIFF_BUILD/skiff-image" pull --root-fd 9 --quiet "$image" 9<"$HOME/root"
        [ "$status" -ne 0 ] || told "allocation $n: accepted"
        [ "$(cat "$failed")" = x ] || break
        run find "$HOME/root" -path '*/layers/*'
        output_is ''
    done
    [ "$n" -gt 500 ]
    output_has 'it is for the name'
}

@test "what is not supported is refused by name, for those it is for" {
    local type
    for type in '"signedBy", "keyType": "GPGKeys", "keyPath": "/x"' '"future"'; do
        policy "$PLAIN" "{\"type\": $type}"
        refused_here "asks for ${type%%,*} for \"$PLAIN\", which is not supported here" "$image"
        policy else.example "{\"type\": $type}"
        refused_here 'says "reject" by default' "$image"
    done
    policy "$PLAIN" "{\"type\": \"sigstoreSigned\", \"fulcio\": {}, \"rekorPublicKeyPath\": \"/x\"}"
    refused_here 'asks for "fulcio"' "$image"
    policy "$PLAIN" "$(signed good '"rekorPublicKeyPath": "/x"')"
    sign good
    refused_here 'asks for "rekorPublicKeyPath"' "$image"
}

@test "a file that is wrong ends it" {
    mkdir -p "${policy%/*}"
    while read -r text; do
        echo "$text" >"$policy"
        refused "$policy" "$image"
    done <<'END'

{}
[]
{"default": []}
{"default": [{"type": "insecureAcceptAnything"}], "default": [{"type": "insecureAcceptAnything"}]}
{"default": [{"type": "insecureAcceptAnything"}], "more": 1}
{"default": [{"type": "insecureAcceptAnything", "more": 1}]}
{"default": [{"typ": "insecureAcceptAnything"}]}
{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"": []}}}
{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": []}}
{"default": [{"type": "sigstoreSigned"}]}
{"default": [{"type": "sigstoreSigned", "keyPath": "/a", "keyData": "YQ=="}]}
{"default": [{"type": "sigstoreSigned", "keyPath": "/a", "signedIdentity": {"type": "matchAll"}}]}
{"default": [{"type": "sigstoreSigned", "keyPath": "/a", "signedIdentity": {"type": "exactReference", "dockerReference": "busybox"}}]}
END
    truncate -s 2M "$policy"
    refused_here "$policy" "$image"
}
