# Published ports: from the host, from elsewhere, from other containers, and from nowhere else.
load ../lib/common
load ../lib/network

setup_file()
{
    require_root
    require_command curl jq ip
    skiff_setup
    import_busybox
    server_image
    net_host ports 41
    bats_require_minimum_version 1.5.0
}

teardown_file()
{
    net_hosts_end
    skiff_teardown
}

teardown()
{
    skiff_cleanup
    [ -z "${taker:-}" ] || kill "$taker" 2>/dev/null || true
}

@test "-p HOST:PORT: the server sees its client's own address, from everywhere" {
    run_ok skiff run -d --name web -p 18080:80 web
    until_served 127.0.0.1 18080
    [ "$(asks 198.18.41.1 18080 on ports)" = 198.18.41.2 ]
    [ "$(who 198.18.41.1 18080)" = 198.18.41.1 ]
    gateway=$(skiff inspect -f '{{.NetworkSettings.Gateway}}' web)
    [ "$(who 127.0.0.1 18080)" = "$gateway" ] # 127.0.0.1 is nobody's there
    run_ok skiff port web
    output_is '80/tcp -> 0.0.0.0:18080'
    run_ok skiff port web 80
    output_is '0.0.0.0:18080'
    run_ok skiff ps --format '{{.Ports}}'
    output_is '0.0.0.0:18080->80/tcp'
}

@test "another container reaches it by the host's address, and so does the server itself" {
    run_ok skiff run -d --name web -p 18080:80 web
    until_served 127.0.0.1 18080
    skiff run -d --name asks host sleep 60
    [ "$(asks 198.18.41.1 18080 skiff exec asks)" = "$(address_of asks)" ]
    run_ok skiff run -d --name server -p 18081:8000 host python3 -m http.server 8000
    for _ in {1..50}; do curl -s -o /dev/null http://127.0.0.1:18081/ && break || sleep 0.1; done
    run_ok skiff exec server curl -s --max-time 3 -o /dev/null -w '%{http_code}' http://198.18.41.1:18081/
    output_is 200
}

@test "what is not published is not reached from elsewhere, published or not elsewhere" {
    run_ok skiff run -d --name web -p 127.0.0.1:18080:80 web
    until_served 127.0.0.1 18080
    inside=$(address_of web)
    [ -n "$(who "$inside")" ] # the host does
    [ -z "$(asks "$inside" 80 on ports)" ]
    [ -z "$(asks 198.18.41.1 18080 on ports)" ]
    # As a stranger on our cable would send it: to our card, for 127.0.0.1.
    on ports sysctl -qw net.ipv4.conf.eth0.route_localnet=1 net.ipv4.conf.all.route_localnet=1
    on ports ip route add 127.0.0.7 via 198.18.41.1 src 198.18.41.2 table 7 2>/dev/null || true
    on ports ip rule add to 127.0.0.1 lookup 7 pref 0 2>/dev/null || true
    [ -z "$(on ports curl -s --max-time 1 --interface eth0 http://127.0.0.1:18080/cgi-bin/who)" ]
}

@test "a taken port is refused, and by whom it is taken; a killed container's is free at once" {
    run_ok skiff run -d --name web -p 18080:80 web
    run_status 125 skiff run --rm -p 18080:80 busybox true
    output_has '18080'
    output_has 'web'
    python3 -m http.server 18081 --bind 127.0.0.1 >/dev/null 2>&1 &
    taker=$!
    for _ in {1..50}; do curl -s -o /dev/null http://127.0.0.1:18081/ && break || sleep 0.1; done
    run_status 125 skiff run --rm -p 18081:80 busybox true
    output_has '18081'
    output_has 'python3'
    run_ok skiff rm -f web
    run_ok skiff run --rm -p 18080:80 busybox true
    run_ok skiff run --rm -p 18080:80 busybox true
}

@test "a process of the host cannot take a published port" {
    run_ok skiff run -d --name web -p 18080:80 web
    run_fails 'OSError: .Errno 98. Address already in use' python3 -c 'import socket, sys
try: socket.create_server(("127.0.0.1", 18080))
except OSError as e: sys.exit("OSError: " + str(e))'
}

@test "-P and no host port: any that is free; ranges; one that has ended leaves nothing" {
    run_ok skiff run -d --name web -P --expose 80 -p 81 web
    port=$(skiff port web 80 | sed 's/.*://')
    until_served 127.0.0.1 "$port"
    other=$(skiff port web 81 | sed 's/.*://')
    [ "$port" != "$other" ]
    run_ok skiff run -d --name range -p 18090-18092:80-82 web
    run_ok skiff port range
    [ "${#lines[@]}" -eq 3 ]
    run_ok skiff run -d --name first -p 18090-18095:80 web
    run_ok skiff port first 80
    output_is '0.0.0.0:18093'
    skiff_cleanup
    ! nft list map inet skiff any4 | grep -E ' (18090|18093) '
}

@test "UDP" {
    run_ok skiff run -d --name echo -p 18053:53/udp host python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
while True:
    text, who = s.recvfrom(100)
    s.sendto(text + b" " + who[0].encode(), who)'
    ask='import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.2)
for i in range(25):
    s.sendto(b"hello", ("198.18.41.1", 18053))
    try:
        print(s.recv(100).decode())
        break
    except OSError:
        pass'
    run_ok on ports python3 -c "$ask"
    output_is 'hello 198.18.41.2'
    # A flow that has gone to the former holder goes to the next one.
    skiff rm -f echo
    run_ok skiff run -d --name echo -p 18053:53/udp host python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
while True:
    text, who = s.recvfrom(100)
    s.sendto(b"second", who)'
    run_ok on ports python3 -c "$ask"
    output_is second
}

# sctp ADDRESS PORT [COMMAND...]: a first packet of SCTP, as there may be no sockets of it.
sctp()
{
    "${@:3}" python3 -c 'import socket, struct, sys
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8): crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff
def packet(to):
    chunk = struct.pack(">BBHIIHHI", 1, 0, 20, 7, 65536, 1, 1, 7)
    head = struct.pack(">HHI", 5555, to, 0)
    return head + struct.pack("<I", crc32c(head + b"\0" * 4 + chunk)) + chunk
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
for _ in range(3): s.sendto(packet(int(sys.argv[2])), (sys.argv[1], 0))' "$1" "$2"
}

@test "SCTP: led to the container, taken by one, given back" {
    run_ok skiff run -d --name web -p 18132:132/sctp -p 18133:133/sctp host python3 -c 'import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
print("ready", flush=True)
while True:
    data, who = s.recvfrom(999)
    print(who[0], struct.unpack(">H", data[22:24])[0], flush=True)'
    # shellcheck disable=SC2317 # until_true calls it
    heard() { skiff logs web | grep -qx "$1"; }
    until_true heard ready
    sctp 198.18.41.1 18132 on ports
    until_true heard '198.18.41.2 132'
    run_ok skiff port web
    output_has '132/sctp -> 0.0.0.0:18132'
    run_status 125 skiff run --rm -p 18132:132/sctp busybox true
    output_has '18132|taken'
    # One is taken back, the other stays; so it does when the tables are put back.
    run_ok skiff port rm web 18133:133/sctp
    nft delete table bridge skiff
    run_ok skiff ps -q
    run nft list map inet skiff any4
    output_has ' 18132 '
    output_lacks ' 18133 '
    skiff rm -f web >/dev/null
    run nft list map inet skiff any4
    output_lacks ' 18132 '
    run_ok skiff run --rm -p 18132:132/sctp busybox true
}

@test "port add and rm: while it runs" {
    run_ok skiff run -d --name web web
    [ -z "$(who 127.0.0.1 18080)" ]
    run_ok skiff port add web 18080:80
    until_served 127.0.0.1 18080
    run_ok skiff port web
    output_is '80/tcp -> 0.0.0.0:18080'
    run_fails 18080 skiff port add web 18080:81
    run_fails 'OSError: .Errno 98. Address already in use' python3 -c 'import socket, sys
try: socket.create_server(("127.0.0.1", 18080))
except OSError as e: sys.exit("OSError: " + str(e))'
    run_ok skiff restart -t 0 web
    until_served 127.0.0.1 18080
    run_ok skiff port add web 18081:80
    run_ok skiff port rm web 18080:80
    [ -z "$(who 127.0.0.1 18080)" ]
    skiff run -d --name asks host sleep 60
    [ "$(asks 198.18.41.1 18081 skiff exec asks)" = "$(address_of asks)" ]
    run_fails 'no such port: 80\/tcp .*skiff port web' skiff port rm web 18080:80
    run_ok skiff run --rm -p 18080:80 busybox true
}

@test "a thousand ports of both protocols: elements of a map, and neither rules nor processes" {
    rules() { for family in inet bridge; do nft -a -t list table $family skiff; done | grep -c '# handle'; }
    run_ok skiff run -d --name one -p 18079:80 busybox sleep 1000
    before=$(rules) with_one=$(pgrep -cf "$SKIFF run -d --name one")
    run_ok skiff run -d --name many -p 30000-30999:30000-30999 -p 30000-30999:30000-30999/udp host sh -c \
        'python3 -c "import http.server; http.server.HTTPServer((\"\", 30777), http.server.SimpleHTTPRequestHandler).serve_forever()"'
    [ "$(rules)" -eq "$before" ]
    [ "$(pgrep -cf "$SKIFF run -d --name many")" -eq "$with_one" ]
    run_ok skiff ps --format '{{.Ports}}' -f name=many
    output_is '0.0.0.0:30000-30999->30000-30999/tcp, 0.0.0.0:30000-30999->30000-30999/udp'
    served() { on ports curl -s -o /dev/null --max-time 3 http://198.18.41.1:30777/; }
    until_true served
    [ "$(nft list map inet skiff any4 | grep -oE '(tcp|udp) \. 30[0-9]{3} :' | wc -l)" -eq 2000 ]
    skiff rm -f many >/dev/null
    run nft list map inet skiff any4
    output_lacks ' \. 30[0-9]{3} :'
    run_ok skiff run --rm -p 30000-30999:30000-30999 busybox true
}

@test "a killed monitor leaves no rule that shadows the next holder" {
    run_ok skiff run -d --name web -p 18080:80 web
    until_served 127.0.0.1 18080
    pid=$(skiff inspect -f '{{.State.Pid}}' web)
    monitor=$(ps -o ppid= -p "$pid" | tr -d ' ')
    kill -9 "$monitor"
    for _ in {1..50}; do [ -e "/proc/$pid" ] || break; sleep 0.1; done
    run_ok skiff ps -q # notices
    python3 -m http.server 18080 --bind 127.0.0.1 >/dev/null 2>&1 &
    taker=$!
    for _ in {1..50}; do curl -s -o /dev/null http://127.0.0.1:18080/ && break || sleep 0.1; done
    run_ok curl -s --max-time 3 -o /dev/null -w '%{http_code}' http://127.0.0.1:18080/
    output_is 200
}

@test "somebody flushes the tables: the next command puts everything back" {
    run_ok skiff run -d --name web -p 18080:80 web
    until_served 127.0.0.1 18080
    for how in 'delete table inet skiff' 'flush table inet skiff' 'delete table bridge skiff' 'flush table bridge skiff'; do
        nft "$how"
        run_ok skiff ps -q
        until_served 127.0.0.1 18080
        [ "$(asks 198.18.41.1 18080 on ports)" = 198.18.41.2 ]
        [ -z "$(asks "$(address_of web)" 80 on ports)" ]
    done
}
