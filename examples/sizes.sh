# Shared by the examples: three sizes, a working folder, and commands that are printed when they run.
# Each example begins with `. "$(dirname "$0")/sizes.sh"` and writes its files to made/SIZE/EXAMPLE. An
# interrupted example resumes from these files, because `dip fit` resumes.
set -euo pipefail

if [[ ${QUICK:-0} != 0 && ${FULL:-0} != 0 ]]; then
  echo "set QUICK=1 or FULL=1, not both" >&2
  exit 2
fi
size=small # takes minutes on two cores
if [[ ${QUICK:-0} != 0 ]]; then size=quick; fi # takes seconds; tests that everything works
if [[ ${FULL:-0} != 0 ]]; then size=full; fi # the paper's settings; takes hours on a CPU

# pick A B C: print A, B or C for the size quick, small or full
pick() {
  case $size in quick) echo "$1" ;; small) echo "$2" ;; full) echo "$3" ;; esac
}

# image NAME DEFAULT: the user's image, with a path relative to the folder of the call
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
  echo "working in $PWD" >&2
}
