#!/bin/bash
# options.sh [SKIFF]: which options Docker's client has and skiff has not, one command a line. What it
# prints stands in docs/differences.md with a reason.
set -eu
skiff=${1:-$(dirname "$0")/../build/skiff}

# options PROGRAM WORD...: of its help text; docker shows its general one for commands it has not.
options()
{
    local text
    text=$("$@" --help 2>/dev/null) || return 0
    [[ $text != *'docker [OPTIONS] COMMAND'* ]] || return 0
    grep -oE '^ +(-[a-zA-Z], )?--[a-z0-9-]+' <<<"$text" | grep -oE -- '--[a-z0-9-]+' | sort -u
}

commands()
{
    "$skiff" --help | awk '/^  [a-z]/ { print $1 }'
    for group in container image system volume; do
        "$skiff" "$group" --help | awk -v group="$group" '/^  [a-z]/ { print group, $1 }'
    done
}

commands | while read -r -a words; do
    missing=$(comm -23 <(options docker "${words[@]}") <(options "$skiff" "${words[@]}") |
        grep -vx -- --help) || continue
    # shellcheck disable=SC2086 # on one line
    echo "${words[*]}:" $missing
done
