#!/bin/bash
# demo.sh: plays the README's sessions one after the other with the built-in image "host": each
# command as it is typed, its real output, and one line that says what to see in it. With a terminal
# on its standard input it ends in a shell in a container.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$PWD/build
[ -x "$build/skiff" ] || {
    echo "demo: build/skiff is not built; type: make" >&2
    exit 1
}

bold='' dim='' plain=''
if [ -t 1 ]; then
    bold=$'\e[1m' dim=$'\e[36m' plain=$'\e[0m'
fi

# Namespaces, mounts and a bridge need root. What is typed stays the same.
skiff()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$build/skiff" "$@"
    else
        sudo "$build/skiff" "$@"
    fi
}

failures=0

# session LOOK COMMAND: types COMMAND, shows what it prints, says where to look.
session()
{
    printf '%s$ %s%s\n' "$bold" "$2" "$plain"
    eval "$2" </dev/null || failures=$((failures + 1))
    printf '%s  -> %s%s\n\n' "$dim" "$1" "$plain"
}

# missing PROGRAM...: a session is passed over, and says so, where the machine has no such program.
missing()
{
    local program
    for program; do
        command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || {
            printf '%s  (passed over: there is no %s on this machine)%s\n\n' "$dim" "$program" "$plain"
            return 0
        }
    done
    return 1
}

# A name nobody uses, so that a second demo beside this one gets along.
name=demo-$$
forget()
{
    skiff rm -f "$name-a" "$name-b" >/dev/null 2>&1
}
trap forget EXIT
trap 'exit 130' INT TERM

cat <<END
A container is a process. What it cannot see is a matter of namespaces. "host" is an image that is
always there: this machine's own files, to be read; what is written goes nowhere.

END

if ! missing ps; then
    session "PID 1 is the command itself, and there is nobody else: a PID namespace of its own" \
        "skiff run --rm host ps aux"
    session "one option less of a wall: the whole machine's processes, its PID 1 first" \
        "skiff run --rm --pid=host host ps aux | head -n 8"
fi
if ! missing ss ip; then
    session "no socket of the machine (only headings), and a cable of its own: eth0 on the bridge skiff0" \
        "skiff run --rm host sh -c 'ss -tunap; ip a'"
    session "the machine's interfaces, skiff0 among them: this network is not the container's own" \
        "skiff run --rm --network=host host ip -br a"
fi
session "its own root: an overlay over this machine's files, and no mount of the machine" \
    "skiff run --rm host sh -c 'mount | head -n 5; df -h /; ls /; touch /written-inside && ls -l /written-inside'"
session "what it wrote is gone: the file never was on this machine" \
    "ls /written-inside 2>&1 || true"
# The two that the table needs are started quietly, the second in the first one's network.
skiff run -d --rm --name "$name-a" host sleep 600 >/dev/null </dev/null &&
    skiff run -d --rm --name "$name-b" --network="container:$name-a" --pid=host host sleep 600 \
        >/dev/null </dev/null || failures=$((failures + 1))
session "who shares what with whom: $name-b sees the network of $name-a and the machine's processes" \
    "skiff ns"
session "the same for one container, kind by kind, with the numbers that lsns shows" \
    "skiff ns $name-b"
forget

if [ "$failures" -gt 0 ]; then
    echo "demo: $failures of the sessions failed" >&2
    exit 1
fi
echo "To go on by yourself: build/skiff --help (or, after make install: skiff --help)."
if [ -t 0 ]; then
    trap - EXIT
    printf '%s$ %s%s\n' "$bold" "skiff run -it --rm host bash" "$plain"
    printf '%s  -> your shell is PID 1 now; look around, and leave it with: exit%s\n' "$dim" "$plain"
    # What the last command there ended with is no failure of the demo's.
    skiff run -it --rm host bash || [ $? -ne 125 ]
fi
