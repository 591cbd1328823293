#!/usr/bin/env bats
# Completion: the protocol (`skiff __complete`), and the scripts of the three shells.

load ../lib/common
load ../lib/complete

setup_file()
{
    require_root
    skiff_setup
    import_busybox
    import_busybox localhost:5000/tools/extra:v1
    skiff run -d --name runs-1 busybox sleep 1000 >/dev/null
    skiff run -d --name runs-2 busybox sleep 1000 >/dev/null
    skiff run --name ended busybox true
    mkdir -p "$skiff_folder/bin"
    ln -s "$SKIFF" "$skiff_folder/bin/skiff"
}

teardown_file()
{
    skiff_teardown
}

# offered WORD...: the candidates alone, sorted.
offered()
{
    skiff __complete "$@" | sed '/^:/d; s/\t.*//' | sort
}

# offers EXPECTED WORD...: these candidates and no others.
offers()
{
    local expected=$1
    shift
    run_ok offered "$@"
    # shellcheck disable=SC2086 # one a word
    output_is "$(printf '%s\n' $expected | sort)"
}

@test "complete: commands, groups, and what follows a group" {
    offers 'rm rmi' rm
    offers 'run' ru
    offers 'import inspect' image i
    offers 'ls logs' container l
    offers 'image images' --debug --root /x imag
    offers 'version' help ver
    offers '' nonsense ''
    offers '' container nonsense ''
}

@test "complete: each command of the help is offered, with its words" {
    run_ok skiff --help
    while read -r command about; do
        skiff __complete "$command" | grep -qxF "$command	$about" || told "$command: $about"
    done < <(sed -n '/Commands:$/,/^$/ { /^  /p }' <<<"$output")
}

@test "complete: every option of every command, long and by its letter" {
    run_ok offered ''
    for command in $output; do
        [ "$command" != help ] || continue
        while read -r option; do
            skiff __complete "$command" "$option" | grep -q "^$option	" || told "$command $option"
        done < <(skiff help "$command" | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+')
    done
    offers '--network --network-alias --network-opt' run --netw
    offers '--help' ns --he
    offers '--rm=false --rm=true' run --rm=
    offers '' run --nonsense=
}

@test "complete: containers as commands can take them" {
    offers 'ended runs-1 runs-2' rm ''
    offers 'runs-1 runs-2' kill ''
    offers 'runs-2' kill runs-1 runs-2
    offers 'runs-1 runs-2' kill -s KILL r
    offers 'runs-1 runs-2' top ''
    offers 'ended runs-1 runs-2' logs -f --tail 5 ''
    offers '' ps ''
    offers '' logs --tail ''
    offers '' rm nonsense
}

@test "complete: IDs for who begins one" {
    id=$(skiff inspect --format '{{.Id}}' ended)
    offers "${id:0:12}" rm "${id:0:6}"
    offers "$(skiff images -q busybox)" rmi "$(skiff images -q busybox | cut -c 1-6)"
}

@test "complete: images, and the built-in one where a container is made" {
    offers 'busybox localhost:5000/tools/extra:v1' rmi ''
    offers 'busybox host localhost:5000/tools/extra:v1' run -it --name x ''
    offers 'host' run ho
    offers 'localhost:5000/tools/extra:v1' run localhost:5
    offers 'busybox:latest' rmi busybox:
    offers 'busybox ended localhost:5000/tools/extra:v1 runs-1 runs-2' inspect ''
}

@test "complete: what stands behind an image is the container's" {
    run_ok skiff __complete run busybox -
    output_is ':files'
    run_ok skiff __complete run --rm busybox sh -c ''
    output_is ':files'
    run_ok skiff __complete rm -- -
    output_is ''
}

@test "complete: values of options" {
    offers 'HUP' kill --signal HU
    offers '--signal=HUP' kill --signal=HU
    offers 'CHECKPOINT_RESTORE CHOWN' run --cap-add CH
    offers 'ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE' run --cap-drop A
    offers 'bridge none host private path: container:runs-1 container:runs-2' run --network ''
    offers 'container:runs-2' run -it --pid container:runs-2
    offers 'status= since=' ps -f s
    offers 'status= since=' ps -af s
    offers 'status=' ps --filter stat
    offers 'json table' ps --format ''
    offers 'json table dot' ns --format ''
    offers 'debug' --log-level d
    offers 'no on-failure always unless-stopped' run --restart ''
    offers 'missing always never' create --pull ''
    offers 'linux/arm64 linux/arm/v7' pull --platform linux/arm
    offers 'gzip zstd' image push --compression ''
    offers 'before= dangling= label= label!= reference= since= until=' images -f ''
    offers 'label= label!= until=' image prune --filter ''
    offers 'is-official= stars=' search -f ''
    CANARY=1 offers 'CANARY' run -e CANA
    run_ok skiff __complete run --env-file ''
    output_is ':files'
    run_ok skiff __complete --root ''
    output_is ':folders'
    offers 'ended' --root "$SKIFF_ROOT" rm e
    offers '' --root=/nonexistent rm e
}

@test "complete: a name of a container is gone on with by its path" {
    run_ok skiff __complete cp e
    output_has '^ended:	'
    output_has ':nospace'
    run_ok skiff __complete cp ended:/
    output_lacks files
}

@test "complete: without an engine, without rights: words of the table, nothing made" {
    run_ok env SKIFF_ROOT="$BATS_TEST_TMPDIR/none" SKIFF_RUN_DIR="$BATS_TEST_TMPDIR/none" \
        "$SKIFF" __complete rm ''
    output_is ''
    [ ! -e "$BATS_TEST_TMPDIR/none" ]
    require_command setpriv
    ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups "$SKIFF")
    "${ordinary[@]}" version >/dev/null 2>&1 || skip "the build folder is not for others"
    run_ok "${ordinary[@]}" __complete rm ''
    output_is ''
    run_ok "${ordinary[@]}" __complete vers
    output_has '^version'
}

@test "complete: nothing, one word, odd words: no failure" {
    for words in '' '-' '--' '=' '--=' '-=' ':' 'run --' 'run -' 'run -- ' 'run --name' 'rm --=' 'help' \
        'help help' 'container' 'container --' '-D' '--root'; do
        # shellcheck disable=SC2086 # words
        run_ok skiff __complete $words
    done
    run_ok skiff __complete
    output_has '^run	'
    run_ok skiff __complete rm $'a\nb' $'\033'
}

@test "completion: the scripts are those of the source" {
    for shell in bash zsh fish; do
        run_ok skiff completion "$shell"
        [ "$output" = "$(cat "$SKIFF_SOURCE/completion/skiff.$shell")" ]
    done
    run_fails 'no completion for "csh"' skiff completion csh
    run_fails 'requires 1 argument' skiff completion
}

@test "completion: bash: words, values behind = and :, containers" {
    skiff=$skiff_folder/bin/skiff
    bash_has()
    {
        run_ok bash_offers "$1"
        output_is "$2"
    }
    bash_has "$skiff imp" import
    bash_has "$skiff rm r" $'runs-1\nruns-2'
    bash_has "$skiff  rm   e" ended
    bash_has "$skiff kill --signal=HU" HUP
    bash_has "$skiff run --network container:runs-2" runs-2
    bash_has "$skiff run --network=container:runs-2" runs-2
    bash_has "$skiff rmi localhost:5000/tools/ex" 5000/tools/extra:v1
    bash_has "$skiff run --rm=" $'false\ntrue'
    bash_has "$skiff run --env-file $SKIFF_SOURCE/Makef" "$SKIFF_SOURCE/Makefile"
    bash_has "$skiff run --env-file=$SKIFF_SOURCE/Makef" "$SKIFF_SOURCE/Makefile"
    bash_has "$skiff rm nonsense" ''
}

@test "completion: bash: typed at a terminal" {
    require_command expect
    run_ok expect -c '
        set timeout 30
        spawn -noecho env PS1=ready> PATH='"$skiff_folder"'/bin:$::env(PATH) bash --norc --noprofile -i
        expect ready>
        send "source <(skiff completion bash); bind \"set bell-style none\"\r"
        expect ready>
        send "skiff insp\tende\t--format={{.Name}}\r"
        expect {
            "/ended" { exit 0 }
            timeout { exit 3 }
        }'
}

@test "completion: zsh offers the same" {
    require_command zsh expect
    run_ok expect -c '
        set timeout 30
        set stty_init "columns 200"
        spawn -noecho env PATH='"$skiff_folder"'/bin:$::env(PATH) PS1=ready> TERM=dumb zsh -f -i
        expect ready>
        send "unsetopt zle_bracketed_paste; autoload -Uz compinit && compinit -D -u; source <(skiff completion zsh)\r"
        expect ready>
        send "skiff insp\tende\t--format={{.Name}}\r"
        expect {
            "/ended" { exit 0 }
            timeout { exit 3 }
        }'
}

@test "completion: fish offers the same" {
    require_command fish
    fish_offers()
    {
        HOME=$BATS_TEST_TMPDIR PATH=$skiff_folder/bin:$PATH fish --no-config -c \
            'source $argv[1]; complete -C $argv[2]' "$SKIFF_SOURCE/completion/skiff.fish" "$1" |
            sed 's/\t.*//' | sort
    }
    run_ok fish_offers 'skiff rm r'
    output_is $'runs-1\nruns-2'
    run_ok fish_offers 'skiff kill --signal=HU'
    output_is '--signal=HUP'
    run_ok fish_offers "skiff run --env-file $SKIFF_SOURCE/Makef"
    output_is "$SKIFF_SOURCE/Makefile"
    run_ok fish_offers 'skiff imp'
    output_is import
}
