"""What every broker has to do for us: one suite, run on kombu's memory transport and on RabbitMQ.

What the memory transport cannot do (redelivery, unroutable messages, arguments of queues) is asked of
RabbitMQ only, and marked so.
"""

from collections.abc import Iterator
from datetime import datetime
from time import monotonic

import pytest

from adapter.broker import Published, dead_letter, dead_letters, declare, verify
from adapter.errors import TopologyError
from tests.contract.broker_kit import NOW, Broker, bodies, broker_at, named


@pytest.fixture(params=["memory", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Lend each broker in turn."""
    url = "memory://" if request.param == "memory" else request.getfixturevalue("amqp_url")
    with broker_at(url) as lent:
        yield lent


@pytest.fixture
def rabbitmq(amqp_url: str) -> Iterator[Broker]:
    """Lend a broker that keeps what is unacked."""
    with broker_at(amqp_url) as lent:
        yield lent


def test_declaring_again_changes_nothing(broker: Broker) -> None:
    """A second declare keeps queues and their messages, and the check is content."""
    broker.fill(1)
    declare(broker.url, broker.topology)
    verify(broker.url, broker.topology)
    assert broker.depth() == 1


def test_a_missing_queue_is_named_with_its_remedy(broker: Broker) -> None:
    """The operator reads which queue or exchange is missing and what to run."""
    with pytest.raises(TopologyError, match=r"exchange sis\.events\.absent is missing; run: cirrus-adapter topology"):
        verify(broker.url, named("absent"))


def test_a_message_arrives_as_it_was_sent(broker: Broker) -> None:
    """Body, headers, properties and routing come through unchanged."""
    sent = broker.event(
        1,
        body=b'{"id": "\xc3\xa9"}',
        headers={"ce-id": "7", "note": "\N{SNOWMAN}"},
        type="sis.exam.booked.v1",
        timestamp=NOW,
        correlation_id="c-1",
    )
    assert broker.publisher().publish([sent]) == [Published("event-1")]
    [got] = broker.consumer().take(1)
    assert (got.body, dict(got.headers), got.content_type) == (sent.body, sent.headers, sent.content_type)
    assert (got.exchange, got.routing_key, got.redelivered) == (sent.exchange, sent.routing_key, False)
    assert {name: got.properties[name] for name in ("message_id", "type", "timestamp", "correlation_id")} == {
        "message_id": "event-1",
        "type": "sis.exam.booked.v1",
        "timestamp": int(NOW.timestamp()),
        "correlation_id": "c-1",
    }


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"", None),
        (b"\xff\x00\xfe", None),
        (b"plain", "utf-8"),
        (b"caf\xe9", "latin-1"),
        (b"\x1f\x8b", "gzip"),
        (b"x" * 300_000, None),
    ],
)
def test_bodies_are_never_decoded(broker: Broker, body: bytes, encoding: str | None) -> None:
    """P9: the body is raw bytes whatever it says of itself, empty ones and those of many frames too."""
    broker.publisher().publish([broker.event(1, body=body, content_encoding=encoding)])
    [got] = broker.consumer().take(1)
    assert got.body == body


def test_an_empty_queue_gives_nothing_after_the_wait(broker: Broker) -> None:
    """Without messages the call returns when the wait is over: not at once, and not much later."""
    watched = broker.consumer()
    watched.consumer.receive(1, 0.0, 0.0)
    started = monotonic()
    assert watched.consumer.receive(10, 0.3, 5.0) == []
    assert 0.29 <= monotonic() - started < 1.5


def test_batches_keep_their_size_and_order(broker: Broker) -> None:
    """At most the asked number comes at once; the rest follows, in the order of publishing."""
    broker.fill(25)
    watched = broker.consumer()
    batches = [watched.take(10), watched.take(10), watched.take(5)]
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert bodies([one for batch in batches for one in batch]) == [b"event %d" % number for number in range(25)]


def test_gathering_ends_without_a_full_batch(broker: Broker) -> None:
    """A few messages are handed over when the gather time is over, long before the batch is full."""
    broker.fill(3)
    watched = broker.consumer()
    started = monotonic()
    assert len(watched.consumer.receive(1000, 5.0, 0.3)) == 3
    assert 0.29 <= monotonic() - started < 4


def test_a_full_batch_does_not_wait(broker: Broker) -> None:
    """When the batch is full the rest of the gather time is not spent."""
    broker.fill(3)
    started = monotonic()
    assert len(broker.consumer().consumer.receive(3, 5.0, 10.0)) == 3
    assert monotonic() - started < 5


def test_what_is_settled_is_gone(broker: Broker) -> None:
    """Settled messages do not come again, and none of them is stale."""
    broker.fill(5)
    first = broker.consumer()
    assert first.consumer.settle(first.take(5)) == 0
    first.consumer.close()
    assert broker.depth() == 0
    assert broker.consumer().take(1, patience=0.3) == []


def test_what_is_not_settled_comes_again(rabbitmq: Broker) -> None:
    """Closing gives back what was received but not settled; it is marked as redelivered."""
    rabbitmq.fill(4)
    first = rabbitmq.consumer()
    taken = first.take(4)
    first.consumer.settle(taken[:2])
    first.consumer.close()
    again = rabbitmq.consumer().take(2)
    assert bodies(again) == [b"event 2", b"event 3"]
    assert [delivery.redelivered for delivery in again] == [True, True]


def test_the_prefetch_bounds_what_is_held(broker: Broker) -> None:
    """No more than `prefetch` messages are out at once; settling makes room for the next."""
    broker.fill(7)
    watched = broker.consumer(prefetch=5)
    held = watched.take(7, patience=0.5)
    assert len(held) == 5
    watched.consumer.settle(held[:2])
    assert bodies(watched.take(2)) == [b"event 5", b"event 6"]


def test_the_state_follows_the_session(broker: Broker) -> None:
    """The state is true from the first session to the close; a second close says nothing."""
    watched = broker.consumer()
    assert watched.states == []
    watched.consumer.receive(1, 0.0, 0.0)
    assert watched.states == [True]
    watched.consumer.close()
    watched.consumer.close()
    assert watched.states == [True, False]


def test_stopping_cuts_the_wait_short(broker: Broker) -> None:
    """With `stop` set, receive does not wait for messages."""
    watched = broker.consumer()
    watched.consumer.receive(1, 0.0, 0.0)
    watched.stop.set()
    started = monotonic()
    assert watched.consumer.receive(1, 30.0, 30.0) == []
    assert monotonic() - started < 2


def test_a_missing_queue_is_waited_for(broker: Broker) -> None:
    """The loop keeps turning while the queue is missing, and consumes once it is there."""
    late = Broker(broker.url)
    watched = late.consumer()
    try:
        assert watched.consumer.receive(1, 0.1, 0.0) == []
        assert watched.states == []
        late.declare().fill(1)
        assert bodies(watched.take(1)) == [b"event 0"]
    finally:
        late.close()


def test_receipts_come_in_the_order_of_the_messages(broker: Broker) -> None:
    """Each message has its receipt at its own place, also over many windows."""
    publisher = broker.publisher(window=7)
    assert publisher.publish([broker.event(number) for number in range(50)]) == [
        Published(f"event-{number}") for number in range(50)
    ]
    assert broker.depth() == 50
    assert publisher.publish([]) == []


def test_an_unroutable_message_may_be_allowed(broker: Broker) -> None:
    """Without `mandatory` nobody has to listen."""
    unheard = broker.event(1, exchange=broker.topology.outcomes_exchange)
    assert broker.publisher(mandatory=False).publish([unheard]) == [Published("event-1")]


def test_a_dead_letter_is_the_message_with_its_reason(broker: Broker) -> None:
    """The dead-letter queue gets the same bytes and headers, plus what was wrong and where it came from."""
    publisher = broker.publisher()
    publisher.publish([broker.event(1, body=b"\xff{", headers={"ce-id": "7", "x-death": "old"}, type="t")])
    [bad] = broker.consumer().take(1)
    letter = dead_letter(
        bad,
        reason="not_json",
        path="$",
        error_class="InvalidMessage",
        version="1.2.3",
        topology=broker.topology,
        now=NOW,
    )
    assert publisher.publish([letter]) == [Published(letter.id)]
    [dead] = broker.consumer(broker.topology.dead_letter_queue).take(1)
    assert (dead.body, dead.routing_key, dead.content_type) == (bad.body, bad.routing_key, bad.content_type)
    assert (dead.properties["message_id"], dead.properties["type"]) == (letter.id, "t")
    assert dict(dead.headers) == {
        "ce-id": "7",
        dead_letters.REASON: "not_json",
        dead_letters.PATH: "$",
        dead_letters.ERROR: "InvalidMessage",
        dead_letters.VERSION: "1.2.3",
        dead_letters.ORIGINAL_EXCHANGE: broker.topology.events_exchange,
        dead_letters.ORIGINAL_ROUTING_KEY: "uni.example.sis.exam.booked.v1",
        dead_letters.ORIGINAL_MESSAGE_ID: "event-1",
        dead_letters.RECEIVED_AT: "2026-03-01T09:30:00Z",
    }
    assert datetime.fromisoformat(str(dead.headers[dead_letters.RECEIVED_AT])) == NOW
