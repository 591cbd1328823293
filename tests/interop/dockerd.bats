# skiff-oci under dockerd, which gives containers their network by a hook.
load ../lib/common
load ../lib/interop

setup_file()
{
    need dockerd docker unshare ip jq || return 0
    folder=$(mktemp -d /tmp/skiff-dockerd-XXXXXX)
    parent=skiff-test-$$
    export folder parent DOCKER_HOST=unix://$folder/d.sock DOCKER_CONFIG=$folder/client
    mkdir "$DOCKER_CONFIG"
    echo '{}' | tee "$DOCKER_CONFIG/config.json" >"$folder/daemon.json"
    # Its bridge, its firewall, its mounts, its processes are its own, and end with it.
    # shellcheck disable=SC2016 # for the shell in there to expand
    unshare --mount --net --pid --fork --kill-child --mount-proc sh -c '
        mount -t tmpfs tmpfs /run && ip link set lo up &&
            exec dockerd --config-file "$1/daemon.json" --data-root "$1/root" --exec-root /run/docker \
                --pidfile /run/docker.pid --host "$DOCKER_HOST" --cgroup-parent "/$3" \
                --add-runtime "skiff=$2" --default-runtime skiff' \
        sh "$folder" "$SKIFF_OCI" "$parent" >"$folder/log" 2>&1 3>&- &
    echo $! >"$folder/pid"
    until_true docker version >/dev/null 2>&1
    docker import "$(rootfs_busybox)" busybox >/dev/null
}

setup()
{
    skip_without
}

teardown_file()
{
    [ -n "${folder:-}" ] || return 0
    local pid left group
    pid=$(cat "$folder/pid")
    left=$(docker ps -aq)
    # shellcheck disable=SC2086 # one ID a word
    [ -z "$left" ] || docker rm -f $left >/dev/null
    # The first process of its PID namespace, dockerd, is asked; unshare ends with it.
    pkill -TERM -P "$pid" || true
    until_true eval "! kill -0 $pid 2>/dev/null || grep -q 'State:.Z' /proc/$pid/status"
    for group in $(find /sys/fs/cgroup -maxdepth 2 -type d -name "$parent"); do
        find "$group" -depth -type d -exec rmdir {} \;
    done
    rm -rf "$folder"
}

run_in()
{
    docker run --rm "$@"
}

@test "dockerd: the default network, output and exit status" {
    run run_in busybox sh -c 'echo hello; ip addr show eth0; cat /proc/self/cgroup; exit 3'
    [ "$status" -eq 3 ]
    output_has '^hello'
    output_has 'inet 172\.17\.'
    [ "$(docker info --format '{{.DefaultRuntime}}')" = skiff ]
}

@test "dockerd: exit statuses of what cannot be executed" {
    status=0
    output=$(run_in --network none busybox nonesuch 2>&1) || status=$?
    [ "$status" -eq 127 ]
    output_has 'cannot start "nonesuch": executable file not found in \$PATH'
    run run_in --network none busybox /etc/passwd
    [ "$status" -eq 126 ]
    output_has 'permission denied'
}

@test "dockerd: options reach the container" {
    run run_in --network none -h inside -u 1000:50 -w /usr -e A=b --cap-drop all --cap-add kill \
        --security-opt no-new-privileges --sysctl net.ipv4.ip_forward=1 --oom-score-adj 99 --ulimit core=0 \
        busybox sh -c 'hostname; id -u; id -g; pwd; echo $A; cat /proc/sys/net/ipv4/ip_forward; ulimit -c
            cat /proc/self/oom_score_adj; grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/self/status'
    [ "$status" -eq 0 ]
    output_is $'inside\n1000\n50\n/usr\nb\n1\n0\n99\nCapBnd:\t0000000000000020\nNoNewPrivs:\t1\nSeccomp:\t2'
    echo content >"$folder/given"
    run run_in --network host --read-only --tmpfs /x:size=64k -v "$folder:/mnt:ro" --pids-limit 77 -m 50m \
        busybox sh -c 'cat /mnt/given; touch /mnt/y; touch /y; df /x | tail -n 1
            cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null'
    output_has 'content'
    output_has 'touch: /mnt/y: Read-only file system'
    output_has 'touch: /y: Read-only file system'
    output_has $' 64 .*\n77'
}

@test "dockerd: a terminal" {
    run script -qec 'docker run --rm -it --network none busybox sh -c "tty; exit 6"' /dev/null </dev/null
    [ "$status" -eq 6 ]
    output_has '/dev/pts/0'
}

@test "dockerd: detached, its log, stopped, started again, removed" {
    docker run -d --name detached --network none busybox \
        sh -c 'echo begun; trap "exit 9" TERM; while :; do sleep 0.05; done' >/dev/null
    until_true eval '[ "$(docker logs detached)" = begun ]'
    [ "$(docker inspect detached --format '{{.State.Status}} {{.HostConfig.Runtime}}')" = "running skiff" ]
    docker stop detached
    [ "$(docker inspect detached --format '{{.State.Status}} {{.State.ExitCode}}')" = "exited 9" ]
    docker start detached
    docker kill detached
    until_true eval '[ "$(docker inspect detached --format "{{.State.Status}} {{.State.ExitCode}}")" = "exited 137" ]'
    docker rm detached
}

@test "dockerd: exec in a running container" {
    docker run -d --name entered --network none -e A=b busybox sleep 1000 >/dev/null
    run docker exec -u 1000:50 -w /usr -e C=d entered sh -c 'id -u; id -g; pwd; echo $A$C; ps; exit 9'
    [ "$status" -eq 9 ]
    output_has $'^1000\n50\n/usr\nbd\n'
    output_has ' 1 root +sleep 1000'
    run docker exec -i entered cat <<<hello
    output_is hello
    status=0 # 126 of older ones
    output=$(docker exec entered nonesuch 2>&1) || status=$?
    [ "$status" -eq 126 ] || [ "$status" -eq 127 ]
    output_has 'executable file not found in \$PATH'
    run -126 docker exec entered /etc/passwd
    run script -qec 'docker exec -it entered sh -c "tty; exit 6"' /dev/null </dev/null
    [ "$status" -eq 6 ]
    output_has '/dev/pts/0'
    docker rm -f entered
}
