# skiff-oci: what config.json asks for is there, or is refused by its name.
load ../lib/common
load ../lib/oci

setup_file()
{
    oci_setup
}

teardown_file()
{
    oci_teardown
}

teardown()
{
    oci_cleanup
}

# --- refused by name -----------------------------------------------------------------------------

@test "what the specification has and this runtime has not is refused by name" {
    while read -r name value; do
        refused "\"$name\" is not supported" ".$name = $value" || return 1
    done <<'END'
process.apparmorProfile "docker-default"
process.selinuxLabel "system_u:system_r:container_t:s0"
process.scheduler {"policy":"SCHED_BATCH"}
process.ioPriority {"class":"IOPRIO_CLASS_IDLE"}
process.execCPUAffinity {"initial":"0"}
process.commandLine "cmd.exe"
process.user.username "ContainerUser"
linux.mountLabel "system_u:object_r:container_file_t:s0"
linux.intelRdt {"closID":"guaranteed"}
linux.personality {"domain":"LINUX32"}
linux.netDevices {"eth9":{}}
linux.memoryPolicy {"mode":"MPOL_BIND","nodes":"0"}
windows {"layerFolders":["C:"]}
solaris {"milestone":"svc:/milestone/container:default"}
vm {"kernel":{"path":"/vmlinuz"}}
zos {"namespaces":[{"type":"pid"}]}
freebsd {"jail":{"host":"new"}}
END
    refused 'listenerPath" is not supported' \
        '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/run/l.sock"}'
    refused 'SCMP_ACT_NOTIFY" is not supported' '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}'
    refused 'mounts: "/mnt": uidMappings are not supported' '.mounts += [{destination: "/mnt",
        type: "bind", source: "/", uidMappings: [{containerID: 0, hostID: 9, size: 1}]}]'
    refused '"/mnt": option "remount" is not supported' \
        '.mounts += [{destination: "/mnt", type: "tmpfs", source: "t", options: ["remount"]}]'
    refused 'a mount namespace of its own is needed' 'del(.linux.namespaces[] | select(.type == "mount"))'
    refused "cgroupsPath \"system.slice:skiff:x\" is a systemd unit's" \
        '.linux.cgroupsPath = "system.slice:skiff:x"'
    refused 'ociVersion "2.0.0" is not supported' '.ociVersion = "2.0.0"'
}

@test "what would do nothing is no reason to refuse" {
    ok_sh true '.process.apparmorProfile = "" | .process.selinuxLabel = "" | .hooks = {prestart: []}' \
        '.linux.intelRdt = {} | .linux.netDevices = {} | .linux.mountLabel = "" | .vm = null' \
        '.process.apparmorProfile = "unconfined" | .linux.rootfsPropagation = "" | .linux.sysctl = {} | .unknownToUs = {"x": 1}'
}

@test "a value of the wrong type is refused by name" {
    refused 'annotation "a" is not a string' '.annotations = {a: 1}'
    while read -r name value; do
        refused "$name" ".$name = $value" || return 1
    done <<'END'
process [1]
process.user [0]
process.user.uid "0"
process.user.uid -1
process.user.uid 4294967295
process.user.gid 1.5
process.user.umask 512
process.user.additionalGids ["0"]
process.args "true"
process.args []
process.args [""]
process.args [1]
process.env {"A":"b"}
process.env [1]
process.cwd "relative"
process.cwd 1
process.terminal "false"
process.capabilities ["CAP_KILL"]
process.capabilities.bounding "CAP_KILL"
process.capabilities.bounding ["CAP_NONESUCH"]
process.rlimits {"type":"RLIMIT_CORE"}
process.rlimits [{"type":"RLIMIT_NONESUCH","soft":1,"hard":1}]
process.rlimits [{"type":"RLIMIT_CORE","soft":"1","hard":1}]
process.rlimits [{"type":"RLIMIT_CORE","soft":1,"hard":1},{"type":"RLIMIT_CORE","soft":1,"hard":1}]
process.noNewPrivileges 1
process.oomScoreAdj 1001
process.consoleSize.width -1
root "rootfs"
root.path ""
root.readonly "yes"
hostname 1
mounts {}
linux []
linux.namespaces {"type":"pid"}
linux.namespaces [{"type":"nonesuch"}]
linux.namespaces [{"type":"mount"},{"type":"mount"}]
linux.namespaces [{"type":"mount"},{"type":"pid","path":"relative"}]
linux.namespaces [{"type":"mount"},{"type":"pid","path":1}]
linux.devices [{"path":"relative","type":"c","major":1,"minor":3}]
linux.devices [{"path":"/dev/x","type":"z"}]
linux.cgroupsPath 1
linux.resources []
linux.seccomp []
linux.sysctl ["a"]
linux.maskedPaths "a"
linux.readonlyPaths {"a":1}
linux.rootfsPropagation "nonesuch"
END
    refused 'no destination' '.mounts += [{type: "tmpfs", source: "t"}]'
    refused '"/mnt": no type' '.mounts += [{destination: "/mnt", source: "t"}]'
    refused '"/mnt": a bind mount has no source' '.mounts += [{destination: "/mnt", type: "bind"}]'
    refused '"/mnt": an option is not a string' \
        '.mounts += [{destination: "/mnt", type: "tmpfs", source: "t", options: [1]}]'
    refused '"/mnt": a bind mount does not take option "size=1k"' \
        '.mounts += [{destination: "/mnt", type: "bind", source: "/", options: ["size=1k"]}]'
    refused 'ociVersion" is missing' 'del(.ociVersion)'
    refused '"process" is missing' 'del(.process)'
    refused '"root.path" is missing' 'del(.root)'
}

@test "things that need each other" {
    refused 'a hostname needs a uts namespace' 'del(.linux.namespaces[] | select(.type == "uts"))'
    refused 'a user namespace needs uidMappings' '.linux.namespaces += [{type: "user"}]'
    refused 'uidMappings need a user namespace' '.linux.uidMappings = [{containerID: 0, hostID: 9, size: 1}]'
    refused 'an entry is not whole' '.linux.uidMappings = [{containerID: 0, size: 1}]'
    refused 'timeOffsets need a time namespace' '.linux.timeOffsets = {monotonic: {secs: 1}}'
    refused 'needs a network namespace' '.linux.sysctl = {"net.ipv4.ip_forward": "1"}' \
        'del(.linux.namespaces[] | select(.type == "network"))'
    refused '--console-socket is needed' '.process.terminal = true'
    bundle
    run_fails 'the config asks for no terminal' create_to_file -b "$bundle" --console-socket /nonesuch "$id"
}

# --- process -------------------------------------------------------------------------------------

@test "user, groups, umask, folder, environment" {
    ok_sh 'id -u; id -g; id -G; umask; pwd; env' '.process.user = {uid: 1000, gid: 50,
        additionalGids: [7, 8], umask: 63} | .process.cwd = "/usr/bin" | .process.env += ["A=b=c"]'
    [ "${lines[0]}" = 1000 ]
    [ "${lines[1]}" = 50 ]
    [ "${lines[2]}" = "50 7 8" ]
    [ "${lines[3]}" = 0077 ]
    [ "${lines[4]}" = /usr/bin ]
    output_has $'\nA=b=c'
}

@test "a working folder that is not there is made" {
    ok_sh 'pwd' '.process.cwd = "/srv/made/here" | .root.readonly = false'
    output_is /srv/made/here
}

@test "capabilities are those of the config" {
    ok_sh 'grep Cap /proc/self/status' '.process.capabilities = {bounding: ["CAP_KILL", "CAP_CHOWN"],
        permitted: ["CAP_KILL"], effective: ["CAP_KILL"]}'
    output_has 'CapPrm:.0000000000000020'
    output_has 'CapEff:.0000000000000020'
    output_has 'CapBnd:.0000000000000021'
    output_has 'CapInh:.0000000000000000'
    output_has 'CapAmb:.0000000000000000'
    ok_sh 'grep Cap /proc/self/status' '.process.user.uid = 1000' '.process.capabilities
        = ({bounding: ["CAP_KILL"]} | .permitted = .bounding | .effective = .bounding
        | .inheritable = .bounding | .ambient = .bounding)'
    output_has 'CapEff:.0000000000000020'
    output_has 'CapAmb:.0000000000000020'
}

@test "ambient capabilities that no kernel would grant do not fail the start" {
    ok_sh 'grep CapAmb /proc/self/status' '.process.capabilities = {bounding: ["CAP_KILL"],
        permitted: ["CAP_KILL"], effective: ["CAP_KILL"], ambient: ["CAP_KILL"]}'
    output_has '0000000000000000'
}

@test "limits, up to the largest number that JSON of Go programs has" {
    hard=$(ulimit -Hc)
    [ "$hard" = unlimited ] || skip "cannot raise limits here"
    bundle "$(sh_c 'ulimit -Hc; ulimit -n')"
    jq '.process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: "BIG"},
        {type: "RLIMIT_NOFILE", soft: 77, hard: 78}]' "$bundle/config.json" |
        sed 's/"BIG"/18446744073709551615/' >"$bundle/new"
    mv "$bundle/new" "$bundle/config.json"
    run_ok oci run -b "$bundle" "$id"
    output_is $'unlimited\n77'
}

@test "no new privileges, and the OOM score" {
    ok_sh 'grep NoNewPrivs /proc/self/status; cat /proc/self/oom_score_adj' '.process.oomScoreAdj = 321'
    output_is $'NoNewPrivs:\t1\n321'
    ok_sh 'grep NoNewPrivs /proc/self/status' '.process.noNewPrivileges = false'
    output_is $'NoNewPrivs:\t0'
}

@test "only the descriptors that were asked for are passed" {
    bundle '.process.args = ["ls", "/proc/self/fd"]'
    run_ok oci run -b "$bundle" "$id" 7</dev/null 8</dev/null
    output_is $'0\n1\n2\n3'
    bundle "$(sh_c 'cat <&4; ls /proc/self/fd | tr "\n" " "')"
    echo four >"$BATS_TEST_TMPDIR/four"
    run_ok oci run -b "$bundle" --preserve-fds 2 "$id" 3</dev/null 4<"$BATS_TEST_TMPDIR/four" 9</dev/null
    output_is $'four\n0 1 2 3 4 5 '
    run_fails 'descriptor 5 is not open' oci run -b "$bundle" --preserve-fds 3 "$id" \
        3</dev/null 4</dev/null 5<&-
    run_fails 'must be 0 to' oci run -b "$bundle" --preserve-fds -1 "$id"
}

# --- file systems --------------------------------------------------------------------------------

@test "the root is read-only where asked" {
    run_sh 'touch /x'
    output_has 'Read-only file system'
    ok_sh 'touch /x' '.root.readonly = false'
    rm "$OCI_ROOTFS/x"
}

@test "a relative root is the bundle's" {
    bundle '.root.path = "fs" | .process.args = ["ls", "/bin/busybox"]'
    ln -s "$OCI_ROOTFS" "$bundle/fs"
    run_ok oci run -b "$bundle" "$id"
}

@test "mount options reach the mount, the file system, and the mounts below" {
    mkdir -p "$BATS_TEST_TMPDIR/shared/below"
    mount -t tmpfs below "$BATS_TEST_TMPDIR/shared/below"
    run_sh 'grep /mnt /proc/self/mountinfo; cat /mnt/bind/below/x; touch /mnt/bind/below/y' \
        ".mounts += [{destination: \"/mnt/tmp\", type: \"tmpfs\", source: \"t\",
            options: [\"nosuid\", \"noexec\", \"noatime\", \"size=64k\", \"mode=1700\"]},
        {destination: \"/mnt/bind\", source: \"$BATS_TEST_TMPDIR/shared\",
            options: [\"rbind\", \"rro\", \"nodev\"]}] | .root.readonly = false" >&2
    umount "$BATS_TEST_TMPDIR/shared/below"
    output_has '/mnt/tmp rw,nosuid,noexec,noatime - tmpfs t rw,size=64k,mode=1700'
    output_has '/mnt/bind ro,nodev'
    output_has '/mnt/bind/below ro,'
    output_has 'touch: /mnt/bind/below/y: Read-only file system'
}

@test "a bind source that is relative is the bundle's; a file is mounted on a file" {
    bundle '.process.args = ["cat", "/mnt/file"] | .root.readonly = false' \
        '.mounts += [{destination: "/mnt/file", type: "none", source: "given", options: ["bind", "ro"]}]'
    echo content >"$bundle/given"
    run_ok oci run -b "$bundle" "$id"
    output_is content
}

@test "a tmpfs takes after the folder it hides" {
    mkdir -p "$OCI_ROOTFS/srv/data/sub"
    chmod 2751 "$OCI_ROOTFS/srv/data"
    echo one >"$OCI_ROOTFS/srv/data/one"
    chown 7:8 "$OCI_ROOTFS/srv/data/one"
    chmod 4711 "$OCI_ROOTFS/srv/data/one"
    ln -s /etc/passwd "$OCI_ROOTFS/srv/data/sub/link"
    mkfifo "$OCI_ROOTFS/srv/data/sub/fifo"
    ok_sh 'stat -c "%a %u:%g %F %n" /srv/data /srv/data/* /srv/data/sub/*; readlink /srv/data/sub/link; touch /srv/data/new' \
        '.mounts += [{destination: "/srv/data", type: "tmpfs", source: "t", options: ["tmpcopyup"]}]'
    output_is '2751 0:0 directory /srv/data
4711 7:8 regular file /srv/data/one
755 0:0 directory /srv/data/sub
644 0:0 fifo /srv/data/sub/fifo
777 0:0 symbolic link /srv/data/sub/link
/etc/passwd'
    [ ! -e "$OCI_ROOTFS/srv/data/new" ]
    ok_sh 'stat -c %a /srv/data; ls /srv/data' \
        '.mounts += [{destination: "/srv/data", type: "tmpfs", source: "t"}]'
    output_is 2751
    ok_sh 'stat -c %a /srv/data; touch /srv/data/x || echo read-only' '.mounts += [{destination: "/srv/data",
        type: "tmpfs", source: "t", options: ["mode=700", "ro", "tmpcopyup"]}]'
    output_has $'^700\n.*read-only$'
    refused 'no space left' '.mounts += [{destination: "/bin", type: "tmpfs", source: "t",
        options: ["tmpcopyup", "size=64k"]}]'
    refused '"tmpcopyup" is for a tmpfs' \
        '.mounts += [{destination: "/mnt", type: "proc", source: "p", options: ["tmpcopyup"]}]'
}

@test "a mount's place stays inside the root, however it is written" {
    canary=$BATS_TEST_TMPDIR/canary
    mkdir "$canary"
    ln -sfn "$canary" "$OCI_ROOTFS/srv/out"
    ok_sh 'ls -d /srv/up /etc/lib' '.root.readonly = false | .mounts += [
        {destination: "/../../srv/./up", type: "tmpfs", source: "t"},
        {destination: "etc/lib/", type: "tmpfs", source: "t"}]'
    run_sh true '.mounts += [{destination: "/srv/out/x", type: "tmpfs", source: "t"}]'
    [ -z "$(ls -A "$canary")" ]
    rm "$OCI_ROOTFS/srv/out"
    mv "$OCI_ROOTFS/proc" "$OCI_ROOTFS/proc.real"
    ln -s /etc "$OCI_ROOTFS/proc"
    for place in /proc //proc /./proc proc /etc/../proc; do
        refused 'of the image cannot be mounted on' "(.mounts[] | select(.type == \"proc\")).destination = \"$place\"" || failed=1
    done
    rm "$OCI_ROOTFS/proc"
    mv "$OCI_ROOTFS/proc.real" "$OCI_ROOTFS/proc"
    [ -z "${failed:-}" ]
}

@test "masked and read-only paths" {
    ok_sh 'cat /etc/passwd; ls /etc/secrets; touch /usr/x' \
        '.root.readonly = false | .linux.maskedPaths += ["/etc/passwd", "/nonesuch"]
        | .linux.readonlyPaths += ["/usr", "/nonesuch"]' || true
    output_is 'ls: /etc/secrets: No such file or directory
touch: /usr/x: Read-only file system'
}

@test "devices of the config, and those that every container has" {
    ok_sh 'ls -ln /dev/mine /dev/null; cat </dev/mine; : >/dev/full || echo full; ls /dev/fd /dev/stdin >/dev/null' \
        '.linux.devices = [{path: "/dev/mine", type: "c", major: 1, minor: 3, fileMode: 432, uid: 5, gid: 6}]
        | .linux.resources.devices += [{allow: true, type: "c", major: 1, minor: 3, access: "rwm"}]'
    output_has 'crw-rw----.* 5 +6 +1, +3 .*/dev/mine'
    output_has 'crw-rw-rw-.* 0 +0 +1, +3 .*/dev/null'
}

@test "the root's propagation, and a mount's" {
    for kind in private shared slave unbindable; do
        ok_sh 'grep " / / " /proc/self/mountinfo || grep " / " /proc/self/mountinfo | head -n 1' \
            ".linux.rootfsPropagation = \"$kind\""
        case $kind in
        shared) output_has 'shared:[0-9]+ -' ;;
        unbindable) output_has 'unbindable -' ;;
        *) output_lacks 'shared:|unbindable' ;;
        esac
    done
    before=$(wc -l </proc/self/mountinfo)
    ok_sh 'mount -t tmpfs t /mnt && grep -c /mnt /proc/self/mountinfo' '.linux.rootfsPropagation = "shared"
        | .root.readonly = false | .process.capabilities[] += ["CAP_SYS_ADMIN"]
        | .mounts += [{destination: "/mnt", type: "tmpfs", source: "t"}]'
    [ "$(wc -l </proc/self/mountinfo)" -eq "$before" ]
}

@test "sysctls of the container's namespaces" {
    ok_sh 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax' \
        '.linux.sysctl = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "12345"}'
    output_is $'1\n12345'
    refused 'sysctl "net.nonesuch"' '.linux.sysctl = {"net.nonesuch": "1"}'
}

# --- namespaces ----------------------------------------------------------------------------------

@test "names of the host and of its domain" {
    ok_sh 'hostname; cat /proc/sys/kernel/domainname' '.hostname = "inside" | .domainname = "example.org"'
    output_is $'inside\nexample.org'
}

@test "namespaces are made, joined by path, or the host's" {
    bundle '.process.args = ["sleep", "100"] | .hostname = "donor"'
    oci create -b "$bundle" "$id"
    donor=$(oci state "$id" | jq .pid)
    for kind in pid network ipc uts cgroup; do
        file=${kind/network/net}
        ok_sh "readlink /proc/self/ns/$file" "(.linux.namespaces[] | select(.type == \"$kind\")).path
            = \"/proc/$donor/ns/$file\" | del(.hostname)"
        output_is "$(readlink "/proc/$donor/ns/$file")"
        ok_sh "readlink /proc/self/ns/$file" "del(.linux.namespaces[] | select(.type == \"$kind\"))" \
            'del(.hostname)' 'del(.mounts[] | select(.type == "sysfs" or .type == "cgroup" or .type == "mqueue"))'
        output_is "$(readlink "/proc/self/ns/$file")"
        ok_sh "readlink /proc/self/ns/$file"
        output_lacks "$(readlink "/proc/self/ns/$file")|$(readlink "/proc/$donor/ns/$file")"
    done
    refused 'not a pid namespace' "(.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$donor/ns/net\""
    refused 'not a namespace' '(.linux.namespaces[] | select(.type == "pid")).path = "/etc/passwd"'
    refused 'no such file' '(.linux.namespaces[] | select(.type == "pid")).path = "/nonesuch"'
}

@test "a user namespace with its maps" {
    ok_sh 'id -u; cat /proc/self/uid_map; echo x >/tmp/mine; stat -c %u /tmp/mine' \
        '.linux.namespaces += [{type: "user"}] | .root.readonly = false
        | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}]
        | .linux.gidMappings = .linux.uidMappings'
    [ "${lines[0]}" = 0 ]
    [[ ${lines[1]} =~ ^\ +0\ +100000\ +1000$ ]]
    [ "${lines[2]}" = 0 ]
    [ "$(stat -c %u "$OCI_ROOTFS/tmp/mine")" = 100000 ]
    rm "$OCI_ROOTFS/tmp/mine"
}

@test "a time namespace with its offsets" {
    ok_sh 'cut -d. -f1 /proc/uptime' '.linux.namespaces += [{type: "time"}]
        | .linux.timeOffsets = {boottime: {secs: 864000}, monotonic: {secs: 86400, nanosecs: 5}}'
    [ "$output" -ge 864000 ]
    refused 'clock' '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {nonesuch: {secs: 1}}'
}

# --- control groups and seccomp ------------------------------------------------------------------

@test "the control group is the config's, absolute or below our own" {
    ok_sh 'cat /proc/self/cgroup' ".linux.cgroupsPath = \"/skiff-oci-$$/deep/group\"" \
        'del(.linux.namespaces[] | select(.type == "cgroup"))'
    output_has ":/skiff-oci-$$/deep/group"
    ok_sh 'cat /proc/self/cgroup' ".linux.cgroupsPath = \"skiff-oci-$$/relative\"" \
        'del(.linux.namespaces[] | select(.type == "cgroup"))'
    output_has ":/.*skiff-oci-$$/relative"
    find /sys/fs/cgroup -depth -type d -path "*/skiff-oci-$$*" -exec rmdir {} +
    refused 'must not contain ".."' '.linux.cgroupsPath = "/a/../../b"'
    refused 'names the root' '.linux.cgroupsPath = "/"'
}

@test "limits are in the group, and gone with it" {
    bundle '.process.args = ["sleep", "100"] | .linux.resources.pids = {limit: 33}'
    oci create -b "$bundle" "$id"
    grep -qx 33 "$(cgroups_of "$id" | grep -E 'pids|^/sys/fs/cgroup/skiff' | head -n 1)/pids.max"
    refused 'linux.resources' '.linux.resources.pids = {limit: "many"}'
    refused 'linux.resources.memory.limit' '.linux.resources.memory = {limit: "1g"}'
}

@test "a seccomp profile is obeyed, the first time and from the cache" {
    for round in 1 2; do
        run_sh 'mkdir /tmp/x' '.root.readonly = false | .linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW",
            syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28}]}'
        [ "$status" -ne 0 ]
        output_has 'No space left on device'
    done
    [ "$(ls "$OCI_ROOT/@seccomp" | wc -l)" -eq 1 ]
}
