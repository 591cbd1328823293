#!/bin/sh
# deps.sh SET...: see that what SET (build, check, bench) needs is there; on Debian and its
# children, install what is missing. Asks nothing, prints what it installs, says nothing and costs a
# hundredth of a second when all is there.
set -eu

# set, package of Debian, how to see that it is there, package of dnf, of pacman, of apk ("-": none).
#   cmd:NAME   a program         pc:NAME   a pkg-config module
#   lib:NAME   a static library  file:PATH
table='
build gcc                    cmd:gcc              gcc                  gcc             gcc
build libc6-dev              lib:c                glibc-static         glibc           musl-dev
build meson                  cmd:meson            meson                meson           meson
build ninja-build            cmd:ninja            ninja-build          ninja           samurai
build pkg-config             cmd:pkg-config       pkgconf-pkg-config   pkgconf         pkgconf
build libjansson-dev         pc:jansson           jansson-devel        jansson         jansson-dev
build libseccomp-dev         pc:libseccomp        libseccomp-static    libseccomp      libseccomp-dev
build libarchive-dev         pc:libarchive        libarchive-devel     libarchive      libarchive-dev
build liblzma-dev            pc:liblzma           xz-devel             xz              xz-dev
build libbz2-dev             file:/usr/include/bzlib.h bzip2-devel     bzip2           bzip2-dev
build libisal-dev            pc:libisal           isa-l-devel          isa-l           isa-l-dev
build libzstd-dev            pc:libzstd           libzstd-devel        zstd            zstd-dev
build libcurl4-openssl-dev   pc:libcurl           libcurl-devel    curl            curl-dev
build libssl-dev             pc:libcrypto         openssl-devel        openssl         openssl-dev
build procps                 cmd:ps               procps-ng            procps-ng       procps
build iproute2               cmd:ip               iproute              iproute2        iproute2
build nftables               cmd:nft              nftables             nftables        nftables
check libcmocka-dev          pc:cmocka            libcmocka-devel      cmocka          cmocka-dev
check bats                   cmd:bats             bats                 bats            bats
check expect                 cmd:expect           expect               expect          expect
check tmux                   cmd:tmux             tmux                 tmux            tmux
check busybox-static         cmd:busybox          busybox              busybox         busybox-static
check debootstrap            cmd:debootstrap      debootstrap          debootstrap     debootstrap
check debian-archive-keyring file:/usr/share/keyrings/debian-archive-keyring.gpg debian-keyring debian-archive-keyring -
check e2fsprogs              cmd:mkfs.ext4        e2fsprogs            e2fsprogs        e2fsprogs
check cpio                   cmd:cpio             cpio                 cpio            cpio
check qemu-system-x86        cmd:qemu-system-x86_64 qemu-system-x86-core qemu-system-x86 qemu-system-x86_64
check clang                  cmd:clang            clang                clang           clang
check libclang-rt-dev        cmd:clang            compiler-rt          compiler-rt     compiler-rt
check clang-format           cmd:clang-format     clang-tools-extra    clang           clang-extra-tools
check clang-tidy             cmd:clang-tidy       clang-tools-extra    clang           clang-extra-tools
check shellcheck             cmd:shellcheck       ShellCheck           shellcheck      shellcheck
check gcovr                  cmd:gcovr            gcovr                gcovr           gcovr
check binutils               cmd:readelf          binutils             binutils        binutils
check systemd                cmd:systemd-analyze  systemd             systemd         -
check iptables               cmd:iptables-nft     iptables-nft         iptables-nft    iptables
check ufw                    cmd:ufw              ufw                  ufw             ufw
check firewalld              cmd:firewalld        firewalld            firewalld       -
check dbus-daemon            cmd:dbus-daemon      dbus-daemon          dbus            dbus
check strace                 cmd:strace           strace               strace          strace
check graphviz               cmd:dot              graphviz             graphviz        graphviz
check jq                     cmd:jq               jq                   jq              jq
check python3                cmd:python3          python3              python          python3
check containernetworking-plugins file:/usr/lib/cni/bridge containernetworking-plugins cni-plugins cni-plugins
check bind9-dnsutils         cmd:dig              bind-utils           bind            bind-tools
check curl                   cmd:curl             curl                 curl            curl
check iputils-ping           cmd:ping             iputils              iputils         iputils-ping
check libarchive-tools       cmd:bsdtar           bsdtar               libarchive      libarchive-tools
check mandoc               cmd:mandoc           mandoc               mandoc          mandoc
check zsh                  cmd:zsh              zsh                  zsh             zsh
check fish                 cmd:fish             fish                 fish            fish
check zstd                   cmd:zstd             zstd                 zstd            zstd
check xz-utils               cmd:xz               xz                   xz              xz
check attr                   cmd:setfattr         attr                 attr            attr
check skopeo                 cmd:skopeo           skopeo               skopeo          skopeo
check umoci                  cmd:umoci            umoci                -               umoci
check docker-registry        cmd:docker-registry  -                    -               -
check apache2-utils          cmd:htpasswd         httpd-tools          apache          apache2-utils
check openssl                cmd:openssl          openssl              openssl         openssl
check containerd             cmd:ctr              containerd           containerd      containerd-ctr
check podman                 cmd:podman           podman               podman          podman
check runc                   cmd:runc             runc                 runc            runc
check crun                   cmd:crun             crun                 crun            crun
check golang-github-containers-common file:/usr/share/containers/seccomp.json containers-common containers-common containers-common
bench docker.io              cmd:dockerd          moby-engine          docker          docker
bench podman                 cmd:podman           podman               podman          podman
bench runc                   cmd:runc             runc                 runc            runc
bench crun                   cmd:crun             crun                 crun            crun
bench hyperfine              cmd:hyperfine        hyperfine            hyperfine       hyperfine
bench jq                     cmd:jq               jq                   jq              jq
bench docker-registry        cmd:docker-registry  -                    -               -
bench skopeo                 cmd:skopeo           skopeo               skopeo          skopeo
bench python3                cmd:python3          python3              python          python3
bench busybox-static         cmd:busybox          busybox              busybox         busybox-static
bench iperf3                 cmd:iperf3           iperf3               iperf3          iperf3
bench nginx-light            cmd:nginx            nginx                nginx           nginx
bench wrk                    cmd:wrk              wrk                  wrk             wrk
'

# The wanted rows of the table, column $1 after the set's name.
column()
{
    printf '%s\n' "$table" | awk -v sets=" $sets " -v column="$1" \
        'NF && index(sets, " " $1 " ") && $column != "-" && !seen[$column]++ { print $column }'
}

missing_on_debian()
{
    wanted=$(column 2)
    # shellcheck disable=SC2086 # one package a word
    have=$(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' $wanted 2>/dev/null |
        sed -n 's/^[ih]i //p')
    printf '%s\n' "$wanted" "--" "$have" |
        awk '/^--$/ { second = 1; next }
             !second { order[++n] = $1; next }
             { have[$1] = 1 }
             END { for (i = 1; i <= n; i++) if (!(order[i] in have)) print order[i] }'
}

# The lists are older than a day, were never fetched, or do not know one of the packages.
lists_are_stale()
{
    [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 2>/dev/null | head -n 1)" ] ||
        return 0
    for package; do
        LC_ALL=C apt-cache policy "$package" 2>/dev/null |
            awk '$1 == "Candidate:" && $2 != "(none)" { found = 1 } END { exit !found }' || return 0
    done
    return 1
}

as_root()
{
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "deps: not root and no sudo here; run as root: $*" >&2
        return 1
    fi
}

debian()
{
    missing=$(missing_on_debian)
    # It would begin to filter at once, and ever after: not on a machine that starts services.
    [ ! -d /run/systemd/system ] ||
        missing=$(printf '%s\n' "$missing" | sed '/^firewalld$/d')
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086
    set -- $missing
    echo "deps: installing $*"
    if lists_are_stale "$@"; then
        as_root apt-get update -qq
    fi
    # No recommends: nothing that is not in the table. No questions, and services that a package
    # brings along stay as the administrator's policy says.
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get install -y -qq \
        --no-install-recommends "$@" </dev/null >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        echo "deps: apt-get failed; the whole log is in $log" >&2
        return 1
    }
}

is_there()
{
    case $1 in
    cmd:*) command -v "${1#cmd:}" >/dev/null || [ -x "/usr/sbin/${1#cmd:}" ] ;;
    pc:*) pkg-config --exists "${1#pc:}" 2>/dev/null ;;
    lib:*) command -v gcc >/dev/null && [ "$(gcc -print-file-name="lib${1#lib:}.a" 2>/dev/null)" != "lib${1#lib:}.a" ] ;;
    file:*) [ -e "${1#file:}" ] ;;
    esac
}

# The packages in column $1 of those whose probes follow.
names_of()
{
    column=$1
    shift
    for probe; do
        printf '%s\n' "$table" | awk -v sets=" $sets " -v probe="$probe" -v column="$column" \
            'NF && index(sets, " " $1 " ") && $3 == probe && $column != "-" { print $column }'
    done | sort -u | tr '\n' ' '
}

# Not Debian: say by name what is missing, in the words of the package manager that is here, or of
# each when none of them is.
elsewhere()
{
    lacking=
    for probe in $(column 3); do
        is_there "$probe" || lacking="$lacking $probe"
    done
    [ -n "$lacking" ] || return 0
    echo "deps: missing here:$lacking" >&2
    here=
    for manager in dnf pacman apk; do
        command -v "$manager" >/dev/null && here="$here $manager"
    done
    for manager in ${here:-dnf pacman apk}; do
        case $manager in
        dnf) number=4 verb=install ;;
        pacman) number=5 verb=-S ;;
        apk) number=6 verb=add ;;
        esac
        # shellcheck disable=SC2086 # one probe a word
        echo "deps: $manager $verb $(names_of "$number" $lacking)" >&2
    done
    echo "deps: (no static libraries in your distribution? build with: make STATIC=false)" >&2
    return 1
}

[ $# -gt 0 ] || set -- build
sets=" $* "
for set in "$@"; do
    case $set in
    build | check | bench) ;;
    *)
        echo "usage: deps.sh build|check|bench..." >&2
        exit 2
        ;;
    esac
done
log=${TMPDIR:-/tmp}/skiff-deps.$$.log
if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
    debian
    rm -f "$log"
else
    elsewhere
fi
