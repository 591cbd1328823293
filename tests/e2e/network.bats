# networks as objects: made, listed, inspected, removed; what requests say of them, until a container
# starts. What goes over them is told in other files.
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
}

teardown_file()
{
    networks_cleanup
    skiff_teardown
}

teardown()
{
    skiff_cleanup
    networks_cleanup
}

networks_cleanup()
{
    skiff network ls -qf type=custom | xargs -r "$SKIFF" network rm >/dev/null
    [ ! -e /run/netns/skt-objects ] || ip netns del skt-objects
}

# bridge_of NAME: the link's name.
bridge_of()
{
    echo "sk-$(skiff network inspect -f '{{.Id}}' "$1" | cut -c 1-10)"
}

# asked NAME: what its document says of networks, on one line.
asked()
{
    skiff inspect -f '{{.HostConfig.NetworkMode}} {{json .HostConfig.PortBindings}} {{.HostConfig.PublishAllPorts}} {{json .Config.ExposedPorts}}' "$1"
}

# --- create, inspect, rm -------------------------------------------------------------------------

@test "create: an ID, a bridge with a free range, and a file that inspect shows" {
    run_ok skiff network create web
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    id=$output
    run_ok skiff network inspect -f '{{.Name}} {{.Id}} {{.Driver}} {{.Scope}} {{.Internal}} {{.EnableIPv6}} {{len .Containers}}' web
    output_is "web $id bridge local false false 0"
    range=$(skiff network inspect -f '{{(index .IPAM.Config 0).Subnet}}' web)
    gateway=$(skiff network inspect -f '{{(index .IPAM.Config 0).Gateway}}' web)
    [[ $range =~ /[0-9]+$ ]]
    differs "its bridge has another name" || {
        run_ok ip -4 -o addr show dev "$(bridge_of web)"
        output_has " $gateway/"
    }
    # A second one has another range; the ID and its beginning are names, too.
    skiff network create other >/dev/null
    [ "$(skiff network inspect -f '{{(index .IPAM.Config 0).Subnet}}' other)" != "$range" ]
    run_ok skiff network inspect -f '{{.Name}}' "$id" "${id:0:12}" "${id:0:5}"
    output_is $'web\nweb\nweb'
}

@test "create: all that can be said" {
    run_ok skiff network create --subnet 10.213.0.0/16 --gateway 10.213.0.9 --ip-range 10.213.4.0/24 \
        --aux-address router=10.213.4.1 --internal --attachable --label a=b --label c \
        -o com.docker.network.driver.mtu=1400 full
    run_ok skiff network inspect -f '{{json .IPAM.Config}} {{.Internal}} {{.Attachable}} {{json .Labels}} {{json .Options}}' full
    output_is '[{"Subnet":"10.213.0.0/16","IPRange":"10.213.4.0/24","Gateway":"10.213.0.9","AuxiliaryAddresses":{"router":"10.213.4.1"}}] true true {"a":"b","c":""} {"com.docker.network.driver.mtu":"1400"}'
}

@test "create: IPv6 with a range of its own, or one that is said" {
    run_ok skiff network create --ipv6 --subnet fd12:3456:789a::/64 six
    run_ok skiff network inspect -f '{{.EnableIPv6}} {{json .IPAM.Config}}' six
    output_has 'true .*"Subnet":"fd12:3456:789a::/64"'
    needs_skiff "there an IPv6 range must be said"
    run_ok skiff network create --ipv6 any
    run_ok skiff network inspect -f '{{json .IPAM.Config}}' any
    output_has '"Subnet":"fd[0-9a-f:]+::/64"'
}

@test "create: names" {
    skiff network create web >/dev/null
    run_fails 'network with name web already exists' skiff network create web
    for name in bridge host none default; do
        run_fails "operation is not permitted on predefined $name network" skiff network create $name
    done
    needs_skiff "there a name may be anything"
    for name in a/b 'a b' ../x _a container:x ''; do
        run_fails 'invalid network name' skiff network create "$name"
    done
    run_fails 'private' skiff network create private
    [ "$(ls "$SKIFF_ROOT/networks")" = web.json ]
}

@test "create: what makes no sense is refused, and leaves nothing" {
    needs_skiff "other words"
    refused()
    {
        local words=$1
        shift
        run_fails "$words" skiff network create "$@" bad
    }
    # On a host of its own, for links are counted.
    ip netns del skt-objects 2>/dev/null || true
    ip netns add skt-objects
    skiff() { nsenter --net=/run/netns/skt-objects "$SKIFF" "$@"; }
    skiff network create --subnet 10.213.0.0/16 taken >/dev/null
    links=$(ip -n skt-objects -o link | wc -l)
    refused 'it should be 10.214.0.0/16' --subnet 10.214.0.1/16
    refused 'invalid CIDR address: 10.214.0.0' --subnet 10.214.0.0
    refused 'Pool overlaps with other one on this address space' --subnet 10.213.128.0/24
    refused 'multiple overlapping subnet' --subnet 10.0.0.0/8 --subnet 10.1.0.0/16
    refused 'every ip-range or gateway must have a corresponding subnet' --gateway 10.214.0.1
    refused 'no matching subnet for gateway 10.9.9.9' --subnet 10.214.0.0/16 --gateway 10.9.9.9
    refused 'no matching subnet for range 10.9.9.0/24' --subnet 10.214.0.0/16 --ip-range 10.9.9.0/24
    refused 'no matching subnet for aux-address 10.9.9.9' --subnet 10.214.0.0/16 --aux-address a=10.9.9.9
    refused 'IPv6 has not been enabled' --subnet fd12::/64
    refused 'could not find the network driver "nonsense"' -d nonsense
    refused 'only one instance of "host" network is allowed' -d host
    refused 'unknown option "com.docker.network.bridge.nmae"' -o com.docker.network.bridge.nmae=x
    refused 'mtu value: "x"' -o com.docker.network.driver.mtu=x
    refused 'unknown option "dev.skiff.publish.source"' -o dev.skiff.publish.source=10.0.0.0/8
    refused 'invalid dev.skiff.publish.sources nonsense' -o dev.skiff.publish.sources=10.0.0.0/8,nonsense
    refused 'it should be 10.0.0.0/8' -o dev.skiff.publish.sources=10.0.0.1/8
    refused 'invalid dev.skiff.publish.sources : ' -o dev.skiff.publish.sources=10.0.0.0/8,
    refused 'more than 64 ranges' -o "dev.skiff.publish.sources=$(seq -s , -f '192.0.2.%g' 1 65)"
    refused 'no link "nosuch"' -d macvlan -o parent=nosuch
    ip -n skt-objects link add name objects0 type veth peer name objects1
    refused 'no bridge' -o com.docker.network.bridge.name=objects0
    ip -n skt-objects link del objects0
    refused 'there is no swarm' --scope swarm
    refused 'there is no swarm' --ingress
    [ "$(ip -n skt-objects -o link | wc -l)" -eq "$links" ]
    [ "$(ls "$SKIFF_ROOT/networks")" = taken.json ]
}

@test "create: of several with one name at the same time one succeeds" {
    for i in 1 2 3 4 5 6; do
        skiff network create same >"$BATS_TEST_TMPDIR/$i" 2>&1 3>&- &
    done
    wait_all
    run grep -lE '^[0-9a-f]{64}$' "$BATS_TEST_TMPDIR"/?
    [ "${#lines[@]}" -eq 1 ] || told "not one of them made it"
    [ "$(grep -l 'already exists' "$BATS_TEST_TMPDIR"/? | wc -l)" -eq 5 ]
    needs_skiff "the bridges have other names"
    id=$(cat "${lines[0]}")
    # Those of the others are gone.
    [ -e "/sys/class/net/sk-${id:0:10}" ]
    [ "$(skiff network ls -qf name=same)" = "${id:0:12}" ]
}

@test "a configuration for others" {
    skiff network create --config-only --subnet 10.215.0.0/16 pattern >/dev/null
    run_ok skiff network create --config-from pattern made
    run_ok skiff network inspect -f '{{(index .IPAM.Config 0).Subnet}} {{.ConfigFrom.Network}} {{.ConfigOnly}}' made
    output_is '10.215.0.0/16 pattern false'
    run_fails 'in use' skiff network rm pattern
    run_fails 'not a configuration network' skiff network create --config-from made x
    run_fails 'does not exist' skiff network create --config-from nosuch x
    needs_skiff "at start there"
    run_fails 'pattern cannot be attached to' skiff run --rm --network pattern busybox true
    skiff network rm made pattern
}

@test "rm: the bridge goes too; several; those that are not there" {
    skiff network create one >/dev/null
    skiff network create two >/dev/null
    bridge=$(bridge_of one)
    run_ok skiff network rm one two
    output_is $'one\ntwo'
    [ ! -e "/sys/class/net/$bridge" ]
    run_fails 'network one not found' skiff network rm one
    run_ok skiff network rm -f one
    run_fails 'bridge is a pre-defined network and cannot be removed' skiff network rm bridge
    # The rest is removed all the same.
    skiff network create one >/dev/null
    run skiff network rm nosuch one
    [ "$status" -eq 1 ]
    run_ok skiff network ls -qf type=custom
    output_is ''
}

@test "rm: a bridge that somebody deleted is no hindrance" {
    needs_skiff "its bridge has another name"
    skiff network create web >/dev/null
    ip link del "$(bridge_of web)"
    run_ok skiff network rm web
}

@test "a file that is damaged, or is none, is told of and breaks nothing else" {
    needs_skiff "other files"
    skiff network create web >/dev/null
    echo '{"Name":"bad","Id":"x"}' >"$SKIFF_ROOT/networks/bad.json"
    mkfifo "$SKIFF_ROOT/networks/fifo.json"
    ln -s /etc/passwd "$SKIFF_ROOT/networks/link.json"
    sed 's/"web"/"x"/' "$SKIFF_ROOT/networks/web.json" >"$SKIFF_ROOT/networks/wrong.json"
    run --separate-stderr skiff network ls --format '{{.Name}}'
    rm "$SKIFF_ROOT"/networks/{bad,fifo,link,wrong}.json
    [ "$status" -eq 0 ]
    output_is $'bridge\nhost\nnone\nweb'
    # In one line, and what is wrong with each when it is asked for.
    # shellcheck disable=SC2154 # bats sets stderr
    [[ $stderr == *'4 networks cannot be read, and are left out ('* ]]
    for name in bad fifo link wrong; do
        [[ $stderr == *"$name"* ]]
    done
}

# --- ls, prune -----------------------------------------------------------------------------------

@test "ls: columns, filters, formats" {
    run_ok skiff network ls --format '{{.Name}} {{.Driver}} {{.Scope}}'
    output_is $'bridge bridge local\nhost host local\nnone null local'
    skiff network create --label a=b web >/dev/null
    skiff network create --internal web2 >/dev/null
    run_ok skiff network ls
    output_has '^NETWORK ID +NAME +DRIVER +SCOPE'
    filtered()
    {
        local want=$1
        shift
        run_ok skiff network ls --format '{{.Name}}' "$@"
        [ "$(sort <<<"$output" | xargs)" = "$want" ] || told "expected $want of $*"
    }
    filtered 'web web2' -f type=custom
    filtered 'bridge host none' -f type=builtin
    filtered 'web web2' -f name=web
    filtered web -f label=a
    filtered web -f label=a=b
    filtered '' -f label=a=c
    filtered 'host none' -f driver=host -f driver=null
    filtered 'web web2' -f dangling=true
    filtered web -f "id=$(skiff network inspect -f '{{.Id}}' web)"
    run_fails 'invalid filter' skiff network ls -f nonsense=1
    run_ok skiff network ls -q --no-trunc -f name=web2
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    run_ok skiff network ls --format json -f name=web2
    [ "$(jq -r '.Name + .Internal + .IPv6' <<<"$output")" = web2truefalse ]
}

@test "prune: what no container has, running or not" {
    skiff network create free >/dev/null
    skiff network create --label keep=1 kept >/dev/null
    skiff network create asked >/dev/null
    skiff create --name later --network asked busybox true >/dev/null
    run_ok skiff network prune -f --filter until=1h
    output_is ''
    run_ok skiff network prune -f --filter label!=keep
    output_is $'Deleted Networks:\nfree'
    run_fails 'cancelled' skiff network prune </dev/null || [ "$status" -eq 1 ]
    run_ok skiff network ls -qf type=custom
    [ "${#lines[@]}" -eq 2 ]
    skiff rm later >/dev/null
    run_ok skiff system prune -f
    output_has 'Deleted Networks:'
    run_ok skiff network ls -qf type=custom
    output_is ''
}

@test "events tell of them" {
    skiff network create web >/dev/null
    skiff network rm web >/dev/null
    run_ok skiff events --since 10m --until 0s --filter type=network --format '{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}}'
    output_has $'create web bridge\ndestroy web bridge$'
}

# --- requests ------------------------------------------------------------------------------------

@test "ports: -p, -P and --expose in the document" {
    skiff create --name ports -p 8080:80 -p 127.0.0.1::53/udp --expose 9000-9001 -P busybox true >/dev/null
    run_ok asked ports
    differs "sorted" || output_is 'bridge {"80/tcp":[{"HostIp":"","HostPort":"8080"}],"53/udp":[{"HostIp":"127.0.0.1","HostPort":""}]} true {"9000/tcp":{},"9001/tcp":{},"80/tcp":{},"53/udp":{}}'
    for bad in abc 80/foo 1.2.3:80:80 90-80 8080:80-82; do
        run_status 125 skiff run --rm -p $bad busybox true
        output_has 'invalid '
    done
    run_ok skiff ps -aqf publish=80
    [ -n "$output" ]
    run_ok skiff ps -aqf expose=9000-9001/tcp
    [ -n "$output" ]
    run_ok skiff ps -aqf publish=9000
    output_is ''
}

@test "networks in a request: known ones, by their names" {
    skiff network create --subnet 10.213.0.0/16 web >/dev/null
    skiff network create db >/dev/null
    id=$(skiff network inspect -f '{{.Id}}' web)
    needs_skiff "a newer API than that of the daemons at hand"
    skiff create --name both --network "${id:0:12}" --ip 10.213.0.7 --network-alias front \
        --network name=db,alias=a,alias=b,gw-priority=5 busybox true >/dev/null
    # shellcheck disable=SC2016 # the template's own variables
    run_ok skiff inspect -f '{{.HostConfig.NetworkMode}} {{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{json $e.IPAMConfig}} {{json $e.Aliases}} {{$e.GwPriority}};{{end}}' both
    output_is 'web db null ["a","b"] 5;web {"IPv4Address":"10.213.0.7"} ["front"] 0;'
    run_ok skiff ps -aqf network=db
    [ -n "$output" ]
    run_ok skiff ps -a --format '{{.Networks}}'
    output_is web,db
}

@test "networks in a request: what is refused" {
    skiff network create --subnet 10.213.0.0/16 web >/dev/null
    refused()
    {
        local words=$1
        shift
        run_status 125 skiff run --rm "$@" busybox true
        output_has "$words" || return
    }
    refused 'network nosuch not found' --network nosuch
    refused 'network "web" is specified multiple times' --network web --network web
    refused 'cannot attach both user-defined and non-user-defined network-modes' --network web --network bridge
    refused 'network-scoped aliases are only supported for networks that have names' --network none --network-alias x
    refused 'user specified IP address is supported on user defined networks only' --ip 10.213.0.2
    refused 'user specified IP address is supported on user defined networks only' --ip 10.213.0.2 --network none
    refused 'zz is not a valid mac address' --mac-address zz
    refused 'invalid field key foo' --network name=web,foo=bar
    refused 'conflicting options: cannot specify both --ip and per-network IPv4 address' --network name=web,ip=10.213.0.2 --ip 10.213.0.3
    refused 'conflicting options: port publishing and the container type network mode' --network container:x -p 80
    refused 'conflicting options: port exposing and the container type network mode' --network container:x --expose 80
    needs_skiff "a newer API than that of the daemons at hand"
    refused 'no configured subnet contains IP address 10.9.9.9' --network web --ip 10.9.9.9
    refused 'invalid IPv4 address: x' --network web --ip x
    refused 'no configured subnet contains IP address fd00::1' --network web --ip6 fd00::1
    refused 'network "web" is specified multiple times' --network web --network "$(skiff network inspect -f '{{.Id}}' web)"
    refused 'connected to host network' --network none --network host
    run_ok skiff ps -aq
    output_is ''
}

@test "--network host and -p: a warning, and no port" {
    run_ok skiff run --rm --network host -p 80:80 busybox true
    output_has 'Published ports are discarded when using host network mode'
}

@test "what an image exposes, and what it may not" {
    needs_skiff "there such an image cannot be made"
    skiff import -c 'EXPOSE 80 53/udp' "$(rootfs_busybox)" exposing:latest >/dev/null
    skiff create --name own --expose 99 exposing true >/dev/null
    run_ok skiff inspect -f '{{json .Config.ExposedPorts}}' own
    [ "$(jq -c 'keys' <<<"$output")" = '["53/udp","80/tcp","99/tcp"]' ]
    skiff run -d --name ps --network none exposing sleep 1000 >/dev/null
    run_ok skiff ps --format '{{.Ports}}'
    output_is '80/tcp, 53/udp'
    skiff_cleanup
    skiff rmi exposing >/dev/null
}

# --- looking -------------------------------------------------------------------------------------

@test "graph: text and dot" {
    needs_skiff "there is none"
    skiff network create --subnet 10.213.0.0/16 --internal web >/dev/null
    run_ok skiff network graph
    output_has "web \(bridge $(bridge_of web), internal\)  10.213.0.0/16"
    run_ok skiff network graph --format dot
    output_has '^graph networks \{'
    output_has '"n:web" \[shape=ellipse, label="web\\n10.213.0.0/16"\]'
    output_lacks 'host -- "n:web"'
    run_fails 'invalid format' skiff network graph --format x
}

@test "completion knows them" {
    needs_skiff "its own"
    skiff network create web >/dev/null
    run_ok skiff __complete network rm w
    output_has '^web'
    run_ok skiff __complete run --network w
    output_has '^web'
    run_ok skiff __complete network cr
    output_has '^create'
}
