#!/bin/bash
# image.sh KERNEL_FOLDER BUILD_FOLDER OUT: write the initramfs that the virtual machine boots: static
# busybox, the modules a container needs, nft and ip with their libraries, our programs as they
# would be installed, and the checks.
set -eu
kernel=$1 build=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
version=$(basename "$kernel"/lib/modules/*)
root=$(mktemp -d "${TMPDIR:-/tmp}/skiff-vm.XXXXXX")
trap 'rm -rf "$root"' EXIT

modules="virtio_pci virtio_blk ext4 xfs quota_v2 crc32c_generic overlay veth bridge br_netfilter dummy tun macvlan ipvlan 8021q sctp nf_tables nf_conntrack nf_nat \
nf_conntrack_netlink nft_meta_bridge nf_conntrack_bridge nft_chain_nat nft_nat nft_masq nft_ct nft_redir nft_reject nft_reject_inet nft_fib \
nft_fib_inet nft_fib_ipv4 nft_fib_ipv6 nft_numgen nft_hash nft_limit nft_log tcp_diag udp_diag unix_diag"

# add_program PATH FOLDER: a program and every library that it names.
add_program()
{
    local path=$1 file
    mkdir -p "$root/$2"
    cp -L "$path" "$root/$2/"
    ldd "$path" 2>/dev/null | grep -oE '/[^ ]+' | while IFS= read -r file; do
        mkdir -p "$root/$(dirname "$file")"
        cp -Lu "$file" "$root/$file"
    done
}

# The modules wanted and all that they need, out of modules.dep.
add_modules()
{
    local tree=$kernel/lib/modules/$version
    [ -f "$tree/modules.dep" ] || busybox depmod -b "$kernel" "$version"
    awk -v wanted="$modules" '
        BEGIN { n = split(wanted, list, " "); for (i = 1; i <= n; i++) want[list[i]] = 1 }
        {
            path = $1; sub(/:$/, "", path)
            name = path; sub(/.*\//, "", name); sub(/\.ko$/, "", name); gsub(/-/, "_", name)
            if (name in want) { print path; for (i = 2; i <= NF; i++) print $i }
        }' "$tree/modules.dep" | sort -u | while IFS= read -r module; do
        mkdir -p "$root/lib/modules/$version/$(dirname "$module")"
        cp "$tree/$module" "$root/lib/modules/$version/$module"
    done
    cp "$tree"/modules.builtin* "$tree/modules.order" "$root/lib/modules/$version/"
    busybox depmod -b "$root" "$version"
}

mkdir -p "$root"/{bin,sbin,etc,proc,sys,dev,run,tmp,root,mnt,var/lib,usr/bin}
cp -L "$(command -v busybox)" "$root/bin/busybox"
for applet in $(busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
ln -s ../bin/busybox "$root/sbin/modprobe"
add_modules
for program in nft ip; do
    add_program "$(PATH=$PATH:/usr/sbin:/sbin command -v "$program")" usr/sbin
done
# Side by side, as in the build folder, where they find each other.
for program in "$build"/skiff*; do
    [ ! -x "$program" ] || add_program "$program" usr/bin
done
# What archives need to be read by: names in UTF-8.
mkdir -p "$root/usr/lib/locale"
cp -a /usr/lib/locale/C.utf8 "$root/usr/lib/locale/" 2>/dev/null || true
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\n' >"$root/etc/group"
printf 'root:100000:65536\n' | tee "$root/etc/subuid" >"$root/etc/subgid"
printf '127.0.0.1 localhost\n' >"$root/etc/hosts"
printf 'nameserver 192.0.2.1\n' >"$root/etc/resolv.conf"
cp "$here/init" "$root/init"
cp "$here/checks.sh" "$root/checks.sh"
chmod 755 "$root/init" "$root/checks.sh"
(cd "$root" && find . -print0 | LC_ALL=C sort -z |
    cpio --null --create --format=newc --quiet --owner=0:0) >"$out"
