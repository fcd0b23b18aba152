# Completion of tunewright for fish. Try it:  tunewright completion fish | source

set -g __tunewright_candidates '
@CANDIDATES@

_tunewright_candidates "$@"
'

function __tunewright
    set -l word (commandline -ct)
    set -l before (commandline -opc)
    set -l found (sh -c "$__tunewright_candidates" tunewright "$word" $before[2..-1])
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        set -l cut "$(string match -r '^[^=]*=' -- $word)"
        printf '%s\n' $cut(__fish_complete_path (string replace -r '^[^=]*=' '' -- $word))
    end
end

complete -c tunewright -f -a '(__tunewright)'
