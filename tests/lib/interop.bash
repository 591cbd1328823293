# Other engines, which may not be there: `load ../lib/interop`.
#
#     setup_file() { need dockerd docker || return 0; …; }
#     setup() { skip_without; }

# need COMMAND...: in setup_file, which cannot skip: false when something is missing.
need()
{
    local command
    missing=
    [ "$(id -u)" -eq 0 ] || missing=" root's rights"
    for command; do
        command -v "$command" >/dev/null || missing+=" $command"
    done
    export missing
    [ -z "$missing" ]
}

skip_without()
{
    [ -z "${missing:-}" ] || skip "missing:$missing"
}
