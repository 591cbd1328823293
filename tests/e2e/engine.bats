# The command line itself: global options, help, suggestions, info, version, check.
load ../lib/common

setup()
{
    skiff_setup
}

teardown()
{
    skiff_teardown
}

@test "help: the commands, each with its own; options grouped" {
    run_ok skiff
    output_has 'Usage: skiff \[OPTIONS\] COMMAND'
    for word in --help help; do
        run_ok skiff $word
        for command in run ps rm kill inspect import images rmi ns info check version; do
            grep -qE "^  $command " <<<"$output"
        done
    done
    for command in run ps rm kill inspect import images rmi ns info check version; do
        run_ok skiff $command --help
        [[ ${lines[0]} =~ ^Usage:\ skiff\ $command ]]
        run_ok skiff help $command
        [[ ${lines[0]} =~ ^Usage:\ skiff\ $command ]]
    done
    run_ok skiff run --help
    for group in General Process Namespaces Files Network Security Limits; do
        grep -q "^$group" <<<"$output"
    done
}

@test "help: every option of run is named there" {
    run_ok skiff run --help
    for option in -i -t -d --rm --name --entrypoint -w -u -e --env-file -h --hostname --read-only --tmpfs \
        --mount -v --cap-add --cap-drop --privileged --security-opt --ulimit --init --memory --memory-swap --cpus \
        --cpuset-cpus --cpu-shares --pids-limit --device --sysctl --stop-signal --cidfile --dns --add-host -l --label \
        --cgroup-parent --shm-size --oom-score-adj --group-add --pid --network --ipc --uts --cgroupns --userns --time \
        --time-offset; do
        grep -qE -- "^ +(-., )?${option}[ ,]" <<<"$output" || told "no $option"
    done
}

@test "a slip is answered with the nearest word" {
    run_fails 'not a skiff command: did you mean "images"' skiff imagse
    run_fails 'not a skiff command: did you mean "run"' skiff rnu
    run_fails '"nonsense" is not a skiff command' skiff nonsense
    output_lacks 'did you mean'
    run_fails 'unknown option "--hostnam": did you mean "--hostname"' skiff run --hostnam x host
    run_fails 'unknown option "--fromat": did you mean "--format"' skiff ps --fromat x
    run_fails 'unknown option "-Z" in "-itZ"' skiff run -itZ host
    run_fails 'needs a value' skiff run --name
    run_fails '"maybe" is not true or false' skiff run --rm=maybe host
}

@test "exit status: 125 for options and for run, 1 for the rest" {
    run_status 125 skiff run --nonsense host
    run_status 125 skiff ps --nonsense
    run_status 125 skiff --nonsense ps
    run_status 125 skiff run --pull never no-such-image
    run_status 1 skiff run
    run_status 1 skiff create
    run_status 1 skiff exec name
    run_status 1 skiff nonsense
    run_status 1 skiff rm
    run_status 1 skiff rm no-such
    run_status 1 skiff ps too many
}

@test "options as Docker's users type them" {
    import_busybox
    run_ok skiff run --rm -eA=1 -e B=2 --env=C=3 --env D=4 --name=odd --read-only=false -u=0 --network none busybox \
        sh -c 'echo $A$B$C$D; touch /y'
    output_is 1234
    run_ok skiff run --rm --network none -- busybox echo --
    output_is --
}

@test "--root, --run-dir, and the variables for them" {
    other=$BATS_TEST_TMPDIR/other
    run_ok skiff --root "$other/root" --run-dir="$other/run" info -f '{{.DockerRootDir}}'
    output_is "$other/root"
    [ -d "$other/run" ]
    SKIFF_ROOT=$other/third SKIFF_RUN_DIR=$other/run run_ok skiff info -f '{{.DockerRootDir}}'
    output_is "$other/third"
    # The option wins.
    SKIFF_ROOT=$other/third run_ok skiff --root "$other/root" info -f '{{.DockerRootDir}}'
    output_is "$other/root"
    [ "$(stat -c %a "$other/run")" = 700 ]
    # Relative, and not to be made.
    cd "$BATS_TEST_TMPDIR"
    run_ok skiff --root relative info -f '{{.DockerRootDir}}'
    output_is "$BATS_TEST_TMPDIR/relative"
    run_status 1 skiff --root /proc/nonsense ps
    output_has '/proc/nonsense'
    run_status 125 skiff --root /proc/nonsense run host true
}

@test "a container of one root is none of another's" {
    import_busybox
    other=$BATS_TEST_TMPDIR/other
    skiff run -d --name here --network none busybox sleep 1000 >/dev/null
    run_ok skiff --root "$other/root" --run-dir "$other/run" ps -aq
    output_is ''
    run_fails 'no such container' skiff --root "$other/root" --run-dir "$other/run" rm -f here no || true
    run_ok skiff ps -q
    [ "${#lines[@]}" -eq 1 ]
}

@test "--debug, --log-level: what is done; nothing of it without" {
    import_busybox
    run_ok skiff --debug run --rm --network none busybox true
    output_has "debug: [0-9.]+ ms: root $SKIFF_ROOT"
    output_has "container in $SKIFF_ROOT/containers/[0-9a-f]{64}"
    output_has 'debug: [0-9.]+ ms: started'
    output_has 'ended with status 0'
    run_ok skiff --log-level=debug ps -q
    output_has 'debug: '
    run_status 125 skiff -D run --rm --memory 1k busybox true
    output_has 'failed with EINVAL'
    for level in info warn error fatal; do
        run_ok skiff -l $level run --rm --network none busybox true
        output_is ''
    done
    # Errors are told at every level.
    run_fails 'no such container' skiff --log-level fatal rm no-such
    run_status 125 skiff --log-level nonsense ps
    output_has 'unable to parse logging level "nonsense"'
}

@test "version: words, a template, json" {
    run_ok skiff --version
    [[ $output =~ ^skiff\ version\ [0-9]+\.[0-9]+\.[0-9]+ ]]
    run_ok skiff version
    output_has 'Version: +[0-9]'
    run_ok skiff version --format '{{.Client.Version}}'
    [[ $output =~ ^[0-9]+\.[0-9]+ ]]
    run_ok skiff version -f json
    jq -e .Client.Version <<<"$output"
}

@test "info: counts, folders, kernel" {
    import_busybox
    skiff run -d --name up --network none busybox sleep 1000 >/dev/null
    skiff run --name down --network none busybox true
    run_ok skiff info
    output_has 'Containers: 2'
    output_has 'Running: 1'
    output_has 'Images: 1'
    output_has "Root Dir: $SKIFF_ROOT"
    output_has "Kernel Version: $(uname -r)"
    run_ok skiff system info -f '{{.Containers}} {{.ContainersRunning}} {{.ContainersStopped}} {{.Images}} {{.NCPU}}'
    output_is "2 1 1 1 $(nproc)"
    run_ok skiff info -f json
    jq -e '.OSType == "linux" and .MemTotal > 0 and (.CgroupVersion == "1" or .CgroupVersion == "2")' <<<"$output"
}

@test "check: a line a thing, with an answer each" {
    run_ok skiff check
    [[ ${lines[0]} =~ ^Linux\ $(uname -r) ]]
    for kind in user pid network ipc uts cgroup time mount; do
        grep -qE "^(yes|no) +$kind namespaces" <<<"$output"
    done
    [ "$(grep -vcE '^(yes|no|Linux) ' <<<"$output")" -eq 0 ]
    grep -q 'yes .*overlay' <<<"$output"
    # Nothing of the probes is left, and no root is made.
    [ ! -e "$SKIFF_ROOT" ]
}

@test "output that cannot be written is an error" {
    [ -w /dev/full ] || skip 'no /dev/full'
    run bash -c '"$SKIFF" ps >/dev/full'
    [ "$status" -ne 0 ]
    output_has 'cannot write to standard output'
    run bash -c '"$SKIFF" ns --format json >/dev/full'
    [ "$status" -ne 0 ]
}
