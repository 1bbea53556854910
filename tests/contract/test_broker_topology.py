"""Declaring and checking queues on a real RabbitMQ, and connecting to one that is not as expected."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic
from urllib.parse import urlsplit

import kombu
import pytest

from adapter.broker import Published, declare, verify
from adapter.errors import BrokerUnavailable, TopologyError
from tests.contract.broker_kit import Broker, at_port, bodies, broker_at, named
from tests.services.processes import free_port
from tests.services.rabbit import RabbitServer
from tests.values import replace


@pytest.fixture
def broker(amqp_url: str) -> Iterator[Broker]:
    """Lend RabbitMQ."""
    with broker_at(amqp_url) as lent:
        yield lent


def test_another_delivery_limit_is_a_topology_error(broker: Broker) -> None:
    """Declare and check both say which argument of which queue differs, and what to do."""
    other = replace(broker.topology, delivery_limit=7)
    for act in (declare, verify):
        with pytest.raises(TopologyError, match="x-delivery-limit") as caught:
            act(broker.url, other)
        assert f"queue {other.intake_queue} exists with other arguments" in str(caught.value)
        assert "cirrus-adapter topology apply" in str(caught.value)


def test_an_event_comes_by_the_queue_of_its_exchange(broker: Broker) -> None:
    """What is published as urgent is in the urgent queue alone, and all else in the other one alone."""
    topology = broker.topology
    urgent = broker.event(1, exchange=topology.urgent_exchange)
    receipts = broker.publisher().publish([urgent, broker.event(2)])
    assert all(isinstance(receipt, Published) for receipt in receipts)
    assert bodies(broker.consumer(topology.urgent_queue).take(1)) == [urgent.body]
    assert bodies(broker.consumer().take(1)) == [b"event 2"]
    assert broker.depth() == broker.depth(topology.urgent_queue) == 0


def test_without_an_urgent_queue_there_is_no_exchange_for_it(amqp_url: str) -> None:
    """Who wants one queue alone gets nothing that somebody would have to look after."""
    plain = replace(named("plain"), urgent_queue=None)
    declare(amqp_url, plain)
    verify(amqp_url, plain)
    with pytest.raises(TopologyError, match="is missing"):
        verify(amqp_url, named("plain"))


def test_a_classic_queue_of_our_name_is_a_topology_error(broker: Broker) -> None:
    """A queue that somebody made by hand, without our safety, is not silently used."""
    handmade = named("handmade")
    with kombu.Connection(broker.url) as connection:
        channel = connection.channel()
        for exchange in handmade.exchanges:
            channel.exchange_declare(exchange, "topic", durable=True, auto_delete=False)
        for queue in handmade.queues:
            channel.queue_declare(queue, durable=True, auto_delete=False)
    with pytest.raises(TopologyError, match="x-queue-type"):
        verify(broker.url, handmade)


def test_an_exchange_of_another_type_is_a_topology_error(broker: Broker) -> None:
    """A direct exchange would not match our bindings."""
    handmade = named("direct")
    with kombu.Connection(broker.url) as connection:
        connection.channel().exchange_declare(handmade.events_exchange, "direct", durable=True, auto_delete=False)
    with pytest.raises(TopologyError, match=f"exchange {handmade.events_exchange} exists with other arguments"):
        declare(broker.url, handmade)


def test_a_user_who_may_not_configure_can_still_be_checked(broker: Broker, rabbit: RabbitServer) -> None:
    """Where an administrator owns the queues, the check needs no right to change them, and declaring says so."""
    vhost = urlsplit(broker.url).path[1:]
    rabbit.ctl("add_user", "reader", "secret")
    try:
        rabbit.ctl("set_permissions", "-p", vhost, "reader", "", ".*", ".*")
        url = broker.url.replace("guest:guest@", "reader:secret@")
        verify(url, broker.topology)
        with pytest.raises(TopologyError, match="may not be configured by this user"):
            declare(url, broker.topology)
    finally:
        rabbit.ctl("delete_user", "reader")


def test_no_broker_is_said_without_the_password(amqp_url: str) -> None:
    """The operator reads the address and the cause, never the credentials."""
    port = free_port()
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{port}.*Connection refused") as caught:
        verify(at_port(amqp_url, port), named("x"))
    assert "guest" not in str(caught.value)


def test_wrong_credentials_are_said(amqp_url: str) -> None:
    """A refused login is no mystery, and does not show the password."""
    with pytest.raises(BrokerUnavailable, match="ACCESS_REFUSED") as caught:
        verify(amqp_url.replace("guest:guest@", "guest:wrong@"), named("x"))
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["amqp", "amqps"])
def test_a_port_that_never_answers_is_given_up(scheme: str) -> None:
    """Something that accepts connections and stays silent costs one connect timeout, with TLS too."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        held: list[socket.socket] = []

        def accept() -> None:
            with suppress(OSError):
                held.append(silent.accept()[0])

        thread = threading.Thread(target=accept)
        thread.start()
        started = monotonic()
        with pytest.raises(BrokerUnavailable, match="TimeoutError"):
            verify(f"{scheme}://guest:guest@127.0.0.1:{silent.getsockname()[1]}//", named("x"))
        assert monotonic() - started < 8
        thread.join()
        for connection in held:
            connection.close()
