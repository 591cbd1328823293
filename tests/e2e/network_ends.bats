#!/usr/bin/env bats
# The end of network things: who shared a namespace lives on with what it has; commands that were killed
# in the middle; and that afterwards nothing is left: no link, no file, no element, no address.
#
# Killed here, and the next command there:
#
#   killed                                 what is left                            who puts it right, and how
#   -------------------------------------  --------------------------------------  ---------------------------------
#   monitor of one whose namespace others  cable, file, element: of nobody         reaper: hands them over, as the
#   are in                                                                         monitor does at an end in order
#   network connect, disconnect            "Changing" in network.json, and any    the next of these commands, or the
#                                          part of cable, file, element, routes    end: the network is taken off
#   port add, rm                           the same; claims, elements              the same: the ports are taken back
#   network create                         RUN/making/ID, perhaps a bridge and     the next command on networks: all of
#                                          what the firewall knows of it           it goes
#   network rm                             the file, perhaps without a bridge      the next rm; who attaches makes the
#                                                                                  bridge again
load ../lib/common
load ../lib/network
# shellcheck disable=SC2154 # skiff_setup sets skiff_folder

setup_file()
{
    require_root
    require_command jq ip nft ping
    needs_skiff "what is left of its own"
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
    ip link del sktends 2>/dev/null || true
    skiff network ls -qf type=custom | xargs -r "$SKIFF" network rm >/dev/null
    nothing_is_left
}

lan() # NAME [OPTION...]
{
    skiff network create --subnet 10.221.1.0/24 "${@:2}" "$1" >/dev/null
}

runs()
{
    skiff run -d --name "$1" "${@:2}" host sleep 1000 >/dev/null
}

monitor_of()
{
    awk '/^PPid/ { print $2 }' "/proc/$(container_pid "$1")/status"
}

# What this file's ranges have in the kernel, and its files.
left_over()
{
    ip -br link | grep -o '^sk-0add0[12]..'
    # Who may send, and to himself, stays with the network.
    nft list ruleset 2>/dev/null | awk '
        $1 == "set" || $1 == "map" { set = $2 }
        /10\.221\.[12]\.|fd22:1/ && !/\// && set !~ /^(senders|self)/ { print set ":", $0 }'
    find "$SKIFF_RUN_DIR/networks" -mindepth 2 -type f 2>/dev/null
    find "$SKIFF_RUN_DIR"/{containers,locks} -mindepth 1 2>/dev/null
}

# The kernel takes a namespace apart in its own time.
nothing_is_left()
{
    local i left
    for ((i = 0; i < 100; i++)); do
        left=$(left_over)
        [ -n "$left" ] || return 0
        sleep 0.05
    done
    printf 'left behind:\n%s\n' "$left" >&2
    return 1
}

# is_reached NAME ADDRESS, and the other way round; is_cut_off NAME.
is_reached()
{
    run_ok skiff exec "$1" ping -qc 1 -W 2 10.221.1.1
    run_ok ping -qc 1 -W 2 "$2"
    run_ok skiff exec peer ping -qc 1 -W 2 "$2"
}

is_cut_off()
{
    run ! skiff exec "$1" ping -qc 1 -W 1 10.221.1.1
}

finds() # CONTAINER NAME ADDRESS
{
    until_true eval "[ \"\$(skiff exec $1 dig +tries=1 +time=2 +short $2 2>&1)\" = '$3' ]"
}

file_of() # ADDRESS
{
    cat "$SKIFF_RUN_DIR"/networks/*/"$1"
}

@test "who shares a namespace keeps address, traffic and names when it was another's that ended" {
    local how id
    lan lan --ipv6 --subnet fd22:1::/64
    runs peer --network lan --ip 10.221.1.9
    for how in 'stop -t 0' 'kill' 'rm -f'; do
        runs donor --network lan --ip 10.221.1.50 --network-alias other -p 127.0.0.1::80
        runs shares --network container:donor
        is_reached shares 10.221.1.50
        run_ok nft list table inet skiff
        output_has ': 10\.221\.1\.50 \. 80'
        # shellcheck disable=SC2086 # an option
        skiff $how donor >/dev/null
        [ "$how" != kill ] || skiff wait donor
        is_reached shares 10.221.1.50
        run_ok ping -qc 1 -W 2 "$(skiff inspect shares | jq -r '.[0].NetworkSettings.Networks.lan.GlobalIPv6Address')"
        finds shares peer 10.221.1.9
        # Its names were the donor's, and its ports.
        finds peer donor ''
        finds peer other ''
        run_ok nft list table inet skiff
        output_lacks ': 10\.221\.1\.50 \. 80'
        id=$(skiff inspect --format '{{.Id}}' shares)
        run_ok file_of 10.221.1.50
        output_has "^owner $id
former [0-9a-f]{64}
"
        run_fails 'active endpoints.*name:"shares"' skiff network rm lan
        run_ok skiff inspect --format '{{json .NetworkSettings.Networks}}' shares
        output_has '"IPAddress": ?"10.221.1.50"'
        # Not given to another, and told whose it is.
        run_status 125 skiff run --rm --network lan --ip 10.221.1.50 busybox true
        output_has 'taken'
        skiff rm -f shares donor >/dev/null
        run ! file_of 10.221.1.50
    done
}

@test "the donor's monitor is killed: the next command hands over" {
    lan lan
    runs peer --network lan --ip 10.221.1.9
    runs donor --network lan --ip 10.221.1.50
    runs shares --network container:donor
    kill -KILL "$(monitor_of donor)"
    run_ok skiff ps
    is_reached shares 10.221.1.50
    finds shares peer 10.221.1.9
    # And of the heir itself, with another in there, and without.
    runs third --network container:shares
    kill -KILL "$(monitor_of shares)"
    run_ok skiff ps
    is_reached third 10.221.1.50
    kill -KILL "$(monitor_of third)"
    skiff rm -f donor shares third peer >/dev/null
    nothing_is_left
}

@test "from one to the next, whoever joined whom, and nothing at the end" {
    lan lan
    runs peer --network lan --ip 10.221.1.9
    runs one --network lan --ip 10.221.1.50
    runs two --network container:one
    runs three --network container:two
    runs four --network container:one
    # One in the middle ends: nothing was his.
    skiff rm -f two >/dev/null
    is_reached three 10.221.1.50
    skiff rm -f one >/dev/null
    is_reached three 10.221.1.50
    is_reached four 10.221.1.50
    skiff rm -f three >/dev/null
    is_reached four 10.221.1.50
    # All at once.
    runs five --network container:four
    runs six --network container:five
    finds six peer 10.221.1.9
    skiff kill four five six >/dev/null
    skiff wait four five six >/dev/null
    skiff rm -f peer >/dev/null
    run ! file_of 10.221.1.50
    until_true eval '! ip link show sk-0add0132 2>/dev/null'
    # A name or the flush of tables do not harm who inherited.
    runs peer --network lan --ip 10.221.1.9
    runs donor --network lan --ip 10.221.1.50
    runs shares --network container:donor
    skiff rm -f donor >/dev/null
    skiff rename shares renamed
    finds peer renamed ''
    nft delete element bridge skiff senders4 '{ "sk-0add0132" . 02:42:0a:dd:01:32 . 10.221.1.50 }'
    is_cut_off renamed
    rm "$SKIFF_RUN_DIR/networks/tables" # as if they had been made anew
    run_ok skiff ps
    is_reached renamed 10.221.1.50
}

@test "the donor comes back: with an address of its own, or what it asked for by number" {
    lan lan
    runs peer --network lan --ip 10.221.1.9
    runs donor --network lan
    address=$(address_of donor lan)
    runs shares --network container:donor
    skiff restart -t 0 donor >/dev/null
    is_reached shares "$address"
    [ "$(address_of donor lan)" != "$address" ]
    is_reached donor "$(address_of donor lan)"
    # Who shares comes back, too: to where the donor is now, or is told why not.
    skiff restart -t 0 shares >/dev/null
    run_ok skiff exec shares ip -4 -o addr show eth0
    output_has "$(address_of donor lan)"
    skiff stop -t 0 donor >/dev/null
    run_fails 'cannot join the network namespace of a non running container: donor' skiff restart -t 0 shares
    run ! file_of "$(skiff inspect donor | jq -r '.[0].NetworkSettings.Networks.lan.IPAddress')"
    skiff rm -f donor shares >/dev/null
    for fixed in '--ip 10.221.1.50' '--mac-address 02:42:99:00:00:05'; do
        # shellcheck disable=SC2086 # an option and its value
        runs donor --network lan $fixed
        address=$(address_of donor lan)
        runs shares --network container:donor
        skiff stop -t 0 donor >/dev/null
        is_reached shares "$address"
        run_ok skiff start donor
        is_reached donor "$(address_of donor lan)"
        run_ok skiff exec donor cat /sys/class/net/eth0/address
        [[ $fixed != --mac* ]] || output_is 02:42:99:00:00:05
        is_cut_off shares
        run_ok skiff inspect --format '{{json .NetworkSettings.Networks}}' shares
        output_lacks 'IPAddress'
        skiff rm -f donor shares >/dev/null
        run ! file_of "$address"
    done
}

@test "a restart policy's next life leaves what it had to who shares it" {
    lan lan
    runs peer --network lan --ip 10.221.1.9
    skiff run -d --name donor --restart always --network lan busybox sleep 1000 >/dev/null
    address=$(address_of donor lan)
    runs shares --network container:donor
    kill -KILL "$(container_pid donor)"
    until_true eval '[ "$(skiff inspect -f "{{.RestartCount}} {{.State.Status}}" donor)" = "1 running" ]'
    is_reached shares "$address"
    is_reached donor "$(address_of donor lan)"
}

@test "macvlan: the address stays claimed as long as somebody has it" {
    ip link add sktends type veth peer name sktends2
    ip link set sktends up
    skiff network create -d macvlan -o parent=sktends --subnet 10.221.1.0/24 lan >/dev/null
    runs donor --network lan --ip 10.221.1.50
    runs shares --network container:donor
    skiff stop -t 0 donor >/dev/null
    run_ok file_of 10.221.1.50
    output_has "^owner $(skiff inspect -f '{{.Id}}' shares)"
    run_status 125 skiff run --rm --network lan --ip 10.221.1.50 busybox true
    run_ok skiff start donor
    [ "$(address_of donor lan)" = 10.221.1.50 ]
    run_ok skiff exec shares ls /sys/class/net
    output_lacks eth0
    skiff stop -t 0 donor >/dev/null
    run ! file_of 10.221.1.50
}

# ---- killed in the middle ----

# What is shown of "web", its files, its links, the firewall: all say the same.
agrees()
{
    local id pid shown
    id=$(skiff inspect -f '{{.Id}}' web) pid=$(container_pid web)
    shown=$(skiff inspect web | jq -r '.[0].NetworkSettings.Networks[].IPAddress' | sort)
    agree addresses "$shown" "$(nsenter -n -t "$pid" ip -4 -o addr show | grep -o '10\.221\.[0-9.]*/' | tr -d / | sort)"
    agree files "$shown" "$(cd "$SKIFF_RUN_DIR/networks" && grep -rl "owner $id" . | grep -o '10\.221\..*' | sort)"
    agree senders "$shown" "$(nft list set bridge skiff senders4 | grep -o '10\.221\.[0-9.]*' | grep -xF "$shown" | sort)"
    agree cables "$(wc -w <<<"$shown")" "$(ip -br link | grep -c '^sk-0add0[12]..@')"
    shown=$(skiff port web | sed 's/.*:/tcp . /' | sort)
    agree ports "$shown" "$(nft list map inet skiff ports4 | grep -o 'tcp \. [0-9]* : 10\.221\.' | sed 's/ : .*//' | sort)"
    run ! grep -q Changing "$SKIFF_RUN_DIR/containers/$id/network.json"
}

agree() # WHAT SHOWN FOUND
{
    [ "$2" = "$3" ] || told "$1: shown $(xargs <<<"$2"), and found $(xargs <<<"$3")"
}

# killed MOMENT COMMAND...: a moment is "call:N", before the N-th of those system calls, or seconds.
killed()
{
    local moment=$1 pid
    shift
    case $moment in
    *:*) strace -f -qq -o /dev/null -e "inject=${moment%:*}:signal=KILL:when=${moment#*:}" "$@" >/dev/null 2>&1 || true ;;
    *)
        "$@" >/dev/null 2>&1 3>&- &
        pid=$!
        sleep "$moment"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        ;;
    esac
}

# moments N COMMAND...: runs it, and prints N moments of it: all kinds of its system calls, or chances.
moments()
{
    local n=$1 i
    shift
    if command -v strace >/dev/null; then
        strace -f -qq -o "$BATS_TEST_TMPDIR/calls" "$@" >/dev/null
        # Not before it has begun: its second change of a file on.
        sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' "$BATS_TEST_TMPDIR/calls" |
            awk '{ print $1 ":" ++n[$1] }' | sed '1,60d' | shuf -n "$n"
    else
        "$@" >/dev/null
        for ((i = 0; i < n; i++)); do
            echo "0.00$((RANDOM % 10))"
        done
    fi
}

web()
{
    skiff network create --subnet 10.221.1.0/24 lan >/dev/null
    skiff network create --subnet 10.221.2.0/24 other >/dev/null
    runs web --network lan -p 127.0.0.1:28281:81
    agrees
}

@test "network connect is killed: it is whole, or nothing of it is left" {
    web
    for moment in $(moments 25 "$SKIFF" network connect --gw-priority 5 other web); do
        skiff network disconnect other web || output_has 'is not connected'
        agrees
        killed "$moment" "$SKIFF" network connect --gw-priority 5 other web
        run skiff network connect --gw-priority 5 other web
        [ "$status" -eq 0 ] || output_has 'already connected' || told "killed at $moment"
        agrees || told "killed at $moment"
    done
    # And the container's end instead of a command.
    for moment in $(moments 15 "$SKIFF" network disconnect other web); do
        killed "$moment" "$SKIFF" network connect --gw-priority 5 other web
        skiff rm -f web >/dev/null
        nothing_is_left || told "killed at $moment"
        runs web --network lan -p 127.0.0.1:28281:81
    done
}

@test "network disconnect is killed: the next one finishes it" {
    web
    skiff network connect --gw-priority 5 other web
    for moment in $(moments 25 "$SKIFF" network disconnect other web); do
        skiff network connect --gw-priority 5 other web
        killed "$moment" "$SKIFF" network disconnect other web
        run skiff network disconnect other web
        [ "$status" -eq 0 ] || output_has 'is not connected' || told "killed at $moment"
        agrees || told "killed at $moment"
    done
    for moment in 0.002 0.004 0.006 0.008 0.012; do
        skiff network connect --gw-priority 5 other web
        killed "$moment" "$SKIFF" network disconnect other web
        skiff rm -f web >/dev/null
        nothing_is_left || told "killed after $moment"
        runs web --network lan -p 127.0.0.1:28281:81
    done
}

@test "port add and rm are killed: the port is published, or free" {
    web
    for moment in $(moments 20 "$SKIFF" port add web 127.0.0.1:28282:82); do
        skiff port rm web 82
        agrees
        killed "$moment" "$SKIFF" port add web 127.0.0.1:28282:82
        run skiff port add web 127.0.0.1:28282:82
        [ "$status" -eq 0 ] || output_has 'published by container "web" already' || told "killed at $moment"
        agrees || told "killed at $moment"
    done
    for moment in $(moments 20 "$SKIFF" port rm web 82); do
        skiff port add web 127.0.0.1:28282:82
        killed "$moment" "$SKIFF" port rm web 82
        run skiff port rm web 82
        [ "$status" -eq 0 ] || output_has 'publishes no such port' || told "killed at $moment"
        agrees || told "killed at $moment"
    done
    skiff port add web 127.0.0.1:28282:82
    killed 0.004 "$SKIFF" port rm web 82
    skiff rm -f web >/dev/null
    nothing_is_left
}

@test "the container is killed in the middle of connect, disconnect and port add" {
    local i
    web
    for ((i = 0; i < 12; i++)); do
        skiff network connect --gw-priority 5 other web >/dev/null 2>&1 3>&- &
        sleep "0.00$((RANDOM % 10))"
        skiff rm -f web >/dev/null
        wait_all
        nothing_is_left || told "in the middle of connect"
        runs web --network lan -p 127.0.0.1:28281:81
        skiff port add web 127.0.0.1:28282:82 >/dev/null 2>&1 3>&- &
        sleep "0.00$((RANDOM % 10))"
        kill -KILL "$(container_pid web)"
        wait_all
        skiff wait web >/dev/null
        skiff rm -f web >/dev/null
        nothing_is_left || told "in the middle of port add"
        runs web --network lan -p 127.0.0.1:28281:81
    done
}

# In a network namespace of its own, where every link is ours.
@test "network create and rm are killed: no bridge without a network, no network without an end" {
    require_command strace
    cat >"$BATS_TEST_TMPDIR/kill" <<'EOF'
left() {
    ip -br link | grep -v '^lo '
    find "$SKIFF_RUN_DIR"/{making,networks} "$SKIFF_ROOT/networks" -mindepth 1 ! -name tables
    nft list ruleset 2>/dev/null | grep -E '10\.221\.3|ends0|"sk-'
}
moments() {
    strace -f -qq -o calls "$@" >/dev/null
    sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' calls | awk '{ print $1 ":" ++n[$1] }' | sed 1,40d | shuf -n 25
}
killed() {
    strace -f -qq -o /dev/null -e "inject=${1%:*}:signal=KILL:when=${1#*:}" "${@:2}" >/dev/null 2>&1 || true
}
for options in "--subnet 10.221.3.0/24" "--subnet 10.221.3.0/24 -o com.docker.network.bridge.name=ends0"; do
    for moment in $(moments "$SKIFF" network create $options ends); do
        "$SKIFF" network rm ends >/dev/null 2>&1
        killed $moment "$SKIFF" network create $options ends
        "$SKIFF" network ls -q >/dev/null
        "$SKIFF" network inspect ends >/dev/null 2>&1 || { [ -z "$(left)" ] || { echo "create $moment:"; left; }; }
    done
    "$SKIFF" network create $options ends >/dev/null 2>&1
    for moment in $(moments "$SKIFF" network rm ends); do
        "$SKIFF" network create $options ends >/dev/null 2>&1
        killed $moment "$SKIFF" network rm ends
        "$SKIFF" network rm ends >/dev/null 2>&1
        [ -z "$(left)" ] || { echo "rm $moment:"; left; }
    done
done
EOF
    cd "$BATS_TEST_TMPDIR"
    run --separate-stderr unshare -n bash kill
    output_is ''
}

@test "networks that cannot be read are told once, in one line" {
    skiff network create one >/dev/null
    skiff network create two >/dev/null
    cp "$SKIFF_ROOT"/networks/{one,two}.json "$BATS_TEST_TMPDIR"
    echo '{' >"$SKIFF_ROOT/networks/one.json"
    run --separate-stderr skiff network ls
    # shellcheck disable=SC2154 # bats sets stderr_lines
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ ${stderr_lines[0]} =~ network\ .one.:.*one.json ]]
    echo '{' >"$SKIFF_ROOT/networks/two.json"
    run --separate-stderr skiff network ls
    [ "${#stderr_lines[@]}" -eq 1 ]
    [[ ${stderr_lines[0]} =~ 2\ networks\ cannot\ be\ read ]]
    cp "$BATS_TEST_TMPDIR"/{one,two}.json "$SKIFF_ROOT/networks"
    skiff network rm one two >/dev/null
}

@test "events say the network's driver, both inspects the same endpoint; ports go with the last network" {
    local id
    ip link add sktends type veth peer name sktends2
    ip link set sktends up
    skiff network create -d macvlan -o parent=sktends --subnet 10.221.4.0/24 wire >/dev/null
    web
    skiff network connect wire web
    run_ok skiff events --since 1m --until 0s --filter type=network --filter event=connect --format '{{json .}}'
    output_has '"type": ?"macvlan"'
    for network in lan wire; do
        id=$(skiff inspect web | jq -r --arg n $network '.[0].NetworkSettings.Networks[$n].EndpointID')
        [[ $id =~ ^[0-9a-f]{64}$ ]]
        [ "$(skiff network inspect $network | jq -r '.[0].Containers[].EndpointID')" = "$id" ]
    done
    skiff network disconnect wire web
    skiff network disconnect lan web
    run_ok nft list table inet skiff
    output_lacks 28281
    skiff network connect lan web
    run_ok nft list map inet skiff ports4
    output_has '28281 : 10\.221\.1\.'
}
