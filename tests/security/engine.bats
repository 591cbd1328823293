# What the engine leaves on the machine, and what one container's words and links do to others.
bats_require_minimum_version 1.5.0
load ../lib/common
load security

setup_file()
{
    security_setup
}

teardown_file()
{
    security_teardown
}

teardown()
{
    skiff_cleanup
}

@test "CVE-2020-15257: no abstract socket of ours can be reached, with the host's network or without" {
    local before
    before=$(grep -o '@.*' /proc/net/unix | sort)
    skiff run -d --network host --name host busybox sleep 100
    skiff run -d --name bridge busybox sleep 100
    [ "$(grep -o '@.*' /proc/net/unix | sort)" = "$before" ]
    run_ok skiff run --rm --network host busybox cat /proc/net/unix
    output_lacks 'skiff'
    run_ok skiff run --rm busybox cat /proc/net/unix
    [ "${#lines[@]}" -eq 1 ]
}

@test "CVE-2021-41091, CVE-2021-41103, CVE-2024-25621: nobody else may enter our folders, under any umask" {
    local root=$BATS_TEST_TMPDIR/root run=$BATS_TEST_TMPDIR/run open
    chmod 755 "$BATS_TEST_TMPDIR"
    (
        umask 0
        export SKIFF_ROOT=$root SKIFF_RUN_DIR=$run
        import_busybox
        skiff run -d --network none --name one busybox sleep 100 >/dev/null
        skiff run --network none --name two busybox sh -c 'cp /bin/busybox /setuid; chmod 4755 /setuid' >/dev/null
        (cd "$BATS_TEST_TMPDIR" && "$SKIFF_OCI" --root "$BATS_TEST_TMPDIR/oci" list >/dev/null)
    )
    # Folders that others may write to, and files: none at all. Folders that others may pass through:
    # none of the two at the top.
    open=$(find "$root" "$run" ! -type l -perm /0022 ! -path "$root/layers/*" ! -path "$root/containers/*/upper/*" 2>/dev/null)
    [ "$open" = "" ] || told "$open"
    [ $(($(stat -c '0%a' "$root") & 07)) -eq 0 ]
    [ $(($(stat -c '0%a' "$run") & 077)) -eq 0 ]
    # As an ordinary user: neither a program that the container made setuid, nor what it was told.
    run setpriv --reuid 65534 --regid 65534 --clear-groups find "$root" "$run" -mindepth 1
    [ "$(grep -vc 'Permission denied' <<<"$output")" -eq 0 ]
    for file in containers/*/container.json containers/*/config.json images/index.json; do
        run setpriv --reuid 65534 --regid 65534 --clear-groups cat "$root"/$file
        [ "$status" -ne 0 ] || told "$file"
    done
    SKIFF_ROOT=$root SKIFF_RUN_DIR=$run skiff rm -f one two >/dev/null
    # A container's own umask is not ours.
    run_ok bash -c "umask 0; '$SKIFF' run --rm --network none busybox sh -c umask"
    output_is 0022
}

@test "CVE-2019-13509: a secret stands in no log, and in no file that others can read" {
    local secret=canary-$RANDOM-$RANDOM-of-a-secret
    run skiff --debug --log-level debug run --name secret --network none -e "TOKEN=$secret" busybox \
        sh -c 'echo "${TOKEN%-of-a-secret}" | wc -c; exit 3'
    [ "$status" -eq 3 ]
    output_lacks "$secret"
    run -127 skiff --debug run --rm --network none -e "TOKEN=$secret" busybox no-such-program
    output_lacks "$secret"
    run skiff --debug run --rm --network none -e "TOKEN=$secret" -v nowhere:/x:bad busybox true
    [ "$status" -eq 125 ]
    output_lacks "$secret"
    # Where it stands, only root can read it.
    local file
    for file in $(grep -rlF "$secret" "$SKIFF_ROOT" "$SKIFF_RUN_DIR"); do
        [ $(($(stat -c '0%a' "$file") & 077)) -eq 0 ] || told "$file"
    done
    run oci --log "$BATS_TEST_TMPDIR/log" --debug run -b "$(bundle secret '.process.env += ["TOKEN='$secret'"]' \
        '.process.args = ["no-such-program"]')" secret
    [ "$status" -ne 0 ]
    ! grep -F "$secret" "$BATS_TEST_TMPDIR/log"
}

@test "CVE-2020-14370: one container's environment does not reach another" {
    skiff run -d --network none --name first -e "TOKEN=first" busybox sleep 100
    run_ok skiff run --rm --network none -e OTHER=second busybox env
    output_lacks 'TOKEN'
    TOKEN=caller run_ok skiff run --rm --network none busybox env
    output_lacks 'TOKEN|SKIFF|BATS'
    run_ok skiff run --rm --network none --pid=container:first busybox env
    output_lacks 'TOKEN'
    # With --init too, and in what a bundle runs.
    TOKEN=caller run_ok skiff run --rm --network none --init busybox cat /proc/1/environ
    output_lacks 'TOKEN|SKIFF|BATS'
    local folder
    folder=$(bundle env '.process.args = ["env"]')
    TOKEN=caller run_ok oci run -b "$folder" env
    output_lacks 'TOKEN|BATS'
    # A hook that is the container's own program is in the container.
    folder=$(bundle env '.process.args = ["cat", "/hook"]' \
        '.hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "cat /proc/self/environ >/hook; ls -l /proc/self/fd >>/hook; grep Cap /proc/self/status >>/hook"]}]')
    TOKEN=caller run_ok oci run -b "$folder" env
    output_lacks 'TOKEN|BATS'
    output_has 'CapEff:.0000000020000420'
    [ "$(grep -c -- '->' <<<"$output")" -le 4 ] || told "descriptors"
}

@test "GHSA-x84c-p2g9-rqv9, CVE-2020-13401: no IPv6 address in a container, and nobody's routes are believed" {
    run_ok skiff run --rm busybox sh -c 'cat /proc/net/if_inet6 2>/dev/null | grep -v " lo$" || true'
    output_is ""
    # Turned off, and the payload cannot turn it on.
    run_ok skiff run --rm --cap-add NET_ADMIN busybox cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6
    output_is 1
    run skiff run --rm --cap-add NET_ADMIN busybox sh -c 'echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6'
    output_has 'Read-only file system'
    run_ok skiff run --rm --network none busybox sh -c 'cat /proc/net/if_inet6 2>/dev/null | grep -v " lo$" || true'
    output_is ""
    # The bridge, which stands in the host's network.
    skiff run -d --name bridged busybox sleep 100
    run_ok cat /proc/sys/net/ipv6/conf/skiff0/accept_ra
    output_is 0
    run_ok cat /proc/sys/net/ipv6/conf/skiff0/disable_ipv6
    output_is 1
    [ "$(grep -c ' skiff0$' /proc/net/if_inet6 || true)" -eq 0 ]
}

# The folder goes out of sight at once, and piece by piece after that.
nothing_left()
{
    [ -z "$(ls "$SKIFF_ROOT/containers" "$SKIFF_ROOT/removed" 2>/dev/null | grep -E '^[0-9a-f]{64}$')" ]
}

@test "a tree of folders deeper than a process may open them can be removed" {
    local folder
    folder=$(hostile deep)
    cat >"$BATS_TEST_TMPDIR/deep.c" <<'END'
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
    for (int i = 0; i < 3000; i++)
        if (mkdir("d", 0700) || chdir("d"))
            return 1;
    return 0;
}
END
    cc -static -O1 -o "$folder/deep" "$BATS_TEST_TMPDIR/deep.c"
    import_hostile deep
    run_ok skiff run --name deep --network none deep /deep
    run_ok bash -c "ulimit -n 64; ulimit -s 128; '$SKIFF' rm deep"
    run_ok bash -c "ulimit -n 128; '$SKIFF' run --rm --network none deep /deep"
    until_true nothing_left
}

@test "an image's links and modes do not reach out of its layers when its container goes" {
    local folder before
    before=$(canary)
    folder=$(hostile links)
    ln -s "$CANARY" "$folder/out"
    ln -s / "$folder/root-link"
    import_hostile links
    skiff run --name links --network none links sh -c \
        "mkdir -p /a/b; ln -s '$CANARY' /a/b/out; ln -s / /a/b/all; rm -rf /home; ln -s '$CANARY' /home; mkfifo /a/pipe; mknod /a/null c 1 3"
    run_ok skiff rm links
    run_ok skiff rmi links
    [ "$(canary)" = "$before" ]
    run_ok ls "$SKIFF_ROOT/containers"
    output_is ""
}

@test "CVE-2022-1227: top runs no program of the image, and arguments give no orders to the terminal" {
    folder=$BATS_TEST_TMPDIR/bait
    mkdir -p "$folder/bin"
    cp "$(command -v busybox)" "$folder/bin/busybox"
    ln -s busybox "$folder/bin/sh"
    printf '#!/bin/sh\necho caught >/caught\n' >"$folder/bin/ps"
    chmod +x "$folder/bin/ps"
    import_folder "$folder" bait:latest
    skiff run -d --name box bait busybox sleep 1000 >/dev/null
    skiff run -d --name odd bait busybox sh -c 'while :; do busybox sleep 1; done' $'x\033[2J\ny' >/dev/null
    run_ok skiff top odd
    output_has '\\x1b\[2J\\x0ay'
    [[ $output != *$'\033'* ]]
    run_ok skiff top box
    [ ! -e "$SKIFF_ROOT/containers/$(skiff inspect -f '{{.Id}}' box)/upper/caught" ]
}
