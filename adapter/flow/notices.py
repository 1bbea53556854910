"""The notices loop: what the webhook received becomes wishes for results, or is kept with the reason why not."""

import threading
from collections.abc import Callable, Mapping

import structlog

from adapter.domain.handler import Hear
from adapter.domain.notices import Named
from adapter.domain.policy import Policy
from adapter.ledger.ledger import Ledger
from adapter.observe.metrics import Metrics

BATCH = 500

IDLE = 1.0
"""Seconds between two looks: results are waited for by the day, and the receiver may be another process."""

_log = structlog.get_logger()

Reader = Callable[[bytes], tuple[Named, ...] | str]
"""Says whose results a notice names, or why nobody can tell."""


class Notices:
    """Digests what the webhook received; `turn` belongs to one thread."""

    def __init__(
        self,
        ledger: Ledger,
        readers: Mapping[str, Reader],
        hear: Hear,
        policies: Mapping[str, Policy],
        *,
        metrics: Metrics,
        nudge: Callable[[], None],
        stop: threading.Event,
    ) -> None:
        self._ledger = ledger
        self._readers = readers
        self._hear = hear
        self._policies = policies
        self._metrics = metrics
        self._nudge = nudge
        self._stop = stop

    def turn(self) -> None:
        """Digest one batch, or wait a moment for one."""
        digested = self._ledger.digest_notices(BATCH, self._understand, self._hear, self._policies)
        self._metrics.notices.of("understood").inc(digested.understood)
        self._metrics.notices.of("unreadable").inc(digested.unreadable)
        if digested.unreadable:
            _log.warning("notices_unreadable", count=digested.unreadable)
        if digested.understood:
            _log.info("notices_understood", count=digested.understood)
            self._nudge()
        if not digested.understood and not digested.unreadable:
            self._stop.wait(IDLE)

    def _understand(self, tenant: str, body: bytes) -> tuple[Named, ...] | str:
        return self._readers[tenant](body)
