"""The converge loop of one tenant: claim what is due, the most urgent exam first, and work on it in a pool."""

import threading
from concurrent.futures import Executor

import structlog

from adapter.errors import LeaseLost, LedgerError
from adapter.flow.burst import Burst
from adapter.flow.gate import Permit
from adapter.flow.leases import LEASE
from adapter.flow.one_pass import Passes
from adapter.ledger.work import NO_RESERVE, Claim, Reserve

IDLE = 0.25
"""Seconds between two looks for due work when nobody has nudged."""

KEPT_FOR_URGENT = 1
"""Places that ordinary work leaves free, where there are more than that."""

LAST_CALLS = 120.0
"""Seconds that calls under way are waited for when nobody says how long: longer than a call may take."""

_log = structlog.get_logger()


class Converger:
    """Brings one tenant's Cirrus to what the ledger says should be.

    It claims only as much as it has `free` places for in the `pool`, so a claim never waits while its lease runs.
    The last of several `places` are kept for urgent work, which so finds one whatever long calls the rest is at. While
    a `burst` comes in, nothing else is begun: a sitting whose bookings are all there costs the fewest calls.
    """

    def __init__(
        self,
        passes: Passes,
        *,
        pool: Executor,
        free: threading.Semaphore,
        places: int,
        wake: threading.Event,
        burst: Burst,
    ) -> None:
        self._passes = passes
        self._kept = Reserve(KEPT_FOR_URGENT if places > KEPT_FOR_URGENT else 0, passes.tenancy.policy.urgent_within)
        self._tenancy = passes.tenancy
        self._pool = pool
        self._free = free
        self._wake = wake
        self._burst = burst
        self._lock = threading.Lock()
        self._under_way = 0

    def nudge(self) -> None:
        """Tell that something may be due."""
        self._wake.set()

    def turn(self) -> None:
        """Claim what is due and start on it, or wait a moment.

        During a pause that Cirrus has asked for nothing is claimed, so that what is urgent then comes first after it.
        """
        self._wake.clear()
        self._tenancy.pacer.refresh()
        if pause := self._tenancy.pacer.paused_for:
            self._wake.wait(min(pause, IDLE))
            return
        free = self._free_places()
        permit = self._tenancy.gate.allows(free)
        self._give_back(free - permit.claims)
        claims = self._claim(permit, self._reserve(permit.claims, free)) if permit.claims else []
        with self._lock:
            self._under_way += len(claims)
        for claim in claims:
            self._pool.submit(self._work_on, claim, probe=permit.probe)
        if not claims:
            self._wake.wait(IDLE)

    def _reserve(self, claims: int, free: int) -> Reserve:
        """Return how many of the claims are for urgent work only: all of them while a burst is gathered."""
        policy = self._tenancy.policy
        lasted = self._burst.seconds(self._tenancy.name)
        if lasted is not None and lasted < policy.burst_longest:
            return Reserve(claims, policy.urgent_within)
        # Where the gate lets only some through, places are left anyway.
        return self._kept if claims == free else NO_RESERVE

    def close(self, seconds: float = LAST_CALLS) -> bool:
        """Let the calls that are under way finish, within `seconds`; nothing new is begun. May be called again.

        Returns whether all did. The rest is not given back: its leases run out, and the next holder reads first.
        """
        until = self._passes.monotonic() + seconds
        while self._busy() and (left := until - self._passes.monotonic()) > 0:
            self._wake.clear()
            if self._busy():
                self._wake.wait(min(left, IDLE))
        self._pool.shutdown(wait=False)
        return not self._busy()

    def _busy(self) -> bool:
        with self._lock:
            return self._under_way > 0

    def _free_places(self) -> int:
        """Take every free place; wait a moment for one when there is none."""
        if not self._free.acquire(timeout=IDLE):
            return 0
        count = 1
        while self._free.acquire(blocking=False):
            count += 1
        return count

    def _give_back(self, places: int) -> None:
        if places:
            self._free.release(places)

    def _claim(self, permit: Permit, reserve: Reserve) -> list[Claim]:
        claims: list[Claim] = []
        try:
            claims = self._passes.ledger.claim(
                self._tenancy.name, permit.claims, LEASE, reserve, at_once=self._tenancy.policy.limits.calls_at_once
            )
        finally:
            unused = permit.claims - len(claims)
            self._give_back(unused)
            if permit.probe and unused:
                self._tenancy.gate.probe_over(unused)
        return claims

    def _doubt(self, claim: Claim) -> None:
        """Have Cirrus read once more: a call of ours may have come later than the look of who has the lease now."""
        try:
            self._passes.ledger.doubt(claim)
        except LedgerError as error:
            _log.warning("doubt_not_stored", kind=claim.ref.kind, error=str(error))

    def _work_on(self, claim: Claim, *, probe: bool) -> None:
        try:
            self._passes.run(claim, probe=probe)
        except LeaseLost as error:
            _log.warning("lease_lost", error=str(error))
            self._doubt(claim)
        except LedgerError as error:
            _log.warning("converge_interrupted", error=str(error))
        except Exception:  # noqa: BLE001 - a pass that fails must not take its place in the pool with it
            _log.exception("converge_failed", kind=claim.ref.kind)
        finally:
            # What was not given back is not prolonged either: it is claimed again when its lease has run out.
            self._passes.ledger.let_go(claim)
            if probe:
                self._tenancy.gate.probe_over()
            self._give_back(1)
            with self._lock:
                self._under_way -= 1
            self._wake.set()
