#!/bin/bash
# snapshot.sh: what the tests could leave behind on this machine, one line each, sorted: namespaces,
# mounts, links, control groups, processes, nft tables and chains, folders. Two of these with `comm`
# between them say what was left.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)

namespaces()
{
    find /proc/[0-9]*/ns -type l ! -name '*_for_children' -printf 'namespace %l\n' 2>/dev/null | sort -u
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

# Programs of ours, and whatever lives in another PID namespace.
processes()
{
    local folder ours line pidns
    ours="$(readlink /proc/1/ns/pid) $(readlink /proc/self/ns/pid)"
    for folder in /proc/[0-9]*; do
        # Gone, or a zombie: nobody's namespace.
        pidns=$(readlink "$folder/ns/pid" 2>/dev/null) || continue
        line=$(tr '\0' ' ' 2>/dev/null <"$folder/cmdline" | cut -c 1-100) || continue
        [ -n "$line" ] || continue
        case $(readlink "$folder/exe" 2>/dev/null) in
        "$here"/build*/*) echo "process ${folder#/proc/} $line" ;;
        *) case " $ours " in *" $pidns "*) ;; *) echo "process ${folder#/proc/} $line" ;; esac ;;
        esac
    done 2>/dev/null
}

# What lets containers of the default bridge send stays with it (docs/firewall.md, "What stays").
tables()
{
    local range
    range=$(ip -o -4 addr show skiff0 2>/dev/null | sed -n 's/.* inet \([0-9]*\)\.\([0-9]*\)\..*/\1 \2/p')
    # shellcheck disable=SC2086 # two numbers, or none
    nft list ruleset 2>/dev/null |
        awk -v link="$(printf '^"sk-%02x%02x' ${range:-0 0})" -v address="^${range/ /\\.}\\." '
            /^table/ { table = $2 " " $3; print "nft " table }
            /^\t(chain|set|map)/ { set = $2; print "nft " table " " $1 " " $2 }
            /elements = / { inside = 1 }
            inside {
                line = $0
                sub(/.*elements = \{/, "", line)
                ends = sub(/\}[ \t]*$/, "", line)
                n = split(line, each, ",")
                for (i = 1; i <= n; i++) {
                    gsub(/^[ \t]+|[ \t]+$/, "", each[i])
                    if (each[i] != "" &&
                        !(set ~ /^(senders|self)[46]$/ && (each[i] ~ link || each[i] ~ address)))
                        print "nft " table " " set " element " each[i]
                }
                inside = !ends
            }'
}

{
    namespaces
    mounts
    links
    find /sys/fs/cgroup -type d 2>/dev/null | sed 's/^/cgroup /'
    processes
    tables
    for folder in /var/lib/skiff* /run/skiff*; do
        [ ! -e "$folder" ] || find "$folder" -maxdepth 3 | sed 's/^/folder /'
    done
    find "${TMPDIR:-/tmp}" /dev/shm -maxdepth 1 \( -name 'skiff*' -o -name 'bats-run-*' \) 2>/dev/null |
        sed 's/^/folder /'
} | sort -u
