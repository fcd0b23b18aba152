_tunewright_runs() {
  for found in "$runs"/*/run.json; do
    [ -f "$found" ] || continue
    found=${found%/run.json}
    printf '%s\n' "${found##*/}"
  done
}

_tunewright_files() {
  for found in "$word"*; do
    if [ -d "$found" ]; then printf '%s\n' "$found/"; elif [ -e "$found" ]; then printf '%s\n' "$found"; fi
  done
}

_tunewright_fields() {
  @FIELDS@
}

_tunewright_candidates() { # the word so far, then the words before it
  [ -z "${ZSH_VERSION-}" ] || emulate -L sh
  local word="$1" verb= before= runs=runs n=0 given found
  shift
  for given in "$@"; do
    case "$before" in
      (--runs-dir) runs=$given before=; continue ;;
      (@VALUED@) before=; continue ;;
    esac
    before=$given
    case "$given" in
      (-*) ;;
      (*) if [ -z "$verb" ]; then verb=$given; else n=$((n + 1)); fi ;;
    esac
  done
  case "$before" in (@VALUED@) return ;; esac
  case "$word" in
    (-*) case "$verb" in
@OPTIONS@
      esac
      printf '%s\n' @COMMON@
      return ;;
    (*=*) case "${word%%=*}" in
@VALUES@
      esac
      return ;;
  esac
  case "$verb:$n" in
@WORDS@
  esac
}
