# The eight namespaces: each of its own, the host's, another container's, a file's; and `ns`, which
# shows who shares what with whom.
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
    skiff run -d --name donor --userns host --time-offset monotonic=+1d --tmpfs /t busybox sleep 1000 >/dev/null
    donor_pid=$(container_pid donor)
    export donor_pid
}

teardown_file()
{
    skiff_teardown
}

teardown()
{
    local id
    for id in $(skiff ps -aq --filter label=test); do
        skiff rm -f "$id" >/dev/null
    done
}

bb()
{
    skiff run --rm "$@"
}

# inode PID KIND
inode()
{
    stat -Lc %i "/proc/$1/ns/$2"
}

# inside KIND OPTION...: the inode of a container's own namespace.
inside()
{
    local kind=$1
    shift
    skiff run --rm "$@" busybox stat -Lc %i "/proc/self/ns/$kind"
}

# option KIND: its option.
option()
{
    case $1 in
    net) echo network ;;
    cgroup) echo cgroupns ;;
    user) echo userns ;;
    *) echo "$1" ;;
    esac
}

# --- the four values of each kind ----------------------------------------------------------------

@test "private: a namespace of its own, for every kind" {
    for kind in pid net ipc uts cgroup user time; do
        run_ok inside $kind "--$(option $kind)=private"
        [ "$output" != "$(inode self $kind)" ]
        [ "$output" != "$(inode "$donor_pid" $kind)" ]
    done
}

@test "host: the machine's, for every kind; the mount namespace is never" {
    for kind in pid net ipc uts cgroup user time; do
        run_ok inside $kind "--$(option $kind)=host"
        output_is "$(inode self $kind)"
    done
    run_ok inside mnt --pid host --network host --ipc host --uts host --cgroupns host --userns host --time host
    [ "$output" != "$(inode self mnt)" ]
    run_status 125 bb --mnt=host busybox true
}

@test "container:NAME: the other container's, for every kind; by ID too" {
    for kind in pid net ipc uts cgroup time; do
        run_ok inside $kind "--$(option $kind)=container:donor"
        output_is "$(inode "$donor_pid" $kind)"
        [ "$output" != "$(inode self $kind)" ]
    done
    run_ok inside uts --uts "container:$(skiff ps -q --filter name=donor)"
    output_is "$(inode "$donor_pid" uts)"
}

@test "container:NAME: a user namespace, with what belongs to it" {
    skiff run -d -l test --name mapped --userns private busybox sleep 1000 >/dev/null
    pid=$(container_pid mapped)
    run_ok inside user --userns container:mapped
    output_is "$(inode "$pid" user)"
    for kind in pid net ipc uts cgroup; do
        run_ok inside $kind --userns container:mapped "--$(option $kind)=container:mapped"
        output_is "$(inode "$pid" $kind)"
    done
}

@test "path:FILE: what the file names, for every kind" {
    for kind in pid net ipc uts cgroup time; do
        run_ok inside $kind "--$(option $kind)=path:/proc/$donor_pid/ns/$kind"
        output_is "$(inode "$donor_pid" $kind)"
    done
    skiff run -d -l test --name mapped --userns private busybox sleep 1000 >/dev/null
    run_ok inside user --userns "path:/proc/$(container_pid mapped)/ns/user"
    output_is "$(inode "$(container_pid mapped)" user)"
    # A namespace that only a file keeps alive.
    unshare --uts sh -c 'hostname kept; echo ready; exec sleep 1000' >"$BATS_TEST_TMPDIR/out" 3>&- &
    until_true file_has "$BATS_TEST_TMPDIR/out" ready
    touch "$BATS_TEST_TMPDIR/uts"
    mount --bind "/proc/$!/ns/uts" "$BATS_TEST_TMPDIR/uts"
    kill $!
    run bb --uts "path:$BATS_TEST_TMPDIR/uts" busybox hostname
    umount "$BATS_TEST_TMPDIR/uts"
    output_is kept
}

@test "what cannot be joined is refused, and says why" {
    run_status 125 bb --pid container:no-such busybox true
    output_has 'no such container: no-such'
    run_ok skiff run -l test --name ended busybox true
    for kind in pid network ipc uts cgroupns userns time; do
        run_status 125 bb --$kind container:ended busybox true
        output_has 'non running container: ended'
        run_status 125 bb --$kind nonsense busybox true
        output_has '(invalid .* mode "nonsense"|network nonsense not found)'
        run_status 125 bb --$kind container: busybox true
        output_has 'nothing behind the colon'
    done
    run_status 125 bb --uts path:/no/such busybox true
    output_has '/no/such.*no such file'
    run_status 125 bb --uts path:/etc/passwd busybox true
    output_has 'not a namespace'
    run_status 125 bb --uts path:/proc/self/ns/net busybox true
    output_has 'not a uts namespace'
    run_ok skiff ps -aq --filter status=created
    output_is ''
}

# --- what each means -----------------------------------------------------------------------------

@test "pid: private sees two processes, host all of them, container the other's" {
    run_ok bb busybox ps -o pid=,comm=
    [ "${#lines[@]}" -eq 1 ]
    run_ok bb --pid host busybox sh -c 'cat /proc/1/comm; ls -d /proc/[0-9]* 2>/dev/null | wc -l'
    [ "${lines[0]}" = "$(cat /proc/1/comm)" ]
    [ "${lines[1]}" -gt 5 ]
    run_ok bb --pid container:donor busybox sh -c 'cat /proc/1/comm; echo $$'
    [ "${lines[0]}" = sleep ]
    [ "${lines[1]}" -gt 1 ]
    # Signals obey the usual rules: root of the container may, the host's user too.
    run_ok bb --pid host busybox kill -0 1
    run bb --pid host -u 1234 busybox kill -0 1
    [ "$status" -ne 0 ]
    run bb --pid host --cap-drop KILL -u 1234 busybox kill -0 "$$"
    [ "$status" -ne 0 ]
}

@test "pid=host: ends with all its processes though no namespace takes them along" {
    run_ok bb --pid host busybox sh -c 'sleep 98765 & exit 0'
    none()
    {
        ! pgrep -f 'sleep 98765' >/dev/null
    }
    until_true none
    skiff run -d -l test --name shared --pid host busybox sh -c 'sleep 98766 & wait' >/dev/null
    until_true pgrep -f 'sleep 98766'
    skiff rm -f shared >/dev/null
    run pgrep -f 'sleep 98766'
    [ "$status" -eq 1 ]
}

@test "pid=container: the donor's death ends those who joined it" {
    skiff run -d -l test --name parent busybox sleep 1000 >/dev/null
    skiff run -d -l test --name child --pid container:parent busybox sleep 1000 >/dev/null
    skiff kill parent >/dev/null
    ended()
    {
        [ "$(skiff inspect -f '{{.State.Running}}' child)" = false ]
    }
    until_true ended
}

@test "network: what listens in one is seen by who shares it" {
    skiff run -d -l test --name listener busybox sh -c 'while :; do echo heard | nc -l -p 4242; done' >/dev/null
    heard()
    {
        [ "$(skiff run --rm --network container:listener busybox nc -w 5 127.0.0.1 4242)" = heard ]
    }
    until_true heard
    run bb busybox nc -w 5 127.0.0.1 4242
    [ "$status" -ne 0 ]
    run_ok bb --network host busybox ls /sys/class/net
    [[ $'\n'$output$'\n' == *$'\nlo\n'* ]]
    [[ $output == *skiff0* ]]
}

@test "ipc: queues, and shared memory of System V and POSIX" {
    require_command ipcmk ipcs
    queues='ipcs -q | grep -c "^0x"'
    skiff run -d -l test --name shm --ipc shareable host sh -c 'ipcmk -Q; ipcmk -M 4096; echo mine >/dev/shm/object; exec sleep 1000' >/dev/null
    until_true test -e "/proc/$(container_pid shm)/root/dev/shm/object"
    run_ok bb --ipc container:shm host sh -c "$queues; ipcs -m | grep -c '^0x'; cat /dev/shm/object; echo theirs >/dev/shm/answer"
    output_is $'1\n1\nmine'
    [ "$(cat "/proc/$(container_pid shm)/root/dev/shm/answer")" = theirs ]
    run bb host sh -c "$queues; ls /dev/shm"
    output_is 0
    # The mount's walls are kept, and its size.
    run_ok bb --ipc container:shm --shm-size 1m busybox grep ' /dev/shm ' /proc/mounts
    [[ $output =~ ^shm\ /dev/shm\ tmpfs\ rw,nosuid,nodev,noexec,relatime,.*size=65536k ]]
    # Something of one's own in its place.
    mkdir "$BATS_TEST_TMPDIR/own"
    touch "$BATS_TEST_TMPDIR/own/mine"
    run_ok bb --ipc container:shm -v "$BATS_TEST_TMPDIR/own:/dev/shm" busybox ls /dev/shm
    output_is mine
}

@test "ipc: shared by and with user namespaces" {
    skiff run -d -l test --name plain busybox sh -c 'echo mine >/dev/shm/object; exec sleep 1000' >/dev/null
    skiff run -d -l test --name mapped --userns private busybox sh -c 'echo mine >/dev/shm/object; exec sleep 1000' >/dev/null
    for donor in plain mapped; do
        until_true test -e "/proc/$(container_pid $donor)/root/dev/shm/object"
        for mode in host private container:mapped; do
            run_ok bb --ipc container:$donor --userns $mode busybox cat /dev/shm/object
            output_is mine
        done
    done
}

@test "ipc: private and none cannot be joined; none has no /dev/shm" {
    skiff run -d -l test --name private --ipc private busybox sleep 1000 >/dev/null
    skiff run -d -l test --name none --ipc none busybox sleep 1000 >/dev/null
    for donor in private none; do
        run_status 125 bb --ipc container:$donor busybox true
        output_has 'non-shareable IPC'
    done
    run grep ' /dev/shm ' "/proc/$(container_pid none)/mounts"
    [ "$status" -eq 1 ]
    grep -q ' /dev/shm ' "/proc/$(container_pid private)/mounts"
}

@test "ipc: a donor that puts something else on its /dev/shm shares nothing of it" {
    skiff run -d -l test --name liar --cap-add SYS_ADMIN busybox \
        sh -c 'umount /dev/shm && rmdir /dev/shm && ln -s /proc /dev/shm && exec sleep 1000' >/dev/null
    until_true test -L "/proc/$(container_pid liar)/root/dev/shm"
    run_status 125 bb --ipc container:liar busybox true
    output_has 'cannot share /dev/shm of container "liar"'
    skiff run -d -l test --name other --cap-add SYS_ADMIN busybox \
        sh -c 'mount -t proc none /dev/shm && exec sleep 1000' >/dev/null
    until_true grep -q ' /dev/shm proc ' "/proc/$(container_pid other)/mounts"
    run_status 125 bb --ipc container:other busybox true
    output_has 'not a tmpfs'
}

@test "ipc=host: the machine's queues and /dev/shm" {
    name=skiff-test-$$
    echo host >"/dev/shm/$name"
    run bb --ipc host busybox cat "/dev/shm/$name"
    rm "/dev/shm/$name"
    output_is host
}

@test "uts: a name set inside stays inside; host and container share it" {
    before=$(hostname)
    run_ok bb --cap-add SYS_ADMIN busybox sh -c 'hostname changed && hostname'
    output_is changed
    [ "$(hostname)" = "$before" ]
    run_ok bb --uts host busybox sh -c 'hostname; echo $HOSTNAME'
    output_is "$before"$'\n'"$before"
    skiff run -d -l test --name named -h donor-name busybox sleep 1000 >/dev/null
    run_ok bb --uts container:named busybox sh -c 'hostname; echo $HOSTNAME; cat /etc/hostname'
    output_is $'donor-name\ndonor-name\ndonor-name'
    run_status 125 bb --uts container:named -h x busybox true
    output_has 'conflicting options: hostname and the UTS mode'
}

@test "cgroup: the host's tree, or its own place as the root" {
    run_ok bb busybox sh -c 'cut -d: -f3 /proc/self/cgroup | sort -u'
    output_is /
    run_ok bb --cgroupns host busybox sh -c 'cut -d: -f3 /proc/self/cgroup | sort -u'
    output_has /skiff/
}

@test "user: private maps root to somebody who is nobody outside; files keep their owners" {
    run_ok bb --userns private busybox sh -c 'id -u; cat /proc/self/uid_map; stat -c "%u:%g" /etc/passwd /tmp; touch /new && stat -c %u /new; echo x >/etc/hosts'
    [ "${lines[0]}" = 0 ]
    read -r inside outside size <<<"${lines[1]}"
    [ "$inside" -eq 0 ]
    [ "$outside" -ge 65536 ]
    [ "$size" -ge 65536 ]
    [ "${lines[2]} ${lines[3]} ${lines[4]}" = '0:0 0:0 0' ]
    # On the host the process is that somebody, and so is what it wrote.
    skiff run -d -l test --name mapped --userns private busybox sh -c 'touch /new; exec sleep 1000' >/dev/null
    first=$(skiff inspect -f '{{.HostConfig.IDMapping.UID}}' mapped)
    [ "$(awk '/^Uid/ { print $2 }' "/proc/$(container_pid mapped)/status")" -eq "$first" ]
    until_true test -e "$SKIFF_ROOT/containers/$(skiff inspect -f '{{.Id}}' mapped)/upper/new"
    [ "$(stat -c %u "$SKIFF_ROOT/containers/$(skiff inspect -f '{{.Id}}' mapped)/upper/new")" -eq "$first" ]
    # The image is as it was.
    run_ok bb busybox stat -c %u /etc/passwd
    output_is 0
    # A user of the image inside his own range.
    run_ok bb --userns private -u user busybox id -u
    output_is 1000
}

@test "user: root inside may not do what only the machine's may" {
    # To what it is: where this is let through, by a mistake of ours, it does no harm.
    run bb --userns private --cap-add SYS_TIME busybox date -s "$(date -u "+%F %T")"
    output_has 'peration not permitted'
    run bb --userns private busybox mknod /x c 1 1
    [ "$status" -ne 0 ]
    mkdir -m 700 "$BATS_TEST_TMPDIR/secret"
    touch "$BATS_TEST_TMPDIR/secret/x"
    run bb --userns private -v "$BATS_TEST_TMPDIR/secret:/s" busybox ls /s
    [ "$status" -ne 0 ]
    output_has 'ermission denied'
    run_ok bb --userns private --cap-add ALL --security-opt seccomp=unconfined busybox sh -c 'mount -t tmpfs none /mnt 2>/dev/null || { mkdir /m && mount -t tmpfs none /m; }'
}

@test "user: the processes of a PID namespace that is not its own are not shown" {
    run_status 125 bb --userns private --pid container:donor busybox true
    output_has 'join both'
    run_ok bb --userns private --pid host busybox cat /proc/1/comm
    output_is "$(cat /proc/1/comm)"
}

@test "time: --time-offset shifts the clocks of those inside alone" {
    run_ok cat "/proc/$donor_pid/timens_offsets"
    [[ $output =~ monotonic\ +86400\ +0 ]]
    run_ok bb --time-offset boottime=+2d3h busybox cut -d. -f1 /proc/uptime
    up=$(cut -d. -f1 /proc/uptime)
    [ $((output - up)) -ge $((2 * 86400 + 3 * 3600 - 60)) ]
    [ $((output - up)) -le $((2 * 86400 + 3 * 3600 + 60)) ]
    require_command perl
    clock='use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC); printf "%d", clock_gettime(CLOCK_MONOTONIC)'
    run_ok bb --time-offset monotonic=+1d host perl -e "$clock"
    [ $((output - $(perl -e "$clock"))) -ge $((86400 - 60)) ]
    run_ok bb --time container:donor host perl -e "$clock"
    [ $((output - $(perl -e "$clock"))) -ge $((86400 - 60)) ]
    run_ok bb host perl -e "$clock"
    [ $((output - $(perl -e "$clock"))) -le 60 ]
}

@test "time: offsets that are none, and without a namespace to shift" {
    for bad in monotonic realtime=+1d monotonic=x monotonic=+1y monotonic= =1 monotonic=+99999999999d; do
        run_status 125 bb --time-offset $bad busybox true
    done
    run_status 125 bb --time host --time-offset monotonic=+1d busybox true
    output_has 'needs --time=private'
    # Before the machine was started.
    run_status 125 bb --time-offset boottime=-36500d busybox true
    output_has 'cannot shift the boottime clock'
}

@test "all walls down at once, and all of another container's" {
    run_ok bb --pid host --network host --ipc host --uts host --cgroupns host busybox cat /proc/1/comm
    output_is "$(cat /proc/1/comm)"
    skiff run -d -l test --name joined --pid container:donor --network container:donor --ipc container:donor \
        --uts container:donor --cgroupns container:donor --time container:donor busybox sleep 1000 >/dev/null
    for kind in pid net ipc uts cgroup time; do
        [ "$(inode "$(container_pid joined)" $kind)" = "$(inode "$donor_pid" $kind)" ]
    done
}

# --- ns ------------------------------------------------------------------------------------------

@test "ns: a row a container and one for the host, a column a kind" {
    skiff run -d -l test --name web --network container:donor --pid host busybox sleep 1000 >/dev/null
    run_ok skiff ns
    [ "$(awk '{ $1 = $1; print }' <<<"${lines[0]}")" = 'CONTAINER ID NAME PROCESS USER PID NETWORK IPC UTS CGROUP TIME MOUNT' ]
    [[ ${lines[1]} =~ ^-\ +host\ +-(\ +host){8} ]]
    [[ $(grep ' web ' <<<"$output") =~ ^[0-9a-f]{12}\ +web\ +[0-9]+\ +host\ +host\ +donor\ +private\ +private\ +private\ +host\ +private ]]
    [[ $(grep ' donor ' <<<"$output") =~ ^[0-9a-f]{12}\ +donor\ +$donor_pid\ +host\ +private\ +private\ +private\ +private\ +private\ +private\ +private ]]
    # Those that do not run have none.
    run_ok skiff run -l test --name ended busybox true
    run_ok skiff ns
    output_lacks ended
}

@test "ns NAME: each wall in words, with lsns' numbers" {
    skiff run -d -l test --name web --network container:donor --pid host busybox sleep 1000 >/dev/null
    pid=$(container_pid web)
    run_ok skiff ns web
    output_has "process $pid of this machine"
    [ "$(grep -cE '^(user|pid|network|ipc|uts|cgroup|time|mount) ' <<<"$output")" -eq 8 ]
    [[ $(grep ^pid <<<"$output") =~ "the host's" ]]
    [[ $(grep ^network <<<"$output") =~ 'container donor' ]]
    [[ $(grep ^ipc <<<"$output") =~ 'its own' ]]
    while read -r number kind; do
        case $kind in net) kind=network ;; mnt) kind=mount ;; esac
        grep -qE "^$kind +$number " <<<"$output"
    done < <(lsns -n -o NS,TYPE -p "$pid")
    [ "$(lsns -n -o NS,TYPE -p "$pid" | wc -l)" -eq 8 ]
    run_ok skiff ns donor
    [[ $(grep ^network <<<"$output") =~ 'shared with web' ]]
    # By ID; and what cannot be explained.
    run_ok skiff ns "$(skiff ps -q --filter name=web)"
    run_fails 'no such container: nobody' skiff ns nobody
    run_ok skiff run -l test --name ended busybox true
    run_fails 'ended is not running' skiff ns ended
}

@test "ns --format json: inodes and owners" {
    run_ok skiff ns --format json
    jq -se '.[0].Name == "host" and (.[] | select(.Name == "donor") | .Pid == '"$donor_pid"')' <<<"$output"
    jq -se '[.[].Namespaces | length] | unique == [8]' <<<"$output"
    for kind in pid:pid network:net mount:mnt; do
        [ "$(jq "select(.Name == \"donor\").Namespaces.${kind%:*}.Inode" <<<"$output")" = "$(inode "$donor_pid" "${kind#*:}")" ]
    done
    [ "$(jq -r 'select(.Name == "donor").Namespaces | .user.Owner, .pid.Owner' <<<"$output")" = $'host\ndonor' ]
}

@test "ns --format dot: a graph that graphviz draws" {
    run_ok skiff ns --format dot
    [[ ${lines[0]} =~ ^graph ]]
    output_has "donor"
    output_has "$(inode "$donor_pid" pid)"
    [ "$(grep -c -- '--' <<<"$output")" -eq $((8 * $(skiff ns | tail -n +2 | wc -l))) ]
    require_command dot
    skiff ns --format dot | dot -Tsvg >"$BATS_TEST_TMPDIR/ns.svg"
    grep -q donor "$BATS_TEST_TMPDIR/ns.svg"
}

@test "ns --format: a template, and one that is none" {
    run_ok skiff ns --format 'table {{.Name}}\t{{.Namespaces.pid.Owner}}'
    output_has $'\ndonor +donor'
    run_fails 'no entry for key "Nonsense"' skiff ns --format '{{.Nonsense}}'
}
