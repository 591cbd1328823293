# What skiff saves docker and podman load, what they save skiff loads: the same ID, the same files.
load ../lib/common
load ../lib/interop

setup_file()
{
    need unshare ip jq || return 0
    skiff_setup
    folder=$(mktemp -d /tmp/skiff-archives-XXXXXX)
    export folder DOCKER_HOST=unix://$folder/d.sock DOCKER_CONFIG=$folder/client
    mkdir "$folder/two" "$DOCKER_CONFIG" && echo two >"$folder/two/two"
    tar -C "$folder/two" --owner=0 --group=0 --mtime=@0 -cf "$folder/two.tar" two
    "$SKIFF_SOURCE/tests/lib/image_archive.py" both "$folder/both.tar" "$(rootfs_busybox)" "$folder/two.tar" \
        --name both:1 --name other:2
    "$SKIFF_SOURCE/tests/lib/oci_image.py" "$folder/layout" gz "gzip:$(rootfs_busybox)" "gzip:$folder/two.tar" >/dev/null
    skiff load -q -i "$folder/both.tar"
    id=$(skiff inspect -f '{{.Id}}' both:1)
    skiff save -o "$folder/saved.tar" both:1 other:2
    packed=$(skiff pull "oci:$folder/layout:gz" | sed -n 's/^Loaded image ID: //p')
    skiff tag "$packed" packed:1
    skiff save -o "$folder/packed.tar" packed:1
    export id packed
    if command -v dockerd >/dev/null && command -v docker >/dev/null; then
        begin_docker
    fi
}

# Its bridge, its mounts, its processes are its own, and end with it.
begin_docker()
{
    echo '{}' | tee "$DOCKER_CONFIG/config.json" >"$folder/daemon.json"
    # shellcheck disable=SC2016 # for the shell in there to expand
    unshare --mount --net --pid --fork --kill-child --mount-proc sh -c '
        mount -t tmpfs tmpfs /run && ip link set lo up &&
            exec dockerd --config-file "$1/daemon.json" --data-root "$1/root" --exec-root /run/docker \
                --pidfile /run/docker.pid --host "$DOCKER_HOST" --bridge none --iptables=false' \
        sh "$folder" >"$folder/log" 2>&1 3>&- &
    echo $! >"$folder/pid"
    until_true docker version >/dev/null 2>&1
}

setup()
{
    skip_without
    cd "$BATS_TEST_TMPDIR" || return
}

teardown_file()
{
    [ -n "${folder:-}" ] || return 0
    local pid
    if [ -e "$folder/pid" ]; then
        pid=$(cat "$folder/pid")
        pkill -TERM -P "$pid" || true
        until_true eval "! kill -0 $pid 2>/dev/null || grep -q 'State:.Z' /proc/$pid/status"
    fi
    rm -rf "$folder"
    skiff_teardown
}

needs_docker()
{
    [ -e "$folder/pid" ] || skip "dockerd or docker is missing"
}

pod()
{
    # shellcheck disable=SC2016 # for the shell in there to expand
    unshare --mount --net podman --root "$folder/pod" --runroot "$folder/pod.run" --tmpdir "$folder/pod.tmp" \
        --storage-driver vfs --cgroup-manager cgroupfs "$@" 3>&-
}

forget()
{
    skiff rmi -f "$@" >/dev/null 2>&1 || true
}

@test "docker loads what skiff saves, with plain layers and with packed ones" {
    needs_docker
    run_ok docker load -i "$folder/saved.tar"
    output_has 'Loaded image: both:1'
    output_has 'Loaded image: other:2'
    [ "$(docker inspect -f '{{.Id}}' both:1)" = "$id" ]
    run_ok docker load -i "$folder/packed.tar"
    [ "$(docker inspect -f '{{.Id}}' packed:1)" = "$packed" ]
    docker create --name files --network none packed:1 true >/dev/null
    [ "$(docker cp files:/two - | tar -xO)" = two ]
    docker rm files >/dev/null
}

@test "skiff loads what docker saves, by its socket too" {
    needs_docker
    docker load -q -i "$folder/saved.tar" >/dev/null
    docker save -o theirs.tar both:1 other:2
    forget both:1 other:2
    run_ok skiff load -i theirs.tar
    output_has 'Loaded image: both:1'
    output_has 'Loaded image: other:2'
    [ "$(skiff inspect -f '{{.Id}}' other:2)" = "$id" ]
    forget both:1 other:2
    docker save both:1 | skiff load -q
    [ "$(skiff run --rm --network none both:1 cat /two)" = two ]
    forget both:1 other:2
    run_ok skiff pull docker-daemon:both:1
    [ "$(skiff inspect -f '{{.Id}}' both:1)" = "$id" ]
    run_fails 'docker-daemon: .*(nope|reference does not exist)' skiff pull docker-daemon:nope:1
}

@test "podman loads what skiff saves" {
    require_command podman
    run_ok pod load -q -i "$folder/saved.tar"
    pod image exists "${id#sha256:}"
    pod image exists both:1
    run_ok pod load -q -i "$folder/packed.tar"
    pod image exists "${packed#sha256:}"
    pod image exists packed:1
}

@test "skiff loads what podman saves, in both forms" {
    require_command podman
    pod load -q -i "$folder/saved.tar"
    local format
    for format in docker-archive oci-archive; do
        rm -f theirs.tar
        pod save -q --format "$format" -o theirs.tar both:1
        forget both:1 other:2
        run_ok skiff load -i theirs.tar
        output_has 'Loaded image: localhost/both:1'
        [ "$(skiff run --rm --network none localhost/both:1 cat /two)" = two ]
    done
}
