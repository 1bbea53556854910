"""A burst: more comes in than one batch holds, so what can wait is gathered instead of called piece by piece."""

import threading
from collections.abc import Callable, Collection


class Burst:
    """Told by the intake of its batches, and asked by the convergers; safe to use from several threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}

    def saw(self, tenants: Collection[str], *, full: bool) -> None:
        """Note whose events a batch held, and whether it was full; else it was all there was."""
        now = self._monotonic()
        with self._lock:
            self._since = {tenant: self._since.get(tenant, now) for tenant in tenants} if full else {}

    def seconds(self, tenant: str) -> float | None:
        """Return how long a tenant's has lasted; None while it has none."""
        with self._lock:
            since = self._since.get(tenant)
        return None if since is None else self._monotonic() - since
