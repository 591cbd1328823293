#!/usr/bin/env bats
#
# skiff logs, and what the drivers write.
# shellcheck disable=SC2016,SC2030,SC2031 # inner shells expand; a test may have a root of its own

load ../lib/common

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
    skiff_cleanup
}

# shell NAME SCRIPT [OPTION...]: a container of busybox that has run SCRIPT.
shell()
{
    local name=$1 script=$2
    shift 2
    skiff run --name "$name" --network none "$@" busybox sh -c "$script" >/dev/null 2>&1
}

# shell_detached NAME SCRIPT [OPTION...]
shell_detached()
{
    local name=$1 script=$2
    shift 2
    skiff run -d --name "$name" --network none "$@" busybox sh -c "$script" >/dev/null
}

# log_file NAME: where its log is.
log_file()
{
    skiff inspect --format '{{.LogPath}}' "$1"
}

# --- what comes out ------------------------------------------------------------------------------

@test "standard output and error come back where they went" {
    shell web 'echo out; echo err >&2; echo more'
    run_ok bash -c '"$SKIFF" logs web 2>/dev/null'
    output_is $'out\nmore'
    run_ok bash -c '"$SKIFF" logs web 2>&1 >/dev/null'
    output_is err
    run_ok bash -c '"$SKIFF" container logs web 2>&1'
    output_has 'err'
}

@test "the log is of the CRI format, and for its owner alone" {
    needs_skiff "its logs are JSON"
    shell web 'echo out; printf begun; echo err >&2'
    local file
    file=$(log_file web)
    [ "$(stat -c %a "$file")" = 600 ]
    run_ok sed -E 's/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z //' "$file"
    output_has 'stdout F out'
    output_has 'stdout P begun'
    output_has 'stderr F err'
}

@test "every byte comes back: NULs, carriage returns, invalid text, no line end" {
    needs_skiff "bytes that are no UTF-8 are changed"
    head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/bytes"
    skiff run --name bin --network none -v "$BATS_TEST_TMPDIR:/d:ro" busybox cat /d/bytes >/dev/null
    skiff logs bin | cmp - "$BATS_TEST_TMPDIR/bytes"
}

@test "a line of a mebibyte is one line" {
    needs_skiff "it counts pieces of 16 KiB as lines"
    shell long 'echo before; head -c 1048576 /dev/zero | tr "\0" x; echo; echo after'
    [ "$(skiff logs long | awk 'length > most { most = length } END { print most, NR }')" = "1048576 3" ]
    [ "$(skiff logs -n 2 long | wc -c)" -eq $((1048576 + 1 + 6)) ]
    [ "$(skiff logs -t -n 2 long | wc -l)" -eq 2 ]
}

@test "of a container with a terminal, what the terminal got" {
    skiff run -t --name tty --network none busybox sh -c 'echo one; echo two >&2' >/dev/null </dev/null
    skiff logs tty 2>/dev/null >"$BATS_TEST_TMPDIR/out"
    printf 'one\r\ntwo\r\n' | cmp - "$BATS_TEST_TMPDIR/out"
}

@test "a container that wrote nothing, or never ran, has an empty log" {
    shell quiet true
    run_ok skiff logs quiet
    output_is ""
    run_ok skiff logs -f quiet
    output_is ""
}

@test "who is started again goes on in the same log" {
    shell again 'echo once'
    skiff start again
    until_true bash -c '[ "$("$SKIFF" logs again | wc -l)" -eq 2 ]'
}

@test "no such container" {
    run_fails 'no such container: nobody' skiff logs nobody
    run_fails 'requires (at least )?1 argument' skiff logs
}

# --- which lines ---------------------------------------------------------------------------------

@test "--tail: the last lines" {
    shell many 'seq 1 1000; printf end'
    run_ok skiff logs --tail 3 many
    output_is $'999\n1000\nend'
    run_ok skiff logs -n 0 many
    output_is ""
    [ "$(skiff logs -n all many | wc -l)" -eq 1000 ]
    [ "$(skiff logs -n -1 many | wc -l)" -eq 1000 ]
    [ "$(skiff logs -n 100000 many | wc -l)" -eq 1000 ]
    differs "--tail few is all" || run_fails '"--tail": "few" is not a number of lines' skiff logs -n few many
}

@test "--tail reads a big log from its end" {
    needs_skiff "its logs are JSON"
    require_command strace
    shell big true
    local file
    file=$(log_file big)
    yes "2026-01-02T03:04:05.000000006Z stdout F one of very many lines" | head -n 4000000 >"$file"
    printf '2026-01-02T03:04:05.000000006Z stdout F the last\n' >>"$file"
    run_ok strace -f -e trace=pread64,read -o "$BATS_TEST_TMPDIR/trace" "$SKIFF" logs -n 10 big
    [ "${#lines[@]}" -eq 10 ]
    [ "${lines[9]}" = "the last" ]
    [ "$(grep -c read "$BATS_TEST_TMPDIR/trace")" -lt 100 ] # of 4,096 blocks
}

@test "--since and --until" {
    needs_skiff "its logs are JSON"
    shell times true
    cat >"$(log_file times)" <<-END
	2026-01-02T03:04:05.000000000Z stdout F one
	2026-01-02T03:04:06.500000000Z stdout F two
	2026-01-03T00:00:00.000000000Z stdout F three
	END
    run_ok skiff logs --since 2026-01-02T03:04:06Z times
    output_is $'two\nthree'
    run_ok skiff logs --until 2026-01-02T03:04:06Z times
    output_is one
    run_ok skiff logs --since 2026-01-02T03:04:06.5Z --until 2026-01-02T23:00:00Z times
    output_is two
    run_ok skiff logs --since 1767323046.4 --until 1767323046.6 times
    output_is two
    TZ=UTC run_ok skiff logs --since 2026-01-03 times
    output_is three
    run_ok skiff logs --since 10m times
    output_is ""
    shell now 'echo now'
    run_ok skiff logs --since 10m now
    output_is now
    run_ok skiff logs --until 10m now
    output_is ""
    run_fails '"since": "yesterday" is no time' skiff logs --since yesterday times
}

@test "--timestamps and --details stand before each line" {
    shell told 'printf "a\nb"; echo err >&2; echo c' -l 'place=here & there' -l other=x -e MODE=fast \
        --log-opt labels=place,missing --log-opt env=MODE,NOPE --log-opt 'tag={{.Name}}'
    run_ok bash -c '"$SKIFF" logs -t told 2>/dev/null'
    [[ ${lines[0]} =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z\ a$ ]]
    [[ ${lines[1]} =~ Z\ bc$ ]]
    [ "${#lines[@]}" -eq 2 ]
    run_ok bash -c '"$SKIFF" logs --details told 2>/dev/null'
    [ "${lines[0]}" = 'MODE=fast,place=here+%26+there,tag=told a' ]
    run_ok bash -c '"$SKIFF" logs -t --details told 2>/dev/null'
    [[ ${lines[0]} =~ Z\ MODE=fast,place=here\+%26\+there,tag=told\ a$ ]]
}

@test "of several containers: in the order of writing, each line with its name" {
    needs_skiff "one container only"
    shell one true
    shell another true
    cat >"$(log_file one)" <<-END
	2026-01-02T03:04:05.000000000Z stdout F one
	2026-01-02T03:04:07.000000000Z stdout F three
	END
    cat >"$(log_file another)" <<-END
	2026-01-02T03:04:06.000000000Z stdout F two
	2026-01-02T03:04:08.000000000Z stdout P four
	END
    run_ok skiff logs one another
    output_is $'one     | one\nanother | two\none     | three\nanother | four'
    run_ok skiff logs -n 1 one another
    output_is $'one     | three\nanother | four'
    run skiff logs one nobody another
    [ "$status" -eq 1 ]
    output_has 'no such container: nobody'
    output_has 'another | four'
}

@test "names have colours on a terminal, and never with NO_COLOR" {
    needs_skiff "one container only"
    require_command script
    shell one 'echo 1'
    shell two 'echo 2'
    run_ok script -qec "$SKIFF logs one two" /dev/null
    output_has $'\e\['
    NO_COLOR=1 run_ok script -qec "$SKIFF logs one two" /dev/null
    output_lacks $'\e'
    run_ok skiff logs one two
    output_lacks $'\e'
}

# --- files taking turns --------------------------------------------------------------------------

@test "max-size and max-file: no more and no longer files" {
    needs_skiff "its logs are JSON"
    shell turns 'seq 1 20000' --log-opt max-size=10k --log-opt max-file=3
    local file
    file=$(log_file turns)
    [ "$(cd "$(dirname "$file")" && echo log*)" = "log log.1 log.2" ]
    [ "$(stat -c %s "$file" "$file.1" "$file.2" | sort -n | tail -n 1)" -le 10000 ]
    skiff logs turns >"$BATS_TEST_TMPDIR/out"
    [ "$(tail -n 1 "$BATS_TEST_TMPDIR/out")" = 20000 ]
    seq "$(head -n 1 "$BATS_TEST_TMPDIR/out")" 20000 | cmp - "$BATS_TEST_TMPDIR/out"
    [ "$(skiff logs -n 300 turns | head -n 1)" = 19701 ]
}

@test "by default there are three files of ten mebibytes" {
    needs_skiff "its logs are JSON"
    shell usual 'yes "a line of some length, so that it does not take so long" | head -n 400000'
    local file
    file=$(log_file usual)
    [ "$(cd "$(dirname "$file")" && echo log*)" = "log log.1 log.2" ]
    [ "$(stat -c %s "$file.1")" -gt $((10200 << 10)) ] && [ "$(stat -c %s "$file.1")" -le $((10 << 20)) ]
}

# --- following -----------------------------------------------------------------------------------

@test "-f: what is there, what comes, and nothing after the end" {
    needs_skiff "its logs are JSON"
    mkfifo "$BATS_TEST_TMPDIR/go"
    shell_detached slow 'echo first; read _ </d/go; echo second; printf last' -v "$BATS_TEST_TMPDIR:/d"
    skiff logs -f slow >"$BATS_TEST_TMPDIR/out" 3>&- &
    local follower=$!
    until_true file_has "$BATS_TEST_TMPDIR/out" first
    echo >"$BATS_TEST_TMPDIR/go"
    wait "$follower"
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = $'first\nsecond\nlast' ]
}

@test "-f ends too when the monitor is killed" {
    needs_skiff "it has no monitor"
    shell_detached killed 'echo there; exec sleep 1000'
    skiff logs -f killed >"$BATS_TEST_TMPDIR/out" 3>&- &
    local follower=$! monitor
    until_true file_has "$BATS_TEST_TMPDIR/out" there
    monitor=$(awk '/^PPid/ { print $2 }' "/proc/$(container_pid killed)/status")
    kill -KILL "$monitor"
    wait "$follower"
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = there ]
}

@test "-f ends when nobody reads any more" {
    needs_skiff "it notices with the next line"
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    shell_detached idle 'echo line; exec sleep 1000'
    skiff logs -f idle >"$BATS_TEST_TMPDIR/pipe" 3>&- &
    local follower=$!
    head -n 1 "$BATS_TEST_TMPDIR/pipe"
    wait "$follower" || true # hangs if it does not end
}

@test "-f --until ends at that time" {
    needs_skiff "--until is looked at with the next line"
    shell_detached idle 'echo line; exec sleep 1000'
    run_ok timeout 60 "$SKIFF" logs -f --until=-1s idle
    output_is line
    run_ok timeout 60 "$SKIFF" logs -f --until 1h idle
    output_is ""
}

@test "-f through many changes of files loses and doubles nothing" {
    needs_skiff "it loses lines when files change"
    mkfifo "$BATS_TEST_TMPDIR/go"
    shell_detached turns 'read _ </d/go; seq 100000001 100300000' -v "$BATS_TEST_TMPDIR:/d" \
        --log-opt max-size=1m --log-opt max-file=2
    skiff logs -f turns >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    local follower=$! file
    file=$(log_file turns)
    until_true test -e "$file" # the follower is there
    echo >"$BATS_TEST_TMPDIR/go"
    wait "$follower"
    [ ! -s "$BATS_TEST_TMPDIR/err" ]
    seq 100000001 100300000 | cmp - "$BATS_TEST_TMPDIR/out"
    [ -e "$file.1" ] # it has turned indeed
    [ "$(head -n 1 "$file.1" | cut -c 42-)" != 100000001 ]
}

@test "-f that reads slowly keeps files from being deleted, up to a limit" {
    needs_skiff "its logs are JSON"
    mkfifo "$BATS_TEST_TMPDIR/go" "$BATS_TEST_TMPDIR/pipe"
    shell_detached turns 'read _ </d/go; seq 100000001 100040000; exec sleep 1000' -v "$BATS_TEST_TMPDIR:/d" \
        --log-opt max-size=100k --log-opt max-file=2
    skiff logs -f turns >"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    local follower=$! file
    file=$(log_file turns)
    exec 4<"$BATS_TEST_TMPDIR/pipe"
    until_true test -e "$file" # the follower is there
    echo >"$BATS_TEST_TMPDIR/go"
    until_true grep -qs 'stdout F 100040000' "$file"
    head -n 40000 <&4 | cmp - <(seq 100000001 100040000)
    exec 4<&-
    wait "$follower" || true
    [ ! -s "$BATS_TEST_TMPDIR/err" ]
}

@test "-f of several: all lines of each, until the last has ended" {
    needs_skiff "one container only"
    shell_detached one 'i=0; while [ $i -lt 50 ]; do echo "a $i"; i=$((i + 1)); sleep 0.01; done'
    shell_detached two 'i=0; while [ $i -lt 50 ]; do echo "b $i"; i=$((i + 1)); sleep 0.02; done'
    skiff logs -f one two >"$BATS_TEST_TMPDIR/out"
    [ "$(grep -c '^one | a ' "$BATS_TEST_TMPDIR/out")" -eq 50 ]
    [ "$(grep -c '^two | b ' "$BATS_TEST_TMPDIR/out")" -eq 50 ]
    [ "$(tail -n 1 "$BATS_TEST_TMPDIR/out")" = 'two | b 49' ]
}

@test "-f goes on while a policy starts the container again, and ends with its last life" {
    needs_skiff "-f ends with a life"
    shell_detached often 'echo try; exit 1' --restart on-failure:2
    skiff logs -f often >"$BATS_TEST_TMPDIR/out"
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = $'try\ntry\ntry' ]
}

# --- nothing is lost -----------------------------------------------------------------------------

followed_to_the_end()
{
    skiff run -d --name "short-$1" --network none busybox \
        sh -c 'echo first; printf "last without an end"' >/dev/null
    [ "$(skiff logs -f "short-$1")" = $'first\nlast without an end' ] || echo "run $1: followed"
    [ "$(skiff logs "short-$1")" = $'first\nlast without an end' ] || echo "run $1: afterwards"
    skiff rm -f "short-$1" >/dev/null
}

@test "the last output of a short container is in its log, and is seen by who follows it" {
    four_lanes "${SKIFF_TEST_RUNS:-200}" followed_to_the_end
}

@test "who follows a container that removes itself sees all of it" {
    needs_skiff "its logs are JSON"
    local i runs=${SKIFF_TEST_RUNS:-50}
    mkfifo "$BATS_TEST_TMPDIR/go"
    for ((i = 0; i < runs; i++)); do
        shell_detached gone 'read _ </d/go; echo first; printf last' --rm -v "$BATS_TEST_TMPDIR:/d"
        skiff logs -f gone >"$BATS_TEST_TMPDIR/out" 3>&- &
        local follower=$! file
        file=$(log_file gone)
        until_true test -e "$file" # the follower is there
        echo >"$BATS_TEST_TMPDIR/go"
        wait "$follower" || told "run $i: status"
        [ "$(cat "$BATS_TEST_TMPDIR/out")" = $'first\nlast' ] || told "run $i"
        [ ! -e "$file" ] || until_true test ! -e "$file"
    done
}

attached_and_logged()
{
    local expected=$((30004 + ${#1}))
    [ "$(skiff run --name "short-$1" --network none busybox \
        sh -c 'printf "%s" "$0" >&2; head -c 30000 /dev/zero' "run $1" 2>&1 | wc -c)" -eq $expected ] ||
        echo "run $1: attached"
    [ "$(skiff logs "short-$1" 2>&1 | wc -c)" -eq $expected ] || echo "run $1: logged"
    skiff rm "short-$1" >/dev/null
}

@test "the last output of a short container is in its log once it has ended" {
    four_lanes "${SKIFF_TEST_RUNS:-200}" attached_and_logged
}

# --- no room -------------------------------------------------------------------------------------

@test "a full disk stops the log and not the container, and inspect says so" {
    needs_skiff "its root is elsewhere"
    local small=$BATS_TEST_TMPDIR/small name
    mkdir "$small"
    mount -t tmpfs -o size=8m small "$small"
    export SKIFF_ROOT=$small/root SKIFF_RUN_DIR=$BATS_TEST_TMPDIR/run
    import_busybox
    mkfifo "$BATS_TEST_TMPDIR/go"
    skiff run -d --name full --network none --log-opt max-size=-1 -v "$BATS_TEST_TMPDIR:/d" busybox sh -c '
        seq 100000001 100400000; echo done >/d/done
        read _ </d/go; echo there is room again; exec sleep 1000' >/dev/null
    until_true test -e "$BATS_TEST_TMPDIR/done"
    until_true bash -c '"$SKIFF" inspect --format "{{.LogError}}" full | grep -q "no space left on device"'
    # What is in it is whole.
    skiff logs full >"$BATS_TEST_TMPDIR/out"
    [ -s "$BATS_TEST_TMPDIR/out" ]
    seq 100000001 $((100000000 + $(wc -l <"$BATS_TEST_TMPDIR/out"))) | cmp - "$BATS_TEST_TMPDIR/out"
    mount -o remount,size=32m "$small"
    sleep 1.1 # it tries once a second
    echo >"$BATS_TEST_TMPDIR/go"
    until_true bash -c '"$SKIFF" logs full 2>/dev/null | grep -q "there is room again"'
    skiff logs full 2>&1 >/dev/null | grep -E '^skiff: [0-9]+ bytes of output are missing here: no space left on device$'
    [ -z "$(skiff inspect --format '{{.LogError}}' full)" ]
    skiff rm -f full
    until_true umount -q "$small" # the monitor lets go of it after its clients
}

@test "a disk that fails stops the log and not the container" {
    needs_skiff "its root is elsewhere"
    require_command strace
    run_ok bash -c 'strace -f -o /dev/null -e trace=writev -e inject=writev:error=EIO:when=3+ \
        "$SKIFF" run --name failing --network none busybox seq 1 300000 | tail -n 1'
    output_is 300000
    [[ $(skiff inspect --format '{{.LogError}}' failing) =~ "input/output error" ]]
    skiff logs failing >"$BATS_TEST_TMPDIR/out"
    [ -s "$BATS_TEST_TMPDIR/out" ]
    seq 1 300000 | head -c "$(stat -c %s "$BATS_TEST_TMPDIR/out")" | cmp - "$BATS_TEST_TMPDIR/out"
}

@test "monitors that are killed while they write leave logs that can be read and continued" {
    needs_skiff "it has no monitor"
    local i monitor
    shell_detached killed 'echo begin; yes 0123456789abcdef'
    for ((i = 0; i < 10; i++)); do
        until_true bash -c '"$SKIFF" logs -n 1 killed | grep -q 0123456789abcdef'
        monitor=$(awk '/^PPid/ { print $2 }' "/proc/$(container_pid killed)/status")
        kill -KILL "$monitor"
        until_true bash -c '[ "$("$SKIFF" inspect --format "{{.State.Status}}" killed)" = exited ]'
        skiff start killed
    done
    skiff kill killed
    skiff logs killed >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
    [ ! -s "$BATS_TEST_TMPDIR/err" ]
    # One line may be cut each time.
    [ "$(grep -cvxE 'begin|0123456789abcdef' "$BATS_TEST_TMPDIR/out")" -le 10 ]
}

@test "who ended while the disk was full says so still" {
    needs_skiff "its root is elsewhere"
    local small=$BATS_TEST_TMPDIR/small
    mkdir "$small"
    mount -t tmpfs -o size=8m small "$small"
    export SKIFF_ROOT=$small/root SKIFF_RUN_DIR=$BATS_TEST_TMPDIR/run
    import_busybox
    run_ok bash -c '"$SKIFF" run --name full --network none --log-opt max-size=-1 busybox seq 1 1000000 | tail -n 1'
    output_is 1000000
    [[ $(skiff inspect --format '{{.LogError}}' full) =~ "no space left on device" ]]
    [ "$(skiff inspect --format '{{.State.ExitCode}}' full)" = 0 ]
    skiff rm -f full
    until_true umount -q "$small" # the monitor lets go of it after its clients
}

# --- drivers -------------------------------------------------------------------------------------

@test "--log-driver none: nothing is kept, and logs says why" {
    needs_skiff "in other words"
    shell silent 'echo x' --log-driver none
    [ -z "$(log_file silent)" ]
    run_fails '^skiff: configured logging driver does not support reading$' skiff logs silent
    [ "$(skiff inspect --format '{{.HostConfig.LogConfig.Type}}' silent)" = none ]
}

@test "json-file and local are names for file" {
    needs_skiff "the driver is not called file"
    local driver
    for driver in json-file local file; do
        shell "by-$driver" 'echo x' --log-driver "$driver"
        run_ok skiff logs "by-$driver"
        output_is x
    done
    shell usual 'echo x'
    [ "$(skiff inspect --format '{{json .HostConfig.LogConfig}}' usual)" = '{"Type":"file","Config":{}}' ]
}

@test "drivers and options that there are not are refused by name" {
    needs_skiff "in other words"
    run_fails 'unknown log driver "splunk"' skiff run --log-driver splunk busybox true
    run_fails "unknown log opt 'max-sizes' for file log driver" skiff run --log-opt max-sizes=1m busybox true
    run_fails "unknown log opt 'max-size' for journald log driver" \
        skiff run --log-driver journald --log-opt max-size=1m busybox true
    run_fails '"max-size": "10x"' skiff run --log-opt max-size=10x busybox true
    run_fails '"max-size": "0"' skiff run --log-opt max-size=0 busybox true
    run_fails '"max-file": "0"' skiff run --log-opt max-file=0 busybox true
    run_fails '"tag": "\{\{.Nam\}\}"' skiff run --log-opt 'tag={{.Nam}}' busybox true
    run_fails '"--log-opt": "max-size" is not KEY=VALUE' skiff run --log-opt max-size busybox true
    [ -z "$(skiff ps -aq)" ]
}

@test "syslog: as syslog(3) writes, by RFC 3164 and by RFC 5424" {
    needs_skiff "logs keeps a copy of what goes elsewhere"
    require_command python3
    local log=$BATS_TEST_TMPDIR/log format
    python3 "$BATS_TEST_DIRNAME/log_receiver.py" "$log" "$BATS_TEST_TMPDIR/out" 3>&- &
    local receiver=$!
    until_true test -S "$log"
    for format in "" rfc3164 rfc5424 rfc5424micro; do
        shell "sys$format" 'echo out; echo err >&2' --log-driver syslog --log-opt "syslog-address=unixgram://$log" \
            --log-opt 'tag={{.Name}}' --log-opt syslog-facility=local0 ${format:+--log-opt "syslog-format=$format"}
        run_fails 'configured logging driver does not support reading' skiff logs "sys$format"
    done
    until_true bash -c "[ \$(grep -c . '$BATS_TEST_TMPDIR/out') -eq 8 ]"
    kill "$receiver"
    run_ok cat "$BATS_TEST_TMPDIR/out"
    output_has '<134>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} sys\[[0-9]+\]: out'
    output_has '<131>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} sys\[[0-9]+\]: err'
    output_has "<134>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} $(hostname) sysrfc3164\\[[0-9]+\\]: out"
    output_has "<134>1 [-0-9]{10}T[0-9:]{8}Z $(hostname) sysrfc5424 [0-9]+ sysrfc5424 - out"
    output_has "<134>1 [-0-9]{10}T[0-9:]{8}\.[0-9]{6}Z $(hostname) sysrfc5424micro [0-9]+ sysrfc5424micro - out"
    run_fails 'invalid syslog format "x"' skiff run --log-driver syslog --log-opt syslog-format=x busybox true
    run_fails 'failed to initialize logging driver: cannot connect to "/nowhere"' \
        skiff run --log-driver syslog --log-opt syslog-address=unixgram:///nowhere busybox true
    run_fails 'syslog address "udp://1.2.3.4" is not supported' \
        skiff run --log-driver syslog --log-opt syslog-address=udp://1.2.3.4 busybox true
}

@test "syslog: a daemon that is stuck keeps no container waiting" {
    needs_skiff "inspect has no LogError"
    require_command python3
    local log=$BATS_TEST_TMPDIR/log
    python3 "$BATS_TEST_DIRNAME/log_receiver.py" --stuck "$log" 3>&- &
    local receiver=$!
    until_true test -S "$log"
    run_ok timeout 60 "$SKIFF" run --name stuck --network none --log-driver syslog \
        --log-opt "syslog-address=unixgram://$log" busybox seq 1 100000
    [ "${lines[99999]}" = 100000 ]
    [[ $(skiff inspect --format '{{.LogError}}' stuck) =~ "the container's output is not logged: resource temporarily unavailable" ]]
    kill "$receiver"
}

@test "journald: Docker's fields, big messages too" {
    needs_skiff "the daemon looks for journald where it runs"
    require_command python3 unshare
    # A /run of our own, where the daemon's socket is ours.
    unshare --mount --propagation private bash -e -c '
        mount -t tmpfs run /run
        mkdir -p /run/systemd/journal
        python3 "$1" --journal /run/systemd/journal/socket "$2" 3>&- &
        receiver=$!
        for i in $(seq 100); do [ -S /run/systemd/journal/socket ] || sleep 0.1; done
        "$SKIFF" run --name jj --network none --log-driver journald --log-opt labels=a.b,big --log-opt "tag=<{{.ImageName}}>" \
            -l a.b=$'"'two\\nlines'"' busybox sh -c "echo out; echo err >&2; head -c 20000 /dev/zero | tr \\\\0 x" >/dev/null
        "$SKIFF" run --name kk --network none --log-driver journald --log-opt labels=big \
            -l "big=$(head -c 100000 /dev/zero | tr \\0 y)" -l c=d busybox sh -c "i=0; while [ \$i -lt 3 ]; do echo \$i; i=\$((i+1)); done" >/dev/null
        sleep 0.5
        kill $receiver
    ' - "$BATS_TEST_DIRNAME/log_receiver.py" "$BATS_TEST_TMPDIR/out"
    run_ok cat "$BATS_TEST_TMPDIR/out"
    local id
    id=$(skiff inspect --format '{{.Id}}' jj)
    grep -F '"MESSAGE": "out"' "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/first"
    grep -F '"PRIORITY": "6"' "$BATS_TEST_TMPDIR/first"
    grep -F "\"CONTAINER_ID\": \"${id:0:12}\"" "$BATS_TEST_TMPDIR/first"
    grep -F "\"CONTAINER_ID_FULL\": \"$id\"" "$BATS_TEST_TMPDIR/first"
    grep -F '"CONTAINER_NAME": "jj"' "$BATS_TEST_TMPDIR/first"
    grep -F '"CONTAINER_TAG": "<busybox>"' "$BATS_TEST_TMPDIR/first"
    grep -F '"SYSLOG_IDENTIFIER": "<busybox>"' "$BATS_TEST_TMPDIR/first"
    grep -F '"IMAGE_NAME": "busybox"' "$BATS_TEST_TMPDIR/first"
    grep -F '"A_B": "two\nlines"' "$BATS_TEST_TMPDIR/first"
    grep -F '"MESSAGE": "err"' "$BATS_TEST_TMPDIR/out" | grep -F '"PRIORITY": "3"'
    [ "$(grep -c '"CONTAINER_PARTIAL_MESSAGE": "true"' "$BATS_TEST_TMPDIR/out")" -eq 1 ]
    [ "$(grep -c '"BIG": "yyyyy' "$BATS_TEST_TMPDIR/out")" -eq 3 ]
}
