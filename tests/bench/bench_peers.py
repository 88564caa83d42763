"""Certificates, configurations, the simulated phone and the proxies of the bench: started, measured, stopped."""
import base64
import hashlib
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HOST = "phone.bench.localhost"
REALM = "bench.localhost"
USER, PASSWORD = "bench", "correct horse battery"
PHONE_USER, PHONE_PASSWORD = "phone", "battery staple"
# With four cores and more everybody has one of his own, and two workers have two.
ROOMY = len(os.sched_getaffinity(0)) >= 4
PROXY_CORE, LOAD_CORE, ORIGIN_CORE = ("0", "2", "3") if ROOMY else ("0", "1", "1")
TWO_CORES = "0,1"
APACHE_MODULES = "/usr/lib/apache2/modules"


class Failed(Exception):
    """A peer that does not do its job; its row is left out, with the reason."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write(path, text, mode=0o644):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as out:
        out.write(text)


def on_core(core, command):
    """The command, bound to these cores where taskset and a second core are there."""
    if core is not None and shutil.which("taskset") and (os.cpu_count() or 1) > 1:
        return ["taskset", "-c", core] + command
    return command


def tree(pid):
    """The process and all below it."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    parent = int(stat.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def cpu_of(pid):
    """User and system time of one process so far."""
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid):
    """Bytes that one process has for itself or shares with its own kind; files are not counted."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        lines = dict(line.split(":", 1) for line in status)
    return sum(int(lines.get(key, "0 kB").split()[0]) for key in ("RssAnon", "RssShmem")) * 1024


def machine_busy():
    """Seconds that all cores have been busy or stolen so far."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq, steal = map(int, stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Peer:
    """One row of the table: a proxy with its configuration and the port of the phone that it talks to."""

    def __init__(self, name, program, template, command, origin, *, digest=None, workers=1, cores=PROXY_CORE):
        self.name, self.program, self.template, self.command = name, program, template, command
        self.origin = origin  # which listener of the phone: "tls-open", "tls-digest", "plain-open", "plain-digest"
        self.digest = digest  # what Digest it asks the person for: "SHA-256", "MD5" or none
        self.workers, self.cores = workers, cores
        self.port = free_port()
        self.process = None
        self.phone_cipher = "plain"

    def cpu_seconds(self):
        """User and system time of all its processes so far."""
        return sum(cpu_of(pid) for pid in tree(self.process.pid))

    def memory(self):
        return sum(memory_of(pid) for pid in tree(self.process.pid))

    def get(self, path, authorization=None):
        """One request of a stranger, by a client that has nothing to do with the load generator."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=context)
        try:
            headers = {"Host": HOST}
            if authorization:
                headers["Authorization"] = authorization
            client.request("GET", path, headers=headers)
            answer = client.getresponse()
            return answer.status, answer.headers.get_all("WWW-Authenticate") or [], answer.read()
        finally:
            client.close()

    def check_strangers(self):
        """Who authenticates must refuse a stranger, a made-up answer and a Basic password; who does not must serve."""
        status, challenges, body = self.get("/bytes/1024")
        if not self.digest:
            if status != 200 or len(body) != 1024:
                raise Failed(f"{self.name}: {status} with {len(body)} bytes instead of the page")
            return
        if status != 401 or not any(f"algorithm={self.digest}" in c.replace('"', "") for c in challenges):
            raise Failed(f"{self.name}: a stranger got {status} {challenges}")
        nonce = re.search(r'nonce="([^"]*)"', challenges[0]).group(1)
        digits = {"SHA-256": 64, "MD5": 32}[self.digest]
        wrong = (f'Digest username="{USER}", realm="{REALM}", nonce="{nonce}", uri="/bytes/1024", '
                 f'algorithm={self.digest}, response="{"0" * digits}", qop=auth, nc=00000001, cnonce="0123456789abcdef"')
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        for header in (wrong, basic):
            status = self.get("/bytes/1024", header)[0]
            if status not in (400, 401):
                raise Failed(f"{self.name}: a wrong login got {status}")


def all_peers(directory):
    """The rows, in the order of the table."""
    nginx = ["nginx", "-c", "@CONFIG@", "-e", f"{directory}/nginx.error.log", "-p", directory]
    haproxy = ["haproxy", "-db", "-f", "@CONFIG@"]
    lighttpd = ["lighttpd", "-D", "-f", "@CONFIG@"]
    gate = [os.path.join(ROOT, "build", "phonegate"), "serve", "-c", "@CONFIG@"]
    apache = ["apache2", "-D", "FOREGROUND", "-f", "@CONFIG@"]
    return [
        Peer("nginx, TLS phone", "nginx", "nginx.conf", nginx, "tls-open"),
        Peer("haproxy, TLS phone", "haproxy", "haproxy.cfg", haproxy, "tls-open"),
        Peer("phonegate, TLS+Digest phone", "phonegate", "phonegate.cfg", gate, "tls-digest", digest="SHA-256"),
        Peer("apache, TLS phone", "apache2", "apache.conf", apache, "tls-open", digest="MD5"),
        Peer("lighttpd, plain phone", "lighttpd", "lighttpd.conf", lighttpd, "plain-open", digest="SHA-256"),
        Peer("apache, plain phone", "apache2", "apache.conf", apache, "plain-open", digest="MD5"),
        Peer("phonegate, plain+Digest phone", "phonegate", "phonegate.cfg", gate, "plain-digest", digest="SHA-256"),
    ]


def crews(directory):
    """The gate with one worker and with two, both with the same cores."""
    gate = all_peers(directory)[2]
    return [Peer(f"phonegate x{workers}, {gate.name.split(', ')[1]}", gate.program, gate.template, gate.command, gate.origin,
                 digest=gate.digest, workers=workers, cores=TWO_CORES) for workers in (1, 2)]


class Bench:
    """Everything that runs; leaving the with block stops it all."""

    def __init__(self, directory):
        self.directory = directory
        self.origin, self.running, self.left_out, self.versions, self.processes = None, [], {}, {}, []
        self.origin_ports = {name: free_port() for name in ("tls-open", "tls-digest", "plain-open", "plain-digest")}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.stop(process)

    def stop(self, process):
        """End one of our own processes and what it started."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                for pid in reversed(tree(process.pid)):
                    os.kill(pid, signal.SIGKILL)
                process.wait(5)
        if process in self.processes:
            self.processes.remove(process)

    def spawn(self, name, core, command, **more):
        log = open(os.path.join(self.directory, f"{name}.out"), "ab")
        more.setdefault("stdout", log)
        more.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen(on_core(core, command), stderr=log, **more)
        log.close()
        self.processes.append(process)
        return process

    def path(self, name):
        return os.path.join(self.directory, name)

    def start(self, wanted):
        self.write_files()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.start_origin()
        for peer in all_peers(self.directory):
            if wanted and not any(word in peer.name for word in wanted):
                continue
            try:
                self.start_peer(peer)
                self.running.append(peer)
            except Failed as error:
                self.left_out[peer.name] = str(error)

    def drop(self, peer, reason):
        self.left_out[peer.name] = reason
        self.running.remove(peer)

    def write_files(self):
        os.chmod(self.directory, 0o755)
        key, cert = self.path("key.pem"), self.path("cert.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=bench.localhost", "-keyout", key, "-out", cert, "-addext",
                        f"subjectAltName=DNS:{HOST},DNS:gate.bench.localhost,DNS:{REALM},IP:127.0.0.1"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.chmod(key, 0o600)
        with open(key, encoding="ascii") as first, open(cert, encoding="ascii") as second:
            write(self.path("both.pem"), second.read() + first.read(), 0o600)
        ha1 = hashlib.sha256(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
        write(self.path("users"), f"{USER}:{REALM}:{ha1}\n", 0o600)
        ha1 = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
        write(self.path("users.md5"), f"{USER}:{REALM}:{ha1}\n")
        write(self.path("phone.password"), PHONE_PASSWORD + "\n", 0o600)
        os.makedirs(self.path("profiles"), exist_ok=True)
        shutil.copy(os.path.join(HERE, "peers", "bench-profile.cfg"), self.path("profiles/bench.cfg"))

    def public_key_pin(self):
        """SHA-256 of the certificate's public key, as phonegate pins it."""
        pem = subprocess.run(["openssl", "x509", "-in", self.path("cert.pem"), "-noout", "-pubkey"], check=True,
                             capture_output=True, text=True).stdout
        return hashlib.sha256(base64.b64decode("".join(pem.splitlines()[1:-1]))).hexdigest()

    def values(self, peer):
        """What the @NAMES@ in a configuration template stand for."""
        tls = peer.origin.startswith("tls")
        trust = (f'tls: {{ pin_sha256 = [ "{self.public_key_pin()}" ]; }};' if tls else "allow_plain_http = true;")
        return {
            "DIR": self.directory, "NAME": peer.name.split(",")[0] + "-" + peer.origin, "PORT": peer.port,
            "ORIGIN_PORT": self.origin_ports[peer.origin], "SCHEME": "https" if tls else "http",
            "CERT": self.path("cert.pem"), "KEY": self.path("key.pem"), "CERT_AND_KEY": self.path("both.pem"),
            "USER": "user root;" if os.geteuid() == 0 else "", "USERS": self.path("users"), "REALM": REALM,
            "USER_NAME": USER, "PHONE_USER": PHONE_USER, "PHONE_PASSWORD_FILE": self.path("phone.password"),
            "PHONE_TRUST": trust, "WORKERS": peer.workers, "USERS_LEGACY": self.path("users.md5"),
            "APACHE_MODULES": APACHE_MODULES, "APACHE_USER": "User nobody\nGroup nogroup" if os.geteuid() == 0 else "",
            "SERVER_TLS": f"ssl verify required ca-file {self.path('cert.pem')} sni str({HOST})" if tls else "",
        }

    def start_origin(self):
        command = [os.path.join(ROOT, "build", "bench", "origin"), "--cert", self.path("cert.pem"), "--key",
                   self.path("key.pem"), "--user", PHONE_USER, "--password", PHONE_PASSWORD]
        for name, port in self.origin_ports.items():
            command += ["--listen", f"{port}:{name.replace('-', ':')}"]
        process = self.origin = self.spawn("origin", ORIGIN_CORE, command, stdout=subprocess.PIPE)
        if process.stdout.readline() != b"ready\n":
            raise SystemExit("the simulated phone does not start: " + self.tail("origin"))

    def origin_counters(self):
        with socket.create_connection(("127.0.0.1", self.origin_ports["plain-open"]), 10) as client:
            client.sendall(b"GET /counters HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: client.recv(4096), b""))
        return json.loads(text.split(b"\r\n\r\n", 1)[1])

    def tail(self, name):
        try:
            with open(self.path(f"{name}.out"), encoding="utf-8", errors="replace") as log:
                return " / ".join(log.read().strip().splitlines()[-3:])
        except OSError:
            return ""

    def restart_peer(self, peer):
        """With memory as it is before anybody came."""
        self.stop(peer.process)
        self.start_peer(peer)

    def start_peer(self, peer):
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        program = shutil.which(peer.command[0], path=path)
        if program is None:
            raise Failed("not installed")
        values = self.values(peer)
        name = values["NAME"]
        with open(os.path.join(HERE, "peers", peer.template + ".in"), encoding="utf-8") as template:
            text = re.sub(r"@([A-Z_]+)@", lambda match: str(values[match.group(1)]), template.read())
        config = self.path(f"{name}.{peer.template}")
        write(config, text)
        os.makedirs(self.path(f"{name}.state"), mode=0o700, exist_ok=True)
        command = [program] + [config if word == "@CONFIG@" else word for word in peer.command[1:]]
        flag = {"nginx": "-v", "apache2": "-v", "haproxy": "-v", "lighttpd": "-v", "phonegate": "version"}[peer.program]
        version = subprocess.run([program, flag], capture_output=True, text=True, timeout=10, check=False)
        self.versions[peer.program] = ((version.stdout + version.stderr).splitlines() or ["?"])[0]
        peer.process = self.spawn(name, peer.cores, command)
        self.wait_until_up(peer, name)
        peer.check_strangers()

    def wait_until_up(self, peer, name):
        for _ in range(100):
            if peer.process.poll() is not None:
                raise Failed(f"does not start: {self.tail(name)}")
            try:
                socket.create_connection(("127.0.0.1", peer.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise Failed(f"does not listen: {self.tail(name)}")

    def note_cipher(self, peer):
        """The phone remembers its last handshake: ask right after this peer was the only one to talk to it."""
        if peer.origin.startswith("tls"):
            peer.phone_cipher = self.origin_counters()["cipher"] or "?"

    def start_load(self, peer, scenario, milliseconds, connections):
        """A load generator whose connections are all open, logged in and waiting."""
        command = [os.path.join(ROOT, "build", "bench", "load"), "--connect", f"127.0.0.1:{peer.port}", "--host", HOST,
                   "--path", f"/bytes/{scenario.size}", "--bytes", str(scenario.size), "--mode", scenario.mode,
                   "--ms", str(milliseconds),
                   "--connections", str(connections), "--user", USER, "--password", PASSWORD,
                   "--auth", {"SHA-256": "sha256", "MD5": "md5", None: "none"}[peer.digest]]
        if scenario.upload:
            command += ["--upload", str(scenario.upload)]
        load = self.spawn("load", LOAD_CORE, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if load.stdout.readline() != b"ready\n":
            load.wait(30)
            self.stop(load)
            raise Failed(f"{peer.name}: {self.tail('load')}")
        return load

    def finish_load(self, load):
        """Let it run; its figures."""
        load.stdin.write(b"\n")
        load.stdin.flush()
        line = load.stdout.readline()
        if not line:
            self.stop(load)
            raise Failed("the load generator gave up: " + self.tail("load"))
        return json.loads(line)

    def end_load(self, load):
        load.stdin.close()
        load.wait(10)
        self.stop(load)

    def count_system_calls(self, results, scenario, connections):
        """One more short run of each peer under strace -c: system calls per request."""
        if shutil.which("strace") is None:
            return
        for peer in self.running:
            load = self.start_load(peer, scenario, 1500, scenario.connections or connections)
            out = self.path("strace.out")
            command = ["strace", "-f", "-c", "-o", out]
            for pid in tree(peer.process.pid):
                command += ["-p", str(pid)]
            tracer = self.spawn("strace", LOAD_CORE, command)
            time.sleep(0.3)
            figures = self.finish_load(load)
            tracer.send_signal(signal.SIGINT)
            tracer.wait(10)
            self.stop(tracer)
            self.end_load(load)
            with open(out, encoding="utf-8") as text:
                calls = {words[-1]: int(words[3]) for words in map(str.split, text)
                         if len(words) >= 5 and words[0][0].isdigit() and words[3].isdigit()}
            calls.pop("total", None)
            each = {name: round(count / figures["answers"], 2) for name, count in calls.items()}
            results[peer.name]["system_calls"] = round(sum(calls.values()) / figures["answers"], 2)
            results[peer.name]["system_calls_each"] = {k: v for k, v in each.items() if v >= 0.01}
