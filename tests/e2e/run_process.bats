# run: the process and what it is given: streams, command, user, environment, signals, exit status.
load ../lib/common
load ../lib/pty

setup_file()
{
    skiff_setup
    import_busybox
    import_folder "$(image_with_a_program)" tool -c 'ENTRYPOINT ["/bin/busybox", "echo"]' \
        -c 'CMD ["by", "default"]' -c 'ENV FROM=image GONE=image' -c 'WORKDIR /srv' -c 'USER 1000' \
        -c 'LABEL from=image mine=image' -c 'STOPSIGNAL SIGQUIT'
}

teardown_file()
{
    skiff_teardown
}

teardown()
{
    pty_stop
    skiff_cleanup
}

image_with_a_program()
{
    local folder=$BATS_FILE_TMPDIR/tool
    rootfs_unpacked "$(rootfs_busybox)" "$folder"
    mkdir -p "$folder/srv"
    printf 'no program' >"$folder/bin/junk"
    printf 'not executable' >"$folder/bin/plain"
    chmod 755 "$folder/bin/junk"
    chmod 644 "$folder/bin/plain"
    echo "$folder"
}

# --- streams -------------------------------------------------------------------------------------

@test "standard output and error are two streams" {
    skiff run --rm busybox sh -c 'echo out; echo err >&2' >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = out ]
    [ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
}

@test "-i: standard input reaches the command, and its end too; without -i it is empty" {
    [ "$(printf 'a\nb\n' | skiff run --rm -i busybox wc -l)" -eq 2 ]
    [ "$(printf 'a\nb\n' | skiff run --rm busybox wc -l)" -eq 0 ]
    # More than any buffer holds, to and fro.
    head -c 5000000 /dev/urandom >"$BATS_TEST_TMPDIR/noise"
    skiff run --rm -i busybox cat <"$BATS_TEST_TMPDIR/noise" | cmp - "$BATS_TEST_TMPDIR/noise"
}

@test "a command that does not read its input is not waited for" {
    run_ok bash -c 'yes | "$SKIFF" run --rm -i busybox true'
}

@test "-t: a terminal of 'xterm' on pts/0, both streams one; without -t none" {
    run_ok skiff run --rm -t busybox sh -c 'tty; echo $TERM; echo err >&2; test -c /dev/console && echo console' </dev/null
    output_is $'/dev/pts/0\r\nxterm\r\nerr\r\nconsole\r'
    run skiff run --rm busybox sh -c 'tty; echo "<$TERM>"; test -e /dev/console || echo no console'
    output_is $'not a tty\n<>\nno console'
}

@test "-it wants a terminal of its own to read from" {
    run_fails 'the input device is not a TTY' skiff run --rm -it busybox true </dev/null
}

@test "-it: typed into a terminal" {
    require_command tmux
    pty_start "$SKIFF" run -it --rm --name typed busybox sh
    pty_wait '^/ #$'
    pty_type 'tty; stty size'
    pty_wait '^/dev/pts/0$'
    pty_wait '^24 80$'
    pty_resize 100 30
    until_true eval 'pty_type "stty size"; sleep 0.1; pty_shows "^30 100$"'
    pty_type 'exit 7'
    pty_ended
    [ "$(pty_status)" -eq 7 ]
}

@test "-a: attached to the streams that are named, and to no other" {
    both='echo out; echo err >&2'
    run_ok skiff run --rm -a stdout busybox sh -c "$both"
    output_is out
    run_ok skiff run --rm --attach=STDERR busybox sh -c "$both"
    output_is err
    [ "$(echo typed | skiff run --rm -i -a stdin -a stdout busybox cat)" = typed ]
    [ "$(echo typed | skiff run --rm -i -a stdout busybox cat)" = typed ]
    # What nobody sees does not stop the command.
    run_ok skiff run --rm -a stderr busybox sh -c 'head -c 1000000 /dev/zero; echo done >&2'
    output_is 'done'
    run_status 125 skiff run --rm -a nonsense busybox true
    output_has 'valid streams are stdin, stdout and stderr'
    run skiff run -d -a stdout busybox true
    differs "status 1" || [ "$status" -eq 125 ]
    output_has 'onflicting options'
}

@test "-d: prints the whole ID, and the container lives on" {
    run_ok skiff run -d --name back busybox sleep 1000
    [[ $output =~ ^[0-9a-f]{64}$ ]]
    id=$output
    run_ok skiff inspect -f '{{.Id}} {{.State.Running}}' back
    output_is "$id true"
    run_ok skiff rm -f back
}

@test "-d: a start that fails tells so, with the status of its kind" {
    needs_skiff "what cannot be started stays as created"
    run_status 127 skiff run -d --name lost busybox no-such
    output_has 'no-such'
    run_ok skiff ps -aq
    output_is ''
}

@test "--rm: nothing is left; without it the container is there with its status" {
    run_status 3 skiff run --rm --name gone busybox sh -c 'exit 3'
    run_ok skiff ps -aq
    output_is ''
    differs "its root is elsewhere" || [ -z "$(find "$SKIFF_ROOT/containers" "$SKIFF_RUN_DIR/containers" "$SKIFF_RUN_DIR/locks" "$SKIFF_ROOT/names" -mindepth 1)" ]
    run_status 3 skiff run --name there busybox sh -c 'touch /written; exit 3'
    run_ok skiff inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.HostConfig.AutoRemove}}' there
    output_is 'exited 3 false'
    differs "its root is elsewhere" || [ -e "$SKIFF_ROOT/containers/$(skiff inspect -f '{{.Id}}' there)/upper/written" ]
    run_ok skiff rm there
    differs "its root is elsewhere" || [ -z "$(ls "$SKIFF_ROOT/containers")" ]
}

@test "--rm with -d: removed at its end" {
    run_ok skiff run -d --rm --name brief busybox true
    none_left()
    {
        [ -z "$(skiff ps -aq)" ]
    }
    until_true none_left
}

# --- name, ID, labels ----------------------------------------------------------------------------

@test "--name: is taken, is unique, and is checked" {
    run_ok skiff run --name one busybox true
    run_ok skiff inspect -f '{{.Name}}' one
    output_is /one
    run_status 125 skiff run --name one busybox true
    output_has '"/one" is already in use by container "[0-9a-f]{64}"'
    for bad in -x . .. a a/b 'a b' "a'" $'a\nb' '' "$(printf 'a%.0s' {1..300})"; do
        differs "an empty name is none, a long one is taken" && [[ ${#bad} = 0 || ${#bad} = 300 ]] && continue
        run_status 125 skiff run --rm --name="$bad" busybox true
        output_has 'invalid container name'
    done
    run_ok skiff ps -aq
    [ "${#lines[@]}" -eq 1 ]
}

@test "a container without a name gets one of two words" {
    run_ok skiff run busybox true
    run_ok skiff ps -a --format '{{.Names}}'
    [[ $output =~ ^[a-z]+_[a-z]+$ ]]
}

@test "--cidfile: holds the ID; one that exists is not overwritten" {
    file=$BATS_TEST_TMPDIR/cid
    run_ok skiff run --cidfile "$file" --name cid busybox true
    [ "$(cat "$file")" = "$(skiff inspect -f '{{.Id}}' cid)" ]
    run_status 125 skiff run --rm --cidfile "$file" busybox touch /x
    output_has 'container ID file found'
    run skiff run --rm --cidfile /no/such/folder/file busybox true
    differs "127: the client takes it for the command" || [ "$status" -eq 125 ]
    output_has '/no/such/folder/file.*no such file'
    [ "$(skiff ps -aq | wc -l)" -eq 1 ]
}

@test "-l, --label: with and without a value, over the image's" {
    run_ok skiff run --name lab -l a=b --label c -l mine=run --label 'odd= x=y' tool x
    run_ok skiff inspect -f '{{json .Config.Labels}}' lab
    [ "$(jq -cS . <<<"$output")" = '{"a":"b","c":"","from":"image","mine":"run","odd":" x=y"}' ]
    run_status 125 skiff run --rm -l =x busybox true
    run_status 125 skiff run --rm -l 'odd =x' busybox true
    output_has "label 'odd ' contains whitespaces"
}

# --- command -------------------------------------------------------------------------------------

@test "the command replaces the image's CMD; --entrypoint its ENTRYPOINT and CMD" {
    run_ok skiff run --rm tool
    output_is 'by default'
    run_ok skiff run --rm tool 'a  b' '' -i '*'
    output_is 'a  b  -i *'
    run_ok skiff run --rm --entrypoint /bin/sh tool -c 'echo entered $1' sh there
    output_is 'entered there'
    run_ok skiff run --rm --entrypoint id tool
    output_has '^uid=1000'
    # An empty one takes the image's away.
    run_ok skiff run --rm --entrypoint '' tool echo plain
    output_is plain
    run_status 125 skiff run --rm --entrypoint '' tool
    output_has 'no command specified'
}

@test "options end at the image: what follows is the command's" {
    run_ok skiff run --rm busybox echo --rm -it --name x
    output_is '--rm -it --name x'
}

@test "-w: working directory, made when missing, absolute only" {
    run_ok skiff run --rm -w /usr/bin busybox pwd
    output_is /usr/bin
    run_ok skiff run --rm --workdir=/new/deep busybox pwd
    output_is /new/deep
    run_ok skiff run --rm --entrypoint pwd tool
    output_is /srv
    run_status 125 skiff run --rm -w relative busybox pwd
    output_has "the working directory 'relative' is invalid, it needs to be an absolute path"
    run skiff run --rm -w /etc/passwd busybox pwd
    differs "125 or 126, by the runtime" || [ "$status" -eq 126 ] || [ "$status" -eq 127 ]
    output_has 'not a directory'
}

@test "-u: by name, number, with a group, unknown" {
    ids='id -u; id -g; id -G; echo $HOME'
    run_ok skiff run --rm busybox sh -c "$ids"
    output_is $'0\n0\n0\n/root'
    run_ok skiff run --rm -u user busybox sh -c "$ids"
    output_is $'1000\n1000\n1000 50\n/home'
    run_ok skiff run --rm --user 1000 busybox sh -c "$ids"
    output_is $'1000\n1000\n1000 50\n/home'
    run_ok skiff run --rm -u user:staff busybox sh -c "$ids"
    output_is $'1000\n50\n50\n/home'
    run_ok skiff run --rm -u 4242 busybox sh -c "$ids"
    output_is $'4242\n0\n0\n/'
    run_ok skiff run --rm -u 4242:4343 busybox sh -c "$ids"
    output_is $'4242\n4343\n4343\n/'
    run_ok skiff run --rm -u :50 busybox sh -c "$ids"
    output_is $'0\n50\n50\n/root'
    run_ok skiff run --rm --entrypoint id tool -u
    output_is 1000
    run_status 125 skiff run --rm -u nobody-here busybox true
    output_has 'unable to find user nobody-here: no matching entries in passwd file'
    run_status 125 skiff run --rm -u root:no-group busybox true
    output_has 'unable to find group no-group: no matching entries in group file'
    run_status 125 skiff run --rm -u 99999999999 busybox true
}

@test "-u: the user has no capabilities, and owns his standard streams" {
    run_ok skiff run --rm -u user busybox sh -c 'grep CapEff /proc/self/status; echo x >/dev/stderr'
    output_is $'CapEff:\t0000000000000000\nx'
}

@test "--group-add: by name and number" {
    run_ok skiff run --rm --group-add staff --group-add 777 busybox id -G
    output_is '0 50 777'
    run_status 125 skiff run --rm --group-add no-group busybox true
    output_has 'unable to find group no-group'
}

# --- environment ---------------------------------------------------------------------------------

@test "the environment is PATH, HOSTNAME and HOME, and nothing of ours" {
    SECRET=ours run_ok skiff run --rm busybox env
    [ "${#lines[@]}" -eq 3 ]
    [ "${lines[0]}" = PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ]
    [[ ${lines[1]} =~ ^HOSTNAME=[0-9a-f]{12}$ ]]
    [ "${lines[2]}" = HOME=/root ]
}

@test "-e: set, set empty, passed on, not set, taken from the image" {
    print='printf "%s|" "$A" "${B-unset}" "$PASS" "${NOPE-unset}" "$FROM" "${GONE-unset}"'
    unset NOPE GONE
    PASS=on run_ok skiff run --rm -e A='b c=d' -e B= --env PASS -e NOPE -e GONE --entrypoint sh tool -c "$print"
    output_is 'b c=d||on|unset|image|unset|'
    run_ok skiff run --rm -e FROM=run -eA=1 --env=B=2 -e A=last --entrypoint sh tool -c "$print"
    output_is 'last|2||unset|run|image|'
    run_ok skiff run --rm -e PATH=/bin -e HOME=/h -e HOSTNAME=h busybox sh -c 'echo $PATH $HOME $HOSTNAME'
    output_is '/bin /h h'
    run_status 125 skiff run --rm -e =x busybox true
    output_has 'invalid environment variable'
}

@test "--env-file: comments, blanks, pass-through, Windows line ends; -e wins" {
    printf '\xef\xbb\xbfBOM=1\n# comment\n\n  IND=x y \nCR=crlf\r\nPASS\nNOPE\nEMPTY=\nQ="q"\nO=file' \
        >"$BATS_TEST_TMPDIR/env"
    unset NOPE
    PASS=on run_ok skiff run --rm --env-file "$BATS_TEST_TMPDIR/env" -e O=option busybox \
        sh -c 'printf "%s|" "$BOM" "$IND" "$CR" "$PASS" "${NOPE-unset}" "${EMPTY-unset}" "$Q" "$O"'
    output_is '1|x y |crlf|on|unset||"q"|option|'
    printf 'A B=c\n' >"$BATS_TEST_TMPDIR/bad"
    run_status 125 skiff run --rm --env-file "$BATS_TEST_TMPDIR/bad" busybox true
    output_has "variable 'A B' contains whitespaces"
    printf '=c\n' >"$BATS_TEST_TMPDIR/bad"
    run_status 125 skiff run --rm --env-file "$BATS_TEST_TMPDIR/bad" busybox true
    run_status 125 skiff run --rm --env-file /no/such/file busybox true
    output_has '/no/such/file.*no such file'
}

# --- exit status ---------------------------------------------------------------------------------

@test "exit status: the command's own" {
    run_status 0 skiff run --rm busybox true
    run_status 1 skiff run --rm busybox false
    run_status 42 skiff run --rm busybox sh -c 'exit 42'
    run_status 255 skiff run --rm busybox sh -c 'exit 255'
}

@test "exit status: 128 and the signal that killed it" {
    # A child of PID 1, which itself takes no signal from inside.
    run_status 143 skiff run --rm --init busybox sh -c 'kill -TERM $$'
    run_status 139 skiff run --rm --init busybox sh -c 'kill -SEGV $$'
    skiff run -d --name killed busybox sleep 1000 >/dev/null
    skiff kill killed
    ended()
    {
        [ "$(skiff inspect -f '{{.State.Status}}' killed)" = exited ]
    }
    until_true ended
    [ "$(skiff inspect -f '{{.State.ExitCode}}' killed)" -eq 137 ]
}

@test "exit status: 127 not found, 126 not executable, 125 ours; one line each, nothing left" {
    needs_skiff "in other words"
    run_status 127 skiff run busybox no-such-command
    output_is 'skiff: cannot start "no-such-command": executable file not found in $PATH of image busybox'
    run_status 127 skiff run busybox /bin/no-such
    output_is 'skiff: cannot start "/bin/no-such": exec: no such file or directory'
    run_status 126 skiff run busybox /etc
    output_has '^skiff: cannot start "/etc": exec: .*(directory|denied)'
    run_status 126 skiff run --entrypoint /bin/plain tool
    output_has 'permission denied'
    run_status 126 skiff run --entrypoint plain tool
    output_has 'permission denied'
    run_status 126 skiff run --entrypoint /bin/junk tool
    output_has 'exec format error'
    run_status 125 skiff run 127.0.0.1:1/no-such-image true
    output_has 'skiff: cannot pull "127.0.0.1:1/no-such-image:latest": cannot reach'
    run_status 125 skiff run --no-such-option busybox true
    run_status 125 skiff run --memory=x busybox true
    run_ok skiff ps -aq
    output_is ''
    [ -z "$(ls "$SKIFF_ROOT/containers")" ]
}

# --- signals -------------------------------------------------------------------------------------

# trap_ready NAME SIGNAL [OPTION...]: a client in the background whose command tells what it got.
trap_ready()
{
    local name=$1 signal=$2
    shift 2
    env --default-signal "$SKIFF" run --name "$name" "$@" busybox sh -c \
        "trap 'echo got $signal; exit 9' $signal; echo ready; while :; do sleep 0.05; done" \
        >"$BATS_TEST_TMPDIR/$name" 3>&- &
    client=$!
    until_true file_has "$BATS_TEST_TMPDIR/$name" ready
}

@test "signals to the client reach the command" {
    for signal in INT TERM HUP QUIT USR1 USR2; do
        trap_ready "sig$signal" $signal
        kill -s $signal $client
        code=0
        wait $client || code=$?
        [ "$code" -eq 9 ]
        file_has "$BATS_TEST_TMPDIR/sig$signal" "got $signal"
    done
}

@test "--sig-proxy=false: a signal ends the client alone" {
    needs_skiff "its client is not ended by a signal"
    trap_ready alone TERM --sig-proxy=false
    kill -TERM $client
    code=0
    wait $client || code=$?
    [ "$code" -eq 143 ]
    [ "$(skiff inspect -f '{{.State.Running}}' alone)" = true ]
    run_ok skiff rm -f alone
}

@test "--stop-signal: is kept for who stops it, over the image's; nonsense is refused" {
    run_ok skiff run --name stop --stop-signal SIGUSR1 busybox true
    [ "$(skiff inspect -f '{{.Config.StopSignal}}' stop)" = SIGUSR1 ]
    run_ok skiff run --name image tool x
    [ "$(skiff inspect -f '{{.Config.StopSignal}}' image)" = SIGQUIT ]
    run_status 125 skiff run --rm --stop-signal NOPE busybox true
    output_has 'invalid signal: NOPE'
}

@test "--init: ours is PID 1, hands arguments on and forwards signals" {
    run_ok skiff run --rm --init busybox sh -c 'echo $$ $(cat /proc/1/comm) "$@"' sh 'a  b' --
    [[ $output =~ ^([0-9]+)\ ((skiff|docker)-)?init\ a\ \ b\ --$ ]]
    [ "${BASH_REMATCH[1]}" -gt 1 ]
    run_ok skiff run --rm busybox sh -c 'echo $$ $(cat /proc/1/comm)'
    output_is '1 sh'
    trap_ready forwarded TERM --init
    kill -TERM $client
    code=0
    wait $client || code=$?
    [ "$code" -eq 9 ]
    file_has "$BATS_TEST_TMPDIR/forwarded" 'got TERM'
}

@test "--init: zombies are reaped; without it nobody does" {
    # The orphan's parent is gone before it dies: only PID 1 can wait for it.
    orphan='(sleep 0.2 & echo $! >/pid); p=$(cat /pid); sleep 0.6; cat /proc/$p/stat 2>/dev/null | cut -d" " -f3'
    run_ok skiff run --rm --init busybox sh -c "$orphan"
    output_is ''
    printf '#!/bin/busybox sh\n(/bin/busybox sleep 0.2 & echo $! >/pid)\nexec /bin/busybox tail -f /dev/null\n' \
        >"$BATS_TEST_TMPDIR/careless"
    chmod +x "$BATS_TEST_TMPDIR/careless"
    skiff run -d --name careless -v "$BATS_TEST_TMPDIR/careless:/careless:ro" busybox /careless >/dev/null
    has_zombie()
    {
        ps -o stat= --ppid "$(container_pid careless)" | grep -q Z
    }
    until_true has_zombie
}

@test "--init: statuses of what cannot be started are 127 and 126 too" {
    run_status 127 skiff run --rm --init busybox no-such
    run_status 126 skiff run --rm --init busybox /etc
}

@test "--init works with a user, read-only, without capabilities" {
    run_ok skiff run --rm --init -u user --read-only --cap-drop ALL busybox cat /proc/1/comm
}

# --- limits of the process -----------------------------------------------------------------------

@test "--ulimit: soft and hard, unlimited, inherited otherwise" {
    limits='grep -E "Max (open files|core file size|processes)" /proc/self/limits | tr -s " "'
    run_ok skiff run --rm --ulimit nofile=100:200 --ulimit core=-1 --ulimit nproc=77 busybox sh -c "$limits"
    output_has 'open files 100 200 '
    output_has 'core file size unlimited unlimited'
    output_has 'processes 77 77'
    differs "what is inherited is the daemon's" || (
        ulimit -Sn 333 && ulimit -Hn 444
        run_ok skiff run --rm busybox sh -c 'ulimit -Sn; ulimit -Hn'
        output_is $'333\n444'
    )
    run_status 125 skiff run --rm --ulimit nonsense=1 busybox true
    output_has 'invalid ulimit type: nonsense'
    run_status 125 skiff run --rm --ulimit nofile=2:1 busybox true
    output_has 'soft limit'
    run_status 125 skiff run --rm --ulimit nofile busybox true
}

@test "--oom-score-adj: the process has it; out of range is refused" {
    run_ok skiff run --rm --oom-score-adj 321 busybox cat /proc/self/oom_score_adj
    output_is 321
    # Less than ours takes a capability that the machine may not have.
    if (echo -5 >/proc/self/oom_score_adj) 2>/dev/null; then
        run_ok skiff run --rm --oom-score-adj=-5 busybox cat /proc/self/oom_score_adj
        output_is -5
    else
        run_fails 'OOM score.*permission denied|final child' skiff run --rm --oom-score-adj=-5 busybox true
    fi
    for bad in 1001 -1001 x; do
        run_status 125 skiff run --rm --oom-score-adj=$bad busybox true
    done
}
