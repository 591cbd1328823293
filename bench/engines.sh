# shellcheck shell=bash
#
# What bench/run compares: how each engine is set up in $work, started, asked to run /true, and
# stopped. Sourced; `work` and `status` are bench/run's.
# shellcheck disable=SC2154,SC2034

# Copies, which no build replaces meanwhile, and whose pages no other container shares: half of a
# page's memory would be counted as somebody else's.
skiff=$work/bin/skiff
skiff_oci=$work/bin/skiff-oci
docker=docker
# A client that was put beside the distribution's is another version than its daemon.
[ ! -x /usr/bin/docker ] || docker=/usr/bin/docker

# A /run that nobody else sees, and no leases of anybody else's containers.
own_run()
{
    local resolv
    resolv=$(cat /etc/resolv.conf 2>/dev/null)
    mount -t tmpfs -o mode=755 run /run || fail "cannot mount a /run"
    mkdir -p /run/lock /run/bench
    [ ! -d /var/lib/cni ] || mount -t tmpfs cni /var/lib/cni
    if [ -L /etc/resolv.conf ] && [ ! -e /etc/resolv.conf ]; then
        mkdir -p "$(dirname "$(readlink -m /etc/resolv.conf)")"
        printf '%s\n' "$resolv" >"$(readlink -m /etc/resolv.conf)"
    fi
    ip link set lo up
    half_v2
}

# crun and podman take a cgroup tree for the newer kind as soon as one of that kind is mounted
# beside the older, and then find no controllers in it. They get a mount namespace without it, which
# a sleeper holds.
half_v2()
{
    local mnt
    without_v2=()
    [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || return 0
    [ "$(stat -f -c %T /sys/fs/cgroup/unified 2>/dev/null)" = cgroup2fs ] || return 0
    mkfifo "$work/ready"
    # shellcheck disable=SC2016 # for the shell in there to expand
    unshare --mount sh -c 'umount /sys/fs/cgroup/unified; echo >"$1"; exec sleep infinity' \
        sh "$work/ready" &
    sleeper=$!
    read -r _ <"$work/ready"
    mnt=/proc/$sleeper/ns/mnt
    without_v2=(nsenter "--mount=$mnt" "--wd=$PWD")
}

# Runs a command where ENGINE can run.
in_its_place()
{
    local engine=$1
    shift
    case $engine in
    podman | crun) "${without_v2[@]}" "$@" ;;
    *) "$@" ;;
    esac
}

# The programs to compare with, and the root file system they all get.
build_rootfs()
{
    local i
    if ! { [ -e "$build/build.ninja" ] &&
        ninja -C "$build" --quiet bench/floor bench/bench-true &&
        cp "$build/bench/floor" "$work/floor" && cp "$build/bench/bench-true" "$work/true"; } >/dev/null 2>&1; then
        { gcc -O2 -D_GNU_SOURCE -static -o "$work/floor" bench/floor.c &&
            gcc -O2 -D_GNU_SOURCE -static -o "$work/true" bench/true.c; } ||
            fail "cannot build the floor"
    fi
    strip "$work/true" "$work/floor"
    mkdir -p "$work/bin"
    find "$build" -maxdepth 1 -name 'skiff*' -type f -perm -u+x -exec cp {} "$work/bin/" \;
    mkdir -p "$work"/rootfs/{proc,dev,sys,etc,tmp} "$work/scripts"
    cp "$work/true" "$work/rootfs/true"
    tar -C "$work/rootfs" -cf "$work/true.tar" . || fail "cannot make the image"
    for ((i = 0; i <= 20; i++)); do
        mkdir -p "$work/floors/$i/root"
        cp -a "$work/rootfs" "$work/floors/$i/lower"
    done
    build_bundle
}

# `runc spec`'s own, to run /true without a terminal. Limits of open files may not be raised
# everywhere, and crun insists; they go for all three.
build_bundle()
{
    mkdir -p "$work/bundle"
    cp -a "$work/rootfs" "$work/bundle/rootfs"
    (cd "$work/bundle" && runc spec) || return
    jq '.process.args = ["/true"] | .process.terminal = false | del(.process.rlimits)' \
        "$work/bundle/config.json" >"$work/config.json" &&
        mv "$work/config.json" "$work/bundle/config.json"
}

start_engines()
{
    # shellcheck disable=SC2086 # words
    if has_row bridge none twenty memory exec ps inspect idle output logs background crowd $image_rows \
        ports usernet iperf iperfhost iperfport conns lookups resolver; then
        start_docker || echo "bench: docker is left out" >&2
        start_podman || echo "bench: podman is left out" >&2
    fi
    start_skiff || echo "bench: skiff is left out" >&2
}

start_docker()
{
    local i
    command -v dockerd >/dev/null || return 1
    export DOCKER_CONFIG=$work/docker-client DOCKER_HOST=unix:///run/docker.sock
    mkdir -p "$DOCKER_CONFIG"
    echo '{}' >"$DOCKER_CONFIG/config.json"
    echo "${docker_config:-{\}}" >"$work/docker.json"
    dockerd --config-file "$work/docker.json" --data-root "$work/docker" --exec-root /run/docker \
        --pidfile /run/docker.pid --host "$DOCKER_HOST" >"$work/dockerd.log" 2>&1 &
    dockerd=$!
    for ((i = 0; i < 300; i++)); do
        "$docker" version >/dev/null 2>&1 && break
        kill -0 "$dockerd" 2>/dev/null || break
        sleep 0.1
    done
    if ! "$docker" import "$work/true.tar" true >/dev/null; then
        tail -n 5 "$work/dockerd.log" >&2
        docker=
        status=1
        return 1
    fi
}

stop_docker()
{
    kill "$dockerd" && wait "$dockerd"
    dockerd=
    rm -f /run/docker.pid
}

start_podman()
{
    command -v podman >/dev/null || { podman= && return 1; }
    cat >"$work/containers.conf" <<-END
		[containers]
		# Raising limits is not allowed everywhere; what a container gets does not take time.
		default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
	END
    export CONTAINERS_CONF=$work/containers.conf
    podman="podman --root $work/podman --runroot /run/podman --storage-driver overlay"
    # shellcheck disable=SC2086 # the options are words
    if ! in_its_place podman $podman import "$work/true.tar" localhost/true >/dev/null 2>"$work/podman.log"; then
        tail -n 5 "$work/podman.log" >&2
        podman=
        status=1
        return 1
    fi
}

start_skiff()
{
    if [ ! -x "$skiff" ]; then
        echo "bench: no $build/skiff" >&2
        skiff=
        return 1
    fi
    skiff_run="$skiff --root $work/skiff --run-dir /run/skiff"
    # shellcheck disable=SC2086
    if ! $skiff_run import "$work/true.tar" true >/dev/null; then
        skiff_run=
        status=1
        return 1
    fi
}

# What is measured: one line, run without a shell.
command_of()
{
    local row=$1 engine=$2
    case $row.$engine in
    bridge.skiff) echo "${skiff_run:+$skiff_run run --rm true /true}" ;;
    bridge.docker) echo "${docker:+$docker run --rm true /true}" ;;
    bridge.podman) echo "${podman:+$podman run --rm localhost/true /true}" ;;
    none.skiff) echo "${skiff_run:+$skiff_run run --rm --network=none true /true}" ;;
    none.docker) echo "${docker:+$docker run --rm --network=none true /true}" ;;
    none.podman) echo "${podman:+$podman run --rm --network=none localhost/true /true}" ;;
    # Into the log, too: of all of them one without a limit of size.
    output.skiff) echo "${skiff_run:+$skiff_run run --rm --network=none --log-opt max-size=-1 true /true lines}" ;;
    output.docker) echo "${docker:+$docker run --rm --network=none true /true lines}" ;;
    output.podman) echo "${podman:+$podman run --rm --network=none localhost/true /true lines}" ;;
    logs.skiff) echo "${skiff_run:+$skiff_run logs lines}" ;;
    logs.docker) echo "${docker:+$docker logs lines}" ;;
    logs.podman) echo "${podman:+$podman logs lines}" ;;
    oci.skiff) [ ! -x "$skiff_oci" ] || echo "$skiff_oci --root /run/bench/skiff run -b $work/bundle b" ;;
    oci.crun) echo "crun --root /run/bench/crun run -b $work/bundle b" ;;
    oci.runc) echo "runc --root /run/bench/runc run -b $work/bundle b" ;;
    twenty.floor) echo "sh $(script floor "$work/floor $work/floors/\$i")" ;;
    twenty.*) twenty "$engine" "$(command_of bridge "$engine")" ;;
    ports.* | usernet.*) command_of_network "$row" "$engine" ;;
    *.floor) echo "$work/floor $work/floors/0" ;;
    *) command_of_life "$row" "$engine" ;;
    esac
}

# What `logs` shows: the output of a container "lines" of each engine.
write_logs()
{
    local engine command
    for engine in skiff docker podman; do
        command=$(command_of output "$engine")
        [ -z "$command" ] || in_its_place "$engine" sh -c "${command/--rm/--name=lines}" >/dev/null ||
            status=1
    done
}

twenty()
{
    [ -n "$2" ] && echo "sh $(script "$1" "$2")"
}

# A script that runs a command twenty times at once.
script()
{
    # shellcheck disable=SC2016 # for the script to expand
    printf 'i=0\nfail=0\nwhile [ $i -lt 20 ]; do\n%s &\npids="$pids $!"\ni=$((i+1))\ndone\n' "$2" \
        >"$work/scripts/$1"
    # shellcheck disable=SC2016
    printf '%s\n' 'for pid in $pids; do wait $pid || fail=1; done' 'exit $fail' >>"$work/scripts/$1"
    echo "$work/scripts/$1"
}

versions()
{
    printf 'machine\t%s, %s processors, %s MiB\n' \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
        "$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)"
    printf 'load\t%s (figures are good on a quiet machine only)\n' "$load"
    printf 'kernel\t%s\n' "$(uname -sr)"
    printf 'file system\t%s\n' "$(stat -f -c %T "$work")"
    [ -z "$skiff" ] || printf 'skiff\t%s\n' "$("$skiff" --version 2>/dev/null | grep -o '[0-9][0-9a-z.+~-]*' | head -n 1)"
    [ -z "${dockerd:-}" ] || printf 'docker\t%s\n' "$("$docker" version --format '{{.Server.Version}}')"
    [ -z "${podman:-}" ] || printf 'podman\t%s\n' "$(podman --version | awk '{ print $3 }')"
    printf 'crun\t%s\n' "$(crun --version | awk 'NR == 1 { print $3 }')"
    printf 'runc\t%s\n' "$(runc --version | awk 'NR == 1 { print $3 }')"
}

# dockerd ends its containerd itself when it is asked to; the namespaces take what is left.
stop_engines()
{
    if [ -n "${dockerd:-}" ]; then
        kill "$dockerd" 2>/dev/null
        wait "$dockerd"
    fi
    [ -z "${sleeper:-}" ] || kill "$sleeper"
    umount -R "$work/podman/overlay" 2>/dev/null
}

# Parents that the peers make for their containers' cgroups, and leave.
known_cgroups()
{
    local name
    for name in docker libpod_parent b; do
        find /sys/fs/cgroup -maxdepth 2 -type d -name "$name"
    done 2>/dev/null
}

# Those that were not there before; only empty ones can be removed, and they are as soon as the last
# process of the namespace is gone.
remove_cgroups()
{
    local left folder i
    for ((i = 0; i < 20; i++)); do
        left=$(known_cgroups | grep -vxF "${cgroups_before:-none}") || return 0
        for folder in $left; do
            find "$folder" -depth -type d -exec rmdir {} \; 2>/dev/null
        done
        sleep 0.1
    done
}

# When everything that ran is gone.
clean_up()
{
    remove_cgroups
    rm -rf --one-file-system "$1"
}
