"""The publish loop: what the ledger has to tell goes to the broker until the broker has confirmed it.

A crash between the confirm and the mark repeats an event under the same id; receivers drop the second.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from time import monotonic

import structlog

from adapter.broker import Failed, Message, Published, Publisher, Receipt
from adapter.errors import LedgerError
from adapter.ledger.ledger import Ledger
from adapter.ledger.outbox import Pending
from adapter.observe.metrics import Metrics

BATCH = 200
"""Events that are taken at once. What has become urgent meanwhile waits for up to two of these, so they are few."""

LEASE = timedelta(seconds=60)
"""Longer than two batches may take to be confirmed: the next one is taken while the broker is busy with this one."""

IDLE = 0.5
PAUSE = 1.0
"""Seconds to wait after the broker did not take an event."""

LAST_WORDS = 10.0
"""Seconds that a stop may spend on publishing; what is left is published by whoever starts next."""

SEALED = "sealed"
"""Why an event is not published that none of our keys opens: configure the former key behind the new one."""

CONTENT_TYPE = "application/cloudevents+json"

_log = structlog.get_logger()


def _nothing() -> None:
    pass


class Relay:
    """Owns the outcome publisher; `turn` and `close` belong to one thread."""

    def __init__(
        self,
        publisher: Publisher,
        ledger: Ledger,
        *,
        exchange: str,
        metrics: Metrics,
        stop: threading.Event,
        wake: threading.Event,
    ) -> None:
        self._publisher = publisher
        self._ledger = ledger
        self._exchange = exchange
        self._metrics = metrics
        self._stop = stop
        self._wake = wake
        self._ahead: list[Pending] = []

    def nudge(self) -> None:
        """Tell that there is something to publish."""
        self._wake.set()

    def turn(self) -> None:
        """Publish one batch, or wait a moment for one."""
        self._wake.clear()
        if not self.publish_batch():
            self._publisher.tick()
            self._wake.wait(IDLE)

    def publish_batch(self) -> bool:
        """Publish what is pending, at most one batch; return whether the broker took any of it."""
        pending, self._ahead = self._ahead or self._ledger.claim_outbox(BATCH, LEASE), []
        if not pending:
            return False
        failed = [(item.seq, SEALED) for item in pending if item.body is None]
        for _ in failed:
            self._metrics.publish_failures.of(SEALED).inc()
        opened = [item for item in pending if item.body is not None]
        messages = [self._message(item, item.body) for item in opened if item.body is not None]
        receipts = self._publish(messages, self._look_ahead if len(pending) == BATCH else _nothing)
        published: list[int] = []
        for item, receipt in zip(opened, receipts, strict=True):
            match receipt:
                case Published():
                    published.append(item.seq)
                    self._metrics.outcomes_published.of(item.type).inc()
                case Failed(reason=reason):
                    failed.append((item.seq, reason))
                    self._metrics.publish_failures.of(reason).inc()
        self._ledger.mark_published(published, failed)
        if failed:
            _log.warning("publish_failed", count=len(failed), reasons=sorted({reason for _, reason in failed}))
            self._stop.wait(PAUSE)
        return bool(published)

    def _look_ahead(self) -> None:
        """Take the next batch while the broker is busy with this one, unless it is the last."""
        if not self._stop.is_set():
            with suppress(LedgerError):
                self._ahead = self._ledger.claim_outbox(BATCH, LEASE)

    def _publish(self, messages: list[Message], meanwhile: Callable[[], None]) -> list[Receipt]:
        """Publish the batch; where the broker refused one of it and does not say which, one by one."""
        receipts = self._publisher.publish(messages, meanwhile)
        return [
            self._publisher.publish([message])[0] if isinstance(r, Failed) and r.reason == "refused" else r
            for message, r in zip(messages, receipts, strict=True)
        ]

    def close(self, seconds: float = LAST_WORDS) -> bool:
        """Publish what the last passes told, for so many seconds at most, and say goodbye to the broker.

        Returns whether all of it was published; the rest stays in the outbox. Raises `LedgerUnavailable`.
        """
        until = monotonic() + seconds
        try:
            while (more := self.publish_batch()) and monotonic() < until:
                pass
        finally:
            self._publisher.close()
        return not more and not self._ledger.owes_outcomes()

    def _message(self, item: Pending, body: bytes) -> Message:
        return Message(
            id=item.id,
            exchange=self._exchange,
            routing_key=f"{item.tenant}.{item.type}",
            body=body,
            headers={},
            content_type=CONTENT_TYPE,
            type=item.type,
            timestamp=item.created_at,
            correlation_id=item.cause,
        )
