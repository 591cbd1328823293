# The same tests against Docker, for what is to be the same: ENGINE=docker. `skiff` is then docker's
# client, and talks to a dockerd of the tests' own, whose mounts and network are its own. Loaded by
# common.bash.
#
# DOCKER_HOST is exported by whoever starts it: make e2e for the whole suite, or each file for itself.
# shellcheck disable=SC2034 # common.bash uses it

# Docker's server begins its messages with capitals.
shopt -s nocasematch

SKIFF=${DOCKER:-$(command -v docker)}
# A start takes it 20 times as long.
export SKIFF_TEST_RUNS=${SKIFF_TEST_RUNS:-5}
export DOCKER_CONFIG=${DOCKER_CONFIG:-/tmp/.skiff-docker-client}

# docker_import ARGUMENT...: what older daemons cannot be told at an import is built on top of it.
docker_import()
{
    local arguments=() later=() reference=${*: -1}
    while [ $# -gt 0 ]; do
        case "$1 ${2-}" in
        "-c STOPSIGNAL"* | "-c HEALTHCHECK"*)
            later+=("$2")
            shift 2
            ;;
        *)
            arguments+=("$1")
            shift
            ;;
        esac
    done
    "$SKIFF" import "${arguments[@]}" || return
    [ ${#later[@]} -eq 0 ] || {
        echo "FROM $reference"
        printf '%s\n' "${later[@]}"
    } | DOCKER_BUILDKIT=0 "$SKIFF" build -q -t "$reference" - 2>/dev/null
}

# docker_begin FOLDER: prints what to export.
docker_begin()
{
    local folder=$1 i
    mkdir -p "$folder/root" "$DOCKER_CONFIG"
    echo '{}' | tee "$DOCKER_CONFIG/config.json" >"$folder/daemon.json"
    # shellcheck disable=SC2016 # for the shell in there to expand
    unshare --mount --net sh -c '
        mount -t tmpfs tmpfs /run && ip link set lo up &&
            exec dockerd --config-file "$1/daemon.json" --data-root "$1/root" --exec-root /run/docker \
                --pidfile /run/docker.pid --host "unix://$1/d.sock" --cgroup-parent /skiff-docker' \
        sh "$folder" >"$folder/log" 2>&1 3>&- &
    echo $! >"$folder/pid"
    for ((i = 0; i < 300; i++)); do
        DOCKER_HOST=unix://$folder/d.sock "$SKIFF" version >/dev/null 2>&1 && break
        sleep 0.1
    done
    echo "unix://$folder/d.sock"
}

# docker_end FOLDER
docker_end()
{
    local pid group
    pid=$(cat "$1/pid") || return 0
    kill -TERM "$pid" 2>/dev/null
    while kill -0 "$pid" 2>/dev/null && ! grep -q 'State:.Z' "/proc/$pid/status"; do sleep 0.1; done
    for group in /sys/fs/cgroup/*/skiff-docker /sys/fs/cgroup/skiff-docker; do
        [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
    done
    rm -rf "$1"
}
