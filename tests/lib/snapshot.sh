#!/bin/bash
# snapshot.sh: what the tests could leave behind on this machine, one line each, sorted: namespaces,
# mounts, links, control groups, processes, nft tables and chains, folders. Two of these with `comm`
# between them say what was left.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)

namespaces()
{
    local file target
    for file in /proc/[0-9]*/ns/*; do
        case $file in */*_for_children) continue ;; esac
        target=$(readlink "$file" 2>/dev/null) && echo "namespace $target"
    done | sort -u
}

mounts()
{
    awk '{ for (i = 7; i < NF; i++) if ($i == "-") break; print "mount " $5 " (" $(i + 1) ")" }' \
        /proc/self/mountinfo
}

links()
{
    ip -o link | awk -F': ' '{ sub(/@.*/, "", $2); print "link " $2 }'
    ip netns list 2>/dev/null | sed 's/^/netns /'
}

# The container's own, by what holds them: a program of ours, or our folders in the command line.
processes()
{
    local folder line
    for folder in /proc/[0-9]*; do
        [ "${folder#/proc/}" != $$ ] || continue
        line=$(tr '\0' ' ' <"$folder/cmdline" 2>/dev/null) || continue
        case $(readlink "$folder/exe" 2>/dev/null):$(cat "$folder/comm" 2>/dev/null) in
        "$here"/build*/* | *:skiff*) echo "process ${folder#/proc/} $line" ;;
        *) [ "$(readlink "$folder/ns/pid" 2>/dev/null)" = "$(readlink /proc/1/ns/pid)" ] ||
            echo "process ${folder#/proc/} $line" ;;
        esac
    done
}

{
    namespaces
    mounts
    links
    find /sys/fs/cgroup -type d 2>/dev/null | sed 's/^/cgroup /'
    processes
    nft list ruleset 2>/dev/null | awk '/^table/ { table = $2 " " $3; print "nft " table }
        /^\t(chain|set|map)/ { print "nft " table " " $1 " " $2 }
        /elements = / { print "nft " table " elements " $0 }'
    for folder in /var/lib/skiff* /run/skiff*; do
        [ ! -e "$folder" ] || find "$folder" -maxdepth 3 | sed 's/^/folder /'
    done
    find "${TMPDIR:-/tmp}" /dev/shm -maxdepth 1 \( -name 'skiff*' -o -name 'bats-run-*' \) 2>/dev/null |
        sed 's/^/folder /'
} | sort -u
