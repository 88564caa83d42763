"""The tables of the bench."""
import os
import platform
import shutil
import statistics

import bench_peers as peers

BASES = ("nginx, TLS phone", "haproxy, TLS phone", "lighttpd, plain phone")


def machine():
    model = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}"


def ratio(results, name, base):
    """CPU of one row as a multiple of another's, where both have the same kind of phone."""
    if name not in results or base not in results or name == base or ("plain" in name) != ("plain" in base):
        return "-"
    return f"{results[name]['cpu'] / results[base]['cpu']:.2f}"


def print_table(scenario, results, peers):
    print(f"\n{scenario.title}")
    head = ["", "login", "CPU s/GiB" if scenario.per_gib else "CPU s/1000", "(min..max)", "req/s", "p50 ms", "p99 ms", "core busy",
            "x nginx", "x haproxy", "x lighttpd"]
    shakes = any(run["full"] + run["resumed"] for row in results.values() for run in row["runs"])
    if shakes:
        head.append("resumed")
    calls = any("system_calls" in row for row in results.values())
    if calls:
        head.append("syscalls")
    rows = [head]
    for peer in peers:
        if peer.name not in results:
            continue
        row = results[peer.name]
        runs = row["cpu_all"]
        rows.append([peer.name, peer.digest or "none", f"{row['cpu']:.4f}",
                     f"{min(runs):.4f}..{max(runs):.4f}", f"{row['per_second']:.0f}", f"{row['p50_us'] / 1000:.2f}",
                     f"{row['p99_us'] / 1000:.2f}", f"{100 * row['busy']:.0f} %"]
                    + [ratio(results, peer.name, base) for base in BASES])
        if shakes:
            done = sum(run["resumed"] for run in row["runs"])
            rows[-1].append(f"{100 * done / max(1, done + sum(run['full'] for run in row['runs'])):.0f} %")
        if calls:
            rows[-1].append(str(row.get("system_calls", "-")))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        print("  " + "  ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))).rstrip())


def print_workers(title, rows):
    """What a second worker costs, and what it brings where that can be seen."""
    one, two = (rows[name] for name in sorted(rows))
    print(f"\n{title}")
    for number, row in ((1, one), (2, two)):
        print(f"  {number} worker{'s' if number > 1 else ' '}  CPU s/1000 {row['cpu']:.4f}  ({min(row['cpu_all']):.4f}.."
              f"{max(row['cpu_all']):.4f})  {row['per_second']:.0f} req/s, p99 {row['p99_us'] / 1000:.2f} ms, "
              f"{row['busy']:.2f} cores busy")
    print(f"  CPU of a request with 2 workers: {two['cpu'] / one['cpu']:.2f} x that with 1")
    if not peers.ROOMY:
        print("  req/s say nothing here: the workers share both cores with the load generator and the phone")
        return
    ratio_seen = two["per_second"] / one["per_second"]
    limit = "" if two["busy"] > 1.9 else "; but the load was the limit"
    print(f"  goal: at least 1.80 x the req/s of one: {ratio_seen:.2f}, {'met' if ratio_seen >= 1.8 else 'missed'}{limit}")


def print_goals(scenario, results):
    for name, bases, wanted in scenario.goals:
        there = [base for base in bases if base in results]
        if name not in results or not there:
            continue
        best = min(there, key=lambda base: results[base]["cpu"])
        seen = results[name]["cpu"] / results[best]["cpu"]
        print(f"  goal: {name} at most {wanted:.2f} x {best.split(',')[0]}: {seen:.2f}, "
              + ("met" if seen <= wanted else "missed"))


def print_ciphers(bench, results):
    """All rows should speak the same TLS; say so where they do not."""
    seen = {}
    for scenario in results.values():
        for name, row in scenario.items():
            for run in row["runs"]:
                seen.setdefault(f"client {run['cipher']}", set()).add(name)
    for peer in bench.running:
        if peer.phone_cipher != "plain":
            seen.setdefault(f"phone {peer.phone_cipher}", set()).add(peer.name)
    for side in ("client", "phone"):
        kinds = {cipher: names for cipher, names in seen.items() if cipher.startswith(side)}
        if len(kinds) == 1:
            print(f"TLS, {next(iter(kinds))}.")
        for cipher, names in kinds.items() if len(kinds) > 1 else ():
            print(f"NOT the same TLS for all, {cipher}: {', '.join(sorted(names))}")


def print_notes(bench, chosen, results):
    print()
    for name, reason in bench.left_out.items():
        print(f"left out: {name}: {reason}")
    print(f"{chosen.connections} connections, medians of {chosen.rounds} interleaved rounds of {chosen.seconds:g} s; "
          "every answer checked byte by byte.")
    print("CPU s/1000: user and system time of all of the proxy's processes per 1,000 requests; smaller is better.")
    if shutil.which("taskset") and (os.cpu_count() or 1) > 1:
        print("Proxies on core 0; the load generator and the simulated phone "
              + ("have a core each." if peers.ROOMY else "share core 1, so req/s and latencies include them."))
    else:
        print("NOT bound to cores (taskset or a second core is missing): compare with care.")
    others = [run["others"] for rows in results.values() for row in rows.values() for run in row["runs"]]
    if others:
        print(f"Other programs (and a host that takes time away) kept {statistics.median(others):.2f} cores busy meanwhile, "
              f"at most {max(others):.2f}; above 0.1 the figures suffer.")
    print(f"Load average {os.getloadavg()[0]:.1f}. {machine()}.")
    print("; ".join(bench.versions.values()))
