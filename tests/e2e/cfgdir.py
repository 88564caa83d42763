"""A directory with a configuration that has no error and no warning, and the program run on it."""

import hashlib
import os
import pathlib
import subprocess

import gate as gate_module

REALM = "phones.example.com"
CONFIG = """realm = "phones.example.com";
https: { listen = [ "127.0.0.1:8443" ]; certificate = "gate.crt"; key = "gate.key"; };
host = "gate.example.com";
users_file = "users";
digest: { algorithms = [ "SHA-256", "MD5" ]; };
grants = ( { users = [ "alice" ]; role = "admin"; phones = [ "*" ]; },
           { users = [ "bob" ]; role = "user"; phones = [ "101" ]; } );
phones = (
  { id = "101"; url = "https://192.0.2.101"; profile = "model"; host = "101.phones.example.com";
    login: { user = "gate"; password_file = "pw"; };
    admin_login: { user = "service"; password_file = "pw.admin"; };
    tls: { ca = "ca.crt"; }; },
  { id = "102"; url = "https://192.0.2.102"; profile = "model"; host = "102.phones.example.com";
    login: { user = "gate"; password_file = "pw"; }; tls: { ca = "ca.crt"; }; }
);
profiles_dir = "profiles";
state_dir = "state";
"""
PROFILE = """rules = (
  { name = "no reset"; class = "factory-reset"; paths = [ "*" ]; parameters = [ "reset" ];
    allow = false; reason = "No reset from here."; },
  { name = "pages"; methods = [ "GET", "HEAD" ]; paths = [ "/", "*.htm" ]; parameters = [ "l" ];
    allow = true; },
  { name = "administrators"; roles = [ "admin" ]; paths = [ "*" ]; parameters = [ "*" ];
    allow = true; },
  { name = "dialling"; roles = [ "user" ]; methods = [ "POST" ]; paths = [ "/dial.htm" ];
    parameters = [ "number" ]; allow = true; }
);
"""


def ha1(user, password="long-enough-42", algorithm="sha256"):
    return hashlib.new(algorithm, ("%s:%s:%s" % (user, REALM, password)).encode()).hexdigest()


def line(user, password="long-enough-42", algorithm="sha256"):
    return "%s:%s:%s\n" % (user, REALM, ha1(user, password, algorithm))


class ConfigDir:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._certificates()
        (self.path / "profiles").mkdir()
        (self.path / "profiles" / "model.cfg").write_text(PROFILE)
        self.secret("pw", "correct horse\n")
        self.secret("pw.admin", "battery staple\n")
        self.secret("users", line("alice") + line("bob"))
        self.write(CONFIG)

    def _certificates(self):
        def openssl(*words):
            subprocess.run(["openssl", *words], cwd=self.path, check=True, capture_output=True)
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
        openssl("req", *key, "-keyout", "gate.key", "-out", "gate.csr", "-subj", "/CN=gate")
        (self.path / "ext").write_text(
            "subjectAltName=DNS:gate.example.com,DNS:*.phones.example.com\n")
        openssl("x509", "-req", "-in", "gate.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                "-CAcreateserial", "-extfile", "ext", "-out", "gate.crt")
        (self.path / "gate.key").chmod(0o600)

    def secret(self, name, text):
        path = self.path / name
        path.write_bytes(text.encode())
        path.chmod(0o600)

    def write(self, text):
        (self.path / "phonegate.cfg").write_text(text)

    def change(self, old, new):
        text = (self.path / "phonegate.cfg").read_text()
        assert text.count(old) == 1, old
        self.write(text.replace(old, new))

    def users(self):
        return (self.path / "users").read_bytes().decode()

    def run(self, *words, text=None, env=None, cwd=None):
        """The program, with phonegate.cfg of this directory as its working directory's."""
        environment = {k: v for k, v in os.environ.items() if k != "STATE_DIRECTORY"}
        environment.update(env or {})
        return subprocess.run([gate_module.program(), *words], cwd=cwd or self.path,
                              env=environment, text=True, capture_output=True, timeout=120,
                              **({"stdin": subprocess.DEVNULL} if text is None else
                                 {"input": text}))
