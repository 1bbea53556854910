"""The publisher on a real RabbitMQ when something breaks; `tests/traps` has the traps of the library."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any

import pytest

from adapter.broker import Failed, Message, Published, Receipt
from tests.contract.broker_kit import PATIENCE, Broker, at_port, broker_at, proxied
from tests.services.processes import free_port, wait_until
from tests.services.rabbit import RabbitServer, close_queue, open_queue


@pytest.fixture
def broker(amqp_url: str) -> Iterator[Broker]:
    """Lend RabbitMQ."""
    with broker_at(amqp_url) as lent:
        yield lent


def _reasons(receipts: list[Receipt]) -> list[str]:
    return [receipt.reason if isinstance(receipt, Failed) else "published" for receipt in receipts]


def test_a_queue_that_is_no_longer_limited_is_used_again(broker: Broker, rabbit: RabbitServer) -> None:
    """RabbitMQ goes on refusing a channel that it has refused before: the publisher takes another."""
    queue = broker.topology.intake_queue
    states: list[bool] = []
    publisher = broker.publisher(on_state=states.append)
    assert _reasons(publisher.publish([broker.event(1)])) == ["published"]
    close_queue(rabbit.admin_url, broker.url, queue)
    wait_until(
        lambda: _reasons(publisher.publish([broker.event(2)])) == ["nacked"], patience=PATIENCE, what="a full queue"
    )
    open_queue(rabbit.admin_url, broker.url, queue)
    wait_until(
        lambda: _reasons(publisher.publish([broker.event(3)])) == ["published"], patience=PATIENCE, what="an open queue"
    )
    assert states == [True]


def test_returned_messages_with_the_same_id_are_told_apart(broker: Broker) -> None:
    """Two copies of one unroutable message in one window have a receipt each; the routable third is published."""
    lost = broker.event(1, exchange=broker.topology.outcomes_exchange)
    receipts = broker.publisher().publish([lost, broker.event(1), lost])
    assert _reasons(receipts) == ["returned", "published", "returned"]


def test_a_frozen_broker_ends_in_a_timeout(broker: Broker, rabbit: RabbitServer) -> None:
    """A broker that answers nothing costs one deadline per call: once on the open connection, once on a new one."""
    publisher = broker.publisher(deadline=1.0)
    publisher.publish([broker.event(0)])
    rabbit.freeze()
    try:
        started = monotonic()
        assert _reasons(publisher.publish([broker.event(1)])) == ["timeout"]
        assert monotonic() - started < 3
        assert _reasons(publisher.publish([broker.event(2)])) == ["connection"]
        assert monotonic() - started < 10
    finally:
        rabbit.thaw()


def test_a_stuck_write_is_bounded(broker: Broker) -> None:
    """More than the network's buffers hold, into a network that takes nothing: the call returns all the same."""
    with proxied(broker.url) as (proxy, url):
        publisher = broker.publisher(url=url, deadline=1.0, window=1000)
        publisher.publish([broker.event(0)])
        proxy.freeze()
        big = [broker.event(number, body=b"x" * 100_000) for number in range(300)]
        started = monotonic()
        assert _reasons(publisher.publish(big)) == ["timeout"] * 300
        assert monotonic() - started < 8


def test_no_broker_is_a_receipt(broker: Broker) -> None:
    """Without a broker each message has failed, at once, and the password is not in the text."""
    publisher = broker.publisher(url=at_port(broker.url, free_port()))
    [receipt] = publisher.publish([broker.event(1)])
    assert isinstance(receipt, Failed)
    assert receipt.reason == "connection"
    assert not re.search("guest", receipt.detail)


@pytest.mark.parametrize(
    "wrong",
    [{"routing_key": "k" * 256}, {"headers": {"h" * 256: "v"}}, {"headers": {"h": object()}}, {"type": "\ud800" * 90}],
    ids=["routing key", "header name", "header value", "type"],
)
def test_what_cannot_be_encoded_is_invalid(broker: Broker, wrong: dict[str, Any]) -> None:
    """One message that AMQP cannot carry does not keep its neighbours from being published."""
    states: list[bool] = []
    publisher = broker.publisher(on_state=states.append)
    receipts = publisher.publish([broker.event(1), broker.event(2, **wrong), broker.event(3)])
    assert _reasons(receipts) == ["published", "invalid", "published"]
    assert states == [True]
    assert broker.depth() == 2


def test_a_reset_in_the_middle_loses_nothing_that_was_confirmed(broker: Broker) -> None:
    """What is published is in the queue; the rest failed with the connection, and the next call has a new one."""
    with proxied(broker.url) as (proxy, url):
        publisher = broker.publisher(url=url, window=10)
        publisher.publish([broker.event(0)])
        events = _Interrupted(broker.event(number) for number in range(1, 101))
        events.before[59] = proxy.reset
        receipts = publisher.publish(events)
        counts = Counter(_reasons(receipts))
        assert counts["connection"] >= 41
        assert counts["published"] >= 40
        failed = [receipt.id for receipt in receipts if isinstance(receipt, Failed)]
        assert _reasons(publisher.publish([broker.event(int(name[6:])) for name in failed])) == ["published"] * len(
            failed
        )
    taken = broker.consumer().take(broker.depth())
    assert {delivery.body for delivery in taken} == {b"event %d" % number for number in range(101)}


def test_what_is_done_meanwhile_comes_once_and_after_the_last_is_sent(broker: Broker) -> None:
    """However many windows a batch takes; what is confirmed of it does not depend on it."""
    calls: list[int] = []
    publisher = broker.publisher(window=10)
    events = _Interrupted(broker.event(number) for number in range(25))
    events.before[24] = lambda: calls.append(24)
    receipts = publisher.publish(events, lambda: calls.append(-1))
    assert (_reasons(receipts), calls) == (["published"] * 25, [24, -1])


class _Interrupted(list[Message]):
    """Messages with something that happens while they are sent."""

    def __init__(self, messages: Iterable[Message]) -> None:
        super().__init__(messages)
        self.before: dict[int, Callable[[], None]] = {}

    def __iter__(self) -> Iterator[Message]:
        for index, message in enumerate(super().__iter__()):
            self.before.pop(index, lambda: None)()
            yield message


def test_an_idle_publisher_keeps_its_connection_with_ticks(broker: Broker) -> None:
    """Ticks alone keep the connection over several heartbeats."""
    states: list[bool] = []
    publisher = broker.publisher(heartbeat=1.0, on_state=states.append)
    publisher.publish([broker.event(0)])
    until = monotonic() + 4
    while monotonic() < until:
        publisher.tick()
    assert _reasons(publisher.publish([broker.event(1)])) == ["published"]
    assert states == [True]


def test_ticks_notice_a_loss_and_connect_again(broker: Broker) -> None:
    """With nothing to publish the state still follows the broker, in both directions."""
    states: list[bool] = []
    with proxied(broker.url) as (proxy, url):
        publisher = broker.publisher(url=url, on_state=states.append)
        publisher.tick()
        assert states == [True]
        proxy.reset()
        wait_until(lambda: publisher.tick() or states == [True, False, True], patience=PATIENCE, what="reconnect")


def test_a_window_is_never_exceeded(broker: Broker) -> None:
    """Many windows in a row are all confirmed, with one connection and every message stored once."""
    with proxied(broker.url) as (proxy, url):
        publisher = broker.publisher(url=url, window=50)
        receipts = publisher.publish([broker.event(number) for number in range(2000)])
        assert proxy.connections() == 1
    assert receipts == [Published(f"event-{number}") for number in range(2000)]
    assert broker.depth() == 2000
