# What completion scripts offer: for tests/e2e/completion.bats.

# bash_offers LINE: the candidates of bash at the end of LINE, one a line, sorted, as bash's own
# programmable completion is called.
bash_offers()
{
    bash --norc -c '
        source "$1"
        COMP_LINE=$2 COMP_POINT=${#2}
        # As readline splits it: at blanks, and at = and : which are words of their own.
        rest=$2 COMP_WORDS=()
        while [ -n "$rest" ]; do
            rest=${rest#"${rest%%[! ]*}"}
            [ -n "$rest" ] || break
            if [[ $rest == [=:]* ]]; then word=${rest%%[!=:]*}; else word=${rest%%[ =:]*}; fi
            COMP_WORDS+=("$word")
            rest=${rest#"$word"}
        done
        [[ $2 != *" " ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _skiff
        printf "%s\n" "${COMPREPLY[@]}" | sort
    ' bash "$SKIFF_SOURCE/completion/skiff.bash" "$1"
}
