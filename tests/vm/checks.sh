#!/bin/sh
# Runs inside the virtual machine (see run). Prints TAP; what a check prints is shown when it fails.
count=0

# check NAME COMMAND...: one test.
check()
{
    count=$((count + 1))
    name=$1
    shift
    if output=$("$@" 2>&1); then
        echo "ok $count - vm: $name"
    else
        echo "not ok $count - vm: $name"
        printf '%s\n' "$output" | tail -n 20 | sed 's/^/# /'
    fi
}

cgroup2_alone()
{
    grep -q '^0::/' /proc/self/cgroup && [ "$(wc -l </proc/self/cgroup)" -eq 1 ]
}

tells_version()
{
    skiff version
}

check "the kernel has the unified hierarchy alone" cgroup2_alone
check "skiff version" tells_version
echo "1..$count"
echo "# end of checks"
