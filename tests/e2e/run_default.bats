# run: what a container is that asks for nothing: Docker's defaults, one fact a line.
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
    skiff run -d --name plain busybox sleep 1000 >/dev/null
    plain_pid=$(container_pid plain)
    export plain_pid
}

teardown_file()
{
    skiff_teardown
}

bb()
{
    skiff run --rm busybox "$@"
}

@test "the fourteen capabilities: effective, permitted, bounding; none inheritable or ambient" {
    run_ok bb grep ^Cap /proc/self/status
    output_is $'CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000'
    [ "$(grep CapEff "/proc/$plain_pid/status")" = $'CapEff:\t00000000a80425fb' ]
}

@test "no_new_privs is off, a seccomp filter is on" {
    run_ok bb grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status
    output_is $'NoNewPrivs:\t0\nSeccomp:\t2'
}

@test "the seccomp profile refuses what Docker's does, and lets the rest through" {
    needs_skiff "no built-in image"
    run_fails 'peration not permitted' bb unshare -U true
    run_fails 'ermission denied' bb mount -t tmpfs none /mnt
    run_ok bb sh -c 'mkdir /a && ln -s a /b && chown 1:1 /a && chmod 700 /a && sleep 0'
    # clone3, whose flags a filter cannot see: "no such call", so that libraries use clone instead.
    require_command perl
    run_ok skiff run --rm host perl -e 'syscall(435, 0, 0); print $! + 0'
    output_is 38
    # keyctl and friends, by the number of this architecture.
    [ "$(uname -m)" = x86_64 ] || return 0
    run_ok skiff run --rm host perl -e 'for (248, 250, 298, 304, 323) { syscall($_, 0, 0, 0, 0, 0); print $! + 0, " " }'
    output_is '1 1 1 1 1 '
}

@test "umask 022; the caller's ignored and blocked signals are not handed on" {
    run_ok bb sh -c umask
    output_is 0022
    run_ok bash -c 'umask 077; trap "" INT TERM USR1 CHLD; exec "$SKIFF" run --rm busybox grep -E "^(Umask|Sig(Blk|Ign))" /proc/self/status'
    output_is $'Umask:\t0022\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000'
}

@test "no descriptor but the three is open" {
    exec 8</etc/passwd 9</
    run_ok bb sh -c 'ls /proc/self/fd'
    exec 8<&- 9<&-
    # ls itself reads the folder with one more.
    output_is $'0\n1\n2\n3'
}

@test "it is PID 1 of its own, alone, and leads its session" {
    run_ok bb sh -c 'echo $$; ps -o pid= | wc -l; cut -d" " -f4,5,6 /proc/1/stat'
    # The shell, ps and wc.
    output_is $'1\n3\n0 1 1'
}

@test "/dev: the nodes, the links, and nothing else" {
    needs_skiff "/dev/core is there where the daemon runs with it"
    run_ok bb sh -c 'for f in null zero full random urandom tty; do stat -c "%n %F %t:%T %a %u:%g" /dev/$f; done'
    output_is '/dev/null character special file 1:3 666 0:0
/dev/zero character special file 1:5 666 0:0
/dev/full character special file 1:7 666 0:0
/dev/random character special file 1:8 666 0:0
/dev/urandom character special file 1:9 666 0:0
/dev/tty character special file 5:0 666 0:0'
    run_ok bb sh -c 'for f in fd stdin stdout stderr ptmx core; do echo $f $(readlink /dev/$f); done'
    output_is 'fd /proc/self/fd
stdin /proc/self/fd/0
stdout /proc/self/fd/1
stderr /proc/self/fd/2
ptmx pts/ptmx
core /proc/kcore'
    run_ok bb ls /dev
    output_is $'core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero'
    run_ok bb sh -c 'echo x >/dev/null; head -c 5 /dev/zero | wc -c; head -c 5 /dev/urandom | wc -c; echo x >/dev/full || echo full'
    output_has 'No space left'
    [ "${lines[0]} ${lines[1]}" = '5 5' ]
}

@test "devices outside the list can be made and not opened" {
    # The host's own disk, and its memory.
    run bb sh -c 'mknod /disk b $(stat -c "0x%t 0x%T" /dev/null | sed "s/0x1 0x3/7 0/"); cat /disk'
    [ "$status" -ne 0 ]
    output_has 'peration not permitted'
    run bb sh -c 'mknod /mem c 1 1 && head -c 1 /mem'
    [ "$status" -ne 0 ]
    output_has 'peration not permitted'
    run_ok bb sh -c 'mknod /zero c 1 5 && head -c 3 /zero | wc -c'
    output_is 3
}

# mounted PATH: type and options of a mount, sorted.
mounted()
{
    awk -v path="$1" '$2 == path { print $3, $4 }' "/proc/$plain_pid/mounts" | tail -n 1
}

@test "/dev, /dev/pts, /dev/shm of 64 MiB, /dev/mqueue, /proc, /sys" {
    [[ $(mounted /dev) =~ ^tmpfs\ rw,nosuid,.*size=65536k,mode=755 ]]
    [[ $(mounted /dev/pts) =~ ^devpts\ rw,nosuid,noexec,.*gid=5,mode=620,ptmxmode=666 ]]
    [[ $(mounted /dev/shm) =~ ^tmpfs\ rw,nosuid,nodev,noexec,.*size=65536k ]]
    [[ $(mounted /dev/mqueue) =~ ^mqueue\ rw,nosuid,nodev,noexec ]]
    [[ $(mounted /proc) =~ ^proc\ rw,nosuid,nodev,noexec ]]
    [[ $(mounted /sys) =~ ^sysfs\ ro,nosuid,nodev,noexec ]]
    differs "with v1 the machine's control groups are seen" ||
        [[ $(mounted /sys/fs/cgroup) =~ ^(tmpfs|cgroup2)\ ro,nosuid,nodev,noexec ]]
    [[ $(mounted /) =~ ^overlay\ rw ]]
    run_ok bb sh -c 'stat -c %a /dev/shm /tmp; stat -f -c "%b %S" /dev/shm'
    output_is $'1777\n1777\n16384 4096'
    run_fails 'ead-only file system' bb touch /sys/kernel/x
}

@test "masked: there and empty" {
    needs_skiff "later versions mask more"
    for path in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts /proc/latency_stats /proc/sched_debug; do
        [ -e "$path" ] || continue
        run_ok bb sh -c "wc -c <$path"
        output_is 0
    done
    for path in /proc/acpi /proc/scsi /proc/asound /sys/firmware /sys/devices/virtual/powercap; do
        [ -e "$path" ] || continue
        run_ok bb sh -c "ls -A $path; touch $path/x 2>/dev/null || echo ro"
        output_is ro
    done
}

@test "read-only: /proc/sys and the like" {
    for path in bus fs irq sys sysrq-trigger; do
        [ -e "/proc/$path" ] || continue
        [[ $(mounted /proc/$path) =~ ^proc\ ro, ]]
    done
    run bb sh -c 'echo 1 >/proc/sys/kernel/printk'
    [ "$status" -ne 0 ]
    output_has 'ead-only file system'
    run bb sh -c 'echo b >/proc/sysrq-trigger'
    [ "$status" -ne 0 ]
}

@test "the host's mounts are not in it" {
    needs_skiff "the root's mount is a slave of the daemon's"
    [ "$(awk '$5 == "/" { n++ } END { print n }' "/proc/$plain_pid/mountinfo")" -eq 1 ]
    run_ok cat "/proc/$plain_pid/mountinfo"
    # Its own files are bound from its folder alone.
    output_lacks 'shared:|master:'
    for path in $(awk '{ print $5 }' "/proc/$plain_pid/mountinfo"); do
        [[ $path =~ ^/($|dev|proc|sys|etc/(hosts|hostname|resolv.conf)$) ]]
    done
}

@test "six namespaces of its own; user and time are the host's" {
    for kind in pid net ipc uts cgroup mnt; do
        differs "with v1 the machine's control groups are seen" && [ $kind = cgroup ] && continue
        [ "$(readlink "/proc/$plain_pid/ns/$kind")" != "$(readlink /proc/self/ns/$kind)" ]
    done
    for kind in user time; do
        [ "$(readlink "/proc/$plain_pid/ns/$kind")" = "$(readlink /proc/self/ns/$kind)" ]
    done
}

@test "hostname: the ID's first twelve digits, in /etc/hostname too" {
    id=$(skiff inspect -f '{{.Id}}' plain)
    [ "$(nsenter -t "$plain_pid" -u hostname)" = "${id:0:12}" ]
    [ "$(cat "/proc/$plain_pid/root/etc/hostname")" = "${id:0:12}" ]
}

@test "/etc/hosts: localhost and its own address; /etc/resolv.conf: names of others and the host's servers" {
    id=$(skiff inspect -f '{{.Id}}' plain)
    address=$(skiff inspect -f '{{.NetworkSettings.IPAddress}}' plain)
    run_ok cat "/proc/$plain_pid/root/etc/hosts"
    [[ $output == $'127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n'* ]]
    [ "${lines[-1]}" = "$address"$'\t'"${id:0:12}" ]
    differs "there are no names on the default bridge" ||
        [ "$(grep ^nameserver "/proc/$plain_pid/root/etc/resolv.conf")" = 'nameserver 127.0.0.11' ]
    # They are the container's own, and can be written.
    run_ok bb sh -c 'echo x >>/etc/hosts && echo x >>/etc/resolv.conf && echo x >>/etc/hostname'
    [ "$(stat -c '%a %u' "/proc/$plain_pid/root/etc/hosts")" = '644 0' ]
}

@test "network: lo and eth0 with an address on skiff0, a route, no foreign socket" {
    address=$(skiff inspect -f '{{.NetworkSettings.IPAddress}}' plain)
    gateway=$(skiff inspect -f '{{.NetworkSettings.Gateway}}' plain)
    run_ok bb sh -c 'ls /sys/class/net; ip route; cat /proc/net/tcp /proc/net/unix | grep -v " 0B00007F:03F3 " | wc -l'
    [ "${lines[0]}" = eth0 ]
    [ "${lines[1]}" = lo ]
    [ "${lines[2]%% dev*}" = "default via $gateway" ]
    [ "${lines[-1]}" = 2 ] # the two titles, beside who answers for names
    run_ok bb ip -o addr show lo
    output_has 'inet 127.0.0.1/8'
    run_ok bb ping -c 1 -W 5 "$gateway"
    differs "its bridge is in a network namespace of the test's" || run_ok ping -c 1 -W 5 "$address"
}

@test "an ordinary user may bind port 80 and ping" {
    needs_skiff "no built-in image"
    require_command perl
    run_ok skiff run --rm -u 1234 host perl -MSocket -e '
        socket(S, AF_INET, SOCK_STREAM, 0) && bind(S, sockaddr_in(80, INADDR_ANY)) or die "bind: $!";
        socket(P, AF_INET, SOCK_DGRAM, 1) or die "ping: $!"; print "both"'
    output_is both
}

@test "cgroup: a group of its own in every hierarchy, seen as the root from inside" {
    needs_skiff "with v1 the machine's control groups are seen"
    id=$(skiff inspect -f '{{.Id}}' plain)
    while IFS=: read -r number _ path; do
        # A v2 tree without what is limited here may be left alone.
        [ "$number" = 0 ] && [ "$path" = / ] && continue
        [ "$path" = "/skiff/$id" ]
    done <"/proc/$plain_pid/cgroup"
    run_ok bb sh -c 'cut -d: -f3 /proc/self/cgroup | sort -u'
    output_is /
    run bb sh -c 'mkdir $(ls -d /sys/fs/cgroup/pids /sys/fs/cgroup | head -n 1)/x'
    [ "$status" -eq 1 ]
    output_has 'ead-only file system'
}

@test "the built-in image 'host': the machine's files, none of them changed" {
    needs_skiff "no built-in image"
    run_ok skiff run --rm host sh -c 'cat /etc/os-release; touch /etc/skiff-test-written; ls /etc/skiff-test-written'
    [ "${lines[0]}" = "$(head -n 1 /etc/os-release)" ]
    [ ! -e /etc/skiff-test-written ]
    # Fresh: nothing of the machine's is in these.
    run_ok skiff run --rm host sh -c 'ls -A /run /tmp | grep -v :'
    output_is ''
    run_ok skiff run --rm host ps -o pid=,comm=
    [ "${#lines[@]}" -eq 1 ]
    # With a terminal missing and no command, a shell that reads an empty input.
    run_ok skiff run --rm host
    run_ok bash -c 'echo "echo typed" | "$SKIFF" run --rm -i host'
    output_is typed
}
