"""Probes: bookings for exams that start in ten minutes, one after another, and when each was told confirmed."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event

import orjson

from adapter.broker import Consumer, Publisher
from tests.benchmarks.adapters import CONFIRMED_QUEUE, INTAKE_EXCHANGE, Adapter
from tests.benchmarks.race import as_event
from tests.benchmarks.season import Urgent
from tests.services.processes import wait_until

LOOK_SECONDS = 0.2
PATIENCE = 120.0


@dataclass(frozen=True, slots=True)
class Probed:
    """One probe: when it was published, when it was in the ledger, and when it was told confirmed."""

    published: datetime
    received: datetime
    confirmed: datetime

    @property
    def seconds(self) -> float:
        """From publish to confirmed."""
        return (self.confirmed - self.published).total_seconds()

    @property
    def after_intake(self) -> float:
        """From the ledger to confirmed."""
        return (self.confirmed - self.received).total_seconds()


class Ear:
    """Listens to all that is told confirmed, from a thread of its own."""

    def __init__(self, amqp_url: str, clock: Callable[[], datetime]) -> None:
        self.heard: dict[str, datetime] = {}
        self._clock = clock
        self._stop = Event()
        self._consumer = Consumer(
            amqp_url, CONFIRMED_QUEUE, jitter=lambda: 0.0, on_state=lambda _: None, stop=self._stop
        )
        self._thread = threading.Thread(target=self._listen, name="ear", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            deliveries = self._consumer.receive(1000, LOOK_SECONDS, 0.0)
            moment = self._clock()
            for delivery in deliveries:
                self.heard.setdefault(orjson.loads(delivery.body)["subject"], moment)
            self._consumer.settle(deliveries)

    def close(self) -> None:
        """Listen no more."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()


def probe(
    stage: Adapter,
    urgent: Sequence[Urgent],
    clock: Callable[[], datetime],
    *,
    every: float,
    going: Callable[[], bool] = lambda: True,
) -> list[Probed]:
    """Publish bookings whose exams are known, one each `every` seconds while it goes on, and wait for all of them."""
    ear = Ear(stage.place.amqp_url, clock)
    publisher = Publisher(stage.place.amqp_url, window=1, deadline=PATIENCE)
    published: dict[str, datetime] = {}
    try:
        begin = time.monotonic()
        for number, one in enumerate(urgent):
            if published and not going():
                break
            time.sleep(max(0.0, begin + number * every - time.monotonic()))
            published[one.booking_id] = clock()
            publisher.publish([as_event(number, one.booking, INTAKE_EXCHANGE)])
        wait_until(lambda: published.keys() <= ear.heard.keys(), patience=PATIENCE, what="urgent bookings confirmed")
    finally:
        publisher.close()
        ear.close()
    received = _received(stage, [one for one in urgent if one.booking_id in published])
    return [Probed(moment, received[name], ear.heard[name]) for name, moment in published.items()]


def _received(stage: Adapter, urgent: Sequence[Urgent]) -> dict[str, datetime]:
    ids = [one.event_id for one in urgent]
    found = dict(stage.place.query("SELECT id, received_at FROM messages WHERE id = ANY(%s)", ids))
    return {one.booking_id: found[one.event_id] for one in urgent}
