# `cp`: Docker's table of what goes where, and what a file keeps on its way.
load ../lib/common

setup_file()
{
    require_root
    skiff_setup
    import_busybox
    skiff run -d --network none --name runs --tmpfs /tm busybox sleep 1000
    skiff run --network none --name stopped busybox true
}

teardown_file()
{
    skiff_teardown
}

# Each test has a folder `work` on the host, and empty ones in both containers.
setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir empty
}

# in_container NAME COMMAND: what is in a container, whether it runs or not, by the only way that a
# container that does not run has: cp itself, to a folder.
seen()
{
    rm -rf seen
    skiff cp "$1" seen
}

fresh()
{
    skiff run -d --network none --name "$1" "${@:2}" busybox sleep 1000 >/dev/null
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
    copy_case src/file dst/new/. && expect_refusal "$missing"
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
    copy_case src/dir/. dst/tothere/ && expect there/inner=2 there/sub/ there/sub/deep=3
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
    copy_case src/file dst/old/ && expect_refusal 'not a directory'
    copy_case src/file dst/old/x && expect_refusal 'not a directory'
}

@test "from the host to a container, by Docker's table" {
    table in 'Could not find the file /dst/[a-z]+ in container case' 'cannot open "src/.*": no such file'
}

@test "from a container to the host, by Docker's table" {
    table out 'invalid output path: directory ".*/dst/[a-z]+" does not exist' \
        'Could not find the file /?src/.* in container case'
}
