"""The consumer on a real RabbitMQ: restarts, odd messages, several addresses; `tests/traps` has what else breaks."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import kombu
import pytest
from amqp import Message as WireMessage

from tests.contract.broker_kit import Broker, bodies, broker_at
from tests.services.processes import free_port
from tests.services.rabbit import RabbitServer


@pytest.fixture
def broker(amqp_url: str) -> Iterator[Broker]:
    """Lend RabbitMQ."""
    with broker_at(amqp_url) as lent:
        yield lent


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


def test_the_next_address_is_tried(broker: Broker) -> None:
    """A cluster's addresses are divided by semicolons; one that is down does not matter."""
    broker.fill(1)
    dead = broker.url.replace(f":{urlsplit(broker.url).port}/", f":{free_port()}/")
    assert bodies(broker.consumer(url=f"{dead};{broker.url}").take(1)) == [b"event 0"]
