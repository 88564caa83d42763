#!/usr/bin/python3
"""After the unit tests of a coverage build: lines and branches reached, per file of policy and certs.

Exit status 1 when policy as a whole is below 95 % of its lines. Branches are shown to be read.
"""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

from common import ROOT

WANTED_LINES = 95.0  # percent of policy/
ROOMS = ("policy/", "certs/", "proxy/http/")


def collect():
    """{file: {"lines": {number: reached}, "branches": {(number, index): reached}}} over all objects."""
    files = collections.defaultdict(lambda: {"lines": {}, "branches": {}})
    data = sorted((ROOT / "build/coverage").rglob("*.gcda"))
    with tempfile.TemporaryDirectory() as directory:
        for start in range(0, len(data), 50):
            subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--hash-filenames",
                            *map(str, data[start:start + 50])], cwd=directory, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for report in pathlib.Path(directory).glob("*.gcov.json.gz"):
            for entry in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                if entry["file"].startswith(ROOMS) and entry["file"].endswith(".c"):
                    add(files[entry["file"]], entry["lines"])
    return files


def add(seen, lines):
    for line in lines:
        number = line["line_number"]
        seen["lines"][number] = seen["lines"].get(number, False) or line["count"] > 0
        for index, branch in enumerate(line.get("branches", [])):
            key = (number, index)
            seen["branches"][key] = seen["branches"].get(key, False) or branch["count"] > 0


def percent(reached):
    return 100.0 * sum(reached) / len(reached) if reached else 100.0


def main():
    files = collect()
    if not files:
        sys.exit("no coverage data: run `make coverage`")
    print(f"{'':44} {'lines':>7} {'branches':>9}  not reached")
    for name, seen in sorted(files.items()):
        missed = [number for number, reached in sorted(seen["lines"].items()) if not reached]
        print(f"{name:44} {percent(seen['lines'].values()):6.1f}% {percent(seen['branches'].values()):8.1f}%"
              f"  {' '.join(map(str, missed[:12]))}{' ...' if len(missed) > 12 else ''}")
    policy = [reached for name, seen in files.items() if name.startswith("policy/")
              for reached in seen["lines"].values()]
    print(f"policy/ lines: {percent(policy):.1f}% (at least {WANTED_LINES:.0f}% wanted)")
    return 0 if percent(policy) >= WANTED_LINES else 1


if __name__ == "__main__":
    sys.exit(main())
