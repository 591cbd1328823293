# What is listed can be had as JSON, one object a line; and colours, which are for people alone.
# shellcheck disable=SC2030,SC2031 # each test has a terminal of its own
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
    skiff volume create data >/dev/null
    skiff run -d --name web --label 'a=1' -v data:/data --network none busybox \
        sh -c 'touch /new; while :; do sleep 1; done' >/dev/null
    until_true eval 'skiff diff web | grep -q "^A /new"'
    skiff run --name bad --network none busybox false || true
    mkdir "$SKIFF_ROOT/names/stray" # something for system check to find
}

teardown_file()
{
    rm -d "$SKIFF_ROOT/names/stray"
    skiff_teardown
}

# listed [GROUP]: what help lists.
listed()
{
    skiff "$@" --help | sed -n '/Commands:$/,/^$/ { s/^  \([a-z]*\) .*/\1/p }'
}

# commands: every way to call one, a line each.
commands()
{
    local first second
    for first in $(listed); do
        if skiff "$first" --help | grep -q "^Usage: skiff $first COMMAND$"; then
            for second in $(listed "$first"); do
                echo "$first $second"
            done
        else
            echo "$first"
        fi
    done
}

# json_of WHAT COMMAND...: "lines" of one object each, at least one; or a "whole".
json_of()
{
    local what=$1
    shift
    # shellcheck disable=SC2016 # by bash
    run -0 --separate-stderr bash -c '"$SKIFF" "$@" 2>&1 || [ $? -eq 1 ]' - "$@"
    case $what in
    lines)
        [ "${#lines[@]}" -ge 1 ] || told "nothing listed: $*"
        for line in "${lines[@]}"; do
            jq -e 'type == "object" and length > 1' <<<"$line" >/dev/null || told "no object: $* gave $line"
        done
        ;;
    whole)
        [ "${#lines[@]}" -eq 1 ] || told "expected one line: $*"
        jq -e 'length > 0' <<<"$output" >/dev/null || told "no JSON: $*"
        ;;
    esac
}

# Whoever adds a command says here whether it lists something.
@test "--format json: of every command that lists something" {
    require_command jq
    skiff stop -t 0 bad >/dev/null
    count=0
    while read -r command; do
        what=lines
        case $command in
        'attach' | 'boot' | 'commit' | 'completion' | 'cp' | 'create' | 'exec' | 'export' | 'import' | 'kill' | \
            'pause' | 'rename' | 'restart' | 'rm' | 'rmi' | 'run' | 'start' | 'stop' | 'tag' | 'unpause' | \
            'update' | 'wait' | 'logs' | 'pull' | 'push' | 'load' | 'save' | 'login' | 'logout' | 'generate systemd' | \
            *' pull' | *' push' | *' load' | *' save' | *' prune' | *' import' | *' tag' | *' create' | *' rm' | \
            *' connect' | *' disconnect' | 'network graph')
            continue # they act, or print what is not theirs
            ;;
        ps | 'container ls') words=(-a) ;;
        images | 'image ls' | 'volume ls' | 'network ls' | 'system df' | ns | check | 'system check') words=() ;;
        stats | 'container stats') words=(--no-stream) ;;
        events | 'system events') words=(--since 1h --until 0s) ;;
        history | 'image history') words=(busybox) ;;
        top | diff | 'container top' | 'container diff') words=(web) ;;
        search) # of a registry; its own tests have one
            skiff search --help | grep -q -- '--format TEMPLATE'
            continue
            ;;
        port | 'container port') words=(web) what=nothing ;; # there are no published ports
        inspect | 'container inspect') words=(web) what=whole ;;
        'image inspect') words=(busybox) what=whole ;;
        'volume inspect') words=(data) what=whole ;;
        'network inspect') words=(bridge) what=whole ;;
        info | version | 'system info') words=() what=whole ;;
        container\ *)
            # The others are the same as without "container".
            skiff "${command#container }" --help >/dev/null
            continue
            ;;
        *) told "\"$command\" is new: does it list something?" ;;
        esac
        # shellcheck disable=SC2086 # two words
        json_of "$what" $command --format json "${words[@]}"
        count=$((count + 1))
    done < <(commands)
    [ "$count" -gt 25 ] || told "only $count"
}

@test "--format json: inspect of several is an array, of what is not there an empty one" {
    run_ok skiff inspect --format json web bad
    [ "$(jq -r 'length, .[1].Name' <<<"$output")" = $'2\n/bad' ]
    run -1 --separate-stderr skiff volume inspect --format json nothing
    output_is '[]'
}

@test "--format: a table of one's own, a template, and one that is none" {
    run_ok skiff diff --format 'table {{.Path}}\t{{.Type}}' web
    output_has $'^PATH      CHANGE TYPE\n.*/new      A'
    run_ok skiff top --format '{{.PID}}' web
    output_has "^$(container_pid web)"
    run_ok skiff top --format '{{.Number}}' web -o pid=Number
    output_has "^$(container_pid web)"
    run_ok skiff check --format '{{.Name}} {{.Offered}}'
    output_has 'pid namespaces true'
    run_fails 'unclosed action' skiff diff --format '{{.Path' web
    run_fails 'no entry for key "Nonsense"' skiff check --format '{{.Nonsense}}'
}

@test "--format json: bytes that are no UTF-8 do not spoil it" {
    require_command jq
    # shellcheck disable=SC2016 # by the container's shell
    skiff exec web sh -c 'touch "$(printf "/odd\377name")"'
    run_ok skiff diff --format json web
    [ "$(jq -r 'select(.Path | startswith("/odd")).Path' <<<"$output")" = $'/odd\xef\xbf\xbdname' ]
    skiff exec web sh -c 'rm /odd*'
}

# on_terminal COMMAND...: what it writes to one.
on_terminal()
{
    run script -qec "$(printf '%q ' "$@")" /dev/null
}

red=$'\e\\[31m' plain=$'\e\\[0m'

@test "colours: what asks for an eye, on a terminal" {
    require_command script
    local -x TERM=xterm
    on_terminal "$SKIFF" ps -a
    output_has "${red}Exited \\(1\\) [A-Za-z0-9 ]*${plain} "
    [ "$(grep -c $'\e' <<<"$output")" -eq 1 ] || told "only that"
    on_terminal "$SKIFF" nonsense
    output_has "^${red}skiff:${plain} "
    on_terminal "$SKIFF" check
    output_has $'\e\\[32myes'
    on_terminal "$SKIFF" system check
    output_has "^${red}name${plain} "
}

@test "colours: a coloured cell is as wide as one without" {
    require_command script
    TERM=xterm on_terminal "$SKIFF" ps -a
    # shellcheck disable=SC2001 # no pattern of the shell's
    output=$(sed 's/\x1b\[[0-9]*m//g' <<<"$output")
    header=$(grep NAMES <<<"$output") row=$(grep bad <<<"$output")
    header=${header%NAMES*} row=${row%bad*}
    [ "${#header}" -eq "${#row}" ] || told "its last cell is not below its title"
}

@test "colours: none in a template, with NO_COLOR, on a dumb terminal, or in a pipe" {
    require_command script
    local -x TERM=xterm
    for command in 'ps -a' nonsense check 'system check'; do
        # shellcheck disable=SC2086 # its words
        NO_COLOR=1 on_terminal "$SKIFF" $command
        output_lacks $'\e'
        # shellcheck disable=SC2086
        TERM=dumb on_terminal "$SKIFF" $command
        output_lacks $'\e'
        # shellcheck disable=SC2086
        run "$SKIFF" $command
        output_lacks $'\e'
    done
    on_terminal "$SKIFF" ps -a --format '{{.Status}}'
    output_lacks $'\e'
    on_terminal "$SKIFF" ps -a --format json
    output_lacks $'\e'
    NO_COLOR='' on_terminal "$SKIFF" nonsense
    output_has $'\e'
}
