# Who the payload is, and what it may: users, groups, capabilities.
load ../lib/common
load security

setup_file()
{
    security_setup
    local folder
    folder=$(hostile digits)
    printf '1000:x:0:0:digits:/root:/bin/sh\n0x0:x:0:0::/:/bin/sh\n' >>"$folder/etc/passwd"
    # The user's own line comes after, so that a name is tried first by whoever tries names.
    sed -i '/^user:/d' "$folder/etc/passwd"
    import_hostile digits
    import_hostile probe
    hostile asuser >/dev/null
    import_hostile asuser -c 'USER user'
    import_folder "$skiff_folder/images/asuser" asboth -c 'USER user:daemon'
}

teardown_file()
{
    security_teardown
}

import_sparse()
{
    tar -C "$skiff_folder/images/$1" --sparse -cf - . | skiff import - "$1"
}

# status_of KEY OPTION...: a line of /proc/self/status in a container.
status_of()
{
    local key=$1
    shift
    quick "$@" busybox grep "^$key:" /proc/self/status
}

@test "CVE-2016-3697: a user name made of digits is not taken for a name" {
    run_ok quick -u 1000 digits id -u
    output_is 1000
    run_ok quick -u 1000 digits id -g
    output_is 0
    # The line with uid 1000 alone counts; this image has none, so the group is root's, as Docker's.
    run_ok quick -u 1000:1000 digits id
    output_has '^uid=1000.* gid=1000'
}

@test "CVE-2016-8867: no ambient and no effective capability for a user that is not root" {
    run_ok quick -u 1000 busybox grep -E '^Cap(Amb|Eff|Prm|Inh):' /proc/self/status
    [ "$(grep -c '0000000000000000$' <<<"$output")" -eq 4 ] || told "four empty sets"
    # Asked for by name, it is in the bounding set alone.
    run_ok quick -u 1000 --cap-add NET_ADMIN busybox grep -E '^Cap(Amb|Eff|Prm|Inh):' /proc/self/status
    [ "$(grep -c '0000000000000000$' <<<"$output")" -eq 4 ] || told "four empty sets"
    run_ok quick -u 1000 --privileged busybox grep -E '^Cap(Amb|Inh):' /proc/self/status
    [ "$(grep -c '0000000000000000$' <<<"$output")" -eq 2 ] || told "two empty sets"
}

@test "CVE-2022-29162, CVE-2022-24769, CVE-2022-27649, -27650, -27651: inheritable capabilities are empty" {
    local empty
    empty=$(printf 'CapInh:\t0000000000000000')
    run_ok status_of CapInh
    output_is "$empty"
    run_ok status_of CapInh --privileged
    output_is "$empty"
    run_ok status_of CapInh --cap-add ALL
    output_is "$empty"
    run_ok status_of CapInh --userns private
    output_is "$empty"
    # What `spec` writes, and what runs of it.
    local folder
    folder=$(bundle inh '.process.args = ["grep", "^CapInh:", "/proc/self/status"]')
    run_ok jq -e '.process.capabilities | has("inheritable") or has("ambient") | not' \
        "$folder/config.json"
    run_ok oci run -b "$folder" inh
    output_is "$empty"
}

@test "CVE-2026-30892: every form of -u is read strictly" {
    local form expected
    while read -r form expected; do
        run quick -u "$form" probe sh -c 'echo $(id -u):$(id -g)'
        [ "$status" -eq 0 ] || told "-u $form"
        [ "$output" = "$expected" ] || told "-u $form: expected $expected"
    done <<'END'
1 1:1
1:2 1:2
0:1 0:1
user 1000:1000
user:staff 1000:50
4242 4242:0
2147483647 2147483647:0
END
    # Nothing before the colon, and nothing at all, is root.
    run_ok quick -u :1 probe sh -c 'echo $(id -u):$(id -g)'
    output_is 0:1
    run_ok quick -u "" probe sh -c 'echo $(id -u):$(id -g)'
    output_is 0:0
    for form in x -1 +1 1.0 0x0 1e3 ' 1' '1 ' 1:x 1:-1 x:0 user:nobody 1:2:3; do
        run_fails '^skiff: ' quick -u="$form" probe id
        [ "$status" -eq 125 ] || told "-u=$form"
    done
}

@test "CVE-2024-40635: numbers above INT32_MAX are refused, they do not overflow to root" {
    local number
    for number in 2147483648 4294967295 4294967296 65536:2147483648 0:4294967296 \
        18446744073709551616 99999999999999999999999; do
        run_fails 'range 0-2147483647' quick -u "$number" probe id
        run_fails 'range 0-2147483647' quick --group-add "${number#*:}" probe id
    done
    # The same in the image, in passwd and in a bundle.
    local folder
    folder=$(hostile overflow)
    echo 'evil:x:4294967296:0::/:/bin/sh' >>"$folder/etc/passwd"
    import_hostile overflow -c 'USER evil'
    run_fails 'unable to find user evil' quick overflow id
    import_hostile overflow -c 'USER 4294967296'
    run_fails 'range 0-2147483647' quick overflow id
    folder=$(bundle overflow '.process.user.uid = 4294967296')
    run_fails 'process.user' oci run -b "$folder" overflow
    folder=$(bundle overflow '.process.user.additionalGids = [4294967296]')
    run_fails 'process.user' oci run -b "$folder" overflow
}

@test "CVE-2022-36109, CVE-2023-25173, CVE-2022-2990: the primary group is among the supplementary ones" {
    # Without it a file that shuts a group out ("g=") would be open to it.
    groups() { quick "$@" sh -c 'set -- $(id -G | tr " " "\n" | sort -n); echo $*'; }
    run_ok groups probe
    output_is 0
    run_ok groups -u 1000 probe
    output_is "50 1000"
    run_ok groups asuser
    output_is "50 1000"
    run_ok groups -u user:daemon probe
    output_is 1
    run_ok groups asboth
    output_is 1
    run_ok groups --group-add staff --group-add 77 -u 1000:1 probe
    output_is "1 50 77"
    run_ok quick -u 1000:1 probe grep '^Groups:' /proc/self/status
    output_has '^Groups:[[:space:]]1[[:space:]]*$'
    # The door itself: a negative group permission holds.
    run_ok quick -u 1000:50 probe sh -c 'id -G'
    output_is 50
}

@test "CVE-2026-47262: passwd and group files of any size are read up to a bound" {
    local folder
    folder=$(hostile huge)
    truncate -s 1G "$folder/etc/group"
    import_sparse huge
    run_fails '"/etc/group" is larger' quick -u user huge id
    # One line that never ends.
    folder=$(hostile huge)
    { printf 'a:x:1:'; head -c 8000000 /dev/zero | tr '\0' m; } >"$folder/etc/group"
    import_hostile huge
    run_fails '"/etc/group" is larger' quick --group-add a huge id
    # The same for passwd, without running out of anything else: half a gigabyte of address space.
    folder=$(hostile huge)
    truncate -s 1G "$folder/etc/passwd"
    import_sparse huge
    # (A sanitizer needs more for itself.)
    ! grep -q __asan_init "$SKIFF" || return 0
    run_fails '"/etc/passwd" is larger' bash -c "ulimit -v 524288; exec \"$SKIFF\" run --rm --network none huge id"
}

@test "CVE-2024-9676: an image's passwd that is not a file does not make us wait, or open a device" {
    local folder
    folder=$(hostile fifo)
    mkfifo "$folder/etc/fifo"
    ln -sf fifo "$folder/etc/passwd"
    import_hostile fifo
    run_fails '"/etc/passwd" is not a regular file' timeout 20 "$SKIFF" run --rm fifo id
    # A link out of the root stays in it: the host's own file is not read.
    folder=$(hostile fifo)
    echo "spy:x:4711:0::/:/bin/sh" >"$CANARY/passwd"
    ln -sf "$CANARY/passwd" "$folder/etc/passwd"
    import_hostile fifo
    run_fails 'unable to find user spy' quick -u spy fifo id
    ln -sf "../../../../../../../../../..$CANARY/passwd" "$folder/etc/passwd"
    import_hostile fifo
    run_fails 'unable to find user spy' quick -u spy fifo id
    ln -sf /proc/self/root/etc/passwd "$folder/etc/passwd"
    import_hostile fifo
    run_fails 'unable to find user spy' quick -u spy fifo id
    rm "$CANARY/passwd"
    # To open a watchdog's device starts it; even a harmless one must not be read.
    folder=$(hostile fifo)
    ln -sf /etc/null "$folder/etc/passwd"
    mknod "$folder/etc/null" c 1 3
    import_hostile fifo
    run_fails '"/etc/passwd" is not a regular file' quick -u user fifo id
}
