# A day with the command line, as somebody types it who has typed `docker` for years.
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

# pids_of NAME...: each one's first process, and its monitor.
pids_of()
{
    local name pid
    for name; do
        pid=$(skiff inspect -f '{{.State.Pid}}' "$name")
        echo "$pid $(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")"
    done
}

@test "docker may be a link to skiff, and finds what it needs" {
    needs_skiff "it is docker itself"
    ln -s "$SKIFF" "$BATS_TEST_TMPDIR/docker"
    PATH=$BATS_TEST_TMPDIR:$PATH
    run_ok docker run --rm --init busybox cat /proc/1/comm
    output_is init
    run_ok docker import "$(rootfs_busybox)" linked:1
    run_ok docker rmi linked:1
}

@test "what Docker has and is not there yet is said by name, not taken for a slip" {
    needs_skiff "it has it"
    for command in build compose; do
        run_fails "^skiff: \"$command\" is not supported yet" skiff "$command" x
    done
    run_fails '"image build" is not supported yet' skiff image build x
    for option in --gpus=all --link=web --isolation=default; do
        run_fails 'option "--[a-z-]+" is not supported yet' skiff run "$option" busybox true
        [ "$status" -eq 125 ]
    done
    run_fails '"image lss" is not a skiff command: did you mean "image ls"' skiff image lss
}

@test "help fits 80 columns, of every command and group" {
    needs_skiff "its help does not"
    for command in '' container image system run ps rm kill inspect import images rmi ns info check version; do
        # shellcheck disable=SC2086 # none is no word
        run_ok skiff help $command
        for line in "${lines[@]}"; do
            [ "${#line}" -le 80 ] || told "${#line} columns: $line"
        done
    done
}

@test "a group alone lists what can follow" {
    needs_skiff "its words"
    for group in container image system; do
        run_ok skiff $group
        output_has "^Usage: skiff $group COMMAND"
        run_ok skiff $group --help
        output_has "^Usage: skiff $group COMMAND"
    done
}

@test "an ordinary user gets help, and one clear line for the rest" {
    require_root
    require_command setpriv
    ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups "$SKIFF")
    "${ordinary[@]}" version >/dev/null 2>&1 || skip "the build folder is not for others"
    run_ok "${ordinary[@]}" run --help
    run_fails "root's rights are needed" "${ordinary[@]}" run --rm busybox true
    [ "$status" -eq 125 ]
    run_fails "root's rights are needed" "${ordinary[@]}" ps
    run_fails "root's rights are needed" "${ordinary[@]}" --root /nonexistent/x images
}

@test "an image that is not there, and is not to be fetched: which one" {
    needs_skiff "in other words"
    run_fails "^skiff: unable to find image 'nope:latest' locally$" skiff run --pull never --rm nope
    [ "$status" -eq 125 ]
    run_fails "unable to find image 'localhost:5000/a/b:2' locally" \
        skiff run --pull=never --rm localhost:5000/a/b:2
    run_fails "unable to find image 'deadbeef:latest' locally" skiff run --pull never --rm deadbeef
    run_ok skiff ps -aq
    output_is ''
}

@test "after kill a container has ended: rm needs no -f, a name is free again" {
    needs_skiff "kill comes back before that"
    for _ in 1 2 3 4 5; do
        skiff run -d --name again busybox sleep 600
        skiff kill again
        run_ok skiff inspect -f '{{.State.Status}} {{.State.ExitCode}}' again
        output_is 'exited 137'
        skiff rm again
        skiff run -d --rm --name again busybox sleep 600
        skiff kill again
        run_ok skiff ps -aq
        output_is ''
    done
}

@test "a kill that is not heard does not wait" {
    skiff run -d --name deaf busybox sleep 600
    run_ok skiff kill -s TERM deaf
    run_ok skiff inspect -f '{{.State.Running}}' deaf
    output_is true
}

@test "inspect in Docker's order, with what nobody asked for" {
    skiff run -d --name seen busybox sleep 600
    run_ok bash -c '"$SKIFF" inspect seen | jq -r ".[0] | keys_unsorted | join(\" \")"'
    output_has '^Id Created Path Args State Image .*HostConfig GraphDriver Mounts Config NetworkSettings$'
    run_ok skiff inspect -f '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.PublishAllPorts}} {{json .Config.Entrypoint}} [{{.Config.User}}]' seen
    output_is 'no false null []'
    run_ok skiff inspect -f '{{.Config.Entrypoint}}' seen
}

@test "image inspect and container inspect know their own kind alone" {
    skiff run --name busybox busybox true
    run_ok skiff image inspect -f '{{index .RepoTags 0}} {{.RootFS.Type}} {{len .RootFS.Layers}} {{.Config.Cmd}}' busybox
    output_is 'busybox:latest layers 1 [sh]'
    run_ok skiff container inspect -f '{{.Name}}' busybox
    output_is /busybox
    skiff rm busybox
    run_status 1 skiff container inspect busybox
    output_has 'no such container: busybox'
    skiff run --name other busybox true
    run_status 1 skiff image inspect other
    output_has 'no such image: other'
}

@test "numbers as people type them" {
    needs_skiff "0x10 is a number"
    run_ok skiff run --rm --network=none --cpus .5 --memory .25g busybox true
    run_fails 'invalid argument "0x10" for "--cpus"' skiff run --rm --cpus 0x10 busybox true
    run_fails 'invalid argument "0x10m" for "--memory"' skiff run --rm --memory 0x10m busybox true
    run_fails 'invalid argument "\." for "--cpus"' skiff run --rm --cpus . busybox true
}

@test "version answers for client and server, which are one program" {
    needs_skiff "client and server are two"
    version=$(skiff version -f '{{.Client.Version}}')
    run_ok skiff version --format '{{.Server.Version}}'
    output_is "$version"
}

@test "ns: the host's row has no process" {
    needs_skiff "no ns"
    run_ok skiff ns
    [[ ${lines[1]} =~ ^-\ +host\ +-\ +host ]]
    run_ok bash -c '"$SKIFF" ns --format json | head -n 1 | jq -r .Pid'
    output_is 0
}

@test "a time that cannot be is told in words" {
    needs_skiff "no --time-offset"
    [ -e /proc/self/ns/time ] || skip "no time namespaces here"
    run_fails 'cannot shift the boottime clock by -8640000 seconds' \
        skiff run --rm --time-offset boottime=-100d busybox true
}

@test "data through a pipe arrives as it was; a reader who leaves ends the writer" {
    needs_skiff "what was left by others"
    head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
    run_ok bash -c '"$SKIFF" run -i --rm busybox cat <"$1" | cmp - "$1"' _ "$BATS_TEST_TMPDIR/data"
    run_ok bash -c '"$SKIFF" run --rm busybox yes 2>&1 | head -n 1'
    output_is y
    run_ok skiff ps -q
    output_is ''
}

@test "-a: the streams that were asked for, and no others" {
    both='echo out; echo err >&2; cat'
    run_ok bash -c 'echo in | "$SKIFF" run --rm -a stdout busybox sh -c "$1" 2>&1' _ "$both"
    output_is out
    run_ok bash -c 'echo in | "$SKIFF" run --rm -a stderr busybox sh -c "$1" 2>&1' _ "$both"
    output_is err
    run_ok bash -c 'echo in | "$SKIFF" run --rm -i -a stdin -a STDOUT busybox sh -c "$1" 2>&1' _ "$both"
    output_is $'out\nin'
    run_fails 'valid streams are stdin, stdout and stderr' skiff run --rm -a stdlog busybox true
    run_fails 'conflicting options' skiff run --rm -d -a stdout busybox true
}

@test "in loops: without -i the loop's input is left alone" {
    run_ok bash -c 'printf "1\n2\n3\n" | while read -r n; do "$SKIFF" run --rm busybox echo "got $n"; done'
    output_is $'got 1\ngot 2\ngot 3'
    run_ok bash -c 'seq 6 | xargs -P 3 -I{} "$SKIFF" run --rm busybox echo {} | sort'
    output_is $'1\n2\n3\n4\n5\n6'
}

@test "the machine stops while containers run: they have ended, and those with --rm are gone" {
    needs_skiff "it is stopped with its daemon"
    skiff run -d --name kept busybox sleep 600
    skiff run -d --name alone --network=none busybox sleep 600
    skiff run -d --rm --name passing busybox sleep 600
    skiff run --name before busybox false || [ $? -eq 1 ]
    # shellcheck disable=SC2046 # one process a word
    kill -9 $(pids_of kept alone passing)
    rm -rf "$SKIFF_RUN_DIR"

    run_ok skiff ps
    [ "${#lines[@]}" -eq 1 ]
    run_ok bash -c '"$SKIFF" ps -a --format "{{.Names}} {{.State}}" | sort'
    output_is $'alone exited\nbefore exited\nkept exited'
    run_ok skiff inspect -f '{{.State.ExitCode}} {{.State.Running}} {{.State.Pid}}' kept
    output_is '137 false 0'
    run_ok skiff inspect -f '{{.State.ExitCode}}' before
    output_is 1
    run_fails 'is not running' skiff kill kept
    run_ok skiff rm kept alone before
    run_ok skiff run -d --rm --name passing busybox sleep 600
}

@test "a run folder that was taken away ends nobody who lives" {
    needs_skiff "its folders are elsewhere"
    skiff run -d --rm --name alive busybox sleep 600
    # shellcheck disable=SC2207 # one process a word
    pids=($(pids_of alive))
    mv "$SKIFF_RUN_DIR" "$SKIFF_RUN_DIR.away"
    run_ok skiff ps -aq
    kill -0 "${pids[0]}"
    [ -n "$output" ] || told "its record is gone while it runs"
    rm -rf "$SKIFF_RUN_DIR"
    mv "$SKIFF_RUN_DIR.away" "$SKIFF_RUN_DIR"
    run_ok skiff inspect -f '{{.State.Running}}' alive
    output_is true
}

@test "two roots on one machine: the same names, other addresses, and each its own" {
    needs_skiff "one engine"
    other=$BATS_TEST_TMPDIR/other
    there=("$SKIFF" --root "$other/root" --run-dir "$other/run")
    skiff run -d --name twin busybox sleep 600
    "${there[@]}" import "$(rootfs_busybox)" busybox
    "${there[@]}" run -d --name twin busybox sleep 600
    mine=$(skiff inspect -f '{{.NetworkSettings.IPAddress}}' twin)
    run_ok "${there[@]}" inspect -f '{{.NetworkSettings.IPAddress}}' twin
    [ "$output" != "$mine" ]
    run_ok skiff run --rm busybox ping -c 1 -W 5 "$output"
    "${there[@]}" rm -f twin
    run_ok skiff inspect -f '{{.State.Running}}' twin
    output_is true
    run_ok "${there[@]}" rmi busybox
    rm -rf "$other"
}
