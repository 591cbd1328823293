#!/usr/bin/env bats
# Memory runs out: whichever allocation fails, a command succeeds as if nothing had happened, or says
# so in one line; it never crashes or hangs, and nothing is left that the next command does not clear
# away. Every Nth allocation is tried, from a first one that moves from day to day; with
# SKIFF_TEST_EVERY=1, all of them.
load ../lib/common
load ../lib/leftovers
load ../lib/fake_helper

setup_file()
{
    require_root
    require_command ninja
    [ -e "$SKIFF_BUILD/build.ninja" ] || skip "not a build folder"
    skiff_setup
    leftovers_setup
    import_busybox
    # The program beside its helpers, as they find each other.
    ninja -C "$SKIFF_BUILD" tests/lib/skiff-starved >"$skiff_folder/ninja.log" 2>&1 || {
        cat "$skiff_folder/ninja.log" >&2
        return 1
    }
    mkdir "$skiff_folder/starved"
    cp "$SKIFF_BUILD/tests/lib/skiff-starved" "$skiff_folder/starved/skiff"
    cp "$SKIFF_BUILD"/skiff-{init,image} "$skiff_folder/starved/"
    skiff run -d --network none --cgroup-parent "$LEFTOVERS_GROUP" --name alive busybox sleep 600 \
        >/dev/null
    skiff run --network none --cgroup-parent "$LEFTOVERS_GROUP" --name ended busybox true
    leftovers >"$skiff_folder/before"
}

teardown_file()
{
    [ -n "${skiff_folder:-}" ] || return 0
    skiff_teardown
    leftovers_teardown
}

# walk FAILURE EVERY COMMAND...: FAILURE is "" (one allocation fails) or "+" (all from there on). What
# it writes when it succeeds must be what it writes unhindered (up to an image's ID, in which there is
# a time), unless it warns. It may tell more than once that memory ran out when all of it is gone.
walk()
{
    local failure=$1 every=${SKIFF_TEST_EVERY:-$((2 * $2))} n status output expected told
    shift 2
    export SKIFF_MALLOC_HIT=$BATS_TEST_TMPDIR/hit
    expected=$("$@" 2>/dev/null) || true
    for ((n = 1 + $(date +%j) % every; ; n += every)); do
        echo . >"$SKIFF_MALLOC_HIT"
        status=0
        output=$(SKIFF_MALLOC_FAIL=$n$failure timeout -k 1 20 "$@" \
            2>"$BATS_TEST_TMPDIR/err" </dev/null) || status=$?
        [ "$(head -c 1 "$SKIFF_MALLOC_HIT")" = x ] || break
        told=$(wc -l <"$BATS_TEST_TMPDIR/err")
        case $status in
        0) [ "$told" -eq 0 ] && [ "${output%%sha256:*}" = "${expected%%sha256:*}" ] ||
            [ "$told" -eq 1 ] ;;
        1 | 125 | 126) [ "$told" -eq 1 ] || [ "$failure" = + ] && [ "$told" -ge 1 ] ;;
        *) false ;;
        esac && ! grep -q 'was killed' "$BATS_TEST_TMPDIR/err" || {
            echo "allocation $n$failure of $*: status $status"
            cat "$BATS_TEST_TMPDIR/err"
            [ "$status" -ne 0 ] || diff <(echo "$expected") <(echo "$output")
            return 1
        } >&2
    done
    # It did allocate, and the walk did not end at its beginning.
    [ "$n" -gt "$every" ] || [ "$n" -gt 20 ]
}

starved()
{
    walk "" "$1" "$skiff_folder/starved/skiff" "${@:2}" &&
        walk + "$((4 * $1))" "$skiff_folder/starved/skiff" "${@:2}"
}

only_the_first_two_are_left()
{
    run_ok skiff ps -a --format '{{.Names}} {{.State}}'
    output_is $'ended exited\nalive running'
    local i left
    for ((i = 0; i < 100; i++)); do
        left=$(leftovers | diff "$skiff_folder/before" -) && return 0
        sleep 0.05
    done
    echo "$left" >&2
    return 1
}

# What a container is given must be whole, or it must not start.
walls='grep -E "Cap|NoNew|Seccomp|Groups|Uid" /proc/self/status
    cut -d" " -f5- /proc/self/mountinfo | sed "s/[0-9a-f]\{64\}/ID/g; s/fd.[0-9]*/fd/g"
    ls /dev; env | grep -v HOSTNAME; umask; cat /etc/passwd; ip -o link | cut -d: -f2'

@test "run: what starts has all its walls" {
    starved 10 run --rm --network none --cgroup-parent "$LEFTOVERS_GROUP" busybox sh -c "$walls"
    only_the_first_two_are_left
}

@test "run of the built-in image" {
    starved 10 run --rm --network none --cgroup-parent "$LEFTOVERS_GROUP" host true
    only_the_first_two_are_left
}

@test "run with a network, a user namespace and what else there is" {
    starved 30 run --rm --cgroup-parent "$LEFTOVERS_GROUP" --userns private --time private -m 100m \
        --init -v /tmp:/mnt:ro --tmpfs /t:size=1m --cap-add SYS_ADMIN -u user -e A=b \
        --add-host a:1.2.3.4 --hostname name --ulimit nofile=100 --device /dev/null \
        --sysctl net.ipv4.ip_forward=1 -l a=b busybox true
    only_the_first_two_are_left
}

@test "ps, inspect, images, ns, info" {
    starved 15 ps -a --format '{{.Names}} {{.State}} {{.Labels}}'
    starved 15 inspect alive
    starved 15 inspect --format '{{.Id}}' busybox
    starved 15 images -q --no-trunc
    starved 15 ns --format json
    starved 30 info --format '{{.Containers}} {{.Images}}'
    only_the_first_two_are_left
}

@test "update, stats, top, ps -s" {
    starved 30 top alive -o comm=
    starved 200 stats --no-stream --format '{{.Name}}' alive
    starved 30 ps -as --format '{{.Names}} {{.Size}}'
    starved 60 inspect -s -f '{{.SizeRw}}' ended
    starved 20 update --memory 64m --memory-swap 128m --cpus 0.5 --pids-limit 30 --restart no alive
    run_ok skiff inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}' alive
    output_is '67108864 30'
    only_the_first_two_are_left
}

@test "exec: what is executed has all its walls" {
    starved 10 exec alive sh -c "$walls"
    starved 20 exec -d -u user -w /tmp -e A=b --privileged alive true
    only_the_first_two_are_left
}

@test "kill and rm" {
    starved 10 kill -s CONT alive
    starved 10 rm -f nobody
    only_the_first_two_are_left
}

@test "import" {
    starved 1 import "$(rootfs_busybox)" "busybox:other"
    skiff rmi busybox:other
    only_the_first_two_are_left
}

@test "images: filtered, as a tree, fetched, searched for" {
    starved 20 images --digests -f 'reference=busy*' -f dangling=false --format '{{.Repository}} {{.Digest}}'
    starved 20 images --tree
    starved 15 image inspect busybox
    fake_begin
    helper <<'SCRIPT'
say '{"status":"Pulling from library/x","id":"latest"}'
layer aaaaaaaaaaaa 'Pulling fs layer'
layer aaaaaaaaaaaa Downloading '"current":1,"total":2'
layer aaaaaaaaaaaa 'Pull complete'
SCRIPT
    starved 15 pull x
    helper <<<"echo '{\"name\":\"few\",\"star_count\":1}'"
    starved 15 search --format json x
    helper <<<'echo archive'
    starved 15 save busybox
    fake_end
    only_the_first_two_are_left
}

@test "volumes: made, listed, told of, used, filled, forgotten" {
    skiff volume create kept >/dev/null
    skiff run --rm --network none -v kept:/k busybox mkdir /k/part
    starved 5 volume create kept
    starved 15 volume ls --format '{{.Name}} {{.Labels}}' -f dangling=true
    starved 10 volume inspect kept
    starved 60 run --rm --network none --cgroup-parent "$LEFTOVERS_GROUP" -v filled:/etc -v /anonymous \
        --mount src=kept,dst=/p,volume-subpath=part --tmpfs /t busybox ls /p
    skiff volume prune -f >/dev/null
    run_ok skiff volume ls -q
    output_is $'filled\nkept'
    [ -z "$(find "$SKIFF_ROOT/volumes" -name '.*')" ]
    run_ok skiff run --rm --network none -v filled:/e busybox ls /e
    output_has passwd
    run_ok skiff volume rm filled kept
    only_the_first_two_are_left
}

@test "cp, diff, export, commit, tag, history: whichever allocation fails" {
    local folder=$BATS_TEST_TMPDIR/given
    mkdir -p "$folder/sub"
    echo content >"$folder/file"
    ln "$folder/file" "$folder/sub/same"
    ln -s file "$folder/link"
    starved 15 cp -a "$folder" ended:/tmp
    starved 15 cp ended:/tmp/given "$BATS_TEST_TMPDIR/out"
    starved 15 cp "$folder/file" alive:/
    starved 15 diff ended
    starved 60 export -o "$BATS_TEST_TMPDIR/out.tar" ended
    starved 60 commit -c 'ENV A=b' alive "busybox:changed"
    starved 5 tag busybox "busybox:tagged"
    starved 15 history --format '{{.CreatedBy}} {{.Size}} {{.Comment}}' "busybox:changed"
    # Where there is no memory left at all, nobody is left to let it go, and that was told.
    skiff unpause alive >/dev/null 2>&1 || true
    [ "$(skiff inspect --format '{{.State.Status}}' alive)" = running ]
    # What was copied when all went well is whole.
    skiff cp "$folder" ended:/tmp
    rm -rf "$BATS_TEST_TMPDIR/out"
    skiff cp ended:/tmp/given "$BATS_TEST_TMPDIR/out"
    diff -r "$folder" "$BATS_TEST_TMPDIR/out"
    skiff rmi -f busybox:changed busybox:tagged >/dev/null
    only_the_first_two_are_left
}
