#!/bin/sh
# shellcheck disable=SC2317 # the checks are called by name
#
# Runs inside the virtual machine (see run): what only another kernel can show, control groups of
# version 2 above all. Prints TAP; what a check prints is shown when it fails.
count=0

# check NAME COMMAND...: one test.
check()
{
    count=$((count + 1))
    name=$1
    shift
    if output=$("$@" 2>&1); then
        echo "ok $count - vm: $name"
    else
        echo "not ok $count - vm: $name"
        printf '%s\n' "$output" | tail -n 20 | sed 's/^/# /'
    fi
}

# expect STATUS COMMAND...
expect()
{
    wanted=$1
    shift
    "$@"
    got=$?
    [ $got -eq "$wanted" ] || {
        echo "status $got, not $wanted, of: $*"
        return 1
    }
}

# has PATTERN COMMAND...: it succeeds and prints a line like that.
has()
{
    pattern=$1
    shift
    printed=$("$@" 2>&1) || {
        echo "failed: $*: $printed"
        return 1
    }
    printf '%s\n' "$printed" | grep -qE "$pattern" || {
        echo "nothing like /$pattern/ in: $printed"
        return 1
    }
}

quick()
{
    skiff run --rm --network=none "$@"
}

cgroup2_alone()
{
    grep -q '^0::/' /proc/self/cgroup && [ "$(wc -l </proc/self/cgroup)" -eq 1 ]
}

groups()
{
    find /sys/fs/cgroup -type d | sort
}

# --- a container runs at all ---------------------------------------------------------------------

default_run()
{
    has '^1$' quick host sh -c 'echo $$' && expect 7 quick host sh -c 'exit 7'
}

default_network()
{
    has 'inet 172\.' skiff run --rm host ip -4 addr show dev eth0 &&
        has 'default via' skiff run --rm host ip route &&
        ip link show dev skiff0
}

reaches_the_bridge()
{
    # shellcheck disable=SC2016
    has '1 packets received' skiff run --rm host sh -c \
        'ping -c 1 -W 10 "$(ip route | sed -n "s/default via \([^ ]*\).*/\1/p")"'
}

imported_image()
{
    mkdir -p /tmp/bb/bin && cp /bin/busybox /tmp/bb/bin/busybox && ln -sf busybox /tmp/bb/bin/sh &&
        ln -sf busybox /tmp/bb/bin/ls && ln -sf busybox /tmp/bb/bin/cat && tar -C /tmp/bb -cf /tmp/bb.tar . &&
        skiff import - bb:latest </tmp/bb.tar &&
        has '^bin$' quick bb ls /
}

# --- links that this kernel has, and the tests' usual one has not --------------------------------

# Not busybox's own, which its shell prefers.
ip2()
{
    /usr/sbin/ip "$@"
}

wire()
{
    [ -e /sys/class/net/wire0 ] || {
        ip2 link add wire0 type veth peer name wire1 && ip2 link set wire0 up && ip2 link set wire1 up
    }
}

pings() # CONTAINER ADDRESS
{
    case $2 in
    *:*) has '1 packets received' skiff exec "$1" ping6 -c 1 -W 10 "$2" ;;
    *) has '1 packets received' skiff exec "$1" ping -c 1 -W 10 "$2" ;;
    esac
}

# on_parent MODE: two containers of an ipvlan network, both families.
on_parent()
{
    wire && skiff network create -d ipvlan --ipv6 --subnet 10.50.0.0/24 --ip-range 10.50.0.64/28 \
        --aux-address router=10.50.0.64 --subnet fd50::/64 -o parent=wire0 -o "ipvlan_mode=$1" iv &&
        skiff run -d --name one --network iv host sleep 1000 &&
        skiff run -d --name two --network iv --ip 10.50.0.9 --ip6 fd50::9 host sleep 1000 &&
        has "ipvlan *mode $1" skiff exec one ip -d link show eth0 &&
        has ' 10\.50\.0\.65/24' skiff exec one ip -4 -o addr show eth0 &&
        pings one 10.50.0.9 && pings one fd50::9 && pings two 10.50.0.65 || return 1
    ! skiff run --rm --network iv --ip 10.50.0.9 host true 2>/tmp/taken && grep -q '10\.50\.0\.9.*two\|10\.50\.0\.9.*taken' /tmp/taken || return 1
    ! skiff run --rm --network iv --ip6 fd50::9 host true 2>/tmp/taken && grep -q 'fd50::9' /tmp/taken || return 1
    ! skiff run --rm --network iv --mac-address 02:42:0a:32:00:01 host true || return 1
    skiff rm -f two && skiff run --rm --network iv --ip 10.50.0.9 --ip6 fd50::9 host true &&
        skiff rm -f one && skiff network rm iv && [ -e /sys/class/net/wire0 ]
}

ipvlan_l2()
{
    on_parent l2
}

# In layer 3 nobody is a neighbour: the way is the link.
ipvlan_l3()
{
    on_parent l3 && skiff network create -d ipvlan --subnet 10.50.0.0/24 -o parent=wire0 -o ipvlan_mode=l3 iv &&
        has '^default dev eth0' skiff run --rm --network iv host ip route && skiff network rm iv
}

# Made with the network, tagged on the wire, gone with it; one that was there before stays.
vlan_parent()
{
    for driver in macvlan ipvlan; do
        wire && skiff network create -d $driver --ipv6 --subnet 10.51.0.0/24 --subnet fd51::/64 -o parent=wire0.51 tagged &&
            has 'vlan protocol 802.1Q id 51' ip2 -d link show wire0.51 &&
            ip2 link add link wire1 name wire1.51 type vlan id 51 && ip2 addr add 10.51.0.254/24 dev wire1.51 &&
            ip2 -6 addr add fd51::254/64 dev wire1.51 nodad && ip2 link set wire1.51 up &&
            skiff run -d --name tagged --network tagged host sleep 1000 &&
            pings tagged 10.51.0.254 && pings tagged fd51::254 &&
            skiff rm -f tagged && ip2 link del wire1.51 && skiff network rm tagged || return 1
        [ ! -e /sys/class/net/wire0.51 ] || return 1
    done
    ip2 link add link wire0 name wire0.52 type vlan id 52 && ip2 link set wire0.52 up &&
        skiff network create -d macvlan -o parent=wire0.52 kept && skiff network rm kept &&
        [ -e /sys/class/net/wire0.52 ] && ip2 link del wire0.52 && ip2 link del wire0
}

# With sockets of SCTP a port is claimed like any other.
sctp_claim()
{
    modprobe sctp && skiff run -d --name sctp -p 1320:132/sctp host sleep 1000 &&
        has '132/sctp -> 0.0.0.0:1320' skiff port sctp && has '(sctp|132) \. 1320 :' nft list map inet skiff any4 || return 1
    ! skiff run --rm -p 1320:132/sctp host true 2>/tmp/taken && grep -q '1320' /tmp/taken || return 1
    skiff rm -f sctp && skiff run --rm -p 1320:132/sctp host true
}

# --- limits bite ---------------------------------------------------------------------------------

memory_kills()
{
    expect 137 quick --memory 32m host tail /dev/zero
}

memory_is_shown()
{
    has '^33554432$' quick --memory 32m host cat /sys/fs/cgroup/memory.max &&
        has '^0$' quick --memory 32m --memory-swap 32m host cat /sys/fs/cgroup/memory.swap.max
}

pids_bite()
{
    # shellcheck disable=SC2016
    has 'max [1-9]' quick --pids-limit 8 host sh -c \
        'i=0; while [ $i -lt 20 ]; do (sleep 2 &) 2>/dev/null; i=$((i + 1)); done; cat /sys/fs/cgroup/pids.events'
}

cpu_throttles()
{
    has '^20000 100000$' quick --cpus 0.2 host cat /sys/fs/cgroup/cpu.max &&
        has 'nr_throttled [1-9]' quick --cpus 0.1 host sh -c \
            'i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done; cat /sys/fs/cgroup/cpu.stat'
}

cpuset_binds()
{
    has 'Cpus_allowed_list:.0$' quick --cpuset-cpus 0 host grep Cpus_allowed_list /proc/self/status
}

shares_become_weight()
{
    # The ends of both ranges (runtime-spec, config-linux.md: the conversion keeps them).
    has '^10000$' quick --cpu-shares 262144 host cat /sys/fs/cgroup/cpu.weight &&
        has '^1$' quick --cpu-shares 2 host cat /sys/fs/cgroup/cpu.weight
}

# in_group NAME FILE PATTERN: what a running container's group says.
in_group()
{
    has "$3" cat "/sys/fs/cgroup/skiff/$(skiff inspect -f '{{.Id}}' "$1")/$2"
}

# box OPTION...: a container named box, which idles.
box()
{
    skiff rm -f box >/dev/null 2>&1
    skiff run -d --name box --network=none "$@" host sleep 1000 >/dev/null
}

every_limit()
{
    box --memory 64m --memory-reservation 32m --memory-swap 96m --cpu-period 50000 --cpu-quota 25000 \
        --cpuset-cpus 0 --cpuset-mems 0 --pids-limit 33 --device-read-bps /dev/vda:1mb \
        --device-write-bps /dev/vda:2mb --device-read-iops /dev/vda:100 --device-write-iops /dev/vda:200 &&
        in_group box memory.max '^67108864$' && in_group box memory.low '^33554432$' &&
        in_group box memory.swap.max '^33554432$' && in_group box cpu.max '^25000 50000$' &&
        in_group box cpuset.cpus '^0$' && in_group box cpuset.mems '^0$' && in_group box pids.max '^33$' &&
        in_group box io.max 'rbps=1048576 wbps=2097152 riops=100 wiops=200'
}

# refuses PATTERN COMMAND...: it fails, and says so.
refuses()
{
    pattern=$1
    shift
    if printed=$("$@" 2>&1); then
        echo "succeeded: $*"
        return 1
    fi
    printf '%s\n' "$printed" | grep -qE "$pattern" || {
        echo "nothing like /$pattern/ in: $printed"
        return 1
    }
}

weights()
{
    # Whose files there are depends on the schedulers that the kernel has.
    box && id=$(skiff inspect -f '{{.Id}}' box)
    if [ -e "/sys/fs/cgroup/skiff/$id/io.bfq.weight" ]; then
        box --blkio-weight 300 && in_group box io.bfq.weight '300$'
    elif [ -e "/sys/fs/cgroup/skiff/$id/io.weight" ]; then
        box --blkio-weight 1000 && in_group box io.weight '10000$'
    else
        refuses 'blockIO.weight|--blkio-weight' quick --blkio-weight 300 host true
    fi
}

v1_alone_is_refused()
{
    refuses 'swappiness.*cgroup v2' quick --memory-swappiness 10 host true &&
        refuses '(oom-kill-disable|disableOOMKiller).*cgroup v2' quick --oom-kill-disable host true &&
        refuses '(cpu-rt-runtime|realtimeRuntime).*cgroup v2' quick --cpu-rt-runtime 1000 host true
}

oom_is_told()
{
    expect 137 skiff run --name eater --network=none --memory 32m --memory-swap 32m host tail /dev/zero
    has '^true 137$' skiff inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' eater
    result=$?
    skiff run --name child --network=none --memory 32m --memory-swap 32m host sh -c 'tail /dev/zero; true'
    has '^true 0$' skiff inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' child || result=1
    skiff rm eater child >/dev/null
    return $result
}

updates()
{
    box --memory 64m && skiff update --memory 128m --memory-swap 256m --cpus 0.5 --pids-limit 9 \
        --cpuset-cpus 0 --memory-reservation 16m --cpu-shares 2 --device-write-bps /dev/vda:3mb box &&
        in_group box memory.max '^134217728$' && in_group box memory.swap.max '^134217728$' &&
        in_group box cpu.max '^50000 100000$' && in_group box pids.max '^9$' &&
        in_group box cpuset.cpus '^0$' && in_group box memory.low '^16777216$' &&
        in_group box cpu.weight '^1$' && in_group box io.max 'wbps=3145728' &&
        skiff update --memory -1 --pids-limit -1 --device-write-bps /dev/vda:0 box &&
        in_group box memory.max '^max$' && in_group box memory.swap.max '^max$' &&
        in_group box pids.max '^max$' && ! in_group box io.max wbps=3145728
}

update_takes_back()
{
    box --memory 64m --pids-limit 20 &&
        refuses 'cgroup v2' skiff update --memory 128m --memory-swap 256m --cpus 0.5 --memory-swappiness 5 box &&
        in_group box memory.max '^67108864$' && in_group box memory.swap.max '^67108864$' &&
        in_group box cpu.max '^max 100000$' && has '^67108864 0$' \
        skiff inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}' box
}

# What would kill is refused; what only takes pages of files away is done.
update_below_use()
{
    skiff rm -f box >/dev/null 2>&1
    skiff run -d --name box --network=none --memory 64m --memory-swap 64m host sh -c \
        'head -c 20000000 /dev/zero >/dev/shm/x; echo full >/dev/shm/ready; exec sleep 1000' >/dev/null
    pid=$(skiff inspect -f '{{.State.Pid}}' box)
    for _ in $(seq 100); do
        [ -e "/proc/$pid/root/dev/shm/ready" ] && break
        sleep 0.2
    done
    refuses '"--memory" to 8388608: [0-9]+ bytes are in use' skiff update --memory 8m --memory-swap 64m box &&
        in_group box memory.max '^67108864$' && in_group box memory.high '^max$' &&
        has '^true$' skiff inspect -f '{{.State.Running}}' box &&
        skiff update --memory 40m box && in_group box memory.max '^41943040$' && in_group box memory.high '^max$'
}

stats_and_top()
{
    box --memory 64m && has '^box .* / 64MiB 1$' skiff stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' &&
        has '^root .*sleep 1000$' skiff top box && has '^[0-9]+ +sleep$' skiff top box -o pid=,comm=
}

stats_count()
{
    skiff rm -f box >/dev/null 2>&1
    skiff run -d --name box --network=none -v /disk:/disk host sh -c \
        'head -c 3000000 /dev/zero >/disk/file; sync; while :; do :; done' >/dev/null
    for _ in $(seq 100); do
        skiff stats --no-stream --format '{{.BlockIO}}' box | grep -q '/ 0B$' || break
        sleep 0.2
    done
    has '/ [1-9].*[kM]B$' skiff stats --no-stream --format '{{.BlockIO}}' box &&
        has '^[1-9][0-9.]*%$' skiff stats --no-stream --format '{{.CPUPerc}}' box
    result=$?
    skiff rm -f box >/dev/null
    rm -f /disk/file
    return $result
}

# --- walls ---------------------------------------------------------------------------------------

own_cgroup_root()
{
    has '^0::/$' quick host cat /proc/self/cgroup
}

cgroups_read_only()
{
    has 'Read-only' quick host sh -c 'echo 1 2>&1 >/sys/fs/cgroup/pids.max; true'
}

# A device that root may open, were it not for the control group's program.
device=/dev/cpu_dma_latency

devices_refused()
{
    # shellcheck disable=SC2046 # two numbers
    set -- $(stat -c '0x%t 0x%T' $device)
    has 'zero 1' quick host sh -c 'head -c 1 /dev/zero | wc -c | sed "s/^/zero /"' &&
        has 'not permitted' quick host sh -c "mknod /mine c $(($1)) $(($2)) && (: </mine) 2>&1 || true"
}

devices_granted()
{
    expect 0 quick --device $device:/dev/latency:r host sh -c 'exec 3</dev/latency' &&
        expect 0 quick --device $device:/dev/latency:rm host sh -c '! (exec 3>/dev/latency) 2>/dev/null'
}

user_namespace()
{
    # On the disk: this kernel cannot shift the owners of a tmpfs (Linux 6.3 can).
    export SKIFF_ROOT=/disk/skiff
    skiff import - bb:latest </tmp/bb.tar &&
        has '^ +0 +[1-9]' quick --userns=private bb cat /proc/self/uid_map &&
        has '^0 0$' quick --userns=private bb sh -c 'echo $(busybox stat -c "%u %g" /bin/busybox)' &&
        has '^[1-9]' quick --userns=private -v /disk:/host bb sh -c \
            'busybox touch /made; busybox stat -c "%u" /host/lost+found; busybox cat /proc/self/uid_map'
    result=$?
    unset SKIFF_ROOT
    return $result
}

time_namespace()
{
    has '^[0-9]{7,}' quick --time=private --time-offset monotonic=+100d --time-offset boottime=+100d \
        host cat /proc/uptime
}

# --- exec ----------------------------------------------------------------------------------------

exec_joins()
{
    skiff run -d --network=none --memory 64m --name entered host sleep 1000 >/dev/null &&
        pid=$(skiff inspect --format '{{.State.Pid}}' entered) || return 1
    for kind in cgroup ipc mnt net pid uts; do
        has "^$(readlink "/proc/$pid/ns/$kind" | tr '[]' '..')$" \
            skiff exec entered readlink "/proc/self/ns/$kind" || return 1
    done
    # Born in its group, whose limits hold.
    has '^0::/$' skiff exec entered cat /proc/self/cgroup &&
        expect 137 skiff exec entered tail /dev/zero &&
        expect 7 skiff exec entered sh -c 'exit 7' &&
        expect 127 skiff exec entered nonesuch &&
        [ "$(echo hello | skiff exec -i entered cat)" = hello ]
}

exec_paused()
{
    skiff pause entered >/dev/null &&
        expect 1 skiff exec entered true &&
        skiff unpause entered >/dev/null &&
        expect 0 skiff exec entered true
}

# Nobody can enter a group that hands controllers on to groups below it.
exec_with_first_process_below()
{
    # shellcheck disable=SC2016
    skiff run -d --network=none --privileged --name nested host sh -c 'cd /sys/fs/cgroup && mkdir below &&
        echo $$ >below/cgroup.procs && echo +pids >cgroup.subtree_control && echo >/tmp/ready; sleep 1000' >/dev/null
    pid=$(skiff inspect --format '{{.State.Pid}}' nested)
    i=0
    until [ -e "/proc/$pid/root/tmp/ready" ] || [ $i -gt 100 ]; do
        i=$((i + 1))
        sleep 0.1
    done
    has '^0::/below$' skiff exec nested cat /proc/self/cgroup
}

exec_ends_with_it()
{
    skiff exec -d entered sleep 2000 &&
        skiff rm -f entered nested >/dev/null &&
        ! pgrep -f 'sleep 2000'
}

oci_exec()
{
    mkdir -p /tmp/execs/rootfs/bin /tmp/execs/rootfs/dev /tmp/execs/rootfs/proc /tmp/execs/rootfs/sys &&
        cp /bin/busybox /tmp/execs/rootfs/bin/busybox && ln -sf busybox /tmp/execs/rootfs/bin/sh &&
        ln -sf busybox /tmp/execs/rootfs/bin/sleep && cd /tmp/execs && skiff-oci spec &&
        sed -i 's/"terminal": *true/"terminal": false/; s/"sh"/"sleep", "1000"/' config.json &&
        skiff-oci run --detach execs </dev/null >/dev/null 2>&1 &&
        expect 9 skiff-oci exec execs sh -c 'exit 9' &&
        has '^0::/$' skiff-oci exec execs busybox cat /proc/self/cgroup &&
        skiff-oci delete --force execs
}

oci_runtime()
{
    mkdir -p /tmp/bundle/rootfs && cp -a /tmp/bb/. /tmp/bundle/rootfs/ && cd /tmp/bundle &&
        rm -f config.json && skiff-oci spec &&
        sed -i 's/"terminal": *true/"terminal": false/' config.json && expect 0 skiff-oci run box </dev/null
}

# --- nothing is left -----------------------------------------------------------------------------

nothing_left()
{
    groups >/tmp/groups.after
    # The folder for all of ours may stay; a container's may not.
    if comm -13 /tmp/groups.before /tmp/groups.after | grep -vE '/skiff(\.slice)?$'; then
        echo "control groups are left"
        return 1
    fi
    ! ip -o link | grep veth && ! grep -E ' /var/lib/skiff| /run/skiff' /proc/self/mountinfo &&
        [ "$(skiff ps -aq | wc -l)" -eq 0 ]
}

# --- quotas --------------------------------------------------------------------------------------

# quota_at FOLDER: volumes and a container's own layer are limited there, each for itself.
quota_at()
(
    export SKIFF_ROOT=$1/skiff
    fills='dd if=/dev/zero of=$0 bs=64k count=64 2>/dev/null; busybox stat -c %s $0; echo status $?'
    mkdir -p /tmp/bb/bin && cp /bin/busybox /tmp/bb/bin/busybox
    for applet in sh dd stat rm touch true; do ln -sf busybox "/tmp/bb/bin/$applet"; done
    tar -C /tmp/bb -cf /tmp/bbq.tar . && skiff import - bbq:latest </tmp/bbq.tar >/dev/null || return 1

    skiff volume create -o size=1m small && skiff volume create -o size=2m large && skiff volume create none || return 1
    small=$(quick -v small:/v bbq sh -c "$fills" /v/file) || return 1
    large=$(quick -v large:/v bbq sh -c "$fills" /v/file)
    none=$(quick -v none:/v bbq sh -c "$fills" /v/file)
    echo "volumes: $small, $large, $none"
    [ "${small%%[!0-9]*}" -le 1048576 ] && [ "${small%%[!0-9]*}" -gt 500000 ] || return 1
    [ "${large%%[!0-9]*}" -le 2097152 ] && [ "${large%%[!0-9]*}" -gt 1500000 ] || return 1
    [ "${none%%[!0-9]*}" -eq 4194304 ] || return 1
    # Root of the container cannot lift it, nor by another container; space comes back with what is removed.
    again=$(quick -v small:/v bbq sh -c "rm /v/file; $fills" /v/other) || return 1
    [ "${again%%[!0-9]*}" -gt 500000 ] || return 1
    # Filled from the image within its limit, or not at all.
    mkdir -p /tmp/bb/data && dd if=/dev/zero of=/tmp/bb/data/big bs=64k count=32 2>/dev/null
    tar -C /tmp/bb -cf /tmp/bbq.tar . && skiff import - bbbig:latest </tmp/bbq.tar >/dev/null || return 1
    skiff volume create -o size=1m tight
    expect 125 quick -v tight:/data bbbig true || return 1
    has '^0$' quick -v tight:/v bbq sh -c 'busybox ls -A /v | busybox wc -l' || return 1

    root=$(quick --storage-opt size=1m bbq sh -c "$fills" /file) || return 1
    free=$(quick bbq sh -c "$fills" /file)
    echo "root: $root, $free"
    [ "${root%%[!0-9]*}" -le 1048576 ] && [ "${root%%[!0-9]*}" -gt 500000 ] || return 1
    [ "${free%%[!0-9]*}" -eq 4194304 ] || return 1
    skiff volume rm small large none tight || return 1
    # The projects are given back, that of the container with the next one.
    skiff volume create -o size=1m last && skiff volume rm last && [ -z "$(ls "$SKIFF_ROOT/projects")" ]
)

quotas_on_ext4()
{
    mkdir -p /quota4 && mount -t ext4 -o prjquota /dev/vdb /quota4 && quota_at /quota4
}

quotas_on_xfs()
{
    mkdir -p /quotax && modprobe xfs && mount -t xfs -o prjquota /dev/vdc /quotax && quota_at /quotax
}

# What says so names the file system and what to do.
quotas_refused()
{
    umount /quota4 && mount -t ext4 -o noquota /dev/vdb /quota4 2>/dev/null || mount -t ext4 /dev/vdb /quota4
    SKIFF_ROOT=/disk/skiff skiff volume create -o size=1m no 2>&1 | grep -q 'of "/disk/skiff" (ext4) has no project quotas' &&
        SKIFF_ROOT=/run/no skiff volume create -o size=1m no 2>&1 | grep -q '(tmpfs) has no project quotas' || return 1
    umount /quota4
    umount /quotax 2>/dev/null
    [ ! -e /quotax ] || ! mount -t xfs /dev/vdc /quotax 2>/dev/null ||
        SKIFF_ROOT=/quotax/skiff skiff volume create -o size=1m no 2>&1 | grep -q '(xfs) has no project quotas .* mount it with -o prjquota'
}

groups >/tmp/groups.before
check "the kernel has the unified hierarchy alone" cgroup2_alone
check "skiff version" has '[0-9]\.[0-9]' skiff version
check "skiff check finds what this kernel offers" has 'cgroup' skiff check
check "run: PID 1, and the command's status" default_run
check "run: an address, a route, the bridge" default_network
check "run: the bridge answers" reaches_the_bridge
check "ipvlan in layer 2: both families, a part of the range, taken addresses" ipvlan_l2
check "ipvlan in layer 3" ipvlan_l3
check "VLANs as parents of macvlan and ipvlan" vlan_parent
check "a published port of SCTP is claimed" sctp_claim
check "import and run an image" imported_image
check "--memory: the kernel kills, status 137" memory_kills
check "--memory, --memory-swap: written where the kernel reads them" memory_is_shown
check "--pids-limit: fork fails" pids_bite
check "--cpus: throttled" cpu_throttles
check "--cpuset-cpus: bound" cpuset_binds
check "--cpu-shares: turned to a weight" shares_become_weight
check "every limit: what the group's files hold" every_limit
check "--blkio-weight: the scheduler's, or refused" weights
check "what cgroup v1 alone has is refused" v1_alone_is_refused
check "OOM: told in the state, of the first process and of a child" oom_is_told
check "update: a running container's group at once" updates
check "update: what fails takes back what went before" update_takes_back
check "update: less memory than is in use is refused, and nobody killed" update_below_use
check "stats and top: a container's own" stats_and_top
check "stats: CPU time and bytes written" stats_count
check "a control group namespace of its own" own_cgroup_root
check "control groups are read-only inside" cgroups_read_only
check "a device that was not given cannot be opened" devices_refused
check "--device: a device that was given can be" devices_granted
check "--userns=private: root is nobody of the machine's" user_namespace
check "--time-offset: another uptime" time_namespace
check "volume create -o size=, run --storage-opt size=: project quotas on ext4" quotas_on_ext4
if busybox blkid /dev/vdc 2>/dev/null | grep -q xfs || dd if=/dev/vdc bs=4 count=1 2>/dev/null | grep -q XFSB; then
    check "volume create -o size=, run --storage-opt size=: project quotas on xfs" quotas_on_xfs
fi
check "quotas that the file system has not are refused by its name" quotas_refused
check "skiff-oci: runs the bundle that its spec describes" oci_runtime
check "exec: all namespaces, the control group and its limits" exec_joins
check "exec: not in a paused container" exec_paused
check "exec: where the first process is in a group below" exec_with_first_process_below
check "exec: ends with its container" exec_ends_with_it
check "skiff-oci exec" oci_exec
check "nothing is left behind" nothing_left
echo "1..$count"
echo "# end of checks"
