# `diff`, `export` and `commit`: what a container has made of its image, listed, whole, and as a new
# image.
load ../lib/common

setup_file()
{
    require_root
    require_command jq
    skiff_setup
    import_busybox
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    cd "$BATS_TEST_TMPDIR" || return 1
}

teardown()
{
    skiff_cleanup
}

# ran NAME COMMAND [OPTION...]: a container that has run a command and ended.
ran()
{
    skiff run --network none --name "$1" "${@:3}" busybox sh -c "$2"
}

# A bit of everything.
changes='rm /etc/passwd; mkdir -p /n/e/w; echo 1 >/n/e/w/f; rm -r /home; rm -r /var; mkdir /var /var/new
    echo x >>/etc/group; touch /root; ln -s x /link; rm /bin/true; mkdir /bin/true; echo >/bin/true/x
    chmod 700 /tmp; echo >/usr-x; echo >/usr/x; rm -r /sbin; echo file >/sbin; chmod 600 /bin/busybox; chmod 755 /bin/busybox'

# --- diff ----------------------------------------------------------------------------------------

# changes_are LINES: Docker tells them in no order.
changes_are()
{
    differs "in no order" || {
        output_is "$1"
        return
    }
    [ "$(sort <<<"$output")" = "$(sort <<<"$1")" ] || told "expected in any order: $1"
}

@test "diff: added, changed and deleted, a folder before what is in it" {
    ran one "$changes"
    run_ok skiff diff one
    changes_are 'C /bin
C /bin/true
A /bin/true/x
C /etc
C /etc/group
D /etc/passwd
D /home
A /link
A /n
A /n/e
A /n/e/w
A /n/e/w/f
C /sbin
C /tmp
C /usr
A /usr/x
A /usr-x
C /var
A /var/new
D /var/tmp'
}

@test "diff: of a container that runs, that never ran, that is not there" {
    skiff run -d --network none --name lives busybox sh -c 'echo 1 >/made; sleep 1000' >/dev/null
    until_true eval '[ "$(skiff diff lives)" = "A /made" ]'
    skiff create --name fresh busybox true >/dev/null
    run_ok skiff diff fresh
    output_is ''
    run_fails 'no such container: nobody' skiff diff nobody
    differs "no built-in image" && return
    skiff run --network none --name machine host true
    run_fails 'built-in image' skiff diff machine
}

@test "diff: odd names, and what came and went" {
    ran one 'printf 1 >"/a b"; printf 1 >"/$(printf "n\\303\\244")"; echo 1 >/gone; rm /gone; mv /etc/group /etc/moved'
    run_ok skiff diff one
    changes_are $'A /a b\nC /etc\nD /etc/group\nA /etc/moved\nA /n\xc3\xa4'
}

@test "diff: with a user namespace, owners that were not changed are no changes" {
    needs_skiff "no user namespace of a container's own"
    skiff run --network none --userns private --name mapped busybox sh -c 'echo >/x; chmod 600 /etc/passwd; chmod 644 /etc/passwd; chown 5 /etc/group'
    run_ok skiff diff mapped
    output_is $'C /etc\nC /etc/group\nA /x'
}

# --- export --------------------------------------------------------------------------------------

facts()
{
    (cd "$1" && find . -mindepth 1 -printf '%P|%y|%m|%U:%G|%T@|%l|%n|' \( -type f -printf '%s' , -true \) -printf '\n' |
        LC_ALL=C sort)
}

@test "export: the whole root, as it was imported and changed" {
    needs_skiff "times are whole seconds, and it makes /.dockerenv"
    mkdir made
    rootfs_unpacked "$(rootfs_busybox)" made
    chown 1000:50 made/etc/passwd
    chmod 4755 made/bin/busybox
    ln made/etc/passwd made/etc/other
    mkfifo made/fifo
    truncate -s 3M made/sparse
    printf x >>made/sparse
    touch -d @1234567890.5 made/etc/passwd
    touch -h -d @1000000000.123456789 made/bin/ls
    find made -type d -exec touch -d @86400 {} +
    tar -C made --format=posix --sparse --numeric-owner -cf - . | skiff import - own >/dev/null
    skiff create --name one own true >/dev/null
    skiff export one >one.tar
    mkdir back
    tar -C back -xpf one.tar
    facts made >want
    # What every container has, and an image may not: see engine/base_layer.h.
    facts back | grep -vE '^(dev|proc|sys|etc/(hosts|hostname|resolv.conf|mtab)|etc\|)' >got
    grep -vE '^(dev|proc|sys|etc/(hosts|hostname|resolv.conf|mtab)|etc\|)' want | diff - got
    [ "$(stat -c %b back/sparse)" -lt 100 ]
    cmp made/sparse back/sparse
    [ "$(stat -c %i back/etc/passwd)" = "$(stat -c %i back/etc/other)" ]
    bsdtar -tvf one.tar >/dev/null
    # Imported again it is the same image's content.
    skiff import one.tar again >/dev/null
    skiff create --name two again true >/dev/null
    skiff export two | tar -t | sort >second
    tar -tf one.tar | sort | diff - second
}

@test "export: of one that runs, without what is mounted in it" {
    mkdir volume
    echo hidden >volume/file
    skiff run -d --network none --name lives -v "$PWD/volume:/data" --tmpfs /quick busybox \
        sh -c 'echo 1 >/quick/x; echo 1 >/made; sleep 1000' >/dev/null
    until_true skiff cp lives:/made .
    skiff export lives | tar -t >names
    grep -qx 'data/' names
    grep -qx 'quick/' names
    grep -qx made names
    run grep -E '^(data|quick|proc|sys|dev)/.' names
    [ "$status" -ne 0 ] || grep -qxE 'dev/(pts|shm|mqueue|console)/?' <<<"$output"
    skiff kill lives >/dev/null
    skiff export lives | tar -t | sort >stopped
    sort names | diff - stopped
}

@test "export: to a file, which appears when it is whole; never to a terminal" {
    ran one 'echo 1 >/made'
    run_ok skiff export -o out.tar one
    output_is ''
    tar -tf out.tar made
    [ "$(stat -c %a out.tar)" = 600 ]
    run_fails 'cannot create|invalid output path' skiff export -o no/such/out.tar one
    run_fails 'is a directory|write to a directory' skiff export -o . one
    run_fails 'no such container' skiff export -o new.tar nobody
    [ ! -e new.tar ]
    [ "$(find . -name '*.tmp-*' | wc -l)" -eq 0 ]
    differs "a device is no file" || run_ok skiff export -o /dev/null one
    [ -c /dev/null ]
    run script -qec "'$SKIFF' export one" /dev/null </dev/null
    [ "$status" -ne 0 ]
    output_has 'cowardly refusing to save to a terminal'
    run bash -c "'$SKIFF' export one >/dev/full"
    [ "$status" -ne 0 ]
    output_has 'no space left'
}

@test "export: with a user namespace owners are those that the container sees" {
    needs_skiff "no user namespace of a container's own"
    skiff run --network none --userns private --name mapped busybox sh -c 'echo >/x; chown 5:6 /x; echo >/y'
    skiff export mapped | tar -tv --numeric-owner >names
    grep -qE ' 5/6 .* x$' names
    grep -qE ' 0/0 .* y$' names
    grep -qE ' 0/0 .* bin/busybox$' names
}

@test "trees that are deeper than a path can be long" {
    needs_skiff "paths end at 4,096 bytes"
    require_command python3
    python3 - <<'END'
import os
os.mkdir("deep")
os.chdir("deep")
for i in range(1500):
    os.mkdir("sub")
    os.chdir("sub")
open("file", "w").write("bottom")
END
    skiff create --name one busybox true >/dev/null
    ulimit -Sn 1024
    skiff cp deep one:/deep
    [ "$(skiff diff one | wc -l)" -eq 1502 ]
    skiff cp one:/deep back
    skiff export one | python3 -c 'import sys, tarfile
print(sum(m.name.endswith("/sub/file") for m in tarfile.open(fileobj=sys.stdin.buffer, mode="r|")))' >found
    [ "$(cat found)" -eq 1 ]
    python3 - <<'END'
import os
os.chdir("back")
for i in range(1500):
    os.chdir("sub")
assert open("file").read() == "bottom"
END
    rm -rf deep back
}

# --- commit --------------------------------------------------------------------------------------

# rootfs IMAGE FOLDER: what a container of the image begins with.
rootfs()
{
    skiff create --name look "$1" true >/dev/null
    mkdir "$2"
    skiff export look | tar -C "$2" -xp
    skiff rm look >/dev/null
}

@test "commit: the new image has what the container had, and has not what it had not" {
    needs_skiff "what it makes for each container is in its archives"
    ran one "$changes; mkfifo /fifo; ln /usr/x /usr/y; chown -h 7:8 /link; chmod 4755 /usr/x; dd if=/dev/zero of=/sparse bs=1 seek=3000000 count=1 2>&-"
    run_ok skiff commit one changed:v1
    [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
    [ "$(skiff image inspect --format '{{.Id}}' changed:v1)" = "$output" ]
    [ "$(skiff image inspect changed:v1 | jq '.[0].RootFS.Layers | length')" -eq 2 ]
    mkdir had
    skiff export one | tar -C had -xp
    rootfs changed:v1 has
    facts had >had.facts
    facts has >has.facts
    diff had.facts has.facts
    rm had/fifo has/fifo # which diff would not compare
    diff -r --no-dereference had has
    # Nothing is different from it.
    skiff create --name two changed:v1 true >/dev/null
    run_ok skiff diff two
    output_is ''
    # And it is one that others read.
    mkdir copy
    skopeo copy "oci:$SKIFF_ROOT/images:docker.io/library/changed:v1" dir:copy
    skiff rmi -f changed:v1 >/dev/null
}

@test "commit: one layer upon the other" {
    ran ca 'mkdir /d; echo 1 >/d/one; echo 1 >/d/two'
    skiff commit ca chain:1 >/dev/null
    skiff run --network none --name cb chain:1 sh -c 'rm -r /d; mkdir /d; echo 2 >/d/three'
    skiff commit cb chain:2 >/dev/null
    skiff run --network none --name cc chain:2 sh -c 'rm /d/three; echo 3 >/d/four'
    skiff commit cc chain:3 >/dev/null
    run_ok skiff run --rm --network none chain:3 ls /d
    output_is four
    run_ok skiff run --rm --network none chain:2 ls /d
    output_is three
    # Nothing changed, no layer.
    skiff create --name cd chain:3 true >/dev/null
    skiff commit -m nothing cd chain:4 >/dev/null
    [ "$(skiff image inspect chain:4 | jq '.[0].RootFS.Layers | length')" -eq 4 ]
    run_ok skiff run --rm --network none chain:4 ls /d
    output_is four
    differs "its images lie elsewhere" && return
    run_ok skopeo inspect --config --raw "oci:$SKIFF_ROOT/images:docker.io/library/chain:4"
    [ "$(jq -r '.history[-1].empty_layer' <<<"$output")" = true ]
    [ "$(jq '.history | length' <<<"$output")" -eq 5 ]
}

@test "commit: a layer that the image has already, once more" {
    ran c1 'touch -d @0 /x'
    skiff commit c1 twice:1 >/dev/null
    skiff run --network none --name c2 twice:1 rm /x
    skiff commit c2 twice:2 >/dev/null
    skiff run --network none --name c3 twice:2 touch -d @0 /x
    skiff commit c3 twice:3 >/dev/null
    [ "$(skiff image inspect twice:3 | jq '.[0].RootFS.Layers | length - (unique | length)')" -eq 1 ]
    run_ok skiff run --rm --network none twice:3 stat -c %Y /x
    output_is 0
    run_fails 'No such file' skiff run --rm --network none twice:2 stat /x
}

@test "commit: settings, changes, author and message" {
    needs_skiff "its images lie elsewhere"
    skiff run --network none --name one -e A=1 -u 1000:50 -w /tmp -l k=v --entrypoint sh busybox -c 'echo hello'
    run_ok skiff commit -a 'Ada <ada@example.org>' -m 'what I did' -c 'ENV B=2' -c 'CMD ["-c", "id -u"]' \
        --change 'EXPOSE 80' one set
    run_ok skopeo inspect --config --raw "oci:$SKIFF_ROOT/images:docker.io/library/set:latest"
    [ "$(jq -c .config.Env <<<"$output")" = '["A=1","B=2"]' ]
    [ "$(jq -c '[.config.User, .config.WorkingDir, .config.Labels, .config.Entrypoint, .config.Cmd]' <<<"$output")" = \
        '["1000:50","/tmp",{"k":"v"},["sh"],["-c","id -u"]]' ]
    [ "$(jq -r '.author' <<<"$output")" = 'Ada <ada@example.org>' ]
    [ "$(jq -r '.history[-1] | .comment, .created_by, .author' <<<"$output")" = $'what I did\n-c echo hello\nAda <ada@example.org>' ]
    [ "$(jq -c .config.Hostname <<<"$output")" = null ]
    [ "$(skiff image inspect --format '{{.Comment}}' set)" = 'what I did' ]
    run_ok skiff run --rm --network none set
    output_is 1000
    run_fails 'not a valid change command' skiff commit -c 'RUN ls' one
    run_fails 'lowercase' skiff commit one Bad
    run_fails 'no such container' skiff commit nobody
    run_fails 'built-in' skiff commit one host
    [ "$(skiff images -q --no-trunc | grep -c .)" -eq "$(skiff images -q --no-trunc | sort -u | grep -c .)" ]
}

@test "commit: of one that runs, which is held meanwhile, and let go" {
    skiff run -d --network none --name lives busybox sh -c 'n=0; while :; do n=$((n + 1)); echo $n >/a; echo $n >/b; done' >/dev/null
    local i
    until_true eval 'skiff diff lives | grep -qx "A /b"'
    for i in 1 2 3 4 5; do
        skiff commit lives held >/dev/null
        # Both files are from one moment.
        read -r a b <<<"$(skiff run --rm --network none held sh -c 'echo $(cat /a) $(cat /b)')"
        [ $((a - b)) -eq 0 ] || [ $((a - b)) -eq 1 ] || [ -z "$a" ] || [ -z "$b" ]
        [ "$(skiff inspect --format '{{.State.Status}}' lives)" = running ]
    done
    skiff commit --pause=false lives loose >/dev/null
    # One that is paused stays so.
    skiff pause lives >/dev/null
    skiff commit lives held >/dev/null
    [ "$(skiff inspect --format '{{.State.Status}}' lives)" = paused ]
    skiff unpause lives >/dev/null
    # An error lets it go too.
    run skiff commit -c 'RUN ls' lives
    [ "$status" -ne 0 ]
    [ "$(skiff inspect --format '{{.State.Status}}' lives)" = running ]
}

@test "commit: with a user namespace owners are those that the container sees" {
    needs_skiff "no user namespace of a container's own"
    skiff run --network none --userns private --name mapped busybox sh -c 'echo >/x; chown 5:6 /x; echo >/y'
    skiff commit mapped plain >/dev/null
    run_ok skiff run --rm --network none plain stat -c '%u:%g' /x /y
    output_is $'5:6\n0:0'
}

@test "commit: a full disk leaves no image" {
    needs_skiff "its root is elsewhere"
    mkdir small
    mount -t tmpfs -o size=20m none small
    export SKIFF_ROOT=$PWD/small SKIFF_RUN_DIR=$PWD/small.run
    import_busybox
    skiff run --network none --name big busybox sh -c 'dd if=/dev/urandom of=/big bs=1M count=10 2>/dev/null'
    run skiff commit big full
    local s=$status o=$output images left
    images=$(skiff images -q | wc -l)
    left=$(find small -name '.tmp-*' -o -name '.dead-*')
    skiff rm big >/dev/null
    umount small
    [ "$s" -ne 0 ]
    [[ $o =~ 'no space left' ]]
    [ "$images" -eq 1 ]
    [ -z "$left" ]
}

# --- the image's names and past --------------------------------------------------------------------

@test "tag: one more name, which takes it from the image that had it" {
    ran one 'echo 1 >/a'
    skiff commit one first >/dev/null
    run_ok skiff tag first example.org/second:v2
    output_is ''
    [ "$(skiff image inspect --format '{{.Id}}' example.org/second:v2)" = "$(skiff image inspect --format '{{.Id}}' first)" ]
    run_ok skiff image tag busybox example.org/second:v2
    [ "$(skiff image inspect --format '{{.Id}}' example.org/second:v2)" = "$(skiff image inspect --format '{{.Id}}' busybox)" ]
    run_ok skiff run --rm --network none first cat /a
    run_fails 'no such image: nothing' skiff tag nothing x
    run_fails 'lowercase' skiff tag busybox Bad
    differs "no built-in image" || {
        run_fails 'built-in' skiff tag host x
        run_fails 'built-in' skiff tag busybox host
    }
    skiff rmi -f example.org/second:v2 first >/dev/null
}

@test "history: the layers and what made them, the last one first" {
    needs_skiff "control characters come out as they are"
    ran one 'echo 1 >/a'
    skiff commit -m 'a message' one past >/dev/null
    skiff create --name two past true >/dev/null
    skiff commit -m $'a \033[31mred\tone' two past >/dev/null
    run_ok skiff history --format '{{.CreatedBy}}|{{.Size}}|{{.Comment}}' past
    [ "${lines[0]}" = 'true|0B|a \x1b[31mred one' ]
    [ "${lines[1]}" = 'sh -c echo 1 >/a|2B|a message' ]
    [[ ${lines[2]} =~ ^\|1\.9.MB\|Imported\ from ]]
    [ "${#lines[@]}" -eq 3 ]
    run_ok skiff history past
    [[ ${lines[0]} =~ ^IMAGE\ +CREATED\ +CREATED\ BY\ +SIZE\ +COMMENT$ ]]
    [[ ${lines[1]} =~ ^[0-9a-f]{12}\ +(Less|About|[0-9]).*ago\ +true\ +0B ]]
    [[ ${lines[2]} =~ ^'<missing>' ]]
    run_ok skiff history -q --no-trunc past
    output_is "$(skiff image inspect --format '{{.Id}}' past)
<missing>
<missing>"
    run_ok skiff history --human=false past
    [[ ${lines[2]} =~ \ 20[0-9-]+T[0-9:]+Z\ .*\ 2\ +a\ message ]]
    # Long commands are cut, unless asked for.
    skiff create --name long busybox echo "$(printf 'ä%.0s' $(seq 60))" >/dev/null
    skiff commit long past >/dev/null
    run_ok skiff history --format '{{.CreatedBy}}' past
    [ "${lines[0]}" = "echo $(printf 'ä%.0s' $(seq 39))…" ]
    run_ok skiff history --no-trunc --format '{{.CreatedBy}}' past
    [ "${lines[0]}" = "echo $(printf 'ä%.0s' $(seq 60))" ]
    run_fails 'no such image' skiff history nothing
    skiff rmi -f past >/dev/null
}
