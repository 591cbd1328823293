#!/usr/bin/env bats
# What takes room and is taken away again: system df, prune of each kind; port; the words that meet
# somebody who mistypes a name or has too few rights.

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

# kilobytes NAME: a stopped container whose own layer has that many.
stopped()
{
    skiff run --name "$1" "${@:3}" busybox sh -c "head -c $2 /dev/zero >/x"
}

# row TYPE: of `system df`, its fields by two or more blanks.
row()
{
    skiff system df --format '{{.Type}}: {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}' |
        sed -n "s/^$1: //p"
}

@test "system df: what there is, what is used, what could be given back" {
    run_ok skiff system df
    [[ ${lines[0]} =~ ^TYPE\ +TOTAL\ +ACTIVE\ +SIZE\ +RECLAIMABLE$ ]]
    [ "${#lines[@]}" -eq 5 ]
    [[ $(row Images) =~ ^1\ 0\ ([0-9.]+MB)\ ([0-9.]+MB)\ \(100%\)$ ]]
    [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
    [ "$(row Containers)" = '0 0 0B 0B' ]
    [ "$(row 'Local Volumes')" = '0 0 0B 0B' ]
    [ "$(row 'Build Cache')" = '0 0 0B 0B' ]
    skiff run -d --name runs busybox sleep 1000 >/dev/null
    stopped ends 2000000
    skiff volume create empty >/dev/null
    skiff run --rm -v used:/d busybox sh -c 'head -c 3000 /dev/zero >/d/x'
    [[ $(row Images) =~ ^1\ 1\ [0-9.]+MB\ 0B\ \(0%\)$ ]]
    [ "$(row Containers)" = '2 1 2MB 2MB (100%)' ]
    [ "$(row 'Local Volumes')" = '2 0 3kB 3kB (100%)' ]
}

@test "system df: layers that images share count once" {
    size=$(row Images | cut -d ' ' -f 3)
    import_busybox
    import_busybox again:1
    [[ $(row Images) =~ ^3\ 0\ ${size}\  ]]
}

@test "system df -v, --format" {
    skiff run --name c1 -v vol:/d busybox true
    run_ok skiff system df -v
    for line in '^Images space usage:$' \
        '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS$' \
        '^busybox +latest +[0-9a-f]{12} +.* ago +[0-9.]+MB +0B +[0-9.]+MB +1$' \
        '^Containers space usage:$' \
        '^CONTAINER ID +IMAGE +COMMAND +LOCAL VOLUMES +SIZE +CREATED +STATUS +NAMES$' \
        '^[0-9a-f]{12} +busybox +true +1 +0B +.* ago +Exited \(0\) .* ago +c1$' \
        '^VOLUME NAME +LINKS +SIZE$' '^vol +1 +0B$'; do
        grep -qE "$line" <<<"$output" || told "no line: $line"
    done
    run_ok skiff system df --format json
    [ "$(jq -r 'select(.Type == "Containers") | .TotalCount' <<<"$output")" = 1 ]
    run_ok skiff system df -v --format json
    [ "$(jq -r '.Volumes[0].Name + .Containers[0].Names' <<<"$output")" = volc1 ]
    run_fails 'conflicting options' skiff system df -v --format '{{.Type}}'
}

@test "container prune: what does not run, and how much it gives back" {
    skiff run -d --name runs busybox sleep 1000 >/dev/null
    stopped one 1000000
    two=$(skiff create --name two busybox true)
    run_ok skiff container prune -f
    [ "${lines[0]}" = 'Deleted Containers:' ]
    grep -qxF "$two" <<<"$output"
    [ "${lines[-1]}" = 'Total reclaimed space: 1MB' ]
    [ "$(skiff ps -aq | wc -l)" -eq 1 ]
    run_ok skiff container prune -f
    output_is 'Total reclaimed space: 0B'
}

@test "container prune: asks, and only a yes is one" {
    stopped one 1
    question='WARNING! This will remove all stopped containers.
Are you sure you want to continue? [y/N] '
    for answer in '' n no yess; do
        run skiff container prune <<<"$answer"
        [ "$status" -eq 1 ]
        [[ $output == "$question"* ]]
        output_has 'container prune has been cancelled'
    done
    run skiff container prune </dev/null
    [ "$status" -eq 1 ]
    [ "$(skiff ps -aq | wc -l)" -eq 1 ]
    run_ok skiff container prune <<<y
    [[ $output == "$question"* ]]
    output_has 'Total reclaimed space: 1B'
    [ "$(skiff ps -aq | wc -l)" -eq 0 ]
}

@test "prune: filters by label and age" {
    stopped plain 1
    stopped marked 1 -l keep=1 -l team=a
    run_ok skiff container prune -f --filter until=1h
    output_is 'Total reclaimed space: 0B'
    run_ok skiff container prune -f --filter 'label=team=b'
    output_is 'Total reclaimed space: 0B'
    run_ok skiff container prune -f --filter 'label!=keep'
    output_has 'Total reclaimed space: 1B'
    [ "$(skiff ps -a --format '{{.Names}}')" = marked ]
    run_ok skiff container prune -f --filter until=0s --filter label=team=a
    output_has 'Total reclaimed space: 1B'
    run_fails "invalid filter 'nonsense=1'" skiff container prune -f --filter nonsense=1
    run_fails "invalid filter 'until=noon'" skiff image prune -f --filter until=noon
    run_fails 'more than one until filter' skiff system prune -f --filter until=1h --filter until=2h
    run_fails 'not supported with "--volumes"' skiff system prune -f --volumes --filter until=1h
}

@test "image prune: those without a name; with -a those that no container was made of" {
    id=$(skiff images -q --no-trunc busybox)
    import_busybox
    import_busybox two:1
    import_busybox three:1
    skiff create --name user two:1 true >/dev/null
    run_ok skiff image prune -f
    [ "${lines[0]}" = 'Deleted Images:' ]
    [ "${lines[1]}" = "deleted: $id" ]
    [ "$(skiff images -q | wc -l)" -eq 3 ]
    run_ok skiff image prune -a -f
    grep -qx 'untagged: three:1' <<<"$output"
    grep -qx 'untagged: busybox:latest' <<<"$output"
    [ "$(skiff images --format '{{.Repository}}:{{.Tag}}')" = two:1 ]
    skiff rm user >/dev/null
    size=$(row Images | cut -d ' ' -f 3) # layers and archives
    run_ok skiff image prune -a -f
    [ "${lines[-1]}" = "Total reclaimed space: $size" ]
    run_ok skiff image prune -a -f
    output_is 'Total reclaimed space: 0B'
}

@test "image prune: an image with several names goes whole, one in use keeps all of its names" {
    skiff create --name user busybox true >/dev/null
    run_ok skiff image prune -a -f
    output_is 'Total reclaimed space: 0B'
    [ "$(skiff images --format '{{.Repository}}')" = busybox ]
}

@test "system prune: says what goes; -a and --volumes take more" {
    stopped one 1
    import_busybox unused:1
    skiff run --rm busybox true
    anonymous=$(skiff volume create)
    skiff volume create named >/dev/null
    run skiff system prune <<<n
    [ "$status" -eq 1 ]
    output_has 'all stopped containers'
    output_has 'all dangling images'
    output_lacks 'volumes'
    run_ok skiff system prune -f
    output_has 'Deleted Containers'
    output_lacks 'Deleted (Images|Volumes)'
    run_ok skiff system prune -a --volumes <<<y
    output_has 'all anonymous volumes not used by at least one container'
    output_has 'all images without at least one container associated to them'
    output_has $'Deleted Volumes:\n'"$anonymous"
    output_has 'untagged: unused:1'
    [ "$(skiff volume ls -q)" = named ]
    [ -z "$(skiff images -q)" ]
}

@test "prune while containers are made: each of them runs" {
    out=$BATS_TEST_TMPDIR/out
    for name in a b c d e f g h i j k l m n o p q r s t; do
        skiff run --name "run-$name" --rm busybox echo fine
    done >"$out" 2>&1 &
    runs=$!
    while kill -0 "$runs" 2>/dev/null; do
        skiff system prune -f >/dev/null
        skiff image prune -f >/dev/null
    done
    wait "$runs" || told "$(cat "$out")"
    [ "$(sort -u "$out")" = fine ] || told "$(cat "$out")"
    [ "$(wc -l <"$out")" -eq 20 ]
}

@test "port: none is published; what is no port, and no container" {
    skiff run -d --name runs busybox sleep 1000 >/dev/null
    run_ok skiff port runs
    output_is ''
    run_fails "no public port '80/tcp' published for runs" skiff port runs 80
    run_fails "no public port '53/udp' published for runs" skiff port runs 53/udp
    run_fails 'invalid port "x"' skiff port runs x
    run_fails 'no such container: nobody' skiff port nobody
}

@test "a slip in a name is answered with the nearest one" {
    skiff create --name webserver busybox true >/dev/null
    skiff volume create mydata >/dev/null
    run_fails 'no such container: webservr: did you mean "webserver"\?' skiff rm webservr
    run_fails 'no such container: wbeserver: did you mean "webserver"\?' skiff start wbeserver
    run_fails 'no such volume: did you mean "mydata"\?' skiff volume rm mydate
    run_fails "unable to find image 'busybx:latest' locally: did you mean \"busybox\"\?" skiff run --pull never busybx
    run_fails 'no such image: busybox:latst: did you mean "busybox:latest"\?' skiff rmi busybox:latst
    run skiff inspect webserve
    output_has 'no such object: webserve: did you mean "webserver"\?'
    run_fails 'no such container: quite-different$' skiff rm quite-different
    run_fails "unable to find image 'quite:different' locally$" skiff run --pull never quite:different
}

@test "a root with fewer rights is told which one is missing" {
    require_command setpriv
    run_fails 'the right CAP_SYS_ADMIN is missing' setpriv --bounding-set -sys_admin \
        --inh-caps -sys_admin "$SKIFF" run --rm busybox true
    output_has -- '--privileged'
}

@test "info: what runs and what is paused; the facts that scripts ask for" {
    skiff run -d --name runs busybox sleep 1000 >/dev/null
    skiff run -d --name holds busybox sleep 1000 >/dev/null
    skiff pause holds >/dev/null
    run_ok skiff info --format '{{.Containers}} {{.ContainersRunning}} {{.ContainersPaused}} {{.ContainersStopped}}'
    output_is '2 1 1 0'
    run_ok skiff info --format '{{.DefaultRuntime}} {{json .Plugins.Volume}} {{.LiveRestoreEnabled}} {{.OperatingSystem}}'
    output_has '^skiff \["local"\] true .'
    run_ok skiff info
    output_has ' Paused: 1'
    skiff unpause holds >/dev/null
}

@test "ps: filters by health and ports" {
    skiff create --name plain busybox true >/dev/null
    skiff import -c 'EXPOSE 80 53/udp' "$(rootfs_busybox)" exposes >/dev/null
    skiff create --name exposes exposes true >/dev/null
    names() { skiff ps -a --format '{{.Names}}' "$@"; }
    [ "$(names -f expose=80)" = exposes ]
    [ "$(names -f expose=53/udp)" = exposes ]
    [ "$(names -f expose=75-85/tcp)" = exposes ]
    [ -z "$(names -f expose=53)" ]
    [ -z "$(names -f publish=80)" ]
    [ "$(names -f health=none | wc -l)" -eq 2 ]
    [ -z "$(names -f health=healthy)" ]
    run_fails "invalid filter 'health=fine'" skiff ps -f health=fine
    run_fails "invalid filter 'expose=80x'" skiff ps -f expose=80x
}

@test "system prune: what is done is told before the rest fails" {
    import_busybox
    skiff create --name ended busybox true >/dev/null
    id=$(skiff ps -aq --no-trunc)
    cp "$SKIFF_ROOT/images/index.json" "$BATS_TEST_TMPDIR/index.json"
    echo x >"$SKIFF_ROOT/images/index.json"
    run skiff system prune -f
    [ "$status" -ne 0 ]
    [ "${lines[0]}" = 'Deleted Containers:' ]
    [ "${lines[1]}" = "$id" ]
    cp "$BATS_TEST_TMPDIR/index.json" "$SKIFF_ROOT/images/index.json"
}
