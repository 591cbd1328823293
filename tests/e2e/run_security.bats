# run: rights: capabilities, --privileged, --security-opt, --sysctl.
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
}

bb()
{
    skiff run --rm "$@"
}

# has MASK BIT
has()
{
    [ $((16#$1 >> $2 & 1)) -eq 1 ]
}

# caps OPTION...: the effective set of a container, in hexadecimal; the bounding set must be the same.
caps()
{
    run_ok skiff run --rm "$@" busybox grep -E 'Cap(Eff|Prm|Bnd)' /proc/self/status
    [ "$(cut -f2 <<<"$output" | sort -u | wc -l)" -eq 1 ] || told 'sets differ' || return 1
    cap=$(head -n 1 <<<"$output" | cut -f2)
}

default=00000000a80425fb

@test "--cap-add: one more, with and without CAP_, in any case" {
    for name in SYS_ADMIN CAP_SYS_ADMIN sys_admin cap_sys_admin; do
        caps --cap-add $name
        [ "$((16#$cap))" -eq $((16#$default | 1 << 21)) ]
    done
    caps --cap-add NET_ADMIN --cap-add SYS_TIME
    [ "$((16#$cap))" -eq $((16#$default | 1 << 12 | 1 << 25)) ]
}

@test "--cap-add: what it is for works then, and not before" {
    run bb busybox ip link set lo down
    [ "$status" -ne 0 ]
    run_ok bb --cap-add NET_ADMIN busybox ip link set lo down
    run bb busybox mount -t tmpfs none /mnt
    [ "$status" -ne 0 ]
    run_ok bb --cap-add SYS_ADMIN busybox sh -c 'mkdir /m; mount -t tmpfs none /m && umount /m'
}

@test "--cap-drop: one less, ALL, and single ones added again" {
    caps --cap-drop CHOWN
    [ "$((16#$cap))" -eq $((16#$default & ~1)) ]
    run bb --cap-drop CHOWN busybox chown 1 /etc/passwd
    [ "$status" -ne 0 ]
    output_has 'peration not permitted'
    caps --cap-drop ALL
    [ "$((16#$cap))" -eq 0 ]
    caps --cap-drop all --cap-add NET_RAW --cap-add CHOWN
    [ "$((16#$cap))" -eq $((1 << 13 | 1)) ]
    # What is both dropped and added is added.
    caps --cap-drop CHOWN --cap-add CHOWN
    [ "$cap" = $default ]
}

@test "--cap-add ALL: all that the machine has, less what is dropped" {
    needs_skiff "needs every capability that there is"
    caps --cap-add ALL
    [ "$((16#$cap))" -eq $((16#$(awk '/CapBnd/ { print $2 }' /proc/self/status))) ]
    caps --cap-add ALL --cap-drop SYS_ADMIN
    run has "$cap" 21
    [ "$status" -eq 1 ]
    has "$cap" 12
}

@test "--cap-add, --cap-drop: a name that is none" {
    run_status 125 bb --cap-add NO_SUCH busybox true
    output_has 'unknown capability:? "CAP_NO_SUCH"'
    run_status 125 bb --cap-drop NO_SUCH busybox true
    output_has 'unknown capability:? "CAP_NO_SUCH"'
}

@test "a user who is not root has none, whatever is added" {
    run_ok bb -u user --cap-add SYS_ADMIN busybox grep CapEff /proc/self/status
    output_is $'CapEff:\t0000000000000000'
}

@test "--privileged: all rights, all devices, nothing masked, no filter" {
    needs_skiff "needs every capability that there is"
    caps --privileged
    [ "$((16#$cap))" -eq $((16#$(awk '/CapBnd/ { print $2 }' /proc/self/status))) ]
    run_ok bb --privileged busybox sh -c '
        grep Seccomp: /proc/self/status
        grep -c " /proc/\(sys\|bus\|irq\|fs\|keys\|acpi\|interrupts\) " /proc/mounts
        awk "\$2 == \"/sys\" { print \$4 }" /proc/mounts | cut -c1-2
        cd /dev && ls -d kmsg loop-control 2>/dev/null | wc -l
        mknod /k c 1 11 && : </k && echo opened'
    [ "${lines[0]}" = $'Seccomp:\t0' ]
    [ "${lines[1]} ${lines[2]}" = '0 rw' ]
    [ "${lines[3]}" -eq "$(cd /dev && ls -d kmsg loop-control 2>/dev/null | wc -l)" ]
    [ "${lines[4]}" = opened ]
    run bb busybox sh -c 'mknod /k c 1 11 && : </k'
    [ "$status" -ne 0 ]
}

@test "--security-opt seccomp=unconfined: no filter" {
    run_ok bb --security-opt seccomp=unconfined busybox grep Seccomp: /proc/self/status
    output_is $'Seccomp:\t0'
    run_fails 'ot permitted' bb busybox unshare -U true
    run_ok bb --security-opt seccomp=unconfined busybox unshare -U true
}

@test "--security-opt seccomp=FILE: a profile of one's own, in Docker's format" {
    cat >"$BATS_TEST_TMPDIR/no-mkdir.json" <<EOT
{"defaultAction": "SCMP_ACT_ALLOW",
 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}
EOT
    run_fails 'peration not supported|ot supported' bb --security-opt "seccomp=$BATS_TEST_TMPDIR/no-mkdir.json" busybox mkdir /x
    run_ok bb --security-opt "seccomp=$BATS_TEST_TMPDIR/no-mkdir.json" busybox touch /x
    run_ok bb --security-opt "seccomp:$BATS_TEST_TMPDIR/no-mkdir.json" busybox grep Seccomp: /proc/self/status
    output_is $'Seccomp:\t2'
    # Rules that follow a capability.
    cat >"$BATS_TEST_TMPDIR/caps.json" <<EOT
{"defaultAction": "SCMP_ACT_ALLOW",
 "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_ADMIN"]}}]}
EOT
    run_fails 'ot permitted' bb --security-opt "seccomp=$BATS_TEST_TMPDIR/caps.json" busybox mkdir /x
    run_ok bb --security-opt "seccomp=$BATS_TEST_TMPDIR/caps.json" --cap-add SYS_ADMIN busybox mkdir /x
}

@test "--security-opt seccomp=FILE: what is no profile is refused" {
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [' >"$BATS_TEST_TMPDIR/broken.json"
    run_status 125 bb --security-opt "seccomp=$BATS_TEST_TMPDIR/broken.json" busybox true
    output_has 'broken.json'
    echo '{"defaultAction": "SCMP_ACT_NONSENSE"}' >"$BATS_TEST_TMPDIR/bad.json"
    run_status 125 bb --security-opt "seccomp=$BATS_TEST_TMPDIR/bad.json" busybox true
    output_has SCMP_ACT_NONSENSE
    run_status 125 bb --security-opt seccomp=/no/such/file busybox true
    output_has '/no/such/file'
    run_status 125 bb --security-opt nonsense=1 busybox true
    output_has 'invalid --security-opt'
}

@test "--security-opt no-new-privileges: set-user-ID programs give nothing" {
    run_ok bb --security-opt no-new-privileges busybox grep NoNewPrivs /proc/self/status
    output_is $'NoNewPrivs:\t1'
    for word in =true :true; do
        run_ok bb --security-opt no-new-privileges$word busybox grep NoNewPrivs /proc/self/status
        output_is $'NoNewPrivs:\t1'
    done
    run_ok bb --security-opt no-new-privileges=false busybox grep NoNewPrivs /proc/self/status
    output_is $'NoNewPrivs:\t0'
    mkdir -p "$BATS_TEST_TMPDIR/suid"
    cp "$(command -v id)" "$BATS_TEST_TMPDIR/suid/id"
    chmod 4755 "$BATS_TEST_TMPDIR/suid/id"
    differs "no built-in image" && return
    run_ok bb -u 1234 -v "$BATS_TEST_TMPDIR/suid:/s" host /s/id -u
    output_is 0
    run_ok bb -u 1234 -v "$BATS_TEST_TMPDIR/suid:/s" --security-opt no-new-privileges host /s/id -u
    output_is 1234
}

@test "--security-opt systempaths=unconfined: nothing masked, the rest as before" {
    run_ok bb --security-opt systempaths=unconfined busybox sh -c 'grep -c " /proc/" /proc/mounts; grep Seccomp: /proc/self/status'
    output_is $'0\nSeccomp:\t2'
}

@test "--sysctl: its namespaces' own; the host's are refused" {
    needs_skiff "its client refuses, in other words"
    run_ok bb --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=4242 --sysctl fs.mqueue.msg_max=12 busybox \
        cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax /proc/sys/fs/mqueue/msg_max
    output_is $'1\n4242\n12'
    run_ok bb --sysctl net.ipv4.ip_unprivileged_port_start=1024 busybox cat /proc/sys/net/ipv4/ip_unprivileged_port_start
    output_is 1024
    before=$(cat /proc/sys/kernel/msgmax /proc/sys/vm/swappiness /proc/sys/net/ipv4/conf/all/log_martians)
    run_status 125 bb --sysctl vm.swappiness=1 busybox true
    output_has 'sysctl "vm.swappiness" is not in a separate kernel namespace'
    run_status 125 bb --network host --sysctl net.ipv4.conf.all.log_martians=1 busybox true
    output_has 'network namespace'
    run_status 125 bb --ipc host --sysctl kernel.msgmax=4243 busybox true
    output_has 'ipc namespace'
    run_status 125 bb --sysctl net.no.such=1 busybox true
    run_status 125 bb --sysctl nonsense busybox true
    run_status 125 bb --sysctl net.../../../kernel/panic=1 busybox true
    [ "$before" = "$(cat /proc/sys/kernel/msgmax /proc/sys/vm/swappiness /proc/sys/net/ipv4/conf/all/log_martians)" ]
}
