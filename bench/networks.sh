# shellcheck shell=bash
#
# The rows of networks: what ports and names cost at the start, what goes through the cables, how fast
# names are answered. Servers and clients are containers; those outside are in the benchmark's own
# network namespace, or in one that stands for another machine. Sourced; the rest is bench/run's and
# engines.sh's.
# shellcheck disable=SC2154,SC2034

network_rows="ports usernet thousandnet iperf iperfhost iperfport conns lookups resolver"
declare -A outer_port=([skiff]=18081 [docker]=18082 [podman]=18083)

# The lines of a row's command, for command_of. "plain" is skiff without what the row is about, in the
# same turns.
command_of_network()
{
    local row=$1 engine=$2 line what
    [ "$engine" != plain ] || { command_of bridge skiff && return; }
    line=$(line_of "$engine")
    case $row in
    ports) what="-p 18080:80" ;;
    usernet) what="--network bench-net --name bench-named --network-alias one --network-alias two" ;;
    esac
    echo "${line:+$line run --rm $what $(image_of "$engine") /true}"
}

tools_of()
{
    if [ "$1" = podman ]; then echo localhost/tools; else echo tools; fi
}

# The benchmark's root file system with the machine's own programs and their libraries.
make_tools()
{
    local root=$work/tools program library
    mkdir -p "$root"/{proc,dev,sys,etc,tmp,bin}
    echo root:x:0:0:root:/:/bin/sh >"$root/etc/passwd"
    echo root:x:0: >"$root/etc/group"
    ninja -C "$build" --quiet bench/bench-dns >/dev/null 2>&1 && cp "$build/bench/bench-dns" "$root/bin/" ||
        gcc -O2 -D_GNU_SOURCE -static -o "$root/bin/bench-dns" bench/dns.c || return 1
    cp "$work/true" "$root/true"
    for program in busybox iperf3 nginx; do
        program=$(PATH=$PATH:/usr/sbin command -v "$program") || continue
        cp -L "$program" "$root/bin/"
        for library in $(ldd "$program" 2>/dev/null | grep -o '/[^ ]*'); do
            mkdir -p "$root${library%/*}" && cp -L "$library" "$root$library"
        done
    done
    cat >"$root/etc/nginx.conf" <<-END
		daemon off; user root; worker_processes 1; pid /tmp/nginx.pid; error_log /dev/null crit;
		events { worker_connections 4096; }
		http {
		    access_log off; keepalive_timeout 0;
		    client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3;
		    uwsgi_temp_path /tmp/4; scgi_temp_path /tmp/5;
		    server { listen 80 backlog=4096; location / { return 200 "here\n"; } }
		}
	END
    tar -C "$root" -cf "$work/tools.tar" .
}

# on ENGINE SUBCOMMAND...: what it says goes to standard output; what goes wrong is told.
on()
{
    local engine=$1 line
    line=$(line_of "$1")
    shift
    # shellcheck disable=SC2086 # words
    in_its_place "$engine" $line "$@" 2>"$work/networks.log" && return
    echo "bench: failed: $engine $*" >&2
    tail -n 3 "$work/networks.log" >&2
    touch "$work/failed/network"
    return 1
}

# serve ENGINE NAME OPTION... -- PROGRAM...: a container in the background.
serve()
{
    local engine=$1 name=$2 options=()
    shift 2
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    on "$engine" run -d --name "$name" "${options[@]}" "$(tools_of "$engine")" "$@" >/dev/null
}

# unserve ENGINE NAME...
unserve()
{
    local line engine=$1
    line=$(line_of "$1")
    shift
    # shellcheck disable=SC2086
    in_its_place "$engine" $line rm -f "$@" >/dev/null 2>&1
}

# asked ENGINE NAME FIELD: of its first network: IPAddress, Gateway.
asked()
{
    on "$1" inspect -f "{{range .NetworkSettings.Networks}}{{.$3}} {{end}}" "$2" | awk '{ print $1 }'
}

# Which of the engines there are, for rows with servers.
engines_here()
{
    local engine
    for engine; do
        [ -z "$(line_of "$engine")" ] || echo "$engine"
    done
}

# in_turns ROW COMMAND ENGINE...: what COMMAND ROW ENGINE prints, in turns; the median is kept, and the
# best: the most, but of what takes time.
in_turns()
{
    local row=$1 command=$2 engine i value best=-r
    [[ $row != lookupsp99 && $row != lookupone ]] || best=
    shift 2
    for ((i = 0; i < rounds + 1; i++)); do
        for engine; do
            sleep 0.2
            value=$("$command" "$row" "$engine" 2>"$work/networks.log")
            # The first of each warms up.
            [ "$i" = 0 ] || [ -z "$value" ] || echo "$value" >>"$work/times/$row.$engine"
        done
    done
    for engine; do
        if [ ! -s "$work/times/$row.$engine" ]; then
            echo "bench: $row of $engine is left out" >&2
            tail -n 3 "$work/networks.log" >&2
            [ "$engine" != skiff ] || status=1
            continue
        fi
        keep "$row" "$engine" "$(median_and_best "$work/times/$row.$engine" 1 "$best")"
    done
}

# ---- throughput ----

# A machine next to this one: its packets come in by a cable.
make_neighbour()
{
    [ ! -e /run/netns/neighbour ] || return 0
    ip netns add neighbour && ip link add beside type veth peer name eth0 netns neighbour &&
        ip addr add 10.77.0.1/24 dev beside && ip link set beside up &&
        ip -n neighbour addr add 10.77.0.2/24 dev eth0 && ip -n neighbour link set eth0 up
}

gigabits()
{
    local row=$1 engine=$2 command
    case $row in
    iperf) command="on $engine exec bench-client /bin/iperf3 -c $(asked "$engine" bench-server IPAddress)" ;;
    iperfhost) command="on $engine exec bench-client /bin/iperf3 -c $(asked "$engine" bench-client Gateway)" ;;
    iperfport) command="ip netns exec neighbour iperf3 -c 10.77.0.1 -p ${outer_port[$engine]}" ;;
    esac
    $command -t 1 -J | jq -r '.end.sum_received.bits_per_second // empty | . / 1e9'
}

measure_throughput()
{
    local engine row host here=()
    if ! { command -v iperf3 >/dev/null && make_neighbour; }; then
        echo "bench: no iperf3: left out" >&2
        return
    fi
    for engine in $(engines_here skiff docker podman); do
        serve "$engine" bench-server -p "${outer_port[$engine]}:5201" -- /bin/iperf3 -s &&
            serve "$engine" bench-client -- /true wait && here+=("$engine")
    done
    iperf3 -s >/dev/null 2>&1 &
    host=$!
    sleep 0.5
    for row in iperf iperfhost iperfport; do
        has_row "$row" && in_turns "$row" gigabits "${here[@]}"
    done
    kill "$host"
    wait "$host" 2>/dev/null
    for engine in "${here[@]}"; do unserve "$engine" bench-server bench-client; done
}

# ---- connections ----

# From the host itself, by loopback: there docker has its proxy.
connections()
{
    wrk -t 1 -c 32 -d 1 -H 'Connection: close' "http://127.0.0.1:${outer_port[$2]}/" |
        awk '/^Requests\/sec:/ { print $2 }'
}

connections_row()
{
    local row=$1 engine here=()
    shift
    for engine in $(engines_here "$@"); do
        serve "$engine" bench-nginx -p "${outer_port[$engine]}:80" -- \
            /bin/nginx -c /etc/nginx.conf -p /tmp -e /dev/null && here+=("$engine")
    done
    sleep 0.5
    in_turns "$row" connections "${here[@]}"
    for engine in "${here[@]}"; do unserve "$engine" bench-nginx; done
}

measure_connections()
{
    if ! { command -v wrk && PATH=$PATH:/usr/sbin command -v nginx; } >/dev/null; then
        echo "bench: no wrk or no nginx: left out" >&2
        return
    fi
    # As many ports as there can be, or the clients' run out.
    sysctl -qw net.ipv4.ip_local_port_range="20000 65000"
    connections_row conns skiff docker podman
    [ -n "$(line_of docker)" ] || return
    stop_docker && docker_config='{"userland-proxy": false}' start_docker || return
    connections_row connsdirect skiff docker
    stop_docker && start_docker
}

# ---- names ----

# ask_names ENGINE WINDOW: "LOOKUPS_A_SECOND P50_US P99_US LOST" to one resolver, asked from a
# container. An answer that is none is lost.
ask_names()
{
    local server
    # shellcheck disable=SC2016 # for awk
    server=$(on "$1" exec bench-asker /bin/busybox awk '/^nameserver/ { print $2; exit }' \
        /etc/resolv.conf)
    on "$1" exec bench-asker /bin/bench-dns "$server" bench-named 1 "$2"
}

lookups()
{
    case $1 in
    lookups) ask_names "$2" 32 | awk '$4 == 0 { print $1 }' ;;
    lookupsp99) ask_names "$2" 32 | awk '$4 == 0 { print $3 }' ;;
    lookupone) ask_names "$2" 1 | awk '$4 == 0 { print $3 }' ;;
    esac
}

measure_lookups()
{
    local engine row here=()
    for engine in $(engines_here skiff docker podman); do
        serve "$engine" bench-named --network bench-net -- /true wait &&
            serve "$engine" bench-asker --network bench-net -- /true wait && here+=("$engine")
    done
    for row in lookups lookupsp99 lookupone; do in_turns "$row" lookups "${here[@]}"; done
    for engine in "${here[@]}"; do unserve "$engine" bench-named bench-asker; done
}

# While it is asked and just after; docker's is a part of its daemon. And without a question.
measure_resolver()
{
    local engine
    declare -A programs=([skiff]=skiff-names [podman]=aardvark-dns)
    serve skiff bench-named -- /true wait && keep resolveridle skiff "$(pss skiff-names)"
    unserve skiff bench-named
    for engine in $(engines_here skiff podman); do
        serve "$engine" bench-named --network bench-net -- /true wait &&
            serve "$engine" bench-asker --network bench-net -- /true wait &&
            ask_names "$engine" 32 >/dev/null && keep resolver "$engine" "$(pss "${programs[$engine]}")"
        unserve "$engine" bench-named bench-asker
    done
}

# ---- many ----

# Lines of all tables with a handle that open no block.
count_rules()
{
    nft -a list ruleset | grep -v '{ #' | grep -c '# handle'
}

# The last ones start as the first did, and the packets' way has not grown.
measure_thousandnet()
{
    local i first last rules
    one()
    {
        $skiff_run run -d --name "many$1" --network bench-net true /true wait
    }
    for ((i = 0; i < 20; i++)); do milliseconds one "$i"; done >"$work/times/first"
    rules=$(count_rules)
    for ((; i < 980; i++)); do one "$i" >/dev/null || status=1; done
    for ((; i < 1000; i++)); do milliseconds one "$i"; done >"$work/times/last"
    first=$(median_of <"$work/times/first")
    last=$(median_of <"$work/times/last")
    keep thousandnet skiff "$(awk -v a="$first" -v b="$last" 'BEGIN { printf "%.2f\n", b / a }')"
    if [ "$rules" -gt 0 ]; then keep thousandrules skiff $(($(count_rules) - rules)); else status=1; fi
    # shellcheck disable=SC2086
    $skiff_run rm -f many{0..999} >/dev/null
}

# What the bridge adds: the difference of two rows.
derive_added()
{
    awk -F '\t' '$1 == "bridge" { b[$2] = $3 } $1 == "none" { n[$2] = $3 }
        END { for (e in b) if (e != "floor" && e in n) printf "added\t%s\t%.2f\n", e, b[e] - n[e] }' \
        "$work/figures" >"$work/added" && cat "$work/added" >>"$work/figures"
}

prepare_networks()
{
    local engine
    make_tools || { echo "bench: no programs for the networks' rows" >&2; return 1; }
    for engine in $(engines_here skiff docker podman); do
        on "$engine" import "$work/tools.tar" "$(tools_of "$engine")" >/dev/null &&
            on "$engine" network create bench-net >/dev/null || status=1
    done
}

measure_networks()
{
    local engine row
    prepare_networks || { status=1; return; }
    for row in ports usernet; do
        has_row "$row" && measure_row "$row" 1 skiff plain docker podman
    done
    has_row iperf iperfhost iperfport && measure_throughput
    has_row conns && measure_connections
    has_row lookups && measure_lookups
    has_row resolver && measure_resolver
    has_row thousandnet && [ -n "$skiff_run" ] && measure_thousandnet
    for engine in $(engines_here skiff docker podman); do
        on "$engine" network rm bench-net >/dev/null
    done
}
