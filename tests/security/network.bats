# A hostile container, a neighbour of the host one hop away, and what they send: frames that lie about
# who speaks, packets for the loopback of others, questions no resolver should answer.
#
# shellcheck disable=SC2154 # common.bash sets skiff_folder
load ../lib/common
load ../lib/network
load security

setup_file()
{
    require_root
    require_command curl jq ip bridge nft python3
    skiff_setup
    chmod 755 "$skiff_folder"
    cp "$BATS_TEST_DIRNAME/frames.py" "$skiff_folder/frames.py"
    export FRAMES=$skiff_folder/frames.py
    import_busybox
    server_image
    net_host liars 42
    skiff network create --ipv6 --subnet 172.30.77.0/24 --subnet fd18:77::/64 liars >/dev/null
    skiff network create --ipv6 --opt dev.skiff.spoofing=true open >/dev/null
    bats_require_minimum_version 1.5.0
}

teardown_file()
{
    net_hosts_end
    skiff_cleanup
    # also those that a failed test has left
    other rm -f far >/dev/null 2>&1 || true
    other network rm found >/dev/null 2>&1 || true
    skiff network ls -q --filter type=custom | while read -r id; do skiff network rm "$id" >/dev/null; done
    skiff_teardown
}

teardown()
{
    skiff_cleanup
    [ -z "${taker:-}" ] || kill "$taker" 2>/dev/null || true
    wait_all
}

bridge_of() # NETWORK
{
    echo "sk-$(skiff network inspect -f '{{.Id}}' "$1" | cut -c 1-10)"
}

monitor_of() # CONTAINER
{
    ps -o ppid= -p "$(container_pid "$1")" | tr -d ' '
}

none() # COMMAND...: it finds nothing
{
    ! "$@" >/dev/null
}

field() # CONTAINER NETWORK FIELD
{
    skiff inspect "$1" | jq -r --arg n "$2" --arg f "$3" '.[0].NetworkSettings.Networks[$n][$f]'
}

mac_of() # LINK
{
    cat "/sys/class/net/$1/address"
}

# neighbours NETWORK [OPTION...]: two containers of it, liar and near.
neighbours()
{
    skiff run -d --name liar --network "$1" -v "$FRAMES:/frames.py:ro" "${@:2}" host sleep 600 >/dev/null
    skiff run -d --name near --network "$1" -v "$FRAMES:/frames.py:ro" host sleep 600 >/dev/null
}

# lies NETWORK KIND...: from liar to near as if from the host, and to the host as if from near. Who sees
# what: near_saw, host_saw.
lies()
{
    local network=$1 link lie to_near to_host
    shift
    link=$(bridge_of "$network")
    to_host=("4=$(field near "$network" Gateway)" "6=$(field near "$network" IPv6Gateway)" "$(mac_of "$link")")
    to_near=("4=$(address_of near "$network")" "6=$(field near "$network" GlobalIPv6Address)" "$(field near "$network" MacAddress)")
    skiff exec near python3 /frames.py watch eth0 >"$BATS_TEST_TMPDIR/near" 2>&1 3>&- &
    python3 "$FRAMES" watch "$link" >"$BATS_TEST_TMPDIR/host" 2>&1 3>&- &
    until_true file_has "$BATS_TEST_TMPDIR/near" watching
    until_true file_has "$BATS_TEST_TMPDIR/host" watching
    lie=(skiff exec liar python3 /frames.py send eth0 "me4=$(address_of liar "$network")"
        "me6=$(field liar "$network" GlobalIPv6Address)")
    "${lie[@]}" "victim${to_host[0]}" "victim${to_host[1]}" "victim=${to_host[2]}" \
        "target${to_near[0]}" "target${to_near[1]}" "to=${to_near[2]}" "$@" honest
    "${lie[@]}" "victim${to_near[0]}" "victim${to_near[1]}" "victim=${to_near[2]}" \
        "target${to_host[0]}" "target${to_host[1]}" "to=${to_host[2]}" "$@" honest
    wait_all
    near_saw=$(tail -n 1 "$BATS_TEST_TMPDIR/near") host_saw=$(tail -n 1 "$BATS_TEST_TMPDIR/host")
}

# seen TEXT: all that both saw of the last `lies`.
seen()
{
    if [ "$near_saw" != "$1" ] || [ "$host_saw" != "$1" ]; then
        printf 'near saw: %s\nhost saw: %s\nexpected: %s\n' "$near_saw" "$host_saw" "$1" >&2
        return 1
    fi
}

sources=(source4 foreign4 zero4 loopback4 broadcast4 source6 foreign6 none6 mapped6 mac4 mac6)
neighbour_lies=(arp_reply arp_request arp_gratuitous arp_hardware arp_frame rarp na_other ns_other dad_other)
router_lies=(ra ra_unicast ra_gateway ra_hop ra_fragment redirect4 redirect6 redirect6_own dhcp4 dhcp4_broadcast
    dhcp4_options dhcp6)
odd_frames=(vlan vlan0 vlan0_lie vlan0_arp vlan0_ra vlan0_ra_gateway vlan_ad vlan0_vlan0 vlan_ad_vlan0 snap snap_ra
    strange pppoe)

@test "where lies are allowed they arrive: what the tests below look for can be seen" {
    neighbours open
    lies open "${sources[@]}" "${neighbour_lies[@]}" "${router_lies[@]}" vlan strange honest6
    for kind in source4 source6 mac4 mac6 arp_reply na_other ra redirect4 redirect6 dhcp4 dhcp6 vlan strange honest honest6; do
        [[ " $near_saw " == *" $kind "* ]] || told "near did not see $kind: $near_saw"
        [[ " $host_saw " == *" $kind "* ]] || [ "$kind" = strange ] || told "the host did not see $kind: $host_saw"
    done
}

@test "a foreign source, IPv4, IPv6 or hardware address, arrives at nobody" {
    neighbours liars
    lies liars honest6 "${sources[@]}"
    seen 'honest honest6'
}

@test "ARP and NDP for others arrive at nobody, and nobody's table learns" {
    neighbours liars
    skiff exec near ping -q -c 1 -W 2 liar
    skiff exec near ping -q -c 1 -W 2 "$(field near liars Gateway)"
    lies liars "${neighbour_lies[@]}" honest6
    seen 'honest honest6'
    mac=$(field liar liars MacAddress)
    # who has liar's hardware address, but for liar
    learnt() { "$@" | grep "$mac" | grep -vE "^($own )"; }
    own="fe80::[^ ]*|$(address_of liar liars)|$(field liar liars GlobalIPv6Address)"
    run_ok skiff exec near ip neigh
    output_has "$mac"
    run -1 learnt skiff exec near ip neigh
    run -1 learnt ip neigh show dev "$(bridge_of liars)"
}

@test "frames that a bridge keeps for itself teach it nothing" {
    neighbours liars
    near=$(field near liars MacAddress) link=$(field near liars Link)
    skiff exec near ping -q -c 1 -W 2 liar
    run bridge fdb show br "$(bridge_of liars)"
    output_has "$near dev $link "
    lies liars lldp_lie pae_lie stp_lie stp
    seen honest
    run bridge fdb show br "$(bridge_of liars)"
    output_has "$near dev $link "
    output_lacks "$near dev $(field liar liars Link) "
}

@test "router advertisements, redirects and answers of DHCP arrive at nobody and change no route (CVE-2020-13401)" {
    neighbours liars
    before=$(skiff exec near sh -c 'ip route; ip -6 route; ip -6 addr')
    mine=$(ip -6 route show dev "$(bridge_of liars)"; ip -6 addr show dev "$(bridge_of liars)")
    lies liars "${router_lies[@]}" honest6
    seen 'honest honest6'
    lies liars redirect4_own
    [ "$(skiff exec near sh -c 'ip route; ip -6 route; ip -6 addr')" = "$before" ]
    [ "$(ip -6 route show dev "$(bridge_of liars)"; ip -6 addr show dev "$(bridge_of liars)")" = "$mine" ]
    run_ok skiff exec near ip route get 198.51.100.1
    output_has "via $(field near liars Gateway) "
    [ "$(cat "/proc/sys/net/ipv6/conf/$(bridge_of liars)/accept_ra")" = 0 ]
    run_ok skiff exec near cat /proc/sys/net/ipv6/conf/eth0/accept_ra
    output_is 0
}

@test "tags of VLANs, SNAP and other types of frames carry nothing past the rules" {
    neighbours liars
    lies liars "${odd_frames[@]}"
    seen honest
}

@test "CAP_NET_ADMIN in the container changes nothing of that" {
    neighbours liars --cap-add NET_ADMIN
    near=$(address_of near liars)
    run_ok skiff exec liar sh -c "ip link set eth0 down && ip link set eth0 address $(field near liars MacAddress) && ip link set eth0 up"
    run -1 skiff exec liar ping -q -c 1 -W 1 "$near"
    skiff exec liar sh -c "ip link set eth0 down && ip link set eth0 address $(field liar liars MacAddress) && ip link set eth0 up"
    run_ok skiff exec liar ping -q -c 1 -W 2 "$near"
    run_ok skiff exec liar ip addr add 203.0.113.5/24 dev eth0
    run -1 skiff exec liar ping -q -c 1 -W 1 -I 203.0.113.5 "$near"
    lies liars source4 mac4 arp_reply na_other ra
    seen honest
}

# --- the host's loopback, and what is published on it -------------------------------------------

# hear ADDRESS [PORT]: a service of the host; heard: what it was told and by whom, until `honest`.
hear()
{
    python3 "$FRAMES" hear "$1" "${2:-9999}" >"$BATS_TEST_TMPDIR/heard.$1" 2>&1 3>&- &
    until_true file_has "$BATS_TEST_TMPDIR/heard.$1" watching
}

heard() # ADDRESS
{
    until_true file_has "$BATS_TEST_TMPDIR/heard.$1" honest
    tail -n 1 "$BATS_TEST_TMPDIR/heard.$1"
}

# honestly ADDRESS: what the service hears last, from a socket of the host.
honestly()
{
    python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"LIAR<honest>", (sys.argv[1], 9999))' "$1"
}

to_loopback=(to_loopback to_loopback_any to_loopback6 to_loopback_mapped loop_to_loop loop_to_loop6)

# container_shouts, stranger_shouts: packets for the host's 127.0.0.1, with the host's hardware address. The
# container does it without a command of skiff's.
container_shouts()
{
    nsenter --net="/proc/$liar/ns/net" python3 "$FRAMES" send eth0 "me4=$liar4" "me6=$liar6" "to=$gateway" "${to_loopback[@]}"
}

shouters()
{
    neighbours liars
    liar=$(container_pid liar) liar4=$(address_of liar liars) liar6=$(field liar liars GlobalIPv6Address)
    gateway=$(mac_of "$(bridge_of liars)")
}

stranger_shouts()
{
    on liars python3 "$FRAMES" send eth0 me4=198.18.42.2 me6=fd18:42::2 "to=$(mac_of skt42)" "${to_loopback[@]}" "$@"
}

@test "packets for 127.0.0.1 and ::1 from a container or a stranger reach no service of the host" {
    shouters
    route_localnet=/proc/sys/net/ipv4/conf/$(bridge_of liars)/route_localnet
    for address in 127.0.0.1 ::1; do hear "$address"; done
    container_shouts
    stranger_shouts
    # Where a port is published the kernel itself would let them through.
    skiff run -d --name web --network liars -p 28742:80 -p 127.0.0.1:28743:80 web
    until_served 127.0.0.1 28742
    [ "$(cat "$route_localnet")" = 1 ]
    container_shouts
    stranger_shouts
    # Nor after somebody has flushed everything, once skiff was run.
    nft delete table inet skiff
    nft delete table bridge skiff
    run_ok skiff ps -q
    container_shouts
    stranger_shouts
    for address in 127.0.0.1 ::1; do honestly "$address"; done
    [ "$(heard 127.0.0.1)" = honest=127.0.0.1 ]
    [ "$(heard ::1)" = honest=::1 ]
}

@test "without the rule they would: route_localnet is not the wall" {
    shouters
    skiff run -d --name web --network liars -p 28742:80 web
    until_served 127.0.0.1 28742
    hear 127.0.0.1
    rule=$(nft -e -a insert rule inet skiff guard iifname "$(bridge_of liars)" accept | sed -n 's/.* handle //p')
    container_shouts
    nft delete rule inet skiff guard handle "$rule"
    honestly 127.0.0.1
    [ "$(heard 127.0.0.1)" = "honest=127.0.0.1 to_loopback=$liar4" ]
}

@test "a stranger with a route reaches what is published to all, and nothing else" {
    skiff run -d --name near --network liars -p 9990:9999/udp -p 127.0.0.1:9991:9999/udp -v "$FRAMES:/frames.py:ro" host \
        python3 /frames.py hear 0.0.0.0 9999 >/dev/null
    skiff run -d --name six --network liars -v "$FRAMES:/frames.py:ro" host python3 /frames.py hear :: 9999 >/dev/null
    four=$(address_of near liars) six=$(field six liars GlobalIPv6Address)
    # shellcheck disable=SC2317 # until_true calls them
    listens() { skiff logs "$1" | grep -q watching; }
    until_true listens near
    until_true listens six
    attack()
    {
        stranger_shouts port=9991 "target4=$four" "target6=$six"
        on liars python3 "$FRAMES" send eth0 me4=198.18.42.2 me6=fd18:42::2 victim4=127.0.0.1 victim6="$six" port=9999 \
            "to=$(mac_of skt42)" "target4=$four" "target6=$six" source4 loopback4 source6 honest6
        # As its own answers would come, from the port that is published, and from the bridge's address.
        on liars python3 "$FRAMES" send eth0 me4="$(field near liars Gateway)" "victim4=$four" port=9999 \
            "to=$(mac_of skt42)" "target4=$four" source4 honest6
        on liars python3 "$FRAMES" send eth0 me4=198.18.42.2 me6=fd18:42::2 "to=$(mac_of skt42)" port=9991 \
            target4=198.18.42.1 target6=fd18:42::1 foreign4 foreign6
    }
    attack
    nft delete table inet skiff
    nft delete table bridge skiff
    run_ok skiff ps -q
    attack
    run_ok skiff logs near
    output_is watching
    run_ok skiff logs six
    output_is watching
    # The honest: by the port that is published to all; and the host, by the one that is its own.
    on liars python3 "$FRAMES" send eth0 me4=198.18.42.2 "to=$(mac_of skt42)" port=9990 target4=198.18.42.1 honest
    told_near() { skiff logs near | grep -q honest; }
    until_true told_near
    run_ok skiff logs near
    [ "${lines[1]}" = honest=198.18.42.2 ]
}

@test "a network without IPv6 has no address of IPv6 at either end (GHSA-x84c-p2g9-rqv9)" {
    skiff network create four >/dev/null
    # Also where the image's own init would have one: nothing but the cable is asked.
    run_ok skiff run --rm --network four --cap-add NET_ADMIN host sh -c \
        'ip link set eth0 down; ip link set eth0 up; ip -6 addr show dev eth0; ip -6 route show dev eth0'
    output_is ''
    neighbours four --cap-add NET_ADMIN
    for link in "$(bridge_of four)" "$(field near four Link)" "$(field liar four Link)"; do
        run_ok ip -6 addr show dev "$link"
        output_is ''
    done
    run_ok skiff exec near ip -6 addr show dev eth0
    output_is ''
    # Who gives himself one speaks to nobody.
    lies four ra na_other none6 foreign6
    seen honest
    # And a network with IPv6 has them: the look above sees what there is.
    run_ok skiff run --rm --network liars host ip -6 addr show dev eth0
    output_has 'fe80::'
    skiff_cleanup
    skiff network rm four
}

# --- names --------------------------------------------------------------------------------------

# with_upstream COMMAND...: with a name server of the test's as the host's own; what it was asked: asked.
with_upstream()
{
    echo "nameserver 127.0.0.77" >"$BATS_TEST_TMPDIR/resolv.conf"
    if [ -z "${upstream:-}" ]; then
        : >"$BATS_TEST_TMPDIR/asked"
        python3 "$SKIFF_SOURCE/tests/lib/name_server.py" 127.0.0.77 9 "$BATS_TEST_TMPDIR/asked" >"$BATS_TEST_TMPDIR/asked.out" 2>&1 3>&- &
        upstream=$! taker=$!
        until_true file_has "$BATS_TEST_TMPDIR/asked.out" ready
    fi
    # shellcheck disable=SC2016 # the inner shell's words
    unshare -m sh -c 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"' sh "$BATS_TEST_TMPDIR/resolv.conf" "$@"
}

asked()
{
    sed 's/.* //' "$BATS_TEST_TMPDIR/asked"
}

ask() # CONTAINER NAME [TYPE]
{
    skiff exec "$1" dig +time=2 +tries=1 "${@:2}"
}

@test "names of an internal network, and of ours, are never asked upstream (CVE-2024-29018)" {
    skiff network create --internal secret >/dev/null
    with_upstream "$SKIFF" run -d --name leaks --network secret host sleep 600
    with_upstream "$SKIFF" run -d --name honest --network liars host sleep 600
    run_ok ask honest honest.example +short
    output_is 192.0.2.9
    run_ok ask leaks leaks1.example
    output_has NXDOMAIN
    run_ok ask leaks leaks2.example AAAA +tcp
    run_ok ask leaks 5.2.0.192.in-addr.arpa PTR
    for name in leaks leaks.secret leaks. honest; do
        run_ok ask leaks "$name" MX
        run_ok ask honest "$name" TXT
    done
    run_ok ask honest honest +short
    output_is "$(address_of honest liars)"
    run asked
    output_has honest.example
    output_lacks 'leaks[12]'
    output_lacks in-addr
    output_lacks '(^|[[:space:]])honest\.?($|[[:space:]])'
    skiff_cleanup
    skiff network rm secret
}

resolvers() # CONTAINER: the monitor's children that are resolvers
{
    local monitor
    monitor=$(monitor_of "$1")
    pgrep -P "$monitor" -x skiff-names
}

@test "the resolver is nobody, without a capability, a file, or a socket that leads out" {
    neighbours liars
    run_ok ask liar near +short
    output_is "$(address_of near liars)"
    run_ok resolvers liar
    resolver=$output
    run_ok cat "/proc/$resolver/status"
    output_has $'Uid:\t65534\t65534\t65534\t65534'
    output_has $'Gid:\t65534\t65534\t65534\t65534'
    output_has $'Groups:\t *\n'
    output_has $'CapPrm:\t0000000000000000'
    output_has $'CapEff:\t0000000000000000'
    output_has $'CapBnd:\t0000000000000000'
    output_has $'NoNewPrivs:\t1'
    output_has $'Seccomp:\t2'
    run_ok ls -A "/proc/$resolver/root/"
    output_is ''
    run_ok ls -A "/proc/$resolver/cwd/"
    output_is ''
    # Nothing open but sockets, /dev/null, and folders of endpoints of its own networks.
    for fd in "/proc/$resolver/fd"/*; do
        case $(readlink "$fd") in
        socket:* | anon_inode:* | /dev/null) ;;
        *) run_ok ls "$fd/" && output_has "^$(address_of liar liars)" ;;
        esac
    done
    # It belongs to the host's processes, so the container sees nothing of it.
    run_ok skiff exec liar ps ax
    output_lacks skiff-names
}

@test "hostile questions, a flood of them, and a killed resolver: the next answer is right, and others' too" {
    neighbours liars
    near=$(address_of near liars)
    run_ok skiff exec liar python3 -c 'import os, random, socket, struct
r = random.Random(7)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
q = struct.pack("!HHHHHH", 1, 0x100, 1, 0, 0, 0) + b"\4near\0\0\1\0\1"
evil = [b"", b"\0", q[:12], q[:-1], q[:5], b"\xff" * 512, struct.pack("!HHHHHH", 1, 0x100, 0xffff, 0xffff, 0xffff, 0xffff),
        q[:12] + b"\xc0\x0c\0\1\0\1", q[:12] + b"\xc0\xff\0\1\0\1", q[:12] + b"\x3f" + b"a" * 63 * 5, q[:12] + b"\x40a\0\0\1\0\1",
        q[:12] + (b"\1a" * 127) + b"\0\0\1\0\1", q[:12] + (b"\1a" * 300) + b"\0\0\1\0\1", q + b"\0" * 60000,
        q[:12] + b"\4ne\0r\0\0\1\0\1", q[:12] + b"\4../.\0\0\1\0\1", q[:2] + b"\x81\x80" + q[4:],
        q[:10] + b"\0\1" + q[12:] + b"\0\0\x29\0\0\0\0\0\0\xff\xff"]
for port in (53, 1011):
    for _ in range(3):
        for e in evil:
            u.sendto(e, ("127.0.0.11", port))
    for _ in range(20000):
        e = bytearray(r.choice(evil + [q]) or q)
        for _ in range(r.randrange(1, 9)):
            e[r.randrange(len(e))] = r.randrange(256)
        u.sendto(bytes(e[:r.randrange(1, 600)]), ("127.0.0.11", port))
held = []
for n in range(300):  # connections that say little, or lie about lengths
    try:
        s = socket.create_connection(("127.0.0.11", 53), 0.2)
        s.sendall(r.choice([b"", b"\0", b"\xff\xff" + q, b"\0\0", struct.pack("!H", len(q)) + q[:9], r.randbytes(90)]))
        held.append(s)
    except OSError:
        pass
'
    run_ok ask liar near +short
    output_is "$near"
    run_ok ask liar near +short +tcp
    output_is "$near"
    # A flood, while the resolver is killed again and again.
    skiff exec -d liar timeout 20 python3 -c 'import socket
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
q = b"\0\1\1\0\0\1\0\0\0\0\0\0\4near\0\0\1\0\1"
while True: u.sendto(q, ("127.0.0.11", 53))'
    for _ in 1 2 3; do
        until_true resolvers liar
        resolvers liar | xargs -r kill -9 || true
        run_ok ask near liar +short # the neighbour's own
        output_is "$(address_of liar liars)"
    done
    skiff exec liar pkill -x python3
    answers() { [ "$(ask liar near +short)" = "$near" ]; }
    until_true answers
    [ "$(resolvers liar | wc -l)" = 1 ]
    [ "$(skiff inspect -f '{{.State.Status}}' liar)" = running ]
}

@test "a container that was taken off its other networks asks nobody upstream any more" {
    skiff network create --internal secret >/dev/null
    with_upstream "$SKIFF" run -d --name leaks --network secret host sleep 600
    run_ok skiff network connect liars leaks
    run_ok ask leaks both.example +short
    output_is 192.0.2.9
    run_ok skiff network disconnect liars leaks
    run ask leaks leaks3.example
    output_lacks 192.0.2.9
    run asked
    output_has both.example
    output_lacks leaks3
    skiff_cleanup
    skiff network rm secret
}

@test "names that lie: one that is shared is shared openly, odd bytes are refused" {
    skiff run -d --name web --network liars --network-alias db host sleep 600
    skiff run -d --name liar --network liars --network-alias web --network-alias 172.0.0.1 --network-alias .. \
        --network-alias '*' --network-alias "$(printf 'a%.0s' {1..64})" host sleep 600
    skiff run -d --name near --network liars host sleep 600
    # As with Docker: both, the owner of the name among them.
    run_ok ask near web A +short
    [ "$(sort <<<"$output")" = "$(printf '%s\n' "$(address_of web liars)" "$(address_of liar liars)" | sort)" ]
    run_ok ask near db A +short
    output_is "$(address_of web liars)"
    run_ok ask near -x "$(address_of web liars)" +short
    output_has '^web\.'
    run ask near nobody A +short # no wildcard
    output_lacks "$(address_of liar liars)"
    for alias in '' ' ' 'a b' $'a\nname near' $'a\tb' $'\e[31m' $'a\x7f' $'\xff\xfe'; do
        run skiff run --rm --network liars --network-alias "$alias" host true
        [ "$status" -eq 125 ] || told "alias $alias"
        [ "${#lines[@]}" -eq 1 ] || told "alias $alias"
        output_lacks $'[\x01-\x1f\x7f]'
    done
    run_ok ask near near A +short
    output_is "$(address_of near liars)"
}

@test "--network host: nothing abstract of ours in /proc/net/unix (CVE-2020-15257)" {
    skiff run -d --name web -p 28742:80 web
    skiff run -d --name near --network host host python3 -c 'import socket, time
s = socket.socket(socket.AF_UNIX)
s.bind("\0honest-skiff-test")
s.listen()
time.sleep(600)'
    skiff exec web nslookup web || true # a resolver runs
    listens() { skiff exec near cat /proc/net/unix | grep -q @honest-skiff-test; }
    until_true listens
    before=$(skiff exec near cat /proc/net/unix | awk '$8 ~ /^@/ && $8 !~ /@honest/ { print $7 }' | sort)
    for pid in $(pgrep -x skiff) $(pgrep -x skiff-names); do
        for fd in /proc/"$pid"/fd/*; do
            inode=$(readlink "$fd" | sed -n 's/^socket:\[\(.*\)\]$/\1/p')
            [ -z "$inode" ] || ! grep -qx "$inode" <<<"$before" || told "process $pid has an abstract socket"
        done
    done
    # Those that are files are out of reach.
    run skiff exec near sh -c "ls $SKIFF_RUN_DIR"
    [ "$status" -ne 0 ]
}

@test "the server sees who asks, from a stranger, a neighbour, the host (CVE-2021-20199)" {
    skiff run -d --name web --network liars -p 28742:80 web
    skiff run -d --name near --network liars host sleep 600
    until_served 127.0.0.1 28742
    [ "$(asks 198.18.42.1 28742 on liars)" = 198.18.42.2 ]
    [ "$(asks '[fd18:42::1]' 28742 on liars)" = fd18:42::2 ]
    [ "$(asks 198.18.42.1 28742 skiff exec near)" = "$(address_of near liars)" ]
    [ "$(asks web 80 skiff exec near)" = "$(address_of near liars)" ] ||
        [ "$(asks web 80 skiff exec near)" = "$(field near liars GlobalIPv6Address)" ]
    # Nobody but the host comes as the gateway, so rules of the server for its own loopback hold.
    [ "$(who 127.0.0.1 28742)" = "$(field web liars Gateway)" ]
}

# --- files that are not ours --------------------------------------------------------------------

# spoilt FILE COMMAND...: the command, with each of many hostile contents in the file's place, ends, is not
# killed by a signal, and says at most a few lines without control characters.
spoilt()
{
    python3 - "$@" <<'EOP'
import json, os, random, subprocess, sys
path, command = sys.argv[1], sys.argv[2:]
good = open(path, "rb").read()
r = random.Random(11)
bad = [b"", b"\0", b"{", b"[]", b"null", b"{}", b"1e999", b"[" * 100000, b"\xff" * 100, b'{"a":' * 5000, good[:len(good) // 2],
       good + good, good.replace(b"172", b"999"), good.replace(b"172", b"0"), good.replace(b"/16", b"/33"), good.replace(b"/16", b"/-1"),
       good.replace(b"sk-", b"../"), good.replace(b"sk-", b"l\n\x1b"), good.replace(b"eth0", b"eth0" * 40), good.replace(b"name", b"port"),
       good.replace(b"true", b"\"x\""), good.replace(b"false", b"{}"), good.replace(b"Name", b"Nbme"), good.replace(b'"', b""),
       good + b"name " + b"a" * 70000 + b"\n", good + b"port 28742 tcp\n" * 5000, good.replace(b"02:42", b"zz:42")]
for _ in range(60):
    b = bytearray(good)
    for _ in range(r.randrange(1, 6)):
        b[r.randrange(len(b))] = r.randrange(256)
    bad.append(bytes(b))
def values(v, hostile):
    if isinstance(v, dict):
        for k in v:
            yield {**v, k: hostile}
            for w in values(v[k], hostile):
                yield {**v, k: w}
    elif isinstance(v, list) and v:
        for w in values(v[0], hostile):
            yield [w] + v[1:]
try:
    document = json.loads(good)
    for hostile in (None, -1, 1e300, "", "../../x", "a\nb\x1b[31m", "9" * 300, [], {}, [{}], {"a": None}, True):
        bad += [json.dumps(v).encode() for v in values(document, hostile)]
except ValueError:
    pass
bad = bad if len(bad) < 130 else bad[:90] + r.sample(bad[90:], 40)
wrong = 0
for content in bad:
    with open(path + ".spoilt", "wb") as f:
        f.write(content)
    os.rename(path + ".spoilt", path)
    for c in " ".join(command).split(" + "):
        p = subprocess.run(c.split(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        said = p.stderr
        if p.returncode < 0 or p.returncode >= 128 or said.count(b"\n") > 3 or any(x < 32 and x not in (10, 9) for x in said) or b"Sanitizer" in said:
            print(c, p.returncode, content[:300], said[:600])
            wrong += 1
with open(path + ".spoilt", "wb") as f:
    f.write(good)
os.rename(path + ".spoilt", path)
sys.exit(wrong > 0)
EOP
}

@test "a network's definition replaced by hostile content: errors of one line, and none dies" {
    skiff network create --ipv6 spoilt >/dev/null
    run_ok spoilt "$SKIFF_ROOT/networks/spoilt.json" \
        "$SKIFF network ls + $SKIFF network inspect spoilt + $SKIFF run --rm --network spoilt busybox true"
    output_is ''
    run_ok skiff run --rm --network spoilt busybox true
    skiff_cleanup
    skiff network rm spoilt
}

@test "an endpoint's file, a container's settings, the tables' handles: the same, and the resolver lives" {
    neighbours liars
    id=$(skiff network inspect -f '{{.Id}}' liars)
    run_ok spoilt "$SKIFF_RUN_DIR/networks/$id/$(address_of near liars)" \
        "$SKIFF network inspect liars + $SKIFF exec liar getent ahosts near"
    output_is ''
    run_ok spoilt "$SKIFF_RUN_DIR/containers/$(skiff inspect -f '{{.Id}}' near)/network.json" \
        "$SKIFF inspect near + $SKIFF ps + $SKIFF port near"
    output_is ''
    run_ok spoilt "$SKIFF_RUN_DIR/networks/tables" "$SKIFF ps -q"
    output_is ''
    run_ok ask liar near A +short
    output_is "$(address_of near liars)"
}

@test "what a container may send as is its address's, and ends with the network; its ports with it" {
    skiff network create --ipv6 --subnet 172.30.78.0/24 --subnet fd18:78::/64 ends >/dev/null
    mine() { nft list table bridge skiff | grep -E '172\.30\.78\.|fd18:78:'; }
    ports() { nft list table bridge skiff | grep -E '172\.30\.78\.[0-9]+ \. tcp'; }
    skiff run -d --name web --network ends --ip 172.30.78.9 -p 28744:80 web
    run_ok ports
    skiff rm -f web
    until_true none ports
    # What stays is of a link that is not there, and the same for whoever has the address next.
    run_ok mine
    stays=$output
    [ "${#lines[@]}" -eq 2 ]
    [ "$(grep -c '"sk-ac1e4e09" . 02:42:ac:1e:4e:09 ' <<<"$stays")" -eq 2 ]
    run -1 ip link show sk-ac1e4e09
    skiff run -d --name web --network ends --ip 172.30.78.9 web
    run_ok mine
    output_is "$stays"
    kill -9 "$(monitor_of web)"
    gone() { skiff ps -q | none grep -q .; }
    until_true gone
    run_ok mine
    output_is "$stays"
    skiff network rm ends
    run -1 mine
}

@test "who takes away his own cable publishes nothing of whom has the address next" {
    skiff run -d --name liar --network liars -p 28744:80 --cap-add NET_ADMIN host sleep 600
    address=$(address_of liar liars)
    skiff exec liar ip link del eth0
    skiff run -d --name web --network liars --ip "$address" -p 28745:80 web
    until_served 127.0.0.1 28745 # the honest
    [ -z "$(who 127.0.0.1 28744)" ]
    nft delete table inet skiff
    skiff ps -q
    until_served 127.0.0.1 28745
    [ -z "$(who 127.0.0.1 28744)" ]
    skiff rm -f liar
    [ -n "$(who 127.0.0.1 28745)" ]
    [ -n "$(asks 198.18.42.1 28745 on liars)" ]
}

@test "an IPv6 address that ends as the IPv4 one does, but is not its own, goes with who asked for it" {
    skiff network create --ipv6 --subnet 172.30.78.0/24 --subnet fd18:78::/64 ends >/dev/null
    mine() { nft list set bridge skiff senders6 | grep -F fd18:78::1:ac1e:4e09; }
    skiff run -d --name web --network ends --ip 172.30.78.9 --ip6 fd18:78::1:ac1e:4e09 web
    run_ok mine
    skiff rm -f web
    until_true none mine
    skiff run -d --name liar --network ends --ip 172.30.78.9 host sleep 600
    run -1 mine
    skiff rm -f liar
    skiff network rm ends
}

@test "who has an address next may not send as who took away his cable: hardware address, IPv6 address" {
    own=(--mac-address 02:42:77:77:77:77 --ip6 fd18:77::77)
    mine() { nft list table bridge skiff | grep -e 02:42:77:77:77:77 -e fd18:77::77; }
    skiff run -d --name near --network liars --cap-add NET_ADMIN "${own[@]}" host sleep 600
    run_ok mine
    address=$(address_of near liars) link=$(field near liars Link)
    output_has "$link"
    skiff exec near ip link del eth0
    skiff run -d --name liar --network liars --ip "$address" host sleep 600
    run -1 mine
    skiff rm -f near
    skiff run -d --name near --network liars "${own[@]}" host sleep 600
    run_ok mine
    output_lacks "$link"
}

@test "routed: who took away his cable closes nothing of whom has the address next" {
    skiff network create --subnet 172.30.79.0/24 --opt com.docker.network.bridge.gateway_mode_ipv4=routed routed >/dev/null
    open() { nft list set inet skiff direct4 | grep -F "172.30.79.9 . tcp . 80"; }
    for end in 'rm -f liar' 'network disconnect routed liar' 'port rm liar 80'; do
        skiff run -d --name liar --network routed --ip 172.30.79.9 -p 80 --cap-add NET_ADMIN host sleep 600
        run_ok open
        skiff exec liar ip link del eth0
        skiff run -d --name web --network routed --ip 172.30.79.9 web
        run -1 open
        skiff rm -f web
        skiff run -d --name web --network routed --ip 172.30.79.9 -p 80 web
        # shellcheck disable=SC2086 # several words
        run skiff $end # the last is told that it is nowhere
        run_ok open
        skiff rm -f web liar
        until_true none open
    done
    skiff network rm routed
}

@test "routed: what is for 127.0.0.1 alone is refused, and nothing is open on the network that is left" {
    skiff network create --subnet 172.30.79.0/24 --opt com.docker.network.bridge.gateway_mode_ipv4=routed routed >/dev/null
    open() { nft list set inet skiff direct4 | grep -F "$1 . tcp . 80"; }
    run_fails 'cannot publish port 80 on 127.0.0.1 alone: network routed is routed' \
        skiff run --rm --network routed -p 127.0.0.1:28744:80 host true
    skiff run -d --name web --network name=routed,gw-priority=1 --network liars -p 28744:80 web
    run_ok open "$(address_of web routed)"
    skiff network disconnect routed web
    near=$(address_of web liars)
    run -1 open "$near"
    nft delete table inet skiff
    run_ok skiff ps -q
    run -1 open "$near"
    skiff network connect --gw-priority 1 routed web
    run_ok open "$(address_of web routed)"
    skiff rm -f web
    until_true none open "172.30.79.2"
    skiff network rm routed
}

@test "an ICMP error about somebody else's connection leads nobody out of an internal network, nor into it" {
    skiff network create --internal --subnet 172.30.80.0/24 inside >/dev/null
    skiff run -d --name liar --network inside -v "$FRAMES:/frames.py:ro" host sleep 600
    address=$(address_of liar inside)
    # Both have a connection with the host, which the errors are about.
    on liars python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 5353)); s.sendto(b"x", ("198.18.42.1", 5353))'
    skiff exec liar python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 5353)); s.sendto(b"x", ("172.30.80.1", 5353))'
    cat >"$skiff_folder/errors.py" <<'END'
import sys, socket, struct
from frames import ip4, udp, total
link, to, me, other = sys.argv[1:5]
inner = ip4(other, sys.argv[5], 17, udp(other, sys.argv[5], 5353, 5353, b"x"))
body = struct.pack("!BBHI", 3, 3, 0, 0) + inner
packet = ip4(me, other, 1, body[:2] + struct.pack("!H", total(body)) + body[4:])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((link, 0))
s.send(bytes.fromhex(to.replace(":", "")) + s.getsockname()[4] + b"\x08\x00" + packet)
END
    skiff cp "$skiff_folder/errors.py" liar:/errors.py
    counted() { nft list table inet icmp_seen | grep -c "counter packets [1-9]"; }
    nft -f - <<END
table inet icmp_seen {
    chain forward {
        type filter hook forward priority 10
        ip saddr $address ip daddr 198.18.42.2 counter
        ip saddr 198.18.42.2 ip daddr $address counter
    }
}
END
    skiff exec liar env PYTHONPATH=/ python3 /errors.py eth0 "$(mac_of "$(bridge_of inside)")" "$address" 198.18.42.2 198.18.42.1
    on liars env PYTHONPATH="$skiff_folder" python3 "$skiff_folder/errors.py" eth0 "$(mac_of skt42)" 198.18.42.2 "$address" 172.30.80.1
    run counted
    nft delete table inet icmp_seen
    output_is 0
    skiff rm -f liar
    skiff network rm inside
}

# flow FROM_PORT TO PORT: sends one datagram, and says what is answered within a second.
flow()
{
    echo "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', $1)); s.settimeout(1)
s.sendto(b'x', ('$2', $3))
try: print(s.recv(9).decode())
except OSError: print('nothing')"
}

# answers PORT: to each datagram once.
answers()
{
    echo "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', $1))
while True: s.sendto(b'heard', s.recvfrom(9)[1])"
}

@test "routed: a flow of UDP ends with the port that it came by" {
    skiff network create --subnet 172.30.79.0/24 --opt com.docker.network.bridge.gateway_mode_ipv4=routed routed >/dev/null
    ask() { on liars python3 -c "$(flow 5555 172.30.79.9 5556)"; }
    heard() { [ "$(ask)" = heard ]; }
    skiff run -d --name near --network routed --ip 172.30.79.9 -p 5556/udp host python3 -c "$(answers 5556)"
    until_true heard
    skiff rm -f near
    skiff run -d --name near --network routed --ip 172.30.79.9 host python3 -c "$(answers 5556)"
    until_true skiff exec near sh -c "ss -lun | grep -q :5556"
    run_ok ask
    output_is nothing
    skiff rm -f near
    skiff network rm routed
}

@test "no flow of a network that is gone leads out of an internal one of the same range" {
    on liars python3 -c "$(answers 5557)" 3>&- &
    taker=$!
    again() { skiff exec liar python3 -c "$(flow 5557 198.18.42.2 5557)"; }
    heard() { [ "$(again)" = heard ]; }
    made() { # [OPTION...]
        skiff network create --subnet 172.30.80.0/24 "$@" inside >/dev/null
        skiff run -d --name liar --network inside --cap-add NET_ADMIN --ip 172.30.80.9 host sleep 600
        skiff exec liar ip route replace default via 172.30.80.1
    }
    made
    until_true heard
    skiff rm -f liar
    skiff network rm inside
    made --internal
    run_ok again
    output_is nothing
    skiff rm -f liar
    skiff network rm inside
}

@test "a bridge that cannot come back keeps its own network's containers from starting, and no others" {
    skiff network create --subnet 172.30.83.0/24 lost >/dev/null
    skiff run -d --name near --network lost host sleep 600
    ip link del "$(bridge_of lost)"
    ip addr add 172.30.83.77/24 dev skt42
    run_ok skiff run --rm --network liars host true
    run_fails 'Pool overlaps' skiff run --rm --network lost host true
    run skiff ps -q
    output_has 'cannot put back the bridge'
    ip addr del 172.30.83.77/24 dev skt42
    run_ok skiff run --rm --network lost host ping -q -c 1 -W 2 near
    skiff rm -f near
    skiff network rm lost
}

@test "routed: a port that is open to nobody's address is seen by system check, and that alone is closed" {
    skiff network create --subnet 172.30.79.0/24 --opt com.docker.network.bridge.gateway_mode_ipv4=routed routed >/dev/null
    skiff run -d --name web --network routed --ip 172.30.79.9 -p 80 web
    nft add element inet skiff direct4 '{ 172.30.79.9 . tcp . 81, 172.30.79.10 . tcp . 80 }'
    run skiff system check
    output_has '172\.30\.79\.9:81/tcp.*does not publish it'
    output_has '172\.30\.79\.10:80/tcp.*nobody has'
    output_lacks '172\.30\.79\.9:80/'
    skiff system check --repair || true
    open() { nft list set inet skiff direct4 | grep -F "172.30.79."; }
    run_ok open
    output_has '172.30.79.9 . tcp . 80'
    output_lacks '81|172.30.79.10'
    skiff rm -f web
    skiff network rm routed
}

other() # ARGUMENT...: of another root
{
    SKIFF_ROOT=$skiff_folder/root2 SKIFF_RUN_DIR=$skiff_folder/run2 skiff "$@"
}

@test "who removes a network whose range is another root's by now takes nothing away from that one" {
    skiff network create --subnet 172.30.84.0/24 lost >/dev/null
    ip link del "$(bridge_of lost)"
    other network create --subnet 172.30.84.0/24 found >/dev/null
    other run -d --name far --network found host sleep 600
    asks_out() { other exec far ping -q -c 1 -W 2 198.18.42.2; }
    run_ok asks_out
    run_ok skiff network rm lost
    run_ok asks_out
    run_ok nft list set inet skiff nat4
    output_has '172\.30\.84\.0/24'
    other rm -f far
    other network rm found
    run nft list set inet skiff nat4
    output_lacks '172\.30\.84\.0/24'
}

# --- the end of a monitor -----------------------------------------------------------------------

@test "monitors killed at random: the port is the next one's, whoever that is" {
    for i in 1 2 3 4 5 6; do
        skiff run -d --name web --network liars -p 28742:80 -p 127.0.0.1:28743:80 web >/dev/null &
        begun=$!
        # In the middle of its start, or later.
        monitor=
        for _ in {1..200}; do
            monitor=$(pgrep -f "$SKIFF run -d --name web --network liars -p 28742:80" | grep -vx "$begun" | head -n 1) || true
            [ -z "$monitor" ] || break
        done
        sleep "0.0$((RANDOM % 10))$((i % 3 * 7))"
        [ -z "$monitor" ] || kill -9 "$monitor" 2>/dev/null || true
        wait "$begun" || true
        skiff rm -f web >/dev/null 2>&1 || true
        # A process of the host: its port is its own, from the host and from elsewhere.
        python3 -c 'import http.server, socket
class Host(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[host]\n")
    def log_message(self, *_): pass
http.server.HTTPServer(("0.0.0.0", 28742), Host).serve_forever()' >/dev/null 2>&1 3>&- &
        taker=$!
        until_served 127.0.0.1 28742
        [ "$(who 127.0.0.1 28742)" = host ]
        [ "$(asks 198.18.42.1 28742 on liars)" = host ]
        kill "$taker"
        wait "$taker" || true
        taker=
    done
    # Nothing of them stands in the way, or in the tables.
    run_ok skiff run -d --name web --network liars -p 28742:80 web
    until_served 127.0.0.1 28742
    [ "$(asks 198.18.42.1 28742 on liars)" = 198.18.42.2 ]
    skiff_cleanup
    skiff ps -q
    run nft list map inet skiff any4
    output_lacks ' 28742 '
    run nft list map inet skiff ports4
    output_lacks ' 28743 '
    run ls -A "$SKIFF_RUN_DIR/networks/$(skiff network inspect -f '{{.Id}}' liars)"
    output_is ''
}
