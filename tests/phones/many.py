#!/usr/bin/python3
"""Many simulated phones in one process, each at a loopback address of its own and at the same ports.
Prints one line of JSON once they listen. Lines on standard input are asked and answered with a line of
JSON each: "counters", "settings N", "set N {NAME: VALUE}". Its end is the end. See README.md."""

import argparse
import asyncio
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from snomlib import many, settings  # noqa: E402

# What the phones begin with, one after the other, over and over.
STATES = {
    "factory": {},
    "step1": {"http_user": "gate", "http_scheme": "on", "use_hidden_tags": "on"},
    "basic": {"http_user": "gate"},
    "hardened": dict(settings.HARDENED, http_user="gate"),
    "off": {"webserver_type": "off"},
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("count", type=int)
    p.add_argument("--port", type=int, default=0, help="https; 0 takes one that is free")
    p.add_argument("--http-port", type=int, default=None, help="plain http; none unless given")
    p.add_argument("--states", default="hardened", help="of %s, with commas between" % ",".join(STATES))
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE",
                   help="a setting of all phones; {n} is the phone's number")
    p.add_argument("--model", default="D785")
    p.add_argument("--firmware", default="10.1.175.16")
    p.add_argument("--dir", help="where key and certificate are kept; default: a temporary one")
    return p.parse_args()


def shape_of(args):
    states = [STATES[name] for name in args.states.split(",")]
    pairs = [pair.partition("=")[::2] for pair in args.set]

    def shape(number):
        state = dict(states[number % len(states)])
        for name, value in pairs:
            # An open phone stays open: it has a password only where it has a user.
            if name != "http_pass" or state.get("http_user"):
                state[name] = value.replace("{n}", str(number))
        return state
    return shape


async def run(args, directory):
    fleet = many.Fleet(args.count, directory, shape_of(args), args.model,
                       tuple(int(n) for n in args.firmware.split(".")))
    ports = await fleet.start(args.port, args.http_port)
    print(json.dumps(fleet.describe(ports)), flush=True)
    loop = asyncio.get_running_loop()
    while True:     # until the end of standard input, so that no test leaves it behind
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        print(json.dumps(answer(fleet, line)), flush=True)


def answer(fleet, line):
    word, _, rest = line.strip().partition(" ")
    number, _, values = rest.partition(" ")
    if word == "counters":
        return fleet.counters()
    if word == "settings":
        return fleet.phones[int(number)].settings.running
    if word == "set":
        fleet.phones[int(number)].settings.put(json.loads(values))
        return {"ok": True}
    return {"error": "counters, settings N or set N {...}"}


def main():
    args = arguments()
    with tempfile.TemporaryDirectory(prefix="phones-") as own:
        directory = args.dir or own
        os.makedirs(directory, mode=0o700, exist_ok=True)
        try:
            asyncio.run(run(args, directory))
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
