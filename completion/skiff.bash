# Completion of skiff for bash: asks skiff itself, see src/cli/complete.h.
#
#     source <(skiff completion bash)

_skiff()
{
    local rest=${COMP_LINE:0:COMP_POINT} words=() word blanks i
    # bash takes "a=b" and "a:b" for three words: what has no blank in between belongs together.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        blanks=${rest%%[![:space:]]*}
        rest=${rest#"$blanks"}
        word=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || word=$rest
        if [[ $i -gt 0 && -z $blanks ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
        rest=${rest:${#word}}
    done

    # Of the last word, readline replaces only what stands behind such a character.
    local current=${words[${#words[@]} - 1]} before='' mark
    for mark in = :; do
        [[ $COMP_WORDBREAKS == *"$mark"* && $current == *"$mark"* ]] || continue
        word=${current%"${current##*"$mark"}"}
        ((${#word} <= ${#before})) || before=$word
    done

    COMPREPLY=()
    while IFS= read -r word; do
        case $word in
        :nospace) compopt -o nospace 2>/dev/null ;;
        :files | :folders)
            compopt -o filenames 2>/dev/null
            [[ $word == :files ]] && mark=-f || mark=-d
            while IFS= read -r word; do
                COMPREPLY+=("$word")
            done < <(compgen "$mark" -- "${current#"$before"}")
            ;;
        *)
            word=${word%%$'\t'*}
            COMPREPLY+=("${word#"$before"}")
            ;;
        esac
    done < <("${words[0]/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _skiff skiff
