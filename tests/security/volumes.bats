# shellcheck disable=SC2154 # common.bash sets skiff_folder
#
# Volumes: what an image says of them, what is in them, and who swaps it meanwhile.
load ../lib/common
load security

setup_file()
{
    security_setup
}

teardown_file()
{
    security_teardown
}

setup()
{
    before=$(canary)
}

teardown()
{
    race_stop
    skiff_cleanup
    skiff volume prune -af >/dev/null
    [ "$(canary)" = "$before" ]
}

volumes()
{
    echo "$SKIFF_ROOT/volumes"
}

# nothing_of_the_host: no volume has got a copy of the canary.
nothing_of_the_host()
{
    ! grep -rqs secret-of-the-host "$(volumes)" || {
        grep -rls secret-of-the-host "$(volumes)"
        return 1
    }
}

@test "CVE-2022-23648: an image's VOLUME that leads out of the root copies nothing of the host" {
    local path folder up=../../../../../../../../../../..
    folder=$(hostile volume)
    for path in ../.. "$up$CANARY" data .; do
        import_hostile volume -c "VOLUME [\"$path\"]"
        run_fails 'mount path must be absolute' quick volume true
    done
    for path in / /. /.. /x/../..; do
        import_hostile volume -c "VOLUME [\"$path\"]"
        run_fails 'root itself' quick volume true
    done
    # What climbs above the root is the root's own folder of that name.
    import_hostile volume -c "VOLUME [\"/$up$CANARY\"]"
    run_ok quick volume ls -A "$CANARY"
    output_is ''
    run_fails 'root itself' quick -v "/$up" volume true
    run_ok quick -v "new:/$up$CANARY" volume ls -A "$CANARY"
    output_is ''
    nothing_of_the_host
    [ "$(skiff volume ls -q)" = new ]
}

@test "CVE-2022-23648: an image's VOLUME that is a link is one of the root" {
    local target folder
    for target in "$CANARY" "../../../../../../../..$CANARY" /etc/.. ../../../..; do
        folder=$(hostile volume)
        mkdir -p "$folder/inner$CANARY"
        ln -s "$target" "$folder/data"
        ln -s "$target" "$folder/inner/below"
        import_hostile volume -c 'VOLUME ["/data", "/inner/below/x"]'
        attempt quick volume sh -c 'cat /data/canary /inner/below/canary; ls -R /data /inner'
        output_lacks secret-of-the-host
        attempt quick -v "named:/data" -v other:/inner/below volume cat /data/canary /inner/below/canary
        output_lacks secret-of-the-host
        nothing_of_the_host
    done
    # What is copied is what the link names inside the image.
    folder=$(hostile volume)
    mkdir "$folder/real"
    echo own >"$folder/real/file"
    ln -s /real "$folder/data"
    import_hostile volume -c 'VOLUME /data'
    run_ok quick volume cat /data/file /real/file
    output_is $'own\nown'
}

@test "CVE-2022-23648: links in what is copied stay links" {
    local folder
    folder=$(hostile links)
    mkdir -p "$folder/data/folder"
    ln -s "$CANARY/canary" "$folder/data/file"
    ln -s "$CANARY" "$folder/data/dir"
    ln -s "../../../../../../../..$CANARY" "$folder/data/folder/up"
    mknod "$folder/data/disk" b 7 0
    chmod 666 "$folder/data/disk"
    import_hostile links -c 'VOLUME /data'
    run_ok quick -v named:/data links sh -c 'readlink /data/file; readlink /data/dir; ls /data'
    output_has "$CANARY"
    attempt quick -v named:/data links sh -c 'cat /data/file /data/dir/canary /data/folder/up/canary; dd if=/data/disk count=1 | wc -c'
    output_lacks secret-of-the-host
    output_lacks $'(^|\n)512($|\n)'
    nothing_of_the_host
    # They are not followed when it goes, either.
    run_ok skiff volume rm named
}

@test "CVE-2019-16884: an image's VOLUME on /proc, or inside it, by a link or not, is refused" {
    local path folder
    for path in /proc /proc/ /proc/self /proc/sys /x/../proc; do
        folder=$(hostile procvolume)
        mkdir -p "$folder/proc/self/attr"
        echo false >"$folder/proc/self/attr/exec"
        import_hostile procvolume -c "VOLUME [\"$path\"]"
        run_fails 'only a procfs can be mounted on /proc|/proc/self' quick procvolume true
        run_fails 'only a procfs can be mounted on /proc|/proc/self' quick -v "named:$path" busybox true
        run_fails 'only a procfs can be mounted on /proc|/proc/self' quick --mount "src=named,dst=$path" busybox true
    done
    folder=$(hostile procvolume)
    ln -s /proc "$folder/data"
    import_hostile procvolume -c 'VOLUME /data'
    run_fails 'only a procfs' quick procvolume true
    # Those that nobody named went with the containers that never ran.
    skiff volume rm -f named >/dev/null
    [ -z "$(skiff volume ls -q)" ]
}

@test "an image cannot have volumes without end, nor one with a name of its own" {
    local list
    list=$(seq -s, -f '"/v%g"' 1 300)
    hostile many >/dev/null
    import_hostile many -c "VOLUME [$list]"
    run_fails 'more than 256 volumes' quick many true
    [ -z "$(skiff volume ls -q)" ]
    [ -z "$(ls -A "$SKIFF_ROOT/containers")" ]
    # A label of the image's makes no volume anonymous.
    import_hostile many -c 'LABEL com.docker.volume.anonymous=""'
    run_ok quick -v named:/d many true
    [ "$(skiff volume ls -q)" = named ]
}

@test "CVE-2021-30465: a volume's place inside another one, swapped for a link" {
    skiff volume create shared >/dev/null
    skiff volume create inner >/dev/null
    local data=$SKIFF_ROOT/volumes/shared/_data i
    mkdir "$data/a"
    ln -s "$CANARY" "$data/b"
    chmod 777 "$data" "$data/a"
    race "$data" a b
    for ((i = 0; i < $(rounds 100); i++)); do
        attempt quick -v shared:/v -v inner:/v/a/made/deep -v "$PROBE:/v/b/file" busybox \
            sh -c 'cat /v/a/canary /v/b/canary; ls /v/a /v/b'
        output_lacks secret-of-the-host
    done
    race_end
    nothing_of_the_host
}

@test "volume-subpath: swapped for a link while it is mounted" {
    skiff volume create shared >/dev/null
    local data=$SKIFF_ROOT/volumes/shared/_data i told=0
    mkdir -p "$data/a/part" "$data/deep"
    echo inside >"$data/a/part/canary"
    ln -s "$(dirname "$CANARY")" "$data/b"
    mkdir "$(dirname "$CANARY")/part" && cp "$CANARY/canary" "$(dirname "$CANARY")/part/canary"
    race "$data" a b
    for ((i = 0; i < $(rounds 200); i++)); do
        attempt quick --mount src=shared,dst=/p,volume-subpath=a/part busybox cat /p/canary
        case $output in
        inside) told=$((told + 1)) ;;
        *'leads out of the volume'* | *'cannot open subpath'*) ;;
        *) told "neither the volume's own nor a refusal" || return 1 ;;
        esac
    done
    race_end
    rm -r "$(dirname "$CANARY")/part"
    [ "$told" -gt 0 ]
}

@test "a volume's content swapped by a container while it is filled, at the name of the copy" {
    local folder=$BATS_TEST_TMPDIR/folder i
    hostile full >/dev/null
    mkdir "$skiff_folder/images/full/data"
    echo own >"$skiff_folder/images/full/data/canary"
    echo new >"$skiff_folder/images/full/data/new"
    import_hostile full
    mkdir "$folder"
    skiff volume create -o type=none -o o=bind -o "device=$folder" bound >/dev/null
    ln -s "$CANARY" "$folder/.skiff-filling"
    ln -s "$CANARY" "$folder/.skiff-filled"
    attempt quick -v bound:/data full true
    [ "$(canary)" = "$before" ]
    rm -f "$folder"/.skiff* "$folder"/*
    mkdir "$folder/.skiff-filling"
    ln -s "$CANARY" "$folder/.skiff-filled"
    race "$folder" .skiff-filling .skiff-filled "$CANARY"
    for ((i = 0; i < $(rounds 100); i++)); do
        attempt quick -v bound:/data full true
        rm -rf "$folder"/canary "$folder"/new
    done
    race_end
    [ "$(canary)" = "$before" ]
}

@test "CVE-2021-41091: nobody but root gets to a volume's data, whatever the umask was" {
    rm -rf "$SKIFF_ROOT-open"
    chmod 777 "$skiff_folder"
    (
        umask 0
        export SKIFF_ROOT=$SKIFF_ROOT-open
        skiff volume create open >/dev/null
        skiff create -v open:/d -v /a host true >/dev/null
        [ "$(stat -c %a "$SKIFF_ROOT")" = 710 ]
        [ "$(stat -c %a "$SKIFF_ROOT/volumes" "$SKIFF_ROOT/volumes/open" | sort -u)" = 701 ]
        [ "$(stat -c %a "$SKIFF_ROOT/volumes/open/volume.json")" = 600 ]
        [ "$(stat -c %a "$SKIFF_ROOT/volumes/open/_data")" = 755 ]
        [ -z "$(find "$SKIFF_ROOT" -perm -002 ! -type l)" ]
        run setpriv --reuid 1000 --regid 1000 --clear-groups ls "$SKIFF_ROOT/volumes/open/_data"
        [ "$status" -ne 0 ]
        skiff_cleanup
    )
    chmod 755 "$skiff_folder"
    rm -rf "$SKIFF_ROOT-open"
}

@test "CVE-2021-21284: a user namespace's root reaches nothing of the engine's through a volume" {
    run_ok quick --userns private -v mine:/d busybox sh -c 'ls -A /d/.. | grep -c volume.json; ls -d /d/../_data 2>&1; true'
    output_has $'^0\n'
    output_has 'No such file'
    run_ok quick --userns private -v mine:/d busybox sh -c 'chown 1234:1234 /d; chmod 4777 /d; stat -c "%u %a" /d'
    output_is '1234 4777'
    [ "$(stat -c '%u %a' "$SKIFF_ROOT/volumes/mine")" = '0 701' ]
}

flock_is_held()
{
    ! flock -n -x "$1" true
}

@test "a container that locks its volume's folder holds nobody up" {
    skiff run -d --name locker -v held:/d busybox sleep 1000 >/dev/null
    # The lock is the folder's, wherever it was opened.
    flock -x "/proc/$(container_pid locker)/root/d" sleep 1000 3>&- &
    until_true flock_is_held "$SKIFF_ROOT/volumes/held/_data"
    run_ok timeout 20 "$SKIFF" run --rm --network none -v held:/d busybox true
    run_fails 'volume is in use' timeout 20 "$SKIFF" volume rm held
    skiff rm -f locker >/dev/null
    run_ok timeout 20 "$SKIFF" volume rm held
    kill %1
}

@test "a volume that goes is not followed out of: links, and folders swapped for links meanwhile" {
    local i
    for ((i = 0; i < $(rounds 20); i++)); do
        skiff volume create going >/dev/null
        local data=$SKIFF_ROOT/volumes/going/_data
        mkdir -p "$data/a"
        ln -s "$CANARY" "$data/b"
        race "$data" a b
        skiff volume rm going >/dev/null
        race_stop || true
    done
    [ "$(canary)" = "$before" ]
}
