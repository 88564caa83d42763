#!/usr/bin/env python3
"""make bench: the gate beside nginx, HAProxy and lighttpd, on this machine, in one run. See README.md here."""
import argparse
import json
import os
import signal
import statistics
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_peers as peers
import bench_report as report

class Scenario:
    """One table: what the load generator asks for, and what CPU time is counted by."""

    def __init__(self, title, size, mode="keepalive", connections=None, per_gib=False, upload=0, goals=()):
        self.title, self.size, self.mode, self.connections = title, size, mode, connections
        self.per_gib, self.upload, self.goals = per_gib, upload, goals


class Idle(Scenario):
    """Connections that have had one answer and now do nothing: memory, not time."""


class Workers(Scenario):
    """The gate alone, with one worker and with two."""


# A goal: the gate's row, the peers of which the better one counts, and the ratio that is wanted at most.
TLS, PLAIN = "phonegate, TLS+Digest phone", "phonegate, plain+Digest phone"
NGINX, HAPROXY, LIGHTTPD = report.BASES
SCENARIOS = {
    "small": Scenario("small GET (1 KiB), kept connections", 1024,
                      goals=((TLS, (HAPROXY,), 1.0), (PLAIN, (LIGHTTPD,), 0.4))),
    "64k": Scenario("64 KiB GET, kept connections", 65536, goals=((TLS, (NGINX,), 0.9),)),
    "one": Scenario("small GET, one kept connection: latency", 1024, connections=1),
    "big": Scenario("GET of {piece} MiB, {connections} kept connection(s)", 1 << 26, connections=4, per_gib=True,
                    goals=((TLS, (NGINX, HAPROXY), 0.9),)),
    "up": Scenario("POST of {piece} MiB, {connections} kept connection(s)", 16, connections=4, per_gib=True, upload=1 << 26,
                   goals=((TLS, (NGINX, HAPROXY), 0.9),)),
    "full": Scenario("small GET, new TLS connection each, full handshake", 1024, "full", goals=((TLS, (NGINX,), 1.0),)),
    "resume": Scenario("small GET, new TLS connection each, resumed handshake", 1024, "resume",
                       goals=((TLS, (NGINX,), 1.0),)),
    "workers": Workers("small GET (1 KiB), 64 kept connections, one and two workers on the same two cores", 1024),
    "idle": Idle("2,000 idle TLS connections, each after one small GET", 1024, connections=2000),
}
IDLE_GOAL_KIB = 16


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    env = os.environ.get
    parser.add_argument("--rounds", type=int, default=int(env("ROUNDS", "3")))
    parser.add_argument("--seconds", type=float, default=float(env("SECONDS_EACH", "3")),
                        help="per peer and round")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--scenarios", default=env("SCENARIOS", "small,64k,one,full,resume,big,up,workers,idle"),
                        help="of " + ",".join(SCENARIOS))
    parser.add_argument("--peers", default=env("PEERS", ""), help="only names that contain one of these, by comma")
    parser.add_argument("--piece-mib", type=int, default=int(env("PIECE_MIB", "64")),
                        help="MiB of a body of the scenarios big and up (64; 1024 is a GiB in one piece)")
    parser.add_argument("--strace", action="store_true", help="also count system calls per request (needs strace)")
    parser.add_argument("--json", metavar="FILE", help="write all figures here")
    parser.add_argument("--keep", action="store_true", help="keep the directory with configurations and logs")
    chosen = parser.parse_args()
    for name in chosen.scenarios.split(","):
        if name not in SCENARIOS:
            parser.error(f"no scenario {name}; there are {', '.join(SCENARIOS)}")
    if not 1 <= chosen.rounds <= 50 or not 0.2 <= chosen.seconds <= 120:
        parser.error("rounds 1 to 50, seconds 0.2 to 120")
    if not 1 <= chosen.piece_mib <= 4095:
        parser.error("a piece of 1 to 4095 MiB")
    for name in ("big", "up"):
        use_pieces(SCENARIOS[name], chosen.piece_mib)
    return chosen


def use_pieces(scenario, mib):
    """Of which size the bodies are. A run ends with the last whole answer, so large ones go over one connection."""
    scenario.connections = 4 if mib <= 256 else 1
    scenario.title = scenario.title.format(piece=mib, connections=scenario.connections)
    if scenario.upload:
        scenario.upload = mib << 20
    else:
        scenario.size = mib << 20


class Watch(threading.Thread):
    """How much memory a peer takes more than at the beginning, looked at ten times a second. Only for bodies: it
    is work of this process, and there nobody counts single requests."""

    def __init__(self, peer, wanted):
        super().__init__(daemon=True)
        self.peer, self.wanted, self.grown_kib, self.over = peer, wanted, 0.0, threading.Event()

    def __enter__(self):
        if self.wanted:
            self.before = self.peer.memory()
            self.start()
        return self

    def run(self):
        while not self.over.wait(0.1):
            self.grown_kib = max(self.grown_kib, (self.peer.memory() - self.before) / 1024)

    def __exit__(self, *_):
        self.over.set()
        if self.wanted:
            self.join()


def measure(bench, peer, scenario, milliseconds, connections):
    """One run against one peer: the figures of the load generator and the CPU that the peer used meanwhile."""
    connections = scenario.connections or connections
    load = bench.start_load(peer, scenario, milliseconds, connections)
    seen_before = bench.origin_counters()
    ours_before, busy_before = peers.cpu_of(bench.origin.pid), peers.machine_busy()
    cpu_before = peer.cpu_seconds()
    with Watch(peer, scenario.per_gib) as watch:
        figures = bench.finish_load(load)
    figures["grown_kib"] = watch.grown_kib
    figures["cpu_s"] = peer.cpu_seconds() - cpu_before
    ours = peers.cpu_of(bench.origin.pid) - ours_before + figures["load_cpu_s"] + figures["cpu_s"]
    figures["others"] = max(0.0, peers.machine_busy() - busy_before - ours) / figures["seconds"]
    bench.end_load(load)
    seen = {key: value - seen_before[key] for key, value in bench.origin_counters().items()
            if isinstance(value, int)}
    expected = figures["answers"] + figures["errors"]
    if not expected <= seen["requests"] - seen["unauthorized"] + connections or seen["wrong"]:
        raise peers.Failed(f"{peer.name}: {expected} answers, but the phone saw {seen}")
    figures["phone"] = seen
    if figures["errors"] or not figures["answers"]:
        raise peers.Failed(f"{peer.name}: {figures['errors']} wrong answers, the first: {figures['first_error']}")
    carried = figures["answers"] * scenario.upload if scenario.upload else figures["body_bytes"]
    per = carried / 2**30 if scenario.per_gib else figures["answers"] / 1000
    figures["cpu"] = figures["cpu_s"] / per
    figures["busy"] = figures["cpu_s"] / figures["seconds"]
    return figures


def measure_idle(bench, peer, scenario):
    """KiB for each connection that stays open."""
    bench.restart_peer(peer)
    bench.stop(bench.start_load(peer, scenario, 1000, 32))  # what is needed once, and the phone's connections
    time.sleep(0.2)
    before = peer.memory()
    load = bench.start_load(peer, scenario, 1000, scenario.connections)
    time.sleep(3)  # who gives buffers back after a moment has done so
    kib = (peer.memory() - before) / 1024 / scenario.connections
    bench.stop(load)
    return kib


def run_idle(bench, scenario, rounds):
    rows = {}
    for _ in range(rounds):
        for peer in list(bench.running):
            progress(f"idle: {peer.name}")
            try:
                rows.setdefault(peer.name, []).append(measure_idle(bench, peer, scenario))
            except peers.Failed as error:
                print(f"\n{error}", file=sys.stderr)
                rows.pop(peer.name, None)
    progress("")
    print(f"\n{scenario.title}: KiB of memory each (goal: at most {IDLE_GOAL_KIB})")
    for name, figures in rows.items():
        print(f"  {name:<31}{statistics.median(figures):6.1f}  {min(figures):.1f}..{max(figures):.1f}")
    return {name: {"kib": statistics.median(figures), "kib_all": figures} for name, figures in rows.items()}


def run_workers(bench, scenario, chosen):
    """Interleaved as all tables are; the two are started for this."""
    rows = {}
    crews = peers.crews(bench.directory)
    try:
        for peer in crews:
            bench.start_peer(peer)
            measure(bench, peer, scenario, 300, chosen.connections)
        for _ in range(chosen.rounds):
            for peer in crews:
                progress(f"workers: {peer.name}")
                rows.setdefault(peer.name, []).append(
                    measure(bench, peer, scenario, int(chosen.seconds * 1000), chosen.connections))
    except peers.Failed as error:
        bench.left_out["workers"] = str(error)
        return {}
    finally:
        for peer in crews:
            if peer.process is not None:
                bench.stop(peer.process)
    progress("")
    results = {name: summarise(runs) for name, runs in rows.items()}
    report.print_workers(scenario.title, results)
    return results


def progress(text):
    """One line that overwrites itself, only where somebody looks at it."""
    if sys.stderr.isatty():
        print(f"\r{text:<78}\r", end="", file=sys.stderr, flush=True)


def run_scenario(bench, name, chosen):
    """Interleaved rounds, so that whatever else the machine does hits all peers alike."""
    rows, scenario = {}, SCENARIOS[name]
    for number in range(chosen.rounds):
        for peer in list(bench.running):
            progress(f"{name}: round {number + 1} of {chosen.rounds}: {peer.name}")
            try:
                if number == 0:
                    measure(bench, peer, scenario, 300, chosen.connections)  # warm
                    bench.note_cipher(peer)
                figures = measure(bench, peer, scenario, int(chosen.seconds * 1000), chosen.connections)
                rows.setdefault(peer.name, []).append(figures)
            except peers.Failed as error:
                print(f"\n{error}", file=sys.stderr)
                bench.drop(peer, str(error))
                rows.pop(peer.name, None)
    progress("")
    return {peer: summarise(runs) for peer, runs in rows.items()}


def summarise(runs):
    result = {key: statistics.median(run[key] for run in runs)
              for key in ("cpu", "per_second", "p50_us", "p99_us", "busy")}
    result["grown_kib"] = max(run["grown_kib"] for run in runs)
    result["cpu_all"] = [round(run["cpu"], 5) for run in runs]
    result["runs"] = runs
    return result


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what runs is stopped then, too
    with tempfile.TemporaryDirectory(prefix="phonegate-bench.") as temporary:
        directory = tempfile.mkdtemp(prefix="phonegate-bench.") if chosen.keep else temporary
        if chosen.keep:
            print(f"configurations and logs stay in {directory}", file=sys.stderr)
        with peers.Bench(directory) as bench:
            bench.start(chosen.peers.split(",") if chosen.peers else [])
            results, idle, workers = {}, {}, {}
            for name in chosen.scenarios.split(","):
                if isinstance(SCENARIOS[name], Idle):
                    idle = run_idle(bench, SCENARIOS[name], min(chosen.rounds, 3))
                    continue
                if isinstance(SCENARIOS[name], Workers):
                    workers = run_workers(bench, SCENARIOS[name], chosen)
                    continue
                results[name] = run_scenario(bench, name, chosen)
                if chosen.strace:
                    bench.count_system_calls(results[name], SCENARIOS[name], chosen.connections)
                report.print_table(SCENARIOS[name], results[name], bench.running)
                if SCENARIOS[name].per_gib:
                    print("  memory grew meanwhile by at most: " + "; ".join(
                        f"{peer} {row['grown_kib']:.0f} KiB" for peer, row in results[name].items()))
                report.print_goals(SCENARIOS[name], results[name])
            report.print_notes(bench, chosen, results)
            report.print_ciphers(bench, results)
    if chosen.json:
        with open(chosen.json, "w", encoding="utf-8") as out:
            json.dump({"machine": report.machine(), "versions": bench.versions, "left_out": bench.left_out,
                       "results": results, "idle": idle, "workers": workers}, out, indent=1)
    return 0 if bench.running or workers else 1


if __name__ == "__main__":
    sys.exit(main())
