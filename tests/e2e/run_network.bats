# run: names and the network: host name, hosts, resolv.conf, the default bridge.
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
}

teardown_file()
{
    skiff_teardown
}

teardown()
{
    skiff_cleanup
    [ -z "${other:-}" ] || SKIFF_ROOT=$other/root SKIFF_RUN_DIR=$other/run skiff_cleanup
}

bb()
{
    skiff run --rm "$@"
}

@test "-h, --hostname: everywhere a program looks; --domainname with it" {
    run_ok bb -h box busybox sh -c 'hostname; cat /etc/hostname; echo $HOSTNAME; tail -n 1 /etc/hosts | cut -f2'
    output_is $'box\nbox\nbox\nbox'
    run_ok bb --hostname=box --domainname example.org busybox sh -c 'cat /proc/sys/kernel/domainname; tail -n 1 /etc/hosts | cut -f2'
    output_is $'example.org\nbox.example.org box'
    differs "a blank in it is taken" || {
        run_status 125 bb -h 'a b' busybox true
        output_has 'invalid hostname'
    }
    run_status 125 bb -h "$(printf 'a%.0s' {1..65})" busybox true
    run_status 125 bb -h x --uts host busybox true
    output_has 'conflicting options: hostname and the UTS mode'
}

@test "--network host: the machine's name, hosts and resolv.conf" {
    run_ok bb --network host busybox sh -c 'hostname; cat /etc/hosts | md5sum; cat /etc/resolv.conf | md5sum'
    [ "${lines[0]}" = "$(hostname)" ]
    [ "${lines[1]}" = "$(md5sum </etc/hosts)" ]
    run_ok bb --network host -h other busybox hostname
    output_is other
}

@test "--add-host: lines in hosts" {
    run_ok bb --add-host a.example:192.0.2.1 --add-host b=192.0.2.2 --add-host six:2001:db8::1 busybox grep -E '192|2001' /etc/hosts
    output_is $'192.0.2.1\ta.example\n192.0.2.2\tb\n2001:db8::1\tsix'
    for bad in a a: :1.2.3.4 a:1.2.3 a:x; do
        run_status 125 bb --add-host $bad busybox true
    done
    gateway=$(skiff run --rm busybox ip route | awk '/^default/ { print $3 }')
    run_ok bb --add-host host.docker.internal:host-gateway busybox grep host.docker /etc/hosts
    output_is "$gateway"$'\thost.docker.internal'
}

@test "--dns, --dns-search, --dns-option: in place of the host's" {
    run_ok bb --dns 192.0.2.53 --dns 2001:db8::53 --dns-search a.example --dns-search b.example \
        --dns-option ndots:3 --dns-opt timeout:1 busybox cat /etc/resolv.conf
    local servers=$'nameserver 127.0.0.11' # who asks them
    differs "there are no names on the default bridge" && servers=$'nameserver 192.0.2.53\nnameserver 2001:db8::53'
    [ "$(grep -v '^#' <<<"$output" | sort)" = "$servers"$'\noptions ndots:3 timeout:1\nsearch a.example b.example' ]
    run_ok bb --network none --dns 192.0.2.53 --dns 2001:db8::53 busybox cat /etc/resolv.conf
    [ "$(grep ^nameserver <<<"$output")" = $'nameserver 192.0.2.53\nnameserver 2001:db8::53' ]
    run_ok bb --dns-search . busybox cat /etc/resolv.conf
    output_lacks search
    run_status 125 bb --dns nonsense busybox true
    output_has '(nonsense is not an ip address|not correctly formatted: nonsense)'
}

@test "--network none: loopback alone" {
    run_ok bb --network none busybox sh -c 'ls /sys/class/net; ip -4 -o addr | wc -l; wc -l </proc/net/route; cut -f2 /etc/hosts | grep -c localhost'
    output_is $'lo\n1\n1\n2'
    run bb --network none busybox ping -c 1 -W 1 192.0.2.1
    output_has 'etwork is unreachable'
}

@test "--net, bridge, default and a network nobody knows" {
    for mode in --net=bridge --network=default; do
        run_ok bb $mode busybox ls /sys/class/net
        output_is $'eth0\nlo'
    done
    run_ok bb --net none busybox ls /sys/class/net
    output_is lo
    run_status 125 bb --network nonsense busybox true
    output_has nonsense
}

@test "two containers reach each other over the bridge" {
    skiff run -d --name server busybox sh -c 'while :; do echo served | nc -l -p 80; done' >/dev/null
    address=$(skiff inspect -f '{{.NetworkSettings.IPAddress}}' server)
    served()
    {
        [ "$(skiff run --rm busybox nc -w 5 "$address" 80)" = served ]
    }
    until_true served
    run_ok skiff inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}} {{.NetworkSettings.Bridge}}' server
    output_has "^$address"
    differs "the bridge has another name" || output_is "$address skiff0"
}

@test "addresses are each container's own, also of two engines at the same time" {
    needs_skiff "one engine"
    other=$BATS_FILE_TMPDIR/other
    mkdir "$other"
    engine()
    {
        if [ "$1" = 0 ]; then skiff "${@:2}"; else skiff --root "$other/root" --run-dir "$other/run" "${@:2}"; fi
    }
    engine 1 import -c 'CMD ["sh"]' "$(rootfs_busybox)" busybox:latest >/dev/null
    pids=()
    for i in 1 2 3 4 5 6; do
        engine $((i % 2)) run -d --name "same$((i / 2))$((i % 2))" busybox sleep 1000 >/dev/null 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    for e in 0 1; do
        [ "$(engine $e ps -q | wc -l)" -eq 3 ]
        for id in $(engine $e ps -q); do
            engine $e inspect -f '{{.NetworkSettings.IPAddress}}' "$id"
        done
    done >"$BATS_TEST_TMPDIR/addresses"
    [ "$(sort -u "$BATS_TEST_TMPDIR/addresses" | wc -l)" -eq 6 ]
    # Both on one bridge: one reaches the other's.
    last=$(tail -n 1 "$BATS_TEST_TMPDIR/addresses")
    run_ok engine 0 run --rm busybox ping -c 1 -W 5 "$last"
    # A name of one is none of the other's, and its containers are not seen.
    engine 1 run -d --name only busybox sleep 1000 >/dev/null
    run_fails 'no such container: only' engine 0 rm only
    run_ok engine 0 run --name only busybox true
}

@test "--network container:NAME: interfaces, address, names and files are the other's" {
    skiff run -d --name donor -h donor-host --add-host extra:192.0.2.9 --dns 192.0.2.53 busybox sleep 1000 >/dev/null
    address=$(skiff inspect -f '{{.NetworkSettings.IPAddress}}' donor)
    run_ok bb --network container:donor busybox sh -c 'ip -4 -o addr show eth0; hostname; cat /etc/hostname; grep -c 192.0.2.9 /etc/hosts; grep -c ^nameserver /etc/resolv.conf'
    [[ ${lines[0]} == *" $address/"* ]]
    [ "${lines[*]:1}" = 'donor-host donor-host 1 1' ]
    for option in '-h x' '--dns 192.0.2.1' '--add-host a:192.0.2.1'; do
        # shellcheck disable=SC2086 # two words
        run_status 125 bb --network container:donor $option busybox true
        output_has 'conflicting options: .* and the network mode'
    done
}
