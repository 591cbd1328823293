# For the doors that others have left open: `load ../lib/common`, `load security`.
#
#     setup_file() { security_setup; }         # a root with the images busybox and probe
#     teardown_file() { security_teardown; }
#
# shellcheck disable=SC2154 # common.bash sets skiff_folder
#
# A canary is a folder of the host outside of everything that a container is given, with one file.
# An attack that works changes it, or shows its secret.

security_setup()
{
    require_root
    require_command cc jq
    skiff_setup || return 1
    export PROBE=$skiff_folder/probe RACER=$skiff_folder/racer CANARY=$skiff_folder/canary
    cc -O1 -static -D_GNU_SOURCE -o "$PROBE" "$BATS_TEST_DIRNAME/probe.c" || return 1
    cc -O1 -D_GNU_SOURCE -o "$RACER" "$BATS_TEST_DIRNAME/racer.c" || return 1
    mkdir -p "$CANARY"
    chmod 755 "$skiff_folder"
    echo secret-of-the-host >"$CANARY/canary"
    # A program that runs wherever it is found, and tells.
    cp "$(command -v busybox)" "$CANARY/echo"
    import_busybox
    hostile probe >/dev/null
    import_hostile probe
}

security_teardown()
{
    skiff_teardown
}

# What the canary looks like; two of these are compared.
canary()
{
    (cd "$CANARY" && find . -printf '%p %y %m %U %G %s %T@ %l\n' | sort && cat canary)
}

# quick OPTION... IMAGE COMMAND...: a container of no network, which most attacks do without.
quick()
{
    skiff run --rm --network none "$@"
}

# attempt COMMAND...: `run`, for what may end as it likes: 127 is one more refusal here.
attempt()
{
    status=0
    # shellcheck disable=SC2034 # the tests read both
    output=$("$@" 2>&1 </dev/null) || status=$?
}

# --- hostile images ------------------------------------------------------------------------------

# hostile NAME: prints a folder to spoil: busybox's root file system and /probe.
hostile()
{
    local folder=$skiff_folder/images/$1
    rm -rf "$folder"
    rootfs_unpacked "$(rootfs_busybox)" "$folder"
    cp "$PROBE" "$folder/probe"
    echo "$folder"
}

# import_hostile NAME [OPTION...]: the image of that folder.
import_hostile()
{
    local name=$1
    shift
    import_folder "$skiff_folder/images/$name" "$name" "$@"
}

# --- bundles for skiff-oci -----------------------------------------------------------------------

# bundle NAME [JQ...]: prints a bundle's folder: skiff-oci's own config, with no terminal, a writable
# root of busybox and /probe, and whatever the filters change.
bundle()
{
    local folder=$skiff_folder/bundles/$1 filter group
    # Its control group is nobody else's, however often these tests run at a time.
    group=/${skiff_folder##*/}-$1
    shift
    rm -rf "$folder"
    rootfs_unpacked "$(rootfs_busybox)" "$folder/rootfs" || return 1
    cp "$PROBE" "$folder/rootfs/probe"
    (cd "$folder" && "$SKIFF_OCI" spec) || return 1
    for filter in '.process.terminal = false | .root.readonly = false' \
        ".linux.cgroupsPath = \"$group\"" "$@"; do
        jq "$filter" "$folder/config.json" >"$folder/config.new" || return 1
        mv "$folder/config.new" "$folder/config.json"
    done
    echo "$folder"
}

# oci COMMAND...: skiff-oci with a state folder of its own.
oci()
{
    "$SKIFF_OCI" --root "$skiff_folder/oci" "$@"
}

# --- races ---------------------------------------------------------------------------------------

# race FOLDER A B: exchanges the names until race_end.
race()
{
    "$RACER" "$@" >"$BATS_TEST_TMPDIR/exchanges" 3>&- &
    racer_pid=$!
}

# race_end: fails when the racer had not exchanged anything, so that a race without a racer is seen.
race_end()
{
    kill "$racer_pid" && wait "$racer_pid"
    racer_pid=
    [ "$(cat "$BATS_TEST_TMPDIR/exchanges")" -gt 100 ]
}

# In teardown.
race_stop()
{
    [ -z "${racer_pid:-}" ] || kill "$racer_pid" 2>/dev/null
    racer_pid=
}

# rounds N: how often a race is run here; SKIFF_RACE_ROUNDS multiplies it, for a night.
rounds()
{
    echo $(($1 * ${SKIFF_RACE_ROUNDS:-1}))
}
