#compdef skiff
# Completion of skiff for zsh: asks skiff itself, see src/cli/complete.h.
#
#     source <(skiff completion zsh)

_skiff() {
    local line files=0 folders=0
    local -a candidates options
    while IFS= read -r line; do
        case $line in
        :nospace) options+=(-S '') ;;
        :files) files=1 ;;
        :folders) folders=1 ;;
        *$'\t'*) candidates+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
        *) candidates+=("${line//:/\\:}") ;;
        esac
    done < <("${(Q)words[1]/#\~/$HOME}" __complete "${(Q)words[@]:1:$((CURRENT - 1))}" 2>/dev/null)
    (( $#candidates )) && _describe -t skiff skiff candidates $options
    (( files || folders )) || return 0
    [[ $PREFIX == -*=* ]] && compset -P 1 '*='
    if (( files )); then _files; else _files -/; fi
}

if [ "$funcstack[1]" = _skiff ]; then
    _skiff "$@"
else
    compdef _skiff skiff
fi
