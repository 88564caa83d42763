"""The phones of a soak, and who breaks them."""

import collections
import random
import shutil
import subprocess
import threading
import time

import gate as gate_module
from gate import ROOT
from snomlib import certificate

PHONES = 12
FAILING = 6                 # the first ones; the others never fail
GRACE_S = 4.0               # after a fault: what was under way may still end with it
BENCH_USER, BENCH_PASSWORD = "bench", "bench-2f6b1c"
SERVICE = ("service", "svc-0f9e8d7c6b5a4321")
PCAP_BYTES = 100_000

# Hanging up, in whatever the gate was about to do.
TORN = {"phone_closed", "phone_reset", "phone_incomplete", "phone_incomplete_head", "phone_refused",
        "phone_tls_failed"}
# A request that may not be sent twice can meet a connection that has just died. And where the gate has cut
# an answer, a phone that notices it late is still busy, and spoils the head of the next.
AFTERMATH = {"phone_closed", "phone_reset", "phone_bad_head", "phone_bad_status_line", "phone_bad_field",
             "phone_challenge_missing", "phone_challenge_malformed", "phone_incomplete"}
# Octets nobody asked for that came when the next request was under way: the gate cannot know it the first
# time. Then it gives that phone a connection for each request.
MISPAIRED = {"phone_not_hardened"}
# What each fault may lead to, beside the right answer. Every request waits behind those before it.
FAULTS = {
    "nothing": {"phone_closed"},
    "reset": {"phone_reset", "phone_closed"},
    "reset_mid_body": {"phone_incomplete", "phone_reset", "phone_incomplete_head"},
    "close_mid_body": {"phone_incomplete"},
    "stall_before_head": {"phone_first_byte_timeout", "phone_queue_timeout"},
    "stall_mid_head": {"phone_stalled", "phone_queue_timeout"},
    "stall_mid_body": {"phone_stalled", "phone_queue_timeout"},
    "drip": {"phone_queue_timeout"},
    "garbage": {"phone_bad_head"},
    "no_status_line": {"phone_bad_head", "phone_closed"},
    "half_chunk": {"phone_incomplete"},
    "chunk_no_end": {"phone_incomplete"},
    "chunk_bad_size": {"phone_bad_chunk"},
    "length_short": {"phone_incomplete"},
    "length_long": MISPAIRED,
    "twice": MISPAIRED,
    "unasked": MISPAIRED,
    "switching_101": {"phone_switching_protocols"},
    "endless_1xx": {"phone_too_many_interim"},
    "folded": {"phone_folded_line"},
    "huge_head": {"phone_head_too_large"},
    "many_headers": {"phone_too_many_headers"},
    "length_twice_differ": {"phone_length_repeated"},
}
# Beyond a single answer.
EVENTS = {
    "refuse": TORN,
    "kill": TORN,
    "reboot": TORN,
    "close": TORN,
    "handshake": TORN | {"phone_connect_timeout", "phone_queue_timeout"},
    "certificate": TORN | {"phone_pin_mismatch"},
    "swap": TORN | {"phone_pin_mismatch"},
}
ALLOWED = {**FAULTS, **EVENTS}


class Span:
    """One phone was broken in one way from `start` to `end` (None: still)."""

    def __init__(self, phone, what):
        self.phone, self.what = phone, what
        self.start, self.end = time.time(), None

    def touches(self, begin, end):
        return self.start <= end and (self.end is None or begin <= self.end + GRACE_S)


def profiles(directory):
    """Those of the program, and the one of the fast phone."""
    target = directory / "profiles"
    shutil.copytree(ROOT / "policy" / "profiles", target)
    shutil.copy(ROOT / "tests" / "bench" / "peers" / "bench-profile.cfg", target / "bench.cfg")
    return target


class House:
    def __init__(self, directory):
        self.directory = directory
        self.lock = threading.Lock()
        self.spans = []
        self.counts = collections.Counter()
        self.phones = {}
        for n in range(PHONES):
            where = directory / ("phone-%d" % n)
            where.mkdir()
            self.phones["p%d" % n] = self._start(where, 0)
        self.bench = self._start_bench()

    # -- phones --

    def _start(self, where, port, login=("gate", None), cert=()):
        phone = gate_module.Phone(where, "--port", str(port), *cert, login=login, service=SERVICE,
                                  settings={"use_hidden_tags": "off"}, pcap_bytes=PCAP_BYTES)
        phone.where = where
        return phone

    def restart(self, phone, port):
        """The same phone in a new process: its key and passwords, at this port."""
        cert = next(phone.where.glob("*-0.crt"))
        return self._start(phone.where, port, ("gate", phone.password),
                           ("--cert", str(cert), "--key", str(cert.with_suffix(".key"))))

    def entries(self):
        return dict(self.phones)

    def failing(self):
        return ["p%d" % n for n in range(FAILING)]

    def _start_bench(self):
        where = self.directory / "bench"
        where.mkdir()
        cert, key = certificate.make(str(where), "bench", 0)
        self.bench_pin = certificate.pin(cert)
        self.bench_port = gate_module.free_port()
        program = ROOT / "build" / "bench" / "origin"
        process = subprocess.Popen(
            [program, "--listen", "%d:tls:digest" % self.bench_port, "--cert", cert, "--key", key,
             "--user", BENCH_USER, "--password", BENCH_PASSWORD], stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL)
        assert process.stdout.readline() == b"ready\n", "build/bench/origin does not start"
        return process

    def bench_entry(self):
        return {"name": "Bench", "url": "https://127.0.0.1:%d" % self.bench_port, "profile": "bench",
                "login": {"user": BENCH_USER, "password_file": "secrets/bench"},
                "tls": {"pin_sha256": [self.bench_pin]}}

    def mend(self):
        for phone in self.phones.values():
            phone.reset()

    def stop(self):
        for phone in self.phones.values():
            phone.stop()
        self.bench.kill()
        self.bench.wait()
        self.bench.stdout.close()

    # -- what was wrong when --

    def begin(self, phone_id, what):
        span = Span(phone_id, what)
        with self.lock:
            self.spans.append(span)
            self.counts[what] += 1
        return span

    @staticmethod
    def end(span):
        span.end = time.time()

    def excuses(self, phone_id, begin, end):
        """The reasons that a request to this phone may have failed for."""
        with self.lock:
            old = time.time() - 120
            self.spans = [s for s in self.spans if s.end is None or s.end > old]
            met = [s for s in self.spans if s.phone == phone_id and s.touches(begin, end)]
        reasons = set()
        for span in met:
            reasons |= ALLOWED[span.what] | AFTERMATH
        return reasons

    def summary(self):
        return ", ".join("%s %d" % pair for pair in sorted(self.counts.items())) or "none"


class Trouble(threading.Thread):
    """Breaks a phone for a moment and mends it, again and again. One at a time is enough: faults last
    as long as the pauses between them are short."""

    def __init__(self, house, until, ended):
        super().__init__(name="trouble", daemon=True)
        self.house, self.until, self.ended = house, until, ended
        self.random = random.Random(20)
        self.error = None

    def run(self):
        while time.monotonic() < self.until and not self.ended.is_set():
            phone_id = self.random.choice(self.house.failing())
            what = self.random.choice(sorted(FAULTS) + sorted(EVENTS) * 2)
            if ALLOWED[what] is MISPAIRED:
                phone_id = self.house.failing()[0]  # for ten minutes without kept connections
            if what in FAULTS:
                self.fault(phone_id, what)
            else:
                getattr(self, what)(phone_id)
            self.ended.wait(self.random.random())

    def pause(self, most=2.5):
        self.ended.wait(0.3 + self.random.random() * most)

    def switched(self, phone_id, what, on, off):
        phone = self.house.phones[phone_id]
        span = self.house.begin(phone_id, what)
        phone.switch(**on)
        self.pause()
        phone.switch(**off)
        self.house.end(span)

    def fault(self, phone_id, what):
        self.switched(phone_id, what, {"fault": what, "fault_ms": 4000, "drip_ms": 1}, {"fault": ""})

    def refuse(self, phone_id):
        self.switched(phone_id, "refuse", {"refuse": True}, {"refuse": False})

    def handshake(self, phone_id):
        span = self.house.begin(phone_id, "handshake")
        phone = self.house.phones[phone_id]
        phone.switch(handshake_ms=3000)
        phone.close_connections()
        self.pause()
        phone.switch(handshake_ms=0)
        self.ended.wait(3)      # those that have begun
        self.house.end(span)

    def close(self, phone_id):
        span = self.house.begin(phone_id, "close")
        self.house.phones[phone_id].close_connections()
        self.house.end(span)

    def reboot(self, phone_id):
        span = self.house.begin(phone_id, "reboot")
        phone = self.house.phones[phone_id]
        phone.switch(reboot_ms=700)
        phone.reboot()
        self.ended.wait(1)
        self.house.end(span)

    def certificate(self, phone_id):
        """Another key, and, since that is for good, a new start with the old one."""
        span = self.house.begin(phone_id, "certificate")
        phone = self.house.phones[phone_id]
        phone.change_certificate()
        phone.close_connections()
        self.pause()
        self.replace(phone_id, phone.port)
        self.house.end(span)

    def replace(self, phone_id, port, old=None):
        old = old or self.take(phone_id)
        self.house.phones[phone_id] = self.house.restart(old, port)

    def take(self, phone_id):
        phone = self.house.phones[phone_id]
        phone.process.kill()
        phone.stop()
        return phone

    def kill(self, phone_id):
        span = self.house.begin(phone_id, "kill")
        old = self.take(phone_id)
        self.pause(1)
        self.replace(phone_id, old.port, old)
        self.house.end(span)

    def swap(self, phone_id):
        """Two phones at each other's address, and back."""
        other_id = self.random.choice([p for p in self.house.failing() if p != phone_id])
        spans = [self.house.begin(p, "swap") for p in (phone_id, other_id)]
        a, b = self.take(phone_id), self.take(other_id)
        self.replace(phone_id, b.port, a)
        self.replace(other_id, a.port, b)
        self.pause()
        self.take(phone_id), self.take(other_id)
        self.replace(phone_id, a.port, a)
        self.replace(other_id, b.port, b)
        for span in spans:
            self.house.end(span)


