"""The reader: what a message changes, or the reason for which that can never be known."""

from datetime import timedelta

import orjson
import pytest

from adapter.domain.envelope import LARGEST_BODY
from adapter.domain.records import SITTING, Ref
from adapter.errors import InvalidMessage
from adapter.flow.reader import REASONS, Reader
from adapter.ledger.intake import CONFLICT
from tests.unit.flow_kit import HANDLER, MAPPINGS, NOW, delivery, event

READER = Reader([HANDLER], MAPPINGS, timedelta(minutes=5))

SECRET = "Do-not-show-me"

NOT_BY_THE_READER = {CONFLICT, "handler-failed", "ledger-refused"}
"""Reasons that only the ledger knows, or that are a mistake of ours."""

UNREADABLE = [
    ("not-json", "$", delivery(b"")),
    ("not-json", "$", delivery(b"{")),
    ("not-json", "$", delivery(b"\xff\xfe{}")),
    ("not-json", "$", delivery(b"[" * 100_000)),
    ("not-json", "$", delivery(b'{"data": NaN}')),
    ("too-large", "$", delivery(b" " * (LARGEST_BODY + 1))),
    ("bad-encoding", "$", delivery(event(), content_encoding="gzip")),
    ("bad-envelope", "$", delivery([event()])),
    ("bad-envelope", "$.data", delivery({name: value for name, value in event().items() if name != "data"})),
    ("bad-envelope", "$.id", delivery(event(id=None))),
    ("bad-envelope", "$.id", delivery(event(id=""))),
    ("bad-envelope", "$.id", delivery(event(id="x" * 201))),
    ("bad-envelope", "$.subject", delivery(event(subject=7))),
    ("bad-envelope", "$.specversion", delivery(event(specversion="0.3"))),
    ("bad-envelope", "$.time", delivery(event(time=SECRET))),
    ("bad-envelope", "$.time", delivery(event(time="2026-03-01T09:00:00"))),
    ("bad-envelope", "$.sequence", delivery(event(sequence="-1"))),
    ("from-the-future", "$.time", delivery(event(time="2026-03-01T09:05:01Z"))),
    ("unknown-type", "$.type", delivery(event(type=SECRET))),
    ("unknown-tenant", "$.tenant", delivery(event(tenant=SECRET))),
    ("bad-data", "$.data", delivery(event(data=SECRET))),
    ("bad-data", "$.data.title", delivery(event(data={"mood": SECRET}))),
    ("bad-data", "$.data.title", delivery(event(data={"title": {"is": SECRET}}))),
]


@pytest.mark.parametrize(("reason", "path", "message"), UNREADABLE, ids=lambda value: str(value)[:20])
def test_what_cannot_be_read_is_named(reason: str, path: str, message: object) -> None:
    """Reason and JSON path are told; the value is not, nor anything that quotes it."""
    with pytest.raises(InvalidMessage) as raised:
        READER.read(message, NOW)  # type: ignore[arg-type]
    assert (raised.value.reason, raised.value.path) == (reason, path)
    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


def test_every_reason_is_announced() -> None:
    """What becomes a label of a metric is in the list, and nothing else is."""
    assert {reason for reason, _, _ in UNREADABLE} | NOT_BY_THE_READER == set(REASONS)


def test_nesting_that_nobody_can_write_again_is_bad_data() -> None:
    """The parser reads deeper than it writes; such a message is refused with its reason, too."""
    deep = b'{"title": "x", "more": ' + b"[" * 500 + b"]" * 500 + b"}"
    whole = orjson.dumps(event(data={"here": 1})).replace(b'{"here":1}', deep)
    with pytest.raises(InvalidMessage) as raised:
        READER.read(delivery(whole), NOW)
    assert raised.value.reason == "bad-data"


def test_a_good_message_is_what_it_changes() -> None:
    """The envelope, the handler's changes, and a fingerprint of the whole."""
    incoming = READER.read(delivery(event(7)), NOW)
    assert (incoming.envelope.id, incoming.envelope.tenant) == ("e7", "uni.example")
    [change] = incoming.changes
    assert (change.ref, change.statement.data) == (Ref(SITTING, "s7"), {"title": "Exam 7"})


@pytest.mark.parametrize("encoding", [None, "", "utf-8", "UTF-8", "identity", "binary"])
def test_what_is_plain_is_read(encoding: str | None) -> None:
    """Brokers write several words for a body that is just there."""
    assert READER.read(delivery(event(), content_encoding=encoding), NOW).envelope.id == "e1"


@pytest.mark.parametrize("prefix", ["ce-", "cloudEvents:", "cloudEvents_"])
def test_binary_mode_is_the_same_event(prefix: str) -> None:
    """Attributes in headers and data in the body make the same fingerprint as the structured form."""
    structured = event()
    headers = {prefix + name: value for name, value in structured.items() if name != "data"}
    binary = READER.read(delivery(structured["data"], headers=headers), NOW)
    assert binary == READER.read(delivery(structured), NOW)


def test_the_fingerprint_is_of_the_content() -> None:
    """The order of fields is no content; everything that was said is, also what nobody reads."""
    body = event(data={"title": "x", "mood": "fine"})
    turned = dict(reversed(body.items()))
    turned["data"] = {"mood": "fine", "title": "x"}
    same, other = READER.read(delivery(body), NOW), READER.read(delivery(turned), NOW)
    assert same.fingerprint == other.fingerprint
    changed = [
        event(data={"title": "x", "mood": "bad"}),
        event(data={"title": "x", "mood": "fine", "unread": 1}),
        event(data={"title": "x", "mood": "fine"}, time="2026-03-01T08:58:00Z"),
        event(data={"title": "x", "mood": "fine"}, sequence=1),
        event(data={"title": "x", "mood": "fine"}, subject="s2"),
    ]
    prints = {READER.read(delivery(one), NOW).fingerprint for one in changed}
    assert len(prints | {same.fingerprint}) == 6


def test_an_event_on_the_edge_of_the_future_is_accepted() -> None:
    """Clocks differ a little."""
    assert READER.read(delivery(event(time="2026-03-01T09:05:00Z")), NOW).envelope.id == "e1"
