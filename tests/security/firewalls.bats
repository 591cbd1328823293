# shellcheck disable=SC2154,SC2016 # common.bash sets skiff_folder; other shells expand
# Beside other people's firewalls, the real ones: dockerd, ufw, firewalld, iptables-legacy, rulesets of
# nft that drop. Each on a host of its own (a network and a mount namespace), with a client on a cable: what must
# work works, what must not does not, as they are set up and again after each of them has reloaded.
load ../lib/common
load ../lib/network

setup_file()
{
    require_root
    require_command curl jq ip nft
    skiff_setup
    import_busybox
    server_image
    export WORLD=$skiff_folder/world
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    mkdir -p "$WORLD"
    world_begin
}

teardown()
{
    skiff_cleanup
    skiff network ls -qf type=custom | xargs -r "$SKIFF" network rm >/dev/null
    world_end
}

# --- a host, and a client ------------------------------------------------------------------------

# machine NAME: namespaces that last as long as a process, whose number stands in a file.
machine()
{
    unshare --net --mount sh -c 'ip link set lo up && echo $$ >"$1.new" && mv "$1.new" "$1" && exec sleep 1000' \
        sh "$WORLD/$1" 3>&- &
    until_true test -e "$WORLD/$1"
}

# on MACHINE COMMAND...: there. In the background it is `later`, which knows the process's number: a
# function's would be the shell's around it.
on()
{
    local name=$1
    shift
    nsenter --net --mount --target "$(cat "$WORLD/$name")" --wd="$PWD" -- "$@"
}

# later MACHINE COMMAND...: a daemon there, $daemon, that ends with it.
later()
{
    nsenter --net --mount --target "$(cat "$WORLD/$1")" --wd="$PWD" -- "${@:2}" >>"$WORLD/log" 2>&1 3>&- &
    daemon=$!
    daemons="$daemons $daemon"
}

# The host is 198.18.1.1 and fd18:1::1, the client 198.18.1.2 and fd18:1::2, who asks the host for the way to
# everything. From here on skiff runs on that host.
world_begin()
{
    daemons=
    machine host
    machine client
    on host ip link add eth0 type veth peer name eth0 netns "$(cat "$WORLD/client")"
    local i=1 name
    for name in host client; do
        on $name ip addr add 198.18.1.$i/24 dev eth0
        on $name ip -6 addr add fd18:1::$i/64 dev eth0 nodad
        on $name ip link set eth0 up
        i=2
    done
    on client ip route add default via 198.18.1.1
    on client ip -6 route add default via fd18:1::1
    mkdir -p "$WORLD/www/cgi-bin"
    printf '#!/bin/sh\necho\necho "$REMOTE_ADDR"\n' >"$WORLD/www/cgi-bin/who"
    chmod +x "$WORLD/www/cgi-bin/who"
    later client busybox httpd -f -p 80 -h "$WORLD/www"
    printf '#!/bin/sh\nexec nsenter --net --mount --target %s --wd="$PWD" -- "%s" "$@"\n' "$(cat "$WORLD/host")" \
        "$SKIFF_BUILD/skiff" >"$WORLD/skiff"
    chmod +x "$WORLD/skiff"
    SKIFF=$WORLD/skiff
}

world_end()
{
    local pid
    docker_down
    # shellcheck disable=SC2154 # world_begin sets it
    for pid in $daemons $(cat "$WORLD/host" "$WORLD/client"); do
        kill "$pid" 2>/dev/null || true
    done
    wait_all
    # That host is gone, and what its runs of skiff knew of it.
    rm -rf "$WORLD" "$SKIFF_RUN_DIR"
}

# --- what must be true ---------------------------------------------------------------------------

# contained CONTAINER HOST: whom its question at http://HOST is from.
contained()
{
    skiff exec "$1" timeout 2 wget -q -O - "http://$2/cgi-bin/who" 2>/dev/null | sed 's/^\[\(::ffff:\)\{0,1\}\(.*\)\]$/\2/'
}

is() # WHAT EXPECTED ACTUAL
{
    [ "$2" = "$3" ] || told "$1: \"$3\", not \"$2\""
}

containers()
{
    skiff network create --ipv6 six >/dev/null
    skiff network create --internal closed >/dev/null
    skiff network create --opt dev.skiff.publish.sources=198.18.1.0/31,198.18.7.0/24,fd18:7::/64 few >/dev/null
    skiff run -d --name web --network six -p 18080:80 web >/dev/null
    skiff run -d --name near -p 127.0.0.1:18081:80 web >/dev/null
    skiff run -d --name shut --network closed web >/dev/null
    skiff run -d --name asks --network closed busybox sleep 1000 >/dev/null
    skiff run -d --name limited --network few -p 18082:80 web >/dev/null
    address_of web six >"$WORLD/address-web"
    address_of shut closed >"$WORLD/address-shut"
    until_true eval '[ -n "$(asks 127.0.0.1 18080 on host)" ]'
    until_true eval '[ -n "$(asks 127.0.0.1 18082 on host)" ]'
}

works()
{
    local address
    # Out, by both families, with the host's address; the default bridge too.
    is "out" 198.18.1.1 "$(contained web 198.18.1.2)" || return
    is "out by IPv6" fd18:1::1 "$(contained web '[fd18:1::2]')" || return
    is "out of the default bridge" 198.18.1.1 "$(contained near 198.18.1.2)" || return
    # In, where it is published, with the client's own.
    is "in" 198.18.1.2 "$(asks 198.18.1.1 18080 on client)" || return
    is "in by IPv6" fd18:1::2 "$(asks '[fd18:1::1]' 18080 on client)" || return
    # The host reaches what others must not, and names a neighbour knows.
    address=$(address_of web six)
    [ -n "$(asks "$address" 80 on host)" ] || told "the host does not reach $address" || return
    [ -n "$(asks 127.0.0.1 18081 on host)" ] || told "nothing at 127.0.0.1:18081" || return
    [ -n "$(asks 127.0.0.1 18082 on host)" ] || told "nothing at 127.0.0.1:18082" || return
    [ -n "$(contained asks shut)" ] || told "no \"shut\" for its neighbour" || return
    is "what is closed" "" "$(closed "$address" "$(address_of shut closed)")"
}

# closed WEB SHUT: prints what is reached by whom it must not be, all at once: for it takes long to be nobody.
closed()
{
    refused "unpublished" asks "$1" 80 on client &
    refused "unpublished, from another network" contained near "$1" &
    refused "published to the host alone" asks 198.18.1.1 18081 on client &
    refused "limited to others" asks 198.18.1.1 18082 on client &
    refused "limited to others, by IPv6" asks '[fd18:1::1]' 18082 on client &
    refused "out of an internal network" contained asks 198.18.1.2 &
    refused "into an internal network" asks "$2" 80 on client &
    wait_all
}

refused() # WHAT COMMAND...
{
    local answer
    answer=$("${@:2}")
    [ -z "$answer" ] || echo "$1: $answer"
}

# again COMMAND...: somebody changes rules, skiff runs once, and all is well.
again()
{
    on host "$@" >"$BATS_TEST_TMPDIR/again" 2>&1 || told "$* failed: $(cat "$BATS_TEST_TMPDIR/again")" || return
    run_ok skiff ps -q
    works || told "after $*"
}

# reloads COMMAND...: the same, and what is closed stays so before skiff has run again.
reloads()
{
    on host "$@" >"$BATS_TEST_TMPDIR/again" 2>&1 || told "$* failed: $(cat "$BATS_TEST_TMPDIR/again")" || return
    is "closed after $*" "" "$(closed "$(address_noted web)" "$(address_noted shut)")" || return
    again true
}

# Looked up before, for the question would repair.
address_noted()
{
    cat "$WORLD/address-$1"
}

# --- the firewalls -------------------------------------------------------------------------------

@test "no other firewall, and everybody's rules flushed" {
    containers
    works
    again nft flush ruleset
    again nft delete table inet skiff
    again nft flush chain inet skiff forward
}

@test "rulesets of nft that drop: by policy, by a last rule, in two tables" {
    containers
    on host nft -f - <<'END'
table inet strict {
    chain forward { type filter hook forward priority 10; policy drop;
        ct state established,related accept
    }
}
table ip older {
    chain fw { type filter hook forward priority -5; policy accept;
        iifname "eth9" accept
        counter reject with icmp type admin-prohibited
    }
}
END
    is "before skiff has seen it" "" "$(asks 198.18.1.1 18080 on client)"
    again true
    # A script that begins with its own flush.
    again nft flush chain inet strict forward
    on host nft add rule ip older fw counter drop
    again nft flush chain ip older fw
    run_ok on host nft list ruleset
    output_has 'policy drop'
    again nft flush ruleset
}

@test "a table that is one program's own is left alone, and in nobody's way when it is gone" {
    mkfifo "$WORLD/orders"
    later host sh -c 'exec nft -i <"$1"' sh "$WORLD/orders"
    exec 7>"$WORLD/orders"
    printf '%s\n' 'add table inet own { flags owner; }' \
        'add chain inet own f { type filter hook forward priority 0; policy drop; }' >&7
    until_true eval 'on host nft list table inet own 2>/dev/null | grep -q "policy drop"'
    containers
    run_ok on host nft list table inet own
    output_lacks sk
    is "in, past its policy" "" "$(asks 198.18.1.1 18080 on client)"
    exec 7>&-
    wait "$daemon" || true
    works
}

@test "iptables of nft with FORWARD DROP" {
    require_command iptables-nft ip6tables-nft
    on host iptables-nft -P FORWARD DROP
    on host ip6tables-nft -P FORWARD DROP
    on host iptables-nft -A FORWARD -i eth9 -j ACCEPT
    containers
    works
    again iptables-nft -F
    again ip6tables-nft -F
    run_ok on host iptables-nft -S
    output_has '-P FORWARD DROP'
    output_has '-A FORWARD -i sk\+ .*-j ACCEPT'
}

@test "iptables of old with FORWARD DROP" {
    require_command iptables-legacy ip6tables-legacy
    on host iptables-legacy -w -P FORWARD DROP || skip "this kernel has none"
    on host ip6tables-legacy -w -P FORWARD DROP
    on host iptables-legacy -w -N mine
    on host iptables-legacy -w -A mine -p udp --dport 9 -j RETURN
    on host iptables-legacy -w -A FORWARD -j mine
    on host iptables-legacy -w -A OUTPUT -j mine
    containers
    works
    # The table is replaced as a whole: nothing else of it may change, not even what was counted.
    on host iptables-legacy -w -F FORWARD
    on host iptables-legacy -w -A FORWARD -i eth9 -p tcp -m multiport --dports 1,2 -j mine
    on host iptables-legacy -w -A FORWARD -i eth9 -g mine
    on host iptables-legacy -w -N yours
    on host iptables-legacy -w -A yours -j mine
    saved >"$WORLD/before"
    run grep -cE '^\[[1-9][0-9]*:[0-9]+\] -A OUTPUT -j mine|-A FORWARD -i eth9 -g mine' "$WORLD/before"
    output_is 2
    run_ok skiff ps -q
    saved >"$WORLD/after"
    run diff "$WORLD/before" <(grep -v 'sk+' "$WORLD/after")
    output_is ''
    works
    again ip6tables-legacy -w -F FORWARD
    is "rules, once" 2 "$(on host iptables-legacy -w -S FORWARD | grep -c 'sk+')"
    run_ok on host iptables-legacy -w -S
    output_has '-P FORWARD DROP'
    output_has '-A FORWARD -i sk\+ .*-j ACCEPT'
    output_has '-A mine -p udp -m udp --dport 9 -j RETURN'
    output_has '-A OUTPUT -j mine'
}

saved()
{
    on host iptables-legacy-save -c -t filter | grep -v '^#'
}

@test "ufw, and its reload" {
    require_command ufw iptables-restore
    mkdir "$WORLD/ufw" "$WORLD/lib" "$WORLD/default"
    cp -a /etc/ufw/. "$WORLD/ufw/"
    cp -a /lib/ufw/. "$WORLD/lib/"
    cp -a /etc/default/ufw "$WORLD/default/"
    on host mount --bind "$WORLD/ufw" /etc/ufw
    on host mount --bind "$WORLD/default/ufw" /etc/default/ufw
    run_ok on host ufw --force enable
    run_ok on host ufw allow 22/tcp
    containers
    works
    reloads ufw reload
    again ufw allow 23/tcp
    run_ok on host ufw status verbose
    output_has 'Status: active'
    output_has 'deny \(routed\)|disabled \(routed\)'
    output_has '22/tcp +ALLOW'
    again sh -c 'ufw --force disable && ufw --force enable'
    again nft flush ruleset
}

@test "firewalld, and its reload" {
    require_command firewalld firewall-cmd dbus-daemon
    mkdir "$WORLD/firewalld"
    on host mount -t tmpfs tmpfs /run
    on host mkdir -p /run/dbus
    later host dbus-daemon --system --nofork --nopidfile
    until_true on host test -S /run/dbus/system_bus_socket
    later host firewalld --nofork --nopid --system-config "$WORLD/firewalld" --log-target console
    until_true on host firewall-cmd --state >/dev/null 2>&1
    run_ok on host firewall-cmd --permanent --add-service=http
    containers
    works
    reloads firewall-cmd --reload
    again firewall-cmd --complete-reload
    run_ok on host firewall-cmd --list-services
    output_has http
    again nft flush ruleset
}

@test "dockerd, and its restart" {
    require_command dockerd docker iptables
    mkdir -p "$WORLD/docker/root" "$WORLD/docker/client"
    echo '{}' | tee "$WORLD/docker/daemon.json" >"$WORLD/docker/client/config.json"
    on host mount -t tmpfs tmpfs /run
    docker_up
    docker import "$(rootfs_busybox)" busybox >/dev/null
    containers
    works
    theirs
    docker_down
    docker_up
    again true
    theirs
    works
    run_ok on host iptables -S
    output_has '-A FORWARD -j DOCKER-USER'
}

docker_up()
{
    export DOCKER_HOST=unix://$WORLD/docker/d.sock DOCKER_CONFIG=$WORLD/docker/client
    later host dockerd --config-file "$WORLD/docker/daemon.json" --data-root "$WORLD/docker/root" \
        --exec-root /run/docker --pidfile /run/docker.pid --host "$DOCKER_HOST" \
        --cgroup-parent /skiff-firewalls --storage-driver vfs
    dockerd=$daemon
    until_true docker version >/dev/null 2>&1
}

docker_down()
{
    [ -n "${dockerd:-}" ] || return 0
    docker ps -aq | xargs -r docker rm -f >/dev/null
    kill "$dockerd"
    wait "$dockerd" || true
    dockerd=
    find /sys/fs/cgroup -maxdepth 2 -depth -type d -name skiff-firewalls -exec rmdir {} \;
}

# A container of dockerd's own is still reached.
theirs()
{
    docker run -d --name theirs -p 18090:80 busybox \
        sh -c 'mkdir -p /www && echo theirs >/www/index.html && exec httpd -f -h /www' >/dev/null
    until_true eval '[ "$(on client curl -s --max-time 2 http://198.18.1.1:18090/)" = theirs ]'
}
