"""Reads the files of tests/vectors/http_*: keys, a line ---, then octets with escapes."""

import pathlib
import re

import gate as gate_module

VECTORS = gate_module.ROOT / "tests" / "vectors"
ESCAPE = re.compile(rb"\\(?:\[([0-9]+) times: ([^\]]*)\]|x([0-9a-fA-F]{2})|([rnt0\\]))")
PLAIN = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


def _one(match):
    if match[1]:
        return unescape(match[2]) * int(match[1])
    return bytes([int(match[3], 16)]) if match[3] else PLAIN[match[4]]


def unescape(text):
    return ESCAPE.sub(_one, text)


class Vector:
    def __init__(self, path):
        top, _, octets = pathlib.Path(path).read_bytes().partition(b"\n---\n")
        self.name = path.stem
        self.keys = {}
        for line in top.decode().splitlines():
            if line and not line.startswith("#"):
                key, _, value = line.partition(":")
                self.keys[key] = value.strip()
        self.octets = unescape(octets.replace(b"\n", b""))
        self.status = int(self.keys.get("status", 0))
        self.in_body = self.keys.get("refused-by") == "body"


def read(kind):
    return [Vector(path) for path in sorted((VECTORS / kind).glob("*.txt"))]
