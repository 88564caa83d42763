"""The phone's own self-signed certificate, made with the openssl command at start."""

import base64
import hashlib
import os
import ssl
import subprocess
import warnings


def _run(*words):
    return subprocess.run(["openssl", *words], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).stdout


# Phones of these models have no certificate of their own; all of them show this one.
SHARED_MODELS = ("300", "320", "360", "370")
SHARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shared-300.pem")


def is_shared(model):
    return model.lower().replace("snom", "") in SHARED_MODELS


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


VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1,
            "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context(cert, key, newest="1.2"):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old = newest in ("1.0", "1.1")
    with warnings.catch_warnings():     # old versions are the point
        warnings.simplefilter("ignore", DeprecationWarning)
        ctx.minimum_version = ssl.TLSVersion.TLSv1 if old else ssl.TLSVersion.TLSv1_2
        ctx.maximum_version = VERSIONS[newest]
    if old:
        ctx.set_ciphers("ALL:@SECLEVEL=0")
    ctx.load_cert_chain(cert, key)
    return ctx
