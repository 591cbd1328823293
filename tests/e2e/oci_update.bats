# skiff-oci update: a running container's control group, by options and by linux.resources.
load ../lib/common
load ../lib/oci

setup_file()
{
    oci_setup
}

teardown_file()
{
    oci_teardown
}

setup()
{
    v2=false
    [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || v2=true
}

teardown()
{
    oci_cleanup
}

# shellcheck disable=SC2154 # bundle sets bundle and id
# begin [FILTER...]: a container $id that runs.
begin()
{
    bundle "$(sh_c 'exec sleep 1000')" "$@"
    oci run -d -b "$bundle" "$id" >/dev/null </dev/null
}

# holds CONTROLLER V1FILE V1VALUE V2FILE V2VALUE
holds()
{
    local file=/sys/fs/cgroup/$1/skiff-oci-$id/$2 value=$3
    ! $v2 || { file=/sys/fs/cgroup/skiff-oci-$id/$4 && value=$5; }
    run_ok cat "$file"
    output_is "$value"
}

@test "by options: what is named and nothing else" {
    begin '.linux.resources.pids.limit = 50'
    run_ok oci update --memory 64m --memory-swap 128m --cpu-quota 50000 --cpu-period 100000 --cpuset-cpus 0 "$id"
    output_is ''
    holds memory memory.limit_in_bytes 67108864 memory.max 67108864
    holds cpu cpu.cfs_quota_us 50000 cpu.max '50000 100000'
    holds cpuset cpuset.cpus 0 cpuset.cpus 0
    holds pids pids.max 50 pids.max 50
    run_ok oci update --pids-limit -1 --memory -1 "$id"
    holds pids pids.max max pids.max max
    holds memory memory.limit_in_bytes 9223372036854771712 memory.max max
}

@test "by linux.resources, in a file and from standard input" {
    begin
    echo '{"pids":{"limit":21},"cpu":{"shares":512}}' >"$BATS_TEST_TMPDIR/resources"
    run_ok oci update --resources "$BATS_TEST_TMPDIR/resources" "$id"
    holds pids pids.max 21 pids.max 21
    oci update -r - "$id" <<<'{"pids":{"limit":22}}'
    holds pids pids.max 22 pids.max 22
}

@test "what fails leaves the group as it was" {
    begin '.linux.resources.pids.limit = 50'
    run_fails 'linux.resources.blockIO.leafWeight' oci update -r - "$id" \
        <<<'{"pids":{"limit":9},"memory":{"limit":67108864,"swap":67108864},"blockIO":{"leafWeight":10}}'
    holds pids pids.max 50 pids.max 50
    holds memory memory.limit_in_bytes 9223372036854771712 memory.max max
    run_fails '"--pids-limit": "x" is not a number' oci update --pids-limit x "$id"
    run_fails 'is not a number' oci update --memory 1x "$id"
    run_fails 'is not valid JSON' oci update -r - "$id" <<<'{'
    run_fails 'must be an object' oci update -r - "$id" <<<'[]'
    run_fails 'does not exist' oci update --pids-limit 5 nobody
}

@test "one that has ended cannot be changed" {
    bundle
    oci create -b "$bundle" "$id" </dev/null >/dev/null
    run_ok oci update --pids-limit 30 "$id"
    oci start "$id"
    until_true status_is "$id" stopped
    run_fails 'it is stopped' oci update --pids-limit 30 "$id"
}
