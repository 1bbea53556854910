"""One race: publish the season, look at the queues and at the sandbox until everything is done, and take the times."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapter.broker import Message, Published, Publisher
from tests.benchmarks.stage import Usage

LOOK_EVERY = 0.05
CHUNK = 1000


@dataclass(frozen=True, slots=True)
class Look:
    """What can be seen at one moment: seats in Cirrus, bookings that were told confirmed, and whether all is told."""

    seated: int
    confirmed: int
    finished: bool


@dataclass(frozen=True, slots=True)
class Race:
    """Seconds from the first publish on: to the last event published, the last seat, the last confirmation, the end.

    `curve` is what was seen over time: seconds, seats, confirmed bookings.
    """

    published_in: float
    seated_in: float
    confirmed_in: float
    finished_in: float
    cpu: float
    peak: int
    curve: tuple[tuple[float, int, int], ...] = field(repr=False)


def race(
    messages: Sequence[Message],
    amqp_url: str,
    *,
    wanted: int,
    look: Callable[[], Look],
    use: Callable[[], Usage],
    patience: float,
) -> Race:
    """Publish the messages, of which `wanted` are bookings, and return the times.

    Raises `TimeoutError` when it is not finished within `patience`.
    """
    before = use()
    took: list[float] = []
    started = time.monotonic()
    publisher = threading.Thread(target=lambda: took.append(publish(messages, amqp_url)), name="sis", daemon=True)
    publisher.start()
    curve: list[tuple[float, int, int]] = []
    while True:
        seen = look()
        seconds = time.monotonic() - started
        curve.append((round(seconds, 3), seen.seated, seen.confirmed))
        if seen.finished:
            break
        if seconds > patience:
            raise TimeoutError(
                f"after {seconds:.0f} s {seen.seated} of {wanted} are seated, {seen.confirmed} confirmed"
            )
        time.sleep(LOOK_EVERY)
    after = use()
    publisher.join()
    return Race(
        published_in=took[0],
        seated_in=_first(curve, 1, wanted),
        confirmed_in=_first(curve, 2, wanted),
        finished_in=curve[-1][0],
        cpu=after.cpu - before.cpu,
        peak=after.peak,
        curve=tuple(curve),
    )


def _first(curve: Sequence[tuple[float, int, int]], column: int, wanted: int) -> float:
    return next((row[0] for row in curve if row[column] >= wanted), curve[-1][0])


def as_event(number: int, event: bytes, exchange: str) -> Message:
    """Return an event as the message of a SIS."""
    return Message(
        id=str(number),
        exchange=exchange,
        routing_key="uni.example.sis",
        body=event,
        headers={},
        content_type="application/cloudevents+json",
    )


def publish(messages: Sequence[Message], amqp_url: str) -> float:
    """Publish as fast as the broker confirms; return the seconds it took."""
    started = time.monotonic()
    publisher = Publisher(amqp_url, window=200, deadline=60.0)
    for start in range(0, len(messages), CHUNK):
        receipts = publisher.publish(messages[start : start + CHUNK])
        assert all(isinstance(receipt, Published) for receipt in receipts), receipts[:1]
    seconds = time.monotonic() - started
    publisher.close()
    return seconds
