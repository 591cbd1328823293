# system check: each invariant is broken by hand, seen, named, and repaired where that loses nothing.
# shellcheck disable=SC2154 # skiff_setup sets skiff_folder
load ../lib/common

setup_file()
{
    require_root
    skiff_setup
    import_busybox
    parent=/skiff-check-$$
    export parent
}

teardown()
{
    skiff_cleanup
    [ ! -e "$SKIFF_ROOT/networks/lan.json" ] || skiff network rm lan >/dev/null
    rm -rf "${SKIFF_ROOT:?}"/removed "$SKIFF_ROOT"/volumes "$SKIFF_ROOT"/events*
}

teardown_file()
{
    skiff_teardown
    local folder
    for folder in /sys/fs/cgroup/*"$parent" /sys/fs/cgroup"$parent"; do
        [ ! -d "$folder" ] || rmdir "$folder"
    done
}

start()
{
    skiff run -d --cgroup-parent "$parent" --network none "$@" busybox sleep 1000
}

ended()
{
    skiff run --cgroup-parent "$parent" --network none "$@" busybox true
}

id_of()
{
    skiff inspect --format '{{.Id}}' "$1"
}

# Other roots have control groups, cables and ports on this machine too, and may leave some there, or flush
# tables.
check()
{
    output=$(skiff system check "$@" | grep -v -e 'it is that of no container' -e '^cable ' -e '^port ' \
        -e '^network "tables"' -e '^network "inet skiff"') || true
    status=0
    grep -q '^all is as it should be' <<<"$output" || [ -z "$output" ] || status=1
}

is_whole()
{
    check
    [ "$status" -eq 0 ] || told "something does not hold"
}

# broken PATTERN: it is named, and nothing else is.
broken()
{
    check
    [ "$(wc -l <<<"$output")" -eq 1 ] || told "expected one finding" || return 1
    output_has "$1"
}

# repaired PATTERN: by --repair, with the words PATTERN, and holds from then on.
repaired()
{
    output_has '--repair puts it right'
    check --repair
    output_has "repaired: .*$1"
    is_whole
}

@test "nothing is wrong with containers as they are" {
    is_whole
    start --name running >/dev/null
    ended --name ended
    skiff create --name created --cgroup-parent "$parent" busybox true >/dev/null
    start --name paused >/dev/null
    skiff pause paused
    start --name restarts --restart always >/dev/null
    start --name volume -v vol:/x >/dev/null
    skiff run -d --cgroup-parent "$parent" --name wired busybox sleep 1000 >/dev/null
    skiff run -d --cgroup-parent "$parent" --name shares --network container:wired busybox sleep 1000 >/dev/null
    is_whole
    # Unless another root has left something.
    [ -z "$output" ] || output_has '8 containers \(6 running\), 1 volumes, 1 images'
    skiff unpause paused
    # The cable outlives its owner as long as somebody is in the namespace.
    skiff rm -f wired >/dev/null
    is_whole
}

@test "exit status, json, templates" {
    run_status 125 skiff system check --nonsense
    ended --name one
    ln -s nowhere "$SKIFF_ROOT/names/dangling"
    run_status 1 skiff system check
    output_has 'name "dangling": it leads to no container'
    run_status 1 skiff system check --format json
    jq -se 'map(select(.Subject == "dangling"))[0] | .Kind == "name" and .Repairable and (.Repaired | not)' <<<"$output"
    run_status 1 skiff system check --format '{{.Kind}}/{{.Subject}}'
    output_has 'name/dangling'
    rm "$SKIFF_ROOT/names/dangling"
    run_ok skiff check
    output_has '^Linux '
}

@test "names: dangling, a second one, a missing one, another's" {
    local one two
    ended --name one
    ended --name two
    one=$(id_of one) two=$(id_of two)
    ln -s "$(printf %064d 7)" "$SKIFF_ROOT/names/dangling"
    broken 'name "dangling": it leads to container 000000000000, which is not there'
    repaired 'the link is removed'
    ln -s "$one" "$SKIFF_ROOT/names/second"
    broken "name \"second\": it leads to container ${one:0:12}, whose name is \"one\""
    repaired 'the link is removed'
    rm "$SKIFF_ROOT/names/one"
    broken "name \"one\": container ${one:0:12} bears it, and has no link"
    repaired 'the link is made'
    run_ok skiff inspect --format '{{.Id}}' one
    output_is "$one"
    ln -sfn "$two" "$SKIFF_ROOT/names/one"
    check
    output_has "container ${one:0:12} bears it, and it leads to ${two:0:12}: rename one of them"
    skiff rename "$one" uno
    check
    repaired 'the link is removed'
    run_ok skiff inspect --format '{{.Id}}' two
    output_is "$two"
}

@test "documents: unreadable, missing" {
    local one two
    ended --name one
    ended --name two
    one=$(id_of one) two=$(id_of two)
    echo '{' >"$SKIFF_ROOT/containers/$one/container.json"
    broken "container \"$one\": .*'skiff rm -f ${one:0:12}' removes it"
    skiff rm -f "$one"
    is_whole
    rm "$SKIFF_ROOT/containers/$two/container.json"
    check
    output_has "container \"$two\": has no document"
    check --repair
    is_whole
    [ ! -e "$SKIFF_ROOT/containers/$two" ]
    mkdir "$SKIFF_ROOT/containers/strange"
    broken 'folder "strange": lies among the containers and is none'
    rmdir "$SKIFF_ROOT/containers/strange"
}

@test "config.json and state.json: broken, contradicting" {
    local one folder
    ended --name one
    one=$(id_of one) folder=$SKIFF_ROOT/containers/$one
    echo '{"ociVersion": 7}' >"$folder/config.json"
    broken "container \"$one\": \"config.json\" cannot be used"
    skiff start one && skiff wait one
    is_whole
    jq '.linux.cgroupsPath = "/elsewhere"' "$folder/config.json" >"$folder/new" && mv "$folder/new" "$folder/config.json"
    broken '"config.json" has the control group "/elsewhere" and the document'
    skiff start one && skiff wait one
    echo 'x' >"$folder/state.json"
    broken "container \"$one\": \"state.json\" cannot be used"
    skiff start one && skiff wait one
    is_whole
    jq '.State.Status = "running" | .State.Running = true' "$folder/state.json" >"$folder/new" && mv "$folder/new" "$folder/state.json"
    broken "\"state.json\" says \"running\", and nobody watches it"
    skiff start one && skiff wait one
    rm "$folder/config.json"
    broken 'there is no "config.json" that it ran with'
    skiff start one && skiff wait one
    rm "$folder/state.json"
    broken 'it ran when the machine stopped'
    repaired 'put right'
    echo nonsense-that-is-long-enough-for-the-header-of-an-entry >"$folder/log"
    broken 'its "log" does not begin with an entry'
}

@test "locks: of a monitor that was killed; of nobody" {
    local one monitor
    start --name one >/dev/null
    one=$(id_of one)
    monitor=$(awk '/^PPid/ { print $2 }' "/proc/$(container_pid one)/status")
    kill -KILL "$monitor"
    broken "lock \"$one\": nobody holds it: the container's monitor was killed" ||
        output_has "lock \"$one\": nobody holds it: the container's monitor was killed"
    check --repair
    is_whole
    run_ok skiff inspect --format '{{.State.Status}} {{.State.ExitCode}}' one
    output_is 'exited 137'
    touch "$SKIFF_RUN_DIR/locks/$(printf %064d 8)"
    broken 'lock "0+8": nobody holds it: .*no such container'
    repaired 'put right'
    touch "$SKIFF_RUN_DIR/locks/strange"
    broken 'lock "strange": no container has such an ID'
    rm "$SKIFF_RUN_DIR/locks/strange"
}

@test "run folders: of nobody, of one that has ended, of one whose lock is gone" {
    local one pid
    ended --name one
    one=$(id_of one)
    mkdir -p "$SKIFF_RUN_DIR/containers/$(printf %064d 9)"
    broken 'run folder "0+9": it belongs to no container that runs'
    repaired 'the folder is removed'
    start --name two >/dev/null
    two=$(id_of two) pid=$(container_pid two)
    mv "$SKIFF_RUN_DIR/locks/$two" "$SKIFF_RUN_DIR/kept"
    check
    output_has "run folder \"$two\": its lock is gone, and process $pid of it runs"
    check --repair
    [ -d "/proc/$pid" ]
    mv "$SKIFF_RUN_DIR/kept" "$SKIFF_RUN_DIR/locks/$two"
    is_whole
    # How it ended found no room on the disk.
    mkdir "$SKIFF_RUN_DIR/containers/$one"
    mv "$SKIFF_ROOT/containers/$one/state.json" "$SKIFF_RUN_DIR/containers/$one/"
    broken "container \"$one\": how it ended stands in the run folder alone"
    repaired 'moved where it belongs'
    run_ok skiff inspect --format '{{.State.Status}}' one
    output_is exited
}

@test "what runs: a process that is gone, a group that it is not in, frozen by another" {
    local one pid freezer
    start --name one >/dev/null
    one=$(id_of one) pid=$(container_pid one)
    jq '.StartTime += 1' "$SKIFF_RUN_DIR/containers/$one/state.json" >"$skiff_folder/state"
    cp "$SKIFF_RUN_DIR/containers/$one/state.json" "$skiff_folder/right"
    mv "$skiff_folder/state" "$SKIFF_RUN_DIR/containers/$one/state.json"
    check
    output_has "container \"$one\": it counts as running, and its process $pid is gone"
    mv "$skiff_folder/right" "$SKIFF_RUN_DIR/containers/$one/state.json"
    is_whole
    mv "$SKIFF_RUN_DIR/containers/$one/monitor.sock" "$skiff_folder/sock"
    broken 'nobody can reach its monitor'
    mv "$skiff_folder/sock" "$SKIFF_RUN_DIR/containers/$one/monitor.sock"
    freezer=/sys/fs/cgroup/freezer$parent/$one
    [ -d "$freezer" ] || skip 'control groups v2'
    echo FROZEN >"$freezer/freezer.state"
    broken "container \"$one\": it is frozen, and nobody paused it"
    repaired "counts as paused"
    skiff unpause one
    echo "$pid" >/sys/fs/cgroup/freezer/cgroup.procs
    broken "process $pid is not in its control group"
}

@test "control groups: of a container that has ended, empty or not; of nobody" {
    local one group pid
    start --name one >/dev/null
    skiff stop -t 0 one
    one=$(id_of one)
    for group in /sys/fs/cgroup/freezer$parent /sys/fs/cgroup$parent; do
        [ ! -d "$group" ] || break
    done
    mkdir "$group/$one"
    broken "control group \"$parent/$one\": nobody is in it: its container has ended"
    repaired 'the group is removed'
    # Nobody's child.
    mkdir "$group/$one"
    sh -c 'setsid sleep 1000 </dev/null >/dev/null 2>&1 3>&- & echo $!' >"$skiff_folder/pid"
    pid=$(cat "$skiff_folder/pid")
    echo "$pid" >"$group/$one/cgroup.procs"
    check
    output_has "control group \"$parent/$one\": process(es run in it, and its container has ended| $pid runs in it)"
    if grep -q puts <<<"$output"; then
        repaired '1 processes are killed'
    else
        kill -KILL "$pid" # a subreaper above this test has it
        until_true eval "! kill -0 $pid 2>/dev/null"
        check --repair
    fi
    is_whole
    mkdir "$group/$(printf %064d 5)"
    run_status 1 skiff system check
    output_has "control group \"$parent/0+5\": nobody is in it: it is that of no container"
    skiff system check --repair || true
    [ ! -d "$group/$(printf %064d 5)" ]
}

@test "mounts on the host" {
    local one folder
    ended --name one
    one=$(id_of one) folder=$SKIFF_ROOT/containers/$one/rootfs
    mount -t tmpfs tmpfs "$folder"
    broken "mount \"$folder\": it is mounted on the host"
    repaired 'it is unmounted'
    run ! grep -F "$folder" /proc/self/mountinfo
}

@test "cables that lead to nobody" {
    local link=sk-ac11fffe
    ip link add "$link" type veth peer name skcheck$$ || skip 'no veth'
    run_status 1 skiff system check
    output_has "cable \"$link\": both of its ends are on the host"
    skiff system check --repair | grep "\"$link\".*repaired: the link is removed"
    run ! ip link show "$link"
    # A namespace that is kept by a name alone.
    ip netns add skcheck$$
    ip link add "$link" type veth peer name eth0 netns skcheck$$
    ip link set "$link" alias "skiff:$(printf %064d 3)"
    run_status 1 skiff system check
    output_has "cable \"$link\": nobody is in the network namespace it leads to \(it was laid for 000000000000\)"
    skiff system check --repair | grep "\"$link\".*repaired: the link is removed"
    ip netns del skcheck$$
}

@test "networks: a damaged definition, a bridge that is down or gone, a folder of no network" {
    local file=$SKIFF_ROOT/networks/lan.json id bridge
    skiff network create --subnet 10.224.1.0/24 lan >/dev/null
    id=$(skiff network inspect -f '{{.Id}}' lan)
    bridge=sk-${id:0:10}
    is_whole
    echo '{' >"$skiff_folder/half" && mv "$file" "$skiff_folder/lan.json" && mv "$skiff_folder/half" "$file"
    broken 'network "lan": .*lan.json.*: put the file right, or remove it'
    mv "$skiff_folder/lan.json" "$file"
    ip link set "$bridge" down
    broken "network \"lan\": its bridge \"$bridge\" is down"
    repaired 'it is there and up again'
    # As after a reboot: nobody misses it.
    ip link del "$bridge"
    is_whole
    skiff run -d --name one --cgroup-parent "$parent" --network lan busybox sleep 1000 >/dev/null
    is_whole
    ip link del "$bridge"
    broken "network \"lan\": its bridge \"$bridge\" is gone, and containers are on it"
    repaired 'it is there and up again'
    ping -qc 1 -W 2 "$(skiff inspect one | jq -r '.[0].NetworkSettings.Networks.lan.IPAddress')" >/dev/null
    skiff rm -f one >/dev/null
    rm "$file"
    broken "network \"$id\": there is no such network any more"
    repaired 'folder and bridge are removed'
    run ! ip link show "$bridge"
}

@test "networks: a file of an address whose container does not run, or that says nothing" {
    local one id
    skiff network create --subnet 10.224.1.0/24 lan >/dev/null
    id=$(skiff network inspect -f '{{.Id}}' lan)
    ended --name one
    one=$(id_of one)
    mkdir -p "$SKIFF_RUN_DIR/networks/$id"
    echo "owner $one" >"$SKIFF_RUN_DIR/networks/$id/10.224.1.77"
    broken "endpoint \"$id/10.224.1.77\": container ${one:0:12} has it, and does not run"
    repaired 'the file is removed'
    echo nonsense >"$SKIFF_RUN_DIR/networks/$id/10.224.1.77"
    broken "endpoint \"$id/10.224.1.77\": the file says nobody's"
    repaired 'the file is removed'
    skiff network rm lan >/dev/null
}

@test "networks: commands that were killed" {
    local one id
    skiff network create --subnet 10.224.1.0/24 lan >/dev/null
    skiff run -d --name one --cgroup-parent "$parent" busybox sleep 1000 >/dev/null
    one=$(id_of one)
    skiff network connect lan one
    jq '.Changing = {"Network": "lan"}' "$SKIFF_RUN_DIR/containers/$one/network.json" >"$skiff_folder/new"
    mv "$skiff_folder/new" "$SKIFF_RUN_DIR/containers/$one/network.json"
    broken "container \"$one\": a command that was to change its networks or ports was killed"
    repaired 'what it had begun is undone'
    run_ok skiff exec one ls /sys/class/net
    output_lacks eth1
    skiff rm -f one >/dev/null
    mkdir -p "$SKIFF_RUN_DIR/making"
    skiff network create half >/dev/null
    id=$(skiff network inspect -f '{{.Id}}' half)
    mv "$SKIFF_ROOT/networks/half.json" "$SKIFF_RUN_DIR/making/$id"
    ip link show "sk-${id:0:10}" >/dev/null
    broken 'network "making": a command that was to make a network was killed'
    repaired 'what was made of it is removed'
    run ! ip link show "sk-${id:0:10}"
    skiff network rm lan >/dev/null
}

# In a network namespace of its own, where every table is ours.
@test "networks: ports that lead to nobody, tables that were made anew" {
    require_command nft
    cat >"$BATS_TEST_TMPDIR/ports" <<'EOF'
found() { "$SKIFF" system check "$@" --format '{{.Kind}} {{.Subject}}: {{.Problem}} {{.Outcome}}'; }
ip link set lo up
"$SKIFF" run -d --name one --cgroup-parent "$parent" -p 127.0.0.1:8080:80 busybox sleep 1000 >/dev/null || exit
found
address=$("$SKIFF" inspect one | jq -r '.[0].NetworkSettings.IPAddress')
nft add element inet skiff any4 "{ tcp . 8081 : 172.17.200.9 . 80 }"
nft add element inet skiff ports4 "{ 127.0.0.1 . udp . 8082 : $address . 80 }"
found
found --repair
found
nft list map inet skiff ports4 | grep -c '8080 :'
nft delete table inet skiff
nft delete table bridge skiff
found
found --repair
nft list map inet skiff ports4 | grep -c '8080 :'
found
"$SKIFF" rm -f one >/dev/null
EOF
    run unshare -n bash "$BATS_TEST_TMPDIR/ports"
    output_has 'port 0.0.0.0:8081/tcp: it leads to an address that nobody has'
    output_has 'port 127.0.0.1:8082/udp: it leads to container [0-9a-f]{12}, which does not publish it'
    output_has 'nobody has it leads nowhere now'
    output_has "network tables: the firewall's tables were made anew by somebody"
    output_has 'what stood in them is put back'
    [ "$(grep -c '^1$' <<<"$output")" -eq 2 ] || told 'one port, before and after'
}

@test "address translation that somebody flushed" {
    require_command nft
    # In a network namespace of its own: others' containers need theirs.
    run_ok unshare -n bash -c '
        ip link set lo up
        "$SKIFF" run -d --name one --cgroup-parent "$parent" busybox sleep 1000 >/dev/null || exit
        nft flush table inet skiff
        "$SKIFF" system check --format "{{.Kind}} {{.Subject}}: {{.Problem}}"
        "$SKIFF" system check --repair >/dev/null
        nft list table inet skiff
        "$SKIFF" rm -f one'
    output_has 'network inet skiff: the translation of the bridge.s addresses is missing'
    output_has 'masquerade'
}

@test "volumes: unreadable, gone though they are used, half made" {
    skiff volume create one >/dev/null
    ended --name user -v two:/x
    is_whole
    mv "$SKIFF_ROOT/volumes/two" "$skiff_folder/two"
    broken 'volume "two": container .* uses it, and it is gone: .skiff volume create two'
    mv "$skiff_folder/two" "$SKIFF_ROOT/volumes/two"
    echo x >"$SKIFF_ROOT/volumes/one/volume.json"
    broken 'volume "one": .*its files are in'
    rm -rf "$SKIFF_ROOT/volumes/one"
    rmdir "$SKIFF_ROOT/volumes/two/_data"
    broken 'volume "two": its folder .* is gone'
    mkdir "$SKIFF_ROOT/volumes/two/_data" "$SKIFF_ROOT/volumes/.new-0123456789abcdef"
    broken 'volume ".new-0123456789abcdef": its maker was killed'
    repaired 'what was begun is removed'
}

@test "leftovers: what was removed, temporaries, the cache" {
    local one gone
    ended --name one
    one=$(id_of one) gone=$(printf %064d 4)
    mkdir -p "$SKIFF_ROOT/removed/$gone/upper"
    broken "removed \"$gone\": nobody is giving back its space"
    repaired 'its space is given back'
    # While somebody is at it, nothing is wrong.
    mkdir -p "$SKIFF_ROOT/removed/$gone"
    flock -s "$SKIFF_ROOT/removed/$gone" "$SKIFF" system check >"$skiff_folder/out" || true
    run ! grep removed "$skiff_folder/out"
    rmdir "$SKIFF_ROOT/removed/$gone"
    touch "$SKIFF_ROOT/containers/$one/state.json.tmp-1" # it may still be written
    is_whole
    touch -d '-5 minutes' "$SKIFF_ROOT/containers/$one/state.json.tmp-1"
    broken "file \"$SKIFF_ROOT/containers/$one/state.json.tmp-1\": its writer was killed"
    repaired 'the file is removed'
    [ -n "$(ls "$SKIFF_ROOT/cache")" ]
    head -c 500 /dev/urandom >"$SKIFF_ROOT/cache/0123456789abcdef"
    broken "file \"$SKIFF_ROOT/cache/0123456789abcdef\": is no compiled filter"
    repaired 'the file is removed'
    mv "$SKIFF_ROOT/events" "$skiff_folder/events"
    mkdir "$SKIFF_ROOT/events"
    check
    output_has 'file "events": the journal of events is no regular file'
    rmdir "$SKIFF_ROOT/events"
}

@test "images: a layer that is gone, blobs that are damaged or nobody's" {
    local blob layer folder=$SKIFF_ROOT/images/blobs/sha256
    is_whole
    check --images
    [ "$status" -eq 0 ]
    layer=$(echo "$SKIFF_ROOT"/layers/*/fs)
    mv "$layer" "$layer.away"
    broken 'image "busybox:latest": the folder of a layer is missing'
    mv "$layer.away" "$layer"
    ended --name one
    mv "$SKIFF_ROOT/images/index.json" "$skiff_folder/index.json"
    check
    output_has 'image "sha256:.*is made from it, and it is gone'
    mv "$skiff_folder/index.json" "$SKIFF_ROOT/images/index.json"
    blob=$(find "$folder" -type f -size +500k | head -n 1)
    cp "$blob" "$skiff_folder/blob"
    # The same size, another byte.
    printf X | dd of="$blob" bs=1 seek=1000 conv=notrunc status=none
    is_whole
    check --images
    output_has "image \"${blob##*/}\": is damaged: its content has the digest sha256:"
    truncate -s -1 "$blob"
    broken 'the archive of a layer has another size'
    rm "$blob"
    broken 'the archive of a layer is missing'
    mv "$skiff_folder/blob" "$blob"
    check --images
    [ "$status" -eq 0 ]
    echo x >"$folder/$(printf %064d 6)"
    mkdir "$SKIFF_ROOT/layers/.tmp-0000"
    is_whole # nobody needs them: the next pull takes them away
    check --repair
    output_has "image \"images/blobs/sha256/0+6\": no image needs it"
    output_has 'image "layers/.tmp-0000": its writer was killed'
    [ ! -e "$folder/$(printf %064d 6)" ] && [ ! -e "$SKIFF_ROOT/layers/.tmp-0000" ]
    is_whole
    run_ok skiff run --rm --network none busybox true
}

@test "no false alarms while containers come and go" {
    local stop=$skiff_folder/stop i pids=()
    for i in 1 2 3; do
        while [ ! -e "$stop" ]; do
            skiff run --rm --cgroup-parent "$parent" busybox true
            skiff run -d --name "loop$i" --cgroup-parent "$parent" -v "vol$i:/x" busybox sleep 1000
            skiff pause "loop$i"
            skiff rename "loop$i" "other$i"
            skiff unpause "other$i"
            skiff exec "other$i" true
            skiff restart -t 0 "other$i"
            skiff rm -f "other$i"
        done >/dev/null 2>>"$skiff_folder/noise" 3>&- &
        pids+=($!)
    done
    for ((i = 0; i < 30; i++)); do
        check
        [ "$status" -eq 0 ] || break
    done
    touch "$stop"
    wait "${pids[@]}"
    [ "$status" -eq 0 ] || told "a false alarm"
    is_whole
}

@test "parts by name: what is looked at, and what is not" {
    start --name one >/dev/null
    ln -s nowhere "$SKIFF_ROOT/names/lost"
    run skiff system check
    [ "$status" -eq 1 ]
    output_has '^name "lost"'
    run skiff system check containers volumes
    [ "$status" -eq 1 ]
    output_has '^name "lost"'
    run skiff system check images volumes
    [ "$status" -eq 0 ]
    output_has '^all is as it should be'
    run_fails 'cannot check "nets": what can be checked is containers, networks, volumes and images' \
        skiff system check images nets
    rm "$SKIFF_ROOT/names/lost"
}
