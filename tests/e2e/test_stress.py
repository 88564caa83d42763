"""Many clients doing random things at once, phones that break, reloads in between: afterwards
nothing is lost, nothing is stuck, and there is one record for each request.

The seed is fixed (E2E_SEED changes it), the time is bounded; what clients do, their order
in time is the machine's."""

import collections
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import gate as gate_module
import rawhttp
from digestclient import Digest
from gate import libconfig_file, wait_for
from rawhttp import Client, head

SEED = int(os.environ.get("E2E_SEED", "20"))
CLIENTS = 20
SECONDS = 12
LIMITS = {"header_s": 2, "body_stall_s": 2, "idle_s": 6, "phone_connect_s": 2,
          "phone_first_byte_s": 2, "phone_stall_s": 2, "queue_s": 4, "queue_length": 16,
          "connections": 200, "connections_per_address": 60}
# What ends with a 401 is left out: the gate must take it for a wrong password and stop.
FAULTS = ["nothing", "reset", "reset_mid_body", "close_mid_body", "stall_before_head",
          "stall_mid_head", "stall_mid_body", "drip", "garbage", "no_status_line", "half_chunk",
          "length_short", "length_long", "switching_101", "continue_100", "endless_1xx",
          "huge_head", "many_headers", "octets_after_204"]
SMALL_MEMORY_KIB = 64 * 1024


def settle(client):
    """Everything the gate still says, until it closes or a moment has passed."""
    client.sock.settimeout(0.3)
    try:
        while client.sock.recv(65536):
            pass
    except OSError:
        pass


class Person(threading.Thread):
    """One client. `seen` maps the mark in a request's path to the status it was answered with."""

    def __init__(self, gate, number, until):
        super().__init__()
        self.gate, self.number, self.until = gate, number, until
        self.random = random.Random(SEED * 1000 + number)
        self.seen = {}
        self.asked = 0
        self.error = None
        self.digest = Digest("alice", gate.passwords["alice"])

    def run(self):
        doings = [self.right, self.right, self.right, self.pipelined, self.wrong_password,
                  self.half_head, self.half_body, self.leave, self.slow_reader, self.upload,
                  self.upload, self.chunked, self.noise, self.plain]
        while time.monotonic() < self.until:
            try:
                self.random.choice(doings)()
            except rawhttp.BadAnswer as error:
                self.error = error
            except (OSError, rawhttp.Closed):
                pass                 # a refused or broken connection is part of it

    # -- tools --

    def connect(self):
        return Client(self.gate.port, timeout=8 * gate_module.SLOWER,
                      receive_buffer=self.random.choice([0, 0, 4096]))

    def mark(self):
        self.asked += 1
        return "m%d-%d" % (self.number, self.asked)

    def wire(self, mark, method="GET", name=None, headers=()):
        phone = self.random.choice(["101", "101", "102", "103"])
        target = "/phone/%s/%s" % (phone, name or mark)
        lines = list(headers)
        if self.digest.challenge:
            lines.append(self.digest.header(method, target))
        return head(method, target, headers=lines)

    def note(self, mark, answer):
        """True when the answer is there; a 401 brings a nonce."""
        self.seen[mark] = answer.status
        if answer.status == 401:
            self.digest.take(answer)
        return answer.status

    def break_off(self, client):
        if self.random.random() < 0.5:
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    # -- what a client does --

    def right(self):
        with self.connect() as c:
            for _ in range(self.random.randint(1, 6)):
                method = self.random.choice(["GET", "GET", "HEAD"])
                mark = self.mark()
                c.send(self.wire(mark, method))
                answer = c.read(method)
                self.note(mark, answer)
                if answer.one("connection") == "close":
                    break

    def pipelined(self):
        with self.connect() as c:
            marks = [self.mark() for _ in range(self.random.randint(2, 8))]
            c.send(b"".join(self.wire(m) for m in marks))
            for m in marks[:self.random.randint(0, len(marks))]:
                self.note(m, c.read())
            self.break_off(c)

    def wrong_password(self):
        if not self.digest.challenge:
            return
        with self.connect() as c:
            mark = self.mark()
            wrong = Digest("alice", "not-her-password")
            wrong.challenge = self.digest.challenge
            target = "/phone/101/" + mark
            c.send(head("GET", target, headers=[wrong.header("GET", target)]))
            if c.read().status not in (401, 503):
                self.error = "a wrong password got through"

    def half_head(self):
        with self.connect() as c:
            text = self.wire(self.mark())
            c.send(text[:self.random.randint(1, len(text) - 1)])
            if self.random.random() < 0.3:
                settle(c)
            self.break_off(c)

    def half_body(self):
        with self.connect() as c:
            c.send(self.wire(self.mark(), "POST", headers=[("Content-Length", "100000")]))
            c.send(b"b" * self.random.randint(0, 99999))
            self.break_off(c)

    def leave(self):
        with self.connect() as c:
            c.send(self.wire(self.mark()))
            time.sleep(self.random.random() * 0.05)
            self.break_off(c)

    def slow_reader(self):
        with self.connect() as c:
            c.send(self.wire(None, name="trace.pcap"))
            for _ in range(self.random.randint(0, 8)):
                c.sock.recv(self.random.choice([1, 100, 5000]))
                time.sleep(self.random.random() * 0.1)
            self.break_off(c)

    def upload(self):
        size = self.random.choice([0, 100, 20000, 65536, 65537, 300000])
        expect = self.random.random() < 0.4
        headers = [("Content-Length", str(size)), ("Content-Type", "application/octet-stream")]
        with self.connect() as c:
            mark = self.mark()
            c.send(self.wire(mark, "POST", headers=headers + [("Expect", "100-continue")] * expect))
            if not expect:
                c.send(b"u" * size)
            answer = c.read_head()
            if answer.status == 100:
                c.send(b"u" * size)
                answer = c.read_head()
            c._read_body(answer, "POST")
            self.note(mark, answer)

    def chunked(self):
        with self.connect() as c:
            mark = self.mark()
            c.send(self.wire(mark, "POST", headers=[("Transfer-Encoding", "chunked")]))
            for _ in range(self.random.randint(0, 20)):
                piece = b"c" * self.random.randint(1, 6000)
                c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            c.send(self.random.choice([b"0\r\n\r\n", b"0\r\n\r\n", b"zz\r\n", b""]))
            self.note(mark, c.read())

    def noise(self):
        octets = self.random.randbytes(self.random.randint(1, 3000))
        first = self.random.choice([b"\x16\x03\x01\x02\x00", b"\x16\x03", b"GET ", b"PROXY ", b""])
        with Client(self.gate.port, plain=True, timeout=5) as c:
            c.send(first + octets)
            if self.random.random() < 0.3:
                settle(c)
            self.break_off(c)

    def plain(self):
        with Client(self.gate.http_port, plain=True, timeout=5) as c:
            c.send(head("GET", "/", headers=[("X", "x" * self.random.choice([10, 20000, 70000]))]))
            settle(c)


class Trouble(threading.Thread):
    """Breaks phones and mends them."""

    def __init__(self, phones, until):
        super().__init__()
        self.phones, self.until, self.random = phones, until, random.Random(SEED)

    def run(self):
        while time.monotonic() < self.until:
            phone = self.random.choice(self.phones)
            values = {"fault": self.random.choice(FAULTS), "fault_count": 1,
                      "fault_ms": self.random.choice([100, 600, 3000]),
                      "keep_alive": self.random.random() < 0.8,
                      "silent_close": self.random.random() < 0.1,
                      "framing": self.random.choice(["length", "length", "chunked", "close"]),
                      "ms": self.random.choice([0, 0, 5, 50])}
            phone.switch(**values)
            if self.random.random() < 0.1:
                phone.close_connections()
            time.sleep(self.random.random() * 0.4)
        for phone in self.phones:
            phone.switch(fault="", keep_alive=True, silent_close=False, framing="length", ms=0)


class Reloads(threading.Thread):
    """SIGHUP with changed limits, certificates and phones; one broken file in between."""

    def __init__(self, gate, identities, until):
        super().__init__()
        self.gate, self.identities, self.until = gate, identities, until
        self.random = random.Random(SEED + 1)

    def write(self, broken=False):
        config = dict(self.gate.config)
        config["limits"] = dict(LIMITS, header_bytes=self.random.choice([4096, 16384, 65536]),
                                judged_body_bytes=self.random.choice([10000, 65536]))
        phones = list(config["phones"])
        phones[2] = dict(phones[2], tls=self.random.choice([phones[2]["tls"], {"verify": "none"}]))
        config["phones"] = tuple(phones[:self.random.choice([2, 3, 3])])
        if broken:
            config["realm"] = 7
        self.gate.file.write_text(libconfig_file(config), encoding="utf-8")

    def run(self):
        tls = self.gate.dir / "tls"
        while time.monotonic() < self.until:
            self.write(broken=self.random.random() < 0.15)
            identity = self.random.choice(self.identities)
            shutil.copy(identity / "gate.crt", tls)
            (tls / "gate.key").write_bytes((identity / "gate.key").read_bytes())
            self.gate.process.send_signal(signal.SIGHUP)
            time.sleep(0.2 + self.random.random() * 0.6)
        for name in ("gate.crt", "gate.key"):
            (tls / name).write_bytes((self.identities[0] / name).read_bytes())
        self.gate.file.write_text(libconfig_file(self.gate.config), encoding="utf-8")
        self.gate.process.send_signal(signal.SIGHUP)


def open_files(gate):
    return len(os.listdir("/proc/%d/fd" % gate.process.pid))


def memory_kib(gate):
    text = subprocess.run(["ps", "-o", "rss=", "-p", str(gate.process.pid)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return int(text)


def all_phones_answer(gate, sign_in):
    """Each within two seconds."""
    for phone in gate.phones:
        begin = time.monotonic()
        with sign_in(gate, "alice", timeout=10 * gate_module.SLOWER) as person:
            answer = person.get("/phone/%s/info.htm" % phone)
        assert answer.status == 200, "phone %s: %d %s" % (phone, answer.status, gate.records()[-1])
        assert time.monotonic() - begin < 2 * gate_module.SLOWER


def silence_is_over(gate, sign_in):
    """A phone that left three logins without an answer is left alone for PHONE_SILENT_MS, over reloads too."""
    stopped = [r for r in gate.records() if r["event"] == "phone_credentials_rejected"]
    assert {r["why"] for r in stopped} <= {"no_answer"}     # no phone here refuses a password
    for phone in {r["phone_id"] for r in stopped}:
        with sign_in(gate, "alice", timeout=10 * gate_module.SLOWER) as person:
            wait_for(lambda: person.get("/phone/%s/info.htm" % phone).status == 200, 75, "%s is asked again" % phone)


def test_stress(new_gate, new_phone, sign_in, ca, tmp_path):
    phones = {i: new_phone(pcap_bytes=400_000) for i in ("101", "102", "103")}
    gate = new_gate(phones, limits=LIMITS, lockout={"failures": 0})
    all_phones_answer(gate, sign_in)
    files, memory = open_files(gate), memory_kib(gate)
    until = time.monotonic() + SECONDS
    people = [Person(gate, n, until) for n in range(CLIENTS)]
    others = [Trouble(list(phones.values()), until),
              Reloads(gate, [ca, gate_module.make_ca(tmp_path)], until)]
    for thread in people + others:
        thread.start()
    for thread in people + others:
        thread.join(60 * gate_module.SLOWER)
        assert not thread.is_alive(), "a client waits for ever"
    assert gate.process.poll() is None, gate.stderr()
    assert [p.error for p in people if p.error] == []
    wait_for(lambda: "config.reloaded" in gate.stderr(), 5, "a reload")
    time.sleep(LIMITS["phone_first_byte_s"])         # what nobody waits for ends
    for phone in phones.values():
        phone.switch(fault="", keep_alive=True, silent_close=False, framing="length", ms=0)
    silence_is_over(gate, sign_in)
    all_phones_answer(gate, sign_in)

    # One record for each request that was answered, with that status; never two for one.
    records = collections.defaultdict(list)
    for record in gate.records():
        if record["event"] == "request":
            records[str(record.get("path", "")).rpartition("/")[2]].append(record.get("status"))
    seen = {mark: status for p in people for mark, status in p.seen.items()}
    assert len(seen) > 100, "too few answers: %d" % len(seen)
    wrong = {m: (s, records[m]) for m, s in seen.items() if records[m] != [s]}
    assert not wrong, list(wrong.items())[:5]
    assert all(len(found) == 1 for mark, found in records.items() if mark.startswith("m"))
    numbers = [record["seq"] for record in gate.records()]
    assert numbers == list(range(1, len(numbers) + 1))

    # Everything was given back.
    wait_for(lambda: open_files(gate) <= files + len(phones), 8, "descriptors: %d, %d at the start"
             % (open_files(gate), files))
    if gate_module.SLOWER == 1:
        assert memory_kib(gate) < memory + SMALL_MEMORY_KIB
