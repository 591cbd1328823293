# A script in the place of skiff-image: `load ../lib/fake_helper`.
#
#     setup() { fake_begin; }
#     teardown() { fake_end; }
#     helper <<'SCRIPT'
#     say '{"status":"Digest: sha256:abc"}'
#     layer a12cd34ef567 Downloading '"current":1,"total":4'
#     SCRIPT
#     run_ok skiff pull rust
#     [ "$(called)" = 'pull --prefix=skiff -- rust ' ]

fake_begin()
{
    fake=$BATS_TEST_TMPDIR/fake
    mkdir -p "$fake"
    ln -sf "$SKIFF_BUILD/skiff-init" "$fake/skiff-init"
    printf '#!/bin/sh\n' >"$fake/skiff-fetch" # is started with it, and has nothing to do
    chmod +x "$fake/skiff-fetch"
    export fake
}

fake_end()
{
    unset SKIFF_LIBEXEC
}

# helper: what comes on standard input is done in skiff-image's place from now on. There, `say JSON`
# writes a message of progress, if any is wanted, `layer ID STATUS [DETAIL]` one of a layer, and $here
# is the folder that it lies in.
helper()
{
    {
        cat <<'SCRIPT'
#!/bin/bash
here=$(dirname "$0")
printf '%s\n' "$@" >"$here/called"
progress=
for word; do
    [[ $word != --progress-fd=* ]] || progress=${word#*=}
done
say() { [ -z "$progress" ] || printf '%s\n' "$1" >&"$progress"; }
layer() { say '{"status":"'"$2"'","progressDetail":{'"${3-}"'},"id":"'"$1"'"}'; }
SCRIPT
        cat
    } >"$fake/skiff-image.new"
    chmod +x "$fake/skiff-image.new"
    mv "$fake/skiff-image.new" "$fake/skiff-image"
    export SKIFF_LIBEXEC=$fake
}

# called: the words that it was called with, without descriptors, a blank behind each.
called()
{
    grep -v -e '^--root-fd=' -e '^--progress-fd=' -e '^--fetcher=' "$fake/called" | tr '\n' ' '
}
