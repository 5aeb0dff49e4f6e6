# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the scripts beside it share: strictness, one plain line for an error, and where things are. To be sourced.

set -euo pipefail

TOOLS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(dirname "$TOOLS")
# shellcheck disable=SC2034  # for those who source this
readonly TOOLS ROOT

# die MESSAGE [CODE]: the subject, the cause, the remedy, in one line.
die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit "${2:-1}"
}

# scratch: makes a folder, SCRATCH, that goes when the script ends. To be called once, not in a subshell.
scratch() {
    SCRATCH=$(mktemp -d)
    trap 'rm -rf "$SCRATCH"' EXIT
}

# die_showing LOG MESSAGE: dies, and keeps a file of SCRATCH, whose name it says.
die_showing() {
    local kept
    kept=$(mktemp --suffix=.log)
    cp "$1" "$kept"
    die "$2; all that was said is in $kept"
}

# need COMMAND...: names all that is missing, and how to get it.
need() {
    local command missing=()
    for command in "$@"; do
        command -v "$command" >/dev/null || missing+=("$command")
    done
    ((${#missing[@]} == 0)) || die "not found: ${missing[*]}; run tools/packages"
}

# need_root WHAT FOR
need_root() {
    ((EUID == 0)) || die "needs root, $1; try  sudo $0" 7
}

# await SECONDS COMMAND...: until the command succeeds, looking every 20 ms.
await() {
    local deadline=$((${EPOCHREALTIME//[.,]/} + $1 * 1000000))
    shift
    until "$@"; do
        ((${EPOCHREALTIME//[.,]/} < deadline)) || return 1
        sleep 0.02
    done
}

# The clang that compiles bpf/: told, the Swift toolchain's, or the system's.
find_clang() {
    local swift
    if [[ -n ${SLUICE_CLANG:-} ]]; then
        printf '%s\n' "$SLUICE_CLANG"
    elif swift=$(command -v swift) && [[ -x $(dirname "$(readlink -f "$swift")")/clang ]]; then
        printf '%s/clang\n' "$(dirname "$(readlink -f "$swift")")"
    else
        command -v clang || die "no clang: install Swift (its clang has the BPF target) or clang, or set SLUICE_CLANG" 8
    fi
}

# compile_bpf SOURCE OBJECT [FLAG...]
compile_bpf() {
    local clang source=$1 object=$2
    shift 2
    clang=$(find_clang)
    "$clang" -target bpf -O2 -g -mcpu=v3 -Wall -Werror -I"$ROOT/bpf/include" -I"/usr/include/$(uname -m)-linux-gnu" "$@" \
        -c "$source" -o "$object"
}

# start_time PID: the clock tick at which it began, which tells it from a later process of the same number. A zombie has
# ended.
start_time() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1  # gone is an answer, not an error
    stat=${stat##*) }
    # shellcheck disable=SC2086  # fields
    set -- $stat
    [[ $1 != Z ]] || return 1
    printf '%s\n' "${20}"
}

# started FILE COMMAND...: runs the command in the background with FILE.log, noting pid and start time in FILE.pid.
started() {
    local record=$1 pid
    shift
    setsid "$@" </dev/null >>"$record.log" 2>&1 &
    pid=$!
    printf '%s %s\n' "$pid" "$(start_time "$pid" || echo gone)" >"$record.pid"
}

# alive FILE.pid: is the process that was noted still there?
alive() {
    local pid began
    [[ -r $1 ]] && read -r pid began <"$1" && [[ $(start_time "$pid") == "$began" ]]
}

# signal NAME FILE.pid: only to the process that was noted.
signal() {
    local pid
    alive "$2" || return 0
    read -r pid _ <"$2"
    kill -s "$1" "$pid"
}

gone() {
    ! alive "$1"
}

# stopped FILE.pid...: asks all to end, then insists, and forgets them.
stopped() {
    local record
    for record in "$@"; do signal TERM "$record"; done
    for record in "$@"; do
        await 5 gone "$record" || signal KILL "$record"
        rm -f "$record"
    done
}

# step_begin N/M TITLE, step_note TEXT..., step_end TEXT: one line a step. On a terminal the line stands while the step
# goes on and the note changes; elsewhere only the end is printed.
step_begin() {
    STEP_HEAD=$(printf '[%s] %-20s' "$1" "$2")
    step_note ...
}

step_note() {
    [[ ! -t 1 ]] || printf '\r\e[K%.*s' "${COLUMNS:-100}" "$STEP_HEAD$*"
}

step_end() {
    [[ ! -t 1 ]] || printf '\r\e[K'
    printf '%s%s\n' "$STEP_HEAD" "$*"
}

# How this project is built for tests and checks.
# shellcheck disable=SC2034
SWIFT_CHECKS=(--explicit-target-dependency-import-check error)

# As Swift Testing reports the end of one test, whatever symbol stands before it.
readonly ONE_TEST='^[^A-Za-z]*Test (".*"|[^ ]+\(.*\))( with [0-9]+ test cases?)?'
readonly PASSED="$ONE_TEST passed after" FAILED="$ONE_TEST failed after" SKIPPED="$ONE_TEST skipped"

# run_tests LOG ARGUMENT...: keeps all that was said in LOG, shows what matters as it happens; fails if a test does.
run_tests() {
    local log=$1
    shift
    swift test --package-path "$ROOT" "${SWIFT_CHECKS[@]}" --disable-xctest "$@" </dev/null 2>&1 | tee "$log" |
        "$TOOLS/test-report"
}

# counted LOG: '812 passed, 0 failed, 3 skipped'
counted() {
    local end
    for end in "$PASSED" "$FAILED" "$SKIPPED"; do grep -cE "$end" "$1" || true; done |
        xargs printf '%s passed, %s failed, %s skipped\n'
}
