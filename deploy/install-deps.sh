#!/bin/sh
# Install what a step needs and is missing: deploy/install-deps.sh [build|demo|test|bench]
#
# Debian 12, Debian 13 and Ubuntu 24.04. Does nothing, and asks the network nothing, when all is
# there. Uses sudo only when not root. Starts no service of what it installs.
set -eu

# "a|b" is whichever of them this release has; "?a" may be missing from a release.
build='gcc make pkg-config libuv1-dev libssl-dev libconfig-dev libunistring-dev libzxcvbn-dev
    libjansson-dev libllhttp-dev|node-llhttp'
demo="$build curl openssl python3"
test="$demo git wget binutils libcmocka-dev python3-pytest python3-requests python3-selenium
    ?chromium ?chromium-driver clang ?libclang-rt-dev|libclang-rt-14-dev ?clang-format-14
    ?clang-tidy-14 cppcheck shellcheck ?mandoc ?nftables slowhttptest"
bench="$demo nginx|nginx-light haproxy lighttpd apache2-bin"

say() { echo "install-deps: $*" >&2; }
fail() { say "$@"; exit 1; }

case ${1:-build} in
build) wanted=$build ;;
demo) wanted=$demo ;;
test) wanted=$test ;;
bench) wanted=$bench ;;
*) echo "usage: $0 [build|demo|test|bench]" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    command -v gcc >/dev/null && pkg-config --exists libuv openssl libconfig jansson 2>/dev/null && exit 0
    fail "this is no Debian or Ubuntu; install these, or what they are called here: $wanted"
fi

# shellcheck disable=SC2016 # the braces are dpkg-query's own
# Names of all installed packages among the wanted ones, each between blanks.
installed=$(printf '%s\n' "$wanted" | tr -s '|? \n' '\n' | sed '/^$/d' |
    xargs dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null |
    sed -n 's/^installed //p' | tr '\n' ' ' || true)

is_installed() {
    case " $installed" in *" $1 "*) return 0 ;; esac
    return 1
}

# The packages to install, or nothing; a wish is fulfilled by any of its names.
missing() {
    for wish in $wanted; do
        found=
        for name in $(echo "${wish#\?}" | tr '|' ' '); do
            if is_installed "$name"; then found=1; fi
        done
        [ -n "$found" ] || echo "$wish"
    done
}
wishes=$(missing)
[ -n "$wishes" ] || exit 0

has_candidate() {
    apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

# Chromium on Ubuntu is a stub that fetches a snap: of no use to tests in a container.
is_stub() {
    case $1 in chromium*) grep -qs '^ID=ubuntu' /etc/os-release ;; *) return 1 ;; esac
}

choose() {
    chosen='' unknown=''
    for wish in $wishes; do
        found=
        for name in $(echo "${wish#\?}" | tr '|' ' '); do
            if [ -z "$found" ] && ! is_stub "$name" && has_candidate "$name"; then found=$name; fi
        done
        case $found,$wish in
        ?*,*) chosen="$chosen $found" ;;
        ,\?*) : ;;
        *) unknown="$unknown $wish" ;;
        esac
    done
}

lists_are_fresh='' chosen=''
update() {
    as_root apt-get -q update >/dev/null || fail "apt-get update failed: is there a network?"
    lists_are_fresh=1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "neither root nor sudo here; as root: apt-get install$chosen"
    fi
}

# A fresh container has no package lists at all.
ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 || update
choose
if [ -n "$unknown" ]; then
    [ -n "$lists_are_fresh" ] || update
    choose
    [ -z "$unknown" ] || fail "this release has no package$unknown"
fi
[ -n "$chosen" ] || exit 0 # what is missing does not exist here

# Packages of servers start them; this file is Debian's own way to say no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'as_root rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
fi

install_chosen() {
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
        -o DPkg::Lock::Timeout=120 install $chosen </dev/null >/dev/null
}

say "installing$chosen"
if ! install_chosen; then
    [ -z "$lists_are_fresh" ] || fail "apt-get install failed"
    update
    install_chosen || fail "apt-get install failed"
fi
