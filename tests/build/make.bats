# What is typed: make and its targets.
load ../lib/common

setup()
{
    cd "$SKIFF_SOURCE" || return 1
    unset MAKEFLAGS
}

@test "make help lists what there is, and everything it lists can be made" {
    run_ok make help
    for target in all deps run check bench lint install asan coverage clean; do
        output_has "make $target "
    done
    while read -r _ target _; do
        make -n "$target" >/dev/null
    done <<<"$output"
}

@test "a second make rebuilds nothing" {
    make
    run_ok ninja -C build -n programs
    output_has 'no work to do'
    run_ok make
    output_lacks '\[[0-9]+/'
}

@test "compile_commands.json is there for editors" {
    make
    run_ok jq -r '.[0].command' compile_commands.json
    output_has 'banned\.h'
}

@test "make install puts working programs under DESTDIR and PREFIX" {
    make install DESTDIR="$BATS_TEST_TMPDIR/root"
    installed=$(find "$BATS_TEST_TMPDIR/root" -type f -name 'skiff*' -perm -u+x)
    echo "$installed"
    grep -q '/bin/skiff$' <<<"$installed"
    grep -q '/libexec/skiff/skiff-init$' <<<"$installed"
    run_ok "$(grep '/bin/skiff$' <<<"$installed")" version
}

@test "make install goes where PREFIX says, also when it was built for another" {
    make all
    make install DESTDIR="$BATS_TEST_TMPDIR/root" PREFIX=/opt/skiff
    before=$(readlink -f "$BATS_TEST_TMPDIR/root")/opt/skiff
    run_ok "$before/bin/skiff" version
    for file in libexec/skiff/skiff-{image,fetch,init} share/man/man1/skiff-run.1; do
        [ -s "$before/$file" ] || { echo "missing: $file" >&2; return 1; }
    done
    grep -q '^ExecStart=/opt/skiff/bin/skiff ' "$before"/lib/systemd/system/skiff-boot.service
    make install DESTDIR="$BATS_TEST_TMPDIR/again" PREFIX=/usr/local
    [ -x "$BATS_TEST_TMPDIR/again/usr/local/bin/skiff" ]
}

@test "an installed tree finds its helpers wherever it stands" {
    require_root
    make install DESTDIR="$BATS_TEST_TMPDIR/root"
    skiff_setup
    installed=$(find "$BATS_TEST_TMPDIR/root" -path '*/bin/skiff')
    run_ok "$installed" run --rm --init --network=none host cat /proc/1/comm
    output_is init
    run_fails 'the archive is empty' "$installed" import /dev/null nothing # skiff-image says that
}

@test "deps is quiet when everything is there, and refuses an unknown set" {
    run_ok scripts/deps.sh build check
    output_is ''
    run_status 2 scripts/deps.sh everything
    output_is 'usage: deps.sh build|check|bench...'
}

# elsewhere MANAGER: deps.sh on a system that has neither Debian's tools nor a compiler.
elsewhere()
{
    local bin=$BATS_TEST_TMPDIR/bin program
    rm -rf "$bin"
    mkdir -p "$bin"
    for program in sh awk sed tr sort head id cat; do
        ln -s "$(type -P "$program")" "$bin/$program"
    done
    [ -z "$1" ] || ln -s "$(type -P true)" "$bin/$1"
    PATH=$bin scripts/deps.sh build
}

@test "deps names the packages of dnf, pacman and apk" {
    run_status 1 elsewhere dnf
    output_has 'deps: dnf install .*jansson-devel.* meson '
    run_status 1 elsewhere pacman
    output_has 'deps: pacman -S .*gcc.* jansson '
    run_status 1 elsewhere apk
    output_has 'deps: apk add .*jansson-dev .*'
    run_status 1 elsewhere ''
    output_has 'deps: dnf install .*meson '
    output_has 'deps: pacman -S .*meson '
    output_has 'deps: apk add .*meson '
}

@test "deps without Debian's tools goes on when everything is there" {
    bin=$BATS_TEST_TMPDIR/bin
    mkdir -p "$bin"
    for program in sh awk sed tr sort head id cat gcc cc ld as pkg-config meson ninja ps ip nft; do
        ln -s "$(type -P "$program" || echo "/usr/sbin/$program")" "$bin/$program"
    done
    PATH=$bin run_ok scripts/deps.sh build
    output_is ''
}
