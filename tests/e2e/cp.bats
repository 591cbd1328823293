# `cp`: Docker's table of what goes where, and what a file keeps on its way.
load ../lib/common

setup_file()
{
    require_root
    skiff_setup
    import_busybox
    skiff run -d --network none --name runs --tmpfs /quick busybox sleep 1000
    skiff run --network none --name ended busybox true
    skiff create --name fresh busybox true
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
}

gone()
{
    skiff rm -f "$@" >/dev/null
}

# tree FOLDER: names, kinds, contents.
tree()
{
    (cd "$1" && find . -mindepth 1 \( -type f -printf '%P=' -exec cat {} \; \) -o \
        -type l -printf '%P->%l\n' -o -printf '%P/\n' | LC_ALL=C sort)
}

make_source()
{
    mkdir -p src/dir/sub
    echo 1 >src/file
    echo 2 >src/dir/inner
    echo 3 >src/dir/sub/deep
    ln -s dir src/linkdir
    ln -s file src/linkfile
    ln -s nowhere src/dangling
}

# --- the table: host to container, and back -----------------------------------------------------
# In both directions the source is src/… and the destination dst/…, on the other side. dst has a
# folder `there` with a file `file`, a file `old`, links to both, and a link to nothing.

make_destination()
{
    mkdir -p dst/there
    echo in >dst/there/kept
    echo old >dst/old
    ln -s there dst/tothere
    ln -s old dst/toold
    ln -s new dst/tonew
}

# case SOURCE DESTINATION [OPTION...]: then `expect`s on what dst has become, or a refusal in `output`.
copy_case()
{
    local from=$1 to=$2
    shift 2
    rm -rf src dst result
    make_source
    make_destination
    case $direction in
    in)
        skiff run --network none --name case busybox true
        skiff cp dst case:/dst
        run skiff cp "$@" "$from" "case:/$to"
        skiff cp case:/dst result
        ;;
    out)
        skiff run --network none --name case busybox true
        skiff cp src case:/src
        run skiff cp "$@" "case:/$from" "$to"
        mv dst result
        ;;
    esac
    gone case
}

expect()
{
    [ "$status" -eq 0 ] || told "refused" || return 1
    tree result >got
    { printf '%s\n' old=old 'there/' there/kept=in 'tonew->new' 'toold->old' 'tothere->there' | grep -vxF -e "${minus:-none}"
        [ $# -eq 0 ] || printf '%s\n' "$@"; } | LC_ALL=C sort >want
    diff want got >difference || told "$(cat difference)" || return 1
    minus=
}

expect_refusal()
{
    [ "$status" -ne 0 ] || told "not refused" || return 1
    output_has "$1" || return 1
    tree result >got
    printf '%s\n' old=old 'there/' there/kept=in 'tonew->new' 'toold->old' 'tothere->there' | LC_ALL=C sort >want
    diff want got >difference || told "$(cat difference)" || return 1
}

table()
{
    direction=$1
    local missing=$2 not_found=$3
    # A file: to a free name, onto a file, into a folder.
    copy_case src/file dst/new && expect new=1
    copy_case src/file dst/old && minus=old=old expect old=1
    copy_case src/file dst/there && expect there/file=1
    copy_case src/file dst/there/ && expect there/file=1
    copy_case src/file dst/there/. && expect there/file=1
    copy_case src/file dst/new/ && expect_refusal 'no such directory'
    copy_case src/file dst/new/. && expect_refusal "$missing|no such (file or )?directory"
    copy_case src/file dst/no/such && expect_refusal "$missing"
    # Links at the destination are followed, to nothing too.
    copy_case src/file dst/tothere && expect there/file=1
    copy_case src/file dst/toold && minus=old=old expect old=1
    copy_case src/file dst/tonew && expect new=1
    # A folder.
    copy_case src/dir dst/new && expect new/ new/inner=2 new/sub/ new/sub/deep=3
    copy_case src/dir dst/new/ && expect new/ new/inner=2 new/sub/ new/sub/deep=3
    copy_case src/dir/ dst/new && expect new/ new/inner=2 new/sub/ new/sub/deep=3
    copy_case src/dir/. dst/new && expect new/ new/inner=2 new/sub/ new/sub/deep=3
    copy_case src/dir dst/there && expect there/dir/ there/dir/inner=2 there/dir/sub/ there/dir/sub/deep=3
    copy_case src/dir/ dst/there && expect there/dir/ there/dir/inner=2 there/dir/sub/ there/dir/sub/deep=3
    copy_case src/dir/. dst/there && expect there/inner=2 there/sub/ there/sub/deep=3
    differs "a folder is not copied onto a link to one, on the host" || copy_case src/dir/. dst/tothere/ && expect there/inner=2 there/sub/ there/sub/deep=3
    copy_case src/dir dst/old && expect_refusal 'cannot copy directory'
    copy_case src/dir/. dst/old && expect_refusal 'cannot copy directory'
    copy_case src/dir dst/no/such && expect_refusal "$missing"
    copy_case src/./dir/../dir/sub/. dst/there/../there && expect there/deep=3
    # A link is a link, unless it is to be followed, or what it leads to is meant.
    copy_case src/linkfile dst/new && expect 'new->file'
    copy_case src/linkfile dst/new -L && expect new=1
    copy_case src/linkfile dst/there -L && expect there/linkfile=1
    copy_case src/linkdir dst/there && expect 'there/linkdir->dir'
    copy_case src/linkdir dst/there --follow-link &&
        expect there/linkdir/ there/linkdir/inner=2 there/linkdir/sub/ there/linkdir/sub/deep=3
    copy_case src/linkdir/ dst/there &&
        expect there/linkdir/ there/linkdir/inner=2 there/linkdir/sub/ there/linkdir/sub/deep=3
    copy_case src/linkdir/. dst/there && expect there/inner=2 there/sub/ there/sub/deep=3
    copy_case src/dangling dst/there && expect 'there/dangling->nowhere'
    copy_case src/dangling dst/there -L && expect_refusal "$not_found"
    # What is not there, or not what is said.
    copy_case src/nothing dst/there && expect_refusal "$not_found"
    copy_case src/no/thing dst/there && expect_refusal "$not_found"
    copy_case src/file/ dst/there && expect_refusal 'not a directory'
    copy_case src/file/. dst/there && expect_refusal 'not a directory'
    copy_case src/file/x dst/there && expect_refusal 'not a directory'
    copy_case src/file dst/old/ && expect_refusal 'not a directory|no such directory'
    copy_case src/file dst/old/x && expect_refusal 'not a directory'
}

@test "from the host to a container, by Docker's table" {
    table in 'Could not find the file /dst/[a-z]+ in container case' '(cannot open "|lstat .*)src/.*no such file'
}

@test "from a container to the host, by Docker's table" {
    table out 'invalid output path: directory ".*/dst/[a-z]+" does not exist' \
        'Could not find the file /?src/.* in container case'
}

# --- what a file keeps ---------------------------------------------------------------------------

# A tree of every kind; no sockets, which are left out.
make_tree()
{
    mkdir -p "$1"/{deep/er/est,empty}
    echo text >"$1/file"
    ln "$1/file" "$1/deep/same"
    ln -s /etc/passwd "$1/absolute"
    ln -s ../nowhere "$1/deep/dead"
    mkfifo -m 622 "$1/fifo"
    mknod -m 666 "$1/zero" c 1 5
    mknod -m 640 "$1/loop" b 7 200
    echo odd >"$1/$(printf 'n\nl \xff\x1b[31m "q"')"
    echo long >"$1/$(printf 'l%.0s' $(seq 250))"
    truncate -s 8M "$1/sparse"
    printf x | dd of="$1/sparse" bs=1 seek=5000000 conv=notrunc status=none
    head -c 3000000 /dev/urandom >"$1/big"
    cp "$(command -v busybox)" "$1/ping"
    setfattr -n user.note -v hi "$1/file" 2>/dev/null || true
    chown -R 0:0 "$1"
    chmod 4755 "$1/ping"
    chmod 0 "$1/big"
    chmod 1777 "$1/empty"
    chmod 2750 "$1/deep"
    touch -h -d @1000000000.123456789 "$1/absolute"
    find "$1" ! -type l -exec touch -d @1234567890.5 {} +
}

facts()
{
    (cd "$1" && find . -printf '%P|%y|%m|%U:%G|%T@|%l|%n|' \( -type f -printf '%s' , -true \) -printf '\n' |
        LC_ALL=C sort)
}

same()
{
    facts "$1" >one.facts
    facts "$2" >two.facts
    diff one.facts two.facts || return 1
    diff -r --no-dereference -x fifo -x zero -x loop "$1" "$2" || return 1
    [ "$(stat -c %b "$2/sparse")" -lt 1000 ] || return 1
    [ "$(stat -c %i "$2/file")" = "$(stat -c %i "$2/deep/same")" ] || return 1
    [ "$(stat -c %t:%T "$2/loop")" = 7:c8 ] || return 1
    [ "$(getfattr --only-values -n user.note "$1/file" 2>/dev/null)" = "$(getfattr --only-values -n user.note "$2/file" 2>/dev/null)" ]
}

@test "every kind of file arrives as it was, in and out, running or not" {
    needs_skiff "its times are whole seconds"
    local name
    make_tree tree
    for name in runs ended fresh; do
        skiff cp tree $name:/there
        skiff cp $name:/there out
        same tree out
        skiff cp -a $name:/there out2
        same tree out2
        rm -rf out out2
    done
    # A folder that is there is filled, and what is in the way of a file gives way.
    echo other >tree/file.new
    mv tree/file.new tree/file
    ln -f tree/file tree/deep/same
    touch -d @1234567890.5 tree/file tree tree/deep
    skiff cp tree/. runs:/there
    skiff cp runs:/there/. out
    [ "$(cat out/file out/deep/same)" = $'other\nother' ]
}

@test "capabilities of a file come along" {
    mkdir caps
    cp "$(command -v busybox)" caps/ping
    setcap cap_net_raw+ep caps/ping
    skiff cp caps runs:/caps
    skiff cp runs:/caps out
    [[ "$(getcap out/ping)" == *cap_net_raw* ]]
    skiff cp runs:/caps/ping - | tar --xattrs --xattrs-include='*' -x
    [[ "$(getcap ping)" == *cap_net_raw* ]]
}

@test "owners: root's, or as they are with --archive" {
    mkdir given
    echo >given/file
    chown -R 1000:50 given
    skiff cp given runs:/plain
    skiff cp -a given runs:/kept
    skiff cp --archive given ended:/kept
    skiff cp runs:/kept out
    skiff cp -a runs:/kept out-a
    skiff cp -a runs:/plain out-plain
    [ "$(stat -c %u:%g out out/file | sort -u)" = 0:0 ]
    differs "what comes out is always the caller's" || [ "$(stat -c %u:%g out-a out-a/file | sort -u)" = 1000:50 ]
    [ "$(stat -c %u:%g out-plain out-plain/file | sort -u)" = 0:0 ]
    [ "$(skiff cp ended:/kept - | tar -tv --numeric-owner | grep -c '1000/50')" -eq 2 ]
}

@test "owners, with a user namespace: those that the container sees" {
    needs_skiff "no user namespace of a container's own"
    mkdir volume given
    echo >given/file
    chown 1000:50 given/file
    skiff run -d --network none --userns private --name mapped -v "$PWD/volume:/volume:idmap" busybox \
        sh -c 'echo >/five; chown 5:6 /five; echo >/root-file; sleep 1000' >/dev/null
    until_true skiff cp -q mapped:/root-file .
    local round
    for round in running stopped; do
        skiff cp given mapped:/plain
        skiff cp -a given mapped:/kept
        skiff cp given mapped:/volume/plain
        skiff cp -a given mapped:/volume/kept
        tar -c given | skiff cp - mapped:/tmp
        [ "$(skiff cp mapped:/plain/file - | tar -tv --numeric-owner | cut -d' ' -f2)" = 0/0 ]
        [ "$(skiff cp mapped:/kept/file - | tar -tv --numeric-owner | cut -d' ' -f2)" = 1000/50 ]
        [ "$(skiff cp mapped:/tmp/given/file - | tar -tv --numeric-owner | cut -d' ' -f2)" = 1000/50 ]
        [ "$(skiff cp mapped:/five - | tar -tv --numeric-owner | cut -d' ' -f2)" = 5/6 ]
        [ "$(stat -c %u:%g volume/plain/file volume/kept/file | xargs)" = '0:0 1000:50' ]
        skiff cp mapped:/five five
        [ "$(stat -c %u:%g five)" = 0:0 ]
        skiff cp -a mapped:/five five
        [ "$(stat -c %u:%g five)" = 5:6 ]
        [ $round = stopped ] || skiff kill mapped >/dev/null
        rm -rf volume/*
    done
    gone mapped
}

# --- where ---------------------------------------------------------------------------------------

@test "volumes and tmpfs as the container has them; the kernel's own file systems are left out" {
    mkdir volume sub
    echo volume >volume/file
    echo sub >sub/file
    needs_skiff "cp sees no tmpfs"
    skiff run -d --network none --name mounts -v "$PWD/volume:/data" -v "$PWD/sub:/data/sub:ro" -v "$PWD/sub/file:/one" \
        --tmpfs /quick busybox sh -c 'echo quick >/quick/file; echo root >/file; sleep 1000' >/dev/null
    until_true skiff cp mounts:/file .
    skiff cp mounts:/ all
    [ "$(cat all/data/file all/data/sub/file all/one all/quick/file all/file | xargs)" = 'volume sub sub quick root' ]
    [ -z "$(ls -A all/proc)" ] && [ -z "$(ls -A all/sys)" ] && [ -z "$(ls -A all/dev)" ]
    # Who names a file there gets it.
    skiff cp mounts:/proc/1/cmdline cmdline
    [ -s cmdline ]
    echo new >new
    skiff cp new mounts:/data/
    skiff cp new mounts:/quick/
    [ "$(cat volume/new)" = new ]
    run_fails 'mounted volume is marked read-only' skiff cp new mounts:/data/sub/
    run_fails 'mounted volume is marked read-only' bash -c "tar -c new | '$SKIFF' cp - mounts:/data/sub"
    skiff kill mounts >/dev/null
    rm volume/new
    skiff cp new mounts:/data/
    [ "$(cat volume/new)" = new ]
    tar -c file | skiff cp - mounts:/data
    [ "$(cat volume/file)" = root ]
    run_fails 'mounted volume is marked read-only' skiff cp new mounts:/data/sub/
    run_fails 'Could not find the file /quick/file in container mounts' skiff cp mounts:/quick/file out
    skiff cp mounts:/data out
    [ "$(cat out/sub/file)" = sub ]
    gone mounts
}

@test "a read-only root refuses, its volumes do not" {
    mkdir volume
    echo new >new
    skiff run -d --network none --read-only --name fixed -v "$PWD/volume:/data" busybox sleep 1000 >/dev/null
    local round
    for round in running stopped; do
        run_fails 'container rootfs is marked read-only' skiff cp new fixed:/
        run_fails 'container rootfs is marked read-only' skiff cp new fixed:/etc/
        run_fails 'container rootfs is marked read-only' bash -c "tar -c new | '$SKIFF' cp - fixed:/etc"
        skiff cp new fixed:/data/
        [ -e volume/new ]
        skiff cp fixed:/etc/passwd .
        rm volume/new
        [ $round = stopped ] || skiff kill fixed >/dev/null
    done
    gone fixed
}

@test "a paused container" {
    skiff pause runs >/dev/null
    echo 1 >given
    skiff cp given runs:/while-paused
    skiff cp runs:/while-paused got
    skiff unpause runs >/dev/null
    cmp given got
}

@test "the built-in image: while it runs" {
    needs_skiff "no built-in image"
    skiff run -d --network none --name machine host sleep 1000 >/dev/null
    echo 1 >given
    skiff cp given machine:/srv/
    skiff cp machine:/srv/given got
    cmp given got
    [ ! -e /srv/given ]
    skiff kill machine >/dev/null
    run_fails 'built-in image' skiff cp given machine:/srv/
    gone machine
}

@test "what was copied in is there when it starts; --rm or not, nothing is left behind" {
    echo 'echo from the host' >script
    skiff create --name later busybox sh /script >/dev/null
    skiff cp script later:/
    run_ok skiff start -a later
    output_is 'from the host'
    gone later
}

# --- archives ------------------------------------------------------------------------------------

@test "an archive on standard output" {
    mkdir given
    echo 1 >given/file
    ln -s file given/link
    skiff cp given runs:/given
    # As Docker names what is in it.
    [ "$(skiff cp runs:/given - | tar -t | xargs)" = 'given/ given/file given/link' ]
    [ "$(skiff cp runs:/given/ - | tar -t | xargs)" = 'given/ given/file given/link' ]
    [ "$(skiff cp runs:/given/. - | tar -t | xargs)" = './ ./file ./link' ]
    [ "$(skiff cp runs:/given/file - | tar -t)" = file ]
    [ "$(skiff cp runs:/given/link - | tar -tv | sed 's/.* l/l/')" = 'link -> file' ]
    [ "$(skiff cp -L runs:/given/link - | tar -xO)" = 1 ]
    make_tree tree
    skiff cp tree runs:/tree
    skiff cp runs:/tree - >tree.tar
    mkdir back
    tar -C back --xattrs --xattrs-include='user.*' -xpf tree.tar
    differs "times are whole seconds" || same tree back/tree
    differs "names that are no UTF-8 are told as if they were" || bsdtar -tf tree.tar >/dev/null
    python3 -c 'import tarfile; assert len(tarfile.open("tree.tar").getmembers()) == 17'
    run bash -c "'$SKIFF' cp runs:/nothing - | cat"
    output_has 'Could not find the file /nothing in container runs'
    run bash -c "'$SKIFF' cp runs:/tree - >/dev/full"
    [ "$status" -ne 0 ]
    output_has 'no space left'
}

@test "an archive on standard input, from any tar and packer" {
    needs_skiff "zstd is known since 23"
    make_tree tree
    chown 1000:50 tree/file
    local format packer
    for format in posix gnu; do
        for packer in cat gzip 'xz -0' 'zstd -q' 'bzip2 -1'; do
            skiff run --network none --name box busybox mkdir /box
            tar -C tree --format=$format --sparse --xattrs -c . | $packer | skiff cp - box:/box
            rm -rf out
            skiff cp -a box:/box out
            differs "what comes out is always the caller's" || [ "$(stat -c %u:%g out/file)" = 1000:50 ]
            cmp tree/big out/big
            [ "$(readlink out/absolute)" = /etc/passwd ]
            [ "$(stat -c %i out/file)" = "$(stat -c %i out/deep/same)" ]
            [ "$(stat -c %t:%T out/zero)" = 1:5 ]
            gone box
        done
    done
    facts tree | grep -v '^|' >want # but the folder that it goes into, which stays as it is
    skiff cp tree ended:/same
    tar -C tree --format=posix --sparse --xattrs -c . | skiff cp - ended:/same
    rm -rf out
    skiff cp -a ended:/same out
    differs "times are whole seconds" || facts out | grep -v '^|' | diff want -
}

@test "an archive: names are names, links are followed inside the container, and the folder must be there" {
    mkdir -p in/real in/.wh.x
    echo 1 >in/.wh.file
    echo 2 >in/real/file
    skiff run -d --network none --name box busybox sh -c 'mkdir -p /box /target; ln -s /target /box/real; sleep 1000' >/dev/null
    until_true skiff cp box:/box/real -
    tar -C in -c .wh.x .wh.file real/file | skiff cp - box:/box
    skiff cp box:/box out
    [ -d out/.wh.x ] && [ "$(cat out/.wh.file)" = 1 ] && [ -L out/real ]
    skiff cp box:/target/file got
    [ "$(cat got)" = 2 ]
    run_fails 'destination "box:/no/such" must be a directory' skiff cp - box:/no/such </dev/null
    run_fails 'destination "box:/etc/passwd" must be a directory' skiff cp - box:/etc/passwd </dev/null
    run_fails 'cannot read the archive|processing tar file' bash -c "echo garbage | '$SKIFF' cp - box:/box"
    run_fails 'cannot overwrite non-directory "box/real" with directory' bash -c "tar -C in -c real | '$SKIFF' cp - box:/box"
    differs "its names are cut below the folder" || run_fails '"\.\." in a name is refused' bash -c "tar -P -c ../$(basename "$PWD")/in/real/file | '$SKIFF' cp - box:/box"
    gone box
}

# --- how it is said ------------------------------------------------------------------------------

@test "the summary is for a terminal, and as Docker's" {
    echo 1 >file
    run_ok skiff cp file runs:/tmp/file
    output_is ''
    run_ok script -qec "'$SKIFF' cp file runs:/tmp/file" /dev/null </dev/null
    [ "${output//$'\r'/}" = 'Successfully copied 2.05kB to runs:/tmp/file' ]
    run_ok script -qec "'$SKIFF' cp runs:/tmp/file back" /dev/null </dev/null
    [ "${output//$'\r'/}" = "Successfully copied 2.05kB to $PWD/back" ]
    run_ok script -qec "'$SKIFF' cp -q runs:/tmp/file back" /dev/null </dev/null
    output_is ''
    mkdir several
    head -c 1000 /dev/zero | tee several/a >several/b
    run_ok script -qec "'$SKIFF' cp several runs:/several" /dev/null </dev/null
    [ "${output//$'\r'/}" = 'Successfully copied 4.61kB to runs:/several' ]
}

@test "arguments" {
    echo 1 >'file:name'
    run_ok skiff cp './file:name' runs:/colon
    run_ok skiff cp "$PWD/file:name" runs:/colon
    run_ok skiff cp runs:colon relative
    cmp relative 'file:name'
    run_ok skiff cp runs:/../../colon .
    cmp colon 'file:name'
    run_fails 'copying between containers is not supported' skiff cp runs:/a ended:/b
    run_fails 'must specify at least one container source' skiff cp a b
    run_fails 'source can not be empty' skiff cp '' runs:/b
    run_fails 'destination can not be empty' skiff cp runs:/b ''
    run_fails 'no such container: nobody' skiff cp nobody:/a b
    run_fails 'no such container: nobody' skiff cp ./file:name nobody:/b
    run_fails 'requires 2 arguments' skiff cp runs:/a
    mkfifo pipe
    differs "it writes into a pipe" || run_fails 'must be a directory or a regular file' skiff cp runs:/colon pipe
    run_fails 'must be a directory or a regular file: got a device' skiff cp runs:/colon /dev/null
    run_ok skiff container cp runs:/colon again
}

@test "a full disk on either side is told" {
    mkdir small
    mount -t tmpfs -o size=1m none small
    head -c 3000000 /dev/urandom >big
    skiff cp big runs:/big
    run skiff cp runs:/big small/
    local s=$status o=$output
    umount small
    [ "$s" -ne 0 ]
    [[ $o =~ 'no space left on device' ]]
    differs "cp sees no tmpfs" && return
    skiff run -d --network none --name tight --tmpfs /tight:size=1m busybox sleep 1000 >/dev/null
    run_fails 'no space left on device' skiff cp big tight:/tight/
    gone tight
}
