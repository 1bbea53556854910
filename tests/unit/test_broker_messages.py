"""The parts of the broker package that need no broker: dead letters, confirms, frames and descriptions."""

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from amqp.exceptions import NotFound
from hypothesis import given
from hypothesis import strategies as st

from adapter.broker import Delivery, Failed, Message, Published, Receipt, Topology, dead_letter
from adapter.broker.confirms import Batch, Confirms
from adapter.broker.frames import frame_handler
from adapter.broker.link import describe, is_amqp, place
from tests.values import replace

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
BAD = Delivery(
    epoch=1,
    tag=1,
    body=b"\xff",
    headers={},
    content_type=None,
    content_encoding=None,
    properties={"message_id": "m-1", "timestamp": 1772357400, "user_id": "sis", "expiration": "5"},
    exchange="sis.events",
    routing_key="uni.example.t",
    redelivered=False,
)


def _letter(delivery: Delivery) -> Message:
    return dead_letter(delivery, reason="r", path="$", error_class="E", version="1", topology=Topology(), now=NOW)


def test_a_repeated_dead_letter_has_the_same_id() -> None:
    """The same message twice is recognised by its id; another body or another id is another letter."""
    first = _letter(BAD)
    assert _letter(replace(BAD, epoch=2, tag=9, redelivered=True)).id == first.id
    assert _letter(replace(BAD, body=b"\xfe")).id != first.id
    assert _letter(replace(BAD, properties={"message_id": "m-2"})).id != first.id


def test_headers_of_the_broker_are_left_behind() -> None:
    """Finding 4: what starts with `x-`, in any case, stays out; the SIS's own headers stay in."""
    kept = _letter(replace(BAD, headers={"x-death": [{}], "X-Delivery-Count": 3, "ce-id": "7", "n": 5})).headers
    assert {name: value for name, value in kept.items() if not name.startswith("cirrus-adapter-")} == {
        "ce-id": "7",
        "n": 5,
    }


def test_a_header_that_cannot_be_sent_is_left_behind() -> None:
    """One odd header does not keep the message out of the dead-letter queue; nor do too many of them."""
    odd: dict[str, object] = {"far": 2**70, "what": object(), "n" * 300: "1", "fine": "1"}
    assert [name for name in _letter(replace(BAD, headers=odd)).headers if not name.startswith("cirrus")] == ["fine"]
    many: dict[str, object] = {f"h{number}": "v" * 10_000 for number in range(12)}
    kept = _letter(replace(BAD, headers=many)).headers
    assert 5 <= len([name for name in kept if name.startswith("h")]) <= 6


@pytest.mark.parametrize(
    ("stamp", "expected"), [(1772357400, NOW), (1772357400000, None), ("now", None), (2**63, None)]
)
def test_the_timestamp_is_kept_when_it_is_one(stamp: object, expected: datetime | None) -> None:
    """Seconds are kept; milliseconds, a common mistake, are no time at all and do not stop the letter."""
    assert _letter(replace(BAD, properties={"timestamp": stamp})).timestamp == expected


def test_what_holds_personal_data_is_not_shown() -> None:
    """A delivery or message in a log line or a traceback shows its routing, not its content."""
    message = _letter(replace(BAD, body=b"Lovelace", headers={"name": "Lovelace"}))
    delivery = replace(BAD, body=b"Lovelace", headers={"name": "Lovelace"}, properties={"type": "Lovelace"})
    assert "Lovelace" not in f"{message!r} {delivery!r}"


def _message(number: int) -> Message:
    return Message(f"m{number}", "e", "k", b"", {}, "text/plain")


class _Returned:
    def __init__(self, message: Message) -> None:
        self.properties = {"message_id": message.id}


@given(st.data())
def test_every_message_gets_its_own_receipt(data: st.DataObject) -> None:
    """However acks, nacks and returns come, single or multiple, each message has the verdict of its own tag."""
    verdicts = data.draw(st.lists(st.sampled_from(["ack", "nack", "return"]), min_size=1, max_size=12))
    messages = [_message(number) for number in range(len(verdicts))]
    confirms, batch = Confirms(), Batch(messages)
    confirms.begin(batch)
    for index, message in enumerate(messages):
        confirms.sent(index, message)
    for index, verdict in enumerate(verdicts):
        if verdict == "return":
            confirms.on_return(NotFound("NO_ROUTE"), "e", "k", _Returned(messages[index]))
    for tag in data.draw(st.permutations(range(1, len(verdicts) + 1))):
        settle = confirms.on_nack if verdicts[tag - 1] == "nack" else confirms.on_ack
        settle(tag, multiple=False)
    expected: dict[str, type[Receipt]] = {"ack": Published, "nack": Failed, "return": Failed}
    receipts = batch.receipts("timeout", "")
    assert [type(receipt) for receipt in receipts] == [expected[verdict] for verdict in verdicts]
    reasons = {"nack": "nacked", "return": "returned"}
    assert [receipt.reason for receipt in receipts if isinstance(receipt, Failed)] == [
        reasons[verdict] for verdict in verdicts if verdict in reasons
    ]
    assert len(confirms) == 0


def test_a_multiple_ack_settles_what_came_before() -> None:
    """One ack may stand for all up to its tag; unknown tags are no news, and what is left has timed out."""
    messages = [_message(number) for number in range(4)]
    confirms, batch = Confirms(), Batch(messages)
    confirms.begin(batch)
    for index, message in enumerate(messages):
        confirms.sent(index, message)
    confirms.on_nack(2, multiple=False)
    confirms.on_ack(3, multiple=True)
    confirms.on_ack(2, multiple=False)
    confirms.on_ack(99, multiple=False)
    assert batch.receipts("timeout", "late") == [
        Published("m0"),
        Failed("m1", "nacked", "a queue refused it; most likely it is full"),
        Published("m2"),
        Failed("m3", "timeout", "late"),
    ]


def test_returns_of_the_same_id_are_spread_over_its_copies() -> None:
    """Two copies of one message that both come back before any ack are two failures."""
    messages = [_message(1), _message(2), _message(1)]
    confirms, batch = Confirms(), Batch(messages)
    confirms.begin(batch)
    for index, message in enumerate(messages):
        confirms.sent(index, message)
    for _ in range(2):
        confirms.on_return(NotFound("NO_ROUTE"), "e", "k", _Returned(messages[0]))
    confirms.on_ack(3, multiple=True)
    assert [type(receipt) for receipt in batch.receipts("timeout", "")] == [Failed, Published, Failed]


class _Counting:
    bytes_recv = 0


def test_a_heartbeat_counts_as_an_answer() -> None:
    """P4: reading ends with a heartbeat, and it counts as a sign of life."""
    connection = _Counting()
    handle = frame_handler(connection, lambda *_: None)
    assert handle((8, 0, b"")) is True
    assert connection.bytes_recv == 1


def test_a_header_time_in_milliseconds_is_survived() -> None:
    """A timestamp header that no calendar has costs the headers, not the body and not the session."""
    heard: list[Any] = []
    handle = frame_handler(_Counting(), lambda *arguments: heard.append(arguments[3]))
    header = b"\x02at" + b"T" + struct.pack(">Q", 1772357400000)
    properties = struct.pack(">HI", 0x2000, len(header)) + header
    handle((1, 1, struct.pack(">HH", 60, 60)))
    assert handle((2, 1, struct.pack(">HHQ", 60, 0, 4) + properties)) is False
    assert handle((3, 1, b"body")) is True
    assert [(content.body, content.properties) for content in heard] == [(b"body", {})]


def test_the_place_shows_no_credentials() -> None:
    """Logs name every address, without user, password and TLS settings."""
    assert place("amqp://u:p@a:5672//;amqps://u:p%40@b/v?ssl_keyfile=k") == "amqp://a:5672//, amqps://b/v"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotFound("NOT_FOUND - no queue 'q'", (50, 10), "Queue.declare"), "NotFound: NOT_FOUND - no queue 'q'"),
        (ConnectionResetError(104, "Connection reset by peer"), "ConnectionResetError: Connection reset by peer"),
        (TimeoutError("timed out"), "TimeoutError"),
        (ValueError("Lovelace"), "ValueError"),
    ],
)
def test_a_description_quotes_the_broker_and_the_system_only(error: Exception, expected: str) -> None:
    """Other errors may quote the value they stumbled over, which may be a name."""
    assert describe(error) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [("amqp://h", True), ("amqps://h", True), ("pyamqp://h", True), ("memory://", False), ("redis://h", False)],
)
def test_real_brokers_are_told_from_emulated_ones(url: str, expected: bool) -> None:
    """Confirms, heartbeats and queue arguments are for real AMQP brokers."""
    assert is_amqp(url) is expected
