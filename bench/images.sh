# shellcheck shell=bash
#
# The rows of images: pulled from a registry on loopback into an empty store, pulled again, kept as
# archives, pushed. Sourced; the rest is bench/run's and engines.sh's.
# shellcheck disable=SC2154,SC2034

image_rows="pull pullmany pulllarge pullagain prompt load save push pullmemory disk"
registry=127.0.0.1:5000
empty_registry=127.0.0.1:5001

# Made once, and kept beside the tests' images.
make_images()
{
    local recipe
    recipe=$(cat bench/images.py bench/true.c | sha256sum | cut -c 1-12)
    images=${SKIFF_TEST_CACHE:-.cache}/bench-images-$recipe
    [ ! -d "$images" ] || return 0
    mkdir -p "$images.making" && bench/images.py "$images.making" "$work/true" &&
        mv "$images.making" "$images"
}

# start_registry ADDRESS FOLDER: sets registry_pid.
start_registry()
{
    local i
    mkdir -p "$2"
    cat >"$2/config.yml" <<-END
		version: 0.1
		log: {level: error, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $2/data}}
		http: {addr: $1}
	END
    OTEL_TRACES_EXPORTER=none docker-registry serve "$2/config.yml" >"$2/log" 2>&1 &
    registry_pid=$!
    for ((i = 0; i < 100; i++)); do
        # shellcheck disable=SC2188 # to see whether somebody listens
        (>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null && return 0
        sleep 0.1
    done
    tail -n 3 "$2/log" >&2
    return 1
}

fill_registry()
{
    local image
    for image in whole many large; do
        skopeo copy -q --dest-tls-verify=false "oci:$images/$image:latest" \
            "docker://$registry/$image:latest" >"$work/skopeo.log" 2>&1 || return 1
    done
}

# An engine's subcommand with what it needs to speak plain HTTP.
speaks()
{
    local line
    line=$(line_of "$1")
    case $1.$2 in
    podman.pull | podman.push) echo "$line $2 -q --tls-verify=false" ;;
    *.pull | *.push) echo "$line $2 -q" ;;
    podman.run) echo "$line run --tls-verify=false" ;;
    *) echo "$line $2" ;;
    esac
}

# What is timed.
command_of_image()
{
    local row=$1 engine=$2
    case $row in
    pull | pullagain | pullmemory) echo "$(speaks "$engine" pull) $registry/whole" ;;
    pullmany) echo "$(speaks "$engine" pull) $registry/many" ;;
    pulllarge) echo "$(speaks "$engine" pull) $registry/large" ;;
    load) echo "$(speaks "$engine" load) -i $work/saved/docker.tar" ;;
    save) echo "$(speaks "$engine" save) -o $work/saved/$engine.tar $registry/whole" ;;
    push) echo "$(speaks "$engine" push) $empty_registry/whole" ;;
    prompt) echo "$(speaks "$engine" run) --rm --network=none $registry/whole /true tell" ;;
    esac
}

# quietly ENGINE SUBCOMMAND...
quietly()
{
    local engine=$1 line
    line=$(line_of "$1")
    shift
    # shellcheck disable=SC2086 # words
    in_its_place "$engine" $line "$@" >/dev/null 2>&1
}

empty_store()
{
    local image
    for image in whole many large; do
        quietly "$1" rmi -f "$registry/$image" "$empty_registry/$image" ||
            quietly "$1" rmi -f "$registry/$image"
    done
    return 0
}

# What must be there, or not be there, before ROW is timed.
prepare_image()
{
    local row=$1 engine=$2
    case $row in
    pullagain) ;;
    save) rm -f "$work/saved/$engine.tar" ;;
    push)
        [ -z "${empty_pid:-}" ] || { kill "$empty_pid" && wait "$empty_pid" 2>/dev/null; }
        rm -rf "$work/empty"
        start_registry "$empty_registry" "$work/empty" || return 1
        empty_pid=$registry_pid
        ;;
    *) empty_store "$engine" ;;
    esac
    # What the one before has not written yet is not this one's.
    sync
}

# Rows that work with an image that is there.
provide_image()
{
    # shellcheck disable=SC2046 # words
    in_its_place "$1" $(command_of_image pull "$1") >/dev/null 2>"$work/images.log" &&
        quietly "$1" tag "$registry/whole" "$empty_registry/whole"
}

# Until the end of the command; of prompt until the container's first word.
time_image()
{
    local row=$1 engine=$2 command begun end told result=0
    command=$(command_of_image "$row" "$engine")
    begun=$EPOCHREALTIME
    if [ "$row" = prompt ]; then
        # shellcheck disable=SC2086
        exec {told}< <(in_its_place "$engine" $command 2>"$work/images.log")
        read -r -u "$told" _ || result=1
        end=$EPOCHREALTIME
        wait "$!" || result=1
        exec {told}<&-
    else
        # shellcheck disable=SC2086
        in_its_place "$engine" $command >/dev/null 2>"$work/images.log" || result=1
        end=$EPOCHREALTIME
    fi
    if [ "$result" != 0 ]; then
        echo "bench: failed: $command" >&2
        tail -n 3 "$work/images.log" >&2
        return 1
    fi
    awk -v a="$begun" -v b="$end" 'BEGIN { printf "%.2f\n", (b - a) * 1000 }' \
        >>"$work/times/$row.$engine"
}

# In turns, so that whatever else the machine does meets all of them.
measure_image_row()
{
    local row=$1 engine i bad=" "
    shift
    for engine; do
        [ -n "$(line_of "$engine")" ] || bad+="$engine "
    done
    case $row in
    pullagain | save | push)
        for engine; do
            [[ $bad = *" $engine "* ]] || provide_image "$engine" || { tail -n 3 "$work/images.log" >&2; bad+="$engine "; status=1; }
        done
        ;;
    esac
    for ((i = 0; i < image_rounds; i++)); do
        for engine; do
            [[ $bad != *" $engine "* ]] || continue
            prepare_image "$row" "$engine" && time_image "$row" "$engine" && continue
            bad+="$engine "
            status=1
        done
    done
    for engine; do
        [[ $bad != *" $engine "* ]] && [ -s "$work/times/$row.$engine" ] &&
            keep "$row" "$engine" "$(median_and_best "$work/times/$row.$engine" 1)"
    done
}

# The whole helper's or daemon's tree, not the registry's.
measure_pull_memory()
{
    local engine value daemon
    for engine in skiff docker podman; do
        [ -n "$(line_of "$engine")" ] || continue
        daemon=
        [ "$engine" != docker ] || daemon=$dockerd
        prepare_image pullmemory "$engine"
        # shellcheck disable=SC2046,SC2086
        if value=$(in_its_place "$engine" bench/peak.py $daemon -- $(command_of_image pull "$engine") \
            2>"$work/images.log"); then
            keep pullmemory "$engine" "$value"
        else
            tail -n 3 "$work/images.log" >&2
            status=1
        fi
    done
}

# What an image takes: a store with it less the same store without.
measure_disk()
{
    local engine folder before after
    for engine in skiff docker podman; do
        [ -n "$(line_of "$engine")" ] || continue
        folder=$work/$engine
        empty_store "$engine"
        before=$(du -skx "$folder" 2>/dev/null | cut -f 1)
        provide_image "$engine" || { status=1; continue; }
        after=$(du -skx "$folder" 2>/dev/null | cut -f 1)
        keep disk "$engine" "$(awk -v k=$((after - before)) 'BEGIN { printf "%.2f\n", k / 1024 }')"
    done
}

measure_images()
{
    local row
    image_rounds=3
    [ "$rounds" -gt 2 ] || image_rounds=1
    mkdir -p "$work/saved"
    if ! { make_images && start_registry "$registry" "$work/registry" && fill_registry; }; then
        tail -n 3 "$work/skopeo.log" >&2
        echo "bench: no registry: the images are left out" >&2
        status=1
        return
    fi
    local registry_of_images=$registry_pid
    # shellcheck disable=SC2086
    if has_row load && provide_image docker; then
        quietly docker save -o "$work/saved/docker.tar" "$registry/whole"
    fi
    for row in pull pullmany pulllarge pullagain prompt load save push; do
        has_row "$row" && measure_image_row "$row" skiff docker podman
    done
    has_row pullmemory && measure_pull_memory
    has_row disk && measure_disk
    kill "$registry_of_images" ${empty_pid:+"$empty_pid"}
    for row in skiff docker podman; do
        [ -z "$(line_of "$row")" ] || empty_store "$row"
    done
}
