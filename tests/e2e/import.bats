# What skiff-image makes of archives, good and hostile: on the level of the helper itself, so that a
# refusal is its own and not one of the command line before it.
load ../lib/common

setup()
{
    require_root
    require_command perl bsdtar skopeo
    SKIFF_IMAGE=${SKIFF_IMAGE:-$SKIFF_BUILD/skiff-image}
    [ -x "$SKIFF_IMAGE" ] || skip "$SKIFF_IMAGE is not built"
    cd "$BATS_TEST_TMPDIR"
    mkdir store outside
    echo untouched >outside/canary
    chmod 640 outside/canary
    before=$(stat -c '%a %u %g %s %Y %h' outside outside/canary)
}

# Whatever an archive said, nothing outside its layer has changed, and nothing half done is left.
teardown()
{
    [ -n "${before:-}" ] || return 0
    [ "$before" = "$(stat -c '%a %u %g %s %Y %h' outside outside/canary)" ]
    [ "$(cat outside/canary)" = untouched ]
    no_leftovers
}

no_leftovers()
{
    local left
    left=$(find store -maxdepth 2 \( -name '.tmp-*' -o -name '.dead-*' -o -name '*.tmp-*' \))
    [ -z "$left" ] || told "left behind: $left"
}

mktar()
{
    perl "$SKIFF_SOURCE/tests/lib/mktar.pl" "$@"
}

import()
{
    "$SKIFF_IMAGE" import --root-fd 9 "$@" 9<store
}

# The unpacked folder of the only layer.
layer()
{
    echo store/layers/*/fs
}

# refused PATTERN ENTRY...: the archive is refused, and the store is as empty as before.
refused()
{
    local pattern=$1
    shift
    rm -rf store && mkdir store
    mktar "$@" >bad.tar
    run_fails "$pattern" import bad.tar
    [ -z "$(ls store/layers)" ] || told "a layer is left"
    [ -z "$(ls store/images/blobs/sha256)" ] || told "a blob is left"
}

accepted()
{
    mktar "$@" >good.tar
    run_ok import good.tar
}

# --- a good archive ------------------------------------------------------------------------------

facts()
{
    (cd "$1" && find . -printf '%P|%y|%m|%U:%G|%T@|%l|%n|' \( -type f -printf '%s' , -true \) -printf '\n' |
        LC_ALL=C sort)
}

make_tree()
{
    mkdir -p tree/{etc,bin,dev,tmp,var/empty,deep/er/est}
    echo root:x:0:0 >tree/etc/passwd
    ln tree/etc/passwd tree/etc/passwd.link
    ln -s /etc/passwd tree/bin/absolute
    ln -s ../../../../outside/canary tree/bin/up
    ln -s nowhere tree/bin/dangling
    echo '#!/bin/sh' >tree/bin/su
    chown 0:42 tree/bin/su
    chmod 4755 tree/bin/su
    chmod 1777 tree/tmp
    chmod 0700 tree/var/empty
    chmod 2775 tree/deep/er
    chown 1000:4294967294 tree/deep/er/est
    mknod tree/dev/null c 1 3
    mknod tree/dev/loop b 7 200
    mkfifo tree/dev/fifo
    echo text >"tree/etc/na me with \"odd\" bytes é"
    truncate -s 8M tree/sparse
    printf x | dd of=tree/sparse bs=1 seek=5000000 conv=notrunc status=none
    head -c 3000000 /dev/urandom >tree/big
    touch -h -d @1000000000.123456789 tree/bin/absolute
    find tree -mindepth 1 ! -type l -exec touch -d @1234567890.5 {} +
    touch -d @86400 tree
}

@test "every kind of file arrives as it was, from each format and compression" {
    make_tree
    local format=posix filter kinds=0
    facts tree >want
    for format in posix gnu; do
        tar -C tree --format=$format --sparse -cf $format.tar .
    done
    tar -C tree --format=posix -cf - . >plain.tar
    for filter in cat gzip 'zstd -q' xz bzip2; do
        for format in posix plain; do
            rm -rf store && mkdir store
            run_ok bash -c "$filter <$format.tar | '$SKIFF_IMAGE' import --root-fd 9 - 9<store"
            [[ $output =~ ^sha256:[0-9a-f]{64}$ ]]
            facts "$(layer)" >got
            diff want got
            cmp tree/big "$(layer)/big"
            cmp tree/sparse "$(layer)/sparse"
            [ "$(basename "$(dirname "$(layer)")")" = "$(sha256sum <$format.tar | cut -d' ' -f1)" ]
            kinds=$((kinds + 1))
        done
    done
    [ $kinds -eq 10 ]
    # GNU's own format has whole seconds.
    rm -rf store && mkdir store
    run_ok import gnu.tar
    facts "$(layer)" | sed 's/\.[0-9]*|/|/g' >got
    sed 's/\.[0-9]*|/|/g' want | diff - got
    # The hole is still one.
    [ "$(stat -c %b "$(layer)/sparse")" -lt 1000 ]
    [ "$(stat -c %t:%T "$(layer)/dev/null")" = 1:3 ]
    [ "$(stat -c %t:%T "$(layer)/dev/loop")" = 7:c8 ]
}

@test "capabilities and user attributes of files are kept, others are not" {
    mkdir tree
    echo x >tree/ping
    setcap cap_net_raw+ep tree/ping
    perl -e 'require "syscall.ph"' 2>/dev/null || true
    bsdtar --format=pax --xattrs -C tree -cf a.tar . # carries security.capability
    run_ok import a.tar
    [[ "$(getcap "$(layer)/ping")" == *cap_net_raw* ]]
    accepted 'name=d/ type=5 pax.SCHILY.xattr.trusted.overlay.opaque=y' \
        'name=d/f data=1 pax.SCHILY.xattr.user.note=hi pax.SCHILY.xattr.trusted.overlay.redirect=/x pax.SCHILY.xattr.user.overlay.origin=1'
    local layer
    layer=$(dirname "$(ls -d store/layers/*/fs/d)")
    run_ok tar --xattrs --xattrs-include='*' -C "$layer" -cf x.tar d
    grep -aq 'xattr.user.note=hi' x.tar
    run grep -aEq 'overlay' x.tar
    [ "$status" -ne 0 ]
}

@test "the config says what the changes say, and skopeo reads the store" {
    make_tree
    tar -C tree -cf a.tar .
    run_ok import --name Example.org:5000/a/b:v1 --change 'CMD ["sh", "-c", "echo $x"]' \
        --change 'ENV A=1 B="two words"' --change 'ENV C=${A}x' --change 'WORKDIR /srv' \
        --change 'workdir data' --change 'USER 1000:1000' --change 'EXPOSE 80 53/udp' \
        --change 'LABEL k=v' --change 'VOLUME /data' --change 'STOPSIGNAL SIGINT' \
        --change 'ENTRYPOINT exec top' --message 'from "a test"' a.tar
    local id=$output
    run_ok skopeo inspect --config --raw oci:store/images:Example.org:5000/a/b:v1
    output_has '"Cmd":\["sh","-c","echo \$x"\]'
    output_has '"Env":\["A=1","B=two words","C=1x"\]'
    output_has '"WorkingDir":"/srv/data"'
    output_has '"User":"1000:1000"'
    output_has '"ExposedPorts":\{"80/tcp":\{\},"53/udp":\{\}\}'
    output_has '"Labels":\{"k":"v"\}'
    output_has '"Volumes":\{"/data":\{\}\}'
    output_has '"StopSignal":"SIGINT"'
    output_has '"Entrypoint":\["/bin/sh","-c","exec top"\]'
    output_has '"comment":"from \\"a test\\""'
    [ "sha256:$(printf %s "$output" | sha256sum | cut -d' ' -f1)" = "$id" ]
    mkdir copy
    run_ok skopeo copy oci:store/images:Example.org:5000/a/b:v1 dir:copy
}

@test "a second import under the same name takes it over" {
    mktar 'name=a data=1' >a.tar
    mktar 'name=a data=2' >b.tar
    run_ok import --name x a.tar
    run_ok import --name x b.tar
    local id=$output
    run_ok skopeo inspect --config --raw oci:store/images:docker.io/library/x:latest
    [ "sha256:$(printf %s "$output" | sha256sum | cut -d' ' -f1)" = "$id" ]
    [ "$(find store/layers -mindepth 1 -maxdepth 1 | wc -l)" -eq 2 ]
    [ "$(grep -o ref.name store/images/index.json | wc -l)" -eq 1 ]
}

@test "what follows the archive belongs to its digest and to nothing else" {
    mktar 'name=a data=1' >a.tar
    head -c 100000 /dev/urandom >>a.tar
    run_ok import a.tar
    [ -e "store/layers/$(sha256sum <a.tar | cut -d' ' -f1)/fs/a" ]
    [ "$(find "$(layer)" -type f | wc -l)" -eq 1 ]
}

@test "names are bytes, whatever they are" {
    accepted 'name=a\xff\xfe data=1' 'name=caf\xc3\xa9 data=1' 'name=x data=1 pax.path=p\xc3\xa9' \
        'name=y data=1 pax.path=q\xff' 'name=z data=1 pax.path=b\xff pax.hdrcharset=BINARY' \
        'name=n\x0aewline\x1b[31m data=1' 'type=2 name=l link=\xff\xfe'
    (cd "$(layer)" && LC_ALL=C ls -b) >got
    printf '%s\n' 'a\377\376' 'b\377' 'caf\303\251' l 'n\newline\033[31m' 'p\303\251' 'q\377' | LC_ALL=C sort >want
    diff want <(LC_ALL=C sort got)
    # An error that tells such a name does not reach the terminal raw.
    refused '^skiff: link "\\x1b\[31m": "\\x0anothing" is not in the archive$' \
        'type=1 name=\x1b[31m link=\x0anothing'
}

@test "ten gigabytes of hole, and numbers beyond octal's, take no room" {
    truncate -s 10G huge
    printf end | dd of=huge bs=1 seek=10737418237 conv=notrunc status=none
    chown 3000000:4294967294 huge
    local format
    for format in gnu posix; do
        rm -rf store && mkdir store
        tar --sparse --format=$format -cf huge.tar huge
        run_ok import huge.tar
        [ "$(stat -c '%s %u:%g' "$(layer)/huge")" = '10737418240 3000000:4294967294' ]
        [ "$(stat -c %b "$(layer)/huge")" -lt 100 ]
        [ "$(tail -c 3 "$(layer)/huge")" = end ]
    done
}

# --- later entries win ---------------------------------------------------------------------------

@test "an entry replaces what an earlier one made" {
    accepted 'name=a data=first' 'name=a data=second' 'name=b data=x' 'type=5 name=b mode=755' \
        'name=b/in data=1' 'type=5 name=c mode=755' 'name=c/in data=1' 'type=2 name=c link=b' \
        'name=e data=1' 'type=1 name=f link=e' 'type=1 name=f link=e' 'type=1 name=e link=e' \
        'type=5 name=b mode=711'
    cd "$(layer)"
    [ "$(cat a)" = second ]
    [ -d b ] && [ -e b/in ] && [ "$(stat -c %a b)" = 711 ]
    [ -L c ]
    [ "$(stat -c %h e)" -eq 2 ]
}

@test "what the store's folder passes on to what is made in it is not the image's" {
    chgrp 50 store && chmod 2750 store
    ! command -v setfacl >/dev/null || setfacl -d -m u:7:rwx store
    mktar 'type=5 name=d mode=755' 'name=d/f data=1' 'name=e/f data=1' 'type=2 name=l link=x' 'type=6 name=p' >a.tar
    run_ok import a.tar
    [ "$(cd "$(layer)" && stat -c '%n %a %u:%g' . d d/f e e/f l p | tr '\n' ' ')" = \
        '. 755 0:0 d 755 0:0 d/f 644 0:0 e 755 0:0 e/f 644 0:0 l 777 0:0 p 644 0:0 ' ]
    [ -z "$(find "$(layer)" -exec getfattr -hd -m system {} + 2>/dev/null)" ]
}

@test "folders that have no entry are made" {
    accepted 'name=x/y/z data=1'
    [ "$(stat -c '%a %u' "$(layer)/x/y")" = '755 0' ]
}

# --- whiteouts -----------------------------------------------------------------------------------

@test "whiteouts become overlay's" {
    accepted 'type=5 name=d mode=755' 'name=d/.wh.gone' 'type=5 name=o mode=755' \
        'name=o/.wh..wh..opq' 'name=o/new data=1' 'name=.wh..wh.plnk' 'name=.wh.top' \
        'name=.wh.again' 'type=5 name=again mode=755'
    local l opaque
    l=$(layer)
    [ "$(stat -c '%F %t:%T' "$l/d/gone")" = 'character special file 0:0' ]
    [ "$(stat -c '%t:%T' "$l/top")" = 0:0 ]
    [ -d "$l/again" ]
    [ -z "$(find "$l" -name '.wh.*')" ]
    tar --xattrs --xattrs-include='trusted.*' -C "$l" -cf x.tar .
    opaque=$(grep -ac 'trusted.overlay.opaque=y' x.tar)
    [ "$opaque" -eq 2 ]
}

@test "whiteouts of nothing are refused" {
    refused 'whiteout' 'name=.wh.'
    refused 'whiteout' 'name=d/.wh..'
    refused 'whiteout' 'name=d/.wh...'
}

# --- ways out ------------------------------------------------------------------------------------

@test "names with .. are refused" {
    refused '"\.\." in a name' 'name=../outside/canary data=broken'
    refused '"\.\." in a name' 'name=a/../../../outside/canary data=broken'
    refused '"\.\." in a name' 'type=5 name=..'
    refused '"\.\." in a name' 'name=x data=1' 'type=1 name=y link=../../outside/canary'
}

@test "absolute names stay below the root" {
    accepted "name=$BATS_TEST_TMPDIR/outside/canary data=broken"
    [ "$(cat "$(layer)$BATS_TEST_TMPDIR/outside/canary")" = broken ]
}

@test "nothing is written, linked or changed through a link out" {
    local out=$BATS_TEST_TMPDIR/outside
    refused 'cannot' "type=2 name=l link=$out" 'name=l/canary data=broken'
    refused 'not in the archive' 'type=2 name=l link=../../../../../../../../../../../..' "name=l$out/canary/x data=1" \
        "type=2 name=m link=l$out" 'name=m/canary/y/z data=1' 'type=1 name=h link=m/none'
    refused 'not in the archive' "type=1 name=h link=$out/canary" 'name=h data=broken'
    refused 'not in the archive' "type=2 name=l link=$out" 'type=1 name=h link=l/canary'
    # The last part of a name is never followed: the link itself gives way.
    accepted "type=2 name=l link=$out/canary" 'name=l data=mine' "type=2 name=d link=$out" \
        'type=5 name=d mode=777'
    [ -f "$(layer)/l" ] && [ ! -L "$(layer)/l" ] && [ -d "$(layer)/d" ] && [ ! -L "$(layer)/d" ]
}

@test "a link in a parent leads inside the root" {
    accepted 'type=5 name=usr mode=755' 'type=5 name=usr/lib mode=755' 'type=2 name=lib link=/usr/lib' \
        'name=lib/so data=1' 'type=2 name=up link=../../usr' 'name=up/x data=1'
    [ -f "$(layer)/usr/lib/so" ] && [ -L "$(layer)/lib" ] && [ -f "$(layer)/usr/x" ]
}

@test "loops of links, and the root as something else, are refused" {
    refused 'too many levels' 'type=2 name=a link=b' 'type=2 name=b link=a' 'name=a/x data=1'
    refused 'root is not a folder' 'type=2 name=. link=/etc'
    refused 'root is not a folder' 'type=2 name=/ link=/etc'
    refused 'root is not a folder' 'type=1 name=./ link=x'
}

@test "links to folders, and to what is not there, are refused" {
    refused 'cannot link' 'type=5 name=d mode=755' 'type=1 name=h link=d'
    refused 'not in the archive' 'type=1 name=h link=nothing'
}

@test "owners that cannot be are refused" {
    refused 'owner' 'name=a pax.uid=4294967295'
    refused 'owner' 'name=a pax.gid=99999999999'
}

@test "a device node keeps its mode, and does nothing in the store's own mount" {
    accepted 'type=3 name=mem mode=4666 major=1 minor=1'
    [ "$(stat -c '%a %t:%T' "$(layer)/mem")" = '4666 1:1' ]
    [ "$(stat -c %a store/layers)" = 700 ]
}

# --- broken --------------------------------------------------------------------------------------

@test "broken archives are told in one line and leave nothing" {
    mktar 'name=a data=hello' 'name=b data=hello' >good.tar
    : >empty
    run_fails 'the archive is empty' import empty
    head -c 5000 /dev/urandom >garbage
    run_fails 'cannot read the archive' import garbage
    head -c 514 good.tar >cut
    run_fails '[Tt]runcated' import cut
    gzip <good.tar >good.gz
    head -c 60 good.gz >cut.gz
    run_fails 'gzip' import cut.gz
    printf '\x1f\x8b\x08garbage' >bad.gz
    run_fails 'gzip' import bad.gz
    zstd -q <good.tar >good.zst
    head -c 40 good.zst >cut.zst
    run_fails 'zstd' import cut.zst
    xz <good.tar >good.xz
    head -c 80 good.xz >cut.xz
    run_fails '[Ll]zma|xz' import cut.xz
    head -c 40 good.tar | bzip2 >bad.bz2
    run_fails 'cannot read the archive' import bad.bz2
    refused 'Truncated' 'name=a type=7 size=99999999999'
    refused 'name' 'name= data=1'
    [ -z "$(ls store/layers)" ] && [ -z "$(ls store/images/blobs/sha256)" ]
}

@test "what is no archive at all is refused before anything is made" {
    run_fails 'no such file' import nothing
    run_fails 'is a directory' import outside
    run_fails 'lowercase' import --name Upper good.tar
    run_fails 'built-in' import --name host good.tar
    run_fails 'not a valid change command' import --change 'RUN rm' good.tar
    run_fails 'platform' import --platform linux/a/b/c good.tar
    run_fails 'only linux' import --platform windows/amd64 good.tar
    [ -z "$(ls store)" ]
}

# refused_file PATTERN FILE
refused_file()
{
    rm -rf store && mkdir store
    run_fails "$1" import "$2"
    [ -z "$(ls store/layers)" ] || told "a layer is left"
}

@test "the zeros behind the last file may be missing, as for Docker; nothing else may" {
    local data n
    for data in x "$(printf %0100d 1)" "$(printf %0511d 1)" "$(printf %0513d 1)"; do
        mktar 'name=first data=1' "name=d/last data=$data" end=none >whole.tar
        local end=$((1024 + 512 + ${#data}))
        for n in $end $((end + 1)) $(($(stat -c %s whole.tar) - 1)); do
            rm -rf store && mkdir store
            head -c $n whole.tar >cut
            run_ok import cut
            [ "$(cat "$(layer)/first")" = 1 ] && [ "$(cat "$(layer)/d/last")" = "$data" ]
            [ -d "store/layers/$(sha256sum <cut | cut -d' ' -f1)" ]
        done
        head -c $((end - 1)) whole.tar >cut
        refused_file '"d/last": truncated|Truncated' cut
    done
    for n in 1 100 300 511; do # within the header of what has no content
        mktar 'name=first data=1' 'name=last' end=none | head -c $((1024 + n)) >cut
        refused_file '[Tt]runcated|[Dd]amaged' cut
    done
    # Through a pipe, and compressed.
    mktar 'name=last data=123' end=none | head -c 515 | gzip >cut.gz
    rm -rf store && mkdir store
    run_ok import cut.gz
    [ "$(cat "$(layer)/last")" = 123 ]
}

# An image's layer by one stream of FILTER, in many pieces.
pieces()
{
    local n
    for n in 0 1 2 3 4 5 6 7 8 9; do
        dd if=a.tar bs=50000 skip=$n count=1 status=none | "$@"
    done
}

@test "several compressed streams in a row are one, and nothing else may follow" {
    head -c 400000 /dev/urandom >noise
    base64 noise | head -c 90000 >>noise
    tar -cf a.tar --blocking-factor=1 noise
    [ "$(stat -c %s a.tar)" -gt 490000 ] && truncate -s 500000 a.tar
    local filter
    for filter in gzip 'zstd -q'; do
        pieces $filter >many
        rm -rf store && mkdir store
        run_ok import many
        cmp noise "$(layer)/noise"
        [ -d "store/layers/$(sha256sum <a.tar | cut -d' ' -f1)" ]
        # In drops, so that headers and trailers are cut anywhere.
        rm -rf store && mkdir store
        run_ok bash -c "dd if=many bs=997 status=none | perl -e 'while (sysread STDIN, \$b, 331) { syswrite STDOUT, \$b }' |
            '$SKIFF_IMAGE' import --root-fd 9 - 9<store"
        cmp noise "$(layer)/noise"
        (cat many && head -c 100 /dev/zero) >more
        refused_file 'cannot decompress' more
        (cat many && echo garbage) >more
        refused_file 'cannot decompress' more
        head -c -1 many >less
        refused_file 'truncated' less
        (head -c 100000 many && head -c 100001 many | tail -c 1 | tr '\0-\377' '\1-\377\0' && tail -c +100002 many) >changed
        refused_file 'cannot decompress|damaged' changed
    done
}

@test "what eStargz and zstd:chunked add is passed over or a file like any other" {
    # gzip with all that a header may have, a member for each entry, and an empty one with the footer.
    perl -MCompress::Zlib -e '
        local $/;
        my $text = <STDIN>;
        sub member {
            my ($piece, $extra) = @_;
            my $head = "\x1f\x8b\x08\x1e\0\0\0\0\0\xff" . pack("v/a", $extra) . "name\0comment\0";
            my ($d) = deflateInit(-WindowBits => -MAX_WBITS);
            return $head . pack("v", crc32($head) & 0xffff) . $d->deflate($piece) . $d->flush .
                pack("VV", crc32($piece), length $piece);
        }
        print member(substr($text, 0, 700, ""), "SG" . pack "v/a", "x" x 22) while length $text;
        print member("", "SG" . pack "v/a", "0000000000000400STARGZ")' >esgz \
        < <(mktar 'name=.prefetch.landmark data=\x0f' 'name=a data=1' 'name=stargz.index.json data={}')
    gzip -t <esgz
    run_ok import esgz
    rm -rf store && mkdir store
    run_ok bash -c "perl -e 'while (sysread STDIN, \$b, 1) { syswrite STDOUT, \$b; select undef, undef, undef, 0.001 if \$n++ < 200 }' <esgz |
        '$SKIFF_IMAGE' import --root-fd 9 - 9<store"
    [ -e "$(layer)/.prefetch.landmark" ] && [ -e "$(layer)/stargz.index.json" ]
    # A skippable frame (zstd:chunked's table of contents) in front, in between and behind.
    local skip='\x5a\x2a\x4d\x18\x05\x00\x00\x00HELLO'
    mktar 'name=a data=1' >a.tar
    # shellcheck disable=SC2059
    (printf "$skip" && head -c 512 a.tar | zstd -q && printf "$skip" && tail -c +513 a.tar | zstd -q && printf "$skip") >chunked
    rm -rf store && mkdir store
    run_ok import chunked
    [ "$(cat "$(layer)/a")" = 1 ]
    head -c -2 chunked >less
    refused_file 'truncated' less
    # A window that would take 2 GiB to unfold.
    truncate -s 300M zeros
    tar -cf - zeros | zstd -q --ultra -22 --long=31 --no-check >wide
    refused_file 'zstd.*memory' wide
}

@test "no program is started to decompress" {
    mkdir path
    local program
    for program in gzip zstd xz bzip2 lz4 lzop grzip lrzip compress uncompress; do
        printf '#!/bin/sh\ntouch %s/path/ran\n' "$PWD" >path/$program
        chmod +x path/$program
    done
    mktar 'name=a data=1' >a.tar
    local filter
    for filter in gzip zstd xz bzip2 lz4; do
        command -v $filter >/dev/null || continue
        $filter <a.tar >a.z
        PATH=$PWD/path:$PATH run import a.z
    done
    [ ! -e path/ran ]
}

# --- limits --------------------------------------------------------------------------------------

@test "limits stop what would not end" {
    truncate -s 50M zeros
    tar -cf zeros.tar zeros
    gzip <zeros.tar >zeros.gz
    SKIFF_LIMIT_BYTES=1000000 run_fails 'larger than 1000000 bytes' import zeros.tar
    SKIFF_LIMIT_BYTES=1000000 run_fails 'larger than 1000000 bytes' import zeros.gz
    SKIFF_LIMIT_ENTRIES=2 run_fails 'more than 2 entries' bash -c "perl '$SKIFF_SOURCE/tests/lib/mktar.pl' name=a name=b name=c |
        '$SKIFF_IMAGE' import --root-fd 9 - 9<store"
    mktar name=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa >long.tar
    SKIFF_LIMIT_PATH=20 run_fails 'longer than 20 bytes' import long.tar
    mktar "name=x pax.path=$(head -c 300 /dev/zero | tr '\0' a)" >longer.tar
    SKIFF_LIMIT_RATIO=many run_fails 'SKIFF_LIMIT_RATIO is "many"' import long.tar
    run_fails 'name too long' import longer.tar
    [ -z "$(ls store/layers)" ] && [ -z "$(ls store/images/blobs/sha256)" ]
}

@test "a full disk is told, and what was written is gone" {
    mkdir small
    mount -t tmpfs -o size=4m none small
    head -c 8000000 /dev/urandom >noise
    tar -cf noise.tar noise
    run "$SKIFF_IMAGE" import --root-fd 9 noise.tar 9<small
    local s=$status o=$output left
    left=$(find small -path '*/.tmp-*' -o -path '*/.dead-*')
    find small
    umount small
    [ "$s" -eq $((64 + 28)) ] # ENOSPC
    [[ $o =~ 'no space left' ]]
    [ -z "$left" ]
}

# --- interrupted ---------------------------------------------------------------------------------

@test "a killed import is swept by the next one, a living one is not" {
    mktar 'name=a data=1' >a.tar
    local signal i
    for signal in TERM KILL; do
        mkfifo pipe.$signal
        "$SKIFF_IMAGE" import --root-fd 9 - 9<store <pipe.$signal 3>&- &
        local pid=$!
        exec 8>pipe.$signal
        cat a.tar >&8
        head -c 300000 /dev/zero >&8
        for i in $(seq 100); do
            [ -n "$(ls -A store/layers 2>/dev/null | grep tmp)" ] && break
            sleep 0.05
        done
        # Alive: another one leaves it alone.
        run_ok import a.tar
        [ "$(ls -A store/layers | grep -c '^.tmp-')" -eq 1 ]
        kill -$signal $pid
        wait $pid || true
        exec 8>&-
        run_ok import --name again a.tar
        no_leftovers
    done
    [ "$(ls store/layers | wc -l)" -eq 1 ]
}

@test "what fell between two renames is swept" {
    mktar 'name=a data=1' >a.tar
    run_ok import a.tar
    mkdir -p store/layers/0123/fs
    echo x >store/images/blobs/sha256/4567
    echo x >store/images/index.json.tmp-1
    mktar 'name=b data=1' >b.tar
    run_ok import b.tar
    [ ! -e store/layers/0123 ] && [ ! -e store/images/blobs/sha256/4567 ]
    [ "$(ls store/layers | wc -l)" -eq 2 ]
}

@test "several imports at once make the store" {
    mktar 'name=a data=1' >a.tar
    local round n
    for round in 1 2 3 4 5 6 7 8; do
        rm -rf store failed && mkdir store
        for n in 1 2 3 4 5 6; do
            import --name "x$n" a.tar >/dev/null 2>>failed 3>&- &
        done
        wait_all
        [ ! -s failed ] || told "failed: $(cat failed)"
        [ "$(grep -o ref.name store/images/index.json | wc -l)" -eq 6 ]
    done
}

# --- the cage ------------------------------------------------------------------------------------

@test "the processes that read the archive are locked in" {
    mkfifo pipe
    "$SKIFF_IMAGE" import --root-fd 9 - 9<store <pipe 3>&- &
    local pid=$! child n=0 i
    exec 8>pipe
    mktar 'name=a data=1' end=none | gzip >&8
    for i in $(seq 100); do
        [ -e "$(echo store/layers/.tmp-*/fs)" ] && [ "$(pgrep -P $pid | wc -l)" -eq 3 ] && break
        sleep 0.05
    done
    sleep 0.2
    for child in $(pgrep -P $pid); do
        n=$((n + 1))
        grep -E 'Seccomp:|NoNewPrivs:|CapEff:|CapBnd:|CapInh:|CapAmb:' /proc/$child/status >status
        cat status
        grep -q 'NoNewPrivs:.1' status
        grep -q 'Seccomp:.2' status || [ -n "${SKIFF_SANITIZED:-}" ]
        grep -q 'CapInh:.0000000000000000' status
        grep -q 'CapAmb:.0000000000000000' status
        # CHOWN, DAC_OVERRIDE, FOWNER, FSETID, MKNOD, SETFCAP, and no more; or none.
        grep -qE 'CapEff:.(000000008800001b|0000000000000000)' status
        [ "$(ls /proc/$child/fd | wc -l)" -le 5 ]
        if grep -q 'CapEff:.000000008800001b' status; then
            [ "$(stat -Lc %i /proc/$child/root/)" = "$(stat -c %i store/layers/.tmp-*/fs)" ]
            grep -q 'nosuid,nodev,noexec' /proc/$child/mountinfo
            [ "$(wc -l </proc/$child/mountinfo)" -eq 1 ]
            [ "$(readlink /proc/$child/ns/net)" != "$(readlink /proc/self/ns/net)" ]
        fi
    done
    exec 8>&-
    wait $pid || true
    [ $n -eq 3 ]
}
