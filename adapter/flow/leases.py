"""The lease loop: tells the ledger that this worker is alive, so that its claims stay its own.

A lease is short, so that the work of a worker that died is taken up soon; a call may be long. Renewing
from a loop of its own lets both be so. Only what is being worked on is renewed: a pass that failed lets its
claim run out. A worker that froze finds its fences gone when it thaws.
"""

import threading
from datetime import timedelta

from adapter.ledger.ledger import Ledger

LEASE = timedelta(seconds=15)
"""How long a claim holds without a sign of life."""

EVERY = 4.0
"""Seconds between two signs of life."""


class Leases:
    """Renews this worker's leases; `turn` belongs to one thread."""

    def __init__(self, ledger: Ledger, stop: threading.Event) -> None:
        self._ledger = ledger
        self._stop = stop

    def turn(self) -> None:
        """Renew once, then wait."""
        self._ledger.renew_leases(LEASE)
        self._stop.wait(EVERY)
