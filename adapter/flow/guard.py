"""The guard loop: holds what takes away too much at once, and carries out the removals that nothing speaks against."""

import threading
from collections.abc import Callable, Mapping

import structlog

from adapter.domain.policy import Policy
from adapter.ledger.ledger import Ledger

BATCH = 500

IDLE = 1.0
"""Seconds between two looks; a removal is kept back for many of them."""

_log = structlog.get_logger()


class Guard:
    """Looks at the removals of all tenants; `turn` belongs to one thread."""

    def __init__(
        self,
        ledger: Ledger,
        policies: Mapping[str, Policy],
        *,
        nudge: Callable[[], None],
        told: Callable[[], None],
        stop: threading.Event,
        wake: threading.Event,
    ) -> None:
        self._ledger = ledger
        self._policies = policies
        self._nudge = nudge
        self._told = told
        self._stop = stop
        self._wake = wake

    def nudge(self) -> None:
        """Tell that something may have been kept back."""
        self._wake.set()

    def turn(self) -> None:
        """Look at every tenant once; wait a moment when there was no full batch to carry out."""
        self._wake.clear()
        most = max((self._look(tenant, policy) for tenant, policy in self._policies.items()), default=0)
        if most < BATCH and not self._stop.is_set():
            self._wake.wait(IDLE)

    def _look(self, tenant: str, policy: Policy) -> int:
        # Watched first: what is due by now may turn out to be part of something larger.
        if held := self._ledger.watch_removals(tenant, policy):
            _log.error("mass_change_held", tenant=tenant, removals=held)
            self._told()
        if released := self._ledger.release_removals(tenant, policy, BATCH):
            _log.info("removals_released", tenant=tenant, removals=released)
            self._nudge()
        return released
