"""Traps around dead letters: innocents that are charged, letters that vanish after a positive confirm."""

from collections.abc import Callable
from contextlib import closing
from typing import Any

import kombu

from adapter.broker import Delivery, Published, dead_letter
from tests.contract.broker_kit import NOW, PATIENCE, Broker, Watched, bodies
from tests.services.processes import wait_until
from tests.services.rabbit import RabbitServer
from tests.values import replace

RETRY_AFTER = "application:set_env(rabbit, dead_letter_worker_publisher_confirm_timeout, {})."
"""Milliseconds after which the broker offers a dead letter again that no queue has taken: by default 3 minutes."""


def crash(broker: Broker, prefetch: int, queue: str | None = None) -> None:
    """Consume the intake queue, or another, be handed all of the prefetch, and die without a word."""
    watched = broker.consumer(queue, prefetch=prefetch)
    assert len(watched.take(prefetch)) == prefetch
    die(watched)


def die(watched: Watched) -> None:
    """Break the connection of a consumer as the end of its process does; what was settled has reached the broker."""
    session: Any = watched.consumer._session
    session._channel.basic_qos(0, 1, False)  # answered behind every ack
    session.abort()


def limited(amqp_url: str, limit: int, count: int) -> Broker:
    """Return a broker whose intake queue has this delivery limit and so many messages."""
    broker = Broker(amqp_url)
    broker.topology = replace(broker.topology, delivery_limit=limit)
    broker.declare().fill(count)
    return broker


def deep(broker: Broker, queue: str, count: int) -> Callable[[], bool]:
    """Return whether a queue has so many messages."""
    return lambda: broker.depth(queue) == count


def letters(broker: Broker) -> Watched:
    """Return a consumer of the dead-letter queue."""
    return broker.consumer(broker.topology.dead_letter_queue)


def test_f09_delivery_limit_charges_innocents_and_does_not_reach_them(broker: Broker) -> None:
    """Finding 9: every prefetched message is charged for each crash, so the limit is far above a bad day's crashes.

    Seen with a limit of 3 and a prefetch of 5: five of five dead-lettered, and only one had ever been started.
    """
    broker.fill(20)
    for _ in range(8):
        crash(broker, prefetch=20)
    wait_until(deep(broker, broker.topology.intake_queue, 20), patience=PATIENCE, what="all are back")
    assert broker.depth(broker.topology.dead_letter_queue) == 0


def test_f09_delivery_limit_takes_only_what_kills(amqp_url: str) -> None:
    """Finding 9: a message that ends every process which takes it is out of the way at last, and takes no other along.

    The first death charges all that was out; from then on the intake is handed one message first, and more as it
    settles them.
    """
    killer = b"event 0"
    with closing(limited(amqp_url, limit=2, count=20)) as broker:
        intake = broker.topology.intake_queue
        crash(broker, prefetch=20)
        wait_until(deep(broker, intake, 20), patience=PATIENCE, what="all are back")
        settled: list[bytes] = []
        deaths = 0
        while broker.depth(broker.topology.dead_letter_queue) == 0:
            watched = broker.consumer(prefetch=20, slow_start=True)
            while killer not in (lot := bodies(some := watched.take(1))):
                assert watched.consumer.settle(some) == 0
                settled += lot
            die(watched)
            deaths += 1
            gone = 20 - len(settled)
            back = f"{gone} of 20 are back, or one of them is dead"
            wait_until(lambda gone=gone: _there(broker) == gone, patience=PATIENCE, what=back)
        assert deaths == 2
        assert bodies(letters(broker).take(1)) == [killer]
        rest = broker.consumer(prefetch=20, slow_start=True)
        while len(settled) < 19:
            some = rest.take(1)
            assert rest.consumer.settle(some) == 0
            settled += bodies(some)
        assert sorted([killer, *settled]) == sorted(b"event %d" % number for number in range(20))
        wait_until(deep(broker, intake, 0), patience=PATIENCE, what="all are settled")


def _there(broker: Broker) -> int:
    """Return how many messages wait for the intake, or have been given up."""
    return broker.depth(broker.topology.intake_queue) + broker.depth(broker.topology.dead_letter_queue)


def test_f09_where_nobody_has_died_nobody_is_slow(broker: Broker) -> None:
    """Finding 9: a message that was never out before tells that all of the prefetch may be."""
    broker.fill(20)
    assert len(broker.consumer(prefetch=20, slow_start=True).take(20)) == 20


def test_f09_a_session_that_settles_is_handed_more_and_more(broker: Broker) -> None:
    """Finding 9: nobody waits for one message at a time for long, and none is lost or doubled by a wider window."""
    broker.fill(600)
    crash(broker, prefetch=600)
    watched = broker.consumer(prefetch=250, slow_start=True)
    taken: list[Delivery] = []
    lots: list[int] = []
    while len(taken) < 600:
        lot = watched.consumer.receive(1000, PATIENCE, 0.2)
        assert watched.consumer.settle(lot) == 0
        lots.append(len(lot))
        taken += lot
    # What was handed out before a window grew may come on top of it.
    assert lots[0] == 1
    assert all(lot <= most for lot, most in zip(lots, (1, 4 + 1, 16 + 4, 64 + 16), strict=False))
    assert 64 + 16 < max(lots) <= 250 + 64
    assert sorted(bodies(taken)) == sorted(b"event %d" % number for number in range(600))
    watched.consumer.close()
    assert broker.depth() == 0


def test_f09_delivery_limit_keeps_what_it_takes(amqp_url: str) -> None:
    """Finding 9, B4: RabbitMQ 4 deletes after 20 deliveries unless told otherwise; ours become dead letters."""
    with closing(limited(amqp_url, limit=1, count=5)) as broker:
        for _ in range(2):
            crash(broker, prefetch=5)
        found = letters(broker).take(5)
        assert sorted(bodies(found)) == [b"event %d" % number for number in range(5)]
        assert {letter.headers["x-death"][0]["reason"] for letter in found} == {"delivery_limit"}  # type: ignore[index]
        assert broker.depth() == 0


def test_f09_delivery_limit_with_nobody_to_take_the_letter(private_url: str, rabbit: RabbitServer) -> None:
    """Finding 9: an unbound dead-letter exchange loses nothing: at-least-once holds the letter until it is bound."""
    rabbit.ctl("eval", RETRY_AFTER.format(1000))
    try:
        with closing(limited(private_url, limit=1, count=3)) as broker:
            topology = broker.topology
            with kombu.Connection(broker.url) as connection:
                connection.channel().queue_unbind(topology.dead_letter_queue, topology.dead_letter_exchange, "#")
            for _ in range(2):
                crash(broker, prefetch=3)
            assert broker.consumer().take(1, patience=1.0) == []
            assert broker.depth(topology.dead_letter_queue) == 0
            broker.declare()
            assert sorted(bodies(letters(broker).take(3, patience=60))) == [b"event 0", b"event 1", b"event 2"]
    finally:
        rabbit.ctl("eval", RETRY_AFTER.format(180_000))


def test_f04_headers_that_lose_a_dead_letter(amqp_url: str) -> None:
    """Finding 4: a carried `x-death` makes the broker take the letter for a loop, and drop it after its confirm."""
    with closing(limited(amqp_url, limit=1, count=1)) as broker:
        for _ in range(2):
            crash(broker, prefetch=1)
        dead = letters(broker)
        [first] = dead.take(1)
        letter = dead_letter(
            first, reason="r", path="$", error_class="E", version="1", topology=broker.topology, now=NOW
        )
        assert not [name for name in letter.headers if name.startswith("x-")]
        assert broker.publisher().publish([letter]) == [Published(letter.id)]
        assert dead.consumer.settle([first]) == 0
        assert bodies(dead.take(1)) == [b"event 0"]
