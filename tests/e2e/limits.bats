# Every limit, in the kernel's own files; `update`, `stats` and `top`. (run_limits.bats has what a
# person sees of the common ones from inside.)
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
    v2=false
    [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || v2=true
}

teardown()
{
    skiff_cleanup
}

v1_only()
{
    ! $v2 || skip 'cgroup v1 alone has it'
}

# group_file NAME CONTROLLER V1FILE V2FILE: what the kernel says of a running container.
group_file()
{
    local parent=skiff file=$3
    differs "its control groups lie elsewhere" && parent=skiff-docker
    local folder=/sys/fs/cgroup/$2/$parent/
    ! $v2 || { folder=/sys/fs/cgroup/$parent/ && file=$4; }
    cat "$folder$(skiff inspect -f '{{.Id}}' "$1")/$file"
}

# value_is NAME CONTROLLER V1FILE V2FILE V1VALUE [V2VALUE]
value_is()
{
    local expected=$5
    ! $v2 || expected=${6-$5}
    run_ok group_file "$1" "$2" "$3" "$4"
    output_is "$expected"
}

# shows NAME TEMPLATE TEXT, for until_true.
shows()
{
    [ "$(skiff inspect -f "$2" "$1")" = "$3" ]
}

sleeper()
{
    skiff run -d --name "$@" busybox sleep 1000 >/dev/null
}

# A whole block device, which throttling is about.
block_device()
{
    local name
    for name in vda sda nvme0n1 xvda; do
        [ ! -b "/dev/$name" ] || {
            device=/dev/$name
            number=$((0x$(stat -c %t "$device"))):$((0x$(stat -c %T "$device")))
            return
        }
    done
    skip 'no block device'
}

# --- options of run ------------------------------------------------------------------------------

@test "--memory-swappiness (v1): 0 to 100, -1 is unset" {
    v1_only
    sleeper box --memory-swappiness 0
    value_is box memory memory.swappiness - 0
    for bad in 101 -2 x; do
        run_status 125 skiff run --rm --memory-swappiness=$bad busybox true
    done
    run_ok skiff run --name unset --memory-swappiness=-1 busybox true
    run_ok skiff inspect -f '{{.HostConfig.MemorySwappiness}} {{.HostConfig.PidsLimit}}' unset
    output_has '^<(no value|nil)> <(no value|nil)>$'
}

@test "--oom-kill-disable (v1)" {
    v1_only
    sleeper box -m 64m --oom-kill-disable
    run_ok group_file box memory memory.oom_control -
    output_has 'oom_kill_disable 1'
    run_ok skiff create -m 64m --oom-kill-disable busybox true
    output_lacks 'OOM killer'
    # Without a limit it is the whole machine's memory that it may use up.
    run_ok skiff create --oom-kill-disable busybox true
    output_has 'OOM killer is disabled for the container, but no memory limit is set'
}

@test "--memory-reservation: less than the limit; the least" {
    run_status 125 skiff run --rm -m 64m --memory-reservation 65m busybox true
    output_has 'memory limit can not be less than memory reservation'
    run_status 125 skiff run --rm --memory-reservation 1k busybox true
    output_has 'minimum memory reservation allowed is (512kB|6MB)'
}

@test "--memory: 512 kB are enough for a container, as nothing of ours stays in it" {
    needs_skiff "at least 6 MB"
    run_ok skiff run --rm -m 512k --memory-swap 512k busybox echo small
    output_is small
}

@test "--cpu-period, --cpu-quota, --cpu-shares: Docker's ranges" {
    for bad in '--cpu-period 999' '--cpu-period 1000001' '--cpu-quota 999' '--cpu-shares -1'; do
        # shellcheck disable=SC2086 # two words
        run_status 125 skiff run --rm $bad busybox true
        output_has 'can not be less|positive integer|invalid argument'
    done
    run_status 125 skiff run --rm --cpus 1 --cpu-period 1000 busybox true
    output_has 'Nano CPUs and CPU Period cannot both be set'
}

@test "--cpu-rt-runtime (v1): of what the parent group has; else refused by its name" {
    needs_skiff "runc makes the groups above as it needs them"
    v1_only
    [ -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ] || skip 'no real-time groups'
    run_status 125 skiff run --rm --cpu-rt-runtime 1000 busybox true
    output_has '"--cpu-rt-runtime" to 1000: the group above'
    run_status 125 skiff run --rm --cpu-rt-runtime 2000 --cpu-rt-period 1000 busybox true
    output_has 'cannot be higher than'
    parent=/skiff-rt-$$
    mkdir /sys/fs/cgroup/cpu$parent
    if ! echo 20000 2>/dev/null >/sys/fs/cgroup/cpu$parent/cpu.rt_runtime_us; then
        rmdir /sys/fs/cgroup/cpu$parent
        skip 'the kernel gives no real-time share'
    fi
    sleeper box --cgroup-parent $parent --cpu-rt-runtime 5000 --cpu-rt-period 500000
    run_ok cat "/sys/fs/cgroup/cpu$parent/$(skiff inspect -f '{{.Id}}' box)"/cpu.rt_{runtime,period}_us
    skiff rm -f box >/dev/null
    find /sys/fs/cgroup -maxdepth 2 -path "*$parent" -type d -exec rmdir {} + 2>/dev/null || true
    output_is $'5000\n500000'
}

@test "--cpuset-cpus, --cpuset-mems: what is not there is told with what is" {
    run_status 125 skiff run --rm --cpuset-cpus 0,4095 busybox true
    output_has 'requested CPUs are not available - requested 0,4095, available: 0'
    run_status 125 skiff run --rm --cpuset-mems 1023 busybox true
    output_has 'requested memory nodes are not available'
    for bad in x 1-0 '0,' ',' 0-; do
        run_status 125 skiff run --rm --cpuset-cpus "$bad" busybox true
        output_has "invalid value $bad for cpuset cpus"
    done
    sleeper box --cpuset-cpus 0 --cpuset-mems 0
    value_is box cpuset cpuset.cpus cpuset.cpus 0
    value_is box cpuset cpuset.mems cpuset.mems 0
}

@test "--pids-limit: a fork bomb ends harmlessly" {
    run_ok timeout 60 "$SKIFF" run --name bomb --pids-limit 30 busybox sh -c \
        'bomb() { bomb | bomb & }; (bomb) 2>/dev/null; sleep 1; cat /sys/fs/cgroup/pids*/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true'
    output_has 30
    run_ok skiff inspect -f '{{.State.Status}} {{.State.OOMKilled}}' bomb
    output_is 'exited false'
    skiff rm bomb
}

@test "--blkio-weight, --blkio-weight-device: the scheduler's; ranges" {
    needs_skiff "a weight that cannot be is warned of, and left out"
    for bad in 9 1001 -1 x; do
        run_status 125 skiff run --rm --blkio-weight=$bad busybox true
    done
    for bad in /dev/zero /dev/sda:x /dev/sda:9 sda:100 :100; do
        run_fails 'blkio-weight-device' skiff run --rm --blkio-weight-device $bad busybox true
    done
    run_fails 'is not a block device' skiff run --rm --blkio-weight-device /dev/zero:100 busybox true
    run_fails 'cannot look at device "/dev/no-such"' skiff run --rm --blkio-weight-device /dev/no-such:100 busybox true
    sleeper probe
    group_file probe blkio blkio.bfq.weight io.bfq.weight || skip 'no weights'
    block_device
    sleeper box --blkio-weight 300
    value_is box blkio blkio.bfq.weight io.bfq.weight 300 'default 300'
    grep -q '\[bfq\]' "/sys/block/${device#/dev/}/queue/scheduler" || skip "$device is not scheduled by bfq"
    sleeper other --blkio-weight-device "$device:400"
    run_ok group_file other blkio blkio.bfq.weight_device io.bfq.weight
    output_has "$number 400"
}

@test "--device-read-bps and its three sisters" {
    block_device
    for bad in "$device" "$device:x" "$device:-1" "vda:1mb" ":1"; do
        run_fails 'device-write-bps' skiff run --rm --device-write-bps "$bad" busybox true
    done
    run_fails 'device-read-iops' skiff run --rm --device-read-iops "$device:1mb" busybox true
    sleeper box --device-read-bps "$device:1mb" --device-write-bps "$device:2mb" \
        --device-read-iops "$device:100" --device-write-iops "$device:200"
    if $v2; then
        value_is box io - io.max "$number rbps=1048576 wbps=2097152 riops=100 wiops=200"
    else
        value_is box blkio blkio.throttle.read_bps_device - "$number 1048576"
        value_is box blkio blkio.throttle.write_bps_device - "$number 2097152"
        value_is box blkio blkio.throttle.read_iops_device - "$number 100"
        value_is box blkio blkio.throttle.write_iops_device - "$number 200"
    fi
    run_ok skiff inspect -f '{{json .HostConfig.BlkioDeviceReadBps}}' box
    output_is "[{\"Path\":\"$device\",\"Rate\":1048576}]"
}

@test "--device-cgroup-rule: a node that the container makes can be opened" {
    needs_skiff "the error of an open is the other one"
    # /dev/urandom's twin by another number: hwrng, which others have no right to.
    run_ok skiff run --rm --device-cgroup-rule 'c 10:183 rwm' busybox sh -c \
        'mknod /d c 10 183; (: </d) 2>&1 || true'
    output_lacks 'not permitted'
    run_ok skiff run --rm busybox sh -c 'mknod /d c 10 183; (: </d) 2>&1 || true'
    output_has 'not permitted'
    run_ok skiff run --rm --device-cgroup-rule 'a *:* r' busybox sh -c \
        'mknod /d c 10 183; (: </d) 2>&1 || true; (: >/d) 2>&1 || true'
    output_has 'not permitted'
    for bad in 'c 1:3' 'x 1:3 rwm' 'c 1 rwm' 'c 1:3 rwmx' 'c 1:3 x' ' c 1:3 r' 'c -1:3 r' 'c 1:3 r '; do
        run_fails "invalid device cgroup format" skiff run --rm --device-cgroup-rule "$bad" busybox true
    done
}

@test "--ulimit: what the process has; what is none" {
    run_ok skiff run --rm --ulimit nofile=100:200 --ulimit core=0 --ulimit memlock=64000 busybox sh -c \
        'ulimit -Sn; ulimit -Hn; ulimit -c; ulimit -l'
    output_is $'100\n200\n0\n62'
    for bad in nofile nofile=x nofile=2:1 nofile=1:2:3 =1; do
        run_status 125 skiff run --rm --ulimit "$bad" busybox true
    done
    run_fails 'invalid ulimit type' skiff run --rm --ulimit foo=1 busybox true
}

@test "--annotation: in the bundle and in inspect" {
    needs_skiff "daemons before 24 have none"
    skiff run --name box --annotation a.b=c=d --annotation empty busybox true
    run_ok jq -c .annotations "$SKIFF_ROOT/containers/$(skiff inspect -f '{{.Id}}' box)/config.json"
    output_is '{"a.b":"c=d","empty":"","org.skiff.name":"box"}'
    run_ok skiff inspect -f '{{json .HostConfig.Annotations}}' box
    output_is '{"a.b":"c=d","empty":""}'
    run_status 125 skiff run --rm --annotation =x busybox true
}

@test "--label-file: comments and blank lines are none; --label wins" {
    printf '# a comment\n\na=1\r\n  b=2\nc\nd=x y\n' >"$BATS_TEST_TMPDIR/labels"
    skiff run --name box --label-file "$BATS_TEST_TMPDIR/labels" --label a=9 busybox true
    run_ok skiff inspect -f '{{json .Config.Labels}}' box
    differs "a key alone is left out" || [ "$(jq -Sc . <<<"$output")" = '{"a":"9","b":"2","c":"","d":"x y"}' ]
    echo 'a b=c' >"$BATS_TEST_TMPDIR/labels"
    run_fails 'contains whitespaces' skiff run --rm --label-file "$BATS_TEST_TMPDIR/labels" busybox true
    run_fails 'no-such' skiff run --rm --label-file "$BATS_TEST_TMPDIR/no-such" busybox true
}

@test "--oom-score-adj, --restart: ranges and words" {
    run_fails 'range for oom score adj is \[-1000, 1000\]' skiff run --rm --oom-score-adj 1001 busybox true
    run_fails "(unknown|invalid restart) policy .sometimes." skiff run --restart sometimes busybox true
    run_fails 'must be an integer' skiff run --restart on-failure:x busybox true
    run_fails 'cannot be negative' skiff run --restart on-failure:-1 busybox true
    run_fails "can only be used with 'on-failure'|maximum retry count cannot be used" skiff run --restart always:3 busybox true
    run_fails 'no policy provided before colon' skiff run --restart :3 busybox true
    run_fails 'cannot specify both --restart and --rm' skiff run --rm --restart always busybox true
    skiff run --name box --restart on-failure:3 busybox true
    run_ok skiff inspect -f '{{json .HostConfig.RestartPolicy}}' box
    output_is '{"Name":"on-failure","MaximumRetryCount":3}'
}

@test "create refuses what start would; what was refused leaves no container" {
    run_fails 'invalid ulimit type: foo' skiff create --ulimit foo=1 busybox
    run_fails 'invalid device cgroup format' skiff create --device-cgroup-rule 'x 1:1 r' busybox
    run_fails 'minimum memory limit' skiff create -m 1k busybox
    run_fails 'requested CPUs are not available' skiff create --cpuset-cpus 4095 busybox
    run_fails 'cannot specify both --restart and --rm' skiff create --rm --restart always busybox
    run_ok skiff ps -aq
    output_is ''
}

# --- want of memory ------------------------------------------------------------------------------

@test "OOM: the container that was killed says so, a child's death too, an end of its own does not" {
    run_status 137 skiff run --name all -m 16m --memory-swap 16m busybox sh -c 'exec tail /dev/zero'
    run_ok skiff inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' all
    output_is 'true 137'
    run_ok skiff run --name child -m 16m --memory-swap 16m busybox sh -c 'tail /dev/zero; true'
    run_ok skiff inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' child
    output_is 'true 0'
    run_status 3 skiff run --name none -m 16m busybox sh -c 'exit 3'
    run_ok skiff inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' none
    output_is 'false 3'
}

@test "OOM: an event, and update's" {
    begin=$(date +%s)
    run_status 137 skiff run --name eater -m 16m --memory-swap 16m busybox sh -c 'exec tail /dev/zero'
    skiff update --pids-limit 9 eater
    run_ok skiff events --since "$begin" --until "$(date +%s.%N)" --filter container=eater --format '{{.Action}}'
    [ "$(grep -cx oom <<<"$output")" -eq 1 ]
    [ "$(grep -cx update <<<"$output")" -eq 1 ]
}

@test "OOM: with --restart the policy decides, and the end of each try is told" {
    run_status 137 skiff run --name eater --restart on-failure:2 -m 16m --memory-swap 16m busybox \
        sh -c 'exec tail /dev/zero'
    until_true shows eater '{{.State.Status}} {{.RestartCount}}' 'exited 2'
    run_ok skiff inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' eater
    output_is 'true 137'
}

# --- update --------------------------------------------------------------------------------------

@test "update: a running container's group, the document and the bundle, at once" {
    sleeper box -m 64m
    run_ok skiff update --cpus 0.5 --pids-limit 33 --cpuset-cpus 0 --memory 128m --memory-swap 256m \
        --memory-reservation 32m --cpu-shares 512 box
    output_is box
    value_is box memory memory.limit_in_bytes memory.max 134217728
    value_is box pids pids.max pids.max 33
    value_is box cpuset cpuset.cpus cpuset.cpus 0
    value_is box cpu cpu.cfs_quota_us cpu.max 50000 '50000 100000'
    value_is box memory memory.soft_limit_in_bytes memory.low 33554432
    if $v2; then
        value_is box memory - memory.swap.max 134217728
    else
        value_is box memory memory.memsw.limit_in_bytes - 268435456
        value_is box cpu cpu.shares - 512
    fi
    run_ok skiff inspect -f '{{json .HostConfig}}' box
    [ "$(jq -c '[.NanoCpus, .PidsLimit, .CpusetCpus, .Memory, .MemorySwap, .MemoryReservation, .CpuShares]' <<<"$output")" = \
        '[500000000,33,"0",134217728,268435456,33554432,512]' ]
    differs "the bundle is no file of its" && return
    run_ok jq -c '.linux.resources | [.memory.limit, .memory.swap, .pids.limit, .cpu.quota, (.devices | length)]' \
        "$SKIFF_ROOT/containers/$(skiff inspect -f '{{.Id}}' box)/config.json"
    output_has '^\[134217728,268435456,33,50000,[1-9]'
}

@test "update: what is not named stays; zero names nothing; no limit is -1" {
    sleeper box -m 64m --pids-limit 20 --cpu-shares 300
    run_ok skiff update --cpu-shares 0 --pids-limit 21 box
    value_is box memory memory.limit_in_bytes memory.max 67108864
    value_is box pids pids.max pids.max 21
    run_ok skiff update --pids-limit -1 box
    value_is box pids pids.max pids.max max
    differs "a memory limit stays one" && return
    run_ok skiff update --memory -1 box
    value_is box memory memory.limit_in_bytes memory.max 9223372036854771712 max
    run_ok skiff inspect -f '{{.HostConfig.CpuShares}} {{.HostConfig.PidsLimit}} {{.HostConfig.Memory}}' box
    output_is '300 <no value> -1'
}

@test "update: block devices, of which a new list takes the place of the old" {
    needs_skiff "update has no options for devices"
    block_device
    sleeper box --device-read-bps "$device:1mb"
    skiff update --device-write-bps "$device:3mb" box
    if $v2; then
        value_is box io - io.max "$number rbps=1048576 wbps=3145728 riops=max wiops=max"
    else
        value_is box blkio blkio.throttle.read_bps_device - "$number 1048576"
        value_is box blkio blkio.throttle.write_bps_device - "$number 3145728"
    fi
    skiff update --device-read-bps "$device:0" --device-write-bps "$device:0" box
    value_is box blkio blkio.throttle.read_bps_device io.max ''
}

@test "update: a part that fails takes back what went before, and the document stays" {
    needs_skiff "the bundle is no file of its"
    v1_only
    [ -e /sys/fs/cgroup/cpu/cpu.rt_runtime_us ] || skip 'no real-time groups'
    block_device
    sleeper box -m 64m --cpus 0.5 --pids-limit 20
    before=$(skiff inspect -f '{{json .HostConfig}}' box)
    run_fails '"--cpu-rt-runtime" to 1000' skiff update --cpu-rt-runtime 1000 --cpus 0.7 --cpuset-cpus 0 box
    value_is box cpu cpu.cfs_quota_us cpu.max 50000
    [ "$(skiff inspect -f '{{json .HostConfig}}' box)" = "$before" ]
    [ "$(group_file box cpuset cpuset.cpus -)" != 0 ] || [ "$(nproc)" -eq 1 ]
}

@test "update: a write that fails, at whichever place, leaves all as it was" {
    needs_skiff "the bundle is no file of its"
    require_command strace
    sleeper box -m 64m --pids-limit 20
    folder=$SKIFF_ROOT/containers/$(skiff inspect -f '{{.Id}}' box)
    before=$(skiff inspect -f '{{json .HostConfig}}' box)
    bundle=$(sha256sum <"$folder/config.json")
    tried=0
    for where in renameat:error=EIO:when=1 renameat:error=ENOSPC:when=2 fsync:error=EIO:when=1; do
        run strace -E ASAN_OPTIONS=detect_leaks=0 -f -qq -o /dev/null -e trace=renameat,fsync -e "inject=$where" \
            "$SKIFF" update --pids-limit 9 --cpus 0.5 --memory 128m --memory-swap 256m box
        [ "$status" -eq 1 ] || told "$where"
        [ ${#lines[@]} -eq 1 ] || told "$where"
        output_has 'cannot update container box: '
        value_is box pids pids.max pids.max 20
        value_is box cpu cpu.cfs_quota_us cpu.max -1 'max 100000'
        value_is box memory memory.limit_in_bytes memory.max 67108864
        [ "$(skiff inspect -f '{{json .HostConfig}}' box)" = "$before" ]
        [ "$(sha256sum <"$folder/config.json")" = "$bundle" ]
        ! compgen -G "$folder/*.tmp-*" || told "$where left a file"
        tried=$((tried + 1))
    done
    [ $tried -eq 3 ]
    run_ok skiff update --pids-limit 9 box
}

@test "update: less memory than is in use is refused in one line, and nobody is killed" {
    needs_skiff "the kernel's own refusal"
    skiff run -d --name box -m 64m --memory-swap 64m -v /dev/shm:/unused busybox sh -c \
        'dd if=/dev/zero of=/dev/shm/x bs=1M count=20 2>/dev/null; echo full; exec sleep 1000' >/dev/null
    until_true eval 'skiff logs box | grep -q full'
    run_fails 'cannot update container box: cannot set "--memory" to 8388608: [0-9]+ bytes are in use' \
        skiff update -m 8m --memory-swap 64m --pids-limit 9 box
    value_is box memory memory.limit_in_bytes memory.max 67108864
    value_is box pids pids.max pids.max max
    run_ok skiff inspect -f '{{.State.Running}} {{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}' box
    output_is 'true 67108864 <no value>'
    run_ok skiff update -m 32m box
    value_is box memory memory.limit_in_bytes memory.max 33554432
}

@test "update: file pages are no reason to refuse" {
    skiff run -d --name box -m 64m --memory-swap 64m busybox sh -c \
        'dd if=/dev/zero of=/file bs=1M count=30 2>/dev/null; sync; echo full; exec sleep 1000' >/dev/null
    until_true eval 'skiff logs box | grep -q full'
    run_ok skiff update -m 8m --memory-swap 64m box
    value_is box memory memory.limit_in_bytes memory.max 8388608
}

@test "update: Docker's refusals" {
    sleeper box -m 64m --cpus 0.5
    run_fails 'smaller than already set memoryswap limit' skiff update -m 512m box
    run_fails 'CPU Quota cannot be updated as NanoCPUs' skiff update --cpu-quota 20000 box
    run_fails 'CPU Period cannot be updated as NanoCPUs' skiff update --cpu-period 20000 box
    sleeper quota --cpu-quota 20000
    run_fails 'Nano CPUs cannot be updated as CPU Quota' skiff update --cpus 1 quota
    run_fails 'must provide one or more flags' skiff update box
    run_fails 'minimum memory limit' skiff update -m 1k box
    run_fails 'requested CPUs are not available' skiff update --cpuset-cpus 4095 box
    run_fails 'no such container: nobody' skiff update --pids-limit 9 nobody
    run_status 1 skiff update --pids-limit 9 nobody box
    output_has 'no such container: nobody'
    output_has '(^|'$'\n'')box($|'$'\n'')'
    value_is box pids pids.max pids.max 9
}

@test "update: of one that does not run, for its next start" {
    skiff run --name box busybox true
    local swap=()
    differs "a memory limit needs one for swap" && swap=(--memory-swap 128m)
    run_ok skiff update -m 64m "${swap[@]}" --pids-limit 7 box
    run_ok skiff inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.PidsLimit}}' box
    output_is '67108864 134217728 7'
    differs "the bundle is no file of its" && return
    run_ok jq -c '.linux.resources | [.memory.limit, .pids.limit]' \
        "$SKIFF_ROOT/containers/$(skiff inspect -f '{{.Id}}' box)/config.json"
    output_is '[67108864,7]'
}

@test "update: of one that was made and not started yet, of one that is paused" {
    skiff create --name box busybox sleep 1000 >/dev/null
    run_ok skiff update -m 64m --memory-swap 64m box
    skiff start box >/dev/null
    value_is box memory memory.limit_in_bytes memory.max 67108864
    skiff pause box
    run_ok skiff update --pids-limit 7 box
    value_is box pids pids.max pids.max 7
    skiff unpause box
    skiff stop -t 0 box
    skiff update --pids-limit 8 box
    skiff start box >/dev/null
    value_is box pids pids.max pids.max 8
    value_is box memory memory.limit_in_bytes memory.max 67108864
}

@test "update --restart: counts at the very next end" {
    skiff run -d --name box --restart always busybox sleep 1000 >/dev/null
    skiff update --restart no box
    kill -9 "$(container_pid box)"
    until_true shows box '{{.State.Status}}' exited
    run_ok skiff inspect -f '{{.RestartCount}}' box
    output_is 0
    skiff update --restart always box
    skiff start box >/dev/null
    before=$(container_pid box)
    kill -9 "$before"
    until_true shows box '{{.RestartCount}} {{.State.Status}}' '1 running'
    [ "$(container_pid box)" != "$before" ]
}

@test "update --restart: the document alone; not with --rm" {
    sleeper box
    run_ok skiff update --restart unless-stopped box
    run_ok skiff inspect -f '{{.HostConfig.RestartPolicy.Name}}' box
    output_is unless-stopped
    run_fails '(unknown|invalid restart) policy' skiff update --restart sometimes box
    run_ok skiff update --restart no box
    sleeper gone --rm
    run_fails 'cannot be updated because AutoRemove is enabled' skiff update --restart always gone
    run_ok skiff update --restart no gone
}

@test "update: many at once end as one of them would" {
    sleeper box
    for i in $(seq 10 29); do
        skiff update --pids-limit "$i" --cpu-shares "${i}0" box >/dev/null &
    done
    wait_all
    run_ok skiff inspect -f '{{.HostConfig.PidsLimit}}' box
    limit=$output
    value_is box pids pids.max pids.max "$limit"
    run_ok skiff inspect -f '{{.HostConfig.CpuShares}}' box
    output_is "${limit}0"
    differs "the document is no file of ours" && return
    ls "$SKIFF_ROOT/containers/$(skiff inspect -f '{{.Id}}' box)" >"$BATS_TEST_TMPDIR/files"
    run grep -c 'tmp\|\.new' "$BATS_TEST_TMPDIR/files"
    output_is 0
}

# --- stats ---------------------------------------------------------------------------------------

@test "stats --no-stream: Docker's columns; the group's own numbers" {
    skiff run -d --name busy -m 64m busybox sh -c 'while :; do :; done' >/dev/null
    sleeper idle --pids-limit 50
    run_ok skiff stats --no-stream
    [[ ${lines[0]} =~ ^CONTAINER\ ID\ +NAME\ +CPU\ %\ +MEM\ USAGE\ /\ LIMIT\ +MEM\ %\ +NET\ I/O\ +BLOCK\ I/O\ +PIDS$ ]]
    [ ${#lines[@]} -eq 3 ]
    run_ok skiff stats --no-stream --format json busy
    [ "$(jq -r '.Name + " " + .Container + " " + .PIDs' <<<"$output")" = 'busy busy 1' ]
    [[ $(jq -r .MemUsage <<<"$output") =~ ^[0-9.]+[KM]iB\ /\ 64MiB$ ]]
    [[ $(jq -r .MemPerc <<<"$output") =~ ^[0-9]+\.[0-9]{2}%$ ]]
    # It never sleeps; how much it gets is the machine's business.
    [ "$(jq -r '.CPUPerc | rtrimstr("%") | tonumber > 5' <<<"$output")" = true ]
    [ "$(jq -r .ID <<<"$output")" = "$(skiff inspect -f '{{.Id}}' busy | cut -c 1-12)" ]
    run_ok skiff stats --no-stream --no-trunc --format '{{.ID}} {{.CPUPerc}} {{.NetIO}} {{.BlockIO}}' idle
    output_has "^$(skiff inspect -f '{{.Id}}' idle) 0.00% .* / .* .* / "
}

@test "stats: memory without the file pages that nobody uses" {
    skiff run -d --name box -m 64m busybox sh -c \
        'dd if=/dev/zero of=/file bs=1M count=30 2>/dev/null; sync; echo full; exec sleep 1000' >/dev/null
    until_true eval 'skiff logs box | grep -q full'
    run_ok group_file box memory memory.usage_in_bytes memory.current
    [ "$output" -gt 31457280 ]
    run_ok skiff stats --no-stream --format '{{.MemPerc}}' box
    [ "${output%.*}" -lt 20 ]
}

@test "stats: bytes of the container's own network, not of its loopback nor of the host's" {
    sleeper box
    sleeper here --network host
    pid=$(container_pid box)
    nsenter -t "$pid" -n ping -q -c 3 -s 1000 127.0.0.1 >/dev/null
    nsenter -t "$pid" -n ping -q -c 3 -s 1000 "$(skiff inspect -f '{{.NetworkSettings.Gateway}}' box)" >/dev/null
    run_ok skiff stats --no-stream --format '{{.NetIO}}' box
    output_has '^[3-5]\.?[0-9]*kB / [3-5]\.?[0-9]*kB$'
    run_ok skiff stats --no-stream --format '{{.NetIO}}' here
    output_is '0B / 0B'
}

@test "stats: who does not run, with -a or by name; who is not there" {
    skiff run --name over busybox true
    run_ok skiff stats --no-stream --format '{{.Name}}'
    output_is ''
    run_ok skiff stats -a --no-stream --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}'
    output_is 'over 0.00% 0B / 0B 0'
    run_ok skiff stats --no-stream --format '{{.Name}}' over
    output_is over
    run_fails 'no such container: nobody' skiff stats --no-stream nobody
    run_fails 'template' skiff stats --no-stream --format '{{.Foo' over
}

@test "stats: goes on until the containers it was told of are gone; in place on a terminal" {
    needs_skiff "stats of a container goes on when it is gone"
    sleeper box
    skiff stats --format '{{.Name}}' box >"$BATS_TEST_TMPDIR/out" &
    watcher=$!
    until_true file_has "$BATS_TEST_TMPDIR/out" box
    skiff rm -f box >/dev/null
    wait $watcher
    run grep -vc '^box$' "$BATS_TEST_TMPDIR/out"
    output_is 0
    sleeper box
    (until_true file_has "$BATS_TEST_TMPDIR/typed" $'\033\\[J.*' && skiff rm -f box) >/dev/null &
    run_ok script -qec "$SKIFF stats box" "$BATS_TEST_TMPDIR/typed"
    output_has $'\033\\[H'
    wait_all
}

# --- top -----------------------------------------------------------------------------------------

@test "top: the host's numbers of the container's processes, and of no others" {
    skiff run -d --name box -u 1 busybox sh -c 'sleep 1001 & exec sleep 1000' >/dev/null
    sleeper other
    until_true eval 'skiff top box | grep -q "sleep 1001"'
    run_ok skiff top box
    [[ ${lines[0]} =~ ^UID\ +PID\ +PPID\ +C\ +STIME\ +TTY\ +TIME\ +CMD$ ]]
    [[ ${lines[1]} =~ ^daemon\ +$(container_pid box)\ .*\?\ +00:00:00\ +sleep\ 1000$ ]]
    for form in aux -aux -e ax '-o pid,args' '-eo pid,cmd'; do
        # shellcheck disable=SC2086 # words
        run_ok skiff top box $form
        [ ${#lines[@]} -eq 3 ]
    done
    differs "ps's columns need their headers" && return
    run_ok skiff top box -o pid=
    for pid in $output; do
        grep -q "/$(skiff inspect -f '{{.Id}}' box)\$" "/proc/$pid/cgroup"
    done
    run_ok skiff top box -o pid=NUMBER,comm
    [[ ${lines[0]} =~ ^NUMBER\ +COMMAND$ ]]
    run_ok skiff top box -o pid=,comm=
    [[ ${lines[0]} =~ ^$(container_pid box)\ +sleep$ ]]
}

@test "top: the columns say what ps says" {
    needs_skiff "it runs the host's ps"
    require_command ps
    sleeper box
    pid=$(container_pid box)
    columns=pid,ppid,pgid,sid,user,uid,ruser,gid,group,vsz,rss,ni,pri,nlwp,stat,s,comm,args,lstart,tty
    run_ok skiff top box -o $columns=
    output_has "$pid"
    for column in ${columns//,/ } time stime etimes pcpu; do
        [ "$column" != etimes ] || continue
        mine=$(skiff top box -o "$column=" | xargs)
        theirs=$(ps -p "$pid" -o "$column=" | xargs)
        [ "$mine" = "$theirs" ] || told "$column: '$mine', not '$theirs'"
    done
}

@test "top: what is refused" {
    needs_skiff "it runs the host's ps"
    sleeper box
    run_fails 'ps option "-L" is not supported' skiff top box -L
    run_fails 'ps option "--forest" is not supported' skiff top box --forest
    run_fails 'unknown ps column "bogus"' skiff top box -o pid,bogus
    run_fails 'needs a list' skiff top box -o
    run_fails 'no such container' skiff top nobody
    skiff run --name over busybox true
    run_fails 'is not running' skiff top over
}
