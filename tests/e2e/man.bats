#!/usr/bin/env bats
# The manual pages: one of each command, made from its table, whole and well formed.

load ../lib/common

setup_file()
{
    pages=$BATS_FILE_TMPDIR/man1
    export pages
    "$SKIFF_SOURCE/scripts/man.sh" "$pages" "$SKIFF"
}

# plain PAGE: its text without fonts and escapes.
plain()
{
    sed 's/\\f.//g; s/\\-/-/g; s/\\e/\\/g; s/\\&//g' "$pages/$1"
}

@test "man: every way to call a command has a page" {
    run_ok skiff --help
    commands=$(sed -n '/Commands:$/,/^$/ { s/^  \([a-z]*\) .*/\1/p }' <<<"$output")
    [ "$(wc -w <<<"$commands")" -gt 15 ]
    for command in $commands; do
        run_ok skiff "$command" --help
        if grep -q "^Usage: skiff $command COMMAND$" <<<"$output"; then
            for second in $(sed -n '/^Commands:$/,/^$/ { s/^  \([a-z]*\) .*/\1/p }' <<<"$output"); do
                [ -s "$pages/skiff-$command-$second.1" ] || told "no page: $command $second"
            done
        else
            [ -s "$pages/skiff-$command.1" ] || told "no page: $command"
        fi
    done
    for page in "$pages"/*.1; do
        [ -s "$page" ] || told "$page is empty, or leads nowhere"
    done
}

@test "man: every option of a command's help stands in its page, with its help" {
    count=0
    for page in "$pages"/skiff-*-*.1 "$pages"/skiff-*.1; do
        name=$(basename "$page" .1)
        words=$(tr - ' ' <<<"${name#skiff-}")
        [ "$words" != oci ] || continue
        # shellcheck disable=SC2086 # words
        run_ok skiff help $words
        text=$(plain "$name.1")
        while read -r option; do
            grep -qE -- "(^|, )$option( |$)" <<<"$text" || told "$name: no $option"
            count=$((count + 1))
        done < <(grep -oE '^ +(-., )?--[a-z0-9-]+' <<<"$output" | grep -oE -- '--[a-z0-9-]+')
    done
    [ "$count" -gt 100 ]
}

@test "man: a page says what the help says" {
    run_ok plain skiff-run.1
    output_has '^\.TH SKIFF-RUN 1 [0-9]{4}-[0-9]{2}-[0-9]{2} "skiff '
    for line in 'skiff-run - create and run a container from an image' \
        'skiff run [OPTIONS] IMAGE [COMMAND] [ARG...]' '.SH OPTIONS' '.SS Network' \
        '-h, --hostname NAME' 'skiff container run' '125 when skiff itself failed'; do
        grep -qF -- "$line" <<<"$output" || told "no line: $line"
    done
    run_ok plain skiff-container-rm.1
    [ "$output" = "$(plain skiff-rm.1)" ]
}

@test "man: skiff(1) lists the commands and the options before them" {
    run_ok plain skiff.1
    for page in "$pages"/skiff-*.1; do
        [ ! -L "$page" ] || continue
        name=$(basename "$page" .1)
        grep -qE "^\.BR $name \(1\)" <<<"$output" || told "skiff(1) has no $name"
    done
    for option in --root --run-dir --debug --log-level --version; do
        grep -qE -- "(^|, )$option( |$)" <<<"$output" || told "no $option"
    done
}

@test "man: skiff-oci(1) lists its commands" {
    text=$(plain skiff-oci.1)
    run_ok "$SKIFF_OCI" --help
    for command in $(sed -n '/^Commands:$/,/^$/ { s/^  \([a-z]*\) .*/\1/p }' <<<"$output"); do
        grep -qE "^\.BI? $command( |$)" <<<"$text" || told "no $command"
    done
}

@test "man: mandoc finds nothing to complain of" {
    require_command mandoc
    cd "$pages"
    run_ok mandoc -T lint -W warning -- *.1
    output_is ''
}

@test "man: groff warns of nothing" {
    require_command man groff
    for page in "$pages"/*.1; do
        run env LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page"
        [ "$status" -eq 0 ] || told "$page"
        ! env LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null |
            grep . || told "$page"
    done
}

@test "man: a page of no command is none" {
    run_fails 'not a skiff command: did you mean "run"' skiff __man rnu
    run_fails 'not a skiff command' skiff __man image nonsense
}
