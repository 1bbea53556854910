"""The consumer on a real RabbitMQ when something breaks: each measured trap as a test."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import kombu
import pytest
from amqp import Message as WireMessage

from adapter.broker import Published, dead_letter
from tests.contract.broker_kit import NOW, Broker, Watched, bodies, broker_at, proxied
from tests.services.processes import free_port
from tests.services.rabbit import RabbitServer


@pytest.fixture
def broker(amqp_url: str) -> Iterator[Broker]:
    """Lend RabbitMQ."""
    with broker_at(amqp_url) as lent:
        yield lent


def _settle_until_empty(watched: Watched, expected: set[bytes]) -> int:
    """Consume until every expected body was settled in its own session; return how many were stale."""
    missing, stale = set(expected), 0

    def turn() -> bool:
        nonlocal stale
        batch = watched.consumer.receive(50, 0.1, 0.02)
        late = watched.consumer.settle(batch)
        stale += late
        if late == 0:
            missing.difference_update(bodies(batch))
        return not missing

    until = monotonic() + 30
    while not turn():
        assert monotonic() < until, f"{len(missing)} messages never settled"
    return stale


def test_a_late_ack_is_dropped_after_a_reconnect(broker: Broker) -> None:
    """P2: a tag of a lost session is stale; the message comes again and nothing else is acknowledged."""
    broker.fill(6)
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url, prefetch=3)
        old = watched.take(3)
        proxy.reset()
        watched.turn_until(lambda: watched.states == [True, False, True], "reconnect")
        assert watched.consumer.settle(old) == 3
        watched.consumer.close()
        assert broker.depth() == 6


def test_a_write_that_fails_ends_the_session(broker: Broker) -> None:
    """P1: an ack into a dead connection must not leave a consumer that waits for ever."""
    broker.fill(3)
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url)
        old = watched.take(3)
        proxy.reset()
        deadline = monotonic() + 10
        while watched.states[-1]:
            watched.consumer.settle(old)
            watched.consumer.tick()
            assert monotonic() < deadline
        assert _settle_until_empty(watched, {b"event 0", b"event 1", b"event 2"}) == 0


def test_an_error_on_the_channel_ends_the_session(broker: Broker) -> None:
    """P3, P2: after a channel error nothing of the old session acknowledges a message of the new one."""
    broker.fill(6)
    watched = broker.consumer(prefetch=2)
    old = watched.take(2)
    watched.consumer.settle([old[0], old[0]])  # the second ack of a tag is an error to the broker
    new = watched.turn_until(lambda: watched.states == [True, False, True], "a new session") or watched.take(1)
    assert new[0].epoch > old[0].epoch
    assert watched.consumer.settle(old) == 2
    watched.consumer.close()
    assert broker.depth() == 5
    assert _settle_until_empty(broker.consumer(), {b"event %d" % number for number in range(1, 6)}) == 0


def test_a_deleted_queue_ends_the_session(broker: Broker) -> None:
    """P21: the broker cancels the consumer; when the queue is there again, consuming goes on."""
    watched = broker.consumer()
    watched.consumer.receive(1, 0.0, 0.0)
    with kombu.Connection(broker.url) as connection:
        connection.channel().queue_delete(broker.topology.intake_queue)
    watched.turn_until(lambda: watched.states == [True, False], "the cancel")
    broker.declare().fill(1)
    assert bodies(watched.take(1)) == [b"event 0"]


def test_consuming_goes_on_after_a_restart(broker: Broker, rabbit: RabbitServer) -> None:
    """A restarted broker has the messages, and the consumer finds it by itself."""
    broker.fill(2)
    watched = broker.consumer()
    old = watched.take(2)
    rabbit.stop()
    watched.turn_until(lambda: not watched.states[-1], "the loss")
    assert watched.consumer.settle(old) == 2
    rabbit.start()
    assert sorted(bodies(watched.take(2))) == [b"event 0", b"event 1"]


def test_a_frozen_broker_is_noticed_by_its_missing_heartbeats(broker: Broker) -> None:
    """P5: an open but silent connection is given up after about two heartbeats, and receive keeps returning."""
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url, heartbeat=1.0)
        watched.consumer.receive(1, 0.0, 0.0)
        proxy.freeze()
        started = monotonic()
        watched.turn_until(lambda: not watched.states[-1], "the loss")
        assert monotonic() - started < 6
        proxy.thaw()
        watched.turn_until(lambda: watched.states[-1], "the reconnect")


def test_heartbeats_of_the_broker_do_not_prolong_the_wait(broker: Broker) -> None:
    """P4: with a heartbeat every half second a wait of 1.2 seconds still ends."""
    watched = broker.consumer(heartbeat=1.0)
    watched.consumer.receive(1, 0.0, 0.0)
    started = monotonic()
    assert watched.consumer.receive(1, 1.2, 0.0) == []
    assert monotonic() - started < 3


def test_a_slow_caller_keeps_the_connection_with_ticks(broker: Broker) -> None:
    """P6: while the caller is busy, with all of the prefetch in hand, ticks alone keep the session."""
    broker.fill(20)
    slow = broker.consumer(heartbeat=1.0, prefetch=10)
    taken = slow.take(5)
    silent = broker.consumer(heartbeat=1.0, prefetch=10)
    silent.take(5)
    busy_until = monotonic() + 5  # the broker gives up after two heartbeats and a bit
    while monotonic() < busy_until:
        slow.consumer.tick()
        slow.stop.wait(0.1)
    silent.consumer.tick()
    assert (slow.states, silent.states) == ([True], [True, False])
    assert slow.consumer.settle(taken) == 0


def test_stopping_is_quick_while_the_broker_is_down(broker: Broker) -> None:
    """P7: neither the wait nor the close hangs on to a broker that is not there."""
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url)
        watched.consumer.receive(1, 0.0, 0.0)
        proxy.refuse()
        watched.turn_until(lambda: not watched.states[-1], "the loss")
        alarm = threading.Timer(0.3, watched.stop.set)
        alarm.start()
        started = monotonic()
        while not watched.stop.is_set():
            watched.consumer.receive(1, 30.0, 0.0)
        watched.consumer.close()
        assert monotonic() - started < 3
        alarm.join()


def test_closing_is_bounded_when_the_broker_is_frozen(broker: Broker) -> None:
    """P7: the goodbye is given up when its time is over."""
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url)
        watched.consumer.receive(1, 0.0, 0.0)
        proxy.freeze()
        started = monotonic()
        watched.consumer.close(1.0)
        assert monotonic() - started < 3
        assert watched.states == [True, False]


def test_closing_waits_until_the_broker_has_every_ack(broker: Broker) -> None:
    """P10: what was settled just before the close is gone, though the rest of the prefetch was under way."""
    broker.fill(1500)
    watched = broker.consumer(prefetch=1000)
    taken = watched.take(400)
    assert watched.consumer.settle(taken) == 0
    watched.consumer.close()
    assert broker.depth() == 1100


def test_the_watchdog_ends_a_session_that_the_broker_forgot(broker: Broker) -> None:
    """Messages are ready, we could take more and get none: the session is ended, counted and replaced."""
    watched = broker.consumer(idle_after=0.3)
    watched.consumer.receive(1, 0.0, 0.0)
    session: Any = watched.consumer._session
    session._channel.basic_cancel(session._consumer_tag)  # as when a consumer gets lost on the way
    broker.fill(2)
    assert sorted(bodies(watched.take(2))) == [b"event 0", b"event 1"]
    assert watched.states == [True, False, True]
    assert watched.watchdog == [None]


def test_the_watchdog_leaves_a_full_or_idle_consumer_alone(broker: Broker) -> None:
    """Messages that wait because all of the prefetch is out, or no messages at all, are no fault."""
    broker.fill(5)
    full = broker.consumer(idle_after=0.1, prefetch=2)
    taken = full.take(2)
    until = monotonic() + 2.5
    while monotonic() < until:
        assert full.consumer.receive(10, 0.2, 0.0) == []
    assert full.consumer.settle(taken) == 0
    assert _settle_until_empty(full, {b"event 2", b"event 3", b"event 4"}) == 0
    until = monotonic() + 1.5
    while monotonic() < until:
        full.consumer.receive(10, 0.2, 0.0)
    assert (full.states, full.watchdog) == ([True], [])


def test_resets_lose_nothing(broker: Broker) -> None:
    """Ten resets between receiving and settling: each message is seen, so no late ack hit one that was not."""
    broker.fill(1000)
    seen: set[bytes] = set()
    stale = 0
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url, prefetch=100)
        for turn in range(10):
            batch = watched.take(60)
            seen.update(bodies(batch))
            watched.consumer.settle(batch[:30])
            proxy.reset()
            watched.turn_until(lambda turn=turn: watched.states.count(False) == turn + 1, "the loss")
            stale += watched.consumer.settle(batch[30:])
        assert stale == 300
        while len(seen) < 1000:
            rest = watched.take(1)
            assert rest, f"{1000 - len(seen)} messages are lost"
            seen.update(bodies(rest))
            assert watched.consumer.settle(rest) == 0


def _publish_oddly(broker: Broker, routing_key: object = "uni.example.x", **properties: object) -> None:
    with kombu.Connection(broker.url, transport_options={"confirm_publish": True}) as connection:
        channel = connection.channel()
        channel.basic_publish(WireMessage(b"odd", **properties), broker.topology.events_exchange, routing_key)


@pytest.mark.parametrize(
    "odd",
    [
        {"message_id": b"caf\xe9"},
        {"type": b"\xff\xfe"},
        {"content_type": b"text/\xe9"},
        {"application_headers": {b"caf\xe9": "1", "fine": "2"}},
        {"application_headers": {"name": b"caf\xe9"}},
        {"routing_key": b"universit\xe9.x"},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_a_badly_encoded_message_does_not_end_the_session(broker: Broker, odd: dict[str, Any]) -> None:
    """Latin-1 in a name, a property or a header arrives with its body whole, and can be settled like any other."""
    broker.fill(1)
    _publish_oddly(broker, **odd)
    broker.fill(1, first=1)
    watched = broker.consumer()
    taken = watched.take(3)
    assert bodies(taken) == [b"event 0", b"odd", b"event 1"]
    assert all(isinstance(name, str) for name in taken[1].headers)
    assert taken[1].routing_key.isascii()
    assert watched.consumer.settle(taken) == 0
    watched.consumer.close()
    assert (watched.states, broker.depth()) == ([True, False], 0)


def test_the_delivery_limit_leads_to_the_dead_letter_queue(amqp_url: str) -> None:
    """A message that kills its consumer each time is dead-lettered by the broker, with the reason."""
    with closing(_deadly(amqp_url)) as broker:
        [letter] = broker.consumer(broker.topology.dead_letter_queue).take(1)
        assert letter.body == b"event 0"
        deaths: Any = letter.headers["x-death"]
        assert deaths[0]["reason"] == "delivery_limit"


def test_a_message_that_died_before_can_be_dead_lettered(amqp_url: str) -> None:
    """Finding 4: a carried `x-death` would make the broker drop the letter after its confirm."""
    with closing(_deadly(amqp_url)) as broker:
        dead = broker.consumer(broker.topology.dead_letter_queue)
        [first] = dead.take(1)
        letter = dead_letter(
            first, reason="r", path="$", error_class="E", version="1", topology=broker.topology, now=NOW
        )
        assert not [name for name in letter.headers if name.startswith("x-")]
        assert broker.publisher().publish([letter]) == [Published(letter.id)]
        assert dead.consumer.settle([first]) == 0
        assert bodies(dead.take(1)) == [b"event 0"]


def test_the_next_address_is_tried(broker: Broker) -> None:
    """A cluster's addresses are divided by semicolons; one that is down does not matter."""
    broker.fill(1)
    dead = broker.url.replace(f":{urlsplit(broker.url).port}/", f":{free_port()}/")
    assert bodies(broker.consumer(url=f"{dead};{broker.url}").take(1)) == [b"event 0"]


def _deadly(amqp_url: str) -> Broker:
    """Return a broker whose one message was delivered twice and never settled, which is its limit."""
    broker = Broker(amqp_url)
    broker.topology = replace(broker.topology, delivery_limit=1)
    broker.declare().fill(1)
    for _ in range(2):
        watched = broker.consumer()
        watched.take(1)
        watched.consumer.close()
    return broker
