#!/usr/bin/python3
"""tests/CONFORMANCE.md names a test for each requirement: every row is there, and every test runs.

The e2e tests named must be functions at the left margin that pytest collects and nobody skips
without a condition; the unit tests must stand in the list that their program runs.
"""
import re
import sys

from common import ROOT

TABLE = "tests/CONFORMANCE.md"
ROWS = [f"V{n:02}" for n in range(1, 33)] + \
    [f"R{n:02}" for n in (*range(1, 16), 25, 26, *range(30, 34))]
ROW = re.compile(r"\| ([VR]\d\d) \| (.+) \| (.*) \|$")
TEST = re.compile(r"`((?:unit|e2e)/\w+\.(?:c|py))` `(\w+)`$")


def problem_of(row, cell):
    """What is wrong with one reference to a test, or None."""
    found = TEST.match(cell)
    if not found:
        return f"{cell!r} is not `FILE` `TEST`"
    file, name = found.groups()
    path = ROOT / "tests" / file
    if not path.is_file():
        return f"there is no tests/{file}"
    text = path.read_text(encoding="utf-8")
    if not re.search(rf"(?<![0-9A-Z]){row}(?![0-9])", name):
        return f"{name} does not carry {row} in its name"
    if file.endswith(".c"):
        runs = re.search(rf"[ {{](?:cmocka_unit_test\w*|[A-Z_]*TEST)\(\s*{name}\b", text)
        return None if runs else f"tests/{file} does not run {name}"
    defined = re.search(rf"((?:^@.*\n(?:^[ )].*\n)*)*)^def {name}\(", text, re.M)
    if not defined or not name.startswith("test_"):
        return f"tests/{file} has no test {name}"
    return f"{name} is skipped" if "mark.skip(" in defined.group(1) else None


def main():
    problems, seen = [], []
    for number, line in enumerate((ROOT / TABLE).read_text(encoding="utf-8").splitlines(), 1):
        if not re.match(r"\| [VR]\d", line):
            continue
        found = ROW.match(line)
        if not found:
            problems.append(f"{TABLE}:{number}: not of the form | ROW | TEXT | TESTS |")
            continue
        row, _, tests = found.groups()
        seen.append(row)
        for cell in tests.split("<br>"):
            problem = problem_of(row, cell)
            if problem:
                problems.append(f"{TABLE}:{number}: {row}: {problem}")
    problems += [f"{TABLE}: no row {row}" for row in ROWS if row not in seen]
    problems += [f"{TABLE}: row {row} stands there twice" for row in sorted(set(seen))
                 if seen.count(row) > 1]
    problems += [f"{TABLE}: nobody asked for row {row}" for row in seen if row not in ROWS]
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
