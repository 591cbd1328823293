# network connect and disconnect: while a container runs, and before it does.
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
}

teardown_file()
{
    skiff network ls -qf type=custom | xargs -r "$SKIFF" network rm >/dev/null
    skiff_teardown
}

teardown()
{
    skiff_cleanup
    skiff network ls -qf type=custom | xargs -r "$SKIFF" network rm >/dev/null
}

@test "connect, disconnect: a card comes and goes while it runs" {
    skiff network create --subnet 10.216.0.0/16 web >/dev/null
    skiff run -d --name runs busybox sleep 1000 >/dev/null
    run_ok skiff network connect --ip 10.216.0.7 --alias front web runs
    run_ok skiff exec runs ip -4 -o addr
    output_has ' 10\.216\.0\.7/16'
    run_ok skiff inspect -f '{{.NetworkSettings.Networks.web.IPAddress}} {{json .NetworkSettings.Networks.web.Aliases}}' runs
    output_has '^10.216.0.7 \["front"'
    run_ok skiff network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}' web
    output_is 'runs 10.216.0.7/16'
    run_ok skiff network graph
    output_has 'runs  10.216.0.7'
    run_fails 'network web has active endpoints \(name:"runs"' skiff network rm web
    run_ok skiff network prune -f
    output_is ''
    run_ok skiff network disconnect web runs
    run_ok skiff exec runs ip -4 -o addr
    output_lacks 10.216
    run_ok skiff network inspect -f '{{len .Containers}}' web
    output_is 0
    run_ok skiff network rm web
}

@test "connect: before it starts, and it stays when it starts again" {
    skiff network create --subnet 10.216.0.0/16 web >/dev/null
    skiff create --name later busybox sleep 1000 >/dev/null
    run_ok skiff network connect web later
    run_ok skiff start later
    run_ok skiff exec later ip -4 -o addr
    output_has ' 10\.216\.'
    run_ok skiff restart -t 0 later
    run_ok skiff exec later ip -4 -o addr
    output_has ' 10\.216\.'
}

@test "connect, disconnect: what is refused" {
    skiff network create --subnet 10.216.0.0/16 web >/dev/null
    skiff run -d --name runs busybox sleep 1000 >/dev/null
    run_fails 'network nosuch not found' skiff network connect nosuch runs
    run_fails 'no such container: nosuch' skiff network connect web nosuch
    run_fails '10.9.9.9' skiff network connect --ip 10.9.9.9 web runs
    run_fails 'is not connected to' skiff network disconnect web runs
    run_fails 'no such container: nosuch' skiff network disconnect web nosuch
    run_ok skiff network disconnect -f web nosuch
    skiff network connect web runs
    run_fails 'already' skiff network connect web runs
}

@test "events tell of both" {
    skiff network create web >/dev/null
    skiff run -d --name runs busybox sleep 1000 >/dev/null
    skiff network connect web runs
    skiff network disconnect web runs
    run_ok skiff events --since 10m --until 0s --filter type=network --filter network=web --format '{{.Action}}'
    output_has $'connect\ndisconnect'
}

@test "--network-opt rate=: a bucket at both ends of the cable; a rate that is none is refused" {
    skiff run -d --name slow --network-opt rate=20mbit busybox sleep 60
    run_ok skiff inspect -f '{{(index .NetworkSettings.Networks "bridge").Link}}' slow
    run_ok tc qdisc show dev "$output"
    output_has 'tbf .*rate 20Mbit'
    run_ok nsenter -t "$(skiff inspect -f '{{.State.Pid}}' slow)" -n tc qdisc show dev eth0
    output_has 'tbf .*rate 20Mbit'
    # Seen where it is looked for, network by network.
    skiff network create --subnet 10.216.0.0/16 web >/dev/null
    run_ok skiff network connect --driver-opt rate=5mbit web slow
    run_ok skiff stats --no-stream --format '{{.NetLimit}}' slow
    output_is 'bridge 20mbit, web 5mbit'
    run_ok skiff stats --no-stream --format json slow
    [ "$(jq -r .NetLimit <<<"$output")" = 'bridge 20mbit, web 5mbit' ]
    run_ok skiff inspect -f '{{.NetworkSettings.Networks.web.DriverOpts.rate}}' slow
    output_is 5mbit
    run_ok skiff exec slow ip -4 -o addr show eth1
    run_ok nsenter -t "$(container_pid slow)" -n tc qdisc show dev eth1
    output_has 'tbf .*rate 5Mbit'
    run_ok skiff network disconnect web slow
    run_ok skiff stats --no-stream --format '{{.NetLimit}}' slow
    output_is 'bridge 20mbit'
    skiff run -d --name free busybox sleep 60 >/dev/null
    run_ok skiff stats --no-stream --format 'table {{.Name}} {{.NetLimit}}' free
    output_is $'NAME NET LIMIT\nfree --'
    # It holds back what is more: both ways.
    over() { "$@" | sed -n 's/.*overlimits \([0-9]*\).*/\1/p' | head -n 1; }
    flood='import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(2000): s.sendto(b"x" * 1000, (sys.argv[1], 9))'
    python3 -c "$flood" "$(skiff inspect -f '{{.NetworkSettings.IPAddress}}' slow)"
    [ "$(over tc -s qdisc show dev "$(skiff inspect -f '{{.NetworkSettings.Networks.bridge.Link}}' slow)")" -gt 0 ]
    nsenter -t "$(container_pid slow)" -n python3 -c "$flood" "$(skiff inspect -f '{{.NetworkSettings.Gateway}}' slow)"
    [ "$(over nsenter -t "$(container_pid slow)" -n tc -s qdisc show dev eth0)" -gt 0 ]
    run_status 125 skiff run --rm --network-opt rate=fast busybox true
    output_has 'invalid rate "fast"'
}
