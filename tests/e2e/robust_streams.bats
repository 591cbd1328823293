#!/usr/bin/env bats
# What goes through a container's streams arrives whole, whatever its size and whoever stops reading;
# many at once; and signals get through meanwhile.
load ../lib/common
load ../lib/leftovers

setup_file()
{
    require_root
    skiff_setup
    leftovers_setup
    import_busybox
    mkdir "$skiff_folder/data"
    head -c 100000000 /dev/urandom >"$skiff_folder/data/large"
    head -c 1000000 /dev/urandom >"$skiff_folder/data/small"
    large=$(sha256sum <"$skiff_folder/data/large")
    small=$(sha256sum <"$skiff_folder/data/small")
    export large small
}

teardown_file()
{
    skiff_teardown
    leftovers_teardown
}

teardown()
{
    skiff_cleanup
}

# --- byte for byte -------------------------------------------------------------------------------

@test "binary output of 100 MB, byte for byte" {
    run_ok eval 'attempt -v "$skiff_folder/data:/data:ro" busybox cat /data/large | sha256sum'
    output_is "$large"
}

@test "100 MB through standard input and output" {
    run_ok eval 'attempt -i busybox cat <"$skiff_folder/data/large" | sha256sum'
    output_is "$large"
}

@test "100 MB of input from a pipe, none of it echoed" {
    run_ok eval 'cat "$skiff_folder/data/large" | attempt -i busybox sha256sum'
    output_is "$large"
}

@test "standard output and standard error stay apart" {
    run_ok eval 'attempt -v "$skiff_folder/data:/data:ro" busybox \
        sh -c "cat /data/small & cat /data/small >&2; wait" \
        2>"$BATS_TEST_TMPDIR/err" >"$BATS_TEST_TMPDIR/out"'
    [ "$(sha256sum <"$BATS_TEST_TMPDIR/out")" = "$small" ]
    [ "$(sha256sum <"$BATS_TEST_TMPDIR/err")" = "$small" ]
}

@test "a reader that takes its time loses nothing" {
    run_ok eval 'attempt -v "$skiff_folder/data:/data:ro" busybox cat /data/small |
        (sleep 1; sha256sum)'
    output_is "$small"
}

@test "a program that writes before it reads, and more than pipes hold, does not lock up" {
    run_ok eval 'timeout -k 1 60 "$SKIFF" run --rm --network none -i busybox \
        sh -c "head -c 10000000 /dev/zero; sha256sum >&2" <"$skiff_folder/data/large" \
        2>"$BATS_TEST_TMPDIR/err" | wc -c'
    output_is 10000000
    [ "$(cat "$BATS_TEST_TMPDIR/err")" = "$large" ]
}

# --- ends ----------------------------------------------------------------------------------------

@test "the end of standard input is the program's" {
    run_ok eval 'printf "a\nb" | attempt -i busybox sh -c "cat; echo =end"'
    output_is $'a\nb=end'
    run_ok eval 'attempt -i busybox cat </dev/null'
    output_is ''
    # Without -i there is none to begin with.
    run_ok eval 'echo unread | attempt busybox cat'
    output_is ''
}

@test "closed streams of the caller are nobody else's" {
    run_ok eval 'attempt busybox sh -c "echo lost; exit 0" >&-'
    run_status 3 eval 'attempt busybox sh -c "echo lost >&2; exit 3" 2>&-'
    run_ok eval 'attempt -i busybox sh -c "cat; echo end" <&-'
    output_is end
    run_ok eval 'attempt busybox sh -c "ls /proc/self/fd | wc -l" <&- 2>&-'
    output_is 4
    nothing_left
}

@test "run | head -1: the program is told as by any broken pipe, and nothing is left" {
    run_ok eval 'timeout -k 1 30 "$SKIFF" run --rm --network none \
        --cgroup-parent "$LEFTOVERS_GROUP" busybox yes 2>/dev/null | head -n 1'
    output_is y
    nothing_left
}

@test "output that cannot be written is told in one line, and the program ends" {
    run eval 'timeout -k 1 30 "$SKIFF" run --rm --network none \
        --cgroup-parent "$LEFTOVERS_GROUP" busybox sh -c "yes 2>/dev/null" 2>&1 >/dev/full'
    [ "$status" -eq 125 ]
    output_is "skiff: cannot write the container's output to standard output: no space left on device"
    nothing_left
}

@test "every command says in one line that its output cannot be written" {
    local command
    for command in 'ps' 'images' 'inspect busybox' 'info' 'ns' 'version' '--help' 'run --help'; do
        run_fails 'no space left on device' eval "skiff $command >/dev/full"
    done
}

@test "a signal gets through though the program reads none of its input" {
    local input
    for input in /dev/zero "$skiff_folder/data/large"; do
        run_status 9 eval 'timeout -k 10 -s INT --preserve-status 2 "$SKIFF" run --rm \
            --network none -i busybox sh -c "trap \"exit 9\" INT; while :; do sleep 0.1; done" \
            <"$input"'
    done
}

@test "a signal gets through though nobody takes the output" {
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    sleep 60 <"$BATS_TEST_TMPDIR/fifo" 3>&- &
    local reader=$!
    run_status 9 eval 'timeout -k 10 --preserve-status 2 "$SKIFF" run --rm --network none \
        --name blocked busybox sh -c "trap \"exit 9\" TERM; yes 2>/dev/null & while :; do sleep 0.1; done" \
        >"$BATS_TEST_TMPDIR/fifo" & pid=$!; sleep 5; kill '"$reader"'; wait $pid'
}

@test "a container whose output nobody takes has ended when it has" {
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    sleep 60 <"$BATS_TEST_TMPDIR/fifo" 3>&- &
    local reader=$!
    skiff run --network none --cgroup-parent "$LEFTOVERS_GROUP" --name stuck \
        -v "$skiff_folder/data:/data:ro" busybox cat /data/small >"$BATS_TEST_TMPDIR/fifo" 3>&- &
    local client=$!
    until_true skiff inspect stuck >/dev/null 2>&1
    skiff kill stuck
    run_ok skiff ps -a --format '{{.Names}} {{.Status}}'
    output_has '^stuck Exited \(137\)'
    run_ok skiff rm stuck
    kill "$reader"
    wait "$client" || true
    nothing_left
}

# --- many ----------------------------------------------------------------------------------------

# many N AT_ONCE OPTION...: containers that write their number and a megabyte's digest; all must
# succeed and be whole.
many()
{
    local n=$1 at_once=$2
    shift 2
    seq "$n" | xargs -P "$at_once" -I{} bash -c '
        exec "$0" run --rm -v "$1:/data:ro" "${@:3}" busybox \
            sh -c "cat /data/small | sha256sum; echo number {}; echo error {} >&2" \
            >"$2/{}.out" 2>"$2/{}.err" || echo "failed $?" >>"$2/{}.err"' \
        "$SKIFF" "$skiff_folder/data" "$BATS_TEST_TMPDIR" "$@"
    local i
    for ((i = 1; i <= n; i++)); do
        [ "$(cat "$BATS_TEST_TMPDIR/$i.out")" = "$small"$'\n'"number $i" ] &&
            [ "$(cat "$BATS_TEST_TMPDIR/$i.err")" = "error $i" ] || {
            head -c 1000 "$BATS_TEST_TMPDIR/$i.out" "$BATS_TEST_TMPDIR/$i.err" >&2
            return 1
        }
    done
}

@test "20 at once, with addresses of the default bridge" {
    many 20 20
    nothing_left
}

@test "100 at once" {
    many 100 100 --network none
    nothing_left
}

@test "100 at once, with addresses of the default bridge" {
    many 100 100
    nothing_left
}

# The last output and the exit status of a container that is over at once.
quick()
{
    local i output
    for ((i = $1; i < $1 + $2; i++)); do
        output=$("$SKIFF" run --rm --network none busybox sh -c "echo $i; exit $((i % 100))" 2>&1)
        [ "$? $output" = "$((i % 100)) $i" ] || {
            echo "$i: $? $output"
            return 1
        }
    done
}

@test "the last output of a short container is never lost: ${SKIFF_TEST_QUICK:-500} of them" {
    export -f quick
    local all=${SKIFF_TEST_QUICK:-500}
    run_ok eval "printf '%s\n' 0 $((all / 4)) $((all / 2)) $((all * 3 / 4)) |
        BATS_TEST_TIMEOUT= xargs -P 4 -I{} bash -c 'quick {} $((all / 4))'"
    output_is ''
    nothing_left
}
