# Hosts of a test's own, and servers that say who asks. `load ../lib/network` after common.

# net_host NAME N: a machine on a cable of its own to this one, a network namespace: it is 198.18.N.2, we
# are 198.18.N.1, fd18:N::2 and ::1. It knows no other way than by us. Ended by
# net_hosts_end, as all of the file's. Files run side by side: each has names and numbers of its own.
net_host()
{
    local name=skt-$1 n=$2
    ip netns del "$name" 2>/dev/null || true # of a run that was killed
    ip netns add "$name"
    echo "$name" >>"${BATS_FILE_TMPDIR:-/tmp}/net-hosts"
    ip link add "skt$n" type veth peer name eth0 netns "$name"
    ip addr add "198.18.$n.1/24" dev "skt$n"
    ip -6 addr add "fd18:$n::1/64" dev "skt$n" nodad
    ip link set "skt$n" up
    ip -n "$name" link set lo up
    ip -n "$name" addr add "198.18.$n.2/24" dev eth0
    ip -n "$name" -6 addr add "fd18:$n::2/64" dev eth0 nodad
    ip -n "$name" link set eth0 up
    ip -n "$name" route add default via "198.18.$n.1"
    ip -n "$name" -6 route add default via "fd18:$n::1"
}

net_hosts_end()
{
    local name
    while read -r name; do
        ip netns pids "$name" | xargs -r kill
        ip netns del "$name"
    done <"${BATS_FILE_TMPDIR:-/tmp}/net-hosts"
    rm -f "${BATS_FILE_TMPDIR:-/tmp}/net-hosts"
}

# on NAME COMMAND...: there.
on()
{
    local name=skt-$1
    shift
    ip netns exec "$name" "$@"
}

# server_image: what `--name web … web` runs: port 80 says who asked.
server_image()
{
    local folder
    folder=$(mktemp -d)
    mkdir -p "$folder/www/cgi-bin"
    printf '#!/bin/sh\necho\necho "$REMOTE_ADDR"\n' >"$folder/www/cgi-bin/who"
    chmod +x "$folder/www/cgi-bin/who"
    skiff create --name making busybox >/dev/null
    skiff cp -q "$folder/www" making:/www
    skiff commit -c 'CMD ["httpd", "-f", "-p", "80", "-h", "/www"]' making web >/dev/null
    skiff rm making >/dev/null
    rm -rf "$folder"
}

# The address that the server sees. Empty where nothing answers.
who() # HOST [PORT]
{
    asks "$@"
}

# asks HOST PORT [COMMAND...]: the same, asked there: asks 198.18.1.1 80 on client
asks()
{
    local host=$1 port=${2:-80}
    shift $(($# < 2 ? $# : 2))
    "$@" curl -s --max-time 3 --noproxy '*' "http://$host:$port/cgi-bin/who" |
        sed 's/^\[\(::ffff:\)\{0,1\}\(.*\)\]$/\2/'
}

# until_served HOST [PORT]
until_served()
{

    for _ in {1..50}; do
        [ -z "$(who "$@")" ] || return 0
        sleep 0.1
    done
    echo "nobody serves $*" >&2
    return 1
}

address_of() # CONTAINER [NETWORK]
{
    skiff inspect "$1" | jq -r --arg n "${2:-bridge}" '.[0].NetworkSettings.Networks[$n].IPAddress'
}
