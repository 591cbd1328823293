# Registries for tests, on free ports of loopback: `load ../lib/common`, `load ../lib/registry`.
#
#     setup_file() { skiff_setup; registry_begin plain; registry_begin safe tls basic; make_image …; }
#     teardown_file() { registry_end; skiff_teardown; }
#     @test "…" { run_ok skiff pull "$(registry plain)/name"; }
#
# Each is Debian's docker-registry with a folder of its own, and what is in front of it of ours.
# shellcheck disable=SC2154 # common.bash sets skiff_folder

# registry_begin NAME [tls] [basic|token] [ipv6] [of=OTHER]: with of= it has the images of OTHER. Of tls the authority is "$(registry_folder NAME)/ca.crt".
# The user is "user", the password "secret".
registry_begin()
{
    local name=$1 folder data word port address=127.0.0.1
    require_command docker-registry
    shift
    folder=$(registry_folder "$name")
    data=$folder/data
    mkdir -p "$folder"
    for word; do
        case $word in
        ipv6) address='[::1]' ;;
        of=*) data=$(registry_folder "${word#of=}")/data ;;
        esac
    done
    {
        printf '%s\n' 'version: 0.1' 'log: {level: info}' \
            "storage: {filesystem: {rootdirectory: $data}, delete: {enabled: true}}" \
            'http:' "  addr: '$address:0'"
        [[ " $* " != *" tls "* ]] || registry_tls "$folder"
        for word; do
            case $word in
            basic) registry_basic "$folder" ;;
            token) registry_token "$folder" || return 1 ;;
            esac
        done
    } >"$folder/config.yml"
    docker-registry serve "$folder/config.yml" >"$folder/log" 2>&1 3>&- &
    echo $! >"$folder/pid"
    until_true grep -q 'listening on' "$folder/log" || { cat "$folder/log" >&2; return 1; }
    port=$(sed -n 's/.*listening on [^ ]*:\([0-9]*\)[^0-9].*/\1/p' "$folder/log")
    echo "$address:$port" >"$folder/address"
}

registry_folder()
{
    echo "$skiff_folder/registries/$1"
}

# registry NAME: its address, ADDRESS:PORT.
registry()
{
    cat "$(registry_folder "$1")/address"
}

# The rest of `http:`.
registry_tls()
{
    make_certificate "$1" || return 1
    printf '  tls: {certificate: %s/server.crt, key: %s/server.key}\n' "$1" "$1"
}

registry_basic()
{
    htpasswd -Bbn user secret >"$1/htpasswd"
    printf 'auth: {htpasswd: {realm: test, path: %s/htpasswd}}\n' "$1"
}

registry_token()
{
    rm -f "$1/token.port"
    "$SKIFF_SOURCE/tests/lib/token_server.py" "$1" test-registry >"$1/token.err" 2>&1 3>&- &
    echo $! >"$1/token.pid"
    until_true test -e "$1/token.port" || { cat "$1/token.err" >&2; return 1; }
    printf 'auth: {token: {realm: "http://127.0.0.1:%s/token", service: test-registry, issuer: token server, rootcertbundle: %s/token.pem}}\n' \
        "$(cat "$1/token.port")" "$1"
}

# make_certificate FOLDER [SUBJECT ALTERNATIVE NAMES]: ca.crt, server.crt, server.key, and client.crt,
# client.key of the same authority.
make_certificate()
{
    local folder=$1 names=${2:-IP:127.0.0.1,IP:::1,DNS:localhost,DNS:registry.test} who
    mkdir -p "$folder"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj '/CN=test authority' \
        -keyout "$folder/ca.key" -out "$folder/ca.crt" 2>/dev/null || return 1
    for who in server client; do
        openssl req -newkey rsa:2048 -nodes -subj "/CN=$who" -keyout "$folder/$who.key" 2>/dev/null |
            openssl x509 -req -days 2 -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial \
                -extfile <(echo "subjectAltName=$names") -out "$folder/$who.crt" 2>/dev/null || return 1
    done
}

# registry_stop NAME; registry_end: all of them, and the hostile ones.
registry_stop()
{
    local file pid
    for file in "$(registry_folder "$1")"/{pid,token.pid}; do
        [ -e "$file" ] || continue
        pid=$(cat "$file")
        rm "$file"
        kill "$pid" 2>/dev/null || continue
        until_true process_gone "$pid"
    done
}

process_gone()
{
    ! kill -0 "$1" 2>/dev/null || [[ $(cat "/proc/$1/stat" 2>/dev/null) = *") Z "* ]]
}

registry_end()
{
    local folder
    for folder in "$skiff_folder"/registries/*/; do
        folder=${folder%/}
        [ ! -d "$folder" ] || registry_stop "${folder##*/}"
    done
}

# --- what they were asked ------------------------------------------------------------------------

# registry_requests NAME [PATTERN]: one line a request: METHOD URI STATUS BYTES.
registry_requests()
{
    sed -n 's/^[^ ]* - - \[[^]]*\] "\([A-Z]*\) \([^ ]*\) HTTP[^"]*" \([0-9]*\) \([0-9]*\) .*/\1 \2 \3 \4/p' \
        "$(registry_folder "$1")/log" | grep -E -- "${2:-.}"
}

# registry_forget NAME: begins to count anew.
registry_forget()
{
    : >"$(registry_folder "$1")/log"
}

# registry_bytes NAME PATTERN: bytes that all such answers had together.
registry_bytes()
{
    registry_requests "$@" | awk '{ n += $4 } END { print n + 0 }'
}

# --- images --------------------------------------------------------------------------------------

# oci_image LAYOUT TAG …: see oci_image.py.
oci_image()
{
    "$SKIFF_SOURCE/tests/lib/oci_image.py" "$@"
}

# put_image LAYOUT TAG REGISTRY NAME[:TAG] [OPTION OF SKOPEO…]: all platforms, the bytes as they are; of
# another form with --format=v2s2.
put_image()
{
    local layout=$1 tag=$2 registry=$3 name=$4 folder
    shift 4
    folder=$(registry_folder "$registry")
    local options=(--dest-tls-verify=false)
    [[ "$*" = *--format* ]] || options+=(--preserve-digests)
    if grep -q '^auth:' "$folder/config.yml"; then options+=(--dest-creds user:secret); fi
    skopeo --insecure-policy copy -q --all "${options[@]}" "$@" \
        "oci:$layout:$tag" "docker://$(registry "$registry")/$name" >/dev/null
}

# layer_of FILE CONTENT [FILE CONTENT…]: prints the path of an archive with these files.
layer_of()
{
    local folder archive
    folder=$(mktemp -d "$skiff_folder/layer-XXXXXX")
    archive=$folder.tar
    while [ $# -gt 0 ]; do
        mkdir -p "$(dirname "$folder/$1")"
        printf '%s' "$2" >"$folder/$1"
        shift 2
    done
    tar -C "$folder" --numeric-owner --owner=0 --group=0 --mtime=@0 --sort=name -cf "$archive" .
    rm -r "$folder"
    echo "$archive"
}

# layer_of_noise BYTES [SEED]: one file that does not compress; the same for the same arguments.
layer_of_noise()
{
    local archive=$skiff_folder/noise-$1-${2:-1}.tar
    [ -e "$archive" ] || python3 - "$1" "${2:-1}" "$archive" <<'END'
import io, random, sys, tarfile
size, seed, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
with tarfile.open(path, "w") as archive:
    info = tarfile.TarInfo("noise-" + seed)
    info.size = size
    archive.addfile(info, io.BytesIO(random.Random(seed).randbytes(size)))
END
    echo "$archive"
}

# --- hostile ones ----------------------------------------------------------------------------------

# hostile_begin NAME [tls]: see hostile_registry.py; "$(registry NAME)/FAULT/x" is an image of it.
hostile_begin()
{
    local name=$1 folder port other certificate=()
    shift
    folder=$(registry_folder "$name")
    mkdir -p "$folder"
    [ "$*" != tls ] || { make_certificate "$folder" && certificate=("$folder/server.crt" "$folder/server.key"); }
    "$SKIFF_SOURCE/tests/lib/hostile_registry.py" "$folder" "${certificate[@]}" >"$folder/err" 2>&1 3>&- &
    echo $! >"$folder/pid"
    until_true test -e "$folder/ports" || { cat "$folder/err" >&2; return 1; }
    read -r port other <"$folder/ports"
    echo "127.0.0.1:$port" >"$folder/address"
    echo "localhost:$other" >"$folder/other"
}

# hostile_requests NAME JQ: what was asked of it, by a filter over {port, method, path, range,
# authorization, sent}, a line each.
hostile_requests()
{
    jq -c "$2" "$(registry_folder "$1")/log"
}

# requests_of NAME FAULT [KIND]: how many there were.
requests_of()
{
    hostile_requests "$1" "select(.path | startswith(\"/v2/$2/\")) | select(.path | contains(\"/${3:-}\"))" | wc -l
}

# --- for pulls -------------------------------------------------------------------------------------

# registry_settings: in setup_file. What this machine's files say about registries is not asked.
registry_settings()
{
    export DOCKER_CONFIG=$skiff_folder/docker CONTAINERS_REGISTRIES_CONF=$skiff_folder/registries.conf
    mkdir -p "$DOCKER_CONFIG"
    : >"$CONTAINERS_REGISTRIES_CONF"
    unset REGISTRY_AUTH_FILE {http,https,all,no}_proxy {HTTP,HTTPS,ALL,NO}_PROXY
}

# pull_processes: numbers of the processes that pull into this root: those that have it in their environment,
# and their children.
pull_processes()
{
    local pid parent
    for pid in $(pgrep skiff); do
        parent=$pid
        while [ "${parent:-0}" -gt 1 ]; do
            if grep -qzxF "SKIFF_ROOT=$SKIFF_ROOT" "/proc/$parent/environ" 2>/dev/null; then
                echo "$pid"
                break
            fi
            parent=$(sed 's/.*) //' "/proc/$parent/stat" 2>/dev/null | cut -d ' ' -f 2)
        done
    done
}

no_pull_processes()
{
    [ -z "$(pull_processes)" ]
}

# remove_images: in teardown, when a file's tests share a root.
remove_images()
{
    local ids
    ids=$("$SKIFF" images -aq --no-trunc | sort -u)
    # shellcheck disable=SC2086 # one ID a word
    [ -z "$ids" ] || "$SKIFF" rmi -f $ids >/dev/null
}

# in_own_etc COMMAND...: with an /etc of its own, in which the files below $skiff_folder/etc are too, and in which
# registry.test is this machine. There is no other way to say where certs.d and daemon.json are.
in_own_etc()
{
    mkdir -p "$skiff_folder"/{etc,etc.work}
    printf '127.0.0.1 registry.test localhost\n::1 localhost\n' >"$skiff_folder/etc/hosts"
    # shellcheck disable=SC2016 # for the shell in there to expand
    unshare --mount bash -c 'mount -t overlay -o "lowerdir=/etc,upperdir=$skiff_folder/etc,workdir=$skiff_folder/etc.work" \
        etc /etc && "$@"' in_own_etc "$@"
}

# strict NAME: its address by name, so that it is not taken for the machine's own, where any certificate
# is as good as none.
strict()
{
    echo "registry.test:$(registry "$1" | sed 's/.*://')"
}

# trust NAME [docker|containers]: that registry's authority, in the /etc of in_own_etc.
trust()
{
    local folder
    folder=$skiff_folder/etc/${2:-docker}/certs.d/$(strict "$1")
    mkdir -p "$folder"
    cp "$(registry_folder "$1")/ca.crt" "$folder/ca.crt"
}

# proxy_begin NAME REGISTRY [USER:PASSWORD]: a proxy, through which every name is that registry. Prints
# its address; its log is "$(registry_folder NAME)/proxy.log".
proxy_begin()
{
    local folder
    folder=$(registry_folder "$1")
    mkdir -p "$folder"
    "$SKIFF_SOURCE/tests/lib/proxy.py" "$folder" "$(registry "$2")" ${3:+"$3"} >"$folder/err" 2>&1 3>&- &
    echo $! >"$folder/pid"
    until_true test -e "$folder/proxy.port" || { cat "$folder/err" >&2; return 1; }
    echo "127.0.0.1:$(cat "$folder/proxy.port")"
}
