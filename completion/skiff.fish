# Completion of skiff for fish: asks skiff itself, see src/cli/complete.h.
#
#     skiff completion fish | source

function __skiff_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    for line in ($program __complete $words[2..] "$current" 2>/dev/null)
        switch $line
            case :files :folders
                set -l option (string match -r '^-[^=]*=' -- $current)
                for path in (__fish_complete_path (string replace -- "$option" '' $current))
                    echo "$option$path"
                end
            case ':*'
            case '*'
                echo $line
        end
    end
end

complete -c skiff -f -a '(__skiff_complete)'
