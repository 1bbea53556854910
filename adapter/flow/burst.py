"""A burst: more comes in than one batch holds, so what can wait is gathered instead of called piece by piece."""

import threading
from collections.abc import Callable, Collection

import structlog

_log = structlog.get_logger()


def _nobody(_tenant: str, _begins: bool) -> None:  # noqa: FBT001 - an observer's shape
    pass


class Burst:
    """Told by the intake of its batches, and asked by the convergers; safe to use from several threads.

    `observe` hears whose begins (true) and whose is over.
    """

    def __init__(self, monotonic: Callable[[], float], observe: Callable[[str, bool], None] = _nobody) -> None:
        self._monotonic = monotonic
        self._observe = observe
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}

    def saw(self, tenants: Collection[str], *, full: bool) -> None:
        """Note whose events a batch held, and whether it was full; else it was all there was."""
        now = self._monotonic()
        with self._lock:
            before, self._since = self._since, {name: self._since.get(name, now) for name in tenants} if full else {}
        for tenant in sorted(self._since.keys() - before.keys()):
            self._observe(tenant, True)
            _log.info("burst_begins", tenant=tenant, why="more comes in than one batch holds; it is gathered first")
        for tenant in sorted(before.keys() - self._since.keys()):
            self._observe(tenant, False)
            _log.info("burst_over", tenant=tenant, seconds=round(now - before[tenant], 1))

    def seconds(self, tenant: str) -> float | None:
        """Return how long a tenant's has lasted; None while it has none."""
        with self._lock:
            since = self._since.get(tenant)
        return None if since is None else self._monotonic() - since
