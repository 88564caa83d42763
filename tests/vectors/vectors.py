"""Reads the message vectors of tests/vectors/http_*/ (format: README.md beside this file).

    for vector in vectors.load("http_reject"):
        sock.sendall(vector.octets); expect(vector.number("status"))

Run as a program it checks every file and prints how many there are."""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
SETS = ("http_reject", "http_accept", "http_response_reject", "http_response_accept")
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|\[(\d+) times: ([^\]]*)\]|([rnt0\\]))")
PLAIN = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


class Vector:
    """One file: `name`, `path`, `keys` (a list of pairs) and `octets`."""

    def __init__(self, path):
        self.path, self.name = path, path.stem
        head, mark, body = path.read_text("ascii").partition("\n---\n")
        if not mark:
            raise ValueError(f"{path}: no line ---")
        lines = [line for line in head.split("\n") if line and not line.startswith("#")]
        self.comment = " ".join(line[1:].strip() for line in head.split("\n") if line.startswith("#"))
        self.keys = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        self.octets = unescape(body, path)

    def get(self, key, default=None):
        return next((value for name, value in self.keys if name == key), default)

    def number(self, key):
        return int(self.get(key, "0"))

    def text(self, key):
        """The octets that a value with escapes stands for."""
        return unescape(self.get(key, ""), self.path)


def unescape(text, path=None):
    """The octets a text stands for; literal line ends stand for nothing."""
    out, at = bytearray(), 0
    while at < len(text):
        if text[at] == "\n":
            at += 1
            continue
        if text[at] != "\\":
            if not " " <= text[at] <= "~":
                raise ValueError(f"{path}: {text[at]!r} must be written as an escape")
            out += text[at].encode("ascii")
            at += 1
            continue
        found = ESCAPE.match(text, at)
        if not found:
            raise ValueError(f"{path}: unknown escape {text[at:at + 4]!r}")
        digits, times, inner, plain = found.groups()
        if digits:
            out.append(int(digits, 16))
        elif times:
            out += unescape(inner, path) * int(times)
        else:
            out += PLAIN[plain]
        at = found.end()
    return bytes(out)


def load(name):
    """All vectors of one set, in name order."""
    return [Vector(path) for path in sorted((HERE / name).glob("*.txt"))]


if __name__ == "__main__":
    for each in sys.argv[1:] or SETS:
        print(each, len(load(each)))
