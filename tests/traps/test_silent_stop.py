"""Traps that leave a process that is alive, connected and healthy, and consumes nothing for ever."""

from time import monotonic
from typing import Any

import kombu
import pytest

from adapter.broker.sessions import open_session
from adapter.errors import BrokerUnavailable
from tests.contract.broker_kit import PATIENCE, Broker, Watched, bodies, broker_at, proxied
from tests.services.rabbit import RabbitServer

CONSUMER_TIMEOUT = (
    "application:set_env(rabbit, consumer_timeout, {}), application:set_env(rabbit, channel_tick_interval, {})."
)


def consumers(broker: Broker) -> int:
    """Return how many consumers the broker has on the intake queue."""
    with kombu.Connection(broker.url) as connection:
        state = connection.channel().queue_declare(broker.topology.intake_queue, passive=True)
        return int(state.consumer_count)


def settle_until_gone(watched: Watched, *expected: bytes) -> None:
    """Receive and settle until each of these bodies was settled in the session that it came in."""
    missing = set(expected)
    until = monotonic() + PATIENCE
    while missing:
        assert monotonic() < until, f"{sorted(missing)} never settled"
        batch = watched.consumer.receive(50, 0.1, 0.02)
        if watched.consumer.settle(batch) == 0:
            missing.difference_update(bodies(batch))


def test_p01_silent_stop_after_a_failed_write(broker: Broker) -> None:
    """P1, finding 1: kombu drained a new bare connection with no channel when an ack had noticed the loss first.

    Seen with stock kombu: alive, heartbeats healthy, 0 consumers, messages ready. Here a write that fails ends the
    session, and the next one consumes.
    """
    broker.fill(3)
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url)
        old = watched.take(3)
        proxy.reset()
        until = monotonic() + PATIENCE
        while watched.states[-1]:
            watched.consumer.settle(old)
            assert monotonic() < until, "the loss was never noticed"
        settle_until_gone(watched, b"event 0", b"event 1", b"event 2")
        assert consumers(broker) == 1
        assert watched.watchdog == []


def test_p01_silent_stop_when_the_broker_forgets_the_consumer(broker: Broker) -> None:
    """P1: messages are ready, we could take more and get none: the session is ended, counted and replaced."""
    watched = broker.consumer(idle_after=0.3)
    watched.consumer.receive(1, 0.0, 0.0)
    session: Any = watched.consumer._session
    session._channel.basic_cancel(*session._consumer_tags)  # as when a consumer gets lost on the way
    broker.fill(2)
    assert sorted(bodies(watched.take(2))) == [b"event 0", b"event 1"]
    assert watched.states == [True, False, True]
    assert watched.watchdog == [None]


def test_p01_the_watchdog_leaves_a_full_or_idle_consumer_alone(broker: Broker) -> None:
    """P1: messages that wait because all of the prefetch is out, or no messages at all, are no silent stop."""
    broker.fill(5)
    full = broker.consumer(idle_after=0.1, prefetch=2)
    taken = full.take(2)
    until = monotonic() + 2.5
    while monotonic() < until:
        assert full.consumer.receive(10, 0.2, 0.0) == []
    assert full.consumer.settle(taken) == 0
    settle_until_gone(full, b"event 2", b"event 3", b"event 4")
    until = monotonic() + 1.5
    while monotonic() < until:
        full.consumer.receive(10, 0.2, 0.0)
    assert (full.states, full.watchdog) == ([True], [])


def test_p03_consumer_less_channel_after_a_consumer_timeout(private_url: str, rabbit: RabbitServer) -> None:
    """P3, P20: RabbitMQ closes the channel of a consumer that holds a delivery for too long (30 minutes by default).

    Seen: py-amqp raises once, opens the channel again in place, without its consumer, and then nothing comes.
    """
    rabbit.ctl("eval", CONSUMER_TIMEOUT.format(500, 200))
    try:
        with broker_at(private_url) as broker:
            broker.fill(2)
            watched = broker.consumer(prefetch=2)
            held = watched.take(2)
            watched.turn_until(lambda: watched.states[:3] == [True, False, True], "a new session")
            assert watched.consumer.settle(held) == 2
            settle_until_gone(watched, b"event 0", b"event 1")
    finally:
        rabbit.ctl("eval", CONSUMER_TIMEOUT.format(1_800_000, 60_000))


def test_p17_errors_that_arrive_later(broker: Broker) -> None:
    """P17: kombu starts consumers with `nowait`, so a missing queue is noticed at some later read, or never."""
    with pytest.raises(BrokerUnavailable, match=r"cannot consume absent .*NOT_FOUND"):
        open_session(broker.url, "absent", epoch=1, prefetch=1, heartbeat=15)


def test_p21_cancel_sent_by_the_broker(broker: Broker) -> None:
    """P21: a deleted queue or a fail-over cancels the consumer; when the queue is there again, consuming goes on."""
    watched = broker.consumer()
    watched.consumer.receive(1, 0.0, 0.0)
    with kombu.Connection(broker.url) as connection:
        connection.channel().queue_delete(broker.topology.intake_queue)
    watched.turn_until(lambda: watched.states == [True, False], "the cancel")
    broker.declare().fill(1)
    assert bodies(watched.take(1)) == [b"event 0"]
