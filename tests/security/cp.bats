# What a container can do to whoever copies its files, and to those of the host.
bats_require_minimum_version 1.5.0
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
    cd "$BATS_TEST_TMPDIR" || return 1
    before=$(canary)
}

# Whatever was tried: the canary has neither changed nor been shown.
teardown()
{
    race_stop
    skiff_cleanup
    [ "$(canary)" = "$before" ]
    ! grep -rqs secret-of-the-host "$BATS_TEST_TMPDIR"
}

# lives NAME [OPTION...]: a container that runs; $inside is its root, for us to be its racer.
lives()
{
    local name=$1
    shift
    skiff run -d --network none --name "$name" "$@" busybox sleep 1000 >/dev/null
    inside=/proc/$(container_pid "$name")/root
}

# A folder of the container, and a link to the canary that changes places with it.
bait()
{
    mkdir -p "$1/d"
    echo mine >"$1/d/canary"
    ln -s "$CANARY" "$1/l"
}

# mine_or_nothing FILE: it is not there, or has what the container has.
mine_or_nothing()
{
    [ ! -f "$1" ] || [ "$(cat "$1")" = mine ] || told "got: $(cat "$1")"
}

@test "CVE-2018-15664, CVE-2019-10152: a folder swapped for a link while it is copied from" {
    local i taken=0
    lives victim
    bait "$inside/x"
    race "$inside/x" d l
    for ((i = 0; i < $(rounds 250); i++)); do
        rm -rf out
        attempt skiff cp victim:/x/d/canary out
        mine_or_nothing out
        [ ! -f out ] || taken=$((taken + 1))
        rm -rf out
        attempt skiff cp victim:/x/d/ out
        mine_or_nothing out/canary
        rm -rf out
        attempt skiff cp -L victim:/x/d out
        mine_or_nothing out/canary
    done
    [ "$taken" -gt 0 ] # the race had both ends
    for ((i = 0; i < $(rounds 100); i++)); do
        rm -rf out
        attempt skiff cp victim:/x out
        [ "$status" -eq 0 ] || told "a whole folder is copied, whatever it is at that moment"
        [ -L out/d ] || mine_or_nothing out/d/canary
        [ -L out/l ] || mine_or_nothing out/l/canary
        ! skiff cp victim:/x - | grep -aq secret-of-the-host
    done
    for ((i = 0; i < $(rounds 20); i++)); do
        ! skiff export victim | grep -aq secret-of-the-host
    done
    race_end
}

@test "CVE-2026-41568, CVE-2026-42306: a folder swapped for a link while it is copied into" {
    local i
    lives victim
    bait "$inside/x"
    mkdir -p new/d new/l
    echo changed | tee new/canary new/d/canary >new/l/canary
    race "$inside/x" d l
    for ((i = 0; i < $(rounds 250); i++)); do
        attempt skiff cp new/canary victim:/x/d/
        attempt skiff cp new/canary victim:/x/d/canary
        attempt skiff cp new/. victim:/x
    done
    race_end
    grep -q changed "$inside"/x/*/canary
}

@test "a name that is taken away comes back as a link" {
    local i
    lives victim
    mkdir -p "$inside/x" new
    ln -s "$CANARY/canary" "$inside/x/f"
    ln -s "$CANARY/canary" "$inside/x/g"
    echo changed | tee new/f >new/g
    "$RACER" "$inside/x" f g "$CANARY/canary" >"$BATS_TEST_TMPDIR/exchanges" 3>&- &
    racer_pid=$!
    for ((i = 0; i < $(rounds 400); i++)); do
        attempt skiff cp new/f victim:/x/f
        attempt skiff cp new/. victim:/x
    done
    race_end
}

@test "a folder of the host that the container has too, as destination and as source" {
    local i
    mkdir -p shared/out
    bait shared/out
    lives victim -v "$PWD/shared:/shared"
    mkdir -p "$inside/src/d" "$inside/src/l"
    echo changed | tee "$inside/src/d/canary" >"$inside/src/l/canary"
    # The user names shared/out himself; what is below is the container's to swap.
    # A folder takes a link's place by removing it first: it comes back.
    race "$inside/shared/out" d l "$CANARY"
    for ((i = 0; i < $(rounds 250); i++)); do
        attempt skiff cp victim:/src/. shared/out
        attempt skiff cp shared/out victim:/taken
        [ -L "$inside/taken/d" ] || [ ! -e "$inside/taken/d/canary" ] || ! grep -q secret "$inside/taken/d/canary"
        rm -rf "$inside/taken"
    done
    race_end
}

@test "a file swapped for a FIFO, or a device, makes nobody wait" {
    local i
    lives victim
    mkdir "$inside/x"
    echo mine >"$inside/x/f"
    mkfifo "$inside/x/p"
    race "$inside/x" f p
    for ((i = 0; i < $(rounds 100); i++)); do
        rm -rf out
        attempt timeout 20 "$SKIFF" cp victim:/x/f out
        [ "$status" -ne 124 ]
        rm -rf out
        attempt timeout 20 "$SKIFF" cp victim:/x out
        [ "$status" -eq 0 ]
        timeout 20 "$SKIFF" cp victim:/x - >/dev/null
    done
    race_end
}

@test "absolute links are the container's own: /var/run still leads to /run" {
    lives victim --tmpfs /run
    echo mine >"$inside/run/pid"
    rm -rf "$inside/var/run"
    ln -s /run "$inside/var/run"
    ln -s "$CANARY" "$inside/out"
    ln -s ../../../../../../../../../.."$CANARY" "$inside/up"
    run_ok skiff cp victim:/var/run/pid .
    [ "$(cat pid)" = mine ]
    echo changed >canary
    run_ok skiff cp canary victim:/var/run/
    [ "$(cat "$inside/run/canary")" = changed ]
    local link
    for link in out up; do
        run_fails 'Could not find the file' skiff cp "victim:/$link/canary" got
        run_fails 'Could not find the file' skiff cp "victim:/$link/" got
        run_fails 'Could not find the file' skiff cp -L "victim:/$link" got
        run_fails 'Could not find the file' skiff cp canary "victim:/$link/canary"
    done
    # The path that a link names may be in the container too: then it is that.
    mkdir -p "$inside$CANARY"
    run_ok skiff cp canary victim:/out/
    [ "$(cat "$inside$CANARY/canary")" = changed ]
}

@test "links in what is copied are copied, and lead nowhere on their way" {
    lives victim
    mkdir -p "$inside/x/dir"
    ln -s "$CANARY" "$inside/x/dir/link"
    ln -s "$CANARY/canary" "$inside/x/dir/file"
    run_ok skiff cp victim:/x out
    [ "$(readlink out/dir/link)" = "$CANARY" ]
    # On top of that: a link in the place of a folder or a file is not written through.
    rm "$inside/x/dir/link" "$inside/x/dir/file"
    mkdir "$inside/x/dir/link"
    echo changed | tee "$inside/x/dir/link/canary" >"$inside/x/dir/file"
    run_fails 'cannot overwrite non-directory' skiff cp victim:/x/. out
    rm out/dir/link
    run_ok skiff cp victim:/x/. out
    [ "$(cat out/dir/file)" = changed ]
    [ ! -L out/dir/file ]
}

@test "CVE-2021-41089: folders that are there keep owner and mode, above, at and below the destination" {
    lives victim
    mkdir -p "$inside/x/a/b" host/x/a
    chmod 777 "$inside/x" "$inside/x/a" "$inside/x/a/b"
    chown 1000:1000 "$inside/x/a"
    chmod 750 host/x
    chmod 700 host/x/a
    chown 3:4 host/x/a
    stat -c '%n %a %u:%g' . host host/x host/x/a >was
    skiff cp victim:/x host
    skiff cp victim:/x/. host/x
    skiff cp -a victim:/x/a host/x
    stat -c '%n %a %u:%g' . host host/x host/x/a | diff was -
    [ -d host/x/a/b ]
    # In a container too.
    chmod 711 "$inside/x"
    skiff cp host/x victim:/
    [ "$(stat -c %a "$inside/x")" = 711 ]
}

@test "CVE-2019-14271, CVE-2026-41567: nothing of the image is run or loaded" {
    local name folder
    folder=$(hostile traps)
    printf '#!/bin/sh\necho ran >/ran\n' >"$folder/trap"
    chmod 755 "$folder/trap"
    mkdir -p "$folder/usr/bin" "$folder/lib/x86_64-linux-gnu" "$folder/usr/local/bin"
    for name in tar gzip xz zstd bzip2 unpigz docker-untar skiff skiff-image; do
        cp "$folder/trap" "$folder/usr/bin/$name"
    done
    printf 'int x;void __attribute__((constructor)) f(void){extern int creat(const char*,int);creat("/ran",0644);}' |
        cc -shared -fPIC -xc - -o "$folder/lib/x86_64-linux-gnu/libnss_files.so.2"
    cp "$folder/lib/x86_64-linux-gnu/libnss_files.so.2" "$folder/lib/x86_64-linux-gnu/libc.so.6"
    printf 'passwd: files\ngroup: files\n' >"$folder/etc/nsswitch.conf"
    import_hostile traps
    skiff run -d --network none --name victim traps sleep 1000
    inside=/proc/$(container_pid victim)/root
    tar -cf - --xz -C "$CANARY" echo >in.tar.xz
    # shellcheck disable=SC2094 # of one file, read and written in turn
    for name in victim; do
        skiff cp in.tar.xz $name:/tmp
        skiff cp $name:/tmp out
        skiff cp -a $name:/etc - | tar -t >/dev/null
        skiff export $name | tar -t >/dev/null
        skiff diff $name >/dev/null
        skiff commit $name taken >/dev/null
    done
    [ ! -e "$inside/ran" ]
    skiff kill victim >/dev/null
    skiff cp in.tar.xz victim:/tmp/again
    skiff cp victim:/tmp out2
    run skiff diff victim
    output_lacks '/ran'
}

@test "a set-user-ID program of somebody in the container does not become root's on the host" {
    lives victim
    cp "$inside/bin/busybox" "$inside/theirs"
    cp "$inside/bin/busybox" "$inside/roots"
    chown 1000:1000 "$inside/theirs"
    chmod 6755 "$inside/theirs" "$inside/roots"
    skiff cp victim:/theirs .
    skiff cp victim:/roots .
    [ "$(stat -c '%a %u:%g' theirs)" = '755 0:0' ]
    [ "$(stat -c '%a %u:%g' roots)" = '6755 0:0' ]
    rm theirs
    skiff cp -a victim:/theirs .
    [ "$(stat -c '%a %u:%g' theirs)" = '6755 1000:1000' ]
}

@test "what steers an overlay does not come along" {
    lives victim
    mkdir -p "$inside/x/d"
    touch "$inside/x/f"
    skiff cp victim:/x out
    run_ok getfattr -R -d -m - out
    output_lacks 'overlay'
}

@test "a copy leaves no mount, no process, and no folder" {
    local mounts
    mounts=$(wc -l </proc/self/mountinfo)
    lives victim
    skiff run --network none --name ended busybox true
    skiff cp victim:/etc one
    skiff cp ended:/etc two
    skiff cp one ended:/three
    skiff export ended >/dev/null
    [ "$(wc -l </proc/self/mountinfo)" -eq "$mounts" ]
    run pgrep -f "$SKIFF cp"
    [ "$status" -ne 0 ]
    # It starts again from what was copied in.
    skiff start -a ended
    run_ok skiff cp ended:/three -
}
