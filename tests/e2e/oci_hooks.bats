# skiff-oci: hooks: which run, when, where, with what; and what their failure does.
load ../lib/common
load ../lib/oci

setup_file()
{
    oci_setup
    # Writes down what it was given: its name, where it runs, and the state.
    cat >"$oci_folder/hook" <<END
#!/bin/sh
state=\$(cat)
printf '%s\n' "{\"hook\": \"\$1\", \"folder\": \"\$(pwd)\", \"pidns\": \"\$(readlink /proc/self/ns/pid)\",
    \"mntns\": \"\$(readlink /proc/self/ns/mnt)\", \"A\": \"\$A\", \"state\": \$state}" >>"\$LOG"
END
    chmod 755 "$oci_folder/hook"
    printf '#!/bin/sh\necho "{\\"hook\\": \\"startContainer\\", \\"id\\": $(id -u), \\"state\\": $(cat)}" >>/log\n' \
        >"$OCI_ROOTFS/bin/hook"
    chmod 755 "$OCI_ROOTFS/bin/hook"
}

teardown_file()
{
    oci_teardown
}

teardown()
{
    oci_cleanup
}

# with_hooks: the filter for a container that has one of each.
with_hooks()
{
    jq -n --arg hook "$oci_folder/hook" --arg log "LOG=$BATS_TEST_TMPDIR/log" '
        ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
        | map({key: ., value: [{path: $hook, args: ["hook", .], env: ["A=b", $log,
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin"], timeout: 30}]})
        | from_entries | .startContainer = [{path: "/bin/hook"}]' | sed '1s/^/.hooks = /'
}

# seen FILTER: what the log of the test's hooks gives, one value a line.
seen()
{
    jq -r "$1" "$BATS_TEST_TMPDIR/log" | paste -sd ' '
}

@test "every hook runs, at its time, in its place, with the state" {
    bundle "$(with_hooks)" '.root.readonly = false' '.process.user.uid = 0' '.annotations = {"a.b": "c"}'
    : >"$OCI_ROOTFS/log"
    oci create -b "$bundle" "$id"
    pid=$(oci state "$id" | jq .pid)
    [ "$(seen .hook)" = "prestart createRuntime createContainer" ]
    [ ! -s "$OCI_ROOTFS/log" ]
    [ "$(seen .state.status)" = "creating creating creating" ]
    [ "$(seen .state.pid)" = "$pid $pid $pid" ]
    host=$(readlink /proc/self/ns/pid) mount=$(readlink /proc/self/ns/mnt)
    [ "$(seen 'select(.hook != "createContainer") | .pidns')" = "$host $host" ]
    [ "$(seen 'select(.hook == "createContainer") | .pidns')" = "$(readlink "/proc/$pid/ns/pid")" ]
    [ "$(seen 'select(.hook == "createContainer") | .mntns')" = "$(readlink "/proc/$pid/ns/mnt")" ]
    [ "$(seen 'select(.hook == "createRuntime") | .mntns')" = "$mount" ]

    oci start "$id"
    [ "$(seen .hook)" = "prestart createRuntime createContainer poststart" ]
    jq -e --arg id "$id" '.hook == "startContainer" and .id == 0 and .state.status == "created"
        and .state.id == $id' "$OCI_ROOTFS/log"
    [ "$(seen 'select(.hook == "poststart") | .state.status')" = running ]
    until_true status_is "$id" stopped
    oci delete "$id"
    [ "$(seen .hook)" = "prestart createRuntime createContainer poststart poststop" ]
    jq -se --arg id "$id" --arg bundle "$bundle" 'all(.A == "b" and .folder == $bundle
        and .state.id == $id and .state.bundle == $bundle and .state.annotations == {"a.b": "c"}
        and (.state.ociVersion | startswith("1.")))
        and (last | .state.status == "stopped" and (.state | has("pid") | not))' "$BATS_TEST_TMPDIR/log"
    rm "$OCI_ROOTFS/log"
}

@test "run runs them all" {
    bundle "$(with_hooks)" '.root.readonly = false'
    run_ok oci run -b "$bundle" "$id"
    output_is ""
    [ "$(seen .hook)" = "prestart createRuntime createContainer poststart poststop" ]
    [ "$(jq -r .hook "$OCI_ROOTFS/log")" = startContainer ]
    rm "$OCI_ROOTFS/log"
    nothing_left "$id"
}

@test "startContainer runs as the container's own user, with its rights" {
    bundle '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "id -u >&2; grep CapEff /proc/self/status >&2; exit 1"]}]
        | .process.user.uid = 1000 | .process.capabilities = {}'
    run_fails 'hook startContainer: "/bin/sh": status 1: 1000' oci run -b "$bundle" "$id"
    bundle '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "grep CapEff /proc/self/status; exit 1"]}]
        | .process.capabilities = {}'
    run_fails 'CapEff:.*0000000000000000' oci run -b "$bundle" "$id"
}

@test "a hook before the start that fails ends the container, and the rest is not run" {
    for kind in prestart createRuntime createContainer startContainer; do
        bundle ".hooks = {$kind: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo no luck; echo more; exit 3\"]},
            {path: \"/bin/sh\", args: [\"sh\", \"-c\", \"touch '$BATS_TEST_TMPDIR/second'\"]}],
            poststop: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >'$BATS_TEST_TMPDIR/stopped'\"]}]}"
        run_fails "^skiff-oci: hook $kind: \"/bin/sh\": status 3: no luck$" oci run -b "$bundle" "$id"
        nothing_left "$id"
        [ ! -e "$BATS_TEST_TMPDIR/second" ]
        jq -e '.status == "stopped"' "$BATS_TEST_TMPDIR/stopped"
        rm "$BATS_TEST_TMPDIR/stopped"
    done
}

@test "a hook after the start that fails is a warning, and the rest is run" {
    bundle ".hooks = {poststart: [{path: \"/bin/false\"}, {path: \"/usr/bin/touch\", args: [\"touch\", \"$BATS_TEST_TMPDIR/a\"]}],
        poststop: [{path: \"/nonesuch\"}, {path: \"/usr/bin/touch\", args: [\"touch\", \"$BATS_TEST_TMPDIR/b\"]}]}" \
        '.process.args = ["echo", "ran"]'
    run "$SKIFF_OCI" --root "$OCI_ROOT" --log "$BATS_TEST_TMPDIR/log" run -b "$bundle" "$id"
    [ "$status" -eq 0 ]
    output_has 'ran'
    output_has 'warning: hook poststart: "/bin/false": status 1'
    output_has 'warning: hook poststop: "/nonesuch": status 127: cannot execute it: No such file or directory'
    grep -q 'level=warning msg="hook poststart' "$BATS_TEST_TMPDIR/log"
    [ -e "$BATS_TEST_TMPDIR/a" ]
    [ -e "$BATS_TEST_TMPDIR/b" ]
}

@test "a hook that takes too long is killed" {
    bundle '.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "77777"], timeout: 1}]'
    run_fails 'hook createRuntime: "/bin/sleep": not done after 1 second' create_to_file -b "$bundle" "$id"
    ! grep -l "sleep.77777" /proc/[0-9]*/cmdline
    nothing_left "$id"
}

@test "a hook that writes without end, and one that leaves something running, do not stop us" {
    bundle '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "head -c 3000000 /dev/zero; exit 0"]},
        {path: "/bin/sh", args: ["sh", "-c", "sleep 3 & exit 0"]}] | .process.args = ["echo", "ran"]'
    run_ok oci run -b "$bundle" "$id"
    output_is ran
}

@test "a hook gets no descriptor of ours" {
    bundle '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "ls /proc/self/fd | tr \"\\n\" \" \"; exit 1"]}]}'
    run_fails 'status 1: 0 1 2 3 $' oci run -b "$bundle" --preserve-fds 1 "$id" 3</dev/null
    bundle '.hooks = {createContainer: [{path: "/bin/sh", args: ["sh", "-c", "ls /proc/self/fd | tr \"\\n\" \" \"; exit 1"]}]}'
    run_fails 'status 1: 0 1 2 3 $' oci run -b "$bundle" "$id"
}

@test "hooks that are none are refused" {
    refused 'hooks.prestart.*not absolute' '.hooks.prestart = [{path: "true"}]'
    refused 'hooks.poststop.*not absolute' '.hooks.poststop = [{}]'
    refused 'hooks.*"prestart" is not a list' '.hooks.prestart = {path: "/bin/true"}'
    refused 'hooks.prestart.*"args" is not a list' '.hooks.prestart = [{path: "/bin/true", args: "x"}]'
    refused 'hooks.prestart.*timeout' '.hooks.prestart = [{path: "/bin/true", timeout: 0}]'
    refused '"hooks" is not an object' '.hooks = []'
}
