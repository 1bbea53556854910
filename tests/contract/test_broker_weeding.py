"""Weeding on RabbitMQ: what is wanted leaves the dead letters, and whatever happens, nothing else does."""

from collections.abc import Iterator

import pytest

from adapter.broker import Delivery, Message, Published, can_weed, weed
from tests.contract.broker_kit import PATIENCE, Broker, broker_at
from tests.services.processes import wait_until

ROUNDS = 25
"""More than the deliveries after which RabbitMQ drops a message of a queue that has no limit of its own."""


@pytest.fixture
def broker(amqp_url: str) -> Iterator[Broker]:
    """Lend a broker."""
    with broker_at(amqp_url) as lent:
        yield lent


def bury(broker: Broker, count: int) -> None:
    """Put numbered dead letters into the queue."""
    publisher = broker.publisher(deadline=PATIENCE)
    exchange = broker.topology.dead_letter_exchange
    letters: list[Message] = [broker.event(number, exchange=exchange) for number in range(count)]
    assert all(isinstance(receipt, Published) for receipt in publisher.publish(letters))


def numbers(broker: Broker, count: int) -> list[int]:
    """Take all dead letters and return their numbers in their order."""
    taken = broker.consumer(broker.topology.dead_letter_queue, prefetch=10_000).take(count)
    return [number_of(delivery) for delivery in taken]


def number_of(delivery: Delivery) -> int:
    """Return the number of a dead letter."""
    return int(delivery.body.split()[1])


def is_third(delivery: Delivery) -> bool:
    """Pick every third one."""
    return number_of(delivery) % 3 == 0


def nothing() -> None:
    """Agree, or be alive."""


def pull(broker: Broker) -> bool:
    """Take every third dead letter out."""
    return weed(broker.url, broker.topology.dead_letter_queue, is_third, nothing, nothing)


def test_what_is_wanted_goes_and_the_rest_stays_in_its_order(broker: Broker) -> None:
    """Also where there are more than fit into one delivery window."""
    bury(broker, 300)
    assert pull(broker)
    assert numbers(broker, 200) == [number for number in range(300) if number % 3]


def test_an_empty_queue_is_weeded(broker: Broker) -> None:
    """There is nothing to look at."""
    assert pull(broker)


def test_nothing_is_gone_unless_it_was_agreed_to(broker: Broker) -> None:
    """A ledger that does not answer, or a crash before the acknowledgement, leaves every message where it was."""
    bury(broker, 9)

    def crash() -> None:
        raise RuntimeError("the ledger is away")

    for _ in range(ROUNDS):
        wait_until(lambda: broker.depth(broker.topology.dead_letter_queue) == 9, patience=20, what="all are back")
        with pytest.raises(RuntimeError, match="the ledger is away"):
            weed(broker.url, broker.topology.dead_letter_queue, is_third, crash, nothing)
    assert numbers(broker, 9) == list(range(9))


def test_looking_often_loses_nobodys_letter(broker: Broker) -> None:
    """Each look delivers every letter once more, and no limit drops it for that."""
    bury(broker, 4)
    for _ in range(ROUNDS):
        assert pull(broker)
    assert numbers(broker, 2) == [1, 2]


def test_what_somebody_else_holds_is_not_counted_as_seen(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator's tool may hold letters between the count and the look: then the search is not done."""
    monkeypatch.setattr("adapter.broker.weeding.PATIENCE", 0.5)
    monkeypatch.setattr("adapter.broker.weeding.depth", lambda *_: 3)
    bury(broker, 2)
    assert not pull(broker)
    assert numbers(broker, 1) == [1]


def test_a_broker_that_may_lose_what_it_gets_back_is_not_weeded() -> None:
    """Brokers that kombu emulates."""
    assert can_weed("amqp://guest@rabbit/")
    assert not can_weed("memory://")
