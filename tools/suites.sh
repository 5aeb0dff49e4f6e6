# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Gets packages of other Debian suites, without touching the system's lists and packages. To be sourced after shell.sh.

# The archive that this system uses anyway; other suites lie beside it.
archive() {
    local site
    # shellcheck disable=SC2016  # apt expands it
    site=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -v security | head -n 1)
    [[ -n $site ]] || die "apt knows no archive; run  apt-get update  first"
    printf '%s\n' "$site"
}

# suite_world SUITE WORLD: makes the folder that is all that apt knows of the suite, and reads its lists.
suite_world() {
    local world=$2 site
    need apt-get dpkg-deb
    site=$(archive)
    mkdir -p "$world"/{lists/partial,cache/archives/partial,unpacked}
    : >"$world/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $1 main" >"$world/sources.list"
    private_apt apt-get "$world" -q update >"$world/log" 2>&1 || die "apt cannot read $1: $(complaint "$world")"
}

# suite_unpack WORLD PACKAGE: its files, below WORLD/unpacked.
suite_unpack() {
    (cd "$1" && private_apt apt-get "$1" -q download "$2" >>"$1/log" 2>&1) ||
        die "cannot download $2: $(complaint "$1")"
    dpkg-deb -x "$1/$2"_*.deb "$1/unpacked"
}

# suite_depends WORLD PACKAGE: what it depends on.
suite_depends() {
    private_apt apt-cache "$1" depends --no-suggests "$2" | sed -n 's/^ *Depends: //p'
}

# private_apt PROGRAM WORLD ARGUMENT...
private_apt() {
    local program=$1 world=$2
    shift 2
    "$program" -o Dir::Etc::SourceList="$world/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$world/lists" -o Dir::State::status="$world/status" -o Dir::Cache="$world/cache" \
        -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root -o APT::Default-Release= "$@"
}

complaint() {
    grep -m 1 ^E: "$1/log" || tail -n 1 "$1/log"
}
