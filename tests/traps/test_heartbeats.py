"""Traps of time: waits that never end, losses that nobody notices, callers that starve the heartbeat."""

import asyncio
import threading
from time import monotonic
from urllib.parse import urlsplit

import pytest

from adapter.broker import Failed, link
from tests.contract.broker_kit import PATIENCE, Broker, at_port, bodies, proxied
from tests.services.proxy import Proxy
from tests.traps.test_silent_stop import consumers


def test_p04_a_wait_that_heartbeats_prolong(broker: Broker) -> None:
    """P4: each heartbeat frame of the broker starts py-amqp's time limit again; here a wait still ends.

    Seen: a limit of 6 seconds with a heartbeat of 4 was not over after 25.
    """
    watched = broker.consumer(heartbeat=1.0)
    watched.consumer.receive(1, 0.0, 0.0)
    started = monotonic()
    assert watched.consumer.receive(1, 1.2, 0.0) == []
    assert monotonic() - started < PATIENCE
    assert watched.states == [True]


def test_p05_a_frozen_broker_under_the_consumer(broker: Broker) -> None:
    """P5: py-amqp asks for no heartbeats by default, and a frozen broker goes unnoticed; here two are enough."""
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url, heartbeat=1.0)
        watched.consumer.receive(1, 0.0, 0.0)
        proxy.freeze()
        watched.turn_until(lambda: not watched.states[-1], "the loss")
        proxy.thaw()
        watched.turn_until(lambda: watched.states[-1], "the reconnect")


def test_p05_a_frozen_broker_under_the_publisher(broker: Broker) -> None:
    """P5: while it waits for confirms the publisher watches the heartbeats, and does not sit the deadline out."""
    with proxied(broker.url) as (proxy, url):
        publisher = broker.publisher(url=url, deadline=3600.0, heartbeat=1.0)
        publisher.publish([broker.event(0)])
        proxy.freeze()
        [receipt] = publisher.publish([broker.event(1)])
        assert isinstance(receipt, Failed)
        assert receipt.reason == "connection"


def test_p06_heartbeat_starvation_by_a_slow_caller(broker: Broker) -> None:
    """P6: while the caller is busy, with all of the prefetch in hand, ticks alone keep the session.

    Seen with ConsumerMixin: a callback of 14 seconds, "missed heartbeats from client", everything again.
    """
    broker.fill(20)
    slow = broker.consumer(heartbeat=2.0, prefetch=10)
    taken = slow.take(5)
    silent = broker.consumer(heartbeat=2.0, prefetch=10)
    silent.take(5)
    until = monotonic() + 2 * PATIENCE
    while consumers(broker) > 1:
        assert monotonic() < until, "the broker has never given up the silent one"
        slow.consumer.tick()
        slow.stop.wait(0.1)
    slow.consumer.tick()
    silent.consumer.tick()
    assert (slow.states, silent.states) == ([True], [True, False])
    assert slow.consumer.settle(taken) == 0


def test_p18_half_a_frame(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """P18: with a time-out of 0 py-amqp spins for ever when the other half of a frame does not come.

    Here the silence is bounded: the session ends, and the message comes whole in the next one.
    """
    monkeypatch.setattr(link, "IO_TIMEOUT", 0.5)
    place = urlsplit(broker.url)
    proxy = _Cutting(place.hostname or "", place.port or 0)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    proxy.accept()
    try:
        watched = broker.consumer(url=at_port(broker.url, proxy.port), heartbeat=600.0)  # none ends it but we
        watched.consumer.receive(1, 0.0, 0.0)
        proxy.left = 20_000
        body = b"x" * 100_000
        broker.publisher().publish([broker.event(1, body=body)])
        watched.turn_until(lambda: watched.states == [True, False], "the end of the session")
        proxy.left = None
        assert bodies(watched.take(1)) == [body]
    finally:
        proxy.close()
        thread.join(PATIENCE)


class _Cutting(Proxy):
    """Forwards only so many bytes more, and then keeps every connection open and says nothing."""

    left: int | None = None

    async def _copy(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, ends: set[asyncio.StreamWriter]
    ) -> None:
        try:
            while chunk := await source.read(4096):
                if self.left is not None:
                    chunk, self.left = chunk[: self.left], max(self.left - len(chunk), 0)
                sink.write(chunk)
                await sink.drain()
        except OSError:
            pass
        finally:
            for writer in ends:
                writer.close()
            self._open -= ends
