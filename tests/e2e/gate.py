"""The real program and simulated phones as a test sees them."""

import collections
import contextlib
import hashlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SNOM = ROOT / "tests" / "phones" / "snom.py"
VENDOR = ROOT / "tests" / "phones" / "vendor.py"
PYTHON = "/usr/bin/python3"
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|"
                       r"ThreadSanitizer|ENSURE|Assertion")
SLOWER = float(os.environ.get("E2E_SLOWER", "1"))   # for sanitizer builds
PATIENCE_S = 15


def program():
    return os.environ.get("PHONEGATE", str(ROOT / "build" / "phonegate"))


given_ports = collections.deque(maxlen=256)
# Below those that the system gives to whoever connects: one of them may be gone before it is listened on.
PORTS = range(10000, 32000)
BLOCK = 500
our_block = []      # a socket whose name says that this process has the block, and the block


def ports():
    """Those of this process alone: files of tests run side by side, gates share ports (SO_REUSEPORT), and
    between the choice of a port and its use is time."""
    for first in range(PORTS.start, PORTS.stop, BLOCK):
        if our_block:
            break
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind("\0phonegate-tests-ports-%d" % first)       # gone with this process
            our_block.extend((claim, range(first, first + BLOCK)))
        except OSError:
            claim.close()
    return our_block[1] if our_block else PORTS


def free_port(address="127.0.0.1"):
    """One that nobody uses, and that was not given away here lately: it may not be listened on yet."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    while True:
        port = secrets.choice(ports())
        with socket.socket(family) as sock:
            try:
                sock.bind((address, port))
            except OSError:
                continue
        if port not in given_ports:
            given_ports.append(port)
            return port


def wait_for(condition, seconds=5.0, what="condition"):
    """The condition's first true value. It is waited for, not timed: a busy machine has more time."""
    end = time.monotonic() + max(seconds, PATIENCE_S) * SLOWER
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("never came: " + what)
        time.sleep(0.01)


def kernel_buffers():
    """What the kernel may hold between one that writes and one that does not read, in octets."""
    return sum(int(pathlib.Path("/proc/sys/net/ipv4", name).read_text().split()[2])
               for name in ("tcp_rmem", "tcp_wmem"))


def status_listener():
    """For Gate(status=...): whoever wants its metrics."""
    return {"listen": "127.0.0.1:%d" % free_port()}


# --- libconfig ---------------------------------------------------------------------------------

def libconfig(value, depth=0):
    """Python values as libconfig text: dict a group, tuple a list, list an array."""
    pad = "  " * depth
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return "%d%s" % (value, "L" if abs(value) > 0x7fffffff else "")
    if isinstance(value, (str, pathlib.Path)):
        return '"%s"' % str(value).replace("\\", "\\\\").replace('"', '\\"')
    if isinstance(value, list):
        return "[ %s ]" % ", ".join(libconfig(v) for v in value)
    if isinstance(value, tuple):
        return "(\n%s )" % ",\n".join(pad + "  " + libconfig(v, depth + 1) for v in value)
    rows = "".join("%s  %s = %s;\n" % (pad, k, libconfig(v, depth + 1)) for k, v in value.items())
    return "{\n%s%s}" % (rows, pad)


def libconfig_file(values):
    return "".join("%s = %s;\n" % (k, libconfig(v)) for k, v in values.items())


# --- phones ------------------------------------------------------------------------------------

def shown(answer):
    """A page of the gate without the number of its request."""
    return re.sub(rb"request [0-9]+", b"request N", answer.body)


def stop_phones(process):
    """They end with their standard input."""
    process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


class Phone:
    """A simulated phone in a process of its own."""

    def __init__(self, directory, *words, settings=None, login=("gate", None), service=None,
                 hardened=True, vendor=None, **switches):
        self.user, password = login
        self.password = password or "phone-" + secrets.token_hex(8)
        self.service = service
        settings = dict(settings or {})
        if self.user:
            settings.update(http_user=self.user, http_pass=self.password)
        if service:
            settings.update(service_mode_login=service[0], service_mode_password=service[1])
        program = [str(VENDOR), vendor] if vendor else [str(SNOM)]
        command = [PYTHON, *program, "--until-eof", "--dir", str(directory), *words]
        command += ["--hardened"] if hardened else []
        for name, value in settings.items():
            command += ["--set", "%s=%s" % (name, value)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        line = self.process.stdout.readline()
        assert line, "the phone did not start"
        self.info = json.loads(line)
        self.port = self.info["port"]
        self.pin = self.info["pin"]
        if vendor:
            self.entry = {"profile": vendor}
        self.home = switches     # what a reset goes back to
        if switches:
            self.switch(**switches)

    @property
    def url(self):
        address = self.info["address"]
        return "https://%s:%d" % ("[%s]" % address if ":" in address else address, self.port)

    def _ask(self, path, values=None):
        url = "http://127.0.0.1:%d%s" % (self.info["control"], path)
        data = None if values is None else json.dumps(values).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, data, timeout=30) as answer:
            return json.load(answer)

    def counters(self):
        return self._ask("/counters")

    def seen(self):
        """The requests that came with a login, oldest first."""
        return [r for r in self.counters()["last"] if r.get("login") == "ok"]

    def settings(self):
        return self._ask("/settings")

    def state(self):
        return self._ask("/state")

    def switch(self, **values):
        self._ask("/switch", values)

    def set(self, **values):
        self._ask("/set", values)

    def provisioned(self, **flags):
        """Settings with a permission flag, as a settings file gives it."""
        self._ask("/perm", flags)

    def close_connections(self):
        self._ask("/close", {})

    def reboot(self):
        self._ask("/reboot", {})

    def factory_reset(self):
        self._ask("/factory-reset", {})

    def pull(self):
        """Have the phone fetch its settings; what came of it."""
        return self._ask("/pull", {})

    def change_certificate(self):
        return self._ask("/certificate", {})["pin"]

    def reset(self):
        self._ask("/reset", {})
        if self.home:
            self.switch(**self.home)

    def stop(self):
        stop_phones(self.process)


class Fleet:
    """Many simulated phones in one process; phone N answers at address(N), all at the same ports."""

    def __init__(self, directory, count, *words):
        command = [PYTHON, str(SNOM.parent / "many.py"), str(count), "--dir", str(directory), *words]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        line = self.process.stdout.readline()
        assert line, "the phones did not start"
        self.info = json.loads(line)
        self.count, self.pin = count, self.info["pin"]

    @staticmethod
    def address(number):
        value = (20 << 16 | 1) + number
        return "127.%d.%d.%d" % (value >> 16 & 255, value >> 8 & 255, value & 255)

    def url(self, number, kind="https"):
        port = self.info["port" if kind == "https" else "http_port"]
        return "%s://%s:%d" % (kind, self.address(number), port)

    def _ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def counters(self):
        return self._ask("counters")

    def settings(self, number):
        return self._ask("settings %d" % number)

    def set(self, number, **values):
        self._ask("set %d %s" % (number, json.dumps(values)))

    def stop(self):
        stop_phones(self.process)


# --- certificates ------------------------------------------------------------------------------

NAMES = ["gate.localhost", "gate.example.com", "localhost", "*.phones.localhost", "127.0.0.1", "::1"]


def make_ca(directory, names=None):
    """ca.crt, gate.crt and gate.key below `directory`, by the script that operators use."""
    script = ROOT / "certs" / "make-dev-ca.sh"
    subprocess.run([str(script), str(directory), *(names or NAMES)], check=True,
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return pathlib.Path(directory)


# --- the gate ----------------------------------------------------------------------------------

def htdigest(user, realm, password, algorithm):
    name = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[algorithm]
    told = "SHA-512-256:" if algorithm == "SHA-512-256" else ""
    ha1 = hashlib.new(name, ("%s:%s:%s" % (user, realm, password)).encode()).hexdigest()
    return "%s:%s:%s%s\n" % (user, realm, told, ha1)


REALM = "gate.localhost"
USERS = {"alice": ["SHA-256", "MD5"], "bob": ["SHA-256", "MD5"], "carol": ["SHA-256"],
         "Jäsøn Doe": ["SHA-256"]}
GRANTS = ({"users": ["alice"], "role": "admin", "phones": ["*"]},
          {"users": ["bob", "Jäsøn Doe"], "role": "user", "phones": ["101", "102", "lab-*"]})


class Gate:
    """Writes a configuration, starts `phonegate serve`, and looks at how it ends."""

    def __init__(self, directory, ca, phones, users=None, grants=GRANTS, address="127.0.0.1",
                 http_answer="refuse", expect_exit=0, scripts=True, **config):
        self.dir = pathlib.Path(directory)
        self.ca = pathlib.Path(ca) / "ca.crt"
        self.address = address
        self.port, self.http_port = free_port(address), free_port(address)
        self.phones = phones
        self.passwords = {}
        self.expect_exit = expect_exit
        self.process = None
        self.mark = 0           # records before this test
        self.secrets = [p.password for p in phones.values() if isinstance(p, Phone)]
        self._files(ca, users or USERS)
        # Most tests ask as programs do; scripts=None leaves the program's own default.
        if scripts is not None:
            grants = tuple(dict({"scripts": scripts}, **g) for g in grants)
        self.config = self._config(grants, http_answer, config)
        self.file = self.dir / "phonegate.cfg"
        self.file.write_text(libconfig_file(self.config), encoding="utf-8")

    def _secret(self, name, text):
        path = self.dir / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(0o600)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def _files(self, ca, users):
        tls = self.dir / "tls"
        tls.mkdir()
        shutil.copy(pathlib.Path(ca) / "gate.crt", tls)
        self._secret("tls/gate.key", (pathlib.Path(ca) / "gate.key").read_text())
        lines = ""
        for user, algorithms in users.items():
            self.passwords[user] = "pw-" + secrets.token_hex(8)
            lines += "".join(htdigest(user, REALM, self.passwords[user], a) for a in algorithms)
        self._secret("users", lines)

    def _address(self, port):
        return "%s:%d" % ("[%s]" % self.address if ":" in self.address else self.address, port)

    def _phone(self, phone_id, phone):
        if isinstance(phone, dict):
            return dict(phone, id=phone_id)
        entry = {"id": phone_id, "name": "Phone " + phone_id, "url": phone.url, "profile": "snom",
                 "host": phone_id + ".phones.localhost"}
        if phone.user:
            self._secret("secrets/" + phone_id, phone.password + "\n")
            entry["login"] = {"user": phone.user, "password_file": "secrets/" + phone_id}
        if phone.service:
            self._secret("secrets/%s.admin" % phone_id, phone.service[1] + "\n")
            entry["admin_login"] = {"user": phone.service[0],
                                    "password_file": "secrets/%s.admin" % phone_id}
        entry["tls"] = {"pin_sha256": [phone.pin]}
        entry.update(getattr(phone, "entry", {}))
        return {k: v for k, v in entry.items() if v is not None}

    def _config(self, grants, http_answer, config):
        values = {
            "realm": REALM, "workers": 2,
            "https": {"listen": [self._address(self.port)], "certificate": "tls/gate.crt",
                      "key": "tls/gate.key"},
            "http": {"listen": [self._address(self.http_port)], "answer": http_answer},
            "host": ["gate.localhost", "localhost", "gate.example.com"],
            "users_file": "users", "grants": grants,
            "phones": tuple(self._phone(i, p) for i, p in self.phones.items()),
            "profiles_dir": ROOT / "policy" / "profiles",
            "access_log": {"file": "access.log", "format": "json"},
            "lockout": {"failures": 0},     # tests that guess share a gate with others
            "hardening": {"check_every_s": 0},      # phones count what tests ask of them
        }
        for name, value in config.items():
            if isinstance(value, dict) and isinstance(values.get(name), dict):
                values[name] = dict(values[name], **value)
            else:
                values[name] = value
        return values

    def start(self):
        env = dict(os.environ)
        env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0:exitcode=99")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1:exitcode=99")
        env["TSAN_OPTIONS"] = "%s:suppressions=%s" % (
            env.get("TSAN_OPTIONS", ""), ROOT / "tests" / "e2e" / "tsan.txt")
        self.stderr_file = open(self.dir / "stderr", "wb")
        self.process = subprocess.Popen([program(), "serve", "-c", str(self.file)], env=env,
                                        stdin=subprocess.DEVNULL, stdout=self.stderr_file,
                                        stderr=self.stderr_file)
        wait_for(self._ready, 10, "the gate listens")
        return self

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError("phonegate serve ended with %d:\n%s\n%s" % (
                self.process.returncode, self.stderr(), self.file.read_text()))
        places = [(self.address, self.port), (self.address, self.http_port)]
        if "status" in self.config:
            host, _, port = self.config["status"]["listen"].rpartition(":")
            places.append((host.strip("[]"), int(port)))
        try:
            for place in places:
                socket.create_connection(place, 1).close()
            return True
        except OSError:
            return False

    def rewrite(self, **changes):
        """A changed configuration file; nobody is told."""
        self.config.update(changes)
        self.file.write_text(libconfig_file(self.config), encoding="utf-8")

    def reload(self, marker="config.reload"):
        """SIGHUP, and wait until the gate has said what came of it."""
        before = self.stderr().count(marker)
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.stderr().count(marker) > before, 5, marker)

    @contextlib.contextmanager
    def paused(self):
        """What is sent meanwhile the gate finds in one moment, however slow this machine is."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def at_once(self, sources, octets=b""):
        """A connection from each address, in this order; with one worker they are taken in one turn of its loop."""
        socks = []
        with self.paused():
            for source in sources:
                sock = socket.socket()
                sock.settimeout(20 * SLOWER)
                sock.bind((source, 0))
                sock.connect(("127.0.0.1", self.port))
                sock.sendall(octets)
                socks.append(sock)
        return socks

    def rests(self):
        """Nobody is connected any more, not even whoever looked whether it is up."""
        wait_for(lambda: self.metrics()["connections"] == 1, 5, "no connection but the one that asks")

    def stderr(self):
        return (self.dir / "stderr").read_text(errors="replace")

    def log_text(self):
        path = self.dir / "access.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def records(self):
        whole = self.log_text().rpartition("\n")[0]     # the last line may be half there
        return [json.loads(line) for line in whole.splitlines()]

    def record(self, **want):
        """This test's newest record with these fields; waits for it."""
        def find():
            for r in reversed(self.records()[self.mark:]):
                if all(r.get(k) == v for k, v in want.items()):
                    return r
            return None
        try:
            return wait_for(find, 3, "a record with %r" % want)
        except AssertionError as error:
            raise AssertionError("%s\nlast: %s" % (error, self.records()[-3:])) from None

    def metrics(self):
        """Numbers of the status listener (see status_listener), without their prefix."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open("http://%s/metrics" % self.config["status"]["listen"], timeout=30) as text:
            lines = [line for line in text.read().decode().splitlines() if line[0] != "#"]
        return {name.removeprefix("phonegate_"): int(value)
                for name, value in (line.rsplit(" ", 1) for line in lines)}

    def close(self):
        """Stop the gate; anything odd about its end is a failure."""
        if self.process is None:
            return
        died = self.process.poll()
        if died is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30 * SLOWER)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("SIGTERM did not stop the gate\n" + self.stderr()) from None
        self.stderr_file.close()
        text = self.stderr()
        assert died is None, "the gate died with %s\n%s" % (died, text)
        assert not SANITIZER.search(text), text
        assert self.process.returncode == self.expect_exit, "exit status %d\n%s" % (
            self.process.returncode, text)
        self._no_secrets(text)

    def _no_secrets(self, text):
        """No password of a person or a phone in anything the gate wrote."""
        for where, written in (("stderr", text), ("access log", self.log_text())):
            for secret in self.secrets + list(self.passwords.values()):
                assert secret not in written, "a password in the " + where
