# Networks that CNI plugins make: Debian's own plugins, and some that mean ill.
load ../lib/common
load ../lib/network
# shellcheck disable=SC2154 # skiff_setup sets skiff_folder

plugins=/usr/lib/cni

# The tables that iptables has made in nf_tables.
iptables_tables()
{
    nft list tables 2>/dev/null | grep -E '^table ip6? (nat|filter)$' | sort
}

setup_file()
{
    require_root
    require_command jq ip curl tc iptables-save
    needs_skiff "Docker knows no CNI"
    [ -x $plugins/bridge ] || skip "containernetworking-plugins are missing"
    skiff_setup
    import_busybox
    server_image
    # Plugins of ours, and Debian's.
    # shellcheck disable=SC2154 # skiff_setup sets it
    mkdir "$skiff_folder/plugins" "$skiff_folder/lists"
    local name
    for name in first second third; do
        cp "$SKIFF_SOURCE/tests/lib/cni_fake" "$skiff_folder/plugins/$name"
    done
    export parent=sktc$((BASHPID % 100000)) # a link of the host's
    iptables_tables >"$skiff_folder/tables"
}

# The chains that all containers' rules hang in, plugins leave for the next one.
teardown_file()
{
    [ ! -e "${skiff_folder:-}/tables" ] || iptables_tables | comm -13 "$skiff_folder/tables" - |
        sed 's/^/delete /' | nft -f -
    net_hosts_end
    skiff_teardown
}

setup()
{
    log=$BATS_TEST_TMPDIR/log
    fakes=$skiff_folder/plugins:$plugins
}

teardown()
{
    skiff_cleanup
    skiff network ls -qf type=custom | xargs -r "$SKIFF" network rm >/dev/null
    ip link del "$parent" 2>/dev/null || true
    # Whatever a test did: no debt, no link, no rule of a container, no namespace that is bound.
    find "$SKIFF_RUN_DIR/cni" -mindepth 1 2>/dev/null | diff /dev/null - || return 1
    run grep -F "$SKIFF_RUN_DIR/cni" /proc/self/mountinfo
    [ "$status" -ne 0 ] || return 1
}

# What plugins have made for anybody of this root: rules with a container's ID, and what is at bridges.
# Others may be at work on the same machine.
rules()
{
    grep -oE '[0-9a-f]{64}' "$SKIFF_ROOT/events" | sort -u >"$BATS_TEST_TMPDIR/ids"
    { iptables-save; ip6tables-save; } 2>/dev/null | grep -F -f "$BATS_TEST_TMPDIR/ids" || true
}

links()
{
    local id
    for id in $(skiff network ls -qf type=custom); do
        ip -br link show master "sk-${id:0:10}" 2>/dev/null || true
    done
}

# list NAME PLUGIN...: a file with a list of them, each a JSON object.
list()
{
    local name=$1
    shift
    jq -n --arg name "$name" '{cniVersion: "1.0.0", name: $name, plugins: [$ARGS.positional[] | fromjson]}' \
        --args "$@" >"$skiff_folder/lists/$name.conflist"
    echo "$skiff_folder/lists/$name.conflist"
}

# fake NAME [KEY=VALUE...]: the configuration of one of ours.
fake()
{
    local name=$1
    shift
    jq -nc --arg type "$name" --arg log "$log" \
        '{type: $type, log: $log} + ([$ARGS.positional[] | split("=") | {(.[0]): (.[1:] | join("="))}] | add // {})' \
        --args "$@"
}

# Whom the log says to have been called: "first ADD second ADD".
called()
{
    [ ! -e "$log" ] || cut -d ' ' -f 1,2 "$log" | tr '\n' ' '
}

# Of the last call of PLUGIN COMMAND what a filter of jq says.
given()
{
    grep "^$1 $2 " "$log" | tail -n 1 | cut -d ' ' -f 3- | jq -c "$3"
}

@test "a bridge: addresses, routes, names, and nothing left" {
    run_ok skiff network create --driver cni:bridge --subnet 10.124.0.0/24 --gateway 10.124.0.9 \
        --ip-range 10.124.0.64/27 blue
    [ "$(skiff network ls -f name=blue --format '{{.Driver}}')" = cni:bridge ]
    skiff run -d --name web --network blue --network-alias www web >/dev/null
    [ "$(address_of web blue)" = 10.124.0.64 ]
    skiff inspect web | jq -e '.[0].NetworkSettings.Networks.blue |
        .Gateway == "10.124.0.9" and .IPPrefixLen == 24 and (.MacAddress | length) == 17 and .Interface == "eth0"'
    skiff exec web ip route | grep -q '^default via 10.124.0.9 dev eth0'
    skiff exec web grep -q '^10.124.0.64' /etc/hosts
    # By name and alias, and the server sees who asks.
    run_ok skiff run --rm --network blue busybox wget -qO- http://web/cgi-bin/who
    output_has '10\.124\.0\.65'
    run_ok skiff run --rm --network blue busybox wget -qO- http://www/cgi-bin/who
    output_has '10\.124\.0\.66'
    skiff network inspect blue | jq -e '.[0].Containers | length == 1'
    skiff network graph | grep -q 'blue.*cni:bridge'
    run_fails "active endpoints" skiff network rm blue
    skiff rm -f web
    [ -z "$(links)" ]
    [ -z "$(rules)" ]
    bridge=sk-$(skiff network inspect -f '{{.Id}}' blue | cut -c 1-10)
    ip link show "$bridge"
    skiff network rm blue
    run ip link show "$bridge"
    [ "$status" -ne 0 ]
}

@test "published ports: by portmap, from here, by loopback and from elsewhere; taken ones have an owner" {
    net_host cni-client 71
    skiff network create --driver cni:bridge --subnet 10.124.1.0/24 ports
    skiff run -d --name web --network ports -p 18471:80 -p 127.0.0.1::80 web >/dev/null
    until_served 127.0.0.1 18471
    [ "$(asks 198.18.71.1 18471 on cni-client)" = 198.18.71.2 ]
    skiff port web 80 | grep -q '^0.0.0.0:18471$'
    local random
    random=$(skiff port web 80 | sed -n 's/^127.0.0.1://p')
    [ -n "$(who 127.0.0.1 "$random")" ]
    [ -z "$(asks 198.18.71.1 "$random" on cni-client)" ]
    run_fails 'port 18471/tcp is published by container "web" already' \
        skiff run --rm --network ports -p 18471:80 web
    run_fails "CNI plugins, which open ports when" skiff port add web 18472:80
    # With the container they are closed, and free.
    skiff rm -f web
    [ -z "$(who 127.0.0.1 18471)" ]
    [ -z "$(rules)" ]
    skiff run -d --name web --network ports -p 18471:80 web >/dev/null
    until_served 127.0.0.1 18471
}

@test "both families, an address and a MAC of one's own, and a bandwidth" {
    skiff network create --driver cni:bridge --ipv6 --subnet 10.124.2.0/24 --subnet fd7c::/64 both
    skiff run -d --name web --network both --ip 10.124.2.77 --ip6 fd7c::77 --mac-address 02:00:00:00:77:77 \
        --network-opt rate=10mbit -p 18473:80 web >/dev/null
    skiff inspect web | jq -e '.[0].NetworkSettings.Networks.both |
        .IPAddress == "10.124.2.77" and .GlobalIPv6Address == "fd7c::77" and .MacAddress == "02:00:00:00:77:77"'
    skiff exec web ip -6 route | grep -q '^default via fd7c::1'
    skiff exec web ip link show eth0 | grep -q 02:00:00:00:77:77
    until_served 127.0.0.1 18473
    [ -n "$(who "[fd7c::77]" 80)" ]
    tc qdisc show | grep -q 'tbf .*rate 10Mbit'
    run_ok skiff run --rm --network both host dig +short web AAAA
    output_is fd7c::77
    run_fails "10.124.2.77" skiff run --rm --network both --ip 10.124.2.77 busybox true
    run_fails "no configured subnet contains" skiff run --rm --network both --ip 10.9.9.9 busybox true
    skiff rm -f web
    tc qdisc show >"$BATS_TEST_TMPDIR/qdiscs"
    run grep 'tbf .*rate 10Mbit' "$BATS_TEST_TMPDIR/qdiscs"
    [ "$status" -ne 0 ]
    # Addresses are free again.
    skiff run --rm --network both --ip 10.124.2.77 --ip6 fd7c::77 busybox true
}

@test "ptp, macvlan, and addresses from other plugins" {
    skiff network create --driver cni:ptp --subnet 10.124.3.0/24 point
    skiff run --rm --network point busybox sh -c 'ip route | grep -q ^default && ping -c 1 -W 2 10.124.3.1'
    ip link add "$parent" type veth peer name "${parent}p"
    ip link set "$parent" up
    ip link set "${parent}p" up
    run_fails "give --subnet" skiff network create --driver cni:macvlan --opt parent="$parent" upon
    skiff network create --driver cni:macvlan --opt parent="$parent" --subnet 10.124.4.0/24 upon
    skiff run -d --name here --network upon busybox sleep 1000 >/dev/null
    skiff run --rm --network upon busybox ping -c 1 -W 2 here
    skiff run --rm --network upon host ip -d link show eth0 | grep -q macvlan
    skiff network create --driver cni:bridge --ipam-driver static --subnet 10.124.5.0/24 fixed
    skiff run --rm --network fixed --ip 10.124.5.5 busybox ip -4 addr show eth0 | grep -q 'inet 10.124.5.5/24'
    run_fails "IPAM plugin returned missing IP config" skiff run --rm --network fixed busybox true
    run_fails "do not go together" skiff network create --driver cni:bridge --ipam-driver dhcp --subnet 10.124.5.0/24 no
    skiff network create --driver cni:bridge --ipam-driver static \
        --ipam-opt 'addresses=[{"address":"10.124.25.9/24","gateway":"10.124.25.1"}]' one
    skiff run --rm --network one busybox ip -4 addr show eth0 | grep -q 'inet 10.124.25.9/24'
}

@test "a list is copied with all that it says; by path, by name, and of a single plugin" {
    local file
    file=$(list filed "$(jq -nc --arg d "$BATS_TEST_TMPDIR/leases" --arg b "$parent" '{type: "bridge", bridge: $b, isGateway: true,
        ipMasq: true, ipam: {type: "host-local", dataDir: $d, ranges: [[{subnet: "10.124.6.0/24"}]]}}')" \
        '{"type": "tuning", "sysctl": {"net.core.somaxconn": "500"}}')
    skiff network create --driver "cni:$file" one
    rm "$file"
    [ "$(skiff network inspect -f '{{.Driver}}' one)" = cni:bridge ]
    [ "$(skiff network inspect one | jq -r '.[0].IPAM.Config[0].Subnet')" = 10.124.6.0/24 ]
    [ "$(skiff run --rm --network one busybox cat /proc/sys/net/core/somaxconn)" = 500 ]
    ls "$BATS_TEST_TMPDIR/leases/filed"
    run_fails 'cannot publish ports: none of its CNI plugins has the capability "portMappings"' \
        skiff run --rm --network one -p 18474:80 busybox true
    run_fails 'cannot limit the bandwidth' skiff run --rm --network one --network-opt rate=1mbit busybox true
    run_fails 'cannot give an address' skiff run --rm --network one --ip 10.124.6.9 busybox true
    run_fails 'cannot give a MAC address' skiff run --rm --network one --mac-address 02:00:00:00:00:01 busybox true
    # The bridge was the list's, and stays.
    skiff network rm one
    ip link show "$parent"
    # By its name, and one plugin alone.
    jq -n '{cniVersion: "0.4.0", name: "single", type: "ptp", ipam: {type: "host-local", subnet: "10.124.7.0/24"}}' \
        >"$skiff_folder/lists/10-single.conf"
    NETCONFPATH=$skiff_folder/lists skiff network create --driver cni:single two
    [ "$(skiff network inspect -f '{{.Driver}}' two)" = cni:ptp ]
    skiff run --rm --network two busybox ip -4 addr show eth0 | grep -q 'inet 10.124.7'
    run_fails "stand in that file" skiff network create --driver "cni:$skiff_folder/lists/10-single.conf" \
        --subnet 10.1.0.0/16 three
    run_fails "stand in that file" skiff network create --driver "cni:$skiff_folder/lists/10-single.conf" \
        --opt mtu=1400 three
}

@test "options are the plugin's keys, with their types" {
    skiff network create --driver cni:bridge --opt hairpinMode=false --opt com.docker.network.driver.mtu=1400 \
        --opt vlan=7 --opt 'dns={"nameservers": ["192.0.2.1"]}' typed
    skiff network inspect typed | jq -e '.[0].CNI.List.plugins[0] |
        .hairpinMode == false and .mtu == 1400 and .vlan == 7 and .dns.nameservers == ["192.0.2.1"]'
    run_fails "no option of a CNI plugin" skiff network create --driver cni:bridge --opt type=ptp no
    run_fails "no option of a CNI plugin" skiff network create --driver cni:bridge --opt prevResult={} no
    run_fails "no option of a CNI plugin" skiff network create --driver cni:bridge --opt com.docker.network.x=y no
    run_fails "has its own use" skiff network create --driver cni:bridge --opt bridge=skiff0 no
    run_fails "CNI knows no internal networks" skiff network create --driver cni:bridge --internal no
    run_fails "ip-range" skiff network create --driver cni:bridge --subnet 10.124.8.0/24 --aux-address a=10.124.8.9 no
    run_fails "1 to 3600 seconds" skiff network create --driver cni:bridge --opt dev.skiff.cni.timeout=x no
}

@test "what is not there or makes no sense is refused when the network is made" {
    run_fails 'no CNI plugin "nosuch" in "/usr/lib/cni:/opt/cni/bin".*nor a network' \
        skiff network create --driver cni:nosuch no
    CNI_PATH=/nowhere run_fails 'no CNI plugin "bridge" in "/nowhere"' skiff network create --driver cni:bridge no
    CNI_PATH=here run_fails 'not all absolute' skiff network create --driver cni:bridge no
    run_fails 'cni:' skiff network create --driver cni: no
    run_fails 'invalid driver' skiff network create --driver cni:..  no
    run_fails 'cannot open' skiff network create --driver cni:/nowhere/a.conflist no
    run_fails 'no CNI plugin "nosuch"' skiff network create --driver "cni:$(list x '{"type": "nosuch"}')" no
    run_fails 'no CNI plugin "noipam"' skiff network create \
        --driver "cni:$(list x '{"type": "bridge", "ipam": {"type": "noipam"}}')" no
    local text
    while read -r text; do
        echo "$text" >"$skiff_folder/lists/bad.conflist"
        run_fails 'bad.conflist' skiff network create --driver "cni:$skiff_folder/lists/bad.conflist" no
    done <<'END'
not json
[]
{"cniVersion": "1.0.0", "name": "x", "plugins": []}
{"cniVersion": "1.0.0", "name": "x", "plugins": "bridge"}
{"cniVersion": "1.0.0", "name": "x", "plugins": ["bridge"]}
{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "../bin/sh"}]}
{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "/bin/sh"}]}
{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": ".."}]}
{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "bridge", "ipam": {"type": "../x"}}]}
{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "bridge", "ipam": []}]}
{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "bridge", "prevResult": {}}]}
{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "bridge", "runtimeConfig": {}}]}
{"cniVersion": "1.0.0", "name": "x", "plugins": [{"type": "bridge", "capabilities": {"mac": "yes"}}]}
{"cniVersion": "1.0.0", "name": "../x", "plugins": [{"type": "bridge"}]}
{"cniVersion": "1.0.0", "plugins": [{"type": "bridge"}]}
{"cniVersion": "2.0.0", "name": "x", "plugins": [{"type": "bridge"}]}
{"cniVersion": "\u001b[31m", "name": "x", "plugins": [{"type": "bridge"}]}
{"name": "x", "plugins": [{"type": "bridge"}]}
{"cniVersion": "1.0.0", "name": "x", "name": "y", "plugins": [{"type": "bridge"}]}
END
    jq -n '{cniVersion: "1.0.0", name: "x", plugins: [range(17) | {type: "bridge"}]}' >"$skiff_folder/lists/bad.conflist"
    run_fails 'list of 1 to 16' skiff network create --driver "cni:$skiff_folder/lists/bad.conflist" no
    jq -n '{cniVersion: "1.0.0", name: "x", plugins: [{type: "bridge", x: ("x" * 300000)}]}' >"$skiff_folder/lists/bad.conflist"
    run_fails 'bytes|large' skiff network create --driver "cni:$skiff_folder/lists/bad.conflist" no
    # One that does not speak the version.
    sed -i 's/"cniVersion": "1.0.0"/"cniVersion": "1.1.0"/' "$(list new '{"type": "bridge"}')"
    run_fails '"bridge" does not speak version 1.1.0' skiff network create --driver "cni:$skiff_folder/lists/new.conflist" no
    [ -z "$(skiff network ls -qf type=custom)" ]
}

gets_out()
{
    skiff ps >/dev/null
    skiff exec "$1" ping -c 1 -W 1 198.18.72.2
}

has_restarted()
{
    [ "$(skiff inspect -f '{{.RestartCount}}' "$1")" -ge 1 ]
}

# --- plugins that mean ill ------------------------------------------------------------------------

# net NAME PLUGIN...: a network of ours.
net()
{
    CNI_PATH=$fakes skiff network create --opt dev.skiff.cni.timeout=2 --driver "cni:$(list "$@")" "$1" >/dev/null
}

@test "a plugin gets what it should, and nothing else" {
    local before
    net fed "$(fake first)" "$(fake second capabilities=x | jq -c '.capabilities = {aliases: true, mac: true, ips: false}')"
    SECRET=1 LD_LIBRARY_PATH=/nowhere skiff run -d --name fed --network fed --network-alias friend \
        --mac-address 02:00:00:00:00:99 busybox sleep 1000 >/dev/null 5<"$BATS_TEST_FILENAME"
    [ "$(called)" = "first ADD second ADD " ]
    # The list's name and version, no capabilities, what came before, and of the wishes those it can.
    given first ADD '[.name, .cniVersion, .capabilities, .prevResult, .runtimeConfig]' | grep -Fx '["fed","1.0.0",null,null,null]'
    given second ADD .prevResult.ips[0].address | grep -Fx '"10.123.0.7/24"'
    given second ADD .runtimeConfig.mac | grep -Fx '"02:00:00:00:00:99"'
    given second ADD '.runtimeConfig.aliases | index("friend") != null' | grep -Fx true
    given second ADD '.runtimeConfig | keys' | grep -Fx '["aliases","mac"]'
    local id
    id=$(skiff inspect -f '{{.Id}}' fed)
    grep -Fx "CNI_CONTAINERID=$id" "$log.first.add"
    grep -Fx "CNI_IFNAME=eth0" "$log.first.add"
    grep -Fx "CNI_NETNS=$SKIFF_RUN_DIR/cni/$id/netns" "$log.first.add"
    grep -Fx "CNI_PATH=$fakes" "$log.first.add"
    run grep -E 'SECRET|LD_|SKIFF|HOME=' "$log.first.add"
    [ "$status" -ne 0 ]
    # Its own streams, and what ls opens; a session of its own.
    grep -Fx 'fds 0 1 2 3 ' "$log.first.add" || grep -x 'fds 0 1 2 [0-9]*' "$log.first.add"
    read -r _ pid _ sid < <(grep '^pid' "$log.first.add")
    [ "$pid" = "$sid" ]
    # What it says is what the container has.
    [ "$(address_of fed fed)" = 10.123.0.7 ]
    skiff inspect fed | jq -e '.[0].NetworkSettings.Networks.fed | .MacAddress == "02:00:00:00:00:07" and .Gateway == "10.123.0.1"'
    before=$(wc -l <"$log")
    skiff stop -t 0 fed >/dev/null
    [ "$(tail -n +$((before + 1)) "$log" | cut -d ' ' -f 1,2 | tr '\n' ' ')" = "second DEL first DEL " ]
    given first DEL .prevResult.ips[0].address | grep -Fx '"10.123.0.7/24"'
    grep -Fx "CNI_NETNS=$SKIFF_RUN_DIR/cni/$id/netns" "$log.first.del"
    # And again with the next start.
    skiff start fed >/dev/null
    [ "$(tail -n 2 "$log" | cut -d ' ' -f 1,2 | tr '\n' ' ')" = "first ADD second ADD " ]
}

@test "one that fails in the middle of a chain: all are taken back, and why is told in one line" {
    net bad "$(fake first)" "$(fake second add=fail)" "$(fake third)"
    run_fails 'the CNI plugin "second" failed at ADD: no .*cable.*: all of them are taken$' \
        skiff run --rm --network bad busybox true
    [[ $output != *$'\033'* ]]
    [ "$(called)" = "first ADD second ADD third DEL second DEL first DEL " ]
    [ -z "$(skiff ps -aq)" ]
    # A container that stays can be tried again.
    run_fails '"second" failed' skiff run -d --name kept --network bad busybox true
    [ "$(called)" = "first ADD second ADD third DEL second DEL first DEL first ADD second ADD third DEL second DEL first DEL " ]
    [ -z "$(find "$SKIFF_RUN_DIR/networks" -name '10.123*')" ]
}

@test "garbage, silence, floods and lies are no results" {
    local what pattern i=0
    while read -r what pattern; do
        i=$((i + 1))
        net "ill$i" "$(fake first)" "$(fake second "add=$what")"
        run_fails "$pattern" skiff run --rm --network "ill$i" busybox true
        [[ $output != *$'\033'* ]]
        [ "${#output}" -lt 1500 ]
        [ "$(tail -n 2 "$log" | cut -d ' ' -f 1,2 | tr '\n' ' ')" = "second DEL first DEL " ]
    done <<'END'
garbage what the CNI plugin "second" answers to ADD is no result
nothing what the CNI plugin "second" answers to ADD is no result
huge "second" answers ADD with more than 262144 bytes
quiet "second" failed at ADD with status 3
angry "second" failed at ADD: wrong in two lines
[] is no result
{} has no address
{"ips":5} are no list
{"ips":[{"address":"10.0.0.300/24"}]} none that a host may have
{"ips":[{"address":"10.0.0.3"}]} none that a host may have
{"ips":[{"address":"127.0.0.1/8"}]} none that a host may have
{"ips":[{"address":"224.0.0.1/8"}]} none that a host may have
{"ips":[{"address":"::1/128"}]} none that a host may have
{"ips":[{"address":"10.0.0.3/24","gateway":"fd00::1"}]} a gateway is no address
{"ips":[{"address":"../../etc/passwd"}]} none that a host may have
{"ips":[],"interfaces":"eth0"} it is none
{"ips":[{"address":"10.0.0.3/24"}],"interfaces":[{"name":"eth0","sandbox":"/x","mac":"zz"}]} a MAC address is none
END
}

@test "one that hangs is killed with all of its own, and what it holds up ends" {
    net slow "$(fake first)" "$(fake second add=hang)"
    run_fails '"second" has not answered ADD in 2 seconds, and was killed' skiff run --rm --network slow busybox true
    local pid
    # shellcheck disable=SC2013 # numbers
    for pid in $(cat "$log.hanging"); do
        until_true [ ! -e "/proc/$pid" ]
    done
    net slowly "$(fake first del=hang)"
    skiff run -d --name x1 --network slowly busybox sleep 1000 >/dev/null
    skiff rm -f x1
    # It is owed still, is seen, and does not hold up others.
    [ "$(find "$SKIFF_RUN_DIR/cni" -name '*.json' | wc -l)" = 1 ]
    run skiff system check
    output_has 'has not answered DEL in 2 seconds'
    run_fails 'has not answered DEL' skiff network rm slowly
    # A plugin that works again is enough.
    cp "$skiff_folder/plugins/first" "$skiff_folder/plugins/first.kept"
    printf '#!/bin/sh\n' >"$skiff_folder/plugins/first"
    skiff network rm slowly
    mv "$skiff_folder/plugins/first.kept" "$skiff_folder/plugins/first"
}

@test "off a network whose plugin fails at it: off, told, and tried again" {
    net sticky "$(fake first del=fail)"
    skiff network create --subnet 10.124.22.0/24 ours >/dev/null
    skiff run -d --name x1 --network ours busybox sleep 1000 >/dev/null
    skiff network connect sticky x1
    run_fails 'it is off, but not all that plugins have made is gone: .*failed at DEL: no .*cable' \
        skiff network disconnect sticky x1
    skiff inspect x1 | jq -e '.[0].NetworkSettings.Networks | has("sticky") | not'
    # It is owed before it can be on it again.
    run_fails 'has not let container' skiff network connect sticky x1
    run skiff system check
    output_has 'the plugins of network sticky have not let container'
    cp -p "$skiff_folder/plugins/first" "$skiff_folder/plugins/first.kept"
    printf '#!/bin/sh\n' >"$skiff_folder/plugins/first"
    run skiff system check --repair
    mv "$skiff_folder/plugins/first.kept" "$skiff_folder/plugins/first"
    output_has 'they have let it go now'
}

@test "a connect that is killed in the middle of ADD is undone" {
    net mid "$(fake first)" "$(fake second add=hang)"
    skiff run -d --name x1 busybox sleep 1000 >/dev/null
    "$SKIFF" network connect mid x1 3>&- &
    local run=$!
    until_true [ -s "$log.hanging" ]
    kill -9 "$run"
    xargs -r kill <"$log.hanging" 2>/dev/null || true
    run_fails 'not connected' skiff network disconnect mid x1
    skiff rm -f x1
    [ "$(tail -n 2 "$log" | cut -d ' ' -f 1,2 | tr '\n' ' ')" = "second DEL first DEL " ]
}

@test "beside a firewall that drops what it does not know" {
    require_command nft
    net_host cni-wall 74
    # A machine of its own, whose first container this is.
    there() { SKIFF_RUN_DIR=$BATS_TEST_TMPDIR/run nsenter --net=/run/netns/skt-cni-wall "$SKIFF" "$@"; }
    on cni-wall nft 'add table inet wall; add chain inet wall forward { type filter hook forward priority 0; policy drop; }'
    on cni-wall sysctl -qw net.ipv4.ip_forward=1
    there network create --driver cni:bridge --subnet 10.124.23.0/24 walled >/dev/null
    run there run --rm --network walled busybox ping -c 1 -W 2 198.18.74.1
    there network rm walled
    output_has '1 packets received'
}

@test "a monitor that is killed: the next command takes the container off, rules and leases too" {
    skiff network create --driver cni:bridge --subnet 10.124.9.0/24 lost
    skiff run -d --name lost --network lost -p 18475:80 web >/dev/null
    local id monitor
    id=$(skiff inspect -f '{{.Id}}' lost)
    rules | grep -q MASQUERADE
    monitor=$(ps -o ppid= -p "$(skiff inspect -f '{{.State.Pid}}' lost)")
    kill -9 "$monitor"
    until_true test "$(skiff inspect -f '{{.State.Running}}' lost)" = false
    skiff ps -a >/dev/null
    [ -z "$(rules)" ]
    [ -z "$(links)" ]
    [ -z "$(find "$SKIFF_RUN_DIR" -name '10.124.9.*')" ]
    skiff start lost >/dev/null
    until_served 127.0.0.1 18475
}

@test "killed in the middle of ADD: the plugin goes too, and DEL is not forgotten" {
    net mid "$(fake first)" "$(fake second add=hang)"
    "$SKIFF" run --rm --network mid busybox true 3>&- &
    local run=$! pid
    until_true [ -s "$log.hanging" ]
    kill -9 "$run"
    read -r pid _ <"$log.hanging"
    until_true [ ! -e "/proc/$pid" ]
    xargs -r kill <"$log.hanging" 2>/dev/null || true # what it had left behind
    skiff ps -a >/dev/null
    [ "$(tail -n 2 "$log" | cut -d ' ' -f 1,2 | tr '\n' ' ')" = "second DEL first DEL " ]
}

@test "connected and disconnected while it runs, beside others, and started again" {
    skiff network create --subnet 10.124.10.0/24 ours >/dev/null
    skiff network create --driver cni:bridge --subnet 10.124.11.0/24 theirs >/dev/null
    skiff run -d --name both --network ours busybox sleep 1000 >/dev/null
    skiff run -d --name web --network theirs web >/dev/null
    skiff network connect --alias guest theirs both
    skiff exec both ip -4 addr show eth1 | grep -q 'inet 10.124.11'
    # The way out is the first by name, as ever.
    [ "$(skiff exec both ip route | sed -n 's/^default via \([0-9.]*\) .*/\1/p')" = 10.124.10.1 ]
    skiff exec both wget -qO- http://web/cgi-bin/who
    skiff exec web nslookup guest | grep -q '10.124.11'
    skiff inspect both | jq -e '.[0].NetworkSettings.Networks | length == 2'
    run_fails "active endpoints" skiff network rm theirs
    skiff network disconnect ours both
    [ "$(skiff exec both ip route | sed -n 's/^default via \([0-9.]*\) .*/\1/p')" = 10.124.11.1 ]
    skiff network connect ours both
    skiff network disconnect theirs both
    run skiff exec both ip addr show eth1
    [ "$status" -ne 0 ]
    [ "$(skiff exec both ip route | sed -n 's/^default via \([0-9.]*\) .*/\1/p')" = 10.124.10.1 ]
    skiff network connect theirs both
    skiff restart -t 0 both
    skiff exec both ip -4 addr | grep -q 'inet 10.124.11'
    [ "$(skiff exec both ip route | sed -n 's/^default via \([0-9.]*\) .*/\1/p')" = 10.124.10.1 ]
    skiff exec both wget -qO- http://web/cgi-bin/who
}

@test "name servers that a network names are asked, from the container" {
    require_command dig python3
    mkdir -p "$BATS_TEST_TMPDIR/dns"
    net_host cni-names 73
    ip netns exec skt-cni-names python3 "$SKIFF_SOURCE/tests/lib/name_server.py" 198.18.73.2 53 "$BATS_TEST_TMPDIR/dns/log" \
        >"$BATS_TEST_TMPDIR/dns/out" 2>&1 3>&- &
    until_true grep -q ready "$BATS_TEST_TMPDIR/dns/out"
    skiff network create --driver cni:bridge --subnet 10.124.21.0/24 \
        --opt 'dns={"nameservers": ["198.18.73.2"]}' told >/dev/null
    skiff run -d --name told --network told host sleep 1000 >/dev/null
    skiff inspect told | jq -e '.[0].NetworkSettings.Networks.told.DNS.nameservers == ["198.18.73.2"]'
    skiff exec told dig +tries=1 +time=4 "a.somewhere.test" >/dev/null || true
    grep -q somewhere "$BATS_TEST_TMPDIR/dns/log"
    skiff run --rm --network told --dns 198.18.73.9 host sh -c 'dig +tries=1 +time=1 b.elsewhere.test' >/dev/null || true
    run grep elsewhere "$BATS_TEST_TMPDIR/dns/log"
    [ "$status" -ne 0 ]
}

@test "several of them for one container: one way out, as ever the first by name" {
    skiff network create --driver cni:bridge --subnet 10.124.18.0/24 second >/dev/null
    skiff network create --driver cni:bridge --subnet 10.124.19.0/24 first >/dev/null
    run_ok skiff run --rm --network second --network first busybox ip route
    [[ ${lines[0]} == "default via 10.124.19.1 dev eth1"* ]]
    run_ok skiff run --rm --network name=second,gw-priority=1 --network first busybox ip route
    [[ ${lines[0]} == "default via 10.124.18.1 dev eth0"* ]]
}

@test "IPv6 alone, a user namespace, a shared namespace, a restart by policy" {
    skiff network create --driver cni:bridge --ipv4=false --ipv6 --subnet fd7d::/64 six >/dev/null
    skiff run -d --name web --network six -p 18478:80 web >/dev/null
    skiff run --rm --network six busybox wget -qO- http://web/cgi-bin/who
    [ -n "$(asks "[::1]" 18478)" ] || [ -n "$(asks "[fd7d::2]" 80)" ]
    skiff rm -f web
    skiff network create --driver cni:bridge --subnet 10.124.20.0/24 all >/dev/null
    skiff run --rm --userns private --network all busybox ip -4 addr show eth0 | grep -q 'inet 10.124.20'
    skiff run -d --name again --restart always --network all -p 18478:80 busybox sh -c 'httpd -p 80; sleep 1' >/dev/null
    skiff run --rm --network container:again busybox ip -4 addr show eth0 | grep -q 'inet 10.124.20'
    until_true has_restarted again
    until_true curl -s -o "$BATS_TEST_TMPDIR/page" --max-time 1 http://127.0.0.1:18478/
    skiff rm -f again
    [ -z "$(find "$SKIFF_RUN_DIR" -name '10.124.20.*')" ]
    [ -z "$(rules)" ]
}

@test "a published port stays where it is when networks come and go" {
    skiff network create --subnet 10.124.12.0/24 zours >/dev/null
    skiff network create --driver cni:bridge --subnet 10.124.13.0/24 atheirs >/dev/null
    skiff run -d --name web --network zours -p 18476:80 web >/dev/null
    run_fails "lower --gw-priority" skiff network connect atheirs web
    skiff network connect --gw-priority -1 atheirs web
    until_served 127.0.0.1 18476
    skiff rm -f web
    skiff run -d --name web --network atheirs -p 18476:80 web >/dev/null
    until_served 127.0.0.1 18476
    skiff network connect --gw-priority 1 zours web
    until_served 127.0.0.1 18476
    skiff network disconnect zours web
    until_served 127.0.0.1 18476
}

@test "twenty at a time: no address twice, and all are free again" {
    skiff network create --driver cni:bridge --subnet 10.124.14.0/24 crowd >/dev/null
    local i pids=()
    for i in {1..20}; do
        skiff run -d --name "one$i" --network crowd busybox sleep 1000 >/dev/null 3>&- &
        pids+=($!)
    done
    wait_all "${pids[@]}"
    skiff network inspect crowd | jq -r '.[0].Containers[].IPv4Address' | sort >"$BATS_TEST_TMPDIR/addresses"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/addresses")" = 20 ]
    [ "$(uniq "$BATS_TEST_TMPDIR/addresses" | wc -l)" = 20 ]
    skiff exec one7 ping -c 1 -W 2 one13
    skiff ps -q | xargs "$SKIFF" rm -f >/dev/null
    [ -z "$(find "$SKIFF_RUN_DIR" -name '10.124.14.*')" ]
    [ -z "$(links)" ]
    [ -z "$(rules)" ]
}

@test "neither walls of ours nor of theirs fall" {
    skiff network create --driver cni:bridge --subnet 10.124.15.0/24 theirs >/dev/null
    skiff network create --subnet 10.124.16.0/24 ours >/dev/null
    skiff run -d --name mine --network ours web >/dev/null
    skiff run -d --name web --network theirs web >/dev/null
    skiff exec mine wget -qO- http://127.0.0.1/cgi-bin/who
    # Ours is not reached from there but by a published port.
    run skiff exec web timeout 2 wget -qO- "http://$(address_of mine ours)/cgi-bin/who"
    [ "$status" -ne 0 ]
    run skiff exec web ping -c 1 -W 1 "$(address_of mine ours)"
    [ "$status" -ne 0 ]
    # Both have a way out.
    net_host cni-far 72
    # (Others' tests flush tables, which the next command notices.)
    until_true gets_out web
    until_true gets_out mine
}

@test "a check asks the plugins" {
    skiff network create --driver cni:bridge --subnet 10.124.17.0/24 seen >/dev/null
    skiff run -d --name seen --network seen web >/dev/null
    run skiff system check # which tells of others' groups and cables, too
    output_lacks 'network seen'
    nsenter --net="/proc/$(skiff inspect -f '{{.State.Pid}}' seen)/ns/net" ip addr flush dev eth0
    run skiff system check
    [ "$status" -ne 0 ]
    local said=$output
    # It goes by the address when it clears away.
    nsenter --net="/proc/$(skiff inspect -f '{{.State.Pid}}' seen)/ns/net" ip addr add 10.124.17.2/24 dev eth0
    output=$said
    output_has 'network seen: the CNI plugin "[a-z]*" failed at CHECK'
}

@test "what a container asks of no such network costs it nothing" {
    skiff run --rm busybox true
    strace -f -qq -e trace=%file -o "$BATS_TEST_TMPDIR/calls" "$SKIFF" run --rm busybox true || skip "strace is missing"
    # Once, at its end: whether something is owed.
    [ "$(grep -c '"cni' "$BATS_TEST_TMPDIR/calls")" -le 1 ]
    run grep -E '/usr/lib/cni|net\.d' "$BATS_TEST_TMPDIR/calls"
    [ "$status" -ne 0 ]
}

# One of five lives, by chance; some are cut off anywhere.
live()
{
    local name=$1 pid
    case $((RANDOM % 5)) in
    0) timeout -s KILL "0.$((RANDOM % 30 + 5))" "$SKIFF" run --rm --name "$name" --network storm busybox sleep 0.3 ;;
    1)
        skiff run -d --name "$name" --network storm busybox sleep 1000
        pid=$(skiff inspect -f '{{.State.Pid}}' "$name")
        kill -9 "$(ps -o ppid= -p "$pid" | tr -d ' ')"
        ;;
    2) skiff run --rm --name "$name" --network storm busybox true ;;
    3)
        skiff run -d --name "$name" busybox sleep 1000
        timeout -s KILL "0.$((RANDOM % 20 + 3))" "$SKIFF" network connect storm "$name"
        skiff rm -f "$name"
        ;;
    4)
        skiff run -d --name "$name" --network storm busybox sleep 1000
        skiff network disconnect storm "$name"
        skiff network connect storm "$name"
        skiff rm -f "$name"
        ;;
    esac
}

lives()
{
    local k
    for k in 1 2 3; do
        live "s$1x$k" || true
    done
}

@test "containers that come, go and are killed, six at a time: nothing is left" {
    skiff network create --driver cni:bridge --subnet 10.124.24.0/24 storm >/dev/null
    local i pids=()
    for i in {1..6}; do
        lives "$i" >/dev/null 2>&1 3>&- &
        pids+=($!)
    done
    wait_all "${pids[@]}" || true
    skiff ps -aq | xargs -r "$SKIFF" rm -f >/dev/null
    [ -z "$(find "$SKIFF_RUN_DIR" -name '10.124.24.*')" ]
    [ -z "$(links)" ]
    [ -z "$(rules)" ]
}
