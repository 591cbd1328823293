#!/bin/bash
# bench/readme.sh: writes the figures of bench/results.json into the table of both READMEs, between
# the marks <!-- bench --> and <!-- /bench -->.
set -euo pipefail
cd "$(dirname "$0")/.."

# table WHAT MEDIAN BOUND MET MISSED: the rows as Markdown; the arguments are its words.
table()
{
    jq -r --arg what "$1" --arg times "$2" --arg bound "$3" --arg met "$4" --arg missed "$5" '
        def figure: if . >= 100 then round elif . >= 10 then . * 10 | round / 10
            else . * 100 | round / 100 end | tostring;
        "| \($what) | skiff | floor | docker | podman | crun | runc | \($bound) |",
        "|---|---|---|---|---|---|---|---|",
        (.rows[] | . as $r |
            "| \(.title) | **\(.medians.skiff | figure) \(.unit)** | " +
            ([["floor", "docker", "podman", "crun", "runc"][] as $e | $r.medians[$e] |
                if . == null then "" else figure +
                    (if $r.medians.skiff and $e != "floor"
                        then " (\($times)\(. / $r.medians.skiff | figure))" else "" end) end] |
                join(" | ")) + " | " +
            ([.bounds[] | "\(.factor | sub(">="; "≥ "))\(if .than == "=" then " \($r.unit)" elif .factor | contains("/") then " \(.than)" else " × \(.than)" end): " +
                (if .met then $met else $missed end)] | join(", ")) + " |"),
        "",
        ([.versions | to_entries[] | "\(.key) \(.value)"] | join("; ") | "<sub>" + . + "</sub>")
    ' bench/results.json
}

# insert FILE: puts standard input between the marks.
insert()
{
    local text
    text=$(cat)
    TEXT=$text awk '
        /<!-- \/bench -->/ { inside = 0 }
        !inside { print }
        /<!-- bench -->/ { inside = 1; print ENVIRON["TEXT"] }' "$1" >"$1.new"
    mv "$1.new" "$1"
}

table 'median of' '×' 'bound' 'met' '**missed**' | insert README.md
table '中位数' '×' '上限' '达到' '**未达到**' | insert README.zh-CN.md
