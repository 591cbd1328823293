# run: limits, as the kernel has them: read from inside, in either layout of control groups.
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

teardown()
{
    skiff_cleanup
}

v2()
{
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
}

# limit V1FILE V2FILE OPTION...: what the group's file says inside a container with these options.
limit()
{
    local file=/sys/fs/cgroup/$1
    ! v2 || file=/sys/fs/cgroup/$2
    shift 2
    skiff run --rm "$@" busybox cat "$file"
}

# either V1 V2: which of the two this machine's layout says.
either()
{
    if v2; then echo "$2"; else echo "$1"; fi
}

has_controller()
{
    if v2; then
        grep -qw "$1" /sys/fs/cgroup/cgroup.controllers
    else
        [ -d "/sys/fs/cgroup/$1" ]
    fi || skip "no $1 controller"
}

# groups_named NAME: where there are control groups of that name. Those of others come and go
# meanwhile, which find would tell.
groups_named()
{
    find /sys/fs/cgroup -name "$1" 2>/dev/null || true
}

@test "without options nothing is limited" {
    for f in 'memory/memory.limit_in_bytes memory.max' 'pids/pids.max pids.max' 'cpu/cpu.cfs_quota_us cpu.max'; do
        # shellcheck disable=SC2086 # two words
        run_ok limit $f
        [[ $output =~ ^(9223372036854771712|max|-1|max\ 100000)$ ]]
    done
}

@test "--memory: units, and the least" {
    has_controller memory
    for text in 64m=67108864 65536k=67108864 67108864=67108864 67108864b=67108864 0.5g=536870912 64MiB=67108864; do
        run_ok limit memory/memory.limit_in_bytes memory.max --memory "${text%=*}"
        output_is "${text#*=}"
    done
    differs "at least 6 MB" || {
        run_ok limit memory/memory.limit_in_bytes memory.max -m 512k
        output_is 524288
    }
    run_status 125 skiff run --rm --memory 511k busybox true
    output_has 'minimum memory limit allowed is (512kB|6MB)'
    for bad in x 1x 1mm '' -m; do
        run_status 125 skiff run --rm --memory="$bad" busybox true
        output_has 'invalid (size|suffix)'
    done
}

@test "--memory: a process that takes more is killed, and the state says so" {
    has_controller memory
    run_status 137 skiff run --name eater --memory 16m --memory-swap 16m busybox \
        sh -c 'exec dd if=/dev/zero of=/dev/null bs=64M count=1'
    run_ok skiff inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' eater
    output_is 'true 137'
}

@test "--memory-swap: together with memory; twice the memory by default; -1; too little" {
    has_controller memory
    if v2; then
        run_ok limit - memory.swap.max --memory 64m --memory-swap 96m
        output_is 33554432
        run_ok limit - memory.swap.max --memory 64m
        output_is 67108864
        run_ok limit - memory.swap.max --memory 64m --memory-swap -1
        output_is max
    else
        [ -e /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes ] || skip 'no swap accounting'
        file=memory/memory.memsw.limit_in_bytes
        run_ok limit $file - --memory 64m --memory-swap 96m
        output_is 100663296
        run_ok limit $file - --memory 64m
        output_is 134217728
        run_ok limit $file - --memory 64m --memory-swap -1
        output_is 9223372036854771712
    fi
}

@test "--memory-swap: what makes no sense is refused" {
    run_status 125 skiff run --rm --memory-swap 64m busybox true
    output_has 'always set the memory limit when using memory-?swap'
    run_status 125 skiff run --rm --memory 64m --memory-swap 32m busybox true
    output_has 'larger than memory limit'
}

@test "--memory-reservation" {
    has_controller memory
    run_ok limit memory/memory.soft_limit_in_bytes memory.low --memory 64m --memory-reservation 32m
    output_is 33554432
}

@test "--cpus: a quota of the period" {
    has_controller cpu
    run_ok limit cpu/cpu.cfs_quota_us cpu.max --cpus 0.5
    output_is "$(either 50000 '50000 100000')"
    run_ok limit cpu/cpu.cfs_quota_us cpu.max --cpus=0.05
    output_is "$(either 5000 '5000 100000')"
    for bad in x -1 0.001 1e99 nan 1.5x; do
        differs "1e99 is taken" && [ $bad = 1e99 ] && continue
        run_status 125 skiff run --rm --cpus=$bad busybox true
    done
    run_status 125 skiff run --rm --cpus=$(($(nproc --all) + 1)) busybox true
    output_has 'as there are only [0-9]+ CPUs available'
    run_ok limit cpu/cpu.cfs_quota_us cpu.max --cpu-quota 20000 --cpu-period 50000
    output_is "$(either 20000 '20000 50000')"
    run_ok limit cpu/cpu.cfs_period_us cpu.max --cpu-quota 20000 --cpu-period 50000
    output_is "$(either 50000 '20000 50000')"
    run_status 125 skiff run --rm --cpus 1 --cpu-quota 20000 busybox true
    output_has 'onflicting options'
}

@test "--cpu-shares: v1's number, or v2's weight of it" {
    has_controller cpu
    run_ok limit cpu/cpu.shares cpu.weight --cpu-shares 512
    if v2; then
        # Kernels and runtimes differ in the curve; less than the default of 100 it is.
        [ "$output" -lt 100 ] && [ "$output" -gt 1 ]
    else
        output_is 512
    fi
    run_ok limit cpu/cpu.shares cpu.weight -c 2048
    v2 && [ "$output" -gt 100 ] || [ "$output" -eq 2048 ]
    run_status 125 skiff run --rm --cpu-shares x busybox true
}

@test "--cpuset-cpus: these alone; one that is not there" {
    has_controller cpuset
    run_ok skiff run --rm --cpuset-cpus 0 busybox sh -c 'nproc; grep Cpus_allowed_list /proc/self/status'
    output_is $'1\nCpus_allowed_list:\t0'
    run_ok skiff run --rm --cpuset-mems 0 busybox grep Mems_allowed_list /proc/self/status
    output_is $'Mems_allowed_list:\t0'
    run_status 125 skiff run --rm --cpuset-cpus 4095 busybox true
    run_status 125 skiff run --rm --cpuset-cpus x busybox true
    run_status 125 skiff run --rm --cpuset-mems 1023 busybox true
    run_ok skiff ps -aq
    output_is ''
}

@test "--pids-limit: as many processes and no more" {
    has_controller pids
    run_ok limit pids/pids.max pids.max --pids-limit 42
    output_is 42
    run_ok limit pids/pids.max pids.max --pids-limit -1
    output_is max
    run skiff run --rm --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
    [ "$status" -ne 0 ]
    output_has "can't fork"
}

@test "--cgroup-parent: below it; the folder goes, the parent stays" {
    parent=/skiff-test-$$
    skiff run -d --name child --cgroup-parent "$parent/deep" busybox sleep 1000 >/dev/null
    id=$(skiff inspect -f '{{.Id}}' child)
    run_ok cat "/proc/$(container_pid child)/cgroup"
    output_has ":$parent/deep/$id"
    output_lacks ':/skiff/'
    skiff rm -f child >/dev/null
    run groups_named "$id"
    output_is ''
    find /sys/fs/cgroup -depth -path "*$parent*" -type d -exec rmdir {} + 2>/dev/null || true
    run groups_named "${parent#/}"
    output_is ''
    differs "it takes what leads upwards" && return
    for bad in ../../x /a/../../b; do
        run skiff run --rm --cgroup-parent $bad busybox true
        [ "$status" -eq 125 ]
    done
}

@test "limits stand in inspect under Docker's names" {
    needs_skiff "its seccomp needs more than one descriptor more"
    run_ok skiff run --name l1 --memory 64m --memory-swap 96m --cpus 0.5 --cpuset-cpus 0 --cpu-shares 99 \
        --pids-limit 50 --ulimit nofile=10:20 --shm-size 1m --oom-score-adj 7 --cgroup-parent /skiff busybox true
    run_ok skiff inspect -f '{{json .HostConfig}}' l1
    [ "$(jq -c '[.Memory, .MemorySwap, .NanoCpus, .CpusetCpus, .CpuShares, .PidsLimit, .Ulimits, .ShmSize, .OomScoreAdj, .CgroupParent]' <<<"$output")" = \
        '[67108864,100663296,500000000,"0",99,50,[{"Name":"nofile","Soft":10,"Hard":20}],1048576,7,"/skiff"]' ]
}

@test "nothing of a container's groups is left, whether it ran or could not start" {
    run_ok skiff run --rm --cidfile "$BATS_TEST_TMPDIR/a" --memory 64m --cpus 1 --pids-limit 10 busybox true
    run_status 127 skiff run --cidfile "$BATS_TEST_TMPDIR/b" --memory 64m busybox no-such
    for file in a b; do
        run groups_named "$(cat "$BATS_TEST_TMPDIR/$file")"
        output_is ''
    done
}
