#!/usr/bin/python3
"""make bench-page: what a person waits for when a slow phone's page of 20 assets is opened: straight, through nginx,
through the gate. See README.md here."""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bench_peers as peers
import bench_report as report
import page_phone
from page_browser import Browser, Wrong

LOADS = ("cold", "again", "new browser")
GOAL = 5.0
PROFILE = """login = "digest";
concurrent_requests = 1;
keep_alive_header = true;
static = [ "*.css", "*.js", "*.png" ];
rules = ( { name = "all"; methods = [ "GET", "HEAD" ]; paths = [ "*" ]; allow = true; } );
"""


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROUNDS", "5")))
    parser.add_argument("--handshake-ms", type=int, default=300)
    parser.add_argument("--request-ms", type=int, default=40)
    parser.add_argument("--json", metavar="FILE", help="write all figures here")
    chosen = parser.parse_args()
    if not 1 <= chosen.rounds <= 50:
        parser.error("rounds 1 to 50")
    return chosen


class PagePeer(peers.Peer):
    """A proxy that is started anew each round, and asked nothing before the first load."""

    def check_strangers(self):
        if self.digest:
            super().check_strangers()   # the gate answers a stranger itself: the phone stays cold


def way_to(bench, name, directory):
    if name == "nginx":
        command = ["nginx", "-c", "@CONFIG@", "-e", f"{directory}/nginx.error.log", "-p", directory]
        return PagePeer("nginx", "nginx", "nginx.conf", command, "tls-open")
    command = [os.path.join(peers.ROOT, "build", "phonegate"), "serve", "-c", "@CONFIG@"]
    return PagePeer("phonegate", "phonegate", "phonegate.cfg", command, "tls-digest", digest="SHA-256")


class SlowPhone:
    def __init__(self, bench, chosen):
        self.port = peers.free_port()
        script = os.path.join(peers.HERE, "page_phone.py")
        self.process = bench.spawn("page-phone", peers.ORIGIN_CORE, [
            sys.executable, script, "--port", str(self.port), "--cert", bench.path("cert.pem"), "--key",
            bench.path("key.pem"), "--user", peers.PHONE_USER, "--password", peers.PHONE_PASSWORD, "--handshake-ms",
            str(chosen.handshake_ms), "--request-ms", str(chosen.request_ms)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise SystemExit("the slow phone does not start: " + bench.tail("page-phone"))

    def numbers(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def browser_for(name, port):
    user, password = (peers.USER, peers.PASSWORD) if name == "phonegate" else (peers.PHONE_USER, peers.PHONE_PASSWORD)
    return Browser(port, peers.HOST, user, password, page_phone.content)


def one_round(name, port, phone):
    """The three loads: seconds and what the phone saw of each."""
    seen, open_browsers = {}, []
    try:
        for load in LOADS:
            if load != "again":
                open_browsers.append(browser_for(name, port))
            phone.numbers()
            seconds = open_browsers[-1].load("/index.htm", page_phone.ASSETS)
            seen[load] = {"seconds": seconds, "phone": phone.numbers()}
            if load == "again":
                open_browsers[-1].close()
            time.sleep(0.1)
    finally:
        for browser in open_browsers:
            browser.close()
    return seen


def measure(bench, phone, chosen, directory):
    rounds = {}
    for number in range(chosen.rounds):
        for name in ("straight", "nginx", "phonegate"):
            if name in bench.left_out:
                continue
            try:
                peer = None
                if name != "straight":
                    peer = way_to(bench, name, directory)
                    shutil.rmtree(bench.path(f"{name}-{peer.origin}.state"), ignore_errors=True)
                    bench.start_peer(peer)
                if sys.stderr.isatty():
                    print(f"\rround {number + 1} of {chosen.rounds}: {name:<20}\r", end="", file=sys.stderr, flush=True)
                rounds.setdefault(name, []).append(one_round(name, peer.port if peer else phone.port, phone))
            except (peers.Failed, Wrong, OSError) as error:
                bench.left_out[name] = str(error)
                rounds.pop(name, None)
            finally:
                if peer is not None and peer.process is not None:
                    bench.stop(peer.process)
    return rounds


def row_of(name, rounds):
    cells = [name]
    for load in LOADS:
        times = [one[load]["seconds"] for one in rounds]
        cells.append(f"{1000 * statistics.median(times):.0f}")
        cells.append(f"{1000 * min(times):.0f}..{1000 * max(times):.0f}")
        phone = rounds[-1][load]["phone"]
        cells.append(f"{phone.get('handshakes', 0)} / {phone.get('requests', 0) + phone.get('unauthorized', 0)}")
    return cells


def print_table(rounds):
    head = [""]
    for load in LOADS:
        head += [f"{load}, ms", "(min..max)", "phone"]
    rows = [head] + [row_of(name, seen) for name, seen in rounds.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        print("  " + "  ".join(cell.rjust(width) if i else cell.ljust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


def print_goal(rounds):
    if "straight" not in rounds or "phonegate" not in rounds:
        return
    for load, goal in (("again", GOAL), ("new browser", None), ("cold", None)):
        straight, gate = (statistics.median(one[load]["seconds"] for one in rounds[name])
                          for name in ("straight", "phonegate"))
        verdict = "" if goal is None else f" (goal: at least {goal:.0f} x: {'met' if straight / gate >= goal else 'missed'})"
        print(f"  {load}: {straight / gate:.1f} x as fast through phonegate as straight{verdict}")


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # so that what runs is stopped then, too
    with tempfile.TemporaryDirectory(prefix="phonegate-bench.") as directory, peers.Bench(directory) as bench:
        bench.write_files()
        peers.write(bench.path("profiles/bench.cfg"), PROFILE)
        phone = SlowPhone(bench, chosen)
        bench.origin_ports["tls-open"] = bench.origin_ports["tls-digest"] = phone.port
        rounds = measure(bench, phone, chosen, directory)
        print(f"\na page and {len(page_phone.ASSETS)} assets on a phone with {chosen.handshake_ms} ms for each new TLS "
              f"handshake, {chosen.request_ms} ms for each request, one at a time")
        print_table(rounds)
        print_goal(rounds)
        print()
        for name, reason in bench.left_out.items():
            print(f"left out: {name}: {reason}")
        print(f"medians of {chosen.rounds} interleaved rounds, every answer checked octet by octet; phone: handshakes / "
              "requests it saw in the last round")
        for name, version in bench.versions.items():
            print(f"{name}: {version}")
        print(report.machine())
        if chosen.json:
            peers.write(chosen.json, json.dumps(rounds, indent=1))
    return 0 if "phonegate" in rounds and "straight" in rounds else 1


if __name__ == "__main__":
    sys.exit(main())
