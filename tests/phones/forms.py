#!/usr/bin/python3
"""A simulated phone whose login is a form. Prints one line of JSON once it listens; see README.md."""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from formlib import KINDS  # noqa: E402
from snomlib import control, switches  # noqa: E402


def arguments():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--kind", required=True, choices=sorted(KINDS))
    p.add_argument("--address", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0, help="https; 0 takes a free one")
    p.add_argument("--control", type=int, default=0, help="control port on 127.0.0.1")
    p.add_argument("--dir", help="where key and certificate are kept; default: a temporary one")
    p.add_argument("--account", action="append", default=[], metavar="USER:PASSWORD")
    p.add_argument("--switch", action="append", default=[], metavar="NAME[=VALUE]")
    p.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    return p.parse_args()


def main():
    args = arguments()
    stopped, stop = os.pipe()
    os.set_blocking(stop, False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.set_wakeup_fd(stop, warn_on_full_buffer=False)
    with tempfile.TemporaryDirectory(prefix="forms-") as own:
        directory = args.dir or own
        os.makedirs(directory, mode=0o700, exist_ok=True)
        accounts = dict(pair.partition(":")[::2] for pair in args.account)
        phone = KINDS[args.kind](directory, accounts)
        for text in args.switch:
            name, _, value = text.partition("=")
            phone.turn({name: switches.parse(name, value)})
        ports = {"port": phone.listen("https", args.address, args.port),
                 "control": control.start(phone, "127.0.0.1", args.control)}
        print(json.dumps(dict(ports, pin=phone.pin(), address=args.address, cert=phone.cert,
                              kind=args.kind)), flush=True)
        if args.until_eof:
            threading.Thread(target=lambda: (sys.stdin.read(), os.write(stop, b".")),
                             daemon=True).start()
        os.read(stopped, 1)


if __name__ == "__main__":
    main()
