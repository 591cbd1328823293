# run: what files it sees: read-only root, tmpfs, binds and their options, /dev/shm, devices.
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    here=$BATS_TEST_TMPDIR
    mkdir "$here/data"
    echo host >"$here/data/file"
}

teardown()
{
    skiff_cleanup
    awk -v here="$here" 'index($5, here) == 1 { print $5 }' /proc/self/mountinfo | sort -r |
        xargs -r -n 1 umount -l
}

run_bb()
{
    skiff run --rm "$@"
}

# --- the root ------------------------------------------------------------------------------------

@test "what it writes is its own: not the image's, not another container's" {
    run_ok skiff run --name writer busybox sh -c 'echo changed >/etc/passwd; rm /etc/group; mkdir /new'
    run run_bb busybox sh -c 'cat /etc/passwd /etc/group; ls -d /new'
    output_has root:x:0:0
    output_has staff
    output_has '/new: No such file'
}

@test "--read-only: the root cannot be written; /dev, /tmp as tmpfs and the network's files can" {
    run_fails 'ead-only file system' run_bb --read-only busybox touch /x
    run_ok run_bb --read-only --tmpfs /tmp -v "$here/data:/data" busybox sh -c \
        'echo x >/dev/shm/x && touch /tmp/x /data/x && echo written'
    output_is written
    differs "read-only too" || run_ok run_bb --read-only busybox sh -c 'echo x >/etc/hosts'
    run_fails 'ead-only file system' run_bb --read-only busybox rm /etc/passwd
    [ "$(skiff run -d --name ro --read-only busybox sleep 100 >/dev/null; skiff inspect -f '{{.HostConfig.ReadonlyRootfs}}' ro)" = true ]
    run_ok run_bb busybox touch /x
}

# --- tmpfs ---------------------------------------------------------------------------------------

@test "--tmpfs: fresh, and with options of its own" {
    run_ok run_bb --tmpfs /etc/ssl --tmpfs /t:size=3m,mode=700,exec --tmpfs /r:ro busybox \
        sh -c 'ls -A /t; grep -E " /(etc/ssl|t|r) " /proc/mounts | sort; stat -c %a /t /etc/ssl'
    [[ ${lines[0]} =~ ^tmpfs\ /etc/ssl\ tmpfs\ rw,nosuid,nodev,noexec,relatime ]]
    [[ ${lines[1]} =~ ^tmpfs\ /r\ tmpfs\ ro,nosuid,nodev,noexec,relatime ]]
    [[ ${lines[2]} =~ ^tmpfs\ /t\ tmpfs\ rw,nosuid,nodev,relatime,size=3072k,mode=700 ]]
    [ "${lines[3]} ${lines[4]}" = '700 1777' ]
    run_status 125 run_bb --tmpfs relative busybox true
    output_has 'must be absolute'
    run_status 125 run_bb --tmpfs /t:nonsense=1 busybox true
    output_has nonsense
}

@test "--mount type=tmpfs: size, mode, read-only" {
    run_ok run_bb --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0711 \
        --mount type=tmpfs,target=/r,readonly busybox grep -E ' /[tr] ' /proc/mounts
    [[ $output =~ \ /t\ tmpfs\ rw,nosuid,nodev,noexec,.*size=1024k,mode=711 ]]
    [[ $output =~ \ /r\ tmpfs\ ro, ]]
    run run_bb --mount type=tmpfs,dst=/t,tmpfs-size=1m busybox dd if=/dev/zero of=/t/x bs=1M count=2
    output_has 'No space left'
}

# --- binds ---------------------------------------------------------------------------------------

@test "-v: folders and files, both ways; order and depth" {
    run_ok run_bb -v "$here/data:/d" -v "$here/data/file:/etc/one" busybox sh -c 'cat /d/file /etc/one; echo back >/d/new'
    output_is $'host\nhost'
    [ "$(cat "$here/data/new")" = back ]
    # One below another, given in the wrong order.
    mkdir "$here/inner"
    echo inner >"$here/inner/file"
    run_ok run_bb -v "$here/inner:/d/sub" -v "$here/data:/d" busybox cat /d/file /d/sub/file
    output_is $'host\ninner'
    run_status 125 run_bb -v "$here/data:/d" -v "$here/inner:/d" busybox true
    output_has 'duplicate mount point: /d'
}

@test "-v: a source that is missing is made; with --mount it is an error" {
    run_ok run_bb -v "$here/made/deep:/d" busybox touch /d/x
    [ -e "$here/made/deep/x" ]
    run_status 125 run_bb --mount "type=bind,src=$here/missing,dst=/d" busybox true
    output_has "bind source path does not exist: $here/missing"
    [ ! -e "$here/missing" ]
}

@test "-v: a source relative to the working directory" {
    cd "$here"
    run_ok run_bb -v ./data:/d busybox cat /d/file
    output_is host
    run_ok run_bb -v .:/d busybox cat /d/data/file
    output_is host
    run_ok run_bb --mount type=bind,src=./data,dst=/d busybox cat /d/file
    output_is host
}

@test "-v ro: cannot be written, and nothing mounted below it either" {
    needs_skiff "ro is of all below it since 25"
    mkdir "$here/data/below"
    mount -t tmpfs none "$here/data/below"
    run_fails 'ead-only file system' run_bb -v "$here/data:/d:ro" busybox touch /d/x
    run_fails 'ead-only file system' run_bb -v "$here/data:/d:ro" busybox touch /d/below/x
    run_fails 'ead-only file system' run_bb -v "$here/data:/d:rro" busybox touch /d/below/x
    run_fails 'ead-only file system' run_bb --mount "type=bind,src=$here/data,dst=/d,readonly" busybox touch /d/below/x
    run_fails 'ead-only file system' run_bb --mount "type=bind,src=$here/data,dst=/d,ro" busybox touch /d/x
    run_fails 'ead-only file system' run_bb --mount "type=bind,src=$here/data,dst=/d,readonly,bind-recursive=readonly" \
        busybox touch /d/below/x
    run_ok run_bb --mount "type=bind,src=$here/data,dst=/d,readonly,bind-recursive=writable" busybox touch /d/below/x
    run_fails 'ead-only file system' run_bb --mount "type=bind,src=$here/data,dst=/d,readonly,bind-recursive=writable" \
        busybox touch /d/x
    run_ok run_bb -v "$here/data:/d" busybox touch /d/x /d/below/x
    # Without what is below.
    run_ok run_bb --mount "type=bind,src=$here/data,dst=/d,bind-recursive=disabled" busybox ls -A /d/below
    output_is ''
    run_ok run_bb --mount "type=bind,src=$here/data,dst=/d,bind-nonrecursive" busybox ls -A /d/below
    output_is ''
}

@test "propagation: private by default, slave and shared when asked" {
    needs_skiff "the folder's mount must be shared for the daemon"
    mkdir "$here/shared"
    mount -t tmpfs none "$here/shared"
    mount --make-shared "$here/shared"
    mkdir "$here/shared/at"
    fields='$5 ~ "^/d$" { for (i = 7; $i != "-"; i++) printf "%s ", substr($i, 1, 6) }'
    run_ok run_bb -v "$here/shared:/d" busybox awk "$fields" /proc/self/mountinfo
    output_is ''
    run_ok run_bb -v "$here/shared:/d:rslave" busybox awk "$fields" /proc/self/mountinfo
    output_is 'master '
    run_ok run_bb --mount "type=bind,src=$here/shared,dst=/d,bind-propagation=rslave" busybox awk "$fields" /proc/self/mountinfo
    output_is 'master '
    run_ok run_bb -v "$here/shared:/d:rshared" busybox awk "$fields" /proc/self/mountinfo
    output_is 'shared '
    # What it means: from the host into a slave, from a sharer out to the host; never from the others.
    skiff run -d --name slave -v "$here/shared:/d:rslave" busybox sleep 1000 >/dev/null
    skiff run -d --name private -v "$here/shared:/d" busybox sleep 1000 >/dev/null
    mount -t tmpfs seen "$here/shared/at"
    grep -q ' /d/at .* seen ' "/proc/$(container_pid slave)/mountinfo"
    run grep ' /d/at ' "/proc/$(container_pid private)/mountinfo"
    [ "$status" -eq 1 ]
    umount "$here/shared/at"
    mount='mount -t tmpfs out /d/at && sleep 1000'
    skiff run -d --name out --cap-add SYS_ADMIN -v "$here/shared:/d:rshared" busybox sh -c "$mount" >/dev/null
    until_true grep -q "$here/shared/at .* out " /proc/self/mountinfo
    umount "$here/shared/at"
    skiff run -d --name kept --cap-add SYS_ADMIN -v "$here/shared:/d:rslave" busybox sh -c "$mount" >/dev/null
    until_true grep -q ' /d/at .* out ' "/proc/$(container_pid kept)/mountinfo"
    run grep " $here/shared/at " /proc/self/mountinfo
    [ "$status" -eq 1 ]
}

@test "propagation: shared or slave of what is not shared is refused" {
    needs_skiff "it looks in its own mount namespace"
    mkdir "$here/alone"
    mount -t tmpfs none "$here/alone"
    mount --make-private "$here/alone"
    run_status 125 run_bb -v "$here/alone:/d:rshared" busybox true
    output_has "path $here/alone is mounted on $here/alone but it is not a shared mount"
    run_status 125 run_bb -v "$here/alone:/d:rslave" busybox true
    output_has "path $here/alone is mounted on $here/alone but it is not a shared or slave mount"
}

@test "what a container mounts never reaches the host" {
    skiff run -d --name mounter --cap-add SYS_ADMIN -v "$here/data:/d" busybox \
        sh -c 'mkdir /m && mount -t tmpfs none /m && mount -t tmpfs none /d && sleep 1000' >/dev/null
    until_true grep -q ' /m ' "/proc/$(container_pid mounter)/mountinfo"
    run grep -F "$here/data" /proc/self/mountinfo
    [ "$status" -eq 1 ]
    [ -e "$here/data/file" ]
}

@test "binds that are refused, each in a line that says why" {
    run_status 125 run_bb -v "$here/data:relative" busybox true
    output_has 'mount path must be absolute'
    run_status 125 run_bb -v "$here/data:/" busybox true
    run_status 125 run_bb -v "$here/data:/x/.." busybox true
    run_status 125 run_bb -v "$here/data:/d:nonsense" busybox true
    output_has 'invalid mode: nonsense'
    run_status 125 run_bb --mount "type=bind,src=$here/data" busybox true
    output_has 'target is required'
    run_status 125 run_bb --mount "type=nonsense,src=$here/data,dst=/d" busybox true
    run_status 125 run_bb --mount "type=bind,dst=/d,bogus=1" busybox true
    output_has "unexpected key 'bogus'"
    run_status 125 run_bb --mount "type=bind,src=$here/data,dst=/d,bind-propagation=bogus" busybox true
    output_has bogus
    run_status 125 run_bb -v "$here/data/file:/etc" busybox true
    output_has '/etc'
    run_status 125 run_bb -v "$here/data:/etc/passwd" busybox true
    output_has '/etc/passwd'
}

# --- /dev/shm and devices ------------------------------------------------------------------------

@test "--shm-size: with units, for /dev/shm alone" {
    run_ok run_bb --shm-size 10m busybox sh -c 'grep " /dev/shm " /proc/mounts; grep " /dev " /proc/mounts'
    [[ ${lines[0]} =~ size=10240k ]]
    [[ ${lines[1]} =~ size=65536k ]]
    run_ok run_bb --shm-size=1g busybox grep ' /dev/shm ' /proc/mounts
    output_has 'size=1048576k'
    run_status 125 run_bb --shm-size=x busybox true
    output_has 'invalid size'
    run_status 125 run_bb --shm-size=-1 busybox true
}

@test "--device: the node, another name, and what may be done with it" {
    run_ok run_bb --device /dev/zero:/dev/nil --device /dev/full:/dev/half:r busybox \
        sh -c 'stat -c "%F %t:%T" /dev/nil /dev/half; head -c 2 /dev/nil | wc -c'
    output_is $'character special file 1:5\ncharacter special file 1:7\n2'
    [ -c /dev/loop-control ] || skip 'no /dev/loop-control'
    run run_bb busybox sh -c 'mknod /l c 10 237; : </l'
    [ "$status" -ne 0 ]
    output_has 'peration not permitted'
    run_ok run_bb --device /dev/loop-control busybox sh -c ': </dev/loop-control && : >/dev/loop-control'
    run_ok run_bb --device /dev/loop-control:/dev/l:r busybox sh -c ': </dev/l'
    run run_bb --device /dev/loop-control:/dev/l:r busybox sh -c ': >/dev/l'
    [ "$status" -ne 0 ]
    output_has 'peration not permitted'
    run run_bb --device /dev/loop-control:m busybox sh -c ': </dev/loop-control'
    [ "$status" -ne 0 ]
}

@test "--device: a folder of devices, and what is refused" {
    mkdir "$here/dev"
    mknod "$here/dev/a" c 1 3
    mknod "$here/dev/b" c 1 5
    run_ok run_bb --device "$here/dev:/dev/mine" busybox sh -c 'stat -c "%n %t:%T" /dev/mine/*'
    output_is $'/dev/mine/a 1:3\n/dev/mine/b 1:5'
    run run_bb --device /dev/no-such busybox true
    differs "127: the client takes it for the command" || [ "$status" -eq 125 ]
    output_has '"/dev/no-such": no such file'
    run_status 125 run_bb --device "$here/data/file" busybox true
    output_has 'not a device'
    run_status 125 run_bb --device /dev/zero:/dev/x:q busybox true
    output_has 'bad (format|mode)'
}
