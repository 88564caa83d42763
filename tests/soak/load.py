"""Half the gate's load: bursts of the bench's load generator, and pauses so long that the gate's CPU time
is what was asked for. It checks every octet of every answer itself."""

import json
import os
import subprocess
import threading
import time

from gate import ROOT

TICKS = os.sysconf("SC_CLK_TCK")
BURST_MS = 400
# what, connections, size of the answer, of the upload
BURSTS = [("keepalive", 64, 1024, 0), ("full", 16, 1024, 0), ("keepalive", 32, 65536, 0),
          ("resume", 16, 1024, 0), ("keepalive", 8, 16, 1 << 20), ("keepalive", 8, 4 << 20, 0)]


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Load(threading.Thread):
    def __init__(self, gate, share, until, ended):
        super().__init__(name="load", daemon=True)
        self.gate, self.share, self.until, self.ended = gate, share, until, ended
        self.answers, self.errors = 0, []

    def run(self):
        """The pace is kept over the last few seconds, so that a slow moment is not made up for for ever."""
        marks = []
        number = 0
        try:
            while time.monotonic() < self.until and not self.ended.is_set():
                now, used = time.monotonic(), cpu_seconds(self.gate.process.pid)
                marks = [m for m in marks if m[0] > now - 10] or [(now, used)]
                since, before = marks[0]
                if used - before > self.share * (now - since):
                    self.ended.wait(0.02)
                    continue
                marks.append((now, used))
                self.burst(*BURSTS[number % len(BURSTS)])
                number += 1
        except (OSError, ValueError) as error:
            self.errors.append(repr(error))

    def burst(self, mode, connections, size, upload):
        command = [str(ROOT / "build" / "bench" / "load"), "--connect", "127.0.0.1:%d" % self.gate.port,
                   "--host", "gate.localhost", "--path", "/phone/bench/bytes/%d" % size,
                   "--bytes", str(size), "--mode", mode, "--ms", str(BURST_MS),
                   "--connections", str(connections), "--auth", "sha256", "--user", "load",
                   "--password", self.gate.passwords["load"]]
        command += ["--upload", str(upload)] if upload else []
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            out, err = process.communicate("\n\n", 60)
        line = next((text for text in out.splitlines() if text.startswith("{")), None)
        if line is None or process.returncode != 0:
            self.errors.append("%s %d: %s %s" % (mode, size, line or "", err.strip()))
            return
        figures = json.loads(line)
        self.answers += figures["answers"]
