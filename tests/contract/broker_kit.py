"""A broker with queues of its own for one test, and the few lines that every test of it needs."""

import secrets
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import kombu

from adapter.broker import Consumer, Delivery, Message, Publisher, Receipt, Topology, declare
from tests.services.proxy import Proxy, opened

PATIENCE = 20.0
NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@dataclass
class Watched:
    """A consumer with what it reported."""

    consumer: Consumer
    states: list[bool]
    stop: threading.Event
    watchdog: list[None]

    def take(self, count: int, *, patience: float = PATIENCE) -> list[Delivery]:
        """Receive until `count` deliveries are in, or time is up."""
        taken: list[Delivery] = []
        until = monotonic() + patience
        while len(taken) < count and monotonic() < until:
            taken += self.consumer.receive(count - len(taken), 0.2, 0.02)
        return taken

    def turn_until(self, condition: Callable[[], bool], what: str) -> list[Delivery]:
        """Receive as a loop does until `condition` holds; return what came."""
        taken: list[Delivery] = []
        until = monotonic() + PATIENCE
        while not condition():
            assert monotonic() < until, f"{what}: not within {PATIENCE:g} s"
            taken += self.consumer.receive(100, 0.1, 0.0)
        return taken


@dataclass
class Broker:
    """One broker, with a topology that no other test uses."""

    url: str
    topology: Topology = field(default_factory=lambda: named(secrets.token_hex(6)))
    _closing: list[Callable[[], None]] = field(default_factory=list)

    def declare(self) -> "Broker":
        """Create the topology."""
        declare(self.url, self.topology)
        return self

    def consumer(self, queue: str | None = None, *, url: str | None = None, **options: Any) -> Watched:  # noqa: ANN401 - handed on to Consumer
        """Return a consumer of the intake queue, or of another; it is closed at the end of the test."""
        states: list[bool] = []
        watchdog: list[None] = []
        stop = threading.Event()
        consumer = Consumer(
            url or self.url,
            queue or self.topology.intake_queue,
            jitter=lambda: 0.0,
            on_state=states.append,
            stop=stop,
            on_watchdog=lambda: watchdog.append(None),
            **options,
        )
        self._closing.append(consumer.close)
        return Watched(consumer, states, stop, watchdog)

    def publisher(self, *, url: str | None = None, **options: Any) -> Publisher:  # noqa: ANN401 - handed on to Publisher
        """Return a publisher; it is closed at the end of the test."""
        publisher = Publisher(url or self.url, **options)
        self._closing.append(publisher.close)
        return publisher

    def event(self, number: int, **changes: Any) -> Message:  # noqa: ANN401 - handed on to Message
        """Return a message to the intake, recognisable by its id and body."""
        values: dict[str, Any] = {
            "id": f"event-{number}",
            "exchange": self.topology.events_exchange,
            "routing_key": "uni.example.sis.exam.booked.v1",
            "body": b"event %d" % number,
            "headers": {},
            "content_type": "application/cloudevents+json",
        }
        return Message(**{**values, **changes})

    def fill(self, count: int, *, first: int = 0) -> list[Receipt]:
        """Publish `count` events, over a connection that is not part of the test."""
        publisher = Publisher(self.url, deadline=PATIENCE)
        try:
            return publisher.publish([self.event(first + number) for number in range(count)])
        finally:
            publisher.close()

    def depth(self, queue: str | None = None) -> int:
        """Return how many messages wait in the intake queue, or another, for a consumer."""
        with kombu.Connection(self.url) as connection:
            state = connection.channel().queue_declare(queue or self.topology.intake_queue, passive=True)
            return int(state.message_count)

    def close(self) -> None:
        """Close what the test opened."""
        for close in self._closing:
            close()


@contextmanager
def broker_at(url: str) -> Generator[Broker]:
    """Lend a broker with its topology declared."""
    broker = Broker(url)
    broker.declare()
    try:
        yield broker
    finally:
        broker.close()


@contextmanager
def proxied(url: str) -> Generator[tuple[Proxy, str]]:
    """Lend a proxy to the broker at `url`, and the URL that leads through it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    with opened(parts.hostname, parts.port) as proxy:
        yield proxy, at_port(url, proxy.port)


def at_port(url: str, port: int) -> str:
    """Return `url` with another port."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))


def named(suffix: str) -> Topology:
    """Return a topology whose names end in `suffix`."""
    return Topology(
        events_exchange=f"sis.events.{suffix}",
        intake_queue=f"intake.{suffix}",
        urgent_exchange=f"sis.urgent.{suffix}",
        urgent_queue=f"urgent.{suffix}",
        outcomes_exchange=f"cirrus.events.{suffix}",
        dead_letter_queue=f"dead.{suffix}",
        dead_letter_exchange=f"dead.{suffix}",
    )


def bodies(deliveries: Sequence[Delivery]) -> list[bytes]:
    """Return the bodies, in order."""
    return [delivery.body for delivery in deliveries]
