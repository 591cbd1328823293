#!/usr/bin/env bats
# How progress looks on a terminal, and what signals do to a pull. A script stands in the place of
# skiff-image.
# shellcheck disable=SC2016,SC2154 # what the script expands; and what fake_helper.bash sets
load ../lib/common
load ../lib/pty
load ../lib/fake_helper

setup()
{
    require_root
    require_command tmux
    skiff_setup
    fake_begin
}

teardown()
{
    pty_stop
    fake_end
    skiff_teardown
}

shown()
{
    pty_screen | sed '/^$/d; /^Pane is dead/d'
}

@test "terminal: a line a layer, updated in place, with a bar, numbers, rate and time left" {
    helper <<'SCRIPT'
say '{"status":"Pulling from library/rust","id":"latest"}'
layer aaaaaaaaaaaa 'Pulling fs layer'
layer bbbbbbbbbbbb 'Pulling fs layer'
while [ ! -e "$here/go" ]; do
    layer bbbbbbbbbbbb Downloading '"current":'$((++i * 10000))',"total":20000000'
    sleep 0.1
done
layer bbbbbbbbbbbb 'Pull complete'
layer aaaaaaaaaaaa 'Pull complete'
say '{"status":"Status: Downloaded newer image for rust:latest"}'
SCRIPT
    pty_start "$SKIFF" pull rust
    pty_wait '^bbbbbbbbbbbb: Downloading \[=*> +\] +[0-9.]+kB/20MB  [0-9.]+kB/s [0-9]+m[0-9]+s$'
    [ "$(pty_screen | grep -c '^bbbbbbbbbbbb')" -eq 1 ]
    touch "$fake/go"
    pty_ended
    diff - <(shown) <<'EOF'
Using default tag: latest
latest: Pulling from library/rust
aaaaaaaaaaaa: Pull complete
bbbbbbbbbbbb: Pull complete
Status: Downloaded newer image for rust:latest
docker.io/library/rust:latest
EOF
    [ "$(pty_status)" -eq 0 ]
}

@test "terminal: more layers than rows, and all of them in the end" {
    helper <<'SCRIPT'
for i in {10..69}; do layer "layer$i" Waiting; done
layer layer65 Downloading '"current":1,"total":10'
for i in {10..19}; do layer "layer$i" 'Already exists'; done
while [ ! -e "$here/go" ]; do
    layer layer65 Downloading '"current":'$((++n))',"total":1000'
    sleep 0.1
done
for i in {20..69}; do layer "layer$i" 'Pull complete'; done
SCRIPT
    pty_start "$SKIFF" pull x:1
    pty_wait '^38 more: 28 waiting, 10 done$'
    pty_wait '^layer65: Downloading'
    [ "$(pty_screen | grep -c '^layer')" -eq 22 ]
    touch "$fake/go"
    pty_ended
    pty_wait '^docker.io/library/x:1'
    for i in {10..19}; do
        [ "$(pty_screen | grep -c "^layer$i: Already exists$")" -eq 1 ]
    done
    for i in {20..69}; do
        [ "$(pty_screen | grep -c "^layer$i: Pull complete$")" -eq 1 ]
    done
    [ "$(pty_screen | grep -cE 'Waiting|Downloading|more:')" -eq 0 ]
}

@test "terminal: made smaller and larger while it goes" {
    helper <<'SCRIPT'
for i in {10..15}; do layer "layer$i" Downloading '"current":1000,"total":20000'; done
while [ ! -e "$here/go" ]; do
    layer layer12 Downloading '"current":'$((++n + 1000))',"total":20000'
    sleep 0.05
done
for i in {10..15}; do layer "layer$i" 'Pull complete'; done
SCRIPT
    pty_start "$SKIFF" pull x:1
    pty_wait '^layer15: Downloading'
    pty_resize 40 24
    pty_wait '^layer12: Downloading +1\.[0-9]+kB/20kB'
    pty_resize 60 5
    pty_wait '^3 more: 3 at work, 0 done$'
    pty_resize 120 24
    pty_wait '^layer12: Downloading \[=+> {40,}\].* [0-9]+m[0-9]+s$'
    # What had left a terminal of five rows at the top may be seen above; below it all is in order.
    for ((i = 0; i < 50; i++)); do
        frame=$(pty_screen | grep '^layer' | tail -n 6 | cut -c 1-8 | tr '\n' ' ')
        [ "$frame" != "$(printf 'layer%s: ' {10..15})" ] || break
        sleep 0.1
    done
    [ "$frame" = "$(printf 'layer%s: ' {10..15})" ]
    touch "$fake/go"
    pty_ended
    pty_wait '^layer15: Pull complete'
    pty_wait '^docker.io/library/x:1'
    for i in {10..15}; do
        [ "$(pty_screen | grep -c "^layer$i: Pull complete$")" -eq 1 ]
    done
}

@test "terminal: a stranger's words give no orders, and are cut" {
    helper <<'SCRIPT'
say '{"status":"Pulling \u001b[2J\u009b2J from","id":"la\u001btest"}'
layer aa '\u001b]0;title\u0007\r\nDownloading'
layer long "$(printf 'x%.0s' {1..5000})"
say '{"status":"'"$(printf 'y%.0s' {1..50000})"'","id":"too long"}'
say '{"no":"status"}'
say 'no JSON'
say '[1]'
say '{"status":"last","id":"z","progressDetail":{"current":-5,"total":"x"}}'
SCRIPT
    pty_start "$SKIFF" pull x:1
    pty_ended
    pty_wait '^la\\x1btest: Pulling \\x1b\[2J\\x9b2J from$'
    pty_wait '^aa: \\x1b\]0;title\\x07\\x0d\\x0aDownloading$'
    pty_wait '^long: x{73}$'
    pty_wait '^z: last$'
    [ "$(pty_screen | grep -c yyy)" -eq 0 ]
}

@test "terminal: an error stands below the layers, a warning above what is updated later" {
    helper <<'SCRIPT'
layer aaaaaaaaaaaa Downloading '"current":1000,"total":20000'
sleep 0.3
echo 'skiff: warning: a mirror does not answer' >&2
echo 'skiff: the registry has hung up' >&2
exit 1
SCRIPT
    pty_start "$SKIFF" pull x:1
    pty_ended
    [ "$(pty_status)" -eq 1 ]
    pty_wait 'hung up'
    [[ $(shown | sed -n 1p) == aaaaaaaaaaaa:* ]]
    [ "$(shown | sed -n 2p)" = 'skiff: warning: a mirror does not answer' ]
    [ "$(shown | sed -n 3p)" = 'skiff: the registry has hung up' ]
}

@test "terminal: what cannot be written to one, or read from it" {
    pty_start "$SKIFF" save x
    pty_ended
    pty_wait '^skiff: cowardly refusing to save to a terminal. Use the -o flag or redirect$'
    [ "$(pty_status)" -eq 1 ]
    pty_stop
    pty_start "$SKIFF" load
    pty_ended
    pty_wait '^skiff: requested load from stdin, but stdin is empty$'
    [ "$(pty_status)" -eq 1 ]
}

# slow_helper: one that goes on until it is ended, and leaves its PID.
slow_helper()
{
    helper <<'SCRIPT'
trap 'echo ended >"$here/trap"; exit 1' TERM
echo $$ >"$here/pid"
layer aaaaaaaaaaaa Downloading '"current":1000,"total":20000'
while :; do sleep 0.1; done
SCRIPT
}

wait_file()
{
    local i
    for ((i = 0; i < 300; i++)); do
        [ ! -s "$1" ] || return 0
        sleep 0.1
    done
    echo "$1 never came" >&2
    return 1
}

helper_is_gone()
{
    ! kill -0 "$(cat "$fake/pid")" 2>/dev/null
}

@test "terminal: run fetches, and then it is the container's" {
    import_busybox
    helper <<SCRIPT
layer aaaaaaaaaaaa Downloading '"current":1000,"total":20000'
sleep 0.3
layer aaaaaaaaaaaa 'Pull complete'
SKIFF_LIBEXEC='$SKIFF_BUILD' '$SKIFF' tag busybox absent
'$SKIFF' images -q --no-trunc absent
SCRIPT
    pty_start "$SKIFF" run -it --rm --network none absent sh
    pty_wait '/ # $|^/ #$'
    [ "$(shown | sed -n 1p)" = "Unable to find image 'absent:latest' locally" ]
    [ "$(shown | sed -n 2p)" = 'aaaaaaaaaaaa: Pull complete' ]
    pty_type 'sleep 600'
    pty_key C-c
    pty_type 'echo status $?'
    pty_wait '^status 130$'
    pty_type 'exit 7'
    pty_ended
    [ "$(pty_status)" -eq 7 ]
}

@test "Ctrl-C ends the helper, and then the command as Docker's; the terminal is as it was" {
    slow_helper
    cat >"$BATS_TEST_TMPDIR/shell" <<EOF
stty -g >"$BATS_TEST_TMPDIR/before"
trap : INT
"$SKIFF" pull x:1
echo \$? >"$BATS_TEST_TMPDIR/status"
stty -g >"$BATS_TEST_TMPDIR/after"
EOF
    pty_start sh "$BATS_TEST_TMPDIR/shell"
    pty_wait '^aaaaaaaaaaaa: Downloading'
    pty_key C-c
    pty_ended
    [ "$(cat "$BATS_TEST_TMPDIR/status")" -eq 130 ]
    diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
    helper_is_gone
}

@test "Ctrl-Z and back: what is updated goes on below" {
    slow_helper
    pty_start bash --norc -i
    pty_type "$SKIFF pull x:1"
    pty_wait '^aaaaaaaaaaaa: Downloading'
    pty_key C-z
    pty_wait 'Stopped'
    pty_type fg
    for ((i = 0; i < 100; i++)); do
        [ "$(pty_screen | grep -c '^aaaaaaaaaaaa: Downloading')" -lt 2 ] || break
        sleep 0.1
    done
    [ "$(pty_screen | grep -c '^aaaaaaaaaaaa: Downloading')" -eq 2 ]
    pty_key C-c
    pty_wait '^\^C$'
    pty_wait '^bash-[^ ]*$'
}

@test "SIGTERM and SIGHUP end the helper, and then the command" {
    slow_helper
    for signal in TERM HUP; do
        rm -f "$fake/pid" "$fake/trap"
        "$SKIFF" pull -q x:1 >/dev/null 2>&1 3>&- &
        pid=$!
        wait_file "$fake/pid"
        kill -s "$signal" "$pid"
        status=0
        wait "$pid" || status=$?
        [ "$status" -eq $((128 + $(kill -l $signal))) ]
        [ -e "$fake/trap" ]
        helper_is_gone
    done
}

@test "a helper does not outlive us, and one that does not listen is killed" {
    slow_helper
    "$SKIFF" pull -q x:1 >/dev/null 2>&1 3>&- &
    pid=$!
    wait_file "$fake/pid"
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || :
    wait_file "$fake/trap"
    rm -f "$fake/pid"
    helper <<'SCRIPT'
trap '' TERM
echo $$ >"$here/pid"
while :; do sleep 0.1; done
SCRIPT
    "$SKIFF" run --rm x:1 >/dev/null 2>&1 3>&- &
    pid=$!
    wait_file "$fake/pid"
    kill "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 143 ]
    helper_is_gone
    run_ok skiff ps -aq
    output_is ''
}
