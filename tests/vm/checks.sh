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

groups >/tmp/groups.before
check "the kernel has the unified hierarchy alone" cgroup2_alone
check "skiff version" has '[0-9]\.[0-9]' skiff version
check "skiff check finds what this kernel offers" has 'cgroup' skiff check
check "run: PID 1, and the command's status" default_run
check "run: an address, a route, the bridge" default_network
check "run: the bridge answers" reaches_the_bridge
check "import and run an image" imported_image
check "--memory: the kernel kills, status 137" memory_kills
check "--memory, --memory-swap: written where the kernel reads them" memory_is_shown
check "--pids-limit: fork fails" pids_bite
check "--cpus: throttled" cpu_throttles
check "--cpuset-cpus: bound" cpuset_binds
check "--cpu-shares: turned to a weight" shares_become_weight
check "a control group namespace of its own" own_cgroup_root
check "control groups are read-only inside" cgroups_read_only
check "a device that was not given cannot be opened" devices_refused
check "--device: a device that was given can be" devices_granted
check "--userns=private: root is nobody of the machine's" user_namespace
check "--time-offset: another uptime" time_namespace
check "skiff-oci: runs the bundle that its spec describes" oci_runtime
check "nothing is left behind" nothing_left
echo "1..$count"
echo "# end of checks"
