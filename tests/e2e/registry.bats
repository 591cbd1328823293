#!/usr/bin/env bats
# Registries of all kinds: with certificates, passwords, tokens, mirrors, proxies, and as the machine's
# files say.
load ../lib/common
load ../lib/registry
# shellcheck disable=SC2154 # common.bash sets skiff_folder

setup_file()
{
    require_root
    require_command skopeo jq openssl htpasswd curl
    skiff_setup
    registry_settings
    registry_begin plain
    registry_begin six ipv6 of=plain
    registry_begin mirror
    registry_begin tls tls of=plain
    registry_begin basic basic
    registry_begin token token
    export PLAIN SIX MIRROR TLS BASIC TOKEN layout=$skiff_folder/layout
    PLAIN=$(registry plain) SIX=$(registry six) MIRROR=$(registry mirror) TLS=$(strict tls)
    BASIC=$(registry basic) TOKEN=$(registry token)
    oci_image "$layout" one "$(layer_of one 1)" >/dev/null
    oci_image "$layout" two "$(layer_of two 2)" >/dev/null
    put_image "$layout" one plain lib/one
    put_image "$layout" one basic lib/one
    put_image "$layout" one token lib/one
    put_image "$layout" one token open/one
    put_image "$layout" one mirror lib/one
    put_image "$layout" two mirror lib/two
    put_image "$layout" two mirror library/two
}

teardown_file()
{
    registry_end
    skiff_teardown
}

setup()
{
    for name in plain six mirror tls basic token; do
        registry_forget $name
    done
    rm -f "$(registry_folder token)/token.log"
}

teardown()
{
    [ ! -e "$(registry_folder proxy)/pid" ] || registry_stop proxy
    rm -rf "$(registry_folder proxy)"
    remove_images
    rm -f "$DOCKER_CONFIG/config.json"
    : >"$CONTAINERS_REGISTRIES_CONF"
    rm -rf "${skiff_folder:?}/etc" "${skiff_folder:?}/etc.work"
}

# pulled NAME: it came, and is under this name.
pulled()
{
    run_ok skiff pull -q "$1"
    output_is "$1:latest"
    [ -n "$(skiff images -q "$1")" ]
}

# password_for REGISTRY [USER:PASSWORD]
password_for()
{
    jq -n --arg registry "$1" --arg auth "$(printf %s "${2:-user:secret}" | base64 -w 0)" \
        '{auths: {($registry): {auth: $auth}}}' >"$DOCKER_CONFIG/config.json"
}

# --- passwords and tokens ------------------------------------------------------------------------

@test "basic authentication, by config.json" {
    run_fails 'authentication|unauthorized|login' skiff pull -q "$BASIC/lib/one"
    password_for "$BASIC"
    pulled "$BASIC/lib/one"
    password_for "$BASIC" user:wrong
    run_fails 'authentication|unauthorized|incorrect|login' skiff pull -q "$BASIC/lib/one"
    output_lacks wrong
}

@test "basic authentication, by auth.json, and by a program" {
    password_for "$BASIC"
    mv "$DOCKER_CONFIG/config.json" "$BATS_TEST_TMPDIR/auth.json"
    REGISTRY_AUTH_FILE=$BATS_TEST_TMPDIR/auth.json pulled "$BASIC/lib/one"
    mkdir "$BATS_TEST_TMPDIR/bin"
    cat >"$BATS_TEST_TMPDIR/bin/docker-credential-test" <<'END'
#!/bin/sh
[ "$1" = get ] && server=$(cat) && echo "$server" >>"$0.log" &&
    echo "{\"ServerURL\":\"$server\",\"Username\":\"user\",\"Secret\":\"secret\"}"
END
    chmod +x "$BATS_TEST_TMPDIR/bin/docker-credential-test"
    jq -n --arg registry "$BASIC" '{credHelpers: {($registry): "test"}}' >"$DOCKER_CONFIG/config.json"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH pulled "$BASIC/lib/one"
    [ "$(sort -u "$BATS_TEST_TMPDIR/bin/docker-credential-test.log")" = "$BASIC" ]
    echo '{"credsStore": "test"}' >"$DOCKER_CONFIG/config.json"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH pulled "$BASIC/lib/one"
    # A program that is not there is not "no password".
    run skiff pull "$BASIC/lib/one"
    [ "$status" -eq 1 ]
    output_has 'docker-credential-test'
}

@test "tokens: anonymous where that is enough" {
    pulled "$TOKEN/open/one"
    [ "$(jq -r .authorization "$(registry_folder token)/token.log" | sort -u)" = '' ]
    run_fails 'authentication|unauthorized|denied|login' skiff pull -q "$TOKEN/lib/one"
}

@test "tokens: by a password; the password is told to the token server alone" {
    password_for "$TOKEN"
    pulled "$TOKEN/lib/one"
    jq -e 'select(.authorization == "Basic dXNlcjpzZWNyZXQ=" or .form.password == ["secret"])' \
        "$(registry_folder token)/token.log"
    # One token is enough for all of it.
    [ "$(wc -l <"$(registry_folder token)/token.log")" -le 2 ]
    jq -r '.query.scope[]?, .form.scope[]?' "$(registry_folder token)/token.log" | grep -qx 'repository:lib/one:pull'
    password_for "$TOKEN" user:wrong
    run_fails 'incorrect|unauthorized|denied|login' skiff pull -q "$TOKEN/lib/one"
}

@test "tokens: by an identity token" {
    jq -n --arg registry "$TOKEN" '{auths: {($registry): {auth: "PHRva2VuPjo=", identitytoken: "refresh-of-user"}}}' \
        >"$DOCKER_CONFIG/config.json"
    pulled "$TOKEN/lib/one"
    jq -e 'select(.form.grant_type == ["refresh_token"])' "$(registry_folder token)/token.log"
}

@test "tokens that end meanwhile are renewed" {
    registry_stop token
    TOKEN_SECONDS=1 registry_begin short token of=token
    password_for "$(registry short)"
    for _ in 1 2 3; do
        pulled "$(registry short)/lib/one"
        remove_images
        sleep 1
    done
    registry_stop short
    registry_begin token token
    TOKEN=$(registry token)
}

# --- certificates ----------------------------------------------------------------------------------

@test "TLS: refused without its authority; certs.d of docker and of containers" {
    run_fails 'certificate' in_own_etc "$SKIFF" pull -q "$TLS/lib/one"
    for family in docker containers; do
        rm -rf "${skiff_folder:?}/etc"
        trust tls $family
        run_ok in_own_etc "$SKIFF" pull -q "$TLS/lib/one"
        remove_images
    done
    # Another's authority is no help.
    make_certificate "$BATS_TEST_TMPDIR/other"
    cp "$BATS_TEST_TMPDIR/other/ca.crt" "$skiff_folder/etc/containers/certs.d/$TLS/ca.crt"
    run_fails 'certificate' in_own_etc "$SKIFF" pull -q "$TLS/lib/one"
}

@test "TLS: a client's certificate" {
    local folder=$skiff_folder/etc/docker/certs.d
    registry_stop tls
    sed -i "s|key: \([^ ]*\)/server.key|&, clientcas: [\1/ca.crt]|" "$(registry_folder tls)/config.yml"
    again tls
    trust tls
    run_fails . in_own_etc "$SKIFF" pull -q "$TLS/lib/one"
    cp "$(registry_folder tls)/client.crt" "$folder/$TLS/client.cert"
    cp "$(registry_folder tls)/client.key" "$folder/$TLS/client.key"
    run_ok in_own_etc "$SKIFF" pull -q "$TLS/lib/one"
    rm "$folder/$TLS/client.key"
    run_fails 'client' in_own_etc "$SKIFF" pull -q "$TLS/lib/one"
    registry_stop tls
    sed -i 's|, clientcas: [^]]*]||' "$(registry_folder tls)/config.yml"
    again tls
}

# again NAME: with its configuration as it is now, where it was.
again()
{
    local folder
    folder=$(registry_folder "$1")
    sed -i "s|addr: .*|addr: '$(registry "$1")'|" "$folder/config.yml"
    docker-registry serve "$folder/config.yml" >"$folder/log" 2>&1 3>&- &
    echo $! >"$folder/pid"
    until_true grep -q 'listening on' "$folder/log"
}

@test "TLS, insecure by registries.conf or daemon.json: any certificate" {
    printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$TLS" >"$CONTAINERS_REGISTRIES_CONF"
    run_ok in_own_etc "$SKIFF" pull -q "$TLS/lib/one"
    remove_images
    : >"$CONTAINERS_REGISTRIES_CONF"
    mkdir -p "$skiff_folder/etc/docker"
    jq -n --arg registry "$TLS" '{"insecure-registries": [$registry]}' >"$skiff_folder/etc/docker/daemon.json"
    run_ok in_own_etc "$SKIFF" pull -q "$TLS/lib/one"
}

# --- plain HTTP --------------------------------------------------------------------------------------

@test "IPv6" {
    run_ok skiff pull -q "$SIX/lib/one"
    output_is "$SIX/lib/one:latest"
    run_ok skiff inspect --format '{{json .RepoTags}}' "$SIX/lib/one"
    output_is "[\"$SIX/lib/one:latest\"]"
    run_status 127 skiff run --rm --network none --pull never "$SIX/lib/one" /none
}

@test "localhost by name" {
    pulled "localhost:${PLAIN#*:}/lib/one"
}

@test "plain HTTP is for the machine itself and for those named insecure" {
    # A registry at an address that is not the machine's own to skiff, in a network of the test's.
    # shellcheck disable=SC2016 # for the shell in there to expand
    run_ok unshare --net bash -c 'set -e
        ip link set lo up
        ip address add 192.0.2.1/32 dev lo
        sed "s|addr: .*|addr: 192.0.2.1:5000|" "$1/config.yml" >"$1/elsewhere.yml"
        docker-registry serve "$1/elsewhere.yml" >"$1/elsewhere.log" 2>&1 3>&- &
        trap "kill $!" EXIT
        until grep -q "listening on" "$1/elsewhere.log"; do sleep 0.1; done
        ! "$SKIFF" pull -q 192.0.2.1:5000/lib/one
        ! grep -q "GET /v2/lib" "$1/elsewhere.log"
        printf "[[registry]]\nlocation = \"192.0.2.1:5000\"\ninsecure = true\n" >"$CONTAINERS_REGISTRIES_CONF"
        "$SKIFF" pull -q 192.0.2.1:5000/lib/one' bash "$(registry_folder plain)"
    [ "${lines[-1]}" = 192.0.2.1:5000/lib/one:latest ]
    [[ ${lines[0]} = skiff:* ]]
}

# --- registries.conf, daemon.json --------------------------------------------------------------------

@test "mirrors by registries.conf: the mirror first, the place itself when that lacks it" {
    cat >"$CONTAINERS_REGISTRIES_CONF" <<END
[[registry]]
location = "$PLAIN"
[[registry.mirror]]
location = "$MIRROR"
END
    put_image "$layout" two plain lib/here-only
    registry_forget plain
    pulled "$PLAIN/lib/one"
    [ -n "$(registry_requests mirror /blobs/)" ]
    [ -z "$(registry_requests plain /blobs/)" ]
    pulled "$PLAIN/lib/here-only"
    [ -n "$(registry_requests plain /blobs/)" ]
    registry_stop mirror
    remove_images
    pulled "$PLAIN/lib/one"
    again mirror
}

@test "prefixes: what is under a name lies elsewhere" {
    cat >"$CONTAINERS_REGISTRIES_CONF" <<END
[[registry]]
prefix = "example.test/foo"
location = "$PLAIN/lib"
END
    pulled example.test/foo/one
    [ -n "$(registry_requests plain /lib/one/)" ]
    run_ok skiff inspect --format '{{index .RepoTags 0}}' example.test/foo/one
    output_is example.test/foo/one:latest
}

@test "blocked" {
    printf '[[registry]]\nlocation = "%s/lib"\nblocked = true\n' "$PLAIN" >"$CONTAINERS_REGISTRIES_CONF"
    run_fails 'blocked' skiff pull -q "$PLAIN/lib/one"
    [ -z "$(registry_requests plain)" ]
}

@test "short names: Docker's, unless registries.conf says otherwise" {
    cat >"$CONTAINERS_REGISTRIES_CONF" <<END
unqualified-search-registries = ["$PLAIN", "$MIRROR"]
short-name-mode = "disabled"
[aliases]
"nick" = "$PLAIN/lib/one"
END
    pulled_as nick "$PLAIN/lib/one"
    # Not in the first, in the second.
    pulled_as lib/two "$MIRROR/lib/two"
}

# pulled_as SHORT NAME
pulled_as()
{
    run_ok skiff pull -q "$1"
    [ -n "$(skiff images -q "$2")" ] || { skiff images; return 1; }
}

@test "daemon.json: mirrors of Docker Hub" {
    mkdir -p "$skiff_folder/etc/docker"
    jq -n --arg mirror "http://$MIRROR" '{"registry-mirrors": [$mirror]}' >"$skiff_folder/etc/docker/daemon.json"
    run_ok in_own_etc "$SKIFF" pull -q two
    output_is docker.io/library/two:latest
    [ -n "$(registry_requests mirror /library/two/)" ]
    run_ok skiff images --format '{{.Repository}}' two
    output_is two
}

@test "files that are wrong are named" {
    echo 'nonsense = [' >"$CONTAINERS_REGISTRIES_CONF"
    run_fails "registries.conf" skiff pull -q "$PLAIN/lib/one"
    : >"$CONTAINERS_REGISTRIES_CONF"
    echo 'nonsense' >"$DOCKER_CONFIG/config.json"
    run skiff pull "$BASIC/lib/one"
    [ "$status" -eq 1 ]
    output_has "$DOCKER_CONFIG/config.json"
    mkdir -p "$skiff_folder/etc/docker"
    echo '[]' >"$skiff_folder/etc/docker/daemon.json"
    run_fails "daemon.json" in_own_etc "$SKIFF" pull -q "$PLAIN/lib/one"
}

# --- proxies ---------------------------------------------------------------------------------------

@test "a proxy by environment, for https and http; no_proxy" {
    proxy=$(proxy_begin proxy tls)
    log=$(registry_folder proxy)/proxy.log
    mkdir -p "$skiff_folder/etc/docker/certs.d/registry.test"
    cp "$(registry_folder tls)/ca.crt" "$skiff_folder/etc/docker/certs.d/registry.test/"
    for variable in HTTPS_PROXY https_proxy; do
        export "$variable=http://$proxy"
        run_ok in_own_etc "$SKIFF" pull -q registry.test/lib/one
        unset "$variable"
        [ "$(sort -u "$log")" = 'CONNECT registry.test:443' ]
        remove_images
    done
    : >"$log"
    HTTPS_PROXY=http://$proxy NO_PROXY=registry.test run_fails 'registry.test' in_own_etc "$SKIFF" pull -q registry.test/lib/one
    [ ! -s "$log" ]
}

@test "a proxy that wants a password, which is shown nowhere" {
    proxy=$(proxy_begin proxy tls user:proxy-secret)
    mkdir -p "$skiff_folder/etc/docker/certs.d/registry.test"
    cp "$(registry_folder tls)/ca.crt" "$skiff_folder/etc/docker/certs.d/registry.test/"
    HTTPS_PROXY=http://user:proxy-secret@$proxy run_ok in_own_etc "$SKIFF" pull -q registry.test/lib/one
    remove_images
    HTTPS_PROXY=http://user:proxy-wrong@$proxy run_fails 'proxy|407' in_own_etc "$SKIFF" pull -q registry.test/lib/one
    output_lacks 'proxy-wrong'
}

@test "a proxy for plain HTTP, to a registry named insecure" {
    proxy=$(proxy_begin proxy plain)
    printf '[[registry]]\nlocation = "registry.test:5000"\ninsecure = true\n' >"$CONTAINERS_REGISTRIES_CONF"
    http_proxy=http://$proxy https_proxy=http://127.0.0.1:1 run_ok skiff pull -q registry.test:5000/lib/one
    grep -q 'GET http://registry.test:5000/v2/' "$(registry_folder proxy)/proxy.log"
}
