"""The phone's own self-signed certificate, made with the openssl command at start."""

import base64
import hashlib
import os
import ssl
import subprocess


def _run(*words):
    return subprocess.run(["openssl", *words], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).stdout


def make(directory, mac, number, rsa=False):
    """Returns (certificate file, key file)."""
    cert = os.path.join(directory, "phone-%d.crt" % number)
    key = os.path.join(directory, "phone-%d.key" % number)
    kind = ["-newkey", "rsa:2048"] if rsa else \
        ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    _run("req", "-x509", *kind, "-nodes", "-sha256", "-days", "3650", "-subj",
         "/O=snom/CN=%s" % mac, "-keyout", key, "-out", cert)
    os.chmod(key, 0o600)
    return cert, key


def pin(cert):
    """SHA-256 of the public key (SPKI), as 64 hex digits."""
    pem = _run("x509", "-in", cert, "-noout", "-pubkey")
    body = "".join(pem.decode().splitlines()[1:-1])
    return hashlib.sha256(base64.b64decode(body)).hexdigest()


def context(cert, key, newest="1.2"):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.minimum_version = ssl.TLSVersion.TLSv1_2
    ctx.maximum_version = ssl.TLSVersion.TLSv1_3 if newest == "1.3" else ssl.TLSVersion.TLSv1_2
    ctx.load_cert_chain(cert, key)
    return ctx
