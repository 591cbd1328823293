# skiff-oci: create, start, state, kill, delete, run, list; how they fail, and that it leaves nothing.
load ../lib/common
load ../lib/oci

setup_file()
{
    oci_setup
}

teardown_file()
{
    oci_teardown
}

teardown()
{
    oci_cleanup
}

# --- from create to delete -----------------------------------------------------------------------

@test "a container is created, runs, stops and is deleted" {
    bundle "$(sh_c 'echo begun; exec sleep 100')"
    mkfifo "$BATS_TEST_TMPDIR/go"
    oci create -b "$bundle" --pid-file "$BATS_TEST_TMPDIR/pid" "$id" >"$BATS_TEST_TMPDIR/out"
    [ "$(status_of "$id")" = created ]
    pid=$(oci state "$id" | jq .pid)
    [ "$(cat "$BATS_TEST_TMPDIR/pid")" = "$pid" ]
    [ ! -s "$BATS_TEST_TMPDIR/out" ]
    [ -n "$(cgroups_of "$id")" ]

    oci start "$id"
    [ "$(status_of "$id")" = running ]
    until_true file_has "$BATS_TEST_TMPDIR/out" begun
    [ "$(oci state "$id" | jq .pid)" = "$pid" ]

    oci kill "$id" KILL
    until_true status_is "$id" stopped
    [ "$(oci state "$id" | jq .pid)" = 0 ]
    oci delete "$id"
    nothing_left "$id"
    run_fails 'container ".*" does not exist' oci state "$id"
}

@test "state has what the specification asks for" {
    bundle '.annotations = {"org.example.key": "value"}'
    oci create -b "$bundle" "$id"
    oci state "$id" | jq -e --arg id "$id" --arg bundle "$bundle" '
        (.ociVersion | test("^1\\.[0-9]+\\.[0-9]+$")) and .id == $id and .bundle == $bundle
        and .status == "created" and (.pid | type == "number" and . > 1)
        and .annotations == {"org.example.key": "value"}
        and (.created | test("^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{9}Z$"))'
}

@test "a created container whose process is killed is stopped" {
    bundle
    oci create -b "$bundle" "$id"
    kill -KILL "$(oci state "$id" | jq .pid)"
    until_true status_is "$id" stopped
    run_fails 'is stopped, not created' oci start "$id"
    run_fails '^skiff-oci: container not running$' oci kill "$id"
    oci delete "$id"
    nothing_left "$id"
}

@test "a created container is deleted without having run" {
    bundle "$(sh_c 'echo ran >/tmp/ran')" '.root.readonly = false'
    oci create -b "$bundle" "$id"
    pid=$(oci state "$id" | jq .pid)
    oci delete "$id"
    nothing_left "$id"
    is_gone "$pid"
    [ ! -e "$OCI_ROOTFS/tmp/ran" ]
}

@test "a container is started once" {
    bundle '.process.args = ["sleep", "100"]'
    oci create -b "$bundle" "$id"
    oci start "$id"
    run_fails 'cannot start container ".*": it is running, not created' oci start "$id"
    run_fails 'container "nobody" does not exist' oci start nobody
}

@test "an ID is given once" {
    bundle '.process.args = ["sleep", "100"]'
    oci create -b "$bundle" "$id"
    pid=$(oci state "$id" | jq .pid)
    run_fails 'container ".*" exists already' create_to_file -b "$bundle" "$id"
    run_fails 'container ".*" exists already' oci run -b "$bundle" "$id"
    [ "$(oci state "$id" | jq .pid)" = "$pid" ]
    [ "$(status_of "$id")" = created ]
}

@test "of ten that create the same ID one succeeds" {
    bundle '.process.args = ["sleep", "100"]'
    racers=()
    for i in 1 2 3 4 5 6 7 8 9 10; do
        { oci create -b "$bundle" "$id" 2>/dev/null && echo won >>"$BATS_TEST_TMPDIR/won"; } 3>&- &
        racers+=($!)
    done
    for i in "${racers[@]}"; do wait "$i" || true; done
    [ "$(cat "$BATS_TEST_TMPDIR/won")" = won ]
    oci start "$id"
}

@test "what cannot be a folder's name is no ID" {
    bundle
    for bad in '' . .. a/b ../a 'a b' $'a\nb' 'é' @seccomp "$(printf 'a%.0s' {1..256})"; do
        run_fails 'invalid container ID' create_to_file -b "$bundle" "$bad"
        run_fails 'invalid container ID' oci delete --force "$bad"
    done
    oci create -b "$bundle" "$(printf 'a%.0s' {1..200})_+-.9"
    oci create -b "$bundle" ".$id"
    [ "$(oci list -q | wc -l)" -eq 2 ]
    oci delete ".$id"
}

# --- delete --------------------------------------------------------------------------------------

@test "a running container is deleted by force alone" {
    bundle '.process.args = ["sleep", "100"]'
    oci run -d -b "$bundle" "$id"
    run_fails 'cannot delete container ".*": it is running' oci delete "$id"
    [ "$(status_of "$id")" = running ]
    oci delete --force "$id"
    nothing_left "$id"
}

@test "deleting what is not there is an error, and by force none" {
    run_fails 'container "nobody" does not exist' oci delete nobody
    run_ok oci delete --force nobody
    output_is ""
}

@test "what a killed creator left is deleted" {
    for delay in 0 0.001 0.002 0.003 0.004 0.005 0.006 0.008 0.01 0.015 0.02 0.03; do
        bundle '.process.args = ["sleep", "100"]'
        "$SKIFF_OCI" --root "$OCI_ROOT" create -b "$bundle" "$id" &
        creator=$!
        sleep "$delay"
        kill -KILL $creator 2>/dev/null || true
        wait $creator 2>/dev/null || true
        oci delete --force "$id"
        nothing_left "$id"
    done
    ! grep -l "sleep.100" /proc/[0-9]*/cmdline
}

# --- kill ----------------------------------------------------------------------------------------

@test "signals by name, by number, in any case" {
    for signal in USR1 SIGUSR1 sigusr1 10; do
        bundle "$(sh_c 'trap "exit 5" USR1; echo ready; while :; do sleep 0.05; done')"
        "$SKIFF_OCI" --root "$OCI_ROOT" run -b "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 3>&- &
        until_true file_has "$BATS_TEST_TMPDIR/out" ready
        oci kill "$id" "$signal"
        wait $! && false
        [ $? -ne 0 ]
        rm "$BATS_TEST_TMPDIR/out"
    done
    bundle '.process.args = ["sleep", "100"]'
    oci create -b "$bundle" "$id"
    for bad in NOSUCH 65 -1 '' 1x; do
        run oci kill -- "$id" "$bad"
        [ "$status" -ne 0 ] || told "signal \"$bad\""
    done
    [ "$(status_of "$id")" = created ]
}

@test "kill sends SIGTERM when no signal is named" {
    bundle "$(sh_c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done')"
    "$SKIFF_OCI" --root "$OCI_ROOT" run -b "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 3>&- &
    runner=$!
    until_true file_has "$BATS_TEST_TMPDIR/out" ready
    oci kill "$id"
    wait $runner || status=$?
    [ "$status" -eq 9 ]
}

@test "kill --all reaches every process of a shared PID namespace" {
    bundle "$(sh_c 'sleep 101 & sleep 101; true')" 'del(.linux.namespaces[] | select(.type == "pid"))' \
        'del(.mounts[] | select(.type == "proc"))' 'del(.linux.maskedPaths, .linux.readonlyPaths)'
    oci run -d -b "$bundle" "$id"
    group=$(cgroups_of "$id" | head -n 1)
    until_true eval '[ "$(wc -l <"$group/cgroup.procs")" -eq 3 ]'
    oci kill --all "$id" KILL
    until_true eval '[ "$(wc -l <"$group/cgroup.procs")" -eq 0 ]'
    until_true status_is "$id" stopped
    run_ok oci kill --all "$id" KILL
}

@test "delete takes what a shared PID namespace left running" {
    bundle "$(sh_c 'sleep 102 & exit 0')" 'del(.linux.namespaces[] | select(.type == "pid"))' \
        'del(.mounts[] | select(.type == "proc"))' 'del(.linux.maskedPaths, .linux.readonlyPaths)'
    oci run -d -b "$bundle" "$id"
    until_true status_is "$id" stopped
    oci delete "$id"
    nothing_left "$id"
    ! grep -l "sleep.102" /proc/[0-9]*/cmdline
}

# --- run -----------------------------------------------------------------------------------------

@test "run gives the program's streams and its exit status, and leaves nothing" {
    bundle "$(sh_c 'cat; echo err >&2; exit 7')"
    status=0
    echo in | oci run -b "$bundle" "$id" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
    [ "$status" -eq 7 ]
    [ "$(cat "$BATS_TEST_TMPDIR/out")" = in ]
    [ "$(cat "$BATS_TEST_TMPDIR/err")" = err ]
    nothing_left "$id"
}

@test "run gives 128 and the signal's number" {
    run_sh 'kill -KILL $$' 'del(.linux.namespaces[] | select(.type == "pid"))' \
        'del(.mounts[] | select(.type == "proc"))' 'del(.linux.maskedPaths, .linux.readonlyPaths)'
    [ "$status" -eq 137 ]
}

@test "run works in the current folder without --bundle" {
    bundle '.process.args = ["echo", "here"]'
    cd "$bundle"
    run_ok oci run "$id"
    output_is here
}

@test "run -d returns while the container runs" {
    bundle '.process.args = ["sleep", "100"]'
    oci run -d -b "$bundle" --pid-file "$BATS_TEST_TMPDIR/pid" "$id" 3>&-
    [ "$(status_of "$id")" = running ]
    [ "$(cat "$BATS_TEST_TMPDIR/pid")" = "$(oci state "$id" | jq .pid)" ]
}

@test "run --keep leaves a stopped container" {
    bundle "$(sh_c 'exit 3')"
    run_status 3 oci run --keep -b "$bundle" "$id"
    [ "$(status_of "$id")" = stopped ]
    oci delete "$id"
    nothing_left "$id"
}

@test "a signal to run is the container's" {
    bundle "$(sh_c 'trap "exit 21" INT TERM HUP; echo ready; while :; do sleep 0.05; done')"
    for signal in INT TERM HUP; do
        "$SKIFF_OCI" --root "$OCI_ROOT" run -b "$bundle" "$id-$signal" >"$BATS_TEST_TMPDIR/$signal" 3>&- &
        runner=$!
        until_true file_has "$BATS_TEST_TMPDIR/$signal" ready
        kill -$signal $runner
        status=0
        wait $runner || status=$?
        [ "$status" -eq 21 ] || told "$signal"
        nothing_left "$id-$signal"
    done
}

@test "a signal while the container is made ends it too" {
    for delay in 0.001 0.003 0.005 0.008 0.012 0.02; do
        bundle '.process.args = ["sleep", "103"]'
        # A first process heeds no signal that it has no handler for: KILL would be ours alone.
        "$SKIFF_OCI" --root "$OCI_ROOT" run -b "$bundle" "$id" 3>&- &
        runner=$!
        sleep "$delay"
        kill -TERM $runner
        until_true eval '[ "$(status_of "$id" 2>/dev/null)" = running ] || ! kill -0 $runner 2>/dev/null'
        oci kill "$id" KILL 2>/dev/null || true
        wait $runner || true
        nothing_left "$id"
    done
}

# --- what cannot be executed ---------------------------------------------------------------------

@test "a program that is not there, or is none, fails the creation by name" {
    refused 'cannot start "nonesuch": executable file not found in \$PATH' '.process.args = ["nonesuch"]'
    refused 'cannot start "/nonesuch": exec: no such file or directory' '.process.args = ["/nonesuch"]'
    refused 'cannot start "/etc/passwd": exec: permission denied' '.process.args = ["/etc/passwd"]'
    refused 'cannot start "/etc": exec: is a directory' '.process.args = ["/etc"]'
    refused 'cannot enter working directory "/etc/passwd": not a directory' '.process.cwd = "/etc/passwd"'
}

@test "a program in no format that the kernel knows is told by run, and by its own error output" {
    install -m 755 /dev/null "$OCI_ROOTFS/bin/junk"
    echo junk >"$OCI_ROOTFS/bin/junk"
    bundle '.process.args = ["/bin/junk"]'
    run_fails 'cannot start "/bin/junk": exec: exec format error' oci run -b "$bundle" "$id"
    nothing_left "$id"
    oci create -b "$bundle" "$id" 2>"$BATS_TEST_TMPDIR/err"
    oci start "$id"
    until_true status_is "$id" stopped
    [ "$(cat "$BATS_TEST_TMPDIR/err")" = "/bin/junk: exec: exec format error" ]
}

# --- a bundle that is none -----------------------------------------------------------------------

@test "a bundle that is not there, or whose config is not, is refused" {
    bundle
    run_fails 'cannot open bundle ".*/nonesuch": no such file or directory' \
        create_to_file -b "$bundle/nonesuch" "$id"
    rm "$bundle/config.json"
    run_fails 'cannot open "config.json": no such file or directory' create_to_file -b "$bundle" "$id"
    echo '{]' >"$bundle/config.json"
    run_fails '"config.json" is not valid JSON: line 1' create_to_file -b "$bundle" "$id"
    echo '[]' >"$bundle/config.json"
    run_fails 'config.json: not an object' create_to_file -b "$bundle" "$id"
    printf '{"ociVersion": "1.0.0"}\0' >"$bundle/config.json"
    run_fails 'NUL' create_to_file -b "$bundle" "$id"
    mkfifo "$bundle/fifo"
    mv "$bundle/fifo" "$bundle/config.json"
    run_fails 'config.json' create_to_file -b "$bundle" "$id"
    nothing_left "$id"
}

@test "a creation that fails late leaves nothing" {
    refused 'cannot mount "/nonesuch" on "/mnt"' \
        '.mounts += [{destination: "/mnt", source: "/nonesuch", options: ["bind"]}]'
    refused 'cannot mount "nonesuchfs" on "/mnt"' \
        '.mounts += [{destination: "/mnt", type: "nonesuchfs", source: "nonesuchfs"}]'
    refused 'sysctl "kernel.panic" is not in a separate kernel namespace' \
        '.linux.sysctl = {"kernel.panic": "1"}'
    bundle
    run_fails 'cannot write|cannot create' create_to_file -b "$bundle" --pid-file /nonesuch/pid "$id"
    nothing_left "$id"
}

# --- list ----------------------------------------------------------------------------------------

@test "list shows who is there" {
    run_ok oci list
    [[ ${lines[0]} =~ ^ID\ +PID\ +STATUS\ +BUNDLE\ +CREATED$ ]]
    [ "${#lines[@]}" -eq 1 ]
    bundle
    oci create -b "$bundle" "$id"
    run_ok oci list
    [[ ${lines[1]} =~ ^$id\ +[0-9]+\ +created\ +$bundle\ +20 ]]
    run_ok oci list -q
    output_is "$id"
    oci list --format json | jq -e --arg id "$id" 'length == 1 and .[0].id == $id and .[0].status == "created"'
    run_fails 'unknown format "xml"' oci list --format xml
    run_ok "$SKIFF_OCI" --root /nonesuch/root list -q
    output_is ""
}

# --- options -------------------------------------------------------------------------------------

@test "errors go to the log too, as JSON where asked" {
    log=$BATS_TEST_TMPDIR/log
    run "$SKIFF_OCI" --root "$OCI_ROOT" --log "$log" --log-format json state 'no"body'
    [ "$status" -eq 1 ]
    run "$SKIFF_OCI" --root "$OCI_ROOT" --log="$log" --log-format=json start nobody
    [ "$(wc -l <"$log")" -eq 2 ]
    jq -se '.[0].level == "error" and .[0].msg == "invalid container ID \"no\"body\""
        and .[1].msg == "container \"nobody\" does not exist"
        and (.[1].time | test("^20[0-9-]{8}T[0-9:.]+Z$"))' "$log"
    run "$SKIFF_OCI" --root "$OCI_ROOT" --log "$log.text" state nobody
    grep -qE '^time="20[^"]*" level=error msg="container \\"nobody\\" does not exist"$' "$log.text"
    run_fails 'unknown log format "xml"' "$SKIFF_OCI" --log "$log" --log-format xml list
}

@test "what runc's callers pass is taken" {
    bundle '.process.args = ["echo", "ran"]'
    run_ok "$SKIFF_OCI" --debug --root "$OCI_ROOT" --log /dev/null --log-format json --rootless false \
        --criu /nonesuch run --no-subreaper --no-new-keyring --bundle "$bundle" "$id"
    output_is ran
    run_fails 'systemd-cgroup.* is not supported' "$SKIFF_OCI" --systemd-cgroup list
}

@test "mistyped commands and options, missing and superfluous words" {
    run_fails 'unknown command "crate": did you mean "create"\?' oci crate
    run_fails 'unknown option "--bunde": did you mean "--bundle"\?' create_to_file --bunde . x
    run_fails '0 arguments were given, not 1: skiff-oci create' oci create
    run_fails '2 arguments were given, not 1' oci state a b
    run_fails 'needs a value' create_to_file x --bundle
    run_ok oci
    output_has 'Usage: skiff-oci'
    for command in create start run state kill delete list spec features; do
        run_ok oci "$command" --help
        output_has "^Usage: skiff-oci $command"
    done
}

@test "an ordinary user gets one clear line" {
    bundle
    # Where others can reach it.
    place=$(mktemp -d /tmp/skiff-user-XXXXXX)
    chmod 755 "$place"
    cp "$SKIFF_OCI" "$place/skiff-oci"
    ordinary=(setpriv --reuid 1000 --regid 1000 --clear-groups "$place/skiff-oci" --root "$OCI_ROOT")
    run "${ordinary[@]}" run -b "$bundle" "$id"
    rm -r "$place"
    [ "$status" -eq 1 ]
    output_is "skiff-oci: root's rights are needed to make a container"
    nothing_left "$id"
}

@test "versions" {
    run_ok oci --version
    [[ ${lines[0]} =~ ^skiff-oci\ version\ [0-9]+\.[0-9]+\.[0-9]+ ]]
    [[ ${lines[1]} =~ ^spec:\ 1\.[0-9]+\.[0-9]+$ ]]
}

@test "spec writes a config that runs, and never over another" {
    cd "$BATS_TEST_TMPDIR"
    oci spec
    jq -e '.ociVersion and .process.terminal and .root.path == "rootfs"
        and ([.process.capabilities[][]] | index("CAP_SYS_ADMIN") | not)
        and (.process.capabilities.inheritable // [] | length) == 0' config.json
    ln -s "$OCI_ROOTFS" rootfs
    run_fails '"config.json" is there already' oci spec
    mkdir elsewhere
    run_ok oci spec --bundle elsewhere
    cmp config.json elsewhere/config.json
    run script -qec "'$SKIFF_OCI' --root '$OCI_ROOT' run spec-$$" /dev/null <<<'echo from $((40 + 2)); exit 4'
    [ "$status" -eq 4 ]
    output_has 'from 42'
}

@test "features tells what there is" {
    oci features | jq -e '
        (.ociVersionMin | startswith("1.")) and (.ociVersionMax | startswith("1."))
        and (.hooks | type) == "array"
        and (.mountOptions | index("rbind") and index("rro") and index("tmpcopyup"))
        and (.linux.namespaces | sort) == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]
        and (.linux.capabilities | index("CAP_CHOWN") and all(test("^CAP_[A-Z_]+$")))
        and .linux.cgroup.v1 and .linux.cgroup.v2 and (.linux.cgroup.systemd | not)
        and .linux.seccomp.enabled and (.linux.seccomp.actions | index("SCMP_ACT_ERRNO"))
        and (.linux.seccomp.archs | index("SCMP_ARCH_X86_64"))
        and (.linux.apparmor.enabled | not) and (.linux.selinux.enabled | not)'
}
