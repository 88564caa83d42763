#!/usr/bin/python3
"""Each module has a place in the tour of its room: its name stands in the README, so that whoever looks
for a file finds a sentence about it. Names in backquotes count: `run/keeper`, `load_*`; `M` covers the
files M_*.c as well (`params` covers params_body.c). Folders must stand there, too."""
import fnmatch
import pathlib
import re
import sys

from common import ROOT, sources

ROOMS = ("policy", "proxy", "certs")


def words(path):
    """The names in backquotes, taken apart at blanks, commas and slashes."""
    found = set()
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for quoted in re.findall(r"`([^`]+)`", text):
        found.update(re.split(r"[\s,/]+", re.sub(r"\.[ch]\b", "", quoted)))
    return found


def covered(name, known):
    parts = name.split("_")
    return any("_".join(parts[:n]) in known for n in range(len(parts), 0, -1)) or \
        any(fnmatch.fnmatch(name, word) for word in known if word.endswith("_*"))


def missing_modules(room):
    known = words(ROOT / room / "README.md")
    names = {}
    for path in sources(room):
        where = pathlib.Path(path)
        names.setdefault(where.stem, path)
        for folder in where.parts[1:-1]:
            names.setdefault(folder, "/".join(where.parts[:2]))
    return [f"{room}/README.md does not mention {name} ({path})"
            for name, path in sorted(names.items(), key=lambda item: item[1]) if not covered(name, known)]


def missing_folders():
    known = words(ROOT / "tests" / "README.md")
    return [f"tests/README.md does not mention {folder.name}/" for folder in sorted((ROOT / "tests").iterdir())
            if folder.is_dir() and not folder.name.startswith(("_", ".")) and folder.name not in known]


def main():
    problems = [text for room in ROOMS for text in missing_modules(room)] + missing_folders()
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
