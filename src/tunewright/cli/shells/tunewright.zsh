#compdef tunewright
# Completion of tunewright for zsh. Try it:  source <(tunewright completion zsh)

@CANDIDATES@

_tunewright() {
  local -a found
  found=("${(@f)$(_tunewright_candidates "$PREFIX" "${(@)words[2,CURRENT-1]}")}")
  found=("${(@)found:#}")
  if (( $#found )); then
    compadd -S '' -- "${(@M)found:#*[=/]}"
    compadd -- "${(@)found:#*[=/]}"
  else
    compset -P '*='
    _files
  fi
}

if [ "${funcstack[1]}" = _tunewright ]; then _tunewright "$@"; else compdef _tunewright tunewright; fi
