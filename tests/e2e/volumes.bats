# volumes: made, listed, inspected, removed; used by their name, by none, by the image, by another
# container; filled from the image; parts of them; the local driver's types; never removed while used.
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
    VOLUMES=$(skiff info -f '{{.DockerRootDir}}')/volumes
    export VOLUMES
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    here=$BATS_TEST_TMPDIR
}

teardown()
{
    skiff_cleanup
    if differs "prune knows no -a before 23" >/dev/null; then
        skiff volume prune -f >/dev/null
    else
        skiff volume prune -af >/dev/null
    fi
    ! mountpoint -q "$here/small" || umount -l "$here/small"
}

run_bb()
{
    skiff run --rm --network none "$@"
}

# image_with NAME [OPTION...]: busybox and a folder /data with all that a file can be.
image_with()
{
    local folder=$here/image name=$1
    shift
    rootfs_unpacked "$(rootfs_busybox)" "$folder"
    mkdir -p "$folder/data/sub/deep"
    echo one >"$folder/data/one"
    ln "$folder/data/one" "$folder/data/sub/two"
    ln -s /etc/passwd "$folder/data/link"
    mkfifo "$folder/data/fifo"
    echo secret >"$folder/data/secret"
    chown 1000:50 "$folder/data/secret" "$folder/data/sub"
    chmod 4750 "$folder/data/secret"
    chown 7:8 "$folder/data"
    chmod 2770 "$folder/data"
    touch -d 2001-02-03T04:05:06Z "$folder/data/sub/deep" "$folder/data/one"
    import_folder "$folder" "$name" "$@"
}

# --- create, ls, inspect, rm ---------------------------------------------------------------------

@test "volume create: by name, with labels; again is no error; names that are none" {
    run_ok skiff volume create --label a=1 --label b data
    output_is data
    run_ok skiff volume create data
    output_is data
    run_ok skiff volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}} {{.Mountpoint}} {{json .Labels}} {{json .Options}}' data
    output_is "data local local $VOLUMES/data/_data {\"a\":\"1\",\"b\":\"\"} null"
    run_ok skiff volume inspect -f '{{.CreatedAt}}' data
    output_has '^20..-..-..T..:..:..Z$'
    differs "its folders have other modes" || [ "$(stat -c %a "$SKIFF_ROOT/volumes" "$SKIFF_ROOT/volumes/data" "$VOLUMES/data/_data" | tr '\n' ' ')" = '701 701 755 ' ]
    local name
    for name in .. . .x -x a/b /a a: 'a b' '' a $'a\nb' "$(printf '%0256d' 0)"; do
        run skiff volume create -- "$name"
        [ -z "$name" ] || [ "$status" -ne 0 ] || told "created: $name"
    done
    run_fails 'names should be at least two' skiff volume create x
    run_fails 'includes invalid characters for a local volume name' skiff volume create ../x
    run_fails 'plugin "other" not found' skiff volume create -d other data2
    run_ok skiff volume create -d local data2
    differs "its client says it otherwise" && return
    run_fails 'requires at most 1 argument' skiff volume create aa bb
}

@test "volume create: without a name it is anonymous" {
    needs_skiff "has the label since 23"
    run_ok skiff volume create
    output_has '^[0-9a-f]{64}$'
    run_ok skiff volume inspect -f '{{json .Labels}}' "$output"
    output_is '{"com.docker.volume.anonymous":""}'
}

@test "volume create -o: what the local driver takes, and what it does not" {
    needs_skiff "the local driver looks at its options when they are used"
    run_fails 'invalid option: "foo"' skiff volume create -o foo=1 data
    run_fails 'missing required option: "device"' skiff volume create -o type=tmpfs data
    run_fails 'missing required option: "type"' skiff volume create -o device=tmpfs data
    run_fails 'missing required option: "device"' skiff volume create -o o=size=1m data
    run_fails 'invalid size: "much"' skiff volume create -o size=much data
    run_fails 'invalid size: "0"' skiff volume create -o size=0 data
    run_fails 'must be KEY=VALUE' skiff volume create -o =x data
    run_fails 'no such volume' skiff volume inspect -f '{{.Name}}' data
    # One that is there was made otherwise: it is not taken for what was asked for.
    skiff volume create data
    run_fails 'exists with other options' skiff volume create -o type=tmpfs -o device=tmpfs data
    skiff volume create -o type=tmpfs -o device=tmpfs -o o=size=1m other
    run_ok skiff volume create -o type=tmpfs -o device=tmpfs -o o=size=1m other
    run_ok skiff volume create other
    run_ok skiff volume inspect -f '{{.Options.type}} {{.Options.o}}' other
    output_is 'tmpfs size=1m'
    # Nothing half made is left.
    [ -z "$(find "$SKIFF_ROOT/volumes" -maxdepth 1 -name '.*')" ]
}

@test "volume create -o size=, run --storage-opt size=: refused in one line where there are no project quotas" {
    needs_skiff "in other words"
    [ "$(stat -f -c %T "$SKIFF_ROOT")" != xfs ] || skip "this file system may have them"
    run skiff volume create -o size=1g limited
    [ "$status" -ne 0 ] || skip "this file system has them"
    output_has "cannot limit its size: the file system of \"$SKIFF_ROOT\" \(.*\) has no project quotas here: "
    [ "${#lines[@]}" -eq 1 ]
    run_fails 'no project quotas here' run_bb --storage-opt size=10m busybox true
    [ -z "$(find "$SKIFF_ROOT"/{volumes,projects,containers} -mindepth 1)" ]
    run_fails 'invalid size: "many"' run_bb --storage-opt size=many busybox true
    run_fails 'unknown storage option "inodes"' run_bb --storage-opt inodes=1 busybox true
    run_fails 'kept in memory' run_bb --storage-opt size=10m host true
}

@test "fifty create the same name at once: there is one, and all have it" {
    needs_skiff "its volumes have a database beside them"
    local i
    for ((i = 0; i < 50; i++)); do
        skiff volume create same >"$here/out.$i" 2>&1 &
    done
    wait_all
    [ "$(cat "$here"/out.* | sort -u)" = same ]
    [ "$(ls -A "$SKIFF_ROOT/volumes")" = same ]
    # And of fifty with options each of its own, one wins.
    for ((i = 0; i < 50; i++)); do
        skiff volume create -o type=tmpfs -o device=tmpfs -o "o=size=${i}m" mine >"$here/won.$i" 2>/dev/null &
    done
    wait_all
    [ "$(cat "$here"/won.*)" = mine ]
    local winner
    winner=$(grep -l mine "$here"/won.*)
    [ "$(skiff volume inspect -f '{{.Options.o}}' mine)" = "size=${winner##*.}m" ]
}

@test "fifty create and remove the same name at once: each order of them is one that could be" {
    needs_skiff "its volumes have a database beside them"
    local i
    for ((i = 0; i < 50; i++)); do
        skiff volume create same >"$here/out.$i" 2>&1 &
        skiff volume rm same >"$here/rm.$i" 2>&1 &
    done
    wait_all
    [ "$(cat "$here"/out.* | sort -u)" = same ]
    [ -z "$(grep -hv -e '^same$' -e 'get same: no such volume$' "$here"/rm.*)" ]
    run_ok skiff volume rm -f same
    [ -z "$(ls -A "$SKIFF_ROOT/volumes")" ]
    [ -z "$(ls -A "$SKIFF_ROOT/removed")" ]
}

@test "volume ls: columns, -q, --format, filters" {
    skiff volume create --label stage=test v10
    skiff volume create v9
    skiff volume create --label stage=live other
    run_ok skiff volume ls
    output_is $'DRIVER    VOLUME NAME\nlocal     other\nlocal     v9\nlocal     v10'
    run_ok skiff volume ls -q
    output_is $'other\nv9\nv10'
    run_ok skiff volume list --format '{{.Name}}:{{.Labels}}:{{.Label "stage"}}:{{.Scope}}'
    output_is $'other:stage=live:live:local\nv9:::local\nv10:stage=test:test:local'
    run_ok skiff volume ls --format 'table {{.Name}}\t{{.Mountpoint}}' -f name=v9
    output_is $'VOLUME NAME   MOUNTPOINT\nv9            '"$VOLUMES/v9/_data"
    run_ok skiff volume ls --format json -f name=v9
    [ "$(jq -r '[.Driver, .Name, .Size, .Links] | join(",")' <<<"$output")" = local,v9,N/A,N/A ]
    run_ok skiff volume ls -q -f label=stage
    output_is $'other\nv10'
    run_ok skiff volume ls -q -f label=stage=test
    output_is v10
    run_ok skiff volume ls -q -f name=v -f name=the -f driver=local
    output_is $'other\nv9\nv10'
    run_ok skiff volume ls -q -f driver=nfs
    output_is ''
    skiff run -d --name user -v v9:/v busybox sleep 1000 >/dev/null
    run_ok skiff volume ls -q -f dangling=true
    output_is $'other\nv10'
    run_ok skiff volume ls -q -f dangling=0
    output_is v9
    run_fails "invalid filter 'size(=1)?'" skiff volume ls -f size=1
    run_fails "invalid filter 'dangling=.?perhaps.?'" skiff volume ls -f dangling=perhaps
}

@test "volume inspect: several, and those that are not there" {
    skiff volume create aa >/dev/null
    skiff volume create bb >/dev/null
    run_ok skiff volume inspect aa bb
    [ "$(jq -r '[.[].Name] | join(",")' <<<"$output")" = aa,bb ]
    run_status 1 skiff volume inspect aa missing
    output_has 'get missing: no such volume'
    [ "$(jq -r '.[].Name' < <(skiff volume inspect aa missing 2>/dev/null))" = aa ]
    run_fails 'requires at least 1 argument' skiff volume inspect
}

@test "volume rm: while any container has it, running or not, it stays" {
    skiff volume create data >/dev/null
    id=$(skiff run -d --name user -v data:/v busybox sleep 1000)
    run_fails "remove data: volume is in use - \[$id\]" skiff volume rm data
    other=$(skiff create --mount src=data,dst=/w,volume-nocopy busybox true)
    run skiff volume rm -f data
    [ "$status" -eq 1 ]
    output_has "volume is in use - \[($id, $other|$other, $id)\]"
    skiff rm -f user >/dev/null
    run_fails "volume is in use - \[$other\]" skiff volume rm data
    skiff rm "$other" >/dev/null
    run_status 1 skiff volume rm missing data
    output_has 'get missing: no such volume'
    output_has $'(^|\n)data($|\n)'
    run_ok skiff volume rm -f missing
    run_fails 'get data: no such volume' skiff volume rm data
}

@test "volume rm: one whose user's document cannot be read is not taken for unused" {
    needs_skiff "the document is no file of ours"
    skiff volume create data >/dev/null
    id=$(skiff create -v data:/v busybox true)
    cp "$SKIFF_ROOT/containers/$id/container.json" "$here/whole"
    echo '{' >"$SKIFF_ROOT/containers/$id/container.json"
    run skiff volume rm data
    [ "$status" -eq 1 ]
    output_has 'cannot tell which volumes are in use'
    run skiff volume prune -af
    [ "$status" -ne 0 ]
    [ -d "$VOLUMES/data/_data" ]
    cp "$here/whole" "$SKIFF_ROOT/containers/$id/container.json"
    skiff rm "$id" >/dev/null
    run_ok skiff volume rm data
}

@test "rm against create, in a race: never a container without its volume" {
    local i
    for ((i = 0; i < 40; i++)); do
        skiff volume create raced >/dev/null
        skiff create --name "user$i" -v raced:/v busybox true >/dev/null 2>&1 &
        skiff volume rm raced >/dev/null 2>&1 &
    done
    wait_all
    for ((i = 0; i < 40; i++)); do
        [ -d "$VOLUMES/raced/_data" ]
        run_ok skiff start -a "user$i"
    done
}

# --- prune ---------------------------------------------------------------------------------------

@test "volume prune: asks; anonymous ones, or with -a all; labels; says what it gave back" {
    needs_skiff "prune knows no -a before 23"
    skiff volume create --label keep=yes named >/dev/null
    skiff create --name user -v used:/u -v /anonymous busybox true >/dev/null
    anonymous=$(skiff volume create)
    head -c 1234 /dev/zero >"$VOLUMES/$anonymous/_data/file"
    run skiff volume prune <<<n
    [ "$status" -ne 0 ]
    output_has 'WARNING! This will remove anonymous local volumes not used by at least one container'
    output_has 'Are you sure you want to continue\? \[y/N\]'
    [ "$(skiff volume ls -q | wc -l)" -eq 4 ]
    run skiff volume prune </dev/null
    [ "$status" -ne 0 ]
    run_ok skiff volume prune <<<y
    output_has $'Deleted Volumes:\n'"$anonymous"$'\n\nTotal reclaimed space: 1.23kB'
    run_ok skiff volume prune -f
    output_is 'Total reclaimed space: 0B'
    [ "$(skiff volume ls -q | wc -l)" -eq 3 ]
    run_ok skiff volume prune -af --filter 'label!=keep'
    output_is 'Total reclaimed space: 0B'
    run_ok skiff volume prune -af --filter label=keep=no
    output_is 'Total reclaimed space: 0B'
    run_fails "invalid filter 'name=x'" skiff volume prune -f --filter name=x
    run_ok skiff volume prune --filter all=1 -f --filter label=keep=yes
    output_is $'Deleted Volumes:\nnamed\n\nTotal reclaimed space: 0B'
    skiff rm user >/dev/null
    run_ok skiff volume prune -af
    output_has used
    [ -z "$(ls -A "$SKIFF_ROOT/volumes")" ]
}

@test "what was left by a volume create that was killed goes with the next prune" {
    needs_skiff "its volumes have a database beside them"
    skiff volume create one >/dev/null
    mkdir -p "$VOLUMES/.new-0011223344556677/_data"
    [ "$(skiff volume ls -q)" = one ]
    run_ok skiff volume prune -f
    [ "$(ls -A "$SKIFF_ROOT/volumes")" = one ]
}

# --- run -v --------------------------------------------------------------------------------------

@test "-v NAME:/path: what one writes the next one reads; ro, and words that say nothing" {
    run_ok run_bb -v data:/d busybox sh -c 'echo kept >/d/file'
    run_ok run_bb -v data:/other:ro busybox cat /other/file
    output_is kept
    run_fails 'ead-only file system' run_bb -v data:/d:ro busybox touch /d/x
    run_fails 'ead-only file system' run_bb -v data:/d:ro,z,nocopy busybox touch /d/x
    run_ok run_bb -v data:/d:z busybox touch /d/x
    run_ok run_bb -v data:/d:Z,rw busybox touch /d/x
    local mode
    for mode in rshared idmap nonsense ro,nonsense; do
        run_fails "invalid mode: (ro,)?${mode#ro,}|invalid mount config" run_bb -v "data:/d:$mode" busybox true
    done
    run_fails 'mount path must be absolute' run_bb -v data:d busybox true
    run_fails "root itself|can't be '/'" run_bb -v data:/ busybox true
    run_fails "root itself|can't be '/'" run_bb -v data:/x/../.. busybox true
    run_fails 'invalid volume specification' run_bb -v :/d busybox true
    run_fails 'invalid volume specification' run_bb -v data: busybox true
    run_fails 'invalid volume specification' run_bb -v data:/d:ro:rw busybox true
    run_fails 'includes invalid characters' run_bb -v a/b:/d busybox true
    run_fails 'duplicate mount point: /d' run_bb -v data:/d -v other:/d/ busybox true
    run_fails 'duplicate mount point: /d' run_bb -v data:/d --mount dst=/d busybox true
    run_fails 'duplicate mount point: /d' run_bb -v data:/d --tmpfs /d busybox true
    run_fails 'plugin "nfs" not found' run_bb --volume-driver nfs -v new:/d busybox true
    # None of those that failed has left anything.
    [ "$(skiff volume ls -q)" = data ]
}

@test "Mounts of inspect and ps" {
    needs_skiff "modes of volumes are z where none is said"
    skiff run -d --name cc -v data:/d -v ro:/r:ro -v /tmp:/t:ro -v /a --mount type=volume,src=mm,dst=/m,readonly \
        --mount type=tmpfs,dst=/tmp busybox sleep 1000 >/dev/null
    run_ok skiff inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} [{{.Mode}}] {{.RW}} [{{.Propagation}}]{{println}}{{end}}' cc
    output_is $'volume /d [z] true []\nvolume /r [ro] false []\nbind /t [ro] false [rprivate]
volume /m [z] false []\ntmpfs /tmp [] true []\nvolume /a [] true []'
    run_ok skiff inspect -f '{{json (index .Mounts 0)}}' cc
    output_is "{\"Type\":\"volume\",\"Name\":\"data\",\"Source\":\"$VOLUMES/data/_data\",\"Destination\":\"/d\",\"Driver\":\"local\",\"Mode\":\"z\",\"RW\":true,\"Propagation\":\"\"}"
    run_ok skiff ps --format '{{.LocalVolumes}} {{.Mounts}}'
    output_has '^4 data,ro,/tmp,mm,,[0-9a-f]{14}…$'
    run_ok skiff ps -q --filter volume=data
    output_has '^[0-9a-f]{12}$'
    run_ok skiff ps -q --filter volume=/r
    output_has '^[0-9a-f]{12}$'
    run_ok skiff ps -q --filter volume=none
    output_is ''
}

@test "-v /path: anonymous, kept after the container, gone with rm -v and --rm" {
    needs_skiff "volumes without a name are not removed by --rm of create"
    skiff run --name cc -v /d busybox sh -c 'echo x >/d/x'
    name=$(skiff volume ls -q)
    [[ $name =~ ^[0-9a-f]{64}$ ]]
    run_ok skiff start -a cc
    skiff rm cc >/dev/null
    [ "$(skiff volume ls -q)" = "$name" ]
    [ -e "$VOLUMES/$name/_data/x" ]
    skiff run --name cc -v /d -v named:/n busybox true
    skiff rm -v cc >/dev/null
    [ "$(skiff volume ls -q)" = "$name"$'\nnamed' ]
    skiff volume prune -af >/dev/null
    run_ok run_bb -v /d -v named:/n busybox touch /d/x /n/x
    until_true test "$(skiff volume ls -q)" = named
    # Also when it never started, or was killed.
    run -127 run_bb -v /d busybox /nothing
    run run_bb -v /d --tmpfs /x:nonsense=1 busybox true
    run run_bb -v /d -v relative:path busybox true
    [ "$(skiff volume ls -q)" = named ]
    skiff run -d --rm --name cc -v /d busybox sleep 1000 >/dev/null
    [ "$(skiff volume ls -q | wc -l)" -eq 2 ]
    skiff rm -f cc >/dev/null
    until_true test "$(skiff volume ls -q)" = named
}

@test "an anonymous volume given by its name is nobody's to take along" {
    name=$(skiff volume create)
    run_ok run_bb -v "$name:/d" busybox touch /d/x
    [ "$(skiff volume ls -q)" = "$name" ]
}

@test "the image's VOLUMEs: made for each container, unless something else is mounted there" {
    image_with volumes -c 'VOLUME /data /other'
    skiff run --name cc volumes sh -c 'ls /data; touch /data/new'
    run_ok skiff inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}};{{end}}{{json .Config.Volumes}}' cc
    output_is 'volume /data;volume /other;{"/data":{},"/other":{}}'
    [ "$(skiff volume ls -q | wc -l)" -eq 2 ]
    run_ok run_bb volumes ls /data
    output_lacks new
    output_has one
    skiff rm -v cc >/dev/null
    [ -z "$(skiff volume ls -q)" ]
    run_ok run_bb -v mine:/data --tmpfs /other -v /third volumes sh -c 'grep -c " /other tmpfs" /proc/mounts'
    output_is 1
    skiff create --name cc -v mine:/data -v "$here:/other" volumes true >/dev/null
    [ "$(skiff volume ls -q)" = mine ]
}

# --- filled from the image -----------------------------------------------------------------------

everything()
{
    # Link counts of folders are the file system's own.
    echo 'cd /data && find . ! -name new -exec stat -c "%n %F %a %u:%g %s" {} + | sed "s/ directory \(.*\) [0-9]*$/ directory \1/" | sort
        stat -c "%h %Y" one; readlink link; cat one sub/two; stat -c %Y sub/deep'
}

@test "a new volume has what the image has there: owners, modes, times, links, all" {
    image_with filled
    want=$(run_bb filled sh -c "$(everything)")
    [[ $want == *'./secret regular file 4750 1000:50 7'* ]]
    run_ok run_bb -v data:/data filled sh -c "$(everything)"
    output_is "$want"
    run_ok run_bb -v data:/data busybox sh -c "$(everything)"
    output_is "$want"
    run_ok run_bb -v /data filled sh -c "$(everything)"
    output_is "$want"
    run_ok run_bb --mount dst=/data filled sh -c "$(everything)"
    output_is "$want"
    [ -z "$(find "$SKIFF_ROOT/volumes" -name '.skiff*')" ]
}

@test "extended attributes and capabilities go along" {
    require_command setcap setfattr
    rootfs_unpacked "$(rootfs_busybox)" "$here/image"
    mkdir "$here/image/data"
    cp "$here/image/bin/busybox" "$here/image/data/tool"
    setcap cap_net_raw+ep "$here/image/data/tool"
    setfattr -n user.note -v x "$here/image/data" || skip "no user attributes here"
    tar -C "$here/image" --xattrs --xattrs-include='*' --numeric-owner -cf "$here/image.tar" .
    skiff import "$here/image.tar" attributes >/dev/null
    run_ok run_bb -v data:/data attributes true
    run getcap "$VOLUMES/data/_data/tool"
    output_has cap_net_raw
}

@test "nocopy: it stays empty; so does one that is not empty, a part, another container's" {
    image_with filled
    run_ok run_bb -v data:/data:nocopy filled ls -A /data
    output_is ''
    run_ok run_bb --mount src=data,dst=/data,volume-nocopy filled ls -A /data
    output_is ''
    run_ok run_bb -v data:/x busybox touch /x/own
    run_ok run_bb -v data:/data filled ls -A /data
    output_is own
    skiff create --name donor -v /data busybox >/dev/null
    run_ok run_bb --volumes-from donor filled ls -A /data
    output_is ''
    # Where the image has nothing, or no folder, nothing is copied, and it is no error.
    run_ok run_bb -v fresh:/not/there filled ls -A /not/there
    output_is ''
    run run_bb -v fresh:/data/one filled true
    [ "$status" -eq 125 ]
    run_ok run_bb -v fresh:/data filled cat /data/one
    output_is one
}

@test "filled when it is created, and with its own owners under a user namespace" {
    needs_skiff "no user namespace of a container's own"
    image_with filled
    skiff create --name cc --userns private -v data:/data filled sh -c "$(everything)" >/dev/null
    [ "$(stat -c '%a %u:%g' "$VOLUMES/data/_data" "$VOLUMES/data/_data/secret" | tr '\n' ' ')" = '2770 7:8 4750 1000:50 ' ]
    run_ok skiff start -a cc
    inside=$output
    [ "$inside" = "$(run_bb filled sh -c "$(everything)")" ]
    # What its root and its users write are root's and theirs outside of it.
    run_ok run_bb --userns private -v data:/data -u 0 filled touch /data/new
    run_ok run_bb --userns private -v open:/o busybox chmod 777 /o
    run_ok run_bb --userns private -v open:/o -u 1000:50 busybox touch /o/user
    [ "$(stat -c %u:%g "$VOLUMES/data/_data/new" "$VOLUMES/open/_data/user" | tr '\n' ' ')" = '0:8 1000:50 ' ] ||
        [ "$(stat -c %u:%g "$VOLUMES/data/_data/new" "$VOLUMES/open/_data/user" | tr '\n' ' ')" = '0:0 1000:50 ' ]
}

@test "a fill that was killed begins anew, one that was moving in is finished" {
    needs_skiff "a copy that was cut off is taken for whole"
    image_with filled
    skiff volume create data >/dev/null
    mkdir "$SKIFF_ROOT/volumes/data/.skiff-filling"
    echo half >"$SKIFF_ROOT/volumes/data/.skiff-filling/half"
    run_ok run_bb -v data:/data filled ls /data
    output_lacks half
    output_has one
    skiff volume create moved >/dev/null
    mkdir -m 700 "$SKIFF_ROOT/volumes/moved/.skiff-filled"
    echo two >"$SKIFF_ROOT/volumes/moved/.skiff-filled/two"
    echo one >"$VOLUMES/moved/_data/one"
    run_ok run_bb -v moved:/data busybox ls -A /data
    output_is $'one\ntwo'
    [ "$(stat -c %a "$VOLUMES/moved/_data")" = 700 ]
    [ -z "$(find "$SKIFF_ROOT/volumes" -name '.skiff*')" ]
}

@test "killed at random moments while it fills: the next one finds all of it" {
    needs_skiff "a copy that was cut off is taken for whole"
    rootfs_unpacked "$(rootfs_busybox)" "$here/image"
    mkdir "$here/image/many"
    (cd "$here/image/many" && for i in $(seq 1000); do echo "$i" >"$i"; done)
    import_folder "$here/image" many
    local i pid
    for ((i = 0; i < 10; i++)); do
        skiff run --rm --network none -v data:/many many true >/dev/null 2>&1 3>&- &
        pid=$!
        sleep "0.0$((i * 7 % 10))"
        kill -9 $pid 2>/dev/null
        wait $pid 2>/dev/null || true
        run_ok run_bb -v data:/many many sh -c 'ls -A /many | wc -l; cat /many/* | wc -l'
        output_is $'1000\n1000'
        skiff ps -a >/dev/null
        until_true skiff volume rm data 2>/dev/null
    done
}

@test "two that are created at once with the same new volume both find it whole" {
    rootfs_unpacked "$(rootfs_busybox)" "$here/image"
    mkdir "$here/image/many"
    (cd "$here/image/many" && for i in $(seq 1000); do echo "$i" >"$i"; done)
    import_folder "$here/image" many
    local i
    for ((i = 0; i < 10; i++)); do
        run_bb -v data:/many many sh -c 'ls -A /many | wc -l' >"$here/out.$i" &
    done
    wait_all
    [ "$(cat "$here"/out.* | sort -u)" = 1000 ]
}

# --- volumes-from --------------------------------------------------------------------------------

@test "--volumes-from: all mounts of another, its own first, ro when asked" {
    mkdir "$here/bound"
    skiff run --name donor -v data:/d -v /a -v "$here/bound:/b" -v seen:/s:ro busybox sh -c 'echo x | tee /d/x /a/x /b/x'
    run_ok run_bb --volumes-from donor busybox cat /d/x /a/x /b/x
    output_is $'x\nx\nx'
    run_ok run_bb --volumes-from donor busybox touch /d/y /a/y /b/y
    run_fails 'ead-only' run_bb --volumes-from donor busybox touch /s/y
    local place
    for place in /d /a /b; do
        run_fails 'ead-only' run_bb --volumes-from donor:ro busybox touch "$place/z"
    done
    run_ok run_bb --volumes-from donor:rw -v other:/d busybox ls -A /d
    output_is ''
    run_fails 'duplicate mount point: /d' run_bb --volumes-from donor -v other:/d -v third:/d busybox true
    run_fails 'no such container: nobody' run_bb --volumes-from nobody busybox true
    run_fails 'invalid mode: sometimes' run_bb --volumes-from donor:sometimes busybox true
    run_fails 'invalid (volumes-from|name or ID supplied)' run_bb --volumes-from :ro busybox true
    # The anonymous one outlives whoever goes first, and goes with the last.
    skiff create --name heir --volumes-from donor busybox true >/dev/null
    skiff rm -v donor >/dev/null
    [ "$(skiff volume ls -q | grep -cE '^[0-9a-f]{64}$')" -eq 1 ]
    run_ok skiff start -a heir
    skiff rm -v heir >/dev/null
    [ "$(skiff volume ls -q | grep -cE '^[0-9a-f]{64}$')" -eq 0 ]
}

# --- --mount -------------------------------------------------------------------------------------

@test "--mount type=volume: its options, and what does not go together" {
    needs_skiff "labels of a volume that is there are not looked at"
    run_ok run_bb --mount type=volume,source=data,target=/d,volume-label=a=b,volume-driver=local busybox touch /d/x
    run_ok skiff volume inspect -f '{{json .Labels}}' data
    output_is '{"a":"b"}'
    run_ok run_bb --mount src=data,destination=/d,readonly busybox ls /d
    output_is x
    run_fails 'ead-only' run_bb --mount src=data,dst=/d,ro busybox touch /d/y
    run_ok run_bb --mount src=data,dst=/d,ro=false busybox touch /d/y
    run_ok run_bb --mount 'dst=/d,src=small,volume-opt=type=tmpfs,volume-opt=device=tmpfs,"volume-opt=o=size=1m,uid=3"' \
        busybox grep /d /proc/mounts
    output_has 'tmpfs /d tmpfs rw,.*size=1024k,uid=3'
    run_fails "cannot mix 'bind-\*' options with mount type 'volume'" run_bb --mount dst=/d,bind-propagation=rshared busybox true
    run_fails "cannot mix 'volume-\*' options with mount type 'bind'" run_bb --mount type=bind,src=/tmp,dst=/d,volume-nocopy busybox true
    run_fails "cannot mix 'tmpfs-\*' options with mount type 'volume'" run_bb --mount dst=/d,tmpfs-size=1m busybox true
    run_fails 'mount type unknown: "ramfs"' run_bb --mount type=ramfs,dst=/d busybox true
    run_fails 'target is required' run_bb --mount src=data busybox true
    run_fails "unexpected key 'colour'" run_bb --mount dst=/d,colour=red busybox true
    run_fails 'must be a key=value pair' run_bb --mount dst=/d,colour busybox true
    run_fails 'its quotes do not match' run_bb --mount 'dst=/d,"src=data' busybox true
    run_fails "invalid value for 'readonly'" run_bb --mount dst=/d,readonly=perhaps busybox true
    run_fails 'Source must not be specified' run_bb --mount type=tmpfs,src=x,dst=/d busybox true
    run_fails 'Source must not be empty' run_bb --mount type=bind,dst=/d busybox true
    run_fails "invalid value for tmpfs-mode: '9'" run_bb --mount type=tmpfs,dst=/d,tmpfs-mode=9 busybox true
    run_fails "requires 'readonly'" run_bb --mount type=bind,src=/tmp,dst=/d,bind-recursive=readonly busybox true
}

@test "--mount bind-create-src: a source that is missing is made" {
    needs_skiff "it has not"
    run_fails 'does not exist' run_bb --mount "type=bind,src=$here/new/deep,dst=/d" busybox true
    run_ok run_bb --mount "type=bind,src=$here/new/deep,dst=/d,bind-create-src" busybox touch /d/x
    [ -e "$here/new/deep/x" ]
}

@test "volume-subpath: a part of a volume; links inside; nothing outside, nothing missing" {
    needs_skiff "since 26"
    run_bb -v data:/d busybox sh -c 'mkdir -p /d/a/b; echo in >/d/a/b/file; ln -s a /d/good; ln -s ../.. /d/out
        ln -s /etc /d/absolute; echo alone >/d/file'
    local part
    for part in a/b good/b a/../a/b ./a/b; do
        run_ok run_bb --mount "src=data,dst=/p,volume-subpath=$part" busybox cat /p/file
        output_is in
    done
    run_ok run_bb --mount src=data,dst=/f,volume-subpath=file busybox cat /f
    output_is alone
    run_fails 'ead-only' run_bb --mount src=data,dst=/p,volume-subpath=a,readonly busybox touch /p/x
    for part in out absolute .. ../x a/../../x; do
        run_fails "subpath \"$part\" leads out of the volume" run_bb --mount "src=data,dst=/p,volume-subpath=$part" busybox true
    done
    run_fails 'must be a relative path' run_bb --mount src=data,dst=/p,volume-subpath=/a busybox true
    run_fails 'cannot open subpath "none"' run_bb --mount src=data,dst=/p,volume-subpath=none busybox true
    run_ok run_bb --userns private --mount src=data,dst=/p,volume-subpath=a busybox stat -c %u /p/b
    output_is 0
    # It is found again at each start.
    skiff run --name cc --mount src=data,dst=/p,volume-subpath=a/b busybox cat /p/file
    run_ok skiff start -a cc
    output_is in
}

# --- the local driver's types --------------------------------------------------------------------

@test "type=tmpfs: shared while it is used, gone with the last, never on the host" {
    needs_skiff "no user namespace of a container's own"
    skiff volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,mode=1777,nosuid temporary >/dev/null
    skiff run -d --name first -v temporary:/t busybox sleep 1000 >/dev/null
    [ -z "$(grep -F "$SKIFF_ROOT/volumes" /proc/self/mountinfo)" ]
    run_ok run_bb -v temporary:/x busybox sh -c 'echo shared >/x/file; grep " /x " /proc/mounts'
    output_has 'tmpfs /x tmpfs rw,nosuid,.*size=1024k'
    run_ok run_bb --volumes-from first busybox cat /t/file
    output_is shared
    run_ok run_bb --userns private -v temporary:/x:ro busybox cat /x/file
    output_is shared
    run_fails 'ead-only' run_bb -v temporary:/x:ro busybox touch /x/y
    run_fails 'only once in a container' run_bb -v temporary:/x -v temporary:/y busybox true
    skiff rm -f first >/dev/null
    run_ok run_bb -v temporary:/x busybox ls -A /x
    output_is ''
}

@test "type=tmpfs: ten that start at once share one" {
    skiff volume create -o type=tmpfs -o device=tmpfs temporary >/dev/null
    local i
    for ((i = 0; i < 10; i++)); do
        skiff run -d --network none -v temporary:/t busybox sleep 1000 >/dev/null &
    done
    wait_all
    local pids pid seen
    pids=$(for id in $(skiff ps -q); do container_pid "$id"; done)
    [ "$(wc -w <<<"$pids")" -eq 10 ]
    seen=$(for pid in $pids; do stat -c %d "/proc/$pid/root/t"; done | sort -u | wc -l)
    [ "$seen" -eq 1 ]
}

@test "type=none, o=bind: a folder of the host, filled when it is empty" {
    needs_skiff "in other words"
    mkdir "$here/folder"
    skiff volume create -o type=none -o o=bind -o "device=$here/folder" bound >/dev/null
    image_with filled
    run_ok run_bb -v bound:/data filled cat /data/one
    output_is one
    [ "$(cat "$here/folder/one")" = one ]
    [ -z "$(find "$here/folder" -name '.skiff*')" ]
    skiff volume create -o type=none -o o=bind,ro -o "device=$here/folder" frozen >/dev/null
    run_fails 'ead-only' run_bb -v frozen:/d busybox touch /d/x
    skiff volume create -o type=none -o o=bind -o "device=$here/missing" lost >/dev/null
    run_fails 'volume "lost"' run_bb -v lost:/d busybox true
    run_ok skiff volume rm bound frozen lost
    [ -e "$here/folder/one" ]
}

@test "a type that cannot be mounted says so in one line, and leaves nothing" {
    needs_skiff "in other words"
    skiff volume create -o type=nosuchfs -o device=x odd >/dev/null
    run_fails 'cannot mount volume "odd": cannot open file system "nosuchfs": no such device' run_bb -v odd:/d busybox true
    skiff volume create -o type=tmpfs -o device=tmpfs -o o=nonsense=1 bad >/dev/null
    run_fails 'cannot mount volume "bad": .*nonsense' run_bb -v bad:/d busybox true
    [ -z "$(skiff ps -aq)" ]
}

@test "type=ext4: a device, mounted in the container alone" {
    require_command mkfs.ext4 losetup
    truncate -s 16M "$here/image.ext4"
    mkfs.ext4 -q "$here/image.ext4"
    device=$(losetup -f --show "$here/image.ext4") || skip "no loop devices"
    skiff volume create -o type=ext4 -o "device=$device" -o o=noexec disk >/dev/null
    run run_bb -v disk:/d busybox sh -c 'grep " /d " /proc/mounts; touch /d/x; ls /d'
    losetup -d "$device"
    [ "$status" -eq 0 ] || told "a device"
    output_has "$device /d ext4 rw,noexec"
    output_has x
}

# --- what else sees them -------------------------------------------------------------------------

@test "inspect finds volumes, after containers and images" {
    skiff volume create both >/dev/null
    run_ok skiff inspect -f '{{.Mountpoint}}' both
    output_is "$VOLUMES/both/_data"
    run_status 1 skiff inspect --type container both
    output_has 'no such container: both'
    skiff create --name both busybox true >/dev/null
    run_ok skiff inspect -f '{{.Name}}' both
    output_is /both
    run_ok skiff inspect --type volume -f '{{.Name}}' both
    output_is both
    run_status 1 skiff inspect --type volume nothing
    output_has 'get nothing: no such volume'
}

@test "cp goes where the container will find it: a volume, a part of one, a folder bound by one" {
    needs_skiff "parts of volumes are known since 26"
    mkdir "$here/folder"
    echo hello >"$here/hello"
    skiff volume create -o type=none -o o=bind -o "device=$here/folder" bound >/dev/null
    run_bb -v data:/d busybox mkdir /d/part
    skiff create --name cc -v data:/d --mount src=data,dst=/p,volume-subpath=part -v bound:/b busybox \
        cat /d/file /p/file /b/file >/dev/null
    local place
    for place in d p b; do
        echo "$place" >"$here/file"
        run_ok skiff cp "$here/file" "cc:/$place/file"
    done
    run_ok skiff start -a cc
    output_is $'d\np\nb'
    [ "$(cat "$VOLUMES/data/_data/part/file" "$here/folder/file")" = $'p\nb' ]
}

# --- killed, and full disks ----------------------------------------------------------------------

# all_whole: every volume that is seen can be read, and has its data.
all_whole()
{
    local folder
    for folder in "$SKIFF_ROOT"/volumes/*/; do
        [ -d "$folder" ] || continue
        run_ok skiff volume inspect -f '{{.Name}}' "$(basename "$folder")"
        output_is "$(basename "$folder")"
        [ -d "$folder/_data" ] || told "$folder has no data" || return 1
    done
}

# killed COMMAND...: after a moment of up to ten milliseconds.
killed()
{
    local pid
    "$SKIFF" "$@" >/dev/null 2>&1 3>&- &
    pid=$!
    sleep "0.00$((RANDOM % 10))"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
}

@test "killed at random moments: create, rm and prune leave whole volumes and nothing else" {
    needs_skiff "it is killed with its daemon"
    local i
    for ((i = 0; i < 60; i++)); do
        killed volume create "v$((i % 3))"
        killed volume create
        killed volume rm "v$(((i + 1) % 3))"
        killed volume prune -f
        all_whole
    done
    skiff volume prune -af >/dev/null
    skiff ps >/dev/null
    [ -z "$(ls -A "$SKIFF_ROOT/volumes")" ]
    [ -z "$(ls -A "$SKIFF_ROOT/removed")" ]
}

@test "a full disk: one line, no half volume, and nothing of the container" {
    needs_skiff "its root is elsewhere"
    mkdir "$here/small"
    mount -t tmpfs -o size=12m none "$here/small"
    local SKIFF_ROOT=$here/small/root
    skiff import "$(rootfs_busybox)" busybox >/dev/null
    skiff volume create there >/dev/null
    dd if=/dev/zero of="$here/small/fill" bs=4k 2>/dev/null || true
    run_fails 'o space left on device' skiff volume create another
    run_ok skiff volume ls -q
    output_is there
    # With room for the container, but not for what is copied.
    truncate -s -400k "$here/small/fill"
    run_fails 'o space left on device' run_bb -v there:/bin busybox true
    [ -z "$(ls -A "$SKIFF_ROOT/volumes/there/_data")" ]
    [ -z "$(ls -A "$SKIFF_ROOT/containers")" ]
    run_ok run_bb -v there:/v busybox true
    run_ok skiff volume rm there
}
