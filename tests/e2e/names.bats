# Names of whole containers, on a host of the test's own: what systemd-resolved leaves on one, a
# resolv.conf that changes, search lists and options, walls.
load ../lib/common
# shellcheck disable=SC2154 # skiff_setup sets skiff_folder

setup_file()
{
    require_root
    require_command ip dig jq nft
    needs_skiff "resolvers of its own"
    skiff_setup
    import_busybox
    export HOST=$skiff_folder/host
    mkdir -p "$HOST/run" "$HOST/logs"
    # Its /etc/resolv.conf is a link into its own /run, as systemd's is.
    # shellcheck disable=SC2016 # the inner shell's words
    unshare --net --mount sh -c 'ip link set lo up
        cp -r /etc "$1/etc" && rm -f "$1/etc/resolv.conf" && ln -s ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"
        mount --bind "$1/etc" /etc && mount -t tmpfs none /run/systemd 2>/dev/null ||
            { mkdir -p /run/systemd && mount -t tmpfs none /run/systemd; }
        mkdir -p /run/systemd/resolve
        ip addr add 10.99.0.1/32 dev lo; ip -6 addr add fd99::1/128 dev lo nodad
        echo $$ >"$1/pid.new" && mv "$1/pid.new" "$1/pid" && exec sleep 3000' sh "$HOST" >/dev/null 2>&1 3>&- &
    until_true test -e "$HOST/pid"
    stub
    serves 127.0.0.53 53
    serves 10.99.0.1 1
    serves fd99::1 6
}

teardown_file()
{
    # Whatever fails here: bats waits for whoever lives on.
    xargs -r kill <"$HOST/servers" || true
    skiff_cleanup || true
    on "$SKIFF" network ls -qf type=custom | xargs -r nsenter --net --mount --target "$(cat "$HOST/pid")" "$SKIFF" network rm >/dev/null || true
    kill "$(cat "$HOST/pid")" || true
    skiff_teardown
}

setup()
{
    stub
}

teardown()
{
    skiff_cleanup
}

# on COMMAND...: on that host.
on()
{
    nsenter --net --mount --target "$(cat "$HOST/pid")" --wd=/ -- "$@"
}

# serves ADDRESS NUMBER: a name server of that host, whose answers are 192.0.2.NUMBER.
serves()
{
    # Not by `on`: the number is to be the server's own.
    nsenter --net --mount --target "$(cat "$HOST/pid")" --wd=/ -- python3 "$SKIFF_SOURCE/tests/lib/name_server.py" \
        "$1" "$2" "$HOST/logs/$2" >"$HOST/logs/$2.out" 2>&1 3>&- &
    echo $! >>"$HOST/servers"
    until_true grep -q ready "$HOST/logs/$2.out"
}

# stub: the files as systemd-resolved has them.
stub()
{
    on sh -c 'printf "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch corp.example\n" >/run/systemd/resolve/stub-resolv.conf
        printf "nameserver 10.99.0.1\nnameserver fd99::1\nsearch corp.example\n" >/run/systemd/resolve/resolv.conf
        ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf'
}

runs()
{
    on "$SKIFF" run -d --name "$1" "${@:2}" host sleep 1000 >/dev/null
}

asks_for() # CONTAINER NAME [TYPE]
{
    skiff exec "$1" dig +tries=1 +time=4 +short "$2" "${3:-A}"
}

# answers CONTAINER NAME ADDRESS, for until_true
answers()
{
    [ "$(asks_for "$1" "$2")" = "$3" ]
}

asked() # NUMBER
{
    sed 's/.* //' "$HOST/logs/$1"
}

@test "systemd-resolved's stub: asked for the container, on every kind of network" {
    on "$SKIFF" network create lan >/dev/null
    runs lan --network lan
    runs usual
    for name in lan usual; do
        [ "$(asks_for $name a.$name.example)" = 192.0.2.53 ]
        run_ok skiff exec $name cat /etc/resolv.conf
        [ "$(grep -v '^#' <<<"$output" | sort)" = $'nameserver 127.0.0.11\noptions edns0 trust-ad\noptions ndots:0\nsearch corp.example' ]
        # As a C library asks, by the search list.
        run_ok skiff exec $name getent ahostsv4 printer
        output_has '^192\.0\.2\.53 '
    done
    # Who has nobody to ask for it sees the servers behind the stub, and the host's network the stub.
    run_ok on "$SKIFF" run --rm --network none host cat /etc/resolv.conf
    output_has 'nameserver 10\.99\.0\.1'
    output_has 'nameserver fd99::1'
    output_lacks '127\.0\.0\.'
    run_ok on "$SKIFF" run --rm --network host host cat /etc/resolv.conf
    output_has 'nameserver 127\.0\.0\.53'
}

@test "resolv.conf changes while it runs: written anew, replaced, led elsewhere, gone, back" {
    runs box
    [ "$(asks_for box a.example)" = 192.0.2.53 ]
    on ln -sf ../run/systemd/resolve/resolv.conf /etc/resolv.conf
    until_true answers box b.example 192.0.2.1
    on sh -c 'echo "nameserver fd99::1" >/run/systemd/resolve/resolv.conf'
    until_true answers box c.example 192.0.2.6
    on sh -c 'echo "nameserver 10.99.0.1" >/run/systemd/resolve/new && mv /run/systemd/resolve/new /run/systemd/resolve/resolv.conf'
    until_true answers box d.example 192.0.2.1
    # Without the file it is 127.0.0.1 that is asked, where nobody is.
    on rm /etc/resolv.conf
    # shellcheck disable=SC2317 # until_true calls it
    fails() { [ "$(skiff exec box dig +tries=1 +time=8 e.example | sed -n 's/.*status: \([A-Z]*\).*/\1/p')" = SERVFAIL ]; }
    until_true fails
    stub
    until_true answers box f.example 192.0.2.53
    # Names of containers meanwhile as before.
    [ "$(asks_for box box)" = "$(skiff inspect -f '{{.NetworkSettings.IPAddress}}' box)" ]
}

@test "--dns-search, ndots and --dns-opt: who is asked for what, in which order" {
    on "$SKIFF" network create lan2 >/dev/null
    runs web --network lan2
    runs box --network lan2 --dns-search one.example --dns-search two.example
    : >"$HOST/logs/53"
    # One of ours at once, and nobody else hears of it.
    run_ok skiff exec box getent ahostsv4 web
    output_has "^$(skiff inspect -f '{{.NetworkSettings.Networks.lan2.IPAddress}}' web) "
    [ -z "$(asked 53)" ]
    run skiff exec box getent ahostsv4 nx
    [ "$(asked 53 | uniq | xargs)" = 'nx nx.one.example nx.two.example' ]
    # With ndots:2 the list goes first for what has fewer dots.
    runs dots --network lan2 --dns-search one.example --dns-opt ndots:2 --dns-opt timeout:3
    : >"$HOST/logs/53"
    run skiff exec dots getent ahostsv4 nx.b
    [ "$(asked 53 | uniq | xargs)" = 'nx.b.one.example nx.b' ]
    : >"$HOST/logs/53"
    run skiff exec dots getent ahostsv4 nx.b.c
    [ "$(asked 53 | uniq | xargs)" = 'nx.b.c nx.b.c.one.example' ]
    run_ok skiff exec dots getent ahostsv4 web
    run_ok skiff exec dots cat /etc/resolv.conf
    output_has 'ndots:2 timeout:3'
    runs none --network lan2 --dns-search .
    run_ok skiff exec none cat /etc/resolv.conf
    output_lacks search
}

@test "--dns: of either family, by the container's own ways; three of them" {
    on "$SKIFF" network create --ipv6 lan3 >/dev/null
    runs four --network lan3 --dns 10.99.0.1
    runs six --network lan3 --dns fd99::1
    [ "$(asks_for four a.example)" = 192.0.2.1 ]
    [ "$(asks_for six a.example)" = 192.0.2.6 ]
    [ "$(asks_for six four)" = "$(skiff inspect -f '{{.NetworkSettings.Networks.lan3.IPAddress}}' four)" ]
    # The first is deaf, the second not there.
    runs third --network lan3 --dns 10.99.0.77 --dns fd99::77 --dns 10.99.0.1
    run_ok skiff exec third dig +tries=1 +time=8 +short a.example
    output_is 192.0.2.1
}

@test "a network without a way out: no question of either family leaves, nor one back for an address" {
    on "$SKIFF" network create --internal --ipv6 --subnet 10.98.0.0/24 --subnet fd98::/64 shut >/dev/null
    on "$SKIFF" network create --internal --ipv4=false --ipv6 --subnet fd97::/64 shut6 >/dev/null
    : >"$HOST/logs/53"
    for network in shut shut6; do
        runs "in-$network" --network $network
        runs "peer-$network" --network $network
        for type in A AAAA TXT MX; do
            run_ok skiff exec "in-$network" dig +tries=1 +time=4 secret.$network.example $type
            output_has NXDOMAIN
            run_ok skiff exec "in-$network" dig +tries=1 +time=4 +tcp secret.$network.example $type
            output_has NXDOMAIN
            run_ok skiff exec "in-$network" dig +tries=1 +time=4 "peer-$network" $type
            output_has NOERROR
        done
        for address in 192.0.2.1 10.98.0.99 fd98::99 2001:db8::1; do
            run_ok skiff exec "in-$network" dig +tries=1 +time=4 -x $address
            output_has NXDOMAIN
        done
        run skiff exec "in-$network" getent ahosts elsewhere.example
        [ "$status" -ne 0 ]
    done
    [ -z "$(asked 53)" ]
    [ "$(asks_for in-shut6 peer-shut6 AAAA)" = fd97::3 ]
    # What a server that it is given could answer it cannot reach either.
    : >"$HOST/logs/1"
    runs given --network shut --dns 10.99.0.1
    run skiff exec given dig +tries=1 +time=5 secret.given.example
    output_lacks 192.0.2
    [ -z "$(asked 1)" ]
}
