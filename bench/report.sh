# shellcheck shell=bash
#
# What bench/run makes of its figures ($work/figures: row, engine, value, best value): a table, JSON, a chart.
# Sourced; `work`, `rounds` and `status` are bench/run's.
# shellcheck disable=SC2154,SC2034

# row, unit, what was measured
titles='
bridge	ms	run --rm of true, bridge network
none	ms	run --rm of true, --network=none
oci	ms	run of a bundle with runc'"'"'s spec
twenty	ms	20 run --rm at once, for each
output	ms	run of 99 MB of lines, and its log
logs	ms	logs of that
memory	MiB	peak memory (PSS) of run
size	MiB	the installed programs
exec	ms	exec of true
ps	ms	ps
inspect	ms	inspect of one container
idle	KiB	memory (PSS) for each idle container
background	ms	20 run -d, then rm -f of all
thousand	x	the 1000th start, compared with the first
thousandps	ms	ps of 1000 containers
thousandrm	ms	rm -f of 1000 containers, for each
crowd	ms	64 clients at once, for each of their commands
pull	ms	pull of 490 MB, 4 layers, 34,000 files
pullmany	ms	pull of one layer, 40,000 small files
pulllarge	ms	pull of one layer of 490 MB, few files
pullagain	ms	pull with everything present
prompt	ms	run of an absent image, until its first word
load	ms	load of 490 MB
save	ms	save of 490 MB
push	ms	push of 490 MB to an empty registry
pullmemory	MiB	peak memory (PSS) of that pull
disk	MiB	disk that its image takes
added	ms	what the bridge adds to run --rm
ports	ms	run --rm -p 18080:80
usernet	ms	run --rm on a user network, three names
thousandnet	x	the 1000th start on one network, compared with the first
thousandrules	rules	what 999 more containers add to the firewall
iperf	Gbit/s	container to container
iperfhost	Gbit/s	container to host
iperfport	Gbit/s	through a published port
conns	/s	new connections by a published port
connsdirect	/s	the same, docker without its proxy
lookups	/s	lookups of a name, 32 under way
lookupsp99	us	99 of 100 of these take, at most
lookupone	us	99 of 100 lookups, one after the other
resolver	KiB	memory (PSS) of a resolver
resolveridle	KiB	memory (PSS) of resolvers, nobody asks
'

# row, engine compared with (or =, for a fixed bound), factor: skiff <= factor x that engine's, or >=
# where the factor says so. "plain" is skiff without what the row is about.
bounds='
bridge	docker	1/25
bridge	podman	1/20
none	docker	1/30
none	podman	1/30
none	floor	2
oci	crun	1/2
oci	runc	1/5
twenty	docker	1/25
output	docker	1/10
output	podman	1/3
logs	docker	1/15
logs	podman	1/15
memory	=	4
size	=	4
exec	docker	1/15
exec	podman	1/15
ps	docker	1/12
inspect	docker	1/12
idle	=	250
background	docker	1/15
background	podman	1/15
thousand	=	1.5
thousandps	=	60
thousandrm	=	15
crowd	docker	1/10
pull	docker	1/3
pull	podman	1/3
pullmany	docker	1/3
pullmany	podman	1/3
pulllarge	docker	1/3
pulllarge	podman	1/3
pullagain	docker	1/5
pullagain	podman	1/5
prompt	docker	1/3
load	docker	1/3
save	docker	1/3
push	docker	1/3
pullmemory	=	64
disk	podman	1.05
added	=	3
ports	plain	1.3
ports	docker	1/25
usernet	plain	1.2
thousandnet	=	1.5
thousandrules	=	0
iperf	docker	>=1
iperfhost	docker	>=1
iperfport	docker	>=1
conns	docker	>=1.5
connsdirect	docker	>=1
lookups	docker	>=3
lookups	podman	>=3
lookupsp99	docker	1/3
lookupsp99	podman	1/3
lookupone	docker	1
resolver	=	500
resolveridle	=	0
'

# Everything as JSON: rows with their figures, ratios and bounds.
figures_json()
{
    jq -n --rawfile figures "$work/figures" --rawfile versions "$work/versions" \
        --arg titles "$titles" --arg bounds "$bounds" --argjson rounds "$rounds" '
        def lines: split("\n") | map(select(length > 0) | split("\t"));
        def least: startswith(">=");
        def number: ltrimstr(">=") | split("/") | map(tonumber) | if length == 2 then .[0] / .[1] else .[0] end;
        ($figures | lines) as $f | ($bounds | lines) as $b |
        {
            versions: ($versions | lines | map({(.[0]): .[1]}) | add),
            rounds: $rounds,
            rows: [$titles | lines[] | . as [$row, $unit, $title] |
                ([$f[] | select(.[0] == $row) | {(.[1]): (.[2] | tonumber)}] | add) as $v |
                select($v) | $v.skiff as $s | {
                    row: $row, title: $title, unit: $unit, medians: $v,
                    best: ([$f[] | select(.[0] == $row and .[3])
                        | {(.[1]): (.[3] | tonumber)}] | add),
                    over_skiff: (if $s then $v | del(.skiff) | map_values(. / $s * 100 | round / 100)
                        else {} end),
                    over_floor: (if $v.floor then $v | del(.floor)
                        | map_values(. / $v.floor * 100 | round / 100) else {} end),
                    bounds: [$b[] | select(.[0] == $row) | . as [$_, $to, $factor] |
                        (if $to == "=" then 1 else $v[$to] end) as $base |
                        select($base and $s) | {
                            than: $to, factor: $factor,
                            most: ($base * ($factor | number) * 100 | round / 100),
                            met: (if $factor | least then $s >= $base * ($factor | number)
                                else $s <= $base * ($factor | number) end)
                        }]
                }]
        }'
}

print_table()
{
    jq -r '(.versions | to_entries[] | "# \(.key): \(.value)"), "",
        (.rows[] | . as $r | .medians | to_entries | sort_by(.value)[] |
            [$r.title, .key, "\(.value) \($r.unit)", ($r.best[.key]? // "-" | tostring),
                (if .key == "skiff" then "1" elif $r.over_skiff[.key] then "\($r.over_skiff[.key])"
                    else "-" end),
                (if .key == "floor" then "1" elif $r.over_floor[.key] then "\($r.over_floor[.key])"
                    else "-" end)] | @tsv), "",
        (.rows[] | . as $r | .bounds[] |
            "bound: \($r.title): \($r.medians.skiff) \($r.unit) \(if .factor | startswith(">=") then "" else "<= " end)" +
            (if .than == "=" then "\(.most) \($r.unit)"
                else "\(.factor | sub(">="; ">= ")) \(if .factor | contains("/") then "of" else "x" end) \(.than) (\(.most) \($r.unit))" end) +
            ": " + (if .met then "met" else "MISSED" end))' "$1" |
        awk -F '\t' -v format='%-36s %-8s %12s %9s %9s %9s\n' '
            NF > 1 && !header++ {
                printf format, "", "", "median", "best", "x skiff", "x floor" }
            NF > 1 {
                printf format, ($1 == last ? "" : $1), $2, $3, $4, $5, $6
                last = $1
                next }
            { print }'
}

# Bars for the rows in milliseconds; colours follow the reader's light or dark page.
print_chart()
{
    jq -r '
        {skiff: "s", floor: "f"} as $class | 250 as $left | 400 as $width |
        [.rows[] | select(.unit == "ms")] as $rows |
        (reduce $rows[] as $r ({y: 8, out: []};
            ([$r.medians[]] | max) as $max | .y as $top |
            .out += ["<text class=\"t\" x=\"12\" y=\"\($top + 17)\">\($r.title)</text>"] |
            .y = $top + 26 |
            reduce ($r.medians | to_entries | sort_by(.value)[]) as $e (.;
                ([$e.value / $max * $width, 1] | max) as $w |
                .out += [
                    "<text x=\"\($left - 8)\" y=\"\(.y + 13)\" text-anchor=\"end\">\($e.key)</text>",
                    "<rect class=\"\($class[$e.key] // "o")\" x=\"\($left)\" y=\"\(.y + 2)\" width=\"\($w * 10 | round / 10)\" height=\"14\" rx=\"2\"/>",
                    "<text x=\"\($left + $w + 8 | round)\" y=\"\(.y + 13)\">\(if $e.value >= 100 then $e.value | round else $e.value * 10 | round / 10 end) ms</text>"] |
                .y += 20) |
            .y += 12)) as $chart |
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"760\" height=\"\($chart.y)\" viewBox=\"0 0 760 \($chart.y)\" role=\"img\" aria-label=\"Medians in milliseconds, shorter is better\">",
        "<style>text{font:12px sans-serif;fill:#57606a}.t{font-weight:bold;fill:#1f2328}.s{fill:#1a7f37}.o{fill:#8c959f}.f{fill:#54aeff}@media(prefers-color-scheme:dark){text{fill:#9198a1}.t{fill:#f0f6fc}.s{fill:#3fb950}.o{fill:#656c76}.f{fill:#388bfd}}</style>",
        $chart.out[], "</svg>"' "$1"
}

report()
{
    figures_json >"$work/results.json" && print_table "$work/results.json" &&
        print_chart "$work/results.json" >"$work/results.svg" &&
        cp "$work/results.json" "$work/results.svg" bench/ || status=1
}
