#!/usr/bin/python3
"""A simulated phone of another vendor: vendor.py NAME, then the options of snom.py; see README.md."""

import sys

import snom
from vendorlib import PHONES

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PHONES:
        sys.exit("usage: vendor.py %s [OPTION...]" % "|".join(sorted(PHONES)))
    snom.main(PHONES[sys.argv.pop(1)], __doc__)
