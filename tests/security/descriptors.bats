# What a container could reach through the engine's own processes: descriptors, and its program file.
load ../lib/common
load security

setup_file()
{
    security_setup
    # An engine that is itself the payload: its helper is the image's, so that it waits.
    local folder
    folder=$(hostile self)
    mkdir "$folder/evil"
    cp "$PROBE" "$folder/evil/skiff-image"
    printf '#!/proc/self/exe import\n' >"$folder/entry"
    chmod 755 "$folder/entry"
    import_hostile self -c 'ENV SKIFF_LIBEXEC=/evil' -c 'ENTRYPOINT ["/entry"]'
    # Another file than the one this test's own monitors execute: that one is busy anyway.
    mkdir "$skiff_folder/copy"
    cp "$SKIFF" "$SKIFF_OCI" "$SKIFF_BUILD/skiff-init" "$skiff_folder/copy"
}

teardown_file()
{
    security_teardown
}

teardown()
{
    skiff_cleanup
}

# The program is executed inside, without the libraries of a build that is not static.
require_static()
{
    ! readelf -lW "$1" | grep -q INTERP || skip "$1 is not static"
}

# watcher COMMAND...: starts a container "watcher" that does it; its output in $BATS_TEST_TMPDIR/saw.
watcher()
{
    local options=()
    while [[ $1 = --* ]]; do
        options+=("$1")
        shift
    done
    skiff run --rm --network none --name watcher -v "$BATS_TEST_TMPDIR:/out" "${options[@]}" probe \
        "$@" >"$BATS_TEST_TMPDIR/saw" 2>&1 3>&- &
    watcher_pid=$!
    until_true running watcher
}

running()
{
    [ "$(skiff inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]
}

# watcher_saw STATUS: waits for its end.
watcher_saw()
{
    local status=0
    wait "$watcher_pid" || status=$?
    [ "$status" -eq "$1" ] || {
        sort "$BATS_TEST_TMPDIR/saw" | uniq -c | sort -n | tail -n 40 >&2
        return 1
    }
}

@test "CVE-2016-9962: who shares a PID namespace sees nothing of the process that joins it" {
    watcher /probe watch /out/over "$CANARY/canary"
    local i
    for ((i = $(rounds 150); i > 0; i--)); do
        quick --pid=container:watcher busybox true
    done
    touch "$BATS_TEST_TMPDIR/over"
    watcher_saw 0
    [ "$(sed -n 's/.*saw \([0-9]*\) processes/\1/p' "$BATS_TEST_TMPDIR/saw")" -ge 100 ]
}

@test "CVE-2016-9962: the same for a user that is not root, of the same number" {
    watcher --user=1000 /probe watch /out/over "$CANARY/canary"
    local i
    for ((i = $(rounds 40); i > 0; i--)); do
        quick --pid=container:watcher -u 1000 busybox true
    done
    touch "$BATS_TEST_TMPDIR/over"
    watcher_saw 0
}

@test "CVE-2016-9962: who sees the host's processes cannot look into those that make a container" {
    # A user namespace's maker, by number, may look into it: root of a container is as good as any.
    local i kind
    for kind in --userns=private --time=private --pid=host; do
        rm -f "$BATS_TEST_TMPDIR/over"
        watcher --pid=host /probe watch-host /out/over "$CANARY/canary"
        for ((i = $(rounds 40); i > 0; i--)); do
            quick "$kind" busybox true
        done
        touch "$BATS_TEST_TMPDIR/over"
        watcher_saw 0
    done
    # The watcher has eyes: with the right to trace it does see us.
    rm -f "$BATS_TEST_TMPDIR/over"
    watcher --pid=host --cap-add=SYS_PTRACE /probe watch-host /out/over "$CANARY/canary"
    for ((i = 0; i < 20; i++)); do
        quick --userns=private busybox true
    done
    touch "$BATS_TEST_TMPDIR/over"
    watcher_saw 1
}

@test "CVE-2019-5736: the engine's program, executed as #!/proc/self/exe, cannot be written" {
    require_static "$SKIFF"
    local before
    before=$(sha256sum "$skiff_folder"/copy/*)
    for rights in --cap-add=CHOWN --security-opt=seccomp=unconfined --cap-add=SYS_ADMIN --privileged; do
        watcher "$rights" /probe exe
        attempt timeout 60 "$skiff_folder/copy/skiff" run --rm --network none --pid=container:watcher \
            "$rights" self
        watcher_saw 0
        grep -q '^process .* executes /$' "$BATS_TEST_TMPDIR/saw"
        [ "$rights" = --cap-add=CHOWN ] || grep -q '^in a user namespace' "$BATS_TEST_TMPDIR/saw"
        [ "$(grep -c '^kept out: Read-only file system' "$BATS_TEST_TMPDIR/saw")" -eq 4 ]
    done
    [ "$(sha256sum "$skiff_folder"/copy/*)" = "$before" ]
}

@test "CVE-2019-5736: nor skiff-oci's" {
    require_static "$SKIFF_OCI"
    local before folder
    before=$(sha256sum "$skiff_folder"/copy/*)
    watcher --cap-add=SYS_ADMIN /probe exe
    # It waits for a reader of its log.
    folder=$(bundle self '.process.args = ["/entry"]' \
        '(.linux.namespaces[] | select(.type == "pid")).path = "/proc/'"$(container_pid watcher)"'/ns/pid"')
    mkfifo "$folder/rootfs/fifo"
    printf '#!/proc/self/exe --log=/fifo\n' >"$folder/rootfs/entry"
    chmod 755 "$folder/rootfs/entry"
    run timeout 60 "$skiff_folder/copy/skiff-oci" --root "$skiff_folder/oci" run -b "$folder" self
    watcher_saw 0
    grep -q '^process .* executes /$' "$BATS_TEST_TMPDIR/saw"
    [ "$(grep -c '^kept out: Read-only file system' "$BATS_TEST_TMPDIR/saw")" -eq 4 ]
    [ "$(sha256sum "$skiff_folder"/copy/*)" = "$before" ]
}

@test "CVE-2024-21626: no descriptor is left for the container" {
    run_ok quick probe /probe descriptors
    output_is ""
    run_ok quick --init probe /probe descriptors
    output_is ""
    run_ok quick --userns=private probe /probe descriptors
    output_is ""
    run_ok quick --time=private --cap-add ALL -v "$CANARY:/mnt" probe /probe descriptors
    output_is ""
    local folder
    folder=$(bundle none '.process.args = ["/probe", "descriptors"]')
    run_ok oci run -b "$folder" none
    output_is ""
}

# in_leaky COMMAND...: with descriptors 3 to 20 on folders of the host.
in_leaky()
{
    (
        for fd in {3..20}; do
            eval "exec $fd<$([ $((fd % 2)) -eq 0 ] && echo / || echo "$CANARY")"
        done
        exec "$@"
    )
}

@test "CVE-2024-21626: descriptors that our caller leaked do not reach the container" {
    run_ok in_leaky "$SKIFF" run --rm --network none probe /probe descriptors
    output_is ""
    local folder fd
    folder=$(bundle leaky '.process.args = ["/probe", "descriptors"]')
    run_ok in_leaky "$SKIFF_OCI" --root "$skiff_folder/oci" run -b "$folder" leaky
    output_is ""
    # Those that were asked for do, and no other.
    run in_leaky "$SKIFF_OCI" --root "$skiff_folder/oci" run --preserve-fds 2 -b "$folder" leaky
    [ "$status" -eq 1 ]
    output_is "descriptor 3: $CANARY"$'\n'"descriptor 4: /"
    # One that is not open would be one of our own.
    run_fails 'descriptor 17 is not open' bash -c \
        "exec 17>&-; exec '$SKIFF_OCI' --root '$skiff_folder/oci' run --preserve-fds 15 -b '$folder' leaky 3</ 4</ 5</ 6</ 7</ 8</ 9</ 10</ 11</ 12</ 13</ 14</ 15</ 16</ 17>&-"
    # A closed standard stream is not filled by the next folder that is opened.
    run_ok bash -c "exec '$SKIFF_OCI' --root '$skiff_folder/oci' run -b '$folder' leaky <&-"
    output_is ""
    jq '.process.args = ["sh", "-c", "ls -l /proc/self/fd/0; ls /proc/self/fd/0/"]' "$folder/config.json" \
        >"$folder/config.new"
    mv "$folder/config.new" "$folder/config.json"
    run bash -c "exec '$SKIFF_OCI' --root '$skiff_folder/oci' run -b '$folder' leaky <&-"
    output_has '/dev/null'
    output_lacks 'config.json'
}

@test "a stream on the null device is on the container's own: the host's cannot be changed through it" {
    # Root could give the host's another mode, and nobody else had one any more.
    local attack='stat -L -c %d:%i /proc/self/fd/0; stat -c %d:%i /dev/null'
    local host
    host=$(stat -c %d:%i /dev/null)
    run_ok quick busybox sh -c "$attack"
    output_lacks "^$host"
    [ "${lines[0]}" = "${lines[1]}" ] || told "two null devices"
    local folder
    folder=$(bundle null)
    jq --arg attack "exec >&2; $attack" '.process.args = ["sh", "-c", $attack]' "$folder/config.json" \
        >"$folder/config.new"
    mv "$folder/config.new" "$folder/config.json"
    run_ok bash -c "'$SKIFF_OCI' --root '$skiff_folder/oci' run -b '$folder' null </dev/null >/dev/null"
    output_lacks "^$host"
    [ "${lines[0]}" = "${lines[1]}" ] || told "two null devices"
    # Where the node is the host's own, it is not root's in there.
    run quick --userns=private busybox chmod 666 /proc/self/fd/0
    output_has 'Operation not permitted'
}

# All ways from the descriptor N to the canary.
ways()
{
    echo "/proc/self/fd/$1"
    echo "/proc/self/fd/$1/../../../../../../../../../..$CANARY"
    echo "/proc/thread-self/fd/$1$CANARY"
    echo "/dev/fd/$1/../../../../../../../../../..$CANARY"
}

@test "CVE-2024-21626: no descriptor as the working directory" {
    local n way
    for n in {0..64}; do
        for way in $(ways "$n" | head -n $((n < 24 ? 4 : 1))); do
            attempt quick -w "$way" busybox cat canary
            [ "$status" -ne 0 ] || told "$way"
            output_lacks secret
        done
    done
    # The image says so.
    import_hostile probe
    for n in 3 7 8; do
        import_hostile probe -c "WORKDIR /proc/self/fd/$n"
        attempt quick probe cat canary
        [ "$status" -ne 0 ]
    done
    import_hostile probe
}

@test "CVE-2024-21626: no descriptor as the working directory of a bundle, with a caller that leaks" {
    local folder n way
    folder=$(bundle cwd)
    for n in {0..24}; do
        for way in $(ways "$n" | head -n 2); do
            jq --arg cwd "$way" '.process.cwd = $cwd | .process.args = ["cat", "canary"]' \
                "$folder/config.json" >"$folder/config.new"
            mv "$folder/config.new" "$folder/config.json"
            attempt in_leaky "$SKIFF_OCI" --root "$skiff_folder/oci" run -b "$folder" cwd
            [ "$status" -ne 0 ] || told "$way"
            output_lacks secret
        done
    done
}

@test "CVE-2024-21626: no descriptor as the program, or as what its first line names" {
    local n way folder scripts=$BATS_TEST_TMPDIR/scripts
    mkdir "$scripts"
    for n in {3..40}; do
        for way in $(ways "$n"); do
            attempt quick --entrypoint "$way/echo" busybox got-out
            [ "$status" -eq 126 ] || [ "$status" -eq 127 ] || told "$way/echo"
            output_lacks '(^|[^/])got-out$'
        done
        # As long as the kernel reads a script's first line.
        printf '#!/proc/self/fd/%d/../../../../../../..%s/echo\n' "$n" "$CANARY" >"$scripts/$n"
        chmod 755 "$scripts/$n"
        attempt quick -v "$scripts:/scripts" busybox "/scripts/$n" got-out
        [ "$status" -eq 126 ] || [ "$status" -eq 127 ] || told "script: $(cat "$scripts/$n")"
    done
    folder=$(bundle program)
    for n in {3..24}; do
        jq --arg path "/proc/self/fd/$n/../../../../../../../../..$CANARY/echo" \
            '.process.args = [$path, "got-out"]' "$folder/config.json" >"$folder/config.new"
        mv "$folder/config.new" "$folder/config.json"
        attempt in_leaky "$SKIFF_OCI" --root "$skiff_folder/oci" run -b "$folder" program
        [ "$status" -ne 0 ] || told "bundle: descriptor $n"
    done
}

@test "CVE-2024-21626: no descriptor as a place to mount on" {
    local n
    for n in {3..40}; do
        attempt quick -v "$BATS_TEST_TMPDIR:/proc/self/fd/$n" busybox true
        [ "$status" -eq 125 ] || told "descriptor $n"
        attempt quick --tmpfs "/proc/self/fd/$n$CANARY" busybox true
        [ "$status" -eq 125 ] || told "descriptor $n"
    done
}
