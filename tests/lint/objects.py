#!/usr/bin/python3
"""What the object files say: policy is pure, nothing keeps mutable data outside a stack or a heap.

objects.py purity    libpolicy.a needs nothing that is not in purity.txt
objects.py globals   no symbol in .data, .bss or thread storage that is not in globals.txt
"""
import fnmatch
import re
import subprocess
import sys

from common import ROOT

PLAIN = ROOT / "build/plain"


def tool(*command):
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def rows(name):
    lines = (ROOT / "tests/lint" / name).read_text().splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]


def purity():
    allowed = [name for row in rows("purity.txt") for name in row]
    listing = tool("nm", "-A", str(PLAIN / "libpolicy.a"))
    symbols = re.findall(r"^\S+?:(\S+\.o):\s*[0-9a-f]*\s+(\S) (\S+)$", listing, re.M)
    own = {name for _, kind, name in symbols if kind in "TtRrDdBbVvWw" and kind != "w"}
    return [f"{file}: {name} is not in tests/lint/purity.txt" for file, kind, name in symbols
            if kind in "Uw" and name not in own
            and not any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed)]


def data_symbols(path):
    """Objects of a size in writable sections; .data.rel.ro is constant after relocation."""
    row = re.compile(r"^[0-9a-f]+ .{6}([O ]) (\S+)\t([0-9a-f]+) (?:\.hidden )?(\S+)$", re.M)
    for _, section, size, name in row.findall(tool("objdump", "-t", str(path))):
        writable = re.match(r"\.(data|bss|tdata|tbss)\b", section) or section == "*COM*"
        if writable and not section.startswith(".data.rel.ro") and int(size, 16) > 0:
            yield name


def globals_():
    allowed = {(row[0], row[1]) for row in rows("globals.txt")}
    problems, seen = [], set()
    for source in sorted(path for room in ("policy", "certs", "proxy")
                         for path in (ROOT / room).rglob("*.c")):
        name = str(source.relative_to(ROOT).with_suffix(".o"))
        if not (PLAIN / name).exists():
            continue  # not part of the program yet: make says so
        for symbol in data_symbols(PLAIN / name):
            key = (name, re.sub(r"\.\d+$", "", symbol))
            seen.add(key)
            if key not in allowed:
                problems.append(f"{name}: {symbol} is mutable and lives outside the stack")
    problems += [f"tests/lint/globals.txt: {' '.join(key)} is gone" for key in allowed - seen]
    return problems


if __name__ == "__main__":
    found = {"purity": purity, "globals": globals_}[sys.argv[1]]()
    print("\n".join(found))
    sys.exit(1 if found else 0)
