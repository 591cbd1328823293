# Networks with containers on them: names, several networks, walls between them, and what is left.
load ../lib/common
load ../lib/network
# shellcheck disable=SC2154 # skiff_setup sets skiff_folder

setup_file()
{
    require_root
    require_command jq ip dig nft
    needs_skiff "networks of this machine, counted"
    skiff_setup
    import_busybox
    net_host far 61
    mkdir "$skiff_folder/dns"
    ip netns exec skt-far python3 "$SKIFF_SOURCE/tests/lib/name_server.py" 198.18.61.2 53 "$skiff_folder/dns/log" \
        >"$skiff_folder/dns/out" 2>&1 3>&- &
    until_true grep -q ready "$skiff_folder/dns/out"
    left_over >"$skiff_folder/before"
}

teardown_file()
{
    net_hosts_end
    skiff_teardown
}

teardown()
{
    skiff_cleanup
    ip link del sktmv 2>/dev/null || true
    skiff network ls -qf type=custom | xargs -r "$SKIFF" network rm >/dev/null
}

# What containers of any root have in the kernel, and this one's files.
left_over()
{
    ip -br link | grep -o '^sk-[^@ ]*' | sort
    nft list map inet skiff any4 2>/dev/null | grep ' : ' | sort
    find "$SKIFF_RUN_DIR/networks" -mindepth 2 -type f 2>/dev/null || true
}

# Who may send, in the firewall: it stays as long as the network.
senders()
{
    for set in senders4 senders6; do nft list set bridge skiff $set 2>/dev/null; done | grep '"sk-' | sort
}

# runs NAME [OPTION...]: a container of Debian's programs that waits.
runs()
{
    skiff run -d --name "$1" "${@:2}" host sleep 1000 >/dev/null
}

asks_for() # CONTAINER NAME [TYPE]
{
    skiff exec "$1" dig +tries=1 +time=4 +short "$2" "${3:-A}" | sort
}

code_of() # CONTAINER NAME [TYPE]
{
    skiff exec "$1" dig +tries=1 +time=4 "$2" "${3:-A}" | sed -n 's/.*status: \([A-Z]*\).*/\1/p'
}

reaches() # CONTAINER ADDRESS
{
    skiff exec "$1" ping -n -c 1 -W 1 "$2" >/dev/null 2>&1
}

# no COMMAND...: it fails. (A line that begins with "!" ends no test.)
no()
{
    ! "$@"
}

member() # CONTAINER NETWORK MEMBER
{
    skiff inspect "$1" | jq -r --arg n "$2" --arg m "$3" '.[0].NetworkSettings.Networks[$n][$m]'
}

@test "names: containers, short IDs, aliases, reverse; IPv4 and IPv6" {
    skiff network create --ipv6 lan >/dev/null
    runs web --network lan --network-alias shared
    runs db --network lan --network-alias shared --network-alias store
    runs asker --network lan --dns 198.18.61.2
    web=$(address_of web lan) db=$(address_of db lan) web6=$(member web lan GlobalIPv6Address)
    [ "$(asks_for asker web)" = "$web" ]
    [ "$(asks_for asker WEB.)" = "$web" ]
    [ "$(asks_for asker web AAAA)" = "$web6" ]
    [ "$(asks_for asker "$(skiff inspect -f '{{slice .Id 0 12}}' web)")" = "$web" ]
    [ "$(asks_for asker store)" = "$db" ]
    [ "$(asks_for asker shared)" = "$(printf '%s\n' "$web" "$db" | sort)" ]
    firsts=$(for _ in 1 2 3 4 5 6 7 8; do skiff exec asker dig +tries=1 +short shared | head -n 1; done | sort -u)
    [ "$(wc -l <<<"$firsts")" -eq 2 ]
    run_ok skiff exec asker dig +short -x "$web"
    output_has '^web\.'
    run_ok skiff exec asker dig +short -x "$web6"
    output_has '^web\.'
    reaches asker web
    reaches asker "$web6"
    skiff exec asker ping -6 -c 1 -W 2 web
    # The server elsewhere answers what is not ours, and only that.
    [ "$(asks_for asker elsewhere.example)" = 192.0.2.53 ]
    [ "$(code_of asker nx.example)" = NXDOMAIN ]
    [ "$(code_of asker web TXT)" = NOERROR ]
    no grep -w web "$skiff_folder/dns/log"
}

@test "names: renamed, restarted, stopped" {
    skiff network create lan >/dev/null
    runs asker --network lan --dns 198.18.61.2
    runs web --network lan --network-alias front
    [ "$(asks_for asker web)" = "$(address_of web lan)" ]
    run_ok skiff rename web other
    [ "$(asks_for asker other)" = "$(address_of other lan)" ]
    [ "$(asks_for asker front)" = "$(address_of other lan)" ]
    [ "$(asks_for asker web)" = 192.0.2.53 ] # ours no more
    run_ok skiff restart -t 0 other
    [ "$(asks_for asker other)" = "$(address_of other lan)" ]
    run_ok skiff stop -t 0 other
    [ "$(asks_for asker other)" = 192.0.2.53 ]
    [ "$(asks_for asker front)" = 192.0.2.53 ]
    # The other way round: who asks is the one that was started again.
    run_ok skiff start other
    run_ok skiff restart -t 0 asker
    [ "$(asks_for asker other)" = "$(address_of other lan)" ]
}

@test "names on the default bridge" {
    runs web
    runs asker --dns 198.18.61.2
    [ "$(asks_for asker web)" = "$(address_of web)" ]
    run_ok skiff exec asker dig +short -x "$(address_of web)"
    output_has '^web\.'
    [ "$(code_of asker nx.example)" = NXDOMAIN ]
}

@test "addresses that are asked for; one that is taken, and by whom" {
    skiff network create --subnet 10.217.0.0/24 --subnet fd17::/64 --ipv6 lan >/dev/null
    runs fixed --network lan --ip 10.217.0.77 --ip6 fd17::77 --mac-address 02:42:0a:d9:00:99
    [ "$(address_of fixed lan)" = 10.217.0.77 ]
    run_ok skiff exec fixed ip -o addr show eth0
    output_has '10\.217\.0\.77/24'
    output_has 'fd17::77/64'
    run_ok skiff exec fixed cat /sys/class/net/eth0/address
    output_is 02:42:0a:d9:00:99
    id=$(skiff inspect -f '{{slice .Id 0 12}}' fixed)
    run_status 125 skiff run --rm --network lan --ip 10.217.0.77 busybox true
    output_has '10\.217\.0\.77'
    output_has "fixed|$id"
    run_status 125 skiff run --rm --network lan --ip6 fd17::77 busybox true
    output_has 'fd17::77'
    output_has "fixed|$id"
    run_status 125 skiff run --rm --network lan --ip 10.218.0.7 busybox true
    output_has '10\.218\.0\.7'
    # Refused ones have left nothing: neither a cable nor a name.
    run_ok skiff network inspect -f '{{len .Containers}}' lan
    output_is 1
    # Free at once when its holder has ended.
    skiff rm -f fixed >/dev/null
    run_ok skiff run --rm --network lan --ip 10.217.0.77 --ip6 fd17::77 busybox true
}

@test "several networks: cards, the way out, priorities" {
    skiff network create --subnet 10.217.1.0/24 alpha >/dev/null
    skiff network create --subnet 10.217.2.0/24 beta >/dev/null
    skiff network create --subnet 10.217.3.0/24 --internal closed >/dev/null
    way()
    {
        skiff exec "$1" ip -4 route show default | awk '{ print $3 }'
    }
    runs first --network beta --network alpha
    [ "$(way first)" = 10.217.1.1 ] # by the order of the alphabet
    runs second --network alpha --network name=beta,gw-priority=5
    [ "$(way second)" = 10.217.2.1 ]
    runs third --network closed --network beta
    [ "$(way third)" = 10.217.2.1 ]
    runs fourth --network closed
    [ -z "$(way fourth)" ]
    run_ok skiff exec first ip -4 -o addr show
    output_has '10\.217\.1\.'
    output_has '10\.217\.2\.'
    # Names of both, addresses of the network that is shared.
    [ "$(asks_for first third)" = "$(address_of third beta)" ]
    [ "$(asks_for fourth third)" = "$(address_of third closed)" ]
    [ "$(asks_for first second | wc -l)" -eq 1 ]
    reaches first "$(address_of third beta)"
    no reaches first "$(address_of third closed)"
    no reaches first "$(address_of fourth closed)"
}

@test "connect and disconnect while it runs: cards, names, inspect, events" {
    skiff network create --subnet 10.217.1.0/24 alpha >/dev/null
    skiff network create --ipv6 --subnet 10.217.2.0/24 --subnet fd17:2::/64 beta >/dev/null
    runs moves --network alpha --dns 198.18.61.2
    runs stays --network beta --dns 198.18.61.2
    [ "$(asks_for stays moves)" = 192.0.2.53 ]
    [ "$(asks_for moves stays)" = 192.0.2.53 ]
    run_ok skiff network connect --ip 10.217.2.50 --ip6 fd17:2::50 --alias guest beta moves
    output_is ''
    run_ok skiff exec moves ip -o addr show eth1
    output_has '10\.217\.2\.50/24'
    output_has 'fd17:2::50/64'
    [ "$(asks_for stays moves)" = 10.217.2.50 ]
    [ "$(asks_for stays guest AAAA)" = fd17:2::50 ]
    [ "$(asks_for moves stays)" = "$(address_of stays beta)" ]
    reaches moves stays
    reaches stays fd17:2::50
    [ "$(member moves beta IPAddress)" = 10.217.2.50 ]
    run_ok skiff network inspect -f '{{range .Containers}}{{.Name}} {{end}}' beta
    output_has moves
    run_ok skiff exec moves ip -4 route show default
    output_has 'via 10\.217\.1\.1 '
    run_ok skiff network disconnect beta moves
    no skiff exec moves test -e /sys/class/net/eth1
    [ "$(asks_for stays moves)" = 192.0.2.53 ]
    [ "$(asks_for stays guest)" = 192.0.2.53 ]
    [ "$(asks_for moves stays)" = 192.0.2.53 ]
    run_ok skiff inspect -f '{{json .NetworkSettings.Networks}}' moves
    output_lacks beta
    run_ok skiff events --since 10m --until 0s --filter type=network --filter network=beta \
        --format '{{.Action}} {{index .Actor.Attributes "name"}}'
    output_has $'connect beta\ndisconnect beta'
    # The address is free again.
    run_ok skiff run --rm --network beta --ip 10.217.2.50 busybox true
    # It stays what it is when it is started again.
    skiff network connect beta moves
    skiff network disconnect alpha moves
    run_ok skiff restart -t 0 moves
    run_ok skiff exec moves ip -4 -o addr show
    output_has '10\.217\.2\.'
    output_lacks '10\.217\.1\.'
    run_ok skiff exec moves ip -4 route show default
    output_has 'via 10\.217\.2\.1 '
}

@test "connect and disconnect: the way out follows" {
    skiff network create --subnet 10.217.1.0/24 alpha >/dev/null
    skiff network create --subnet 10.217.2.0/24 beta >/dev/null
    way()
    {
        skiff exec moves ip -4 route show default | awk '{ print $3 }'
    }
    runs moves --network beta
    [ "$(way)" = 10.217.2.1 ]
    skiff network connect --gw-priority 1 alpha moves
    [ "$(way)" = 10.217.1.1 ]
    skiff network disconnect alpha moves
    [ "$(way)" = 10.217.2.1 ]
    skiff network connect alpha moves
    skiff network disconnect beta moves
    [ "$(way)" = 10.217.1.1 ]
    skiff network disconnect alpha moves
    [ -z "$(way)" ]
    skiff network connect beta moves
    [ "$(way)" = 10.217.2.1 ]
}

@test "connect and disconnect: the default bridge too, one that is stopped, and refusals" {
    skiff network create --subnet 10.217.1.0/24 alpha >/dev/null
    runs moves
    run_ok skiff network disconnect bridge moves
    run_ok skiff exec moves ls /sys/class/net
    output_lacks eth
    run_ok skiff network connect bridge moves
    run_ok skiff exec moves ip -4 route show default
    output_has default
    skiff create --name later busybox sleep 1000 >/dev/null
    run_ok skiff network connect --ip 10.217.1.9 alpha later
    run_ok skiff network disconnect bridge later
    run_ok skiff start later
    [ "$(address_of later alpha)" = 10.217.1.9 ]
    run_ok skiff exec later ip -4 -o addr show
    output_lacks 'eth1'
    run_fails 'already' skiff network connect alpha later
    run_fails 'is not connected to' skiff network disconnect bridge later
    runs hosts --network host
    run_fails 'host' skiff network connect alpha hosts
    runs none --network none
    run_fails 'private \(none\) mode' skiff network connect alpha none
    runs shares --network container:moves
    run_fails 'sharing network namespace' skiff network connect alpha shares
    run_fails 'taken' skiff network connect --ip 10.217.1.9 alpha moves
    run_ok skiff inspect -f '{{json .NetworkSettings.Networks}}' moves
    output_lacks alpha
}

@test "walls: networks do not reach each other; icc off; internal" {
    skiff network create alpha >/dev/null
    skiff network create beta >/dev/null
    skiff network create -o com.docker.network.bridge.enable_icc=false apart >/dev/null
    skiff network create --internal closed >/dev/null
    runs aa --network alpha
    runs bb --network beta
    no reaches aa "$(address_of bb beta)"
    no reaches bb "$(address_of aa alpha)"
    reaches aa 198.18.61.2
    runs one --network apart
    runs two --network apart
    no reaches one "$(address_of two apart)"
    reaches one 198.18.61.2
    runs inner --network closed --dns 198.18.61.2
    runs peer --network closed
    reaches inner peer
    no reaches inner 198.18.61.2
    no reaches inner "$(address_of aa alpha)"
    run_ok skiff exec inner ip -4 route show default
    output_is ''
    : >"$skiff_folder/dns/log"
    run skiff exec inner dig +tries=1 +time=2 secret.example
    no grep secret "$skiff_folder/dns/log"
}

@test "--network container: survives the other's stop; host, none, path:" {
    skiff network create lan >/dev/null
    runs peer --network lan
    runs donor --network lan --dns 198.18.61.2
    runs shares --network container:donor
    address=$(address_of donor lan)
    [ "$(asks_for shares peer)" = "$(address_of peer lan)" ]
    skiff stop -t 0 donor >/dev/null
    run_ok skiff exec shares ip -4 -o addr show eth0
    output_has "$address"
    # Its address is not given again while somebody has it.
    runs another --network lan
    [ "$(address_of another lan)" != "$address" ]
    run_ok skiff start donor
    run_ok skiff restart -t 0 shares
    run_ok skiff exec shares ip -4 -o addr show eth0
    output_has "$(address_of donor lan)"
    pid=$(container_pid donor)
    run_ok skiff run --rm --network "path:/proc/$pid/ns/net" host ip -4 -o addr show eth0
    output_has "$(address_of donor lan)"
    run_ok skiff run --rm --network none host ls /sys/class/net
    output_is lo
    run_ok skiff run --rm --network host host readlink /proc/self/ns/net
    output_is "$(readlink /proc/self/ns/net)"
}

@test "rm of one in use, prune, a bridge deleted by hand, a reboot" {
    skiff network create --subnet 10.217.1.0/24 alpha >/dev/null
    skiff network create --subnet 10.217.2.0/24 beta >/dev/null
    runs web --network alpha
    run_fails 'active endpoints.*web' skiff network rm alpha
    run_ok skiff network prune -f
    output_has beta
    output_lacks alpha
    skiff network create --subnet 10.217.2.0/24 beta >/dev/null
    run_fails "overlaps.*network beta" skiff network create --subnet 10.217.2.128/25 overlaps
    bridge=sk-$(skiff network inspect -f '{{slice .Id 0 10}}' beta)
    ip link del "$bridge"
    runs db --network beta
    [ "$(skiff exec db ip -4 route show default | awk '{ print $3 }')" = 10.217.2.1 ]
    reaches db 10.217.2.1
    reaches db 198.18.61.2
    # As after a reboot: no processes, no bridges, no run folder.
    skiff rm -f db >/dev/null
    skiff create --name db --network beta host sleep 1000 >/dev/null
    skiff stop -t 0 web >/dev/null
    ip link del "sk-$(skiff network inspect -f '{{slice .Id 0 10}}' alpha)"
    ip link del "$bridge"
    rm -rf "$SKIFF_RUN_DIR"
    # A new network does not get the range of one whose bridge is not there.
    run_fails "overlaps.*alpha" skiff network create --subnet 10.217.1.0/24 thief
    run_ok skiff start web db
    reaches db 198.18.61.2
    no reaches db "$(address_of web alpha)"
    run_ok skiff network inspect -f '{{len .Containers}}' alpha
    output_is 1
}

@test "a bridge deleted by hand: the next command puts it and its containers back" {
    skiff network create --ipv6 --subnet 10.217.4.0/24 --subnet fd17:4::/64 lan >/dev/null
    skiff network create --subnet 10.217.5.0/24 -o com.docker.network.bridge.enable_icc=false apart >/dev/null
    skiff network create --subnet 10.217.6.0/24 -o com.docker.network.bridge.name=sktbr6 named >/dev/null
    runs one --network lan -p 18077:7777
    runs two --network lan
    runs left --network apart
    runs right --network apart
    runs own --network named
    runs other --network named
    skiff exec -d one python3 -c 'import http.server
http.server.HTTPServer(("", 7777), http.server.SimpleHTTPRequestHandler).serve_forever()'
    served() { curl -s -o /dev/null --max-time 3 --noproxy '*' "http://$1:18077/"; }
    until_true served 198.18.61.1
    pid=$(container_pid one)
    # shellcheck disable=SC2046 # names of links
    set -- $(for name in lan apart; do echo "sk-$(skiff network inspect -f '{{slice .Id 0 10}}' $name)"; done)
    for name in "$@"; do ip link del "$name"; done
    ip link del sktbr6
    no nsenter -t "$pid" -n ping -n -c 1 -W 1 10.217.4.1
    run_ok skiff ps -q
    reaches one two
    reaches one "$(member two lan GlobalIPv6Address)"
    reaches one 198.18.61.2
    reaches own other
    no reaches left "$(address_of right apart)"
    reaches left 198.18.61.2
    for where in 198.18.61.1 127.0.0.1; do served $where; done
    run_ok skiff exec one curl -s -o /dev/null --max-time 3 http://198.18.61.1:18077/
    run_ok on far curl -s -o /dev/null --max-time 3 http://198.18.61.1:18077/
    # Once more, by a container that starts.
    ip link del "sk-$(skiff network inspect -f '{{slice .Id 0 10}}' lan)"
    run_ok skiff run --rm --network lan host ping -c 1 -W 2 one
    reaches one two
    served 198.18.61.1
}

@test "a range that is exhausted, and has room again" {
    skiff network create --subnet 10.217.9.0/29 small >/dev/null # five beside the gateway
    for i in 1 2 3 4 5; do skiff run -d --name "n$i" --network small busybox sleep 1000 >/dev/null; done
    run_status 125 skiff run --rm --network small busybox true
    output_has '10\.217\.9\.0/29'
    address=$(address_of n3 small)
    skiff rm -f n3 >/dev/null
    run_ok skiff run --rm --network small busybox ip -4 -o addr show eth0
    output_has "$address/29"
    run_ok skiff ps -q
    [ "${#lines[@]}" -eq 4 ]
}

# one_of_many I: starts on one network or two, perhaps is connected and disconnected, and ends.
one_of_many()
{
    local net=many$(($1 % 3)) other=many$((($1 + 1) % 3))
    case $((RANDOM % 3)) in
    0) skiff run --rm --name "m$1" --network "$net" busybox true ;;
    1) skiff run --rm --name "m$1" --network "$net" --network "$other" busybox sleep 0.1 ;;
    2) skiff run -d --name "m$1" --network "$net" busybox sleep 100 >/dev/null &&
        skiff network connect "$other" "m$1" && { ((RANDOM % 2)) || skiff network disconnect "$net" "m$1"; } &&
        skiff rm -f "m$1" >/dev/null ;;
    esac
}

# one_of_many_and_then I: the last one says so.
one_of_many_and_then()
{
    local status=0
    one_of_many "$1" || status=$?
    echo "$1" >>"$BATS_TEST_TMPDIR/were"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/were")" -lt "${MANY:-300}" ] || touch "$BATS_TEST_TMPDIR/done"
    return $status
}

nothing_left()
{
    [ -z "$(skiff ps -aq)" ] && left_over >"$BATS_TEST_TMPDIR/left" &&
        ! grep -qE 'sk-0ad9|/networks/' "$BATS_TEST_TMPDIR/left"
}

@test "many that come and go at the same time leave nothing" {
    for i in 0 1 2; do skiff network create --subnet "10.217.10$i.0/24" "many$i" >/dev/null; done
    # Whoever looks meanwhile finds no address with two, of the kernel's and of ours.
    while [ ! -e "$BATS_TEST_TMPDIR/done" ]; do
        # shellcheck disable=SC2046 # one ID a word
        skiff inspect $(skiff ps -q) 2>/dev/null |
            jq -r '.[].NetworkSettings.Networks[]? | select(.IPAddress != "") | .IPAddress' | sort | uniq -d
        sleep 0.1
    done >"$BATS_TEST_TMPDIR/twice" 2>/dev/null 3>&- &
    four_lanes "${MANY:-300}" one_of_many_and_then
    run cat "$BATS_TEST_TMPDIR/twice"
    output_is ''
    until_true nothing_left || { cat "$BATS_TEST_TMPDIR/left"; false; }
    for i in 0 1 2; do skiff network rm "many$i" >/dev/null; done
    run senders
    output_lacks sk-0ad9
}

@test "addresses begin anew every 256, passing over those that are in use" {
    local bridge
    skiff network create --subnet 10.217.104.0/22 --opt com.docker.network.bridge.name=sktblk wide >/dev/null
    runs first --network wide
    [ "$(address_of first wide)" = 10.217.104.2 ]
    bridge=$(ip -j link show sktblk | jq -r '.[0].ifalias')
    ip link set sktblk alias "${bridge% last *} last 10.217.104.255"
    runs second --network wide
    [ "$(address_of second wide)" = 10.217.104.3 ]
    runs third --network wide
    [ "$(address_of third wide)" = 10.217.104.4 ]
}

@test "who may send: the address's own stays until the network goes, another's does not" {
    skiff network create --ipv6 --subnet 10.217.0.0/24 --subnet fd17::/64 lan >/dev/null
    runs plain --network lan --ip 10.217.0.70
    skiff rm -f plain >/dev/null
    [ "$(senders | grep -c 'sk-0ad90046.*02:42:0a:d9:00:46')" -eq 3 ]
    # With an IPv6 address that does not go with it, nobody of this address has the one that does.
    runs other --network lan --ip 10.217.0.70 --ip6 fd17::99
    run senders
    output_has 'sk-0ad90046.*fd17::99'
    output_lacks 'fd17::ad9:46'
    skiff rm -f other >/dev/null
    runs third --network lan --ip 10.217.0.71 --mac-address 02:42:aa:bb:cc:dd
    run senders
    output_has 'sk-0ad90047.*02:42:aa:bb:cc:dd'
    output_lacks 'sk-0ad90047.*02:42:0a'
    skiff rm -f third >/dev/null
    nothing_sent() { ! senders | grep -qE 'sk-0ad90047|fd17::99'; }
    until_true nothing_sent
    runs plain --network lan --ip 10.217.0.70
    skiff rm -f plain >/dev/null
    skiff network rm lan >/dev/null
    run senders
    output_lacks sk-0ad9
}

@test "connect and disconnect, killed in the middle: done or not done, and the next one is" {
    skiff network create --ipv6 --subnet 10.217.101.0/24 --subnet fd17:101::/64 lan >/dev/null
    skiff network create --subnet 10.217.102.0/24 home >/dev/null
    runs peer --network lan
    runs box --network home -p 18078:80
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
        for what in connect disconnect; do
            skiff network $what lan box >/dev/null 2>&1 3>&- &
            pid=$!
            sleep "0.0$((RANDOM % 3))$((RANDOM % 10))" # from before it begins to after its end
            kill -9 $pid 2>/dev/null || true
            wait $pid 2>/dev/null || true
            # Whatever became of it, it can be asked for once more, and then it is so.
            run skiff network $what lan box
            [ "$status" -eq 0 ] || [[ $output =~ 'already connected'|'is not connected' ]] || told "$i $what"
            if [ $what = connect ]; then
                reaches box "$(address_of peer lan)" || told "$i: no way: $(skiff exec box ip addr; skiff inspect box | jq -c '.[].NetworkSettings.Networks')"
                reaches peer "$(address_of box lan)"
                [ "$(skiff exec box ls /sys/class/net | xargs)" = 'eth0 eth1 lo' ]
            else
                [ "$(skiff exec box ls /sys/class/net | xargs)" = 'eth0 lo' ] || told "$i: still there"
            fi
        done
    done
    run_ok skiff network inspect -f '{{range .Containers}}{{.Name}} {{end}}' lan
    output_is 'peer '
    skiff_cleanup
    until_true nothing_left || { cat "$BATS_TEST_TMPDIR/left"; false; }
}

@test "monitors that are killed: the next command leaves nothing stale" {
    skiff network create --subnet 10.217.100.0/24 lan >/dev/null
    for i in 1 2 3 4 5 6; do runs "k$i" --network lan; done
    runs asker --network lan --dns 198.18.61.2
    for i in 1 3 5; do
        kill -9 "$(ps -o ppid= -p "$(container_pid "k$i")")"
    done
    run_ok skiff ps -q
    [ "${#lines[@]}" -eq 4 ]
    [ "$(asks_for asker k1)" = 192.0.2.53 ]
    [ "$(asks_for asker k2)" = "$(address_of k2 lan)" ]
    run_ok skiff network inspect -f '{{len .Containers}}' lan
    output_is 4
    run_ok skiff start k1
    [ "$(asks_for asker k1)" = "$(address_of k1 lan)" ]
    skiff_cleanup
    until_true nothing_left || { cat "$BATS_TEST_TMPDIR/left"; false; }
}

@test "macvlan: two on one parent; its leases end with their holders, killed ones too" {
    ip link add sktmv type veth peer name sktmvp
    ip link set sktmv up
    ip link set sktmvp up
    skiff network create -d macvlan --subnet 10.217.50.0/24 -o parent=sktmv mac >/dev/null
    runs one --network mac
    runs two --network mac --ip 10.217.50.9
    reaches one two
    kill -9 "$(ps -o ppid= -p "$(container_pid two)")"
    run_ok skiff ps -q
    run_ok skiff run --rm --network mac --ip 10.217.50.9 busybox true
    skiff_cleanup
    until_true nothing_left || { cat "$BATS_TEST_TMPDIR/left"; false; }
    skiff network rm mac >/dev/null
    ip link del sktmv
}
