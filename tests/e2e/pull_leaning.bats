#!/usr/bin/env bats
# Layers that are whole only together with those below them: an archive that leaves out the folders
# its files lie in, or links to a file of a layer below.
load ../lib/common
load ../lib/registry
# shellcheck disable=SC2154 # common.bash sets skiff_folder

setup_file()
{
    require_root
    require_command skopeo python3
    skiff_setup
    registry_settings
    registry_begin plain
    export PLAIN layout=$skiff_folder/layout
    PLAIN=$(registry plain)
    local base below above other
    base=$(rootfs_busybox)
    below=$(archive below 'd data 01777 0' 'd home 0750 77' 'f home/file 0640 77')
    above=$(archive above 'f data/new 0644 0' 'h home/link home/file' 'f home/own 0600 5')
    other=$(archive other 'd data 0711 3' 'f home/file 0600 9')
    oci_image "$layout" leaning "$base" "$below" "$above" >/dev/null
    oci_image "$layout" elsewhere "$base" "$other" "$above" >/dev/null
    oci_image "$layout" alone "$base" "$above" >/dev/null
    oci_image "$layout" lowest "$(archive lowest 'f data/new 0644 0')" "$base" >/dev/null
    for name in leaning elsewhere alone lowest; do put_image "$layout" $name plain $name; done
}

teardown_file()
{
    registry_end
    skiff_teardown
}

teardown()
{
    skiff_cleanup
    skiff rmi -f "$PLAIN"/{leaning,elsewhere,alone,lowest} >/dev/null 2>&1 || true
}

# archive NAME ENTRY...: "d PATH MODE OWNER", "f PATH MODE OWNER" (its content is the archive's name), "h PATH TARGET".
archive()
{
    local path=$skiff_folder/$1.tar
    python3 - "$path" "$@" <<'END'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as archive:
    for entry in sys.argv[3:]:
        kind, path, *rest = entry.split()
        info = tarfile.TarInfo(path)
        info.mtime = 1000
        if kind == "h":
            info.type, info.linkname = tarfile.LNKTYPE, rest[0]
            archive.addfile(info)
            continue
        info.mode, info.uid = int(rest[0], 8), int(rest[1])
        info.gid = info.uid
        data = sys.argv[2].encode() if kind == "f" else b""
        info.type = tarfile.DIRTYPE if kind == "d" else tarfile.REGTYPE
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
END
    echo "$path"
}

# of IMAGE PATH...: mode, owner, links and name of each.
of()
{
    local image=$1
    shift
    skiff run --rm --network none --pull never "$PLAIN/$image" stat -c '%a %u:%g %h %n' "$@"
}

@test "folders that were left out are what they are below, and links lead to files below" {
    run_ok skiff pull -q "$PLAIN/leaning"
    run_ok of leaning /data /home /home/file /home/link /home/own /data/new
    [ "$output" = '1777 0:0 1 /data
750 77:77 1 /home
640 77:77 2 /home/file
640 77:77 2 /home/link
600 5:5 1 /home/own
644 0:0 1 /data/new' ] || told "$output"
    run_ok skiff run --rm --network none "$PLAIN/leaning" cat /home/link
    [ "$output" = below ]
    run_ok skiff system check --images images
}

@test "the same layer over others is another one" {
    run_ok skiff pull -q "$PLAIN/leaning"
    run_ok skiff pull -q "$PLAIN/elsewhere"
    run_ok of elsewhere /data /home/link
    [ "$output" = '711 3:3 1 /data
600 9:9 2 /home/link' ] || told "$output"
    run_ok of leaning /data /home/link
    [ "$output" = '1777 0:0 1 /data
640 77:77 2 /home/link' ] || told "$output"
}

@test "what is there is used again, and goes with its last image" {
    run_ok skiff pull -q "$PLAIN/leaning"
    registry_forget plain
    run_ok skiff pull -q "$PLAIN/leaning"
    [ "$(registry_requests plain '/blobs/' | wc -l)" = 0 ]
    run_ok skiff tag "$PLAIN/leaning" kept
    run_ok skiff rmi "$PLAIN/leaning"
    run_ok skiff run --rm --network none kept cat /home/link
    [ "$output" = below ]
    run_ok skiff rmi kept
    [ "$(find "$SKIFF_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 0 ]
}

@test "a link to what is nowhere below is refused, and nothing is left" {
    run_fails 'home/file' skiff pull -q "$PLAIN/alone"
    [ "$(find "$SKIFF_ROOT/layers" -mindepth 1 -maxdepth 1 | wc -l)" = 0 ]
}

@test "the lowest layer leans on nothing; over others it would" {
    run_ok skiff pull -q "$PLAIN/lowest"
    run_ok of lowest /data
    [ "$output" = '755 0:0 2 /data' ] || told "$output"
}
