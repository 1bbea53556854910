"""The nemeses of one worker and its ways: what breaks, and how it is healed. All have one shape."""

from collections.abc import Callable
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from adapter.cirrus.sandbox import SandboxControl
from adapter.ledger.schema import work
from tests.chaos.worker import Worker
from tests.services.processes import wait_until
from tests.services.proxy import Proxy

Span = tuple[float, float]
"""The shortest and the longest of something, in seconds."""

VICTIM_PATIENCE = 8.0
POLL = 0.1


class Nemesis(Protocol):
    """One kind of fault: it begins with `strike`, lasts for `hold` and ends with `heal`."""

    name: str
    hold: Span

    def strike(self) -> None:
        """Begin, where there is a victim; one that is not there yet is waited for a while."""
        ...

    def heal(self) -> int:
        """End, and return how often it has struck: 0 where it met nobody."""
        ...


def met(victim: Callable[[], int]) -> bool:
    """Wait until there is a victim; tell whether there is one."""
    try:
        wait_until(lambda: victim() > 0, patience=VICTIM_PATIENCE, what="a victim", every=POLL)
    except TimeoutError:
        return False
    return True


class LinkReset:
    """Every connection of one way is broken at once."""

    hold = (0.0, 0.0)

    def __init__(self, way: str, proxy: Proxy) -> None:
        self.name = f"{way} link reset"
        self._proxy = proxy
        self._broken = False

    def strike(self) -> None:
        """See `Nemesis`."""
        self._broken = met(self._proxy.connections) and self._proxy.reset() > 0

    def heal(self) -> int:
        """See `Nemesis`: connections are made anew at any time."""
        return int(self._broken)


class LinkHalfOpen:
    """Whatever is sent over one way vanishes, and nobody says so; in the end the kernel gives up."""

    hold = (1.0, 4.0)

    def __init__(self, way: str, proxy: Proxy) -> None:
        self.name = f"{way} link half open"
        self._proxy = proxy
        self._met = False

    def strike(self) -> None:
        """See `Nemesis`."""
        self._met = met(self._proxy.connections)
        self._proxy.swallow()

    def heal(self) -> int:
        """See `Nemesis`."""
        self._proxy.give_up()
        return int(self._met)


class LinkRefused:
    """Nobody listens at the other end of one way."""

    hold = (0.5, 2.0)

    def __init__(self, way: str, proxy: Proxy) -> None:
        self.name = f"{way} link refused"
        self._proxy = proxy
        self._met = False

    def strike(self) -> None:
        """See `Nemesis`."""
        self._met = met(self._proxy.connections)
        self._proxy.refuse()

    def heal(self) -> int:
        """See `Nemesis`."""
        self._proxy.accept()
        return int(self._met)


class WorkerKilled:
    """A worker that was at work is killed, and started again at once."""

    name = "worker killed"
    hold = (0.0, 0.0)

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._struck = False

    def strike(self) -> None:
        """See `Nemesis`."""
        self._struck = met(self._worker.is_up) and self._worker.kill()

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
        self._met = False

    def strike(self) -> None:
        """See `Nemesis`."""
        self._met = met(self._holds_lease)
        self._worker.freeze()

    def heal(self) -> int:
        """See `Nemesis`."""
        self._worker.thaw()
        return int(self._met)

    def _holds_lease(self) -> int:
        mine = sa.select(sa.func.count()).where(work.c.lease_by.contains(f":{self._worker.pid}:"))
        try:
            with self._ledger.connect() as connection:
                return connection.execute(mine).scalar_one()
        except SQLAlchemyError:
            return 0  # the ledger is somebody else's victim just now


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

    hold = (0.2, 1.0)

    def __init__(self, name: str, cirrus: SandboxControl, orders: Callable[[], dict[str, Any]]) -> None:
        self.name = name
        self._cirrus = cirrus
        self._orders = orders

    def strike(self) -> None:
        """See `Nemesis`."""
        self._cirrus.fault(**self._orders())
        met(self._applied)

    def heal(self) -> int:
        """See `Nemesis`."""
        struck = self._applied()
        self._cirrus.clear_faults()
        return struck

    def _applied(self) -> int:
        return sum(int(armed["applied"]) for armed in self._cirrus.faults())
