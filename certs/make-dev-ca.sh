#!/bin/sh
# Make a certificate authority for development and a certificate of the gate signed by it.
#
#   certs/make-dev-ca.sh DIR NAME...
#
# DIR/ca.crt ca.key      the authority, made once and used again
# DIR/gate.crt gate.key  the gate's certificate for all NAMEs, made anew each time
# A NAME is a host name, a wildcard ("*.phones.localhost") or an address. Keys are EC P-256, mode
# 0600. Asks nothing. Not for production: the authority's key lies beside its certificate.
set -eu
umask 077

if [ $# -lt 2 ]; then
    echo "usage: $0 DIR NAME..." >&2
    exit 2
fi
command -v openssl >/dev/null || { echo "$0: openssl is not installed" >&2; exit 1; }
dir=$1
shift
mkdir -p "$dir"

sans=
for name; do
    case $name in
    *[!A-Za-z0-9.:*_-]* | '') echo "$0: \"$name\" is no host name or address" >&2; exit 2 ;;
    *:*) kind=IP ;;
    *[!0-9.]*) kind=DNS ;;
    *) kind=IP ;;
    esac
    sans=$sans${sans:+,}$kind:$name
done

# Everything is built beside its place and moved there when it is whole.
work=$(mktemp -d "$dir/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

quietly() {
    "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
}

new_key() {
    quietly openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

if [ ! -s "$dir/ca.crt" ] || [ ! -s "$dir/ca.key" ]; then
    new_key "$work/ca.key"
    quietly openssl req -x509 -new -config /dev/null -key "$work/ca.key" -sha256 -days 3650 \
        -subj "/CN=phonegate development CA" -out "$work/ca.crt" \
        -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -addext "subjectKeyIdentifier=hash"
    mv "$work/ca.key" "$dir/ca.key"
    mv "$work/ca.crt" "$dir/ca.crt"
fi

new_key "$work/gate.key"
cat >"$work/extensions" <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
subjectAltName=$sans
END
quietly openssl req -new -config /dev/null -key "$work/gate.key" -subj "/CN=phonegate" \
    -out "$work/gate.csr"
# 397 days: browsers take no longer ones.
quietly openssl x509 -req -in "$work/gate.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -sha256 \
    -days 397 -set_serial "0x$(openssl rand -hex 16 | sed 's/^./1/')" \
    -extfile "$work/extensions" -out "$work/gate.crt"
chmod 644 "$work/gate.crt" "$dir/ca.crt"
mv "$work/gate.key" "$dir/gate.key"
mv "$work/gate.crt" "$dir/gate.crt"
