"""The phone's own self-signed certificate, made with the openssl command at start."""

import base64
import hashlib
import os
import ssl
import subprocess
import tempfile
import warnings


def _run(*words):
    return subprocess.run(["openssl", *words], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL).stdout


# Phones of these models have no certificate of their own; all of them show this one.
SHARED_MODELS = ("300", "320", "360", "370")


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


def shared():
    """Certificate and key that all phones without one of their own show: made by whichever of this
    user's simulated phones comes first. Returns (certificate file, key file), which are one."""
    directory = os.path.join(tempfile.gettempdir(), "phonegate-phones-%d" % os.getuid())
    os.makedirs(directory, mode=0o700, exist_ok=True)
    about = os.lstat(directory)
    if about.st_uid != os.getuid() or about.st_mode & 0o170077 != 0o040000:
        raise RuntimeError("%s is not a directory of this user's alone" % directory)
    path = os.path.join(directory, "shared-300.pem")
    if not os.path.exists(path):
        with tempfile.TemporaryDirectory(dir=directory) as scratch:
            cert, key = make(scratch, "300", 0, rsa=True)
            both = os.path.join(scratch, "both.pem")
            with open(os.open(both, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as out:
                for name in (cert, key):
                    with open(name, "rb") as part:
                        out.write(part.read())
            try:
                os.link(both, path)
            except FileExistsError:
                pass        # another phone was quicker: its certificate is everybody's
    return path, path


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
