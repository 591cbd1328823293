# shellcheck disable=SC2016 # the containers' shells expand
# skiff exec: one more process in a running container.
load ../lib/common
load ../lib/pty

setup_file()
{
    require_root
    skiff_setup
    import_busybox
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

# running NAME [OPTION...]: a container that does nothing.
running()
{
    local name=$1
    shift
    skiff run -d --network none --name "$name" "$@" busybox sleep 1000 >/dev/null
}

# What a process may, and where it is.
walls='for n in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$n; done
    cat /proc/self/cgroup; grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)" /proc/self/status; umask
    cat /proc/self/oom_score_adj /proc/self/limits; echo $PATH $HOSTNAME; pwd'

# same_walls [OPTION...]: what the container's own process tells of itself, an exec tells, too.
same_walls()
{
    mkdir -p "$BATS_TEST_TMPDIR/out" && chmod 777 "$BATS_TEST_TMPDIR/out"
    skiff run -d --name walls "$@" -v "$BATS_TEST_TMPDIR/out:/out" busybox \
        sh -c "{ $walls; } >/out/first; mv /out/first /out/done; exec sleep 1000" >/dev/null
    until_true test -e "$BATS_TEST_TMPDIR/out/done"
    run_ok skiff exec walls sh -c "$walls"
    output_is "$(cat "$BATS_TEST_TMPDIR/out/done")" || told "of: $*"
    rm "$BATS_TEST_TMPDIR/out/done"
    skiff rm -f walls >/dev/null
}

@test "exec: namespaces, control group, filter, rights, limits are those of the container" {
    same_walls
    same_walls --network none --read-only -w /usr -u 1000 --group-add 7
    same_walls --network none --cap-drop ALL --cap-add KILL --security-opt no-new-privileges
    differs "--privileged needs every capability that there is" ||
        same_walls --network none --security-opt seccomp=unconfined --privileged
    differs "exec has the hard limit of open files" ||
        same_walls --network none --ulimit nofile=77:99 --ulimit core=0 --oom-score-adj 321 --memory 100m
}

@test "exec: into containers that share namespaces, or have more of them" {
    needs_skiff "no user and time namespaces of a container's own"
    same_walls --pid host --network host
    same_walls --ipc host --uts host --cgroupns host --network none
    same_walls --userns private --network none
    same_walls --userns private --user 1000
    same_walls --time private --time-offset boottime=1000s --network none
    running other
    same_walls --network container:other --pid container:other --ipc container:other
}

@test "exec: it sees the container's processes, files and name" {
    running one -h inside
    run_ok skiff exec one sh -c 'hostname; cat /proc/1/cmdline | tr "\0" " "; echo; echo kept >/tmp/file'
    output_is $'inside\nsleep 1000 '
    run_ok skiff exec one cat /tmp/file
    output_is kept
    # By a part of its ID, too.
    run_ok skiff exec "$(skiff ps -q)" cat /tmp/file
    output_is kept
}

@test "exec: exit statuses, of ours too" {
    needs_skiff "which of 126 and 127 it is depends on the daemon's version"
    running one
    run_status 0 skiff exec one true
    run_status 7 skiff exec one sh -c 'exit 7'
    run_status 143 skiff exec one sh -c 'kill -TERM $$'
    run_status 127 skiff exec one nonesuch
    output_is 'skiff: cannot start "nonesuch": executable file not found in $PATH of container one'
    run_status 127 skiff exec one /nonesuch
    output_is 'skiff: cannot start "/nonesuch": exec: no such file or directory'
    run_status 126 skiff exec one /etc/passwd
    output_is 'skiff: cannot start "/etc/passwd": exec: permission denied'
    run_status 126 skiff exec one /etc
    run_status 127 skiff exec -w /nonesuch one true
    output_is 'skiff: cannot start "true": cannot enter working directory "/nonesuch": no such file or directory'
    run_status 1 skiff exec nobody true
    output_has '[Nn]o such container'
    run_status 125 skiff exec --nonesuch one true
    run_status 1 skiff exec one
    output_has 'at least 2 arguments'
}

@test "exec: not in a container that does not run" {
    running one
    skiff kill one >/dev/null
    run_status 1 skiff exec one true
    output_has "container $(skiff inspect --format '{{.Id}}' one) is not running\$"
}

@test "exec: not in a paused container" {
    running one
    skiff pause one >/dev/null
    run_status 1 skiff exec one true
    output_has 'container one is paused, unpause the container before exec$'
    skiff unpause one >/dev/null
    run_ok skiff exec one true
}

@test "exec -i: input reaches it, and its end" {
    running one
    run_ok skiff exec -i one sh -c 'cat; echo over' <<<hello
    output_is $'hello\nover'
    head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/data"
    skiff exec -i one cat <"$BATS_TEST_TMPDIR/data" | cmp - "$BATS_TEST_TMPDIR/data"
    # Without it there is none.
    run_ok skiff exec one cat <<<hello
    output_is ""
}

@test "exec: output and error are two streams, byte for byte" {
    running one
    skiff exec one sh -c 'echo out; echo err >&2' >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = out ]
    [ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
    [ "$(skiff exec one sh -c 'yes | head -c 10000000' | md5sum)" = "$(yes | head -c 10000000 | md5sum)" ]
    # Whose reader goes gets SIGPIPE.
    run_ok bash -c '"$0" exec one yes | head -n 1' "$SKIFF"
    output_is y
    differs "it is left running" || until_true no_execs one
}

no_execs()
{
    [ "$(skiff inspect --format '{{json .ExecIDs}}' "$1")" = null ]
}

@test "exec: the last output is never lost" {
    running one
    local i
    local many=100
    differs "each takes it longer" && many=10
    for ((i = 0; i < many; i++)); do
        [ "$(skiff exec one sh -c 'echo a; echo b >&2; echo c' 2>&1 | sort | tr -d '\n')" = abc ]
    done
}

@test "exec: what it left running does not hold it up" {
    needs_skiff "it waits for the end of the streams"
    running one
    run_ok skiff exec one sh -c 'sleep 500 & echo left'
    output_is left
    run_ok skiff exec one sh -c 'yes & echo' # and goes on writing
}

@test "exec -u: names and numbers of the container's own files" {
    running one
    run_ok skiff exec -u user one sh -c 'echo $(id -u):$(id -g):$(id -G) $HOME'
    output_is '1000:1000:1000 50 /home'
    run_ok skiff exec -u 1000:50 one sh -c 'echo $(id -u):$(id -g):$(id -G)'
    output_is 1000:50:50
    run_ok skiff exec -u daemon:staff one sh -c 'echo $(id -u):$(id -g)'
    output_is 1:50
    run_ok skiff exec -u 4242 one sh -c 'echo $(id -u):$(id -g) $HOME'
    output_is '4242:0 /'
    run_status 126 skiff exec -u nobody one true
    output_has 'unable to find user nobody'
    # Of the files as they are now.
    run_ok skiff exec one sh -c 'echo late:x:77:78::/late:/bin/sh >>/etc/passwd'
    run_ok skiff exec -u late one sh -c 'echo $(id -u):$(id -g) $HOME'
    output_is '77:78 /late'
    # Root of a container whose user is another has the container's rights.
    running two -u 1000
    run_ok skiff exec two id -u
    output_is 1000
    run_ok skiff exec -u 0 two grep CapEff /proc/self/status
    local caps=$output
    run_ok skiff exec one grep CapEff /proc/self/status
    output_is "$caps"
}

@test "exec -e, --env-file: added to the container's, changed, taken away" {
    running one -e A=1 -e B=2 -e C=3
    printf '# comment\nF=file\nA=file\n' >"$BATS_TEST_TMPDIR/env"
    run_ok skiff exec --env-file "$BATS_TEST_TMPDIR/env" -e B=5 -e D= one sh -c 'echo $A $B $C ${D-none} $F'
    output_is 'file 5 3 file'
    E=here run_ok skiff exec -e E -e C one sh -c 'echo $E ${C-none}'
    output_is 'here none'
    run_ok skiff exec one sh -c 'echo ${TERM-none}'
    output_is none
    run_ok skiff exec one env
    [ "$(grep -c '^A=' <<<"$output")" -eq 1 ]
    run_fails 'invalid environment variable' skiff exec -e =x one true
}

@test "exec -w: the working directory" {
    running one -w /usr
    run_ok skiff exec one pwd
    output_is /usr
    run_ok skiff exec -w /tmp one pwd
    output_is /tmp
    run_fails 'is not an absolute path|must be an absolute path' skiff exec -w tmp one pwd
}

@test "exec --privileged: all capabilities, in the container's walls" {
    needs_skiff "--privileged needs every capability that there is"
    running one
    run_ok skiff exec --privileged one grep -E 'CapEff|Seccomp:' /proc/self/status
    output_is "$(grep CapEff /proc/self/status)"$'\nSeccomp:\t2'
    run_ok skiff exec --privileged -u 1000 one grep -E 'CapEff' /proc/self/status
    output_is $'CapEff:\t0000000000000000'
}

@test "exec -d: returns at once, prints nothing, and it goes on" {
    running one
    run_ok skiff exec -d one sh -c 'echo to nobody; sleep 0.2; echo done >/tmp/done; sleep 500'
    output_is ""
    until_true skiff exec one test -e /tmp/done
    run_ok skiff exec one ps
    output_has 'sleep 500'
    run_fails 'executable file not found' skiff exec -d one nonesuch
    differs "126 with older daemons" || [ "$status" -eq 127 ]
    # With a terminal that nobody looks at.
    run_ok skiff exec -d -t one sh -c 'tty >/tmp/tty; exec sleep 600'
    until_true skiff exec one test -s /tmp/tty
    run_ok skiff exec one sh -c 'cat /tmp/tty; ps'
    output_has '^/dev/pts/'
    output_has 'sleep 600'
}

@test "ns: says who is paused" {
    needs_skiff "no ns"
    skiff run -d --name frozen --network none busybox sleep 1000 >/dev/null
    skiff pause frozen
    run_ok skiff ns
    output_has 'frozen \(paused\) '
    run_ok skiff ns --format json
    jq -e 'select(.Name == "frozen") | .Paused' <<<"$output"
    skiff unpause frozen
    run_ok skiff ns
    output_lacks 'paused'
    skiff rm -f frozen
}

@test "exec: seen by inspect and ns while it runs" {
    needs_skiff "no ns"
    running one
    no_execs one
    skiff exec -d one sleep 700
    run_ok skiff inspect --format '{{index .ExecIDs 0}} {{len .ExecIDs}}' one
    [[ $output =~ ^[0-9a-f]{64}\ 1$ ]] || told "ExecIDs"
    local pid
    run_ok skiff ns
    output_has 'one \(exec sleep\)'
    pid=$(sed -n 's/.*one (exec sleep) *\([0-9]*\) .*/\1/p' <<<"$output")
    [ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" = 'sleep 700 ' ]
    run_ok skiff ns --format json
    jq -e 'select(.Exec == "sleep") | .Namespaces.pid.Owner == "one" and .Namespaces.mount.Owner == "one"' \
        <<<"$output"
    kill -KILL "$pid"
    until_true no_execs one
}

@test "exec: told as events" {
    running one
    local since
    since=$(date +%s)
    run_status 5 skiff exec one sh -c 'exit 5'
    run_ok skiff events --since "$since" --until "$(date +%s.%N)" -f container=one --format '{{.Action}} {{.Actor.Attributes.exitCode}}'
    output_has $'exec_create: sh -c exit 5.*\nexec_start: sh -c exit 5.*\nexec_die 5$'
}

@test "exec: killing the one who looks after it ends it" {
    needs_skiff "no monitor"
    running one
    skiff exec -d one sleep 800
    local pid tender
    pid=$(skiff ns --format json | jq 'select(.Exec == "sleep") | .Pid')
    tender=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
    kill -KILL "$tender"
    until_true eval "[ ! -e /proc/$pid ]"
    no_execs one
    run_ok skiff exec one true
}

@test "exec: a client that is killed does not end it" {
    running one
    "$SKIFF" exec one sh -c 'echo begun; sleep 1; echo more; echo here >/tmp/here; sleep 900' \
        >"$BATS_TEST_TMPDIR/out" 3>&- &
    local client=$!
    until_true file_has "$BATS_TEST_TMPDIR/out" begun
    kill -KILL "$client"
    until_true skiff exec one test -e /tmp/here
    run_ok skiff exec one ps
    output_has 'sleep 900'
}

@test "exec: a signal is the client's alone" {
    running one
    "$SKIFF" exec one sh -c 'trap "echo got >/tmp/got" TERM; echo begun; while :; do sleep 0.1; done' \
        >"$BATS_TEST_TMPDIR/out" 3>&- &
    local client=$! status=0
    until_true file_has "$BATS_TEST_TMPDIR/out" begun
    kill -TERM "$client"
    wait "$client" || status=$?
    differs "a client that is ended has another status" || [ "$status" -eq 143 ]
    run_ok skiff exec one sh -c 'sleep 0.3; test ! -e /tmp/got'
}

@test "exec: a hundred at the same time" {
    needs_skiff "it takes it a minute"
    running one
    local i
    for ((i = 0; i < 100; i++)); do
        {
            status=0
            "$SKIFF" exec one sh -c "echo $i; exit $((i % 7))" >"$BATS_TEST_TMPDIR/$i" 2>&1 || status=$?
            echo $status >>"$BATS_TEST_TMPDIR/$i"
        } 3>&- &
    done
    wait_all
    for ((i = 0; i < 100; i++)); do
        [ "$(cat "$BATS_TEST_TMPDIR/$i")" = "$i"$'\n'"$((i % 7))" ] || {
            echo "number $i:" && cat "$BATS_TEST_TMPDIR/$i"
            return 1
        }
    done
    no_execs one
}

@test "exec: a container that ends meanwhile is told in one line" {
    needs_skiff "in other words"
    local i inside=0
    for ((i = 0; i < 20; i++)); do
        running one
        local pid
        pid=$(container_pid one)
        (kill -KILL "$pid") &
        run skiff exec one sleep 100
        wait_all
        case $status in
        137) inside=$((inside + 1)) ;;
        1) [[ $output =~ ^'skiff: container '[0-9a-f]{64}' is not running'$ ]] || told "round $i" ;;
        *) told "round $i" ;;
        esac
        skiff rm -f one >/dev/null
        [ ! -e "$SKIFF_RUN_DIR/containers" ] || [ -z "$(ls "$SKIFF_RUN_DIR/containers")" ]
    done
    echo "$inside died in there"
}

# --- terminals -----------------------------------------------------------------------------------

@test "exec -it: a terminal of its own, its size, its keys, its exit status" {
    require_command tmux
    running one
    pty_start "$SKIFF" exec -it one sh -c \
        'tty; stty size; echo $TERM; trap "stty size" WINCH; echo ready; until read word; do :; done; echo "got $word"; cat; exit 7'
    pty_wait '^ready$'
    pty_shows '^/dev/pts/0$'
    pty_shows '^24 80$'
    pty_shows '^xterm$'
    pty_resize 100 30
    pty_wait '^30 100$'
    pty_type hello
    pty_wait '^got hello$'
    pty_key C-d
    pty_ended
    [ "$(pty_status)" -eq 7 ]
}

@test "-t without -i: the window follows all the same, of exec, run, start -a and attach" {
    require_command tmux
    running one
    local program='trap "stty size" WINCH; stty size; echo ready; while :; do sleep 0.05; done' command
    for command in 'exec -t one sh -c' 'run -t --rm --network none busybox sh -c'; do
        # shellcheck disable=SC2086 # words
        pty_start "$SKIFF" $command "$program"
        pty_wait '^ready$'
        pty_resize 101 31
        pty_wait '^31 101$'
        pty_stop
    done
    skiff create -t --name two --network none busybox sh -c "$program" >/dev/null
    for command in 'start -a' 'attach --no-stdin'; do
        # shellcheck disable=SC2086 # words
        pty_start "$SKIFF" $command two
        until_true eval '[ "$(skiff inspect -f "{{.State.Status}}" two)" = running ]'
        pty_resize 102 32
        pty_wait '^32 102$'
        pty_stop
        [ "$command" = attach ] || skiff restart -t 0 two >/dev/null
    done
}

@test "exec -it: Ctrl-C is the program's, and the terminal is given back" {
    require_command tmux
    running one
    pty_start sh -c 'stty -a >'"$BATS_TEST_TMPDIR/before; '$SKIFF' exec -it one sh -c 'trap \"exit 33\" INT; echo ready; while :; do sleep 0.05; done'; echo status \$?; stty -a >$BATS_TEST_TMPDIR/after"
    pty_wait '^ready$'
    pty_key C-c
    pty_wait 'status 33$'
    pty_ended
    cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "exec -it: killed, its client leaves the terminal as it was" {
    needs_skiff "nobody gives the terminal back"
    require_command tmux
    running one
    pty_start sh -c 'stty -a >'"$BATS_TEST_TMPDIR/before; '$SKIFF' exec -it one sh -c 'echo ready; sleep 1000'; sleep 0.3; stty -a >$BATS_TEST_TMPDIR/after"
    pty_wait '^ready$'
    local client
    client=$(pgrep -P "$(pty_pid)" -f 'exec -it one')
    kill -KILL "$client"
    pty_ended
    cmp "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "exec -it: detach keys leave it running" {
    require_command tmux
    running one
    pty_start "$SKIFF" exec -it one sh -c 'echo ready; sleep 1000'
    pty_wait '^ready$'
    pty_key C-p C-q
    pty_ended
    differs "who leaves exec has status 1" || [ "$(pty_status)" -eq 0 ]
    pty_stop
    run_ok skiff exec one ps
    [ "$(grep -c 'root *sleep 1000$' <<<"$output")" -eq 2 ]
    pty_start "$SKIFF" exec -it --detach-keys ctrl-a,x one sh -c 'echo ready; sleep 1000'
    pty_wait '^ready$'
    pty_key C-a x
    pty_ended
    run_fails 'not a TTY' skiff exec -it one true </dev/null
}
