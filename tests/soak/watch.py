"""Who looks on: statuses and records that nothing explains, memory, descriptors, processor time."""

import calendar
import collections
import json
import os
import re
import statistics
import threading
import time

import leaks
from load import cpu_seconds

RELOAD_S = 15.0
SEQ = re.compile(rb'\{"seq":([0-9]+),')
OWN_MARK, GOOD_MARK = b'"user":"load"', b'"outcome":"allowed"'
# What may be in a record of an event that is nobody's fault.
OUR_DOING = {"client_gone", "no_credentials", "wrong_response", "signed_out"}
# Of RSS, from the first quarter's median to the last's: what malloc's high-water marks still rise by when
# peaks meet by chance. A leak of ten octets a request is more in a few minutes.
GROWTH = 0.05
GROWTH_KIB = 1024           # ... or this much, whichever is more


class Ledger:
    """What was seen, by all threads."""

    def __init__(self, house):
        self.house = house
        self.lock = threading.Lock()
        self.people = self.records = self.explained = 0
        self.unexplained = []
        self.reasons = collections.Counter()
        self.signed = collections.defaultdict(list)
        self.again = collections.Counter()

    def seen(self):
        with self.lock:
            self.people += 1

    def wrong(self, text):
        """Said at once as well: who looks on can still see what else was going on."""
        line = "%s %s" % (time.strftime("%H:%M:%S"), text)
        with self.lock:
            self.unexplained.append(line)
        print("  unexplained: " + line, flush=True)

    def signing_out(self, user):
        with self.lock:
            self.signed[user] = self.signed[user][-50:] + [time.time()]

    def signed_out(self, user, since):
        """Has somebody signed this user out since then (or just before: it was under way)?"""
        with self.lock:
            return any(moment > since - 5 for moment in self.signed[user])

    def asked_again(self, times):
        """Somebody who was signed out gave the password so often before it was taken."""
        with self.lock:
            self.again[times] += 1

    def record(self, record):
        """One record of a request that failed, or was denied to somebody, or of an event that is no request."""
        reason, status = record.get("reason"), record.get("status")
        kind = status if record["event"] == "request" else record["event"]
        with self.lock:
            self.reasons["%s %s" % (kind, reason)] += 1
        if record["event"] != "request":    # what the gate notices of a phone: only of one that is broken
            end = moment(record["ts"])
            phone_id = record.get("phone_id")
            good = phone_id is None or bool(self.house.excuses(phone_id, end, end))
        elif record["outcome"] == "denied":
            good = status == 401 and (reason in OUR_DOING or not record.get("user"))
        elif reason == "client_gone":
            good = record.get("user") != "load"
        else:
            end = moment(record["ts"])
            excuses = self.house.excuses(record.get("phone_id"), end - record["dur_ms"] / 1000, end)
            good = reason in excuses
        with self.lock:
            self.explained += good and record["outcome"] == "failed"
        if not good:
            self.wrong("record: " + json.dumps({k: record.get(k) for k in (
                "ts", "event", "outcome", "reason", "status", "user", "phone_id", "method", "path", "dur_ms")}))

    def by_reason(self):
        return ", ".join("%s: %d" % pair for pair in self.reasons.most_common()) or "none"


def moment(text):
    """Seconds since 1970 of "2026-11-23T13:00:00.123Z"."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + int(text[20:23]) / 1000


class Reader(threading.Thread):
    """Rotates the access log by renaming and SIGHUP, which reloads the configuration as well, and reads
    every line of the old one: numbers without a gap, and a reason for whatever was not served."""

    def __init__(self, gate, ledger, until, ended):
        super().__init__(name="reader", daemon=True)
        self.gate, self.ledger, self.until, self.ended = gate, ledger, until, ended
        self.last = self.reloads = 0
        self.gaps = ""
        self.path = gate.dir / "access.log"

    def run(self):
        while time.monotonic() < self.until and not self.ended.wait(RELOAD_S):
            self.rotate()

    def rotate(self):
        old = self.path.with_suffix(".old")
        os.rename(self.path, old)
        limits = dict(self.gate.config["limits"], headers=80 + self.reloads % 20)
        self.gate.rewrite(limits=limits)
        try:
            self.gate.reload("config.reloaded")
            self.reloads += 1
        except (AssertionError, ProcessLookupError) as error:
            self.ledger.wrong("reload: %s" % error)
        self.ended.wait(0.2)
        self.read(old)
        old.unlink()

    def read_rest(self):
        """After the gate has ended."""
        if self.path.exists():
            self.read(self.path)

    def read(self, path):
        count = 0
        with open(path, "rb") as lines:
            for line in lines:
                count += 1
                number = SEQ.match(line)
                if number is None or int(number[1]) != self.last + 1:
                    self.gaps = self.gaps or "behind %d comes %r" % (self.last, line[:80])
                self.last = int(number[1]) if number else self.last + 1
                if GOOD_MARK in line:
                    continue
                self.ledger.record(json.loads(line))
        self.ledger.records += count


class Sampler(threading.Thread):
    """Memory and descriptors, once a second."""

    def __init__(self, gate, until):
        super().__init__(name="sampler", daemon=True)
        self.gate, self.until = gate, until
        self.samples = []       # RSS in KiB, descriptors
        self.started, self.cpu_started = time.monotonic(), cpu_seconds(gate.process.pid)
        self.seconds = self.cpu = 0.0

    def run(self):
        while time.monotonic() < self.until and self.gate.process.poll() is None:
            try:
                self.samples.append((self.rss_kib(), leaks.descriptors(self.gate)))
                self.cpu = cpu_seconds(self.gate.process.pid) - self.cpu_started
                self.seconds = time.monotonic() - self.started
            except OSError:
                break
            time.sleep(1)

    def rss_kib(self):
        with open("/proc/%d/status" % self.gate.process.pid, encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

    def last_rss(self):
        return self.samples[-1][0] if self.samples else 0

    def rows(self, generator):
        """The first tenth is for warming up, or a minute of short runs; what is left in quarters."""
        begin = max(len(self.samples) // 10, min(60, len(self.samples) // 2))
        warm = self.samples[begin:]
        size = max(1, len(warm) // 4)
        quarters = [warm[i * size:(i + 1) * size] or warm[-1:] for i in range(4)]
        rss = [statistics.median(s[0] for s in quarter) for quarter in quarters]
        grown = rss[3] - rss[0]
        limit = max(GROWTH_KIB, GROWTH * rss[0])
        files = [int(statistics.median(s[1] for s in quarter)) for quarter in quarters]
        share = self.cpu / self.seconds if self.seconds else 0
        low = "" if share > generator.share * 0.8 else "; the machine was too busy for more"
        return [
            ("time", "%.1f minutes" % (self.seconds / 60), True),
            ("CPU of the gate", "%.0f %% of one core, %.0f %% wanted%s" % (
                share * 100, generator.share * 100, low), True),
            ("RSS by quarters after warm-up", "%s KiB, %+.0f from first to last (at most %+.0f)" % (
                " ".join("%.0f" % value for value in rss), grown, limit), grown <= limit),
            ("descriptors by quarters", " ".join(map(str, files)), True),
        ]
