#!/bin/sh
# man.sh FOLDER [SKIFF]: write the manual pages into FOLDER: those of man/, and one of each command,
# which SKIFF (build/skiff) prints from its own tables.
set -eu
folder=$1
here=$(cd "$(dirname "$0")/.." && pwd)
skiff=${2:-$here/build/skiff}
mkdir -p "$folder"
cp "$here"/man/*.1 "$folder"

# The two lists of skiff(1) are the program's too.
lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
"$skiff" __man --commands >"$lists/commands"
"$skiff" __man --options >"$lists/options"
sed -i -e "/^\\.\\\\\" LIST OF COMMANDS\$/r $lists/commands" \
    -e "/^\\.\\\\\" LIST OF OPTIONS\$/r $lists/options" "$folder/skiff.1"

"$skiff" __man | while read -r page other; do
    if [ -n "$other" ]; then
        ln -sf "skiff-$other.1" "$folder/skiff-$page.1"
    else
        # "container-inspect" is "container inspect"; no command's name has a dash in it.
        # shellcheck disable=SC2046 # two words
        "$skiff" __man $(printf '%s' "$page" | tr - ' ') >"$folder/skiff-$page.1"
    fi
done
