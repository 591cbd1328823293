# shellcheck disable=SC2016,SC2154 # the containers' shells expand; the folder is common.bash's
# exec: what a hostile container could get from the process that comes into it.
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
    import_hostile self -c 'ENV SKIFF_LIBEXEC=/evil'
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

running()
{
    local name=$1
    shift
    skiff run -d --network none --name "$name" "$@" sleep 1000 >/dev/null
}

# watcher OPTION... -- COMMAND...: a container that looks, with its output in $BATS_TEST_TMPDIR/saw.
watcher()
{
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    rm -f "$BATS_TEST_TMPDIR/over"
    skiff run --rm --network none --name watcher -v "$BATS_TEST_TMPDIR:/out" "${options[@]}" "$@" \
        >"$BATS_TEST_TMPDIR/saw" 2>&1 3>&- &
    watcher_pid=$!
    until_true is_running watcher
}

# By nothing that could be what it looks at.
is_running()
{
    [ "$(skiff inspect --format '{{.State.Running}}' "$1" 2>/dev/null)" = true ]
}

# watcher_saw STATUS: waits for its end.
watcher_saw()
{
    local status=0
    touch "$BATS_TEST_TMPDIR/over"
    wait "$watcher_pid" || status=$?
    [ "$status" -eq "$1" ] || {
        sort "$BATS_TEST_TMPDIR/saw" | uniq -c | sort -n | tail -n 40 >&2
        return 1
    }
}

@test "CVE-2016-9962: a container sees nothing of the process that comes into it" {
    local i
    watcher probe -- /probe watch /out/over "$CANARY/canary"
    for ((i = $(rounds 300); i > 0; i--)); do
        skiff exec watcher true
    done
    watcher_saw 0
    [ "$(sed -n 's/.*saw \([0-9]*\) processes/\1/p' "$BATS_TEST_TMPDIR/saw")" -ge 300 ]
}

@test "CVE-2016-9962: nor with a user namespace, as another user, or with the host's processes" {
    local i options
    for options in --userns=private --user=1000 '--userns=private --privileged'; do
        # shellcheck disable=SC2086 # words
        watcher $options probe -- /probe watch /out/over "$CANARY/canary"
        for ((i = $(rounds 40); i > 0; i--)); do
            skiff exec watcher true
            skiff exec -u 1000 watcher true
        done
        watcher_saw 0
    done
    watcher --pid=host probe -- /probe watch-host /out/over "$CANARY/canary"
    for ((i = $(rounds 40); i > 0; i--)); do
        skiff exec watcher true
    done
    watcher_saw 0
}

@test "CVE-2016-9962: the watcher has eyes: with the right to trace it does see us" {
    local i
    watcher --cap-add=SYS_PTRACE probe -- /probe watch /out/over "$CANARY/canary"
    for ((i = 0; i < 200; i++)); do
        skiff exec watcher true
    done
    watcher_saw 1
}

@test "CVE-2019-5736: the engine's program, executed as #!/proc/self/exe, cannot be written" {
    ! readelf -lW "$SKIFF" | grep -q INTERP || skip "$SKIFF is not static"
    local before rights
    before=$(sha256sum "$skiff_folder"/copy/*)
    for rights in --cap-add=CHOWN --cap-add=SYS_ADMIN --privileged; do
        watcher "$rights" self -- /probe exe
        attempt timeout 60 "$skiff_folder/copy/skiff" exec watcher /entry
        watcher_saw 0
        grep -q '^process .* executes /$' "$BATS_TEST_TMPDIR/saw"
        [ "$(grep -c '^kept out: Read-only file system' "$BATS_TEST_TMPDIR/saw")" -eq 4 ]
    done
    [ "$(sha256sum "$skiff_folder"/copy/*)" = "$before" ]
}

@test "CVE-2024-21626: no descriptor is left for the process" {
    local options
    for options in '' --userns=private --pid=host --time=private '--network=host --ipc=host'; do
        # shellcheck disable=SC2086 # words
        skiff run -d --name one $options probe sleep 1000 >/dev/null
        run_ok skiff exec one /probe descriptors
        output_is ""
        run_ok skiff exec -i one /probe descriptors
        output_is ""
        run_ok in_leaky "$SKIFF" exec one /probe descriptors
        output_is ""
        skiff rm -f one >/dev/null
    done
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

@test "CVE-2024-21626: no descriptor as the working directory, or as the program" {
    local n way
    running one probe
    for n in {0..40}; do
        for way in "/proc/self/fd/$n" "/proc/self/fd/$n/../../../../../../../../..$CANARY" \
            "/proc/thread-self/fd/$n$CANARY" "/dev/fd/$n/../../../../../../../../../..$CANARY"; do
            attempt in_leaky "$SKIFF" exec -w "$way" one cat canary
            [ "$status" -ne 0 ] || told "$way"
            output_lacks secret
            attempt in_leaky "$SKIFF" exec one "$way/echo" got-out
            [ "$status" -eq 126 ] || [ "$status" -eq 127 ] || told "$way/echo"
            output_lacks '(^|[^/])got-out$'
        done
    done
    # A link in the container leads there, too.
    skiff exec one sh -c 'ln -s /proc/self/fd/7 /link'
    attempt skiff exec -w /link one cat canary
    [ "$status" -ne 0 ]
}

@test "CVE-2026-30892: every form of -u is read strictly" {
    local form expected
    running one probe
    while read -r form expected; do
        run skiff exec -u "$form" one sh -c 'echo $(id -u):$(id -g)'
        [ "$status" -eq 0 ] || told "-u $form"
        [ "$output" = "$expected" ] || told "-u $form: expected $expected"
    done <<'END'
1 1:1
1:2 1:2
:1 0:1
0:1 0:1
user 1000:1000
user:staff 1000:50
4242 4242:0
2147483647 2147483647:0
END
    run_ok skiff exec -u "" one id -u
    output_is 0
    for form in x -1 +1 1.0 0x0 1e3 ' 1' '1 ' 1:x 1:-1 x:0 user:nobody 1:2:3; do
        run_fails '^skiff: ' skiff exec -u="$form" one id
    done
    for form in 2147483648 4294967295 4294967296 1:2147483648 0:4294967296 18446744073709551616; do
        run_fails 'range 0-2147483647' skiff exec -u "$form" one id
    done
}

@test "CVE-2016-3697: a user name made of digits is not taken for a name" {
    running one probe
    skiff exec one sh -c 'printf "7777:x:0:0:digits:/root:/bin/sh\n" >>/etc/passwd'
    run_ok skiff exec -u 7777 one id -u
    output_is 7777
}

@test "CVE-2022-29162, CVE-2016-8867: no inheritable and no ambient capability" {
    running one probe
    run_ok skiff exec one grep -hE '^Cap(Inh|Amb):' /proc/self/status
    output_is $'CapInh:\t0000000000000000\nCapAmb:\t0000000000000000'
    run_ok skiff exec --privileged one grep -hE '^Cap(Inh|Amb):' /proc/self/status
    output_is $'CapInh:\t0000000000000000\nCapAmb:\t0000000000000000'
    run_ok skiff exec --privileged -u 1000 one grep -hE '^Cap(Inh|Prm|Eff|Amb):' /proc/self/status
    [ "$(grep -c '0000000000000000$' <<<"$output")" -eq 4 ] || told "four empty sets"
}

@test "the filter is in force: no namespaces, no tables past it" {
    running one probe
    run_ok skiff exec one /probe calls
    output_is ""
    run_ok skiff exec -u 1000 one /probe calls
    output_is ""
}

@test "CVE-2024-9676, CVE-2026-47262: the container's passwd is a FIFO, a link, large" {
    running one probe
    local before
    before=$(canary)
    skiff exec one sh -c 'mv /etc/passwd /etc/kept; mkfifo /etc/passwd'
    run_fails 'not a regular file' timeout 20 "$SKIFF" exec one true
    skiff exec -u 0 one true 2>/dev/null || true
    pid=$(container_pid one)
    rm "/proc/$pid/root/etc/passwd"
    ln -s "$CANARY/canary" "/proc/$pid/root/etc/passwd"
    run_ok skiff exec -u 0 one true # there is no such file in there
    run_fails 'unable to find user' skiff exec -u secret-of-the-host one true
    rm "/proc/$pid/root/etc/passwd"
    truncate -s 1G "/proc/$pid/root/etc/passwd"
    run_fails 'larger than' timeout 20 "$SKIFF" exec one true
    [ "$(canary)" = "$before" ]
}

@test "CVE-2025-52565: /dev/pts, /dev/null are not what they were" {
    require_command script
    running one --privileged probe
    skiff exec one sh -c 'umount /dev/console; umount /dev/pts; rmdir /dev/pts; ln -s /tmp /dev/pts; : >/tmp/ptmx'
    run script -qec "$SKIFF exec -t one true" /dev/null </dev/null
    [ "$status" -ne 0 ]
    output_has 'cannot open a terminal'
    skiff exec -i one sh -c 'rm /dev/null; echo file >/dev/null' <<<x
    run_fails 'is not the null device' skiff exec one cat
}

# kib PID...: the memory that is these processes' own.
kib()
{
    local pid sum=0
    for pid; do
        sum=$((sum + $(awk '/^Private_Dirty/ { n += $2 } END { print n }' "/proc/$pid/smaps_rollup")))
    done
    echo $sum
}

# looks_after NAME: the process of ours that is the parent of the only exec.
looks_after()
{
    local pid
    pid=$(skiff ns --format json | jq 'select(.Exec != "") | .Pid')
    awk '/^PPid/ { print $2 }' "/proc/$pid/status"
}

@test "CVE-2022-1708, CVE-2022-31030: yes with a reader who does not read: memory stays" {
    running one probe
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    exec 7<>"$BATS_TEST_TMPDIR/pipe"
    "$SKIFF" exec one yes >&7 3>&- &
    local client=$! tender before
    until_true eval '[ "$(skiff ns --format json | jq -s "[.[] | select(.Exec != \"\")] | length")" -eq 1 ]'
    tender=$(looks_after)
    sleep 1
    before=$(kib "$client" "$tender")
    [ "$before" -lt 2000 ] || told "$before KiB"
    sleep 3
    [ "$(kib "$client" "$tender")" -le $((before + 64)) ] || told "$before KiB, then $(kib "$client" "$tender")"
    # Its reader gone, it goes on into nothing.
    kill -KILL "$client"
    sleep 1
    [ "$(kib "$tender")" -lt 2000 ] || told "$(kib "$tender") KiB"
    exec 7>&-
}

@test "the same for a terminal, and for input that is not read" {
    running one probe
    skiff exec -i one sleep 1000 </dev/zero 3>&- &
    until_true eval '[ "$(skiff ns --format json | jq -s "[.[] | select(.Exec != \"\")] | length")" -eq 1 ]'
    local tender
    tender=$(looks_after)
    sleep 2
    [ "$(kib "$tender")" -lt 2000 ] || told "$(kib "$tender") KiB"
}

@test "the engine's folders are not open to others, also what says what is executed" {
    running one probe
    (umask 0 && skiff exec -d one sleep 100)
    run find "$SKIFF_RUN_DIR" -perm /077 -not -type l
    output_lacks execs
}
