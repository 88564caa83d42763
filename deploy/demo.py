#!/usr/bin/env python3
"""make demo: a gate in front of three simulated phones, on this machine, until Ctrl-C.

Everything lives in a temporary directory that goes away at the end. PORT and HTTP_PORT change the
ports (8443 and 8080)."""

import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
GATE = os.environ.get("PHONEGATE", str(ROOT / "build" / "phonegate"))
REALM = "gate.localhost"
PHONES = [("101", "Reception"), ("102", "Laboratory"), ("103", "Storage")]

CONFIG = """\
realm = "{realm}";
https: {{ listen = [ {https} ]; certificate = "tls/gate.crt"; key = "tls/gate.key"; }};
http:  {{ listen = [ {http} ]; answer = "refuse"; }};
host = [ "gate.localhost", "localhost" ];
users_file = "users";
grants = ( {{ users = [ "admin" ]; role = "admin"; phones = [ "*" ]; }},
           {{ users = [ "user" ];  role = "user";  phones = [ "101", "102" ]; }} );
phones = (
{phones} );
profiles_dir = "{profiles}";
state_dir = "state";
access_log: {{ file = "access.log"; format = "json"; }};
"""
PHONE = """\
  {{ id = "{id}"; name = "{name}"; url = "https://127.0.0.1:{port}"; profile = "snom";
    host = "{id}.phones.localhost";
    login:       {{ user = "gate";    password_file = "secrets/{id}"; }};
    admin_login: {{ user = "service"; password_file = "secrets/{id}.admin"; }};
    tls: {{ pin_sha256 = [ "{pin}" ]; }}; }}"""

TEXT = """
phonegate is running. Ctrl-C stops it and removes everything it made.

  Portal, and every phone by path:  https://gate.localhost:{port}/
  A phone by its own name:          https://101.phones.localhost:{port}/
  Certificate authority to trust:   {dir}/ca/ca.crt
  Access record of each request:    {dir}/access.log

  admin   password {admin}   administrator on all phones
  user    password {user}   user of 101 and 102

Try it from another terminal (each line ends with the status it should print):

# refused without login: 401
curl -sS -w '\\n%{{http_code}}\\n' --cacert {dir}/ca/ca.crt https://101.phones.localhost:{port}/info.htm

# the user reads a page: 200
curl -sS -w '\\n%{{http_code}}\\n' --cacert {dir}/ca/ca.crt --digest -u user:{user} https://101.phones.localhost:{port}/info.htm

# the user is refused on a page for administrators: 403
curl -sS -w '\\n%{{http_code}}\\n' --cacert {dir}/ca/ca.crt --digest -u user:{user} https://gate.localhost:{port}/phone/101/settings.htm

# the administrator reads it: 200
curl -sS -w '\\n%{{http_code}}\\n' --cacert {dir}/ca/ca.crt --digest -u admin:{admin} https://gate.localhost:{port}/phone/101/settings.htm

# plain HTTP is refused: 403
curl -sS -w '\\n%{{http_code}}\\n' http://gate.localhost:{http_port}/
"""


class Stop(Exception):
    """Somebody wants the demo to end."""


def port_of(name, default):
    text = os.environ.get(name, default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        sys.exit("demo: %s=%s is no port" % (name, text))
    return int(text)


def loopback_addresses():
    """127.0.0.1, and ::1 where this machine has it: *.localhost may be looked up as either."""
    found = ["127.0.0.1"]
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
            found.append("::1")
    except OSError:
        pass
    return found


def require_free(port, name):
    for address in loopback_addresses():
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((address, port))
            except OSError as error:
                sys.exit("demo: cannot listen on port %d: %s.\n"
                         "Another port: %s=%d make demo" % (port, error.strerror, name, port + 1000))


def listen(port):
    return ", ".join('"[%s]:%d"' % (a, port) if ":" in a else '"%s:%d"' % (a, port)
                     for a in loopback_addresses())


def write_secret(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)


class Demo:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.children = []
        self.port, self.http_port = port_of("PORT", "8443"), port_of("HTTP_PORT", "8080")

    def make_certificates(self):
        subprocess.run([str(ROOT / "certs" / "make-dev-ca.sh"), str(self.dir / "ca"),
                        "gate.localhost", "localhost", "*.phones.localhost"],
                       check=True, stdout=subprocess.DEVNULL)
        (self.dir / "tls").mkdir(mode=0o700)
        for name in ("gate.crt", "gate.key"):
            shutil.copy(self.dir / "ca" / name, self.dir / "tls" / name)
        (self.dir / "tls" / "gate.key").chmod(0o600)

    def start_phone(self, phone_id, name):
        """A phone on which the four steps of the hardening guide are done."""
        user, service = secrets.token_hex(8), secrets.token_hex(8)
        write_secret(self.dir / "secrets" / phone_id, user + "\n")
        write_secret(self.dir / "secrets" / (phone_id + ".admin"), service + "\n")
        settings = {"http_user": "gate", "http_pass": user, "service_mode_login": "service",
                    "service_mode_password": service, "admin_mode_password": secrets.token_hex(8),
                    "keyboard_lock_pw": "%06d" % secrets.randbelow(10 ** 6), "phone_name": name}
        command = [sys.executable, str(ROOT / "tests" / "phones" / "snom.py"), "--until-eof",
                   "--hardened", "--mac", "000413%06X" % secrets.randbits(24)]
        for pair in settings.items():
            command += ["--set", "%s=%s" % pair]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.children.append(child)
        line = child.stdout.readline()
        if not line:
            sys.exit("demo: a simulated phone did not start")
        said = json.loads(line)
        return PHONE.format(id=phone_id, name=name, port=said["port"], pin=said["pin"])

    def write_config(self):
        for name in ("secrets", "state"):
            (self.dir / name).mkdir(mode=0o700)
        phones = ",\n".join(self.start_phone(*phone) for phone in PHONES)
        write_secret(self.dir / "users", "")
        (self.dir / "phonegate.cfg").write_text(CONFIG.format(
            realm=REALM, https=listen(self.port), http=listen(self.http_port), phones=phones,
            profiles=ROOT / "policy" / "profiles"))

    def add_user(self, name):
        password = secrets.token_hex(8)
        subprocess.run([GATE, "user", "add", "-c", str(self.dir / "phonegate.cfg"), name],
                       input=(password + "\n").encode(), check=True, stdout=subprocess.DEVNULL)
        return password

    def wait_until_ready(self, gate):
        for _ in range(200):
            if gate.poll() is not None:
                sys.exit("demo: the gate ended with status %d" % gate.returncode)
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("demo: the gate does not listen")

    def run(self):
        require_free(self.port, "PORT")
        require_free(self.http_port, "HTTP_PORT")
        self.make_certificates()
        self.write_config()
        admin, user = self.add_user("admin"), self.add_user("user")
        gate = subprocess.Popen([GATE, "serve", "-c", str(self.dir / "phonegate.cfg")],
                                stdin=subprocess.DEVNULL)
        self.children.append(gate)
        self.wait_until_ready(gate)
        print(TEXT.format(dir=self.dir, port=self.port, http_port=self.http_port, admin=admin,
                          user=user), flush=True)
        return gate.wait()

    def stop(self):
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def ask_to_stop(*_):
    raise Stop


def main():
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        signal.signal(number, ask_to_stop)
    with tempfile.TemporaryDirectory(prefix="phonegate-demo-") as directory:
        demo = Demo(directory)
        try:
            return demo.run()
        except Stop:
            return 0
        except subprocess.CalledProcessError as error:
            print("demo: %s failed" % " ".join(map(str, error.cmd)), file=sys.stderr)
            return 1
        finally:
            for number in signals:
                signal.signal(number, signal.SIG_IGN)   # a second Ctrl-C must not leave anything
            demo.stop()


if __name__ == "__main__":
    sys.exit(main())
