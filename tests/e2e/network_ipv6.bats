# IPv6 as an equal: networks that have nothing else, ports in both families, and who answers from where.
load ../lib/common
load ../lib/network
# shellcheck disable=SC2154 # skiff_setup sets skiff_folder

setup_file()
{
    require_root
    require_command curl jq ip dig nft
    needs_skiff "other bridges"
    skiff_setup
    import_busybox
    server_image
    net_host six 62
}

teardown_file()
{
    net_hosts_end
    skiff_teardown
}

teardown()
{
    skiff_cleanup
    skiff network ls -qf type=custom | xargs -r "$SKIFF" network rm >/dev/null
}

runs()
{
    skiff run -d --name "$1" "${@:2}" host sleep 1000 >/dev/null
}

six_of() # CONTAINER NETWORK
{
    skiff inspect "$1" | jq -r --arg n "$2" '.[0].NetworkSettings.Networks[$n].GlobalIPv6Address'
}

reaches() # CONTAINER ADDRESS
{
    skiff exec "$1" ping -n -c 1 -W 2 "$2" >/dev/null 2>&1
}

no()
{
    ! "$@"
}

# echoes NAME PORT OPTION...: a server of UDP on both families that says who asked.
echoes()
{
    skiff run -d --name "$1" "${@:3}" host python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", int(sys.argv[1])))
print("ready", flush=True)
while True:
    text, who = s.recvfrom(100)
    s.sendto(who[0].removeprefix("::ffff:").encode(), who)' "$2" >/dev/null
    # shellcheck disable=SC2317 # until_true calls it
    is_ready() { skiff logs "$echo_name" | grep -q ready; }
    echo_name=$1
    until_true is_ready
}

# echoed ADDRESS PORT [COMMAND...]: what it answers. A socket that is connected takes no answer from
# elsewhere than where it asked.
echoed()
{
    "${@:3}" python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
s.connect((sys.argv[1], int(sys.argv[2])))
for i in range(10):
    try:
        s.send(b"hello")
        print(s.recv(100).decode())
        break
    except OSError:
        pass' "$1" "$2"
}

@test "a network of IPv6 alone: addresses, names, the way out, and no IPv4 anywhere" {
    run_ok skiff network create --ipv4=false --ipv6 --subnet fd62:1::/64 only
    runs web --network only --network-alias front
    runs asker --network only
    web=$(six_of web only)
    [ "$web" = fd62:1::2 ]
    [ "$(address_of web only)" = "" ]
    run_ok skiff exec asker ip -4 -o addr show eth0
    output_is ''
    run_ok skiff exec asker ip -6 route show default
    output_has 'via fd62:1::1 '
    run_ok ip -4 addr show dev "sk-$(skiff network inspect -f '{{slice .Id 0 10}}' only)"
    output_is ''
    for name in web front "$(skiff inspect -f '{{slice .Id 0 12}}' web)" web.only; do
        run_ok skiff exec asker dig +tries=1 +short "$name" AAAA
        output_is "$web"
    done
    run_ok skiff exec asker dig +tries=1 web A
    output_has 'status: NOERROR'
    output_has 'ANSWER: 0'
    run_ok skiff exec asker dig +short -x "$web"
    output_is web.only.
    reaches asker web
    # By the host's address to the world.
    reaches asker fd18:62::2
    run_ok skiff exec web cat /etc/hosts
    output_has "$web"
    run_ok skiff network inspect -f '{{.EnableIPv4}} {{range .Containers}}{{.Name}} {{.IPv4Address}}{{.IPv6Address}} {{end}}' only
    output_has '^false '
    output_has "web $web/64"
    run_ok skiff rename web other
    run_ok skiff exec asker dig +tries=1 +short other AAAA
    output_is "$web"
    run_ok skiff restart -t 0 other
    run_ok skiff exec asker dig +tries=1 +short other AAAA
    output_is "$(six_of other only)"
}

@test "IPv6 alone: a range by chance, --ip6, a part of the range, reserved, taken, exhausted" {
    run_ok skiff network create --ipv4=false --ipv6 any
    run_ok skiff network inspect -f '{{json .IPAM.Config}}' any
    output_has '^\[\{"Subnet":"fd[0-9a-f:]+::/64","Gateway":"fd[0-9a-f:]+::1"\}\]$'
    run_ok skiff network create --ipv4=false --ipv6 --subnet fd62:2::/64 --ip-range fd62:2::40/125 \
        --aux-address router=fd62:2::41 only
    runs first --network only
    [ "$(six_of first only)" = fd62:2::40 ]
    runs second --network only
    [ "$(six_of second only)" = fd62:2::42 ]
    runs fixed --network only --ip6 fd62:2::7777
    [ "$(six_of fixed only)" = fd62:2::7777 ]
    run_status 125 skiff run --rm --network only --ip6 fd62:2::7777 busybox true
    output_has 'fd62:2::7777'
    output_has "fixed|$(skiff inspect -f '{{slice .Id 0 12}}' fixed)"
    run_status 125 skiff run --rm --network only --ip6 fd62:2::1 busybox true
    output_has gateway
    for i in 3 4 5 6 7; do skiff run -d --name "n$i" --network only busybox sleep 1000 >/dev/null; done
    run_status 125 skiff run --rm --network only busybox true
    output_has 'fd62:2::40/125.* taken'
    skiff rm -f n5 >/dev/null
    run_ok skiff run --rm --network only busybox true
    run_fails 'IPv4 or IPv6 must be enabled' skiff network create --ipv4=false none4
    run_fails 'IPv4 has not been enabled' skiff network create --ipv4=false --ipv6 --subnet 10.62.0.0/24 none4
    run_status 125 skiff run --rm --network only --ip 10.62.0.2 busybox true
    output_has '10\.62\.0\.2'
}

@test "IPv6 beside IPv4: a part of either range, and one that is exhausted" {
    run_ok skiff network create --ipv6 --subnet 10.62.3.0/24 --ip-range 10.62.3.64/30 \
        --subnet fd62:3::/64 --ip-range fd62:3::a00/120 both
    for i in 1 2 3 4; do runs "n$i" --network both; done
    for i in 1 2 3 4; do
        [[ $(address_of "n$i" both) =~ ^10\.62\.3\.6[4-7]$ ]]
        [[ $(six_of "n$i" both) =~ ^fd62:3::a[0-9a-f]{2}$ ]]
    done
    [ "$(for i in 1 2 3 4; do six_of "n$i" both; done | sort -u | wc -l)" -eq 4 ]
    run_status 125 skiff run --rm --network both busybox true
    output_has '10\.62\.3\.64/30'
}

@test "published ports of a network of IPv6 alone" {
    skiff network create --ipv4=false --ipv6 --subnet fd62:4::/64 only >/dev/null
    run_ok skiff run -d --name web --network only -p 18062:80 web
    run_ok skiff port web
    output_is '80/tcp -> [::]:18062'
    until_served '[fd18:62::1]' 18062
    [ "$(asks '[fd18:62::1]' 18062 on six)" = fd18:62::2 ]
    [ -z "$(asks "[$(six_of web only)]" 80 on six)" ]
    runs asks --network only
    [ "$(asks '[fd18:62::1]' 18062 skiff exec asks)" = "$(six_of asks only)" ]
    run_ok skiff network graph
    output_has "web  $(six_of web only)  \[::\]:18062->80/tcp"
    run_ok skiff network graph --format dot
    output_has 'label="only\\nfd62:4::/64"'
    output_has "label=\"$(six_of web only)\\\\n\[::\]:18062->80/tcp\""
    run_ok skiff network inspect -f '{{range .Containers}}{{.Name}} {{.IPv6Address}} {{range .Ports}}{{.IP}} {{.PublicPort}} {{.PrivatePort}} {{.Type}};{{end}} {{end}}' only
    output_has "web $(six_of web only)/64 :: 18062 80 tcp;"
    run_status 125 skiff run --rm --network only -p 127.0.0.1:18063:80 busybox true
    output_has 'has IPv4 and a way out'
    run_ok skiff port add web 18063:80
    until_served '[fd18:62::1]' 18063
    run_ok skiff port rm web 18062:80
    [ -z "$(who '[fd18:62::1]' 18062)" ]
    [ -n "$(who '[fd18:62::1]' 18063)" ]
    nft delete table inet skiff
    run_ok skiff ps -q
    until_served '[fd18:62::1]' 18063
    skiff rm -f web >/dev/null
    run nft list map inet skiff any6
    output_lacks ' 1806[23] '
}

@test "-p in every form of an address" {
    skiff network create --ipv6 --subnet 10.62.5.0/24 --subnet fd62:5::/64 both >/dev/null
    run_ok skiff run -d --name web --network both -p '[::]:18064:80' -p 0.0.0.0:18065:80 \
        -p '[fd18:62::1]:18066:80' -p 198.18.62.1:18067:80 -p '[fd18:62::1]:18070-18071:81-82' web
    run_ok skiff port web
    [ "$(sort <<<"$output")" = "$(sort <<'EOT'
80/tcp -> [::]:18064
80/tcp -> 0.0.0.0:18065
80/tcp -> [fd18:62::1]:18066
80/tcp -> 198.18.62.1:18067
81/tcp -> [fd18:62::1]:18070
82/tcp -> [fd18:62::1]:18071
EOT
)" ]
    until_served '[fd18:62::1]' 18064
    [ "$(asks '[fd18:62::1]' 18064 on six)" = fd18:62::2 ]
    [ -z "$(asks 198.18.62.1 18064 on six)" ]
    [ "$(asks 198.18.62.1 18065 on six)" = 198.18.62.2 ]
    [ -z "$(asks '[fd18:62::1]' 18065 on six)" ]
    [ "$(asks '[fd18:62::1]' 18066 on six)" = fd18:62::2 ]
    [ "$(asks 198.18.62.1 18067 on six)" = 198.18.62.2 ]
    # What the kernel cannot do is said, and nothing is left of it.
    run_status 125 skiff run --rm --network both -p '[::1]:18068:80' busybox true
    output_has 'cannot publish port 80 on \[::1\]: the kernel '
    [ "${#lines[@]}" -eq 1 ]
    run_fails 'cannot publish port 81 on \[::1\]' skiff port add web '[::1]:18068:81'
    run_status 125 skiff run --rm -p '[::]:18068:80' busybox true
    output_has 'has IPv6 and a way out'
    run_status 125 skiff run --rm --network both -p '[2001:db8::7]:18068:80' busybox true
    output_has 'no address of this host'
    run_status 125 skiff run --rm --network both -p '[fd18:62::1]:18066:80' busybox true
    output_has 'published by container "web"'
}

@test "ports and ways out of two networks, one for each family" {
    skiff network create --subnet 10.62.6.0/24 alpha >/dev/null
    skiff network create --ipv4=false --ipv6 --subnet fd62:6::/64 beta >/dev/null
    run_ok skiff run -d --name web --network alpha --network beta -p 18072:80 web
    until_served 198.18.62.1 18072
    [ "$(asks 198.18.62.1 18072 on six)" = 198.18.62.2 ]
    [ "$(asks '[fd18:62::1]' 18072 on six)" = fd18:62::2 ]
    # One goes, and its ports lead nowhere: not to whoever has the address next.
    six=$(six_of web beta)
    run_ok skiff network disconnect beta web
    [ "$(asks 198.18.62.1 18072 on six)" = 198.18.62.2 ]
    run_ok skiff run -d --name next --network beta --ip6 "$six" web
    [ -z "$(asks '[fd18:62::1]' 18072 on six)" ]
    four=$(address_of web alpha)
    run_ok skiff network disconnect alpha web
    run_ok skiff run -d --name nextfour --network alpha --ip "$four" web
    [ -z "$(asks 198.18.62.1 18072 on six)" ]
    run_ok skiff network connect beta web
    [ "$(asks '[fd18:62::1]' 18072 on six)" = fd18:62::2 ]
    run_ok skiff network connect alpha web
    until_served 198.18.62.1 18072
    skiff rm -f web next nextfour >/dev/null
    for map in any4 any6; do
        run nft list map inet skiff $map
        output_lacks ' 18072 '
    done
}

@test "UDP: answers come from where it was asked, in both families, hairpin too" {
    skiff network create --ipv6 --subnet 10.62.7.0/24 --subnet fd62:7::/64 both >/dev/null
    echoes echo 53 --network both -p 18073:53/udp
    runs asks --network both
    [ "$(echoed 198.18.62.1 18073 on six)" = 198.18.62.2 ]
    [ "$(echoed fd18:62::1 18073 on six)" = fd18:62::2 ]
    [ "$(echoed 198.18.62.1 18073)" = 198.18.62.1 ]
    [ "$(echoed fd18:62::1 18073)" = fd18:62::1 ]
    [ "$(echoed 127.0.0.1 18073)" = 10.62.7.1 ]
    [ "$(echoed 198.18.62.1 18073 skiff exec asks)" = "$(address_of asks both)" ]
    [ "$(echoed fd18:62::1 18073 skiff exec asks)" = "$(six_of asks both)" ]
    # The server itself, by the host's address.
    [ "$(echoed 198.18.62.1 18073 skiff exec echo)" = 10.62.7.1 ]
    [ "$(echoed fd18:62::1 18073 skiff exec echo)" = fd62:7::1 ]
}

@test "host-gateway is the host, in the families that there are" {
    skiff network create --ipv6 --subnet 10.62.8.0/24 --subnet fd62:8::/64 both >/dev/null
    skiff network create --ipv4=false --ipv6 --subnet fd62:9::/64 only >/dev/null
    skiff network create --internal closed >/dev/null
    run_ok skiff run --rm --network both --add-host up:host-gateway busybox grep up /etc/hosts
    output_is $'10.62.8.1\tup\nfd62:8::1\tup'
    run_ok skiff run --rm --network only --add-host up:host-gateway busybox grep up /etc/hosts
    output_is $'fd62:9::1\tup'
    run_status 1 skiff run --rm --network closed --add-host up:host-gateway busybox grep up /etc/hosts
}

@test "NAT66, and each family as it is told" {
    skiff network create --ipv6 --subnet 10.62.10.0/24 --subnet fd62:10::/64 nat >/dev/null
    skiff network create --ipv6 --subnet 10.62.11.0/24 --subnet fd62:11::/64 \
        -o com.docker.network.bridge.gateway_mode_ipv6=routed six >/dev/null
    skiff network create --ipv6 --subnet 10.62.12.0/24 --subnet fd62:12::/64 \
        -o com.docker.network.bridge.enable_ip_masquerade=false plain >/dev/null
    # Who the stranger sees.
    on six python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("::", 9062))
print("ready", flush=True)
while True: print(s.recvfrom(99)[1][0].removeprefix("::ffff:"), flush=True)' >"$BATS_TEST_TMPDIR/seen" 2>&1 3>&- &
    until_true file_has "$BATS_TEST_TMPDIR/seen" ready
    for network in nat six plain; do
        skiff run --rm --network "$network" host python3 -c 'import socket
for family, to in ((socket.AF_INET, "198.18.62.2"), (socket.AF_INET6, "fd18:62::2")):
    s = socket.socket(family, socket.SOCK_DGRAM)
    for i in range(3): s.sendto(b"x", (to, 9062))'
    done
    until_true file_has "$BATS_TEST_TMPDIR/seen" '^fd62:12'
    [ "$(sed 1d "$BATS_TEST_TMPDIR/seen" | uniq | sed -E 's/^(10\.62\...|fd62:..)[.:].*/\1/')" = "198.18.62.1
fd18:62::1
198.18.62.1
fd62:11
10.62.12
fd62:12" ]
}

@test "routed: published ports at the container's own address, echoes, and nothing else; nat-unprotected: all" {
    option() { echo "com.docker.network.bridge.gateway_mode_ipv$1=$2"; }
    skiff network create --ipv6 --subnet 10.62.26.0/24 --subnet fd62:26::/64 -o "$(option 6 routed)" six >/dev/null
    run_ok skiff run -d --name web --network six -p 18079:80 web
    run_ok skiff port web
    [ "$(sort <<<"$output")" = $'80/tcp -> 0.0.0.0:18079\n80/tcp -> [::]:' ]
    until_served 127.0.0.1 18079
    six=$(six_of web six) four=$(address_of web six)
    [ "$(asks "[$six]" 80 on six)" = fd18:62::2 ]
    [ -z "$(asks '[fd18:62::1]' 18079 on six)" ]
    [ -z "$(asks "$four" 80 on six)" ]
    [ "$(asks 198.18.62.1 18079 on six)" = 198.18.62.2 ]
    skiff exec -d web httpd -f -p 81 -h /www
    until_served "[$six]" 81
    [ -z "$(asks "[$six]" 81 on six)" ]
    on six ping -n -c 1 -W 2 "$six"
    no on six ping -n -c 1 -W 1 "$four"
    # Other networks' containers are strangers like any.
    runs asks
    [ -z "$(asks "$four" 80 skiff exec asks)" ]
    run_ok skiff port add web 18080:81
    [ "$(asks "[$six]" 81 on six)" = fd18:62::2 ]
    nft delete table inet skiff
    run_ok skiff ps -q
    [ "$(asks "[$six]" 81 on six)" = fd18:62::2 ]
    run_ok skiff port rm web 18080:81
    [ -z "$(asks "[$six]" 81 on six)" ]
    [ "$(asks "[$six]" 80 on six)" = fd18:62::2 ]
    # Two may have the same port: it is each one's own.
    run_ok skiff run -d --name other --network six -p '[::]:18079:80' web
    until_served "[$(six_of other six)]" 80
    [ "$(asks "[$(six_of other six)]" 80 on six)" = fd18:62::2 ]
    skiff rm -f web other >/dev/null
    run nft list set inet skiff direct6
    output_lacks 'fd62:26'
    skiff network create --ipv6 --subnet 10.62.27.0/24 --subnet fd62:27::/64 -o "$(option 4 nat-unprotected)" open >/dev/null
    skiff run -d --name web --network open web >/dev/null
    until_served "$(address_of web open)" 80
    [ "$(asks "$(address_of web open)" 80 on six)" = 198.18.62.2 ]
    [ -z "$(asks "[$(six_of web open)]" 80 on six)" ]
    # Not so an internal one.
    skiff network create --internal --ipv6 --subnet 10.62.28.0/24 --subnet fd62:28::/64 \
        -o "$(option 4 nat-unprotected)" -o "$(option 6 routed)" closed >/dev/null
    skiff run -d --name shut --network closed web >/dev/null
    until_served "$(address_of shut closed)" 80
    [ -z "$(asks "$(address_of shut closed)" 80 on six)" ]
    [ -z "$(asks "[$(six_of shut closed)]" 80 on six)" ]
    run_fails 'isolated is not supported' skiff network create -o "$(option 4 isolated)" bad
}

@test "host_binding_ipv4: where ports are published that name no address" {
    skiff network create --subnet 10.62.13.0/24 -o com.docker.network.bridge.host_binding_ipv4=127.0.0.1 home >/dev/null
    run_ok skiff run -d --name web --network home -p 18074:80 -p 198.18.62.1:18075:80 web
    run_ok skiff port web
    output_has '127\.0\.0\.1:18074'
    output_has '198\.18\.62\.1:18075'
    until_served 127.0.0.1 18074
    [ -z "$(asks 198.18.62.1 18074 on six)" ]
    [ -n "$(asks 198.18.62.1 18075 on six)" ]
    run_fails 'host_binding_ipv4' skiff network create -o com.docker.network.bridge.host_binding_ipv4=::1 bad
}

@test "walls, in both families: networks, containers that are kept apart, internal ones" {
    skiff network create --ipv6 --subnet 10.62.21.0/24 --subnet fd62:21::/64 alpha >/dev/null
    skiff network create --ipv6 --subnet 10.62.22.0/24 --subnet fd62:22::/64 beta >/dev/null
    skiff network create --ipv6 --subnet 10.62.23.0/24 --subnet fd62:23::/64 \
        -o com.docker.network.bridge.enable_icc=false apart >/dev/null
    skiff network create --internal --ipv6 --subnet 10.62.24.0/24 --subnet fd62:24::/64 closed >/dev/null
    runs aa --network alpha
    skiff run -d --name bb --network beta -p 127.0.0.1:18076:80 web >/dev/null
    until_served 127.0.0.1 18076
    # Each family by itself, and the other way round.
    for address in "$(address_of bb beta)" "$(six_of bb beta)"; do no reaches aa "$address"; done
    for address in "[$(six_of bb beta)]" "$(address_of bb beta)"; do
        [ -z "$(asks "$address" 80 skiff exec aa)" ]
        [ -z "$(asks "$address" 80 on six)" ]
        until_served "$address"
    done
    # Nor by the address that another network's bridge has, published or not.
    for address in 10.62.22.1 '[fd62:22::1]' 198.18.62.1 '[fd18:62::1]'; do
        [ -z "$(asks "$address" 18076 skiff exec aa)" ]
        [ -z "$(asks "$address" 18076 on six)" ]
    done
    for address in 198.18.62.2 fd18:62::2; do reaches aa $address; done
    runs one --network apart
    runs two --network apart
    no reaches one "$(address_of two apart)"
    no reaches one "$(six_of two apart)"
    for address in 198.18.62.2 fd18:62::2; do reaches one $address; done
    runs inner --network closed
    runs peer --network closed
    reaches inner "$(six_of peer closed)"
    reaches inner "$(address_of peer closed)"
    for address in 198.18.62.2 fd18:62::2 "$(address_of aa alpha)" "$(six_of aa alpha)"; do no reaches inner "$address"; done
    for address in "$(address_of inner closed)" "$(six_of inner closed)"; do no reaches aa "$address"; done
    for family in 4 6; do
        run_ok skiff exec inner ip -$family route show default
        output_is ''
    done
    # Even with a way of its own making.
    runs maker --network closed --cap-add NET_ADMIN
    skiff exec maker ip route add default via 10.62.24.1
    skiff exec maker ip -6 route add default via fd62:24::1
    for address in 198.18.62.2 fd18:62::2 "$(address_of aa alpha)" "$(six_of aa alpha)"; do no reaches maker "$address"; done
}

@test "ping of either family without a capability of one's own" {
    skiff network create --ipv6 --subnet 10.62.25.0/24 --subnet fd62:25::/64 both >/dev/null
    for address in 10.62.25.1 fd62:25::1; do
        run_ok skiff run --rm --network both host ping -c 1 -W 2 $address
    done
}

@test "a range that is a network's is given to no other, though its link is gone: to the default bridge neither" {
    # On a host of its own, which has no bridge yet; with the control groups of this one.
    there() { nsenter --net=/run/netns/skt-six "$@"; }
    range() { there "$SKIFF" network inspect -f '{{(index .IPAM.Config 0).Subnet}}' "$1"; }
    run_ok there "$SKIFF" network create first
    first=$(range first)
    run_ok there "$SKIFF" network create -d macvlan -o parent=eth0 second
    second=$(range second)
    there ip link del "sk-$(skiff network inspect -f '{{slice .Id 0 10}}' first)"
    run_ok there "$SKIFF" run --rm busybox ip -4 -o addr show eth0
    [ "$first" = 172.17.0.0/16 ]
    [ "$second" = 172.18.0.0/16 ]
    output_has ' 172\.19\.'
    run_ok there "$SKIFF" network create third
    [ "$(range third)" = 172.20.0.0/16 ]
    run_ok there "$SKIFF" run --rm --network first busybox ip -4 -o addr show eth0
    output_has ' 172\.17\.'
    # Another root on the same machine sees what the kernel has, and says who was faster.
    there ip link del "sk-$(skiff network inspect -f '{{slice .Id 0 10}}' first)"
    other() { there "$SKIFF" --root "$skiff_folder/other/root" --run-dir "$skiff_folder/other/run" "$@"; }
    run_ok other network create --subnet "$first" thief
    run_status 125 there "$SKIFF" run --rm --network first busybox true
    output_has 'Pool overlaps with other one on this address space: 172\.17\.0\.0/16 is wanted, and "sk-'
    run_ok other network rm thief
    run_ok there "$SKIFF" run --rm --network first busybox true
    there "$SKIFF" network rm first second third >/dev/null
}

@test "a port that a process of the host has, of either family, and one that is free in only one" {
    skiff network create --ipv6 --subnet 10.62.30.0/24 --subnet fd62:30::/64 both >/dev/null
    python3 -c 'import socket, time
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.bind(("::", 18082))
s.listen()
print("ready", flush=True)
time.sleep(600)' >"$BATS_TEST_TMPDIR/taker" 3>&- &
    taker=$!
    until_true file_has "$BATS_TEST_TMPDIR/taker" ready
    run_status 125 skiff run --rm --network both -p '[::]:18082:80' busybox true
    output_has '18082'
    output_has 'python3'
    # Both or none.
    run_status 125 skiff run --rm --network both -p 18082:80 busybox true
    output_has 'python3'
    run nft list map inet skiff any4
    output_lacks ' 18082 '
    run_ok skiff run --rm --network both -p 0.0.0.0:18082:80 busybox true
    # Of a range the next that is free in both.
    run_ok skiff run -d --name web --network both -p 18082-18084:80 web
    run_ok skiff port web 80
    [ "$(sort <<<"$output")" = $'0.0.0.0:18083\n[::]:18083' ]
    kill $taker
    wait $taker || true
    run_ok skiff run --rm --network both -p 18082:80 busybox true
}

@test "macvlan: whom links of one parent reach, by its modes; a part of the range; refusals" {
    ip link del sktmm 2>/dev/null || true
    ip link add sktmm type veth peer name sktmmp
    ip link set sktmm up
    ip link set sktmmp up
    for mode in bridge private; do
        skiff network create -d macvlan --ipv6 --subnet 10.62.31.0/24 --ip-range 10.62.31.64/30 --aux-address r=10.62.31.65 \
            --subnet fd62:31::/64 -o parent=sktmm -o macvlan_mode=$mode mac >/dev/null
        runs one --network mac
        runs two --network mac
        [ "$(address_of one mac) $(address_of two mac)" = '10.62.31.64 10.62.31.66' ]
        run_ok skiff exec one ip -d link show eth0
        output_has "macvlan mode $mode"
        for address in "$(address_of two mac)" "$(six_of two mac)"; do
            if [ $mode = bridge ]; then reaches one "$address"; else no reaches one "$address"; fi
        done
        run_status 125 skiff run --rm --network mac --ip 10.62.31.66 busybox true
        output_has '10\.62\.31\.66'
        run_ok skiff run -d --name three --network mac busybox sleep 1000
        run_status 125 skiff run --rm --network mac busybox true
        output_has '10\.62\.31\.64/30'
        skiff_cleanup
        skiff network rm mac >/dev/null
    done
    # The parent is one container's alone.
    skiff network create -d macvlan --subnet 10.62.31.0/24 -o parent=sktmm -o macvlan_mode=passthru mac >/dev/null
    runs one --network mac
    run_ok skiff exec one ip -d link show eth0
    output_has 'macvlan mode passthru'
    run_status 125 skiff run --rm --network mac busybox true
    output_has "has another link: in mode passthru it is one container's"
    skiff_cleanup
    run_fails 'already using parent' skiff network create -d macvlan --subnet 10.62.32.0/24 -o parent=sktmm other
    skiff network rm mac >/dev/null
    ip link del sktmm
    run_fails 'no link "sktmm"' skiff network create -d macvlan --subnet 10.62.31.0/24 -o parent=sktmm mac
    # Where there is no parent the link leads nowhere but to each other.
    run_ok skiff network create -d macvlan --subnet 10.62.31.0/24 mac
    runs one --network mac
    runs two --network mac
    reaches one two
    no reaches one 198.18.62.2
    # Ports have no way there: what is published is not.
    run_ok skiff run --rm --network mac -p 18085:80 busybox true
}

@test "macvlan with IPv6 alone" {
    ip link del sktm6 2>/dev/null || true
    ip link add sktm6 type veth peer name sktm6p
    ip link set sktm6 up
    ip link set sktm6p up
    skiff network create -d macvlan --ipv4=false --ipv6 --subnet fd62:14::/64 -o parent=sktm6 mac >/dev/null
    runs one --network mac
    runs two --network mac --ip6 fd62:14::9
    [ "$(six_of two mac)" = fd62:14::9 ]
    reaches one two
    run_status 125 skiff run --rm --network mac --ip6 fd62:14::9 busybox true
    output_has 'fd62:14::9'
    skiff rm -f two >/dev/null
    run_ok skiff run --rm --network mac --ip6 fd62:14::9 busybox true
    skiff_cleanup
    skiff network rm mac >/dev/null
    ip link del sktm6
}
