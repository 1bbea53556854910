"""The nemeses of one worker and its ways: what breaks, and how it is healed. All have one shape."""

import threading
from collections.abc import Callable
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from adapter.cirrus.sandbox import SandboxControl
from adapter.ledger.schema import work
from tests.chaos.worker import Worker
from tests.services.proxy import Proxy

Span = tuple[float, float]
"""The shortest and the longest of something, in seconds."""

LEASE_PATIENCE = 5.0
POLL = 0.02


class Nemesis(Protocol):
    """One kind of fault. `strike` begins it, `heal` ends it and returns how often it has struck: 0 where it met
    nobody. `hold` is how long it lasts."""

    name: str
    hold: Span

    def strike(self) -> None:
        """Begin."""
        ...

    def heal(self) -> int:
        """End, and return how often it has struck."""
        ...


class LinkReset:
    """Every connection of one way is broken at once."""

    hold = (0.0, 0.0)

    def __init__(self, way: str, proxy: Proxy) -> None:
        self.name = f"{way} link reset"
        self._proxy = proxy
        self._broken = 0

    def strike(self) -> None:
        """See `Nemesis`."""
        self._broken = self._proxy.reset()

    def heal(self) -> int:
        """See `Nemesis`: connections are made anew at any time."""
        return min(1, self._broken)


class LinkHalfOpen:
    """Whatever is sent over one way vanishes, and nobody says so; in the end the kernel gives up."""

    hold = (1.0, 4.0)

    def __init__(self, way: str, proxy: Proxy) -> None:
        self.name = f"{way} link half open"
        self._proxy = proxy

    def strike(self) -> None:
        """See `Nemesis`."""
        self._proxy.swallow()

    def heal(self) -> int:
        """See `Nemesis`."""
        return min(1, self._proxy.give_up())


class LinkRefused:
    """Nobody listens at the other end of one way."""

    hold = (0.5, 2.0)

    def __init__(self, way: str, proxy: Proxy) -> None:
        self.name = f"{way} link refused"
        self._proxy = proxy

    def strike(self) -> None:
        """See `Nemesis`."""
        self._proxy.refuse()

    def heal(self) -> int:
        """See `Nemesis`."""
        self._proxy.accept()
        return 1


class WorkerKilled:
    """A worker is killed, and started again at once."""

    name = "worker killed"
    hold = (0.0, 0.0)

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._struck = False

    def strike(self) -> None:
        """See `Nemesis`."""
        self._struck = self._worker.kill()

    def heal(self) -> int:
        """See `Nemesis`."""
        return int(self._struck)


class LeaseOutlived:
    """A worker is frozen while it holds a lease, until the lease is over; then it goes on where it was."""

    name = "lease outlived"
    hold = (16.0, 17.0)
    """Longer than `adapter.flow.leases.LEASE`."""

    def __init__(self, worker: Worker, ledger: sa.Engine) -> None:
        self._worker = worker
        self._ledger = ledger
        self._struck = False

    def strike(self) -> None:
        """See `Nemesis`; waits a while for a lease to be held."""
        patience = int(LEASE_PATIENCE / POLL)
        self._struck = any(self._holds_lease() or threading.Event().wait(POLL) for _ in range(patience))
        self._worker.freeze()

    def heal(self) -> int:
        """See `Nemesis`."""
        self._worker.thaw()
        return int(self._struck)

    def _holds_lease(self) -> bool:
        mine = sa.select(sa.func.count()).where(work.c.lease_by.contains(f":{self._worker.pid}:"))
        try:
            with self._ledger.connect() as connection:
                return connection.execute(mine).scalar_one() > 0
        except SQLAlchemyError:
            return False  # the ledger is somebody else's victim just now


class ClockStepped:
    """A worker's host clock jumps, up to a day ahead or back, and stays wrong until it jumps again."""

    name = "clock stepped"
    hold = (0.0, 0.0)

    def __init__(self, worker: Worker, seconds: Callable[[], int]) -> None:
        self._worker = worker
        self._seconds = seconds

    def strike(self) -> None:
        """See `Nemesis`."""
        self._worker.clock.step(self._seconds())

    def heal(self) -> int:
        """See `Nemesis`: nobody sets the clock right."""
        return 1


class CirrusTrouble:
    """Calls that Cirrus fails to answer; each of them is a strike. `orders` are faults of the sandbox."""

    hold = (1.0, 2.5)

    def __init__(self, name: str, cirrus: SandboxControl, orders: Callable[[], dict[str, object]]) -> None:
        self.name = name
        self._cirrus = cirrus
        self._orders = orders

    def strike(self) -> None:
        """See `Nemesis`."""
        self._cirrus.fault(**self._orders())  # type: ignore[arg-type]

    def heal(self) -> int:
        """See `Nemesis`."""
        struck = sum(armed["applied"] for armed in self._cirrus.faults())
        self._cirrus.clear_faults()
        return int(struck)
