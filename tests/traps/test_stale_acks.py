"""Traps in which an ack of one message takes another one away."""

from tests.contract.broker_kit import Broker, bodies, proxied
from tests.traps.test_silent_stop import settle_until_gone


def test_p02_stale_ack_after_a_reconnect(broker: Broker) -> None:
    """P2: a tag of a lost session means another message in the next one; it is dropped, and nothing is lost."""
    broker.fill(6)
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url, prefetch=3)
        old = watched.take(3)
        proxy.reset()
        watched.turn_until(lambda: watched.states == [True, False, True], "reconnect")
        assert watched.consumer.settle(old) == 3
        watched.consumer.close()
        assert broker.depth() == 6


def test_f06_stale_ack_after_a_channel_error(broker: Broker) -> None:
    """Finding 6, P2, P3: py-amqp opens a failed channel again in place, and its tags begin at 1 again.

    Seen: the late ack of an old delivery acknowledged another, unprocessed message, which was gone after a crash.
    """
    broker.fill(6)
    watched = broker.consumer(prefetch=2)
    old = watched.take(2)
    watched.consumer.settle([old[0], old[0]])  # the second ack of a tag is an error to the broker
    watched.turn_until(lambda: watched.states == [True, False, True], "a new session")
    assert watched.consumer.settle(old) == 2
    watched.consumer.close()
    assert broker.depth() == 5
    settle_until_gone(broker.consumer(), *(b"event %d" % number for number in range(1, 6)))


def test_p02_resets_between_receiving_and_settling(broker: Broker) -> None:
    """P2: ten resets lose nothing: each message is seen, so no late ack hit one that was not."""
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


def test_p10_an_ack_that_proves_nothing(broker: Broker) -> None:
    """P10: an ack returns although the broker may never get it; after the close it has every one.

    What was settled just before is gone, though the rest of the prefetch was under way.
    """
    broker.fill(1500)
    watched = broker.consumer(prefetch=1000)
    taken = watched.take(400)
    assert watched.consumer.settle(taken) == 0
    watched.consumer.close()
    assert broker.depth() == 1100
