# The resolver of a container's network namespace, as a process: real questions (dig) to
# 127.0.0.11, in namespaces of the test's own. names_host stands for the container's monitor.
load ../lib/common

setup_file()
{
    require_root
    require_command dig python3 ip
    skiff_setup
    ninja -C "$SKIFF_BUILD" tests/lib/names_host >"$skiff_folder/ninja.log" 2>&1 || {
        cat "$skiff_folder/ninja.log" >&2
        return 1
    }
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    host=skn$$-host container=skn$$-box
    place=$(mktemp -d "$skiff_folder/names-XXXXXX")
    chmod 755 "$skiff_folder" "$place"
    mkdir "$place/lan" "$place/wan"
    ip netns add $host
    ip netns add $container
    ip -n $host link set lo up
    ip -n $host address add 10.99.0.1/32 dev lo
    ip -n $host address add 10.99.0.2/32 dev lo
    ip -n $container link set lo up
    endpoint lan 172.18.0.2 web 111111111111 Shared
    echo "address fd00::ac12:2" >>"$place/lan/172.18.0.2"
    endpoint lan 172.18.0.3 db shared
    endpoint wan 172.19.0.3 web far
    echo "nameserver 127.0.0.53" >"$place/resolv.conf"
    started=()
}

teardown()
{
    exec 7>&- || true
    [ ${#started[@]} -eq 0 ] || kill -KILL "${started[@]}" 2>/dev/null || true
    wait_all
    ip netns delete $host
    ip netns delete $container
}

# endpoint NETWORK ADDRESS NAME...: an endpoint file, written as all are.
endpoint()
{
    local file=$place/$1/$2
    {
        printf 'owner %064d\nmac 02:42:ac:12:00:02\n' 0
        printf 'name %s\n' "${@:3}"
    } >"$file.tmp"
    mv "$file.tmp" "$file"
}

# upstream ADDRESS BEHAVIOUR [NAMESPACE]: a name server; what it is asked stands in upstream-ADDRESS.
upstream()
{
    local log=$place/upstream-$1
    : >"$log"
    ip netns exec "${3:-$host}" python3 "$SKIFF_SOURCE/tests/lib/name_server.py" "$1" "$2" "$log" 10.99.0.1 >"$log.out" 2>&1 3>&- 7>&- &
    started+=($!)
    until_true grep -q ready "$log.out"
}

# serve [OPTION...]: names in the container's namespace, as its monitor would have it.
serve()
{
    mkfifo "$place/in"
    # shellcheck disable=SC2016 # the inner shell's words
    ip netns exec $host unshare -m sh -c 'mount --bind "$1/resolv.conf" /etc/resolv.conf && shift && exec "$@"' \
        sh "$place" "$SKIFF_BUILD/tests/lib/names_host" /run/netns/$container "$@" "lan=$place/lan" "wan=$place/wan" \
        <"$place/in" >"$place/out" 2>&1 3>&- &
    started+=($!)
    exec 7>"$place/in"
    until_true grep -q '^open' "$place/out" || {
        cat "$place/out"
        return 1
    }
}

inside()
{
    ip netns exec $container "$@"
}

# ask ARGUMENT...: dig without its own patience; asks DIG_ARGUMENT... and prints what was found.
ask()
{
    inside dig @127.0.0.11 +tries=1 +time=6 +short "$@"
}

resolver_pid()
{
    awk '$1 == "fork" { pid = $2 } END { print pid }' "$place/out"
}

forks()
{
    grep -c '^fork' "$place/out"
}

@test "names, short IDs and aliases, in any case, IPv4 and IPv6, by UDP and TCP" {
    serve --internal
    run_ok ask web
    output_is 172.18.0.2
    run_ok ask +tcp WeB
    output_is 172.18.0.2
    run_ok ask 111111111111
    output_is 172.18.0.2
    run_ok ask web AAAA
    output_is fd00::ac12:2
    run_ok ask far
    output_is 172.19.0.3
    run_ok ask web.wan
    output_is 172.19.0.3
    run_ok ask web.LAN
    output_is 172.18.0.2
    run_ok ask web ANY
    output_is $'172.18.0.2\nfd00::ac12:2'
    [ "$(forks)" -eq 1 ]
}

@test "what a name has not is no data, never another server's matter; the letters are the client's" {
    upstream 127.0.0.53 9
    serve
    for type in AAAA MX TXT SRV HTTPS PTR; do
        run_ok inside dig @127.0.0.11 +tries=1 dB $type
        output_has 'status: NOERROR'
        output_has 'ANSWER: 0'
        output_has ';dB.'
    done
    [ ! -s "$place/upstream-127.0.0.53" ]
}

@test "reverse: an address's first name, with its network" {
    serve --internal
    run_ok ask -x 172.18.0.3
    output_is db.lan.
    run_ok ask -x fd00::ac12:2
    output_is web.lan.
    run_ok inside dig @127.0.0.11 -x 172.18.0.9
    output_has NXDOMAIN
}

@test "a shared alias goes round" {
    serve --internal
    for _ in {1..6}; do ask shared | head -n 1; done | sort | uniq -c >"$place/counted"
    run_ok cat "$place/counted"
    output_is $'      3 172.18.0.2\n      3 172.18.0.3'
}

@test "containers that come, go and are replaced are known at once" {
    serve --internal
    for i in {1..30}; do
        endpoint lan 172.18.1.$i new$i
        [ "$(ask new$i)" = 172.18.1.$i ]
        endpoint lan 172.18.1.$i other$i
        [ -z "$(ask new$i)" ]
        [ "$(ask other$i)" = 172.18.1.$i ]
        rm "$place/lan/172.18.1.$i"
        [ -z "$(ask other$i)" ]
    done
    echo nonsense >"$place/lan/172.18.2.1"
    mkfifo "$place/lan/172.18.2.2"
    ln -s /etc/passwd "$place/lan/172.18.2.3"
    [ "$(ask web)" = 172.18.0.2 ]
}

@test "more addresses than UDP takes: TC, and all of them by TCP" {
    for i in {1..100}; do endpoint lan 172.18.3.$i many$i crowd; done
    serve --internal
    run_ok inside dig @127.0.0.11 +noedns +ignore crowd
    output_has 'flags: qr tc'
    run_ok ask +noedns crowd
    [ "${#lines[@]}" -eq 100 ]
    run_ok inside dig @127.0.0.11 +bufsize=4096 crowd
    output_has 'ANSWER: 100'
    output_lacks ' tc '
}

@test "others are asked of the host's server, on its loopback too, and answers are checked" {
    upstream 127.0.0.53 9
    serve
    run_ok ask Example.org
    output_is 192.0.2.9
    run_ok inside dig @127.0.0.11 ExAmPlE.org
    output_has $'ExAmPlE.org.\t'
    for name in wrong-id wrong-question wrong-port; do
        run_ok ask $name.example
        output_is 192.0.2.9
    done
    run_ok inside dig @127.0.0.11 nx.example
    output_has NXDOMAIN
    run_ok inside dig @127.0.0.11 fails.example
    output_has SERVFAIL
    run_ok ask many.example
    [ "${#lines[@]}" -eq 200 ]
    run_ok ask +tcp +keepopen a.example b.example
    [ "${#lines[@]}" -eq 2 ]
    # Other ports and numbers each time.
    for i in {1..8}; do ask $i.example >/dev/null; done
    [ "$(awk '/ [1-8].example/ { print $2 }' "$place/upstream-127.0.0.53" | sort -u | wc -l)" -ge 7 ]
    [ "$(awk '/ [1-8].example/ { print $3 }' "$place/upstream-127.0.0.53" | sort -u | wc -l)" -ge 7 ]
}

@test "a server that is silent, unwilling or not there is followed by the next" {
    printf 'nameserver 10.99.0.1\nnameserver 10.99.0.2\n' >"$place/resolv.conf"
    upstream 10.99.0.2 5
    serve
    # Nobody listens at the first.
    run_ok ask a.example
    output_is 192.0.2.5
    upstream 10.99.0.1 refuse
    kill "$(resolver_pid)"
    run_ok ask b.example
    output_is 192.0.2.5
    grep -q b.example "$place/upstream-10.99.0.1"
    # The one that answered is asked first from then on.
    run_ok ask c.example
    ! grep -q c.example "$place/upstream-10.99.0.1" || false
    run_ok inside dig @127.0.0.11 +tries=1 +time=8 silent.example
    output_has SERVFAIL
    [ "$(grep -c ' silent.example' "$place/upstream-10.99.0.2")" -eq 1 ]
}

@test "servers of IPv6: the loopback, another address, one that is valid on a link alone" {
    ip -n $host link add v0 type veth peer name v1
    ip -n $host link set v0 up
    ip -n $host link set v1 up
    ip -n $host -6 address add fd99::53/64 dev v0 nodad
    ip -n $host -6 address add fe80::53/64 dev v0 nodad
    last=1
    upstream ::1 1
    upstream fd99::53 2
    upstream fe80::53%v0 3
    serve
    for server in ::1 fd99::53 fe80::53%v0; do
        echo "nameserver $server" >"$place/resolv.conf"
        until_true eval '[ "$(ask $last.example)" = 192.0.2.$last ]'
        run_ok ask +tcp many.example
        [ "${#lines[@]}" -eq 200 ]
        for name in wrong-id wrong-question wrong-port garbage; do
            run_ok ask $name.example
            output_is 192.0.2.$last
        done
        last=$((last + 1))
    done
    # A link that is not there, and an address that is none.
    printf 'nameserver fe80::53%%nosuch\nnameserver 1.2.3\nnameserver fd99::53\n' >"$place/resolv.conf"
    until_true eval '[ "$(ask b.example)" = 192.0.2.2 ]'
}

@test "a server that answers nonsense: its answers count for nothing, and harm nobody" {
    upstream 127.0.0.53 9
    serve
    ask web
    for name in garbage wrong-source; do
        run_ok ask $name.example
        output_is 192.0.2.9
    done
    # Nothing but that, by UDP and TCP: a failure in time, while others are answered.
    for name in junk silent; do
        inside dig @127.0.0.11 +tries=1 +time=10 $name.example >"$place/$name" 3>&- &
    done
    for name in junk short half; do
        inside dig @127.0.0.11 +tcp +tries=1 +time=10 $name.example >"$place/tcp-$name" 3>&- &
    done
    run_ok ask web
    output_is 172.18.0.2
    run_ok ask a.example
    output_is 192.0.2.9
    pids=$(jobs -p)
    for pid in $pids; do
        case " ${started[*]} " in *" $pid "*) ;; *) [ "$pid" = "${BATS_killer_pid:-}" ] || wait "$pid" || true ;; esac
    done
    for name in junk silent tcp-junk tcp-short tcp-half; do
        run cat "$place/$name"
        output_has 'status: SERVFAIL'
    done
    [ "$(forks)" -eq 1 ]
}

@test "a change of resolv.conf is seen" {
    upstream 127.0.0.53 1
    upstream 10.99.0.2 2
    serve
    run_ok ask a.example
    output_is 192.0.2.1
    echo "nameserver 10.99.0.2" >"$place/resolv.conf"
    until_true eval '[ "$(ask b.example)" = 192.0.2.2 ]'
}

@test "--dns: asked from the container's own namespace, where port 53 is free for its own server" {
    upstream 127.0.0.53 1
    upstream 0.0.0.0 7 $container
    serve --internal --dns 127.0.0.1
    run_ok ask a.example
    output_is 192.0.2.7
    run_ok inside dig @127.0.0.1 +short b.example
    output_is 192.0.2.7
    [ ! -s "$place/upstream-127.0.0.53" ]
}

@test "an internal network's names are never asked elsewhere" {
    upstream 127.0.0.53 1
    serve --internal
    run_ok inside dig @127.0.0.11 other.example
    output_has NXDOMAIN
    run_ok inside dig @127.0.0.11 +tcp wbe
    output_has NXDOMAIN
    [ ! -s "$place/upstream-127.0.0.53" ]
}

@test "more questions at once than are asked elsewhere: the rest fail, names of ours do not" {
    upstream 127.0.0.53 1
    serve
    run_ok inside timeout 60 python3 "$SKIFF_SOURCE/tests/lib/name_client.py" burst 400 silent
    output_is 2:400
    run_ok ask web
    output_is 172.18.0.2
    run_ok inside timeout 60 python3 "$SKIFF_SOURCE/tests/lib/name_client.py" burst 100 slow
    output_is 0:100
    [ "$(forks)" -eq 1 ]
}

@test "locked in: nobody, no rights, nothing open but its own" {
    upstream 127.0.0.53 1
    serve
    ask web >/dev/null
    pid=$(resolver_pid)
    run_ok cat /proc/"$pid"/status
    output_has $'Uid:\t65534\t65534\t65534\t65534'
    output_has $'Gid:\t65534\t65534\t65534\t65534'
    output_has $'CapEff:\t0000000000000000'
    output_has $'CapBnd:\t0000000000000000'
    output_has $'NoNewPrivs:\t1'
    [ -n "${SKIFF_SANITIZED:-}" ] || output_has $'Seccomp:\t2'
    run_ok ls /proc/"$pid"/fd
    output_is $'0\n1\n2\n3\n4\n5\n6\n7\n8'
    [ -z "$(ls -A /proc/"$pid"/root/)" ]
    # It goes with its monitor.
    kill -KILL "$(awk '/^PPid/ { print $2 }' /proc/"$pid"/status)"
    until_true eval '[ ! -e /proc/$pid ]'
}

@test "nonsense and half-right messages do not end it" {
    upstream 127.0.0.53 1
    serve
    run_ok ask web
    inside timeout 60 python3 "$SKIFF_SOURCE/tests/lib/name_client.py" hostile 20000
    run_ok ask web
    output_is 172.18.0.2
    [ "$(forks)" -eq 1 ]
}

@test "killed in the middle of lookups: none is lost for over a second" {
    upstream 127.0.0.53 6
    serve
    inside timeout 60 python3 "$SKIFF_SOURCE/tests/lib/name_client.py" stream 4 web 172.18.0.2 >"$place/near" 3>&- &
    inside timeout 60 python3 "$SKIFF_SOURCE/tests/lib/name_client.py" stream 4 a.example 192.0.2.6 >"$place/far" 3>&- &
    streams=("$!" "$(jobs -p | tail -n 2 | head -n 1)")
    for _ in {1..12}; do
        sleep 0.27
        kill -KILL "$(resolver_pid)" 2>/dev/null || true
    done
    wait "${streams[@]}"
    [ "$(forks)" -ge 10 ]
    read -r near near_ms <"$place/near"
    read -r far far_ms <"$place/far"
    [ "$near" -gt 100 ] && [ "$near_ms" -lt 1000 ]
    [ "$far" -gt 100 ] && [ "$far_ms" -lt 1000 ]
}

@test "killed while a server is asked: its successor gives the answer" {
    upstream 127.0.0.53 6
    serve
    ask web
    inside dig @127.0.0.11 +tries=1 +time=5 +short slow.example >"$place/slow" 3>&- &
    asked=$!
    until_true grep -q slow "$place/upstream-127.0.0.53"
    kill -KILL "$(resolver_pid)"
    wait $asked
    [ "$(cat "$place/slow")" = 192.0.2.6 ]
    [ "$(grep -c slow "$place/upstream-127.0.0.53")" -eq 2 ]
}

@test "killed while it is asked by TCP: the connection lives on, and its successor answers" {
    upstream 127.0.0.53 6
    serve
    ask web
    inside dig @127.0.0.11 +tcp +tries=1 +time=8 +short slow.example >"$place/slow" 3>&- &
    asked=$!
    until_true grep -q slow "$place/upstream-127.0.0.53"
    kill -KILL "$(resolver_pid)"
    wait $asked
    [ "$(cat "$place/slow")" = 192.0.2.6 ]
    [ "$(grep -c slow "$place/upstream-127.0.0.53")" -eq 2 ]
    # A question that has come half, several on one connection, and one that says nothing.
    run_ok inside timeout 60 python3 - "$place" <<'EOP'
import os, signal, socket, struct, sys, time
def query(name, number):
    q = struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0)
    q += b"".join(bytes([len(x)]) + x.encode() for x in name.split(".")) + bytes([0, 0, 1, 0, 1])
    return struct.pack(">H", len(q)) + q
def pid():
    return int([x for x in open(sys.argv[1] + "/out") if x.startswith("fork")][-1].split()[1])
def answered(s, number):
    n = struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0]
    m = s.recv(n, socket.MSG_WAITALL)
    assert struct.unpack(">H", m[:2])[0] == number and m[-4:] == bytes([172, 18, 0, 2]), m
socks = [socket.create_connection(("127.0.0.11", 53)) for _ in range(4)]
for s in socks: s.settimeout(20)
whole = query("web", 7)
socks[0].sendall(whole[:9])
socks[1].sendall(whole)
answered(socks[1], 7)
for round in range(2):
    time.sleep(0.3)  # heard
    old = pid()
    os.kill(old, signal.SIGKILL)
    while pid() == old: time.sleep(0.05)
socks[0].sendall(whole[9:])
answered(socks[0], 7)
socks[1].sendall(query("web", 8) + query("web", 9))
answered(socks[1], 8)
answered(socks[1], 9)
socks[2].sendall(query("web", 10))
answered(socks[2], 10)
for s in socks[:3]: s.close()
assert socks[3].recv(1) == b""  # let go of after a while
EOP
    # Nothing of them is kept.
    monitor=$(awk '/^PPid/ { print $2 }' /proc/"$(resolver_pid)"/status)
    # shellcheck disable=SC2317 # until_true calls it
    let_go() { [ "$(find /proc/"$monitor"/fd -lname 'socket:*' | wc -l)" -le 5 ]; }
    until_true let_go
}

@test "it ends when nobody asks, and another comes with the next question" {
    serve --internal
    ask web
    pid=$(resolver_pid)
    sleep 11
    until_true eval '[ ! -e /proc/$pid ]'
    run_ok ask web
    output_is 172.18.0.2
    [ "$(forks)" -eq 2 ]
}

@test "a namespace that had one before gets another; two at once are refused" {
    serve --internal
    run -1 "$SKIFF_BUILD/tests/lib/names_host" /run/netns/$container </dev/null
    output_has 'cannot serve names at 127.0.0.11: '
    run_ok ask +tcp web
    exec 7>&-
    until_true eval '! kill -0 "${started[0]}" 2>/dev/null'
    rm "$place/in"
    ip netns exec $container nft flush ruleset
    serve --internal
    run_ok ask +tcp web
    output_is 172.18.0.2
}
