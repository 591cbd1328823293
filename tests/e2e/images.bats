# import, images, rmi: as a person uses them. What archives may hold is import.bats' matter.
load ../lib/common

setup()
{
    skiff_setup
    tar=$(rootfs_busybox)
}

teardown()
{
    skiff_teardown
}

@test "import: from a file, from standard input, in each compression" {
    run_ok skiff import "$tar" plain
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    local zstd=('zstd -q')
    differs "zstd is known since 23" && zstd=()
    for filter in cat gzip 'xz -0' "${zstd[@]}" 'bzip2 -1'; do
        # shellcheck disable=SC2086 # a command and its option
        $filter <"$tar" >"$BATS_TEST_TMPDIR/archive"
        run_ok skiff import "$BATS_TEST_TMPDIR/archive" file:1
        run_ok bash -c '"$SKIFF" import - stdin:1 <"$0"' "$BATS_TEST_TMPDIR/archive"
        for name in file:1 stdin:1; do
            run_ok skiff run --rm --network none $name echo works
            output_is works
        done
    done
}

@test "import: without a name; two names of one image" {
    run_ok skiff import "$tar"
    id=$output
    run_ok skiff images --no-trunc --format '{{.Repository}} {{.Tag}} {{.ID}}'
    output_is "<none> <none> $id"
    run_ok skiff run --rm --network none "$id" echo by ID
    run_ok skiff run --rm --network none "${id:7:12}" echo by short ID
    output_is 'by short ID'
}

@test "import -c: CMD, ENTRYPOINT, ENV, WORKDIR, USER" {
    run_ok skiff import -c 'CMD ["-c", "echo $A $(pwd) $(id -u)"]' -c 'ENTRYPOINT ["sh"]' -c 'ENV A="b c"' \
        --change 'WORKDIR /home' -c 'USER user' "$tar" configured
    run_ok skiff run --rm configured
    output_is 'b c /home 1000'
    run_ok skiff import -c 'CMD echo shell $HOME' "$tar" shell-form
    run_ok skiff run --rm shell-form
    output_is 'shell /root'
    run_fails 'not a valid change command|instruction' skiff import -c 'RUN x' "$tar" bad
    run_fails 'ENV' skiff import -c ENV "$tar" bad
    run_ok skiff images -q bad
    output_is ''
}

@test "import: what is refused" {
    run_fails 'lowercase' skiff import "$tar" Upper
    differs "no built-in image" || {
        run_fails 'built-in' skiff import "$tar" host
        run_fails 'built-in' skiff import "$tar" host:latest
    }
    run_fails 'no such file' skiff import /no/such/file x
    run_fails 'directory' skiff import /etc x
    echo nonsense >"$BATS_TEST_TMPDIR/x"
    run_fails 'archive|tar file' skiff import "$BATS_TEST_TMPDIR/x" x
    run_fails . skiff import
    run_ok skiff images -q
    output_is ''
}

@test "images: a row a name, newest first; -q, --no-trunc, --digests, --format, a pattern" {
    run_ok skiff images
    [ "$(awk '{ $1 = $1; print }' <<<"$output")" = 'REPOSITORY TAG IMAGE ID CREATED SIZE' ]
    skiff import -c 'ENV N=1' "$tar" one >/dev/null
    skiff import -c 'ENV N=2' "$tar" local/two:v2 >/dev/null
    run_ok skiff images
    [[ ${lines[1]} =~ ^local/two\ +v2\ +[0-9a-f]{12}\ +.*\ ago\ +[0-9.]+MB$ ]]
    [[ ${lines[2]} =~ ^one\ +latest\  ]]
    run_ok skiff images -q
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[0]} =~ ^[0-9a-f]{12}$ ]]
    run_ok skiff images -q --no-trunc
    [[ ${lines[0]} =~ ^sha256:[0-9a-f]{64}$ ]]
    run_ok skiff image ls --digests --format '{{.Repository}}:{{.Tag}} {{.Digest}}'
    differs "what was never pulled has no digest" || [[ ${lines[0]} =~ ^local/two:v2\ sha256:[0-9a-f]{64}$ ]]
    run_ok skiff images --digests
    [[ ${lines[0]} =~ TAG\ +DIGEST\ +IMAGE ]]
    differs "what was never pulled has no digest" || [[ ${lines[1]} =~ v2\ +sha256:[0-9a-f]{64}\  ]]
    run_ok skiff images --format json one
    jq -e '.Repository == "one" and .Tag == "latest"' <<<"$output"
    for pattern in 'local/*' local/two local/two:v2 'local/two:*'; do
        run_ok skiff images --format '{{.Repository}}' "$pattern"
        output_is local/two
    done
    run_ok skiff images -q no-such
    output_is ''
    run_fails template skiff images --format '{{.Nonsense}}'
}

@test "images: the same content is stored once" {
    needs_skiff "its root is elsewhere"
    skiff import "$tar" a >/dev/null
    size=$(du -s "$SKIFF_ROOT" | cut -f1)
    skiff import -c 'ENV other=1' "$tar" b >/dev/null
    [ "$(ls "$SKIFF_ROOT/layers" | wc -l)" -eq 1 ]
    [ $(($(du -s "$SKIFF_ROOT" | cut -f1) - size)) -lt 1000 ]
}

@test "rmi: by name, by ID; what it says; what is left" {
    id=$(skiff import -c 'ENV N=1' "$tar" one:1)
    run_ok skiff rmi one:1
    [ "${lines[0]}" = 'Untagged: one:1' ]
    [ "${lines[1]}" = "Deleted: $id" ]
    run_ok skiff images -q
    output_is ''
    differs "its root is elsewhere" || {
        [ -z "$(ls "$SKIFF_ROOT/layers")" ]
        [ -z "$(find "$SKIFF_ROOT/images/blobs" -type f)" ]
    }
    skiff import "$tar" two >/dev/null
    run_ok skiff image rm "$(skiff images -q)"
    run_ok skiff images -q
    output_is ''
    run_fails 'no such image: one:1' skiff rmi one:1
    run_ok skiff rmi -f one:1
    run_fails 'no such image: host|built-in' skiff rmi host
}

@test "rmi --platform: only the image for that one" {
    skiff import "$tar" platforms
    needs_skiff "since 28"
    run_fails 'does not provide the specified platform \(linux/s390x\)' \
        skiff rmi --platform linux/s390x platforms
    run_fails 'is an invalid platform' skiff rmi --platform a/b/c/d platforms
    run_ok skiff rmi --platform linux/s390x --platform "linux/$(skiff image inspect -f '{{.Architecture}}' platforms)" platforms
    output_has 'Untagged: platforms:latest'
}

@test "rmi: one that a container uses is kept, unless it has ended and -f says so" {
    skiff import "$tar" used >/dev/null
    skiff run -d --name user used sleep 1000 >/dev/null
    id=$(skiff inspect -f '{{.Id}}' user)
    local forces=('' -f)
    differs "-f takes the name away" && forces=('')
    for force in "${forces[@]}"; do
        # shellcheck disable=SC2086 # nothing or a word
        run_status 1 skiff rmi $force used
        output_has "container ${id:0:12}"
    done
    skiff rm -f user >/dev/null
    skiff run --name stopped used true
    run_status 1 skiff rmi used
    output_has 'container [0-9a-f]{12}'
    run_ok skiff rmi -f used
    run_ok skiff rm stopped
}

@test "an image's files are what a container sees, byte by byte and owner by owner" {
    mkdir -p "$BATS_TEST_TMPDIR/root/bin" "$BATS_TEST_TMPDIR/root/sub"
    cp "$(command -v busybox)" "$BATS_TEST_TMPDIR/root/bin/sh"
    head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/root/sub/noise"
    chown 12:34 "$BATS_TEST_TMPDIR/root/sub/noise"
    chmod 4711 "$BATS_TEST_TMPDIR/root/sub/noise"
    ln "$BATS_TEST_TMPDIR/root/sub/noise" "$BATS_TEST_TMPDIR/root/link"
    import_folder "$BATS_TEST_TMPDIR/root" mine
    run_ok skiff run --rm mine /bin/sh -c 'busybox md5sum </sub/noise; busybox stat -c "%a %u %g %h" /link'
    [ "${lines[0]}" = "$(md5sum <"$BATS_TEST_TMPDIR/root/sub/noise")" ]
    [ "${lines[1]}" = '4711 12 34 2' ]
}

@test "import: counts what it has read, on a terminal alone" {
    require_command script
    mkdir "$BATS_TEST_TMPDIR/large"
    head -c 150M /dev/zero >"$BATS_TEST_TMPDIR/large/zeros"
    tar -C "$BATS_TEST_TMPDIR/large" -cf "$BATS_TEST_TMPDIR/large.tar" zeros
    run script -qec "'$SKIFF' import '$BATS_TEST_TMPDIR/large.tar' large" /dev/null
    output_has 'Importing - [0-9.]+[kM]?B'
    [[ ${output##*$'\e[K'} =~ ^sha256:[0-9a-f]{64} ]] || told "the line is not gone"
    run_ok skiff import "$BATS_TEST_TMPDIR/large.tar" large
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]] || told "more than the ID"
    skiff image prune -af >/dev/null
}

@test "commit, export -o: count what they have written, on a terminal alone" {
    require_command script
    needs_skiff "no progress"
    skiff import "$tar" base
    skiff run --name large --network none base sh -c 'dd if=/dev/zero of=/zeros bs=1M count=150 2>/dev/null'
    run script -qec "'$SKIFF' commit large made" /dev/null
    output_has 'Committing - [0-9.]+[kM]?B'
    [[ ${output##*$'\e[K'} =~ ^sha256:[0-9a-f]{64} ]] || told "the line is not gone"
    run_ok skiff commit large again
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]] || told "more than the ID"
    run script -qec "'$SKIFF' export -o '$BATS_TEST_TMPDIR/large.tar' large" /dev/null
    [[ $output != *B ]] || told "the line is not gone"
    [ "$(tar -xOf "$BATS_TEST_TMPDIR/large.tar" zeros | wc -c)" -eq $((150 << 20)) ]
    run_ok skiff export -o "$BATS_TEST_TMPDIR/large.tar" large
    output_is ''
    skiff rm large
    skiff image prune -af >/dev/null
}
