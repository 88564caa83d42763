#!/usr/bin/python3
"""A long run of the real program under half its load, at phones that fail at random: `make soak`.

For SOAK_MINUTES (30) people sign in through TLS, look at pages, send forms and uploads, sign out, leave in
the middle; a load generator keeps the gate at SOAK_LOAD (0.5) of one core; phones break, restart, are
killed and exchanged; the configuration is reloaded and the access log rotated. Every status that somebody
sees and every record must be explained by what was wrong with that phone at that moment. At the end nothing
may have grown and nothing may be held. Exit status 0: so it was. See tests/README.md.
"""

import os
import pathlib
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "phones")]

import gate as gate_module  # noqa: E402
import house as house_module  # noqa: E402
import leaks  # noqa: E402
import load as load_module  # noqa: E402
import people as people_module  # noqa: E402
import watch as watch_module  # noqa: E402

MINUTES = float(os.environ.get("SOAK_MINUTES") or "30")
LOAD = float(os.environ.get("SOAK_LOAD") or "0.5")
LIMITS = {"phone_connect_s": 2, "phone_first_byte_s": 2, "phone_stall_s": 2, "queue_s": 20,
          "connections_per_address": 1000, "body_bytes": 64 << 20}
STEPS = ["step1", "step2", "step3", "step4"]


def start_gate(directory, house, names, lone):
    """Administrators and users; "load" asks the one phone that is fast and never fails."""
    phones = dict(house.entries(), bench=house.bench_entry())
    users = {name: ["SHA-256"] for name in names + ["load"]}
    grants = ({"users": names[::2], "role": "admin", "phones": ["*"], "allow": STEPS},
              {"users": names[1::2] + ["load"], "role": "user", "phones": ["*"]})
    profiles = house_module.profiles(directory)
    gate = gate_module.Gate(directory / "gate", lone, phones, users=users, grants=grants,
                            limits=LIMITS, profiles_dir=profiles, state_dir=directory / "state",
                            status=gate_module.status_listener())
    gate._secret("secrets/bench", house_module.BENCH_PASSWORD + "\n")
    return gate.start()


def print_table(rows):
    width = max(len(name) for name, _, _ in rows)
    for name, value, good in rows:
        print("%-*s  %s%s" % (width, name, value, "" if good else "   <-- NOT GOOD"))


def run(directory, ended):
    for name in ("gate", "state"):
        (directory / name).mkdir(mode=0o700)
    ca = gate_module.make_ca(directory / "ca")
    house = house_module.House(directory)
    names = people_module.NAMES
    gate = None
    try:
        gate = start_gate(directory, house, names, ca)
        ledger = watch_module.Ledger(house)
        rest = leaks.Rest(gate)
        expected = people_module.learn(gate, house)
        seconds = MINUTES * 60
        until = time.monotonic() + seconds
        sampler = watch_module.Sampler(gate, until)
        reader = watch_module.Reader(gate, ledger, until, ended)
        others = [house_module.Trouble(house, until, ended), reader, sampler]
        crowd = [people_module.Person(gate, house, ledger, expected, n, until, ended)
                 for n in range(people_module.PEOPLE)]
        generator = load_module.Load(gate, LOAD, until, ended)
        for thread in others + crowd + [generator]:
            thread.start()
        report_progress(until, ledger, sampler, generator, ended)
        ended.set()
        for thread in crowd + [generator] + others:
            thread.join(60 * gate_module.SLOWER)
            if thread.is_alive():
                ledger.wrong("a thread waits for ever: %s" % thread.name)
        house.mend()
        return verdict(gate, rest, ledger, sampler, generator, reader, house)
    finally:
        ended.set()
        house.stop()
        if gate is not None and gate.process.poll() is None:
            gate.process.kill()
            gate.process.wait()


def report_progress(until, ledger, sampler, generator, ended):
    """A line a minute, for who looks on; an end before the time when the gate has died."""
    last = time.monotonic()
    while time.monotonic() < until and not ended.wait(0.5):
        if time.monotonic() - last > 60:
            last = time.monotonic()
            print("%4.0f s to go, RSS %d KiB, %d requests, %d by people, %d unexplained" % (
                until - last, sampler.last_rss(), ledger.records, ledger.people, len(ledger.unexplained)),
                flush=True)


def verdict(gate, rest, ledger, sampler, generator, reader, house):
    held = "none"
    try:
        rest.check()
    except AssertionError as error:
        held = str(error)
    numbers = gate.metrics() if gate.process.poll() is None else {}
    end = "status 0, no complaint"
    try:
        gate.close()
    except AssertionError as error:
        end = str(error)[:2000]
    reader.read_rest()
    rows = sampler.rows(generator) + [
        ("requests of the load", "%d, %d wrong%s" % (generator.answers, len(generator.errors),
                                                     "".join("\n    " + e for e in generator.errors[:5])),
         not generator.errors and generator.answers > 0),
        ("requests of people", "%d, %d of them failed as they should" % (ledger.people, ledger.explained),
         ledger.people > 0),
        ("faults at phones", house.summary(), True),
        ("reloads, rotations", "%d" % reader.reloads, True),
        ("records", "%d, %s" % (ledger.records, reader.gaps or "none missing"), not reader.gaps),
        ("failed requests by reason", ledger.by_reason(), True),
        ("passwords given once more", ", ".join("%d times: %d" % pair for pair in sorted(ledger.again.items())), True),
        ("unexplained", "%d%s" % (len(ledger.unexplained),
                                  "".join("\n    " + text for text in ledger.unexplained[:10])),
         not ledger.unexplained),
        ("slots in flight, waiting", "%s, %s" % (numbers.get("phone_requests_in_flight"),
                                                 numbers.get("phone_requests_waiting")),
         numbers.get("phone_requests_in_flight") == 0 and numbers.get("phone_requests_waiting") == 0),
        ("held at rest", held, held == "none"),
        ("end of the gate", end, end.startswith("status 0")),
    ]
    print_table(rows)
    good = all(row[2] for row in rows)
    print("soak: %s" % ("good" if good else "NOT GOOD"))
    return 0 if good else 1


def main():
    ended = threading.Event()
    with tempfile.TemporaryDirectory(prefix="phonegate-soak-") as directory:
        try:
            return run(pathlib.Path(directory), ended)
        except KeyboardInterrupt:
            ended.set()
            return 2


if __name__ == "__main__":
    sys.exit(main())
