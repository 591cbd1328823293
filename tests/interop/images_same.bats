# What an archive becomes, file by file, beside what docker and podman make of it: type, mode, owner,
# shellcheck disable=SC2030,SC2031 # a subshell of docker.bash has a variable of the same name

# size, time, names, targets, attributes and content.
load ../lib/common
load ../lib/interop

setup_file()
{
    need python3 perl tar setfattr setcap || return 0
    folder=$(mktemp -d /tmp/skiff-same-XXXXXX)
    export folder
    cp "$SKIFF_SOURCE/tests/lib/mktar.pl" "$SKIFF_SOURCE/tests/lib/tree_facts.py" "$folder"
    make_tree
    if command -v dockerd >/dev/null && command -v docker >/dev/null; then
        # shellcheck source=tests/lib/docker.bash
        host=$(. "$SKIFF_SOURCE/tests/lib/docker.bash" && docker_begin "$folder/docker")
        export host
    fi
}

setup()
{
    skip_without
    cd "$BATS_TEST_TMPDIR" || return
}

teardown_file()
{
    [ -n "${folder:-}" ] || return 0
    # shellcheck source=tests/lib/docker.bash
    [ -z "${host:-}" ] || (. "$SKIFF_SOURCE/tests/lib/docker.bash" && docker_end "$folder/docker")
    pod rmi -fa >/dev/null 2>&1
    rm -rf "$folder"
}

make_tree()
{
    local t=$folder/tree long odd
    long=$(head -c 255 /dev/zero | tr '\0' n)
    odd=$(printf 'odd\377\376\001\n\033[31m')
    mkdir -p "$t"/{bin,dev,tmp,shared,deep/er/est,"$long"}
    echo '#!/bin/sh' >"$t/bin/su"
    chown 0:42 "$t/bin/su" && chmod 4755 "$t/bin/su"
    echo x >"$t/bin/wall" && chown 5:6 "$t/bin/wall" && chmod 2755 "$t/bin/wall"
    echo x >"$t/bin/ping" && setcap cap_net_raw+ep "$t/bin/ping"
    echo x >"$t/closed" && chmod 0000 "$t/closed"
    chmod 1777 "$t/tmp" && chmod 2770 "$t/shared" && chgrp 50 "$t/shared" && echo x >"$t/shared/in"
    setfattr -n user.note -v hello "$t/bin/ping" && setfattr -n user.note -v folder "$t/deep"
    echo x >"$t/far" && chown 3000000:4294967294 "$t/far"
    echo x >"$t/$long/$long" && echo x >"$t/$odd"
    ln "$t/far" "$t/deep/far" && ln "$t/far" "$t/deep/er/far"
    ln -s /etc/passwd "$t/bin/absolute" && ln -s ../../.. "$t/bin/up" && ln -s "$odd$long" "$t/dangling"
    mknod "$t/dev/null" c 1 3 && mknod "$t/dev/loop" b 7 200 && mkfifo "$t/dev/fifo"
    chmod 660 "$t/dev/loop" && chown 0:6 "$t/dev/loop"
    truncate -s 3M "$t/sparse" && printf x | dd of="$t/sparse" bs=1 seek=2000000 conv=notrunc status=none
    head -c 1500000 /dev/urandom >"$t/big" && : >"$t/empty"
    touch -h -d @1000000000.123456789 "$t/bin/absolute"
    find "$t" -mindepth 1 ! -type l -exec touch -d @1234567890.987654321 {} +
    touch -d @2.5 "$t/empty" && touch -d @86400 "$t"
}

mktar()
{
    perl "$folder/mktar.pl" "$@"
}

facts()
{
    python3 "$folder/tree_facts.py" "$1"
}

pod()
{
    podman --root "$folder/podman" --runroot "$folder/podman-run" --tmpdir "$folder/podman-tmp" "$@" 3>&-
}

by_docker()
{
    [ -n "${host:-}" ] || return 1
    local id dir
    id=$(DOCKER_HOST=$host docker import "$1") || return 2
    dir=$(DOCKER_HOST=$host docker image inspect -f '{{.GraphDriver.Data.UpperDir}}' "$id")
    facts "$dir"
}

by_podman()
{
    command -v podman >/dev/null || return 1
    local id dir
    id=$(pod import "$1" 2>/dev/null) || return 2
    dir=$(pod image inspect -f '{{.GraphDriver.Data.UpperDir}}' "$id")
    facts "$dir"
}

# The top folder's time is that of the last file put into it, for docker; podman's has a mode of its own.
without_top()
{
    case $1 in
    docker) sed -E "s/^('\\.' [0-7]+ [0-9:]+) -?[0-9]+/\\1/" ;;
    podman) sed "/^'\\.' /d" ;;
    esac
}

# same ARCHIVE [KNOWN]: all of it is the same, but for lines that match KNOWN (extended).
same()
{
    local engine compared=0 status known=${2:-^$}
    rm -rf store && mkdir store
    run_ok "$SKIFF_BUILD/skiff-image" import --root-fd 9 "$1" 9<store
    facts store/layers/*/fs | grep -vE "$known" >skiff.facts
    for engine in docker podman; do
        status=0
        "by_$engine" "$1" >all.facts || status=$?
        [ $status -ne 1 ] || continue
        [ $status -eq 0 ] || told "$engine does not take $1"
        grep -vE "$known" all.facts | without_top $engine |
            diff - <(without_top $engine <skiff.facts) || told "not as $engine has it: $1"
        compared=$((compared + 1))
    done
    [ $compared -gt 0 ] || skip "neither docker nor podman is here"
}

@test "same: every kind of file in the formats of tar" {
    local format
    tar -C "$folder/tree" --numeric-owner --xattrs --xattrs-include='user.*' \
        --xattrs-include=security.capability --format=posix -cf posix.tar .
    same posix.tar
    tar -C "$folder/tree" --numeric-owner --format=gnu -cf gnu.tar .
    same gnu.tar
    rm -rf plain && cp -a "$folder/tree" plain && rm -rf plain/nnn* plain/far plain/deep plain/dangling
    for format in ustar v7; do
        [ $format = ustar ] || rm -rf plain/dev
        tar -C plain --numeric-owner --format=$format -cf $format.tar .
        same $format.tar
    done
}

@test "same: files with holes in each of tar's ways" {
    local way
    # GNU's own ("type 83") is refused by the older of the others.
    for way in '--format=posix --sparse-version=0.0' '--format=posix --sparse-version=0.1' \
        '--format=posix --sparse-version=1.0'; do
        # shellcheck disable=SC2086 # two options
        tar -C "$folder/tree" --numeric-owner --sparse $way -cf sparse.tar ./sparse ./big ./empty
        same sparse.tar
    done
}

# Two entries of one name are refused by the others: see import.bats.
@test "same: what folders are like, also those without an entry" {
    mktar 'type=5 name=./ mode=711 uid=3 gid=4 mtime=5' 'type=5 name=b/ mode=2711 uid=7 mtime=11' \
        'name=b/in data=1' 'type=5 name=c mode=1755' 'name=c/in data=1 mode=6755 uid=4 gid=5' \
        'type=3 name=n major=1 minor=3 mode=4640 gid=9' 'type=4 name=m major=7 minor=70000 mode=6606' \
        'type=6 name=p mode=2600 uid=5' 'type=2 name=l link=b mode=777 uid=8 gid=9' 'type=1 name=h link=n mode=4640 gid=9' \
        >folders.tar
    # What the archive says of the top folder docker does not heed.
    same folders.tar "^'\.' "
}

@test "same: numbers and names that need more than ustar has" {
    mktar 'name=uid uid=2097152 gid=4294967293 data=1' 'name=x pax.path=p\xc3\xa9/q pax.uid=3000000 data=1' \
        'type=5 name=p\xc3\xa9 mode=700' 'name=t data=1 pax.mtime=1234567890.000000001' \
        'type=0 name=bytes\xff\xfe data=1' \
        'name=dot/./x//y data=1' 'type=5 name=dot mode=755' \
        'type=5 name=dot/x mode=755' 'name=/absolute data=1' >odd.tar
    same odd.tar
}

@test "same: what stands behind the end is nobody's" {
    (mktar 'name=a data=1' && mktar 'name=b data=2') >behind.tar
    same behind.tar
}

@test "same: whiteouts" {
    mktar 'type=5 name=d mode=755' 'name=d/.wh.gone' 'type=5 name=o mode=755' 'name=o/.wh..wh..opq' \
        'name=o/new data=1' 'name=.wh.top' >whiteouts.tar
    # Who owns a mark, and when it was made, means nothing.
    same whiteouts.tar '^.\./(d/gone|top). |^.\.. '
}
