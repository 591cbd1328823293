#!/usr/bin/env bats
# `skiff events`: what happened, and what happens, without a daemon.

load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
}

teardown_file()
{
    skiff_teardown
}

setup()
{
    require_root
}

# What is in the journal since the moment $1, one "TYPE ACTION" a line.
actions()
{
    skiff events --since "$1" --until "$(now)" --format '{{.Type}} {{.Action}}' "${@:2}"
}

now()
{
    date +%s.%N
}

@test "events: an image that is imported, named, and removed" {
    begin=$(now)
    import_busybox other:1
    skiff rmi other:1 >/dev/null
    run_ok actions "$begin"
    differs "the tag comes before the import" && return
    output_is $'image import\nimage tag\nimage untag\nimage delete'
    run_ok skiff events --since "$begin" --until "$(now)" -f event=tag --format '{{.Actor.Attributes.name}}'
    output_is 'other:1'
    run_ok skiff events --since "$begin" --until "$(now)" -f image=other
    output_has ' image tag sha256:[0-9a-f]{64} \(name=other:1\)'
    output_lacks 'import'
}

@test "events: a line is Docker's, as text and as JSON" {
    begin=$(now)
    id=$(skiff run -d --name line -l stage=test -l empty= busybox true)
    run_ok skiff events --since "$begin" --until "$(now)" -f event=create
    output_has "^[0-9]{4}-[0-9-]{5}T[0-9:]{8}\.[0-9]{9}(Z|[+-][0-9:]{5}) container create $id \(empty=, image=busybox, name=line, stage=test\)$"
    run_ok skiff events --since "$begin" --until "$(now)" -f event=create --format json
    [ "$(jq -r '[.status, .id, .from, .Type, .Action, .Actor.ID, .scope] | join(" ")' <<<"$output")" = \
        "create $id busybox container create $id local" ]
    [ "$(jq -r '.Actor.Attributes | to_entries | map(.key + "=" + .value) | sort | join(" ")' <<<"$output")" = \
        "empty= image=busybox name=line stage=test" ]
    jq -e '.timeNano / 1000000000 | floor as $t | '"$(jq .time <<<"$output")"' == $t' <<<"$output"
    run_ok skiff events --since "$begin" --until "$(now)" -f event=create --format '{{.Status}} {{.ID}} {{.From}} {{.Scope}} {{.Actor.Attributes.stage}}'
    output_is "create $id busybox local test"
    skiff rm -f line >/dev/null
}

@test "events: a life from its creation to its removal" {
    begin=$(now)
    skiff run --rm --name short busybox sh -c 'exit 3' || [ $? -eq 3 ]
    run_ok skiff events --since "$begin" --until "$(now)" -f type=container -f container=short \
        --format '{{.Action}} {{.Actor.Attributes.exitCode}}'
    output_is $'create <no value>\nattach <no value>\nstart <no value>\ndie 3\ndestroy <no value>'
}

@test "events: what people do to a container" {
    begin=$(now)
    skiff create --name busy busybox sh -c 'trap "exit 0" TERM; while :; do sleep 0.1; done' >/dev/null
    skiff start busy >/dev/null
    skiff pause busy >/dev/null
    skiff unpause busy >/dev/null
    skiff kill -s HUP busy >/dev/null
    skiff rename busy busier
    skiff stop busier >/dev/null
    skiff stop busier >/dev/null # nothing happens
    skiff restart -t 0 busier >/dev/null
    skiff kill busier >/dev/null
    skiff rm busier >/dev/null
    run_ok skiff events --since "$begin" --until "$(now)" -f type=container -f container=bus \
        --format '{{.Action}}{{with .Actor.Attributes.signal}} {{.}}{{end}}{{with .Actor.Attributes.oldName}} {{.}}{{end}}'
    output_is "create
start
pause
unpause
kill 1
rename /busy
kill 15
die
stop
start
restart
kill 9
die
destroy"
}

@test "events: a container that cannot be started, one whose monitor is killed, a policy" {
    begin=$(now)
    run -127 skiff run --rm --name never busybox /nonexistent
    run_ok skiff events --since "$begin" --until "$(now)" -f type=container -f container=never --format '{{.Action}}'
    differs "what never ran does not die" || output_is $'create\ndie\ndestroy'
    differs "it has no monitor" && return
    skiff run -d --name lost busybox sleep 1000 >/dev/null
    kill -9 "$(awk '/^PPid/ { print $2 }' "/proc/$(container_pid lost)/status")"
    until_true not_running lost
    run_ok skiff events --since "$begin" --until "$(now)" -f type=container -f container=lost -f event=die \
        --format '{{.Actor.Attributes.exitCode}}'
    output_is 137
    skiff rm -f lost >/dev/null
    skiff run -d --name again --restart on-failure:2 busybox false >/dev/null
    until_true not_running again
    run_ok skiff events --since "$begin" --until "$(now)" -f type=container -f container=again --format '{{.Action}}'
    output_is $'create\nstart\ndie\nstart\ndie\nstart\ndie'
    skiff rm -f again >/dev/null
}

not_running()
{
    [ "$(skiff inspect --format '{{.State.Running}}' "$1")" = false ]
}

@test "events: volumes" {
    begin=$(now)
    skiff volume create data >/dev/null
    skiff volume rm data >/dev/null
    run_ok skiff events --since "$begin" --until "$(now)" -f volume=data --format '{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.driver}}'
    output_is $'volume create data local\nvolume destroy data local'
}

@test "events: filters: one key any value, several keys all, every label" {
    needs_skiff "no built-in image"
    begin=$(now)
    skiff run --rm --name first -l a=1 -l b=2 busybox true
    skiff run --rm --name second -l a=1 host true
    count() { actions "$begin" -f event=create "$@" | wc -l; }
    [ "$(count)" -eq 2 ]
    [ "$(count -f container=first)" -eq 1 ]
    [ "$(count -f container=first -f container=second)" -eq 2 ]
    [ "$(count -f container=third)" -eq 0 ]
    [ "$(count -f image=busybox)" -eq 1 ]
    [ "$(count -f image=busybox -f container=second)" -eq 0 ]
    [ "$(count -f label=a)" -eq 2 ]
    [ "$(count -f label=a=1 -f label=b)" -eq 1 ]
    [ "$(count -f label=a=2)" -eq 0 ]
    [ "$(count -f type=image)" -eq 0 ]
    [ "$(count -f type=container -f type=image)" -eq 2 ]
    [ "$(count -f scope=swarm)" -eq 0 ]
    run_fails "invalid filter 'nonsense=1'" skiff events -f nonsense=1
    run_fails "invalid filter 'type'" skiff events -f type
}

@test "events: follows, across a change of the journal's file" {
    needs_skiff "the journal is a file of ours"
    begin=$(now)
    out=$BATS_TEST_TMPDIR/out
    "$SKIFF" events --since "$begin" -f event=create --format '{{.Actor.Attributes.name}}' >"$out" &
    follower=$!
    skiff run --rm --name first busybox true
    until_true file_has "$out" first
    skiff run --rm --name second busybox true
    until_true file_has "$out" second
    yes "$(printf '%01000d' 0)" | head -c 4200000 >>"$SKIFF_ROOT/events"
    skiff run --rm --name third busybox true
    [ -e "$SKIFF_ROOT/events.1" ]
    skiff run --rm --name fourth busybox true
    until_true file_has "$out" fourth
    kill "$follower"
    wait "$follower" || [ $? -eq 143 ]
    [ "$(cat "$out")" = $'first\nsecond\nthird\nfourth' ] || told "$(cat "$out")"
}

@test "events: without --since, from now on; ends with --until" {
    needs_skiff "what was before --since is not left out with --until in the past"
    skiff run --rm --name earlier busybox true
    out=$BATS_TEST_TMPDIR/out
    "$SKIFF" events --until "$(date +%s -d '1 second')" >"$out"
    grep -q earlier "$out"
    "$SKIFF" events --since 0s --until -1s >"$out"
    run_ok cat "$out"
    output_is ''
}

@test "events: --until alone shows what was, and ends" {
    skiff run --rm --name before busybox true
    run_ok skiff events --until "$(now)" -f container=before -f event=create --format '{{.Action}}'
    output_is create
    differs "--until 1970-01-01 is none" && return
    run_ok skiff events --until 1970-01-01
    output_is ''
}

@test "events: what is no time or no template is refused" {
    run_fails '"yesterday" is no time|time or duration: "yesterday"' skiff events --since yesterday
    run_fails '"1d" is no time|time or duration: "1d"' skiff events --until 1d
    run_fails 'template' skiff events --until 0s --format '{{.'
}

@test "events: a damaged journal and one that cannot be written fail nobody" {
    needs_skiff "the journal is a file of ours"
    begin=$(now)
    printf 'nonsense\n{"timeNano":1,"Type":"container","Act' >>"$SKIFF_ROOT/events"
    skiff run --rm --name whole busybox true
    run_ok skiff events --since "$begin" --until "$(now)" -f type=container -f container=whole -f event=create --format '{{.Action}}'
    output_is create
    mv "$SKIFF_ROOT/events" "$SKIFF_ROOT/kept"
    mkdir "$SKIFF_ROOT/events"
    run_ok skiff run --rm busybox echo fine
    output_is fine
    rmdir "$SKIFF_ROOT/events"
    mv "$SKIFF_ROOT/kept" "$SKIFF_ROOT/events"
}

@test "events: control characters in labels give a terminal no orders" {
    needs_skiff "control characters come out as they are"
    begin=$(now)
    skiff run --rm -l "evil=$(printf 'a\033[2Jb\nc')" busybox true
    run_ok skiff events --since "$begin" --until "$(now)" -f event=create
    [ "${#lines[@]}" -eq 1 ]
    output_has 'evil=a\\x1b\[2Jb\\x0ac'
}
