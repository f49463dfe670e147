"""Publish consumptions through a spool, and print the number of each one that is safe.

usage: python -m tests.spool_child URL TOKEN PATH FIRST
"""

from __future__ import annotations

import sys
from itertools import count

from scrip import ScripClient
from scrip.spool import Spool

from .test_http import consumption


def main(url: str, token: str, path: str, first: str) -> None:
    """Publish until the process is killed."""
    spool = Spool(ScripClient(url, token), path, timeout=0.1)
    for number in count(int(first)):
        spool.publish(consumption("ada", number))
        print(number, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
