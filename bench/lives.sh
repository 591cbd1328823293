# shellcheck shell=bash
#
# The rows of containers that live: what people do to them, what they cost while they do nothing, and
# how many there can be. Sourced; the rest is bench/run's and engines.sh's.
# shellcheck disable=SC2154,SC2034

# An engine's command line up to its subcommand, and its image.
line_of()
{
    case $1 in
    skiff) echo "$skiff_run" ;;
    docker) echo "$docker" ;;
    podman) echo "$podman" ;;
    esac
}

image_of()
{
    if [ "$1" = podman ]; then echo localhost/true; else echo true; fi
}

# The lines of a row's command, for command_of.
command_of_life()
{
    local row=$1 engine=$2 line image
    line=$(line_of "$engine")
    image=$(image_of "$engine")
    [ -n "$line" ] || return 0
    case $row in
    exec) echo "$line exec bench-idle /true" ;;
    ps) echo "$line ps" ;;
    inspect) echo "$line inspect bench-idle" ;;
    background) echo "sh $(background_script "$engine" "$line" "$image")" ;;
    esac
}

# Twenty in the background, one after the other, and away with them.
background_script()
{
    # shellcheck disable=SC2016 # for the script to expand
    printf 'ids=\nfor i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
id=$(%s run -d --network=none %s /true wait) || exit 1\nids="$ids $id"\ndone\nexec %s rm -f $ids\n' \
        "$2" "$3" "$2" >"$work/scripts/background.$1"
    echo "$work/scripts/background.$1"
}

# One that idles: for exec, ps and inspect.
prepare_lives()
{
    local engine line image
    for engine in skiff docker podman; do
        line=$(line_of "$engine")
        image=$(image_of "$engine")
        [ -n "$line" ] || continue
        # shellcheck disable=SC2086 # words
        in_its_place "$engine" $line run -d --name bench-idle --network=none "$image" /true wait \
            >/dev/null 2>"$work/lives.log" || { tail -n 3 "$work/lives.log" >&2; status=1; }
    done
}

finish_lives()
{
    local engine line
    for engine in skiff docker podman; do
        line=$(line_of "$engine")
        [ -n "$line" ] || continue
        # shellcheck disable=SC2086
        in_its_place "$engine" $line rm -f bench-idle >/dev/null 2>&1
    done
}

# Our processes' memory for each of ten containers that do nothing.
measure_idle()
{
    local engine line image i before after
    declare -A programs=([skiff]="skiff skiff-init" [podman]="conmon"
        [docker]="dockerd containerd containerd-shim-runc-v2")
    for engine in skiff docker podman; do
        line=$(line_of "$engine")
        image=$(image_of "$engine")
        [ -n "$line" ] || continue
        # shellcheck disable=SC2086 # a word a program
        before=$(pss ${programs[$engine]})
        for ((i = 0; i < 10; i++)); do
            # shellcheck disable=SC2086
            in_its_place "$engine" $line run -d --name "idle$i" --network=none "$image" /true wait \
                >/dev/null || status=1
        done
        sleep 1
        # shellcheck disable=SC2086
        after=$(pss ${programs[$engine]})
        keep idle "$engine" $(((after - before) / 10))
        # shellcheck disable=SC2086
        in_its_place "$engine" $line rm -f idle{0..9} >/dev/null || status=1
    done
}

milliseconds()
{
    local begun=$EPOCHREALTIME
    "$@" >/dev/null || status=1
    awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f\n", (b - a) * 1000 }'
}

median_of()
{
    sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# A thousand that idle: the last ones start as the first did; listing and removing them.
measure_thousand()
{
    local i first last
    [ -n "$skiff_run" ] || return 0
    one()
    {
        $skiff_run run -d --name "many$1" --network=none true /true wait
    }
    for ((i = 0; i < 20; i++)); do milliseconds one "$i"; done >"$work/times/first"
    for ((; i < 980; i++)); do one "$i" >/dev/null || status=1; done
    for ((; i < 1000; i++)); do milliseconds one "$i"; done >"$work/times/last"
    first=$(median_of <"$work/times/first")
    last=$(median_of <"$work/times/last")
    keep thousand skiff "$(awk -v a="$first" -v b="$last" 'BEGIN { printf "%.2f\n", b / a }')"
    # shellcheck disable=SC2086
    keep thousandps skiff "$(for i in 1 2 3 4 5; do milliseconds $skiff_run ps; done | median_of)"
    # shellcheck disable=SC2086
    keep thousandrm skiff "$(milliseconds $skiff_run rm -f many{0..999} |
        awk '{ printf "%.2f\n", $1 / 1000 }')"
}

# Clients that do what people do, all at once, for as many seconds; how long one operation takes.
measure_crowd()
{
    local engine line image seconds=${crowd_seconds:-60} i count
    for engine in skiff docker; do
        line=$(line_of "$engine")
        image=$(image_of "$engine")
        [ -n "$line" ] || continue
        rm -f "$work"/crowd.*
        for ((i = 0; i < 64; i++)); do
            crowd_client "$line" "$image" "$seconds" >"$work/crowd.$i" &
            pids[i]=$!
        done
        wait "${pids[@]}"
        count=$(cat "$work"/crowd.* | awk '{ n += $1; bad += $2 } END { print n, bad }')
        [ "${count#* }" = 0 ] || { echo "bench: $engine: ${count#* } of ${count% *} failed" >&2; status=1; }
        keep crowd "$engine" "$(awk -v n="${count% *}" -v s="$seconds" \
            'BEGIN { printf "%.2f\n", s * 1000 / (n ? n : 1) }')"
    done
}

# Operations, and those of them that failed.
crowd_client()
{
    local line=$1 image=$2 end=$((SECONDS + $3)) n=0 bad=0
    while [ "$SECONDS" -lt "$end" ]; do
        # shellcheck disable=SC2086
        {
            $line run --rm --network=none "$image" /true || bad=$((bad + 1))
            $line exec bench-idle /true || bad=$((bad + 1))
            $line ps || bad=$((bad + 1))
            $line inspect bench-idle || bad=$((bad + 1))
        } >/dev/null 2>&1
        n=$((n + 4))
    done
    echo "$n $bad"
}
