# Completion of tunewright for bash. Try it:  source <(tunewright completion bash)

@CANDIDATES@

_tunewright() {
  local line=${COMP_LINE:0:COMP_POINT} word cut= found
  local -a before
  word=${line##*[[:space:]]}
  read -ra before <<< "${line%"$word"}"
  case "$word:$COMP_WORDBREAKS" in # bash cuts words at these: what stands before is there already
    (*[=:]*:*[=:]*) cut=${word%"${word##*[=:]}"} ;;
  esac
  COMPREPLY=()
  while IFS= read -r found; do
    case "$found" in ("$word"*) COMPREPLY+=("$(printf %q "${found#"$cut"}")") ;; esac
  done < <(_tunewright_candidates "$word" "${before[@]:1}")
  [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2> /dev/null
  return 0
}

complete -o default -F _tunewright tunewright
