#!/usr/bin/python3
"""Modules stand in one linear order (layers.txt); a file includes only modules above its own."""
import re
import sys

from common import ROOT, sources

# What a room may not even see, whatever the order (design: rooms).
FORBIDDEN = {
    "policy/": r"uv\.h|llhttp\.h|libconfig\.h|stdio\.h|time\.h|unistd\.h|errno\.h|pthread\.h|sys/.*|netinet/.*"
               r"|arpa/.*|openssl/(ssl|rand|bio|pem|x509)\.h",
    "certs/": r"uv\.h|llhttp\.h|libconfig\.h",
}


def read_order():
    """Rank of each module, and the pairs that may break the order."""
    order, excepted = {}, set()
    for line in (ROOT / "tests/lint/layers.txt").read_text().splitlines():
        words, _, reason = line.partition("#")
        name, *rest = words.split() or [""]
        if rest and (rest[0] != "except" or len(rest) < 2 or not reason.strip()):
            sys.exit(f"tests/lint/layers.txt: \"{line}\" is no \"MODULE except MODULE... # why\"")
        if name and name in order:
            sys.exit(f"tests/lint/layers.txt: {name} stands there twice")
        if name:
            order[name] = len(order)
            excepted |= {(name, other) for other in rest[1:]}
    return order, excepted


def module_of(stem, order):
    """The longest listed name that is the file's own or stands before an underscore in it."""
    while stem not in order and "_" in stem.rsplit("/", 1)[-1]:
        stem = stem.rsplit("_", 1)[0]
    return stem if stem in order else None


def check(path, order, excepted, problems):
    own = module_of(path.rsplit(".", 1)[0], order)
    if own is None:
        problems.append(f"{path}: no line in tests/lint/layers.txt; add its module below everything "
                        "that it includes and above everything that includes it")
        return
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        local = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        system = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
        for room, pattern in FORBIDDEN.items():
            if system and path.startswith(room) and re.fullmatch(pattern, system[1]):
                problems.append(f"{path}:{number}: {room} may not use <{system[1]}>")
        if not local:
            continue
        other = module_of(local[1].rsplit(".", 1)[0], order)
        if other is None:
            problems.append(f"{path}:{number}: {local[1]} is no module of tests/lint/layers.txt "
                            "(includes are written from the root)")
        elif order[other] > order[own] and (own, other) not in excepted:
            problems.append(f"{path}:{number}: {own} stands above {other} and may not include it")


def main():
    (order, excepted), problems = read_order(), []
    for path in sources("policy", "certs", "proxy"):
        check(path, order, excepted, problems)
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
