# inspect: Docker's document of a container and of an image, and templates over it.
load ../lib/common

setup_file()
{
    skiff_setup
    import_busybox
    skiff run -d --name web -h box -l a=b -e X=y -w /tmp -u user:staff --memory 64m -v /tmp:/t:ro \
        --mount type=tmpfs,dst=/m --cap-add NET_ADMIN --init -i busybox sleep 1000 >/dev/null
    skiff run --name ended busybox sh -c 'exit 4' || true
}

teardown_file()
{
    skiff_teardown
}

@test "a running container: Docker's fields" {
    run_ok skiff inspect web
    echo "$output" >"$BATS_TEST_TMPDIR/web"
    is()
    {
        jq -e ".[0] | $1" "$BATS_TEST_TMPDIR/web" >/dev/null || told "not so: $1"
    }
    is '.Id | test("^[0-9a-f]{64}$")'
    is '.Name == "/web"'
    is '.Created | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{1,9}Z$")'
    is '.Path == "sleep" and .Args == ["1000"]'
    is '.State.Status == "running" and .State.Running and (.State.Paused | not) and (.State.Restarting | not) and (.State.OOMKilled | not) and (.State.Dead | not)'
    is '.State.Pid > 1 and .State.ExitCode == 0 and .State.Error == ""'
    is '.State.StartedAt | test("^20")'
    is '.State.FinishedAt == "0001-01-01T00:00:00Z"'
    is '.Image | test("^sha256:[0-9a-f]{64}$")'
    is '.Driver == "overlay2" and .Platform == "linux" and .RestartCount == 0'
    is '.HostConfig.Binds == ["/tmp:/t:ro"] and .HostConfig.Memory == 67108864 and .HostConfig.CapAdd == ["CAP_NET_ADMIN"] and .HostConfig.Init'
    is '(.HostConfig.NetworkMode | IN("bridge", "default")) and .HostConfig.PidMode == ""'
    differs "v1 has the machine's control groups" || is '.HostConfig.CgroupnsMode == "private"'
    is '.Config.Hostname == "box" and .Config.User == "user:staff" and .Config.WorkingDir == "/tmp" and .Config.Image == "busybox"'
    is '.Config.Env | index("X=y") != null'
    is '.Config.Cmd == ["sleep", "1000"] and .Config.Labels == {"a": "b"} and .Config.OpenStdin and (.Config.Tty | not)'
    differs "mounts have no order" || is '[.Mounts[] | [.Type, .Source, .Destination, .RW, (.Propagation | sub("rslave"; "rprivate"))]] == [["bind", "/tmp", "/t", false, "rprivate"], ["tmpfs", "", "/m", true, ""]]'
    is '.NetworkSettings.IPAddress | test("^[0-9.]+$")'
    is '.NetworkSettings.Networks.bridge.Gateway == .NetworkSettings.Gateway and .NetworkSettings.MacAddress != ""'
    is '.GraphDriver.Data.UpperDir | test("/(upper|diff)$")'
    # The paths are there.
    for key in ResolvConfPath HostnamePath HostsPath; do
        [ -f "$(jq -r ".[0].$key" "$BATS_TEST_TMPDIR/web")" ]
    done
    [ "$(cat "/proc/$(jq '.[0].State.Pid' "$BATS_TEST_TMPDIR/web")/comm")" != '' ]
}

@test "one that has ended: its status, its times, no address" {
    needs_skiff "times lose their last zeros, and do not compare as words"
    run_ok skiff inspect ended
    jq -e '.[0] | .State.Status == "exited" and (.State.Running | not) and .State.ExitCode == 4 and .State.Pid == 0 and .State.FinishedAt > .State.StartedAt and .NetworkSettings.IPAddress == ""' <<<"$output"
}

@test "--format: fields, json, functions, conditions, loops" {
    id=$(skiff inspect -f '{{.Id}}' web)
    [[ $id =~ ^[0-9a-f]{64}$ ]]
    run_ok skiff inspect --format '{{json .Config.Cmd}}' web
    output_is '["sleep","1000"]'
    run_ok skiff inspect -f '{{.Name}} {{.State.Running}} {{.HostConfig.Memory}}' web ended
    output_is $'/web true 67108864\n/ended false 0'
    run_ok skiff inspect -f '{{range .Mounts}}{{.Destination}};{{end}}' web
    differs "mounts have no order" || output_is '/t;/m;'
    run_ok skiff inspect -f '{{index .Config.Labels "a"}}{{if .State.Running}} up{{else}} down{{end}}' web
    output_is 'b up'
    run_ok skiff inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{len $v.IPAddress}}{{end}}' web
    [[ $output =~ ^bridge=[0-9]+$ ]]
    differs "join takes no list of a document from another version" && return
    run_ok skiff inspect -f '{{join .Config.Cmd " "}} {{upper .Path}} {{printf "%.3s" .Id}}' web
    output_is "sleep 1000 SLEEP ${id:0:3}"
    run_ok skiff inspect -f json web
    jq -e '.[0].Name == "/web"' <<<"$output"
}

@test "--format: what is no template, and what is not there" {
    run_status 1 skiff inspect -f '{{.Nonsense}}' web
    output_has 'map has no entry for key "Nonsense"'
    run_status 64 skiff inspect -f '{{.Id' web
    output_has template
    run_status 64 skiff inspect -f '{{nosuch .Id}}' web
    output_has 'nosuch'
}

@test "by name, with a slash, by ID, by prefix; several; some that are not there" {
    id=$(skiff inspect -f '{{.Id}}' web)
    for what in web /web "$id" "${id:0:12}" "${id:0:5}"; do
        run_ok skiff inspect -f '{{.Name}}' "$what"
        output_is /web
    done
    run skiff inspect web nobody ended
    [ "$status" -eq 1 ]
    output_has 'no such object: nobody'
    [ "$(skiff inspect web nobody ended 2>/dev/null | jq -r '.[].Name' | tr '\n' ' ')" = '/web /ended ' ]
    run_status 1 skiff inspect nobody
    [ "$(skiff inspect nobody 2>/dev/null)" = '[]' ]
    for odd in '' . .. / ../web 'web/..' '*' $'web\n'; do
        differs "a newline at the end of a name is none" && [ "$odd" = $'web\n' ] && continue
        run_status 1 skiff inspect "$odd"
    done
}

@test "--type: a container before an image of the same name" {
    import_busybox web:latest
    run_ok skiff inspect -f '{{.Name}}' web
    output_is /web
    run_ok skiff inspect --type image -f '{{index .RepoTags 0}}' busybox
    output_is busybox:latest
    run_status 1 skiff inspect --type image nobody
    output_has 'no such image: nobody'
    run_status 1 skiff inspect --type container busybox
    output_has 'no such container: busybox'
    run_status 1 skiff inspect --type nonsense web
    output_has 'unknown type: "nonsense": must be one of'
    skiff rmi web:latest >/dev/null
}

@test "an image: Docker's fields" {
    needs_skiff "import knows no STOPSIGNAL before 23"
    skiff import -m 'by hand' -c 'CMD ["a", "b"]' -c 'ENV X=y' -c 'EXPOSE 80' -c 'LABEL l=m' -c 'USER 5' \
        -c 'WORKDIR /w' -c 'ENTRYPOINT ["e"]' -c 'VOLUME /v' -c 'STOPSIGNAL 9' "$(rootfs_busybox)" full:1 >/dev/null
    run_ok skiff image inspect full:1
    jq -e '.[0] | .RepoTags == ["full:1"] and .Os == "linux" and .Comment == "by hand" and (.Size > 1000000) and (.Id | startswith("sha256:")) and (.RootFS.type == "layers" or .RootFS.Type == "layers")' <<<"$output"
    jq -e '.[0].Config | .Cmd == ["a", "b"] and .Entrypoint == ["e"] and (.Env | index("X=y") != null) and .Labels == {"l": "m"} and .User == "5" and .WorkingDir == "/w" and .StopSignal != "" and (.ExposedPorts | has("80/tcp")) and (.Volumes | has("/v"))' <<<"$output"
    skiff rmi full:1 >/dev/null
}

@test "each container is also an OCI bundle that says the same" {
    needs_skiff "the bundle is no file of its"
    id=$(skiff inspect -f '{{.Id}}' web)
    config=$SKIFF_ROOT/containers/$id/config.json
    jq -e '.ociVersion | startswith("1.")' "$config"
    jq -e '.process.args == ["/dev/init", "--", "sleep", "1000"] and .process.cwd == "/tmp" and .process.user.uid == 1000 and .hostname == "box" and .root.path == "rootfs"' "$config"
    jq -e '[.linux.namespaces[].type] | sort == ["cgroup", "ipc", "mount", "network", "pid", "uts"]' "$config"
}
