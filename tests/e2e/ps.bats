# ps, rm and kill: what is there, and what ends it.
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
    import_busybox other:v1
}

teardown_file()
{
    skiff_teardown
}

teardown()
{
    skiff_cleanup
}

# sleeping NAME [OPTION...]: a container that runs.
sleeping()
{
    skiff run -d --name "$1" "${@:2}" busybox sleep 1000 >/dev/null
}

# ended NAME STATUS [OPTION...]: one that has.
ended()
{
    local status=0
    skiff run --name "$1" "${@:3}" busybox sh -c "exit $2" || status=$?
    [ "$status" -eq "$2" ]
}

names()
{
    skiff ps --format '{{.Names}}' "$@"
}

# groups_named NAME: where there are control groups of that name. Those of others come and go
# meanwhile, which find would tell.
groups_named()
{
    find /sys/fs/cgroup -name "$1" 2>/dev/null || true
}

# --- ps ------------------------------------------------------------------------------------------

@test "ps: titles alone when nothing runs; nothing with -q" {
    run_ok skiff ps
    [ "$(awk '{ $1 = $1; print }' <<<"$output")" = 'CONTAINER ID IMAGE COMMAND CREATED STATUS PORTS NAMES' ]
    run_ok skiff ps -q
    output_is ''
}

@test "ps: what runs; -a all; -q IDs; --no-trunc whole ones" {
    sleeping up
    ended down 3
    id=$(skiff inspect -f '{{.Id}}' up)
    run_ok skiff ps
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[1]} =~ ^${id:0:12}\ +busybox\ +\"sleep\ 1000\"\ +.*\ ago\ +Up\ .*\ up$ ]]
    run_ok skiff ps --all
    [ "${#lines[@]}" -eq 3 ]
    # Newest first.
    [[ ${lines[1]} =~ \"sh\ -c\ \'exit\ 3\'\"\ .*Exited\ \(3\)\ .*\ ago\ .*\ down$ ]]
    run_ok skiff ps -q
    output_is "${id:0:12}"
    run_ok skiff ps -aq
    [ "${#lines[@]}" -eq 2 ]
    run_ok skiff ps -q --no-trunc
    output_is "$id"
    run_ok skiff container ls -q
    output_is "${id:0:12}"
    run_fails 'requires 0 arguments|accepts no' skiff ps up
}

@test "ps: long commands are cut at twenty characters, words with blanks quoted, control characters shown" {
    skiff run -d --name long busybox sh -c 'sleep 1000 # ääääääääää' >/dev/null
    skiff run -d --name odd busybox sh -c $'sleep 1000 # \e[31m\n"x"' >/dev/null
    run_ok skiff ps --filter name=long --format '{{.Command}}'
    output_is "\"sh -c 'sleep 1000 #…\""
    run_ok skiff ps --no-trunc --filter name=long --format '{{.Command}}'
    output_is "\"sh -c 'sleep 1000 # ääääääääää'\""
    run_ok skiff ps --no-trunc --filter name=odd --format '{{.Command}}'
    output_lacks $'\e'
    [ "${#lines[@]}" -eq 1 ]
    output_has '\\"x\\"'
}

@test "ps: -l and -n, in any state" {
    sleeping first
    ended second 0
    sleeping third
    ended fourth 1
    run_ok names -l
    output_is fourth
    run_ok names -n 3
    output_is $'fourth\nthird\nsecond'
    run_ok names --last 9
    [ "${#lines[@]}" -eq 4 ]
    run_status 125 skiff ps -n x
    output_has 'is not a number|invalid argument "x"'
}

@test "ps -f: by name, ID, status, exit, label, image, network, age" {
    sleeping web -l tier=front -l env=test
    sleeping web2 -l tier=back -l env=test --network none
    skiff run -d --name db other:v1 sleep 1000 >/dev/null
    ended job 0 -l tier=front
    ended failed 7
    run_ok names -f name=web
    output_is $'web2\nweb'
    # A pattern, with and without Docker's slash.
    for pattern in '^web$' '^/web$' 'w.b$'; do
        run_ok names -f "name=$pattern"
        output_is web
    done
    id=$(skiff inspect -f '{{.Id}}' web2)
    run_ok names -f "id=${id:0:10}"
    output_is web2
    run_ok names -f status=exited
    output_is $'failed\njob'
    run_ok names -f status=running
    output_is $'db\nweb2\nweb'
    run_ok names -a -f exited=7
    output_is failed
    run_ok names -a -f label=tier
    output_is $'job\nweb2\nweb'
    run_ok names -f label=tier=back
    output_is web2
    run_ok names -f ancestor=other:v1
    output_is db
    # The same image under its other name.
    run_ok names -f ancestor=busybox:latest
    output_is $'web2\nweb'
    run_ok names -f ancestor=no-such
    output_is ''
    run_ok names -f network=none
    output_is web2
    run_ok names -f before=db
    output_is $'web2\nweb'
    run_ok names -f since=db
    output_is ''
    run_ok names -a -f since=db
    output_is $'failed\njob'
}

@test "ps -f: any of one key, every of different keys, all labels" {
    sleeping a1 -l x=1 -l y=1
    sleeping b1 -l x=1
    ended c1 0
    run_ok names -f name=a1 -f name=b1
    output_is $'b1\na1'
    run_ok names -f name=a1 -f status=exited
    output_is ''
    run_ok names -f status=exited -f status=running
    output_is $'c1\nb1\na1'
    run_ok names -f label=x=1 -f label=y=1
    output_is a1
    run_ok names -f label=x=1 --filter name=1
    output_is $'b1\na1'
}

@test "ps -f: what is no filter is refused, also when nothing is there" {
    for bad in nonsense=1 name status=nonsense exited=x; do
        run_fails "invalid filter '${bad%%=*}(=.*)?'|invalid (health|status|id|reference)|strconv|bad format" skiff ps -f $bad
    done
    run_fails 'no such container:? nobody' skiff ps -f before=nobody
}

@test "ps --format: a template, a table of it, json, labels; nonsense" {
    sleeping shown -l stage=test -v /tmp:/t
    run_ok skiff ps --format '{{.ID}} {{.Image}} {{.State}} {{.Names}} {{.Label "stage"}} {{.Labels}} {{.Networks}} {{.Mounts}}'
    output_is "$(skiff ps -q) busybox running shown test stage=test bridge /tmp"
    run_ok skiff ps --format 'table {{.Names}}\t{{.Label "stage"}}'
    [ "$(awk '{ $1 = $1; print }' <<<"$output")" = $'NAMES STAGE\nshown test' ] ||
        [ "$(awk '{ $1 = $1; print }' <<<"$output")" = $'NAMES stage\nshown test' ]
    run_ok skiff ps --format json
    jq -e '.Names == "shown" and .State == "running" and .Image == "busybox" and .Labels == "stage=test" and .Command == "\"sleep 1000\""' <<<"$output"
    jq -e '.CreatedAt | test("^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} \\+0000 UTC$")' <<<"$output"
    run_ok skiff ps -q --format '{{.Names}}'
    output_has "$(skiff ps -q)"
    output_lacks shown
    run_fails 'template' skiff ps --format '{{.Nonsense}}'
    run_fails 'template' skiff ps --format '{{'
}

# --- rm ------------------------------------------------------------------------------------------

@test "rm: several, by name, ID and prefix; prints what it was given; nothing is left" {
    ended one 0
    ended two 0
    ended three 0
    two=$(skiff inspect -f '{{.Id}}' two)
    three=$(skiff inspect -f '{{.Id}}' three)
    run_ok skiff rm one "$two" "${three:0:8}"
    output_is $'one\n'"$two"$'\n'"${three:0:8}"
    run_ok skiff ps -aq
    output_is ''
    [ -z "$(ls "$SKIFF_ROOT/containers")" ]
    [ -z "$(ls "$SKIFF_ROOT/names")" ]
}

@test "rm: what runs is refused without -f; the rest is removed all the same" {
    sleeping busy
    ended over 0
    run_status 1 skiff rm busy over no-such
    output_has 'cannot remove container "/busy": container is running|remove a running container'
    output_has 'no such container: no-such'
    output_has "(^|"$'\n'")over"
    run_ok names -a
    output_is busy
    run_ok skiff rm -f busy
    run_ok skiff ps -aq
    output_is ''
    run_ok skiff rm -f no-such
}

@test "rm -f: a process that ignores signals, and one with children" {
    skiff run -d --name stubborn busybox sh -c 'trap "" TERM INT HUP; (while :; do sleep 1; done) & while :; do sleep 1; done' >/dev/null
    pid=$(container_pid stubborn)
    run_ok skiff rm -f stubborn
    [ ! -e "/proc/$pid" ]
    run_ok skiff ps -aq
    output_is ''
}

@test "rm: an ambiguous prefix names nobody" {
    for i in $(seq 17); do
        skiff run -d --network none --name "n$i" busybox true >/dev/null
    done
    # Of seventeen two begin with the same digit.
    digit=$(skiff ps -aq | cut -c1 | sort | uniq -d | head -n 1)
    run_status 1 skiff rm "$digit"
    output_has "multiple IDs found with provided prefix: $digit"
    [ "$(skiff ps -aq | wc -l)" -eq 17 ]
}

# --- kill ----------------------------------------------------------------------------------------

@test "kill: KILL by default; -s by name, with SIG, by number" {
    ended_with()
    {
        [ "$(skiff inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$1")" = "exited $2" ]
    }
    sleeping default
    run_ok skiff kill default
    output_is default
    until_true ended_with default 137
    trap='trap "exit 11" USR1; trap "exit 15" TERM; echo ready >/out/$0; while :; do sleep 0.05; done'
    i=0
    for signal in USR1 SIGUSR1 usr1 10 TERM 15; do
        i=$((i + 1))
        skiff run -d --name "k$i" -v "$BATS_TEST_TMPDIR:/out" busybox sh -c "$trap" "k$i" >/dev/null
        until_true file_has "$BATS_TEST_TMPDIR/k$i" ready
        run_ok skiff kill -s $signal "k$i"
        case $signal in TERM | 15) code=15 ;; *) code=11 ;; esac
        until_true ended_with "k$i" $code
    done
}

@test "kill: several; what does not run, is not there, is no signal" {
    sleeping k1
    sleeping k2
    ended over 0
    run_status 1 skiff kill k1 over no-such k2
    output_has "cannot kill container: over: container [0-9a-f]{64} is not running"
    output_has 'no such container: no-such'
    [ "${lines[0]}" = k1 ] || [ "${lines[-1]}" = k2 ]
    stopped()
    {
        [ -z "$(skiff ps -q)" ]
    }
    until_true stopped
    sleeping k3
    run_fails 'invalid signal: NOPE' skiff kill -s NOPE k3
    run_fails 'signal:? 65' skiff kill -s 65 k3
    run_fails 'invalid signal: 0' skiff kill --signal=0 k3
    [ "$(skiff inspect -f '{{.State.Running}}' k3)" = true ]
}

# --- believing the kernel ------------------------------------------------------------------------

@test "a container whose monitor was killed has ended, and is put right by who notices" {
    needs_skiff "no monitor"
    sleeping orphan -v "$BATS_TEST_TMPDIR:/t"
    pid=$(container_pid orphan)
    id=$(skiff inspect -f '{{.Id}}' orphan)
    monitor=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
    [ "$monitor" -gt 1 ]
    kill -KILL "$monitor"
    # The container dies with it.
    until_true test ! -e "/proc/$pid/root/t"
    run_ok skiff ps -a --format '{{.Names}} {{.Status}}'
    output_has '^orphan Exited \(137\)'
    run groups_named "$id"
    output_is ''
    run_ok skiff rm orphan
    sleeping orphan2 --rm
    kill -KILL "$(awk '/^PPid/ { print $2 }' "/proc/$(container_pid orphan2)/status")"
    gone()
    {
        [ -z "$(skiff ps -aq)" ]
    }
    until_true gone
}

@test "ps -s: what a container wrote, a file of two names once; with its image" {
    skiff run --name writer busybox sh -c 'head -c 5000 /dev/zero >/a; ln /a /b; mkdir /c; rm /bin/vi' >/dev/null
    run_ok skiff ps -as --filter name=writer
    [[ ${lines[0]} =~ \ NAMES\ +SIZE$ ]]
    [[ ${lines[1]} =~ \ writer\ +5kB\ \(virtual\ [0-9.]+MB\)$ ]]
    image=$(skiff image inspect -f '{{.Size}}' busybox)
    run_ok skiff inspect -s -f '{{.SizeRw}} {{.SizeRootFs}}' writer
    output_is "5000 $((image + 5000))"
    run_ok skiff ps -a --filter name=writer --format '{{.Size}}'
    output_has '^5kB '
    run_ok skiff inspect writer
    output_lacks SizeRw
    skiff rm writer
}
