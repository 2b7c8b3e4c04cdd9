# What the examples share: three sizes, a folder to work in, and commands that are said when run.
# Each begins with `. "$(dirname "$0")/sizes.sh"`. What they make lies in made/SIZE/EXAMPLE; one that
# was stopped goes on from there, because a fit does.
set -euo pipefail

if [[ ${QUICK:-0} != 0 && ${FULL:-0} != 0 ]]; then
  echo "QUICK=1 or FULL=1, not both" >&2
  exit 2
fi
size=small # meant for minutes on two cores
if [[ ${QUICK:-0} != 0 ]]; then size=quick; fi # seconds, to see that all of it works
if [[ ${FULL:-0} != 0 ]]; then size=full; fi # the paper's own; hours on a CPU

# pick A B C: the word for this size
pick() {
  case $size in quick) echo "$1" ;; small) echo "$2" ;; full) echo "$3" ;; esac
}

# image WORD DEFAULT: an image of the user's, which may be named from where the example was called
image() {
  case ${1:-$2} in builtin:*) echo "${1:-$2}" ;; *) realpath -e -- "${1:-$2}" ;; esac
}

dip() {
  { printf '\n$ dip' && printf ' %q' "$@" && echo; } >&2
  command dip "$@"
}

enter() {
  mkdir -p "${MADE:-made}/$size/$1"
  cd "${MADE:-made}/$size/$1"
  echo "in $PWD:" >&2
}
