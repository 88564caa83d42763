#!/usr/bin/python3
"""A simulated Snom desk phone. Prints one line of JSON once it listens; see README.md."""

import argparse
import json
import os
import signal
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from snomlib import control, server, settings, switches  # noqa: E402


def arguments(about):
    p = argparse.ArgumentParser(description=about)
    p.add_argument("--address", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0, help="https; 0 takes a free one")
    p.add_argument("--http-port", type=int, default=None, help="plain http; none unless given")
    p.add_argument("--remote-port", type=int, default=None,
                   help="remote control of old firmware (1800 on a phone); none unless given")
    p.add_argument("--control", type=int, default=0, help="control port on 127.0.0.1")
    p.add_argument("--dir", help="where key and certificate are kept; default: a temporary one")
    p.add_argument("--model", default="D785")
    p.add_argument("--mac", default="000413A1B2C3")
    p.add_argument("--firmware", default="10.1.175.16")
    p.add_argument("--hardened", action="store_true", help="steps 1 to 4 of the guide are done")
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    p.add_argument("--switch", action="append", default=[], metavar="NAME[=VALUE]")
    p.add_argument("--cert", help="certificate instead of a fresh self-signed one (with --key)")
    p.add_argument("--key")
    p.add_argument("--tls", default="1.2", choices=("1.0", "1.1", "1.2", "1.3"),
                   help="newest version; below 1.2 nothing newer than that is spoken")
    p.add_argument("--rsa", action="store_true", help="RSA 2048 instead of P-256")
    p.add_argument("--until-eof", action="store_true", help="stop when standard input ends")
    return p.parse_args()


def build(args, directory, kind):
    initial = dict(settings.HARDENED) if args.hardened else {}
    initial.update(pair.partition("=")[::2] for pair in args.set)
    for name in initial:
        if not settings.Settings.known(name):
            sys.exit("snom.py: no such setting: %s" % name)
    firmware = tuple(int(n) for n in args.firmware.split("."))
    cert = (args.cert, args.key) if args.cert else None
    phone = kind(directory, args.model, args.mac, firmware, initial, cert, args.tls, args.rsa)
    wanted = {}
    for text in args.switch:
        name, _, value = text.partition("=")
        value = switches.parse(name, value)
        wanted[name] = wanted.get(name, []) + value if isinstance(value, list) else value
    phone.switches.turn(wanted)
    return phone, wanted


def main(kind=server.Phone, about=__doc__):
    """`kind`: the class of the phone; vendor.py has others."""
    args = arguments(about)
    # The interpreter's own handler writes into the pipe, whichever thread the signal meets; a
    # handler in Python would wait for the main thread, and that waits for the handler.
    stopped, stop = os.pipe()
    os.set_blocking(stop, False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.set_wakeup_fd(stop, warn_on_full_buffer=False)
    with tempfile.TemporaryDirectory(prefix="snom-") as own:
        directory = args.dir or own
        os.makedirs(directory, mode=0o700, exist_ok=True)
        phone, wanted = build(args, directory, kind)
        ports = {"port": phone.listen("https", args.address, args.port)}
        if args.http_port is not None:
            ports["http_port"] = phone.listen("http", args.address, args.http_port)
        if args.remote_port is not None:
            ports["remote_port"] = phone.listen("remote", args.address, args.remote_port)
        phone.turn(wanted)
        ports["control"] = control.start(phone, "127.0.0.1", args.control)
        print(json.dumps(dict(ports, pin=phone.pin(), address=args.address, cert=phone.cert,
                              model=phone.model, mac=phone.mac)), flush=True)
        if args.until_eof:
            threading.Thread(target=lambda: (sys.stdin.read(), os.write(stop, b".")), daemon=True).start()
        os.read(stopped, 1)


if __name__ == "__main__":
    main()
