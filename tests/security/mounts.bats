# Where a hostile image, bundle or volume would have us mount, make and write something else.
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

setup()
{
    canary_before=$(canary)
}

teardown()
{
    race_stop
    skiff_cleanup
    # Whatever a test is about: the host's folder is as it was.
    [ "$(canary)" = "$canary_before" ]
}

# The file systems of a kind that a container's mounts are of, as "MOUNTPOINT OPTIONS".
mounts_of()
{
    awk -v type="$1" '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == type) print $5, $6 }'
}

# --- /proc, /sys, /dev: not where they belong ----------------------------------------------------

@test "CVE-2019-16884: a volume on /proc, or inside it, is refused" {
    mkdir -p "$BATS_TEST_TMPDIR/fake/self/attr"
    touch "$BATS_TEST_TMPDIR/fake/self/attr/exec"
    local place
    run_fails '/proc/self' quick -v "$BATS_TEST_TMPDIR/fake:/proc/self" busybox true
    for place in /proc /proc/ //proc /./proc /tmp/../proc /proc/1 /proc/sys /proc/sys/net/ipv4 \
        /proc/irq; do
        run_fails 'only a procfs can be mounted on /proc' quick -v "$BATS_TEST_TMPDIR/fake:$place" \
            busybox true
        run_fails 'only a procfs can be mounted on /proc' quick --tmpfs "$place" busybox true
    done
    # By a link of the image's.
    local folder
    folder=$(hostile procvolume)
    ln -s /proc "$folder/data"
    ln -s /proc/sys "$folder/logs"
    import_hostile procvolume
    run_fails 'only a procfs' quick -v "$BATS_TEST_TMPDIR/fake:/data" procvolume true
    run_fails 'only a procfs' quick -v "$BATS_TEST_TMPDIR/fake:/data/irq" procvolume true
    run_fails 'only a procfs' quick -v "$BATS_TEST_TMPDIR/fake:/logs" procvolume true
    # By a bundle.
    folder=$(bundle procvolume '.mounts |= map(select(.destination != "/proc"))' \
        '.mounts += [{destination: "/proc", type: "bind", source: "'"$BATS_TEST_TMPDIR/fake"'", options: ["rbind"]}]')
    run_fails 'only a procfs' oci run -b "$folder" procvolume
    # What says how much of the machine is the container's may be there, as lxcfs has it.
    echo 'MemTotal: 1 kB' >"$BATS_TEST_TMPDIR/meminfo"
    run_ok quick -v "$BATS_TEST_TMPDIR/meminfo:/proc/meminfo:ro" busybox cat /proc/meminfo
    output_is 'MemTotal: 1 kB'
}

@test "CVE-2019-19921: an image whose /proc or /sys is a link is refused" {
    local name target folder
    for name in proc sys; do
        for target in "$CANARY" "../../../..$CANARY" /tmp tmp /evil . ..; do
            folder=$(hostile linked)
            rm -rf "${folder:?}/$name"
            mkdir "$folder/evil"
            ln -s "$target" "$folder/$name"
            import_hostile linked
            run_fails "\"/$name|root itself" quick linked true
        done
    done
    # And the same of a bundle's root, which is a folder of the host.
    folder=$(bundle linked)
    for name in proc sys; do
        rmdir "$folder/rootfs/$name"
        ln -s "$CANARY" "$folder/rootfs/$name"
        run_fails "\"/$name" oci run -b "$folder" linked
        rm "$folder/rootfs/$name"
        mkdir "$folder/rootfs/$name"
    done
}

@test "CVE-2026-41579, CVE-2026-47766: an image whose /dev is a link makes no node, link or folder elsewhere" {
    local target folder name
    for target in "$CANARY" "../../../../..$CANARY" /tmp ""; do
        folder=$(hostile devlink)
        rm -rf "$folder/dev"
        ln -s "${target:-/nothing}" "$folder/dev"
        import_hostile devlink
        run_fails '"/dev' quick devlink true
        run_fails '"/dev' quick --device /dev/null:/dev/x devlink true
        run_fails '"/dev' quick --init devlink true
        run_fails '"/dev' quick --userns=private devlink true
    done
    # Below /dev, where another mount is to go.
    folder=$(bundle devlink '.mounts |= map(select(.destination != "/dev"))')
    for name in pts shm mqueue; do
        mkdir -p "$folder/rootfs/dev/pts" "$folder/rootfs/dev/shm" "$folder/rootfs/dev/mqueue"
        rmdir "$folder/rootfs/dev/$name"
        ln -s "$CANARY" "$folder/rootfs/dev/$name"
        run_fails "\"/dev/$name" oci run -b "$folder" devlink
        rm "$folder/rootfs/dev/$name"
    done
}

@test "CVE-2026-88264, CVE-2026-88265: without a mount on /dev its nodes go where they belong, links or not" {
    local folder
    folder=$(bundle nodev '.mounts |= map(select(.destination | startswith("/dev") | not))' \
        '.process.args = ["sh", "-c", "ls -ln /dev /dev/pts 2>&1; cat /dev/null; echo x >/dev/full"]')
    ln -s "$CANARY/console" "$folder/rootfs/dev/console"
    ln -s "$CANARY/canary" "$folder/rootfs/dev/null"
    ln -s "$CANARY/new" "$folder/rootfs/dev/zero"
    ln -s "$CANARY" "$folder/rootfs/dev/fd"
    ln -s "$CANARY/canary" "$folder/rootfs/dev/full"
    run oci run -b "$folder" nodev
    [ "$status" -eq 1 ]
    output_has 'crw-rw-rw- +1 0 +0 +1, +3 .* null'
    output_has 'crw-rw-rw- +1 0 +0 +1, +5 .* zero'
    output_has '[Nn]o space left'
    output_lacks secret
    # The links were the root's, and are gone from it; the host's files are not.
    [ -c "$folder/rootfs/dev/null" ]
    [ ! -e "$CANARY/new" ]
    # The same with a terminal, whose device is bound on /dev/console.
    local target
    for target in canary console; do
        folder=$(bundle nodev '.mounts |= map(select(.destination == "/dev" | not))' \
            '.process.terminal = true' '.process.args = ["stat", "-c", "console is a %F", "/dev/console"]')
        mkdir -p "$folder/rootfs/dev/pts" "$folder/rootfs/dev/shm" "$folder/rootfs/dev/mqueue"
        ln -s "$CANARY/$target" "$folder/rootfs/dev/console"
        run script -qec "'$SKIFF_OCI' --root '$skiff_folder/oci' run -b '$folder' nodev" /dev/null
        [ "$status" -ne 0 ] || output_has 'console is a character special file'
        [ ! -e "$CANARY/console" ]
    done
}

@test "CVE-2025-31133: what paths are masked with is the null device itself" {
    local folder kind
    # /dev is a volume that others write, too: whatever they put in the place of its null device.
    folder=$(bundle mask '.mounts |= map(select(.destination | startswith("/dev") | not))' \
        '.mounts += [{destination: "/dev", type: "bind", source: "'"$BATS_TEST_TMPDIR/dev"'", options: ["bind"]}]' \
        '.process.args = ["sh", "-c", "cat /proc/keys /proc/timer_list; echo >/proc/sys/kernel/domainname"]')
    for kind in link file zero folder none; do
        rm -rf "$BATS_TEST_TMPDIR/dev"
        mkdir -p "$BATS_TEST_TMPDIR/dev"
        case $kind in
        link) ln -s "$CANARY/canary" "$BATS_TEST_TMPDIR/dev/null" ;;
        file) echo evil >"$BATS_TEST_TMPDIR/dev/null" ;;
        zero) mknod "$BATS_TEST_TMPDIR/dev/null" c 1 5 ;;
        folder) mkdir "$BATS_TEST_TMPDIR/dev/null" ;;
        esac
        run_fails '"/dev/null"' oci run -b "$folder" mask
    done
    mknod "$BATS_TEST_TMPDIR/dev/null" c 1 3
    run oci run -b "$folder" mask
    [ "${#lines[@]}" -eq 1 ] || told "masked files are empty"
    output_has 'Read-only file system'
}

@test "CVE-2025-52565: the terminal comes from its own file system, by its descriptor" {
    local folder
    # A devpts that is none: names that lead elsewhere.
    folder=$(bundle pts '.mounts |= map(select(.destination == "/dev/pts" | not))' \
        '.mounts += [{destination: "/dev/pts", type: "bind", source: "'"$BATS_TEST_TMPDIR/pts"'", options: ["bind"]}]' \
        '.process.terminal = true' '.process.args = ["true"]')
    mkdir "$BATS_TEST_TMPDIR/pts"
    ln -s /dev/ptmx "$BATS_TEST_TMPDIR/pts/ptmx"
    ln -s "$CANARY/canary" "$BATS_TEST_TMPDIR/pts/0"
    run script -qec "'$SKIFF_OCI' --root '$skiff_folder/oci' run -b '$folder' pts" /dev/null
    [ "$status" -ne 0 ]
    output_has '/dev/pts'
    rm "$BATS_TEST_TMPDIR/pts/ptmx"
    echo >"$BATS_TEST_TMPDIR/pts/ptmx"
    run script -qec "'$SKIFF_OCI' --root '$skiff_folder/oci' run -b '$folder' pts" /dev/null
    [ "$status" -ne 0 ]
    output_has 'not a devpts|/dev/pts'
    # What is on /dev/console is the payload's own terminal.
    run script -qec "'$SKIFF' run --rm --network none -t busybox sh -c 'stat -L -c %t:%T:%i /dev/console; stat -L -c %t:%T:%i /proc/self/fd/0'" /dev/null
    [ "$status" -eq 0 ]
    [ "$(tr -d '\r' <<<"$output" | sort -u | wc -l)" -eq 1 ]
}

@test "CVE-2025-52881: sysctls are written into a procfs that nobody else has seen" {
    # A name that leaves what was checked for the host's.
    local before key
    before=$(cat /proc/sys/kernel/core_pattern)
    for key in net.//.kernel.core_pattern net.ipv4.//.//.kernel.core_pattern \
        fs.mqueue.//.//.kernel.core_pattern net./../kernel.core_pattern; do
        run_fails 'sysctl' quick --sysctl "$key=$before" busybox true
    done
    [ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
    # What is not of a namespace, or of one that is not the container's.
    for key in kernel.core_pattern vm.swappiness kernel.sysrq fs.file-max; do
        run_fails 'sysctl' quick --sysctl "$key=1" busybox true
    done
    run_fails 'sysctl' skiff run --rm --network host --sysctl net.ipv4.ip_forward=1 busybox true
    run_fails 'sysctl' quick --ipc host --sysctl kernel.shmmax=65536 busybox true
    # The payload finds what was asked for in its own.
    run_ok quick --sysctl net.ipv4.ip_default_ttl=77 busybox cat /proc/sys/net/ipv4/ip_default_ttl
    output_is 77
    # A bundle without a /proc, or with a false one over it, has it set all the same.
    local folder
    folder=$(bundle sysctl '.linux.sysctl = {"net.ipv4.ip_default_ttl": "78"}' \
        '.mounts |= map(select(.destination != "/proc"))' \
        '.mounts += [{destination: "/late", type: "proc", source: "proc"}]' \
        '.process.args = ["cat", "/late/sys/net/ipv4/ip_default_ttl"]')
    mkdir -p "$folder/rootfs/proc/sys/net/ipv4"
    echo false >"$folder/rootfs/proc/sys/net/ipv4/ip_default_ttl"
    run_ok oci run -b "$folder" sysctl
    output_is 78
    [ "$(cat "$folder/rootfs/proc/sys/net/ipv4/ip_default_ttl")" = false ]
}

# --- the engine's own files ----------------------------------------------------------------------

@test "CVE-2025-24965: each file that is put into a root, with links for its parents and itself" {
    local file folder parent
    for file in etc/hosts etc/hostname etc/resolv.conf; do
        for parent in "$CANARY" "../../../../../../..$CANARY"; do
            # The folder is a link.
            folder=$(hostile parents)
            rm -rf "$folder/etc"
            ln -s "$parent" "$folder/etc"
            import_hostile parents
            attempt quick parents cat "/$file"
            output_lacks secret
            # The file is one, to something that is and to something that is not.
            folder=$(hostile parents)
            ln -s "$parent/canary" "$folder/$file"
            import_hostile parents
            attempt quick parents sh -c "cat /$file; echo overwritten >/$file"
            output_lacks secret
            ln -sf "$parent/new" "$folder/$file"
            import_hostile parents
            attempt quick parents sh -c "echo overwritten >/$file"
        done
        [ ! -e "$CANARY/new" ]
    done
    # What has a name that is taken by something else.
    for file in etc/hosts etc/hostname etc/resolv.conf; do
        folder=$(hostile parents)
        mkdir "$folder/$file"
        import_hostile parents
        run_fails "/$file" quick parents true
        rmdir "$folder/$file"
        mkfifo "$folder/$file"
        import_hostile parents
        run_ok timeout 20 "$SKIFF" run --rm --network none parents true
    done
    # The init, in the place of which the image has a link.
    folder=$(hostile parents)
    ln -s "$CANARY/canary" "$folder/dev/init"
    import_hostile parents
    run_ok quick --init parents true
}

@test "a mount's place, made when it is missing, stays in the root" {
    local folder place
    folder=$(hostile places)
    ln -s "$CANARY" "$folder/abs"
    ln -s "../../../../../../../..$CANARY" "$folder/rel"
    ln -s "$CANARY/missing" "$folder/dangling"
    ln -s loop "$folder/loop"
    ln -s /proc/self/root "$folder/magic"
    import_hostile places
    mkdir "$BATS_TEST_TMPDIR/data"
    echo data >"$BATS_TEST_TMPDIR/data/file"
    for place in abs abs/new rel rel/new abs/a/b/c dangling dangling/new loop loop/x magic/x; do
        attempt quick -v "$BATS_TEST_TMPDIR/data:/$place" places sh -c "cat /$place/file /$place/canary"
        output_lacks secret
        attempt quick -v "$BATS_TEST_TMPDIR/data/file:/$place" places true
        attempt quick --tmpfs "/$place" places touch "/$place/made"
        attempt quick -w "/$place" places touch made
        [ "$(canary)" = "$canary_before" ] || told "$place"
    done
    run_fails '/loop' quick -v "$BATS_TEST_TMPDIR/data:/loop" places true
}

# --- races ---------------------------------------------------------------------------------------

# Starts that race: COMMAND... until N, some of which may fail. None may say the secret.
start_often()
{
    local n=$1 i
    shift
    for ((i = 0; i < n; i++)); do
        attempt "$@"
        output_lacks secret || return 1
    done
}

# shared: a volume whose "a" is a folder and "b" a link to the canary, and what is mounted on it.
shared()
{
    rm -rf "$BATS_TEST_TMPDIR/shared"
    mkdir -p "$BATS_TEST_TMPDIR/shared/a" "$BATS_TEST_TMPDIR/data"
    echo data >"$BATS_TEST_TMPDIR/data/file"
    ln -s "$1" "$BATS_TEST_TMPDIR/shared/b"
}

@test "CVE-2021-30465, CVE-2024-45310: a mount's place in a shared volume, swapped for a link" {
    local target
    for target in "$CANARY" "../../../../../../../../../../../..$CANARY"; do
        shared "$target"
        race "$BATS_TEST_TMPDIR/shared" a b
        start_often "$(rounds 100)" quick -v "$BATS_TEST_TMPDIR/shared:/shared" \
            -v "$BATS_TEST_TMPDIR/data:/shared/a/new/place" busybox \
            sh -c 'cat /shared/a/canary /shared/a/new/place/canary /shared/b/canary'
        race_end
        [ "$(canary)" = "$canary_before" ]
    done
}

@test "CVE-2024-45310: a file to mount on, made while its folder is swapped for a link" {
    shared "$CANARY"
    race "$BATS_TEST_TMPDIR/shared" a b
    start_often "$(rounds 100)" quick -v "$BATS_TEST_TMPDIR/shared:/shared" \
        -v "$BATS_TEST_TMPDIR/data/file:/shared/a/new" -v "$BATS_TEST_TMPDIR/data/file:/shared/b/other" \
        busybox sh -c 'cat /shared/a/canary /shared/b/canary'
    race_end
    # The file itself is swapped.
    shared "$CANARY/made"
    rmdir "$BATS_TEST_TMPDIR/shared/a"
    touch "$BATS_TEST_TMPDIR/shared/a"
    race "$BATS_TEST_TMPDIR/shared" a b
    start_often "$(rounds 100)" quick -v "$BATS_TEST_TMPDIR/shared:/shared" \
        -v "$BATS_TEST_TMPDIR/data/file:/shared/a" busybox true
    race_end
}

@test "CVE-2024-45310: the working directory, made while its parent is swapped for a link" {
    shared "$CANARY"
    race "$BATS_TEST_TMPDIR/shared" a b
    start_often "$(rounds 100)" quick -v "$BATS_TEST_TMPDIR/shared:/shared" -w /shared/a/x/y \
        busybox sh -c 'touch made; cat ../../canary'
    race_end
}

@test "CVE-2023-27561, CVE-2023-28642: a bundle's /proc and /sys, swapped for links" {
    local folder name i mounted masked
    folder=$(bundle raced '.process.args = ["cat", "/proc/self/mountinfo"]')
    mkdir "$folder/rootfs/evil"
    ln -s /evil "$folder/rootfs/swap"
    for name in proc sys; do
        race "$folder/rootfs" "$name" swap
        for ((i = $(rounds 100); i > 0; i--)); do
            attempt oci run -b "$folder" raced
            [ "$status" -eq 0 ] || continue
            # It ran: then with its own file systems, which move with the folder that they are on,
            # and with all that is masked or read-only in them.
            for mounted in proc sysfs; do
                [ "$(mounts_of $mounted <<<"$output" | grep -vE '^/(proc|sys|swap)(/| )')" = "" ] ||
                    told "$mounted elsewhere"
            done
            for masked in keys timer_list acpi sys bus fs irq; do
                output_has " /(proc|swap)/$masked "
            done
            output_has ' /(sys|swap)/firmware '
        done
        race_end
        # Whatever stands where now: back to what it was.
        [ ! -L "$folder/rootfs/$name" ] || {
            mv -T "$folder/rootfs/swap" "$folder/rootfs/other"
            mv -T "$folder/rootfs/$name" "$folder/rootfs/swap"
            mv -T "$folder/rootfs/other" "$folder/rootfs/$name"
        }
    done
}

@test "CVE-2025-31133: the null device, swapped for a link while paths are masked" {
    local folder
    folder=$(bundle raced '.mounts |= map(select(.destination | startswith("/dev") | not))' \
        '.process.args = ["sh", "-c", "cat /proc/keys; echo >/proc/sys/kernel/domainname"]')
    ln -s /secret "$folder/rootfs/dev/swap"
    touch "$folder/rootfs/dev/null"
    # The engine may replace either by the device; the racer puts its link back.
    race "$folder/rootfs/dev" null swap /secret
    local i
    for ((i = $(rounds 100); i > 0; i--)); do
        attempt oci run -b "$folder" raced
        [[ $output = skiff-oci:* ]] || [[ $output = *Read-only* && $output != *$'\n'* ]] ||
            told "neither refused nor masked"
    done
    race_end
}

@test "CVE-2025-52881: sysctls and masks with a volume that is swapped below them" {
    local folder
    shared "/proc/sys/kernel"
    folder=$(bundle raced '.linux.sysctl = {"net.ipv4.ip_default_ttl": "79"}' \
        '.mounts += [{destination: "/shared", type: "bind", source: "'"$BATS_TEST_TMPDIR/shared"'", options: ["rbind"]}]' \
        '.mounts += [{destination: "/shared/a/net", type: "tmpfs", source: "tmpfs"}]' \
        '.linux.maskedPaths += ["/shared/a/canary"] | .linux.readonlyPaths += ["/shared/a"]' \
        '.process.args = ["sh", "-c", "cat /proc/sys/net/ipv4/ip_default_ttl; mount | grep /proc/sys | grep tmpfs"]')
    race "$BATS_TEST_TMPDIR/shared" a b
    for ((i = $(rounds 100); i > 0; i--)); do
        attempt oci run -b "$folder" raced
        case $output in
        79) ;;
        skiff-oci:*) ;;
        *) told "neither refused nor as it should be" ;;
        esac
    done
    race_end
}
