"""Traps of publishing: a message counts as published that is not, or a broker is hammered."""

from time import monotonic

import kombu

from adapter.broker import Failed, Published, Receipt
from tests.contract.broker_kit import PATIENCE, Broker, broker_at, proxied
from tests.services.processes import wait_until
from tests.services.rabbit import RabbitServer


def reasons(receipts: list[Receipt]) -> list[str]:
    """Return of each message why it failed, or that it is published."""
    return [receipt.reason if isinstance(receipt, Failed) else "published" for receipt in receipts]


def tiny_queue(broker: Broker, length: int) -> str:
    """Declare a queue that refuses what is beyond its length; the default exchange leads to it."""
    name = f"tiny.{broker.topology.intake_queue}"
    with kombu.Connection(broker.url) as connection:
        connection.channel().queue_declare(
            name,
            durable=True,
            auto_delete=False,
            arguments={"x-max-length": length, "x-overflow": "reject-publish"},
        )
    return name


def test_f02_false_confirm(broker: Broker) -> None:
    """Finding 2: py-amqp takes any ack for the ack of the message at hand, also the late one of the message before.

    Seen 3 times of 3: after one time-out the next message counted as published although the broker nacked it.
    """
    queue = tiny_queue(broker, 1)
    with proxied(broker.url) as (proxy, url):
        publisher = broker.publisher(url=url, deadline=1.0)
        assert reasons(publisher.publish([broker.event(0)])) == ["published"]
        proxy.freeze()
        assert reasons(publisher.publish([broker.event(1)])) == ["timeout"]
        proxy.thaw()
        filler = [broker.event(number, exchange="", routing_key=queue) for number in (2, 3)]
        assert reasons(publisher.publish(filler)) == ["published", "nacked"]


def test_f03_hot_reconnect_loop(broker: Broker) -> None:
    """Finding 3, P16: `retry=True` took a nack for a lost connection, and made 2,498 connections in 5 seconds.

    Here a nack is a receipt, at once and on the same connection, and never a retry.
    """
    queue = tiny_queue(broker, 1)
    states: list[bool] = []
    with proxied(broker.url) as (proxy, url):
        publisher = broker.publisher(url=url, on_state=states.append)
        receipts = publisher.publish([broker.event(number, exchange="", routing_key=queue) for number in range(4)])
        assert reasons(receipts) == ["published", "nacked", "nacked", "nacked"]
        assert reasons(publisher.publish([broker.event(9)])) == ["published"]
        assert (states, proxy.connections()) == ([True], 1)
    assert broker.depth(queue) == 1


def test_p12_a_channel_that_forgot_its_confirms(broker: Broker) -> None:
    """P12: after a channel error py-amqp opened the channel again without its confirm mode, and waited for ever.

    Here the error fails the unconfirmed with what the broker said, and the next call starts afresh.
    """
    publisher = broker.publisher()
    [receipt] = publisher.publish([broker.event(1, exchange="nowhere")])
    assert isinstance(receipt, Failed)
    assert receipt.reason == "refused"
    assert "no exchange 'nowhere'" in receipt.detail
    assert reasons(publisher.publish([broker.event(2)])) == ["published"]


def test_p14_blocked_by_an_alarm(private_url: str, rabbit: RabbitServer) -> None:
    """P14: a memory alarm blocks a confirm for as long as it lasts; here no longer than the deadline, nor the close.

    The messages may be stored all the same, so they have failed as `timeout`, and are sent again by the ledger.
    """
    with broker_at(private_url) as broker:
        publisher = broker.publisher(deadline=1.0)
        with rabbit.memory_alarm():
            started = monotonic()
            assert reasons(publisher.publish([broker.event(number) for number in range(3)])) == ["timeout"] * 3
            publisher.close()
            assert monotonic() - started < PATIENCE
        last = broker.event(9)
        wait_until(lambda: reasons(publisher.publish([last])) == ["published"], patience=PATIENCE, what="thaw")


def test_p15_unroutable_and_confirmed(broker: Broker) -> None:
    """P15: the broker acks a message that no queue receives; without `on_return` it would count as published."""
    lost = broker.event(2, exchange=broker.topology.outcomes_exchange)
    receipts = broker.publisher().publish([broker.event(1), lost, broker.event(3)])
    assert receipts == [Published("event-1"), Failed("event-2", "returned", "NO_ROUTE"), Published("event-3")]
