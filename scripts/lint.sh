#!/bin/bash
# shellcheck disable=SC2317 # the checks are called by name
#
# lint.sh [NAME...]: what can be said about the text without running it. Prints TAP, one test a
# check; with names, those alone: format, tidy, shell, floors, size, lists, whitespace.
set -u
cd "$(dirname "$0")/.." || exit 1

names=(format tidy shell floors size lists whitespace)
tidy_folder=build-clang

# Files of the project by pattern: what git knows or would know.
files()
{
    git ls-files -z --cached --others --exclude-standard -- "$@" |
        while IFS= read -r -d '' file; do [ -f "$file" ] && printf '%s\0' "$file"; done
}

lint_format()
{
    files 'src/*.[ch]' 'tests/*.[ch]' 'bench/*.[ch]' |
        xargs -0 -r clang-format --dry-run -Werror 2>&1 | grep 'error: ' && return 1
    return 0
}

# One file, unless its text after preprocessing and the rules are those that passed last time.
tidy_one()
{
    local folder=$1 file=$2 stamp digest know=(--extra-arg=-include --extra-arg="$PWD/scripts/tidy.h")
    # The two that must not meet those macros: their definition, and what has no errors to tell.
    case $file in src/base/err.c | src/init/*) know=() ;; esac
    stamp=$folder/tidy/${file//\//_}
    digest=$({
        cat .clang-tidy scripts/tidy.h
        clang -E -P -Isrc -include src/base/banned.h -D_GNU_SOURCE "$file" 2>/dev/null ||
            echo "$RANDOM$RANDOM"
        cat "$file"
    } | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$digest" ] || return 0
    if clang-tidy -p "$folder" --quiet "${know[@]}" "$file" >"$stamp.log" 2>/dev/null; then
        printf '%s' "$digest" >"$stamp"
    else
        grep -E '(error|warning): ' "$stamp.log"
        return 1
    fi
}

lint_tidy()
{
    CC=clang scripts/setup.sh "$tidy_folder" -Dwerror=true || return 1
    # Headers that the build makes; the rest of it is not needed.
    ninja -C "$tidy_folder" -t targets all | sed -n 's/^\(.*\.h\): CUSTOM_COMMAND.*/\1/p' |
        xargs -r ninja -C "$tidy_folder" >/dev/null || return 1
    mkdir -p "$tidy_folder/tidy"
    export -f tidy_one
    # Only what the build knows: a file that is not compiled has no flags to be read with. (Its
    # absence from the build is what `lists` says.)
    jq -r '.[].file' "$tidy_folder/compile_commands.json" | sed 's|^\.\./||' | grep '^src/' |
        sort -u | xargs -r -P "$(nproc)" -I{} bash -c 'tidy_one "$@"' tidy "$tidy_folder" {}
}

lint_shell()
{
    {
        files '*.sh' '*.bash' .ci/run
        files '*' | xargs -0 -r grep -lzE '^#!(/usr)?/bin/(env )?(ba|da)?sh' -- 2>/dev/null |
            tr '\n' '\0'
    } | sort -zu | xargs -0 -r shellcheck --severity=warning --external-sources --source-path=SCRIPTDIR
}

lint_floors()
{
    scripts/floors.sh
}

# A file that grows past this has more than one idea in it.
lint_size()
{
    files 'src/*.[ch]' | xargs -0 -r wc -l |
        awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines (at most 800)"; bad = 1 }
             END { exit bad }'
}

# Every source is in its room's meson.build, every unit test in the list.
lint_lists()
{
    local file room bad=0
    while IFS= read -r -d '' file; do
        room=$(dirname "$file")
        grep -q "'${file##*/}'" "$room/meson.build" 2>/dev/null || {
            echo "$file: not in $room/meson.build"
            bad=1
        }
    done < <(files 'src/*.c')
    while IFS= read -r -d '' file; do
        room=${file##*/test_}
        grep -q "'${room%.c}'" tests/unit/meson.build || {
            echo "$file: not in tests/unit/meson.build"
            bad=1
        }
    done < <(files 'tests/unit/test_*.c')
    return $bad
}

lint_whitespace()
{
    ! files '*' | xargs -0 -r grep -nIE '[[:blank:]]+$' -- | grep -vE '\.(tap|patch|diff|svg):'
}

[ $# -eq 0 ] || names=("$@")
echo "1..${#names[@]}"
failed=0 n=0
for name in "${names[@]}"; do
    n=$((n + 1))
    if output=$("lint_$name" 2>&1); then
        echo "ok $n - lint $name"
    else
        echo "not ok $n - lint $name"
        failed=1
    fi
    [ -z "$output" ] || printf '%s\n' "$output" | sed 's/^/# /'
done
exit $failed
