# Units for systemd: of one container, and of all at boot.
# shellcheck disable=SC2154 # skiff_setup sets skiff_folder
load ../lib/common

setup()
{
    require_root
    skiff_setup
    import_busybox
}

teardown()
{
    skiff_teardown
}

# verified FILE: systemd finds nothing to say.
verified()
{
    require_command systemd-analyze
    run systemd-analyze verify --man=no "$1"
    grep -v -i -e '^$' -e 'operation not permitted' -e 'failed to turn off coredump' <<<"$output" >"$skiff_folder/said" || true
    [ ! -s "$skiff_folder/said" ] || told "systemd-analyze has something to say" || return 1
    [ "$status" -eq 0 ]
}

# value_of KEY: of the unit in $output.
value_of()
{
    sed -n "s/^$1=//p" <<<"$output"
}

# Runs the command of a key as systemd would: the text is a shell's, but for $$ and %%.
perform()
{
    local command
    command=$(value_of "$1" | sed 's/^-//; s/\$\$/\\$/g; s/%%/%/g')
    bash -c "$command" 3>&-
}

@test "generate systemd: a unit that starts a container" {
    skiff create --name web --network none busybox sleep 1000 >/dev/null
    run_ok skiff generate systemd --name web
    unit=$skiff_folder/container-web.service
    echo "$output" >"$unit"
    [ "${lines[0]}" = '# container-web.service' ]
    [ "$(value_of Type)" = forking ]
    [ "$(value_of Restart)" = on-failure ]
    [ "$(value_of ExecStart)" = "$SKIFF --root=$SKIFF_ROOT --run-dir=$SKIFF_RUN_DIR start web" ]
    [ "$(value_of ExecStop)" = "-$SKIFF --root=$SKIFF_ROOT --run-dir=$SKIFF_RUN_DIR stop --time=10 web" ]
    [ "$(value_of TimeoutStopSec)" = 70 ]
    perform ExecStart
    [ "$(skiff inspect --format '{{.State.Status}}' web)" = running ]
    verified "$unit"
    run_ok skiff generate systemd web
    output_has "start [0-9a-f]{64}"
    output_has '^# container-[0-9a-f]{64}.service'
}

@test "generate systemd: what it is told" {
    skiff create --name web --stop-timeout 7 busybox sleep 1000 >/dev/null
    run_ok skiff generate systemd -n --restart-policy always --start-timeout 5 --after network.target \
        --after sysinit.target --requires basic.target --wants time-sync.target web
    [ "$(value_of Restart)" = always ]
    [ "$(value_of TimeoutStartSec)" = 5 ]
    [ "$(value_of TimeoutStopSec)" = 67 ]
    grep -qx 'After=network.target sysinit.target' <<<"$output"
    grep -qx 'Requires=basic.target' <<<"$output"
    grep -qx 'Wants=time-sync.target' <<<"$output"
    echo "$output" >"$skiff_folder/container-web.service"
    verified "$skiff_folder/container-web.service"
    run_ok skiff generate systemd -n --stop-timeout 3 web
    output_has 'stop --time=3 web'
    run_fails 'no restart policy of systemd' skiff generate systemd --restart-policy unless-stopped web
    run_fails 'cannot stand in After=' skiff generate systemd --after $'a\nExecStart=/bin/true' web
    run_fails 'number of seconds' skiff generate systemd --start-timeout=-5 web
    run_fails 'no such container' skiff generate systemd nobody
    run_status 1 skiff generate systemd
}

@test "generate systemd --new: made at each start as it was made first, removed at its end" {
    skiff create --name old --network none -e 'A=a $b %c "d"' --label x=y busybox sh -c 'echo "$A"; sleep 1000' >/dev/null
    skiff rename old web
    run_ok skiff generate systemd --new web
    echo "$output" >"$skiff_folder/container-web.service"
    verified "$skiff_folder/container-web.service"
    output=$(cat "$skiff_folder/container-web.service")
    unit=$output
    perform ExecStartPre
    run_status 1 skiff inspect web
    output=$unit perform ExecStart
    run_ok skiff inspect --format '{{.State.Status}} {{.HostConfig.AutoRemove}} {{index .Config.Labels "x"}}' web
    output_is 'running true y'
    until_true eval '[ "$(skiff logs web)" = "a \$b %c \"d\"" ]'
    output=$unit
    perform ExecStop
    run_status 1 skiff inspect web
    output=$unit
    perform ExecStopPost || true
    # Made once more, it is known again how.
    perform ExecStart
    run_ok skiff generate systemd --new web
    skiff rm -f web
    skiff create --name restarts --restart always busybox true >/dev/null
    run_fails 'has a restart policy' skiff generate systemd --new restarts
    run_ok skiff generate systemd restarts
    output_has "skiff boot' starts it too"
}

@test "what systemd takes for the main process ends with the container's status" {
    # A subreaper hears of it, as systemd would.
    cat >"$skiff_folder/reaper.py" <<'END'
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
subprocess.run([os.environ["SKIFF"], "start", sys.argv[1]], check=True, stdout=subprocess.DEVNULL)
if len(sys.argv) > 2:
    subprocess.run([os.environ["SKIFF"]] + sys.argv[2:], check=True, stdout=subprocess.DEVNULL)
print(os.waitstatus_to_exitcode(os.wait()[1]))
END
    skiff create --name seven --network none busybox sh -c 'exit 7' >/dev/null
    run_ok python3 "$skiff_folder/reaper.py" seven
    output_is 7
    skiff create --name killed --network none busybox sleep 1000 >/dev/null
    run_ok python3 "$skiff_folder/reaper.py" killed stop -t 0 killed
    output_is 0
}

@test "skiff-boot.service: installed, and sound" {
    require_command systemd-analyze
    folder=$skiff_folder/installed
    run_ok env DESTDIR="$folder" meson install -C "$SKIFF_BUILD" --no-rebuild --quiet
    unit=$(find "$folder" -path '*/lib/systemd/system/skiff-boot.service')
    [ -n "$unit" ]
    program=$(sed -n 's/^ExecStart=\([^ ]*\) boot$/\1/p' "$unit")
    [ -x "$folder$program" ]
    # It is looked for where it is installed to.
    sed "s|^ExecStart=|&$folder|" "$unit" >"$skiff_folder/skiff-boot.service"
    verified "$skiff_folder/skiff-boot.service"
}
