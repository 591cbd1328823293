# skiff-oci under containerd: ctr runs containers with it in place of runc.
load ../lib/common
load ../lib/interop

setup_file()
{
    need containerd containerd-shim-runc-v2 ctr jq script || return 0
    folder=$(mktemp -d /tmp/skiff-containerd-XXXXXX)
    space=skiff-test-$$
    export folder space CONTAINERD_ADDRESS=$folder/c.sock CONTAINERD_NAMESPACE=$space
    cat >"$folder/config.toml" <<END
version = 2
root = "$folder/root"
state = "$folder/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
  address = "$folder/c.sock"
[ttrpc]
  address = "$folder/t.sock"
END
    containerd --config "$folder/config.toml" >"$folder/log" 2>&1 3>&- &
    echo $! >"$folder/pid"
    until_true ctr version >/dev/null
    import_image
}

# An archive as `docker save` writes it, of the busybox root file system.
import_image()
{
    local image=$folder/image digest
    mkdir "$image"
    cp "$(rootfs_busybox)" "$image/layer.tar"
    digest=sha256:$(sha256sum "$image/layer.tar" | cut -c 1-64)
    jq -n --arg digest "$digest" --arg arch "$(dpkg --print-architecture 2>/dev/null || echo amd64)" \
        '{architecture: $arch, os: "linux", rootfs: {type: "layers", diff_ids: [$digest]},
          config: {Env: ["PATH=/bin:/usr/bin"], Cmd: ["sh"]}}' >"$image/config.json"
    jq -n '[{Config: "config.json", RepoTags: ["docker.io/library/busybox:test"], Layers: ["layer.tar"]}]' \
        >"$image/manifest.json"
    tar -C "$image" -cf "$folder/image.tar" manifest.json config.json layer.tar
    ctr images import "$folder/image.tar" >/dev/null
}

setup()
{
    skip_without
}

teardown_file()
{
    [ -n "${folder:-}" ] || return 0
    local pid
    pid=$(cat "$folder/pid")
    for task in $(ctr tasks ls -q 2>/dev/null); do
        ctr tasks kill -s KILL "$task" && until_true ctr tasks rm "$task"
    done 2>/dev/null
    kill "$pid"
    until_true eval "! kill -0 $pid 2>/dev/null || grep -q 'State:.Z' /proc/$pid/status"
    find /sys/fs/cgroup -maxdepth 2 -type d -name "$space" -exec rmdir {} +
    rm -rf "$folder"
}

# run_in ID [OPTION...] -- COMMAND...
run_in()
{
    local id=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    ctr run --runc-binary "$SKIFF_OCI" "${options[@]}" docker.io/library/busybox:test "$id" "$@"
}

task_is()
{
    [[ $(ctr tasks ls) =~ $1\ +[0-9]+\ +$2 ]]
}

@test "containerd: a container's output and exit status" {
    run run_in one --rm -- sh -c 'echo hello; id -u; ps; exit 5'
    [ "$status" -eq 5 ]
    output_has $'^hello\n0\n'
    output_has ' 1 root +sh -c'
    [ -z "$(find /sys/fs/cgroup -path "*/$space/one")" ]
    [ -z "$(ctr containers ls -q)" ]
}

@test "containerd: detached, seen, killed, deleted" {
    run_in two -d --memory-limit 50000000 --seccomp -- sh -c 'trap "exit 3" TERM; while :; do sleep 0.05; done' 3>&-
    task_is two RUNNING
    pid=$(ctr tasks ls | awk '$1 == "two" { print $2 }')
    [ "$(readlink "/proc/$pid/ns/pid")" != "$(readlink /proc/self/ns/pid)" ]
    grep -q 'Seccomp:.2' "/proc/$pid/status"
    group=$(find /sys/fs/cgroup -path "*/$space/two" | grep -E 'memory|^/sys/fs/cgroup/skiff' | head -n 1)
    cat "$group/memory.limit_in_bytes" "$group/memory.max" 2>/dev/null | grep -qE '^(49999872|50000000)$'
    ctr tasks kill two
    until_true task_is two STOPPED
    run ctr tasks rm two
    ctr containers rm two
    [ -z "$(find /sys/fs/cgroup -path "*/$space/two")" ]
}

@test "containerd: what fails is told to ctr's user" {
    run run_in three --rm -- nonesuch
    [ "$status" -ne 0 ]
    output_has 'cannot start "nonesuch": executable file not found in \$PATH'
    run run_in four --rm -- /etc/passwd
    [ "$status" -ne 0 ]
    output_has 'exec: permission denied'
    run run_in five --rm --apparmor-profile nonesuch -- true
    [ "$status" -ne 0 ]
    output_has '"process.apparmorProfile" is not supported'
    [ -z "$(ctr tasks ls -q)" ]
    [ -z "$(ctr containers ls -q)" ]
}

@test "containerd: a terminal" {
    run script -qec "ctr run --rm -t --runc-binary '$SKIFF_OCI' docker.io/library/busybox:test six sh -c 'tty; exit 6'" \
        /dev/null </dev/null
    [ "$status" -eq 6 ]
    output_has '/dev/pts/0'
}

@test "containerd: mounts, the host's network, privileges, a read-only root" {
    echo content >"$folder/given"
    run run_in seven --rm --net-host --read-only --mount "type=bind,src=$folder,dst=/mnt,options=rbind:ro" \
        -- sh -c 'cat /mnt/given; touch /mnt/x; touch /x; readlink /proc/self/ns/net'
    [ "$status" -eq 0 ]
    output_has content
    output_has 'touch: /mnt/x: Read-only file system'
    output_has 'touch: /x: Read-only file system'
    output_has "$(readlink /proc/self/ns/net | sed 's/[][]/\\&/g')"
    run run_in eight --rm --privileged --rootfs-propagation shared -- sh -c 'grep CapEff /proc/self/status; grep " / " /proc/self/mountinfo'
    [ "$status" -eq 0 ]
    output_has "$(grep CapEff /proc/self/status)"
    output_has 'shared:'
}

@test "containerd: exec in a running container" {
    run_in nine -d -- sleep 1000 3>&-
    task_is nine RUNNING
    run ctr tasks exec --exec-id a --cwd /tmp --user 1000:50 nine sh -c 'pwd; id -u; id -g; cat /proc/1/cmdline; exit 7'
    [ "$status" -eq 7 ]
    output_has $'^/tmp\n1000\n50\nsleep'
    run ctr tasks exec --exec-id b nine nonesuch
    [ "$status" -ne 0 ]
    output_has 'cannot start "nonesuch": executable file not found in \$PATH'
    run script -qec "ctr tasks exec --exec-id c -t nine sh -c 'tty; exit 6'" /dev/null </dev/null
    [ "$status" -eq 6 ]
    output_has '/dev/pts/0'
    run ctr tasks exec --exec-id d --detach nine sleep 999
    [ "$status" -eq 0 ]
    group=$(find /sys/fs/cgroup -path "*/$space/nine" | head -n 1)
    [ "$(wc -l <"$group/cgroup.procs")" -eq 2 ]
    ctr tasks kill -s KILL nine
    until_true task_is nine STOPPED
    ctr tasks rm nine
    ctr containers rm nine
    [ -z "$(find /sys/fs/cgroup -path "*/$space/nine")" ]
}
