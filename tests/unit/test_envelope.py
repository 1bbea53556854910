"""Tests of reading a message: whatever arrives is an event or an `InvalidMessage`, and never quotes what it refuses."""

import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from adapter.domain.envelope import LARGEST_BODY, Parsed, read_data, read_envelope
from adapter.domain.version import Rank
from adapter.errors import InvalidMessage
from handlers import ALL

NOW = datetime(2026, 10, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
CANARY = "Zebedee-Canary"

VALID: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e1",
    "source": "//sis.uni.example",
    "type": "sis.exam.booked.v1",
    "subject": "b1",
    "time": "2026-09-30T10:00:00+02:00",
    "tenant": "uni.example",
    "data": {"x": 1},
}
MODELS = [model for handler in ALL for model in handler.events.values()]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=12,
)
ATTRIBUTES = st.sampled_from([*VALID, "sequence", "traceparent", "correlationid", "causationid", "replay"])
HEADERS = st.dictionaries(
    st.builds(
        "{}{}".format, st.sampled_from(["ce-", "cloudEvents:", "cloudEvents_", "CE-", "x"]), ATTRIBUTES | st.text()
    ),
    JSON | st.binary() | st.integers(-(10**5000), 10**5000),
    max_size=10,
)


def _dumped(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        return b"null"  # an integer beyond 64 bits, a lone surrogate: nothing that JSON text of ours can hold


def structured(**changed: object) -> bytes:
    """Return a valid event in structured mode but for what is changed; None takes an attribute out."""
    given = {name: value for name, value in {**VALID, **changed}.items() if value is not None}
    return orjson.dumps(given)


def parse(body: bytes, headers: Mapping[str, object] | None = None) -> Parsed:
    """Read one message at the tests' moment."""
    return read_envelope(body, headers or {}, NOW, AHEAD)


def refusal(body: bytes, headers: Mapping[str, object] | None = None) -> InvalidMessage:
    """Return why a message is refused."""
    with pytest.raises(InvalidMessage) as caught:
        parse(body, headers)
    return caught.value


@given(st.binary() | JSON.map(_dumped), HEADERS)
def test_any_message_is_read_or_refused(body: bytes, headers: dict[str, object]) -> None:
    """No bytes and no headers raise anything but `InvalidMessage`."""
    try:
        parsed = parse(body, headers)
    except InvalidMessage:
        return
    assert parsed.envelope.time.tzinfo is UTC


@given(st.dictionaries(ATTRIBUTES, JSON), st.sampled_from(MODELS))
def test_any_attributes_are_read_or_refused(changed: dict[str, Any], model: type[BaseModel]) -> None:
    """A valid event with any attributes replaced by anything is an event or is refused, and so is its data."""
    try:
        read_data(model, parse(_dumped({**VALID, **changed})).data)
    except InvalidMessage:
        return


def test_a_structured_event_is_read() -> None:
    """All attributes come out typed, the time in UTC."""
    parsed = parse(structured(sequence="007", replay="true", traceparent="t", correlationid="c", causationid="k"))
    envelope = parsed.envelope
    assert parsed.data == {"x": 1}
    assert datetime(2026, 9, 30, 8, tzinfo=UTC) == envelope.time
    assert (
        envelope.id,
        envelope.subject,
        envelope.tenant,
        envelope.sequence,
        envelope.replay,
    ) == ("e1", "b1", "uni.example", 7, True)
    assert (envelope.traceparent, envelope.correlation_id, envelope.causation_id) == ("t", "c", "k")


@pytest.mark.parametrize("prefix", ["ce-", "cloudEvents_", "cloudEvents:", "CE-"])
@pytest.mark.parametrize("encoded", [False, True])
def test_a_binary_event_is_read(prefix: str, encoded: bool) -> None:
    """In binary mode the attributes are headers, as text or as bytes, and the body is the data."""
    attributes = {name: value for name, value in VALID.items() if name != "data"}
    headers = {prefix + name: value.encode() if encoded else value for name, value in attributes.items()}
    parsed = parse(b'{"x": 2}', {**headers, "other": 1})
    assert parsed.data == {"x": 2}
    assert parsed.envelope.type == "sis.exam.booked.v1"


@pytest.mark.parametrize("name", [name for name in VALID if name != "data"])
def test_every_required_attribute_is_required(name: str) -> None:
    """A missing, empty, wrong or overlong attribute is refused under its own path."""
    for value in (None, "", 7, ["x"], "x\n", "x" * 201):
        error = refusal(structured(**{name: value}))
        assert ("bad-envelope", f"$.{name}") == (error.reason, error.path)


@pytest.mark.parametrize(
    ("body", "reason", "path"),
    [
        (b"x" * (LARGEST_BODY + 1), "too-large", "$"),
        (b"\xff\xfe{", "not-json", "$"),
        (b"[" * 100_000 + b"]" * 100_000, "not-json", "$"),
        (b'{"a": "\\ud800"}', "not-json", "$"),
        (b"[]", "bad-envelope", "$"),
        (b"null", "bad-envelope", "$"),
        (structured(data=None), "bad-envelope", "$.data"),
        (structured(specversion="0.3"), "bad-envelope", "$.specversion"),
        (structured(time="2026-09-30T10:00:00"), "bad-envelope", "$.time"),
        (structured(time="2026-09-30"), "bad-envelope", "$.time"),
        (structured(time="yesterday"), "bad-envelope", "$.time"),
        (structured(time="0001-01-01T00:00:00+14:00"), "bad-envelope", "$.time"),
        (structured(time="2026-10-01T00:05:01Z"), "from-the-future", "$.time"),
        (structured(sequence=-1), "bad-envelope", "$.sequence"),
        (structured(sequence=1.5), "bad-envelope", "$.sequence"),
        (structured(sequence=True), "bad-envelope", "$.sequence"),
        (structured(sequence="1e3"), "bad-envelope", "$.sequence"),
        (structured(sequence="\u0663"), "bad-envelope", "$.sequence"),
        (structured(sequence=2**63), "bad-envelope", "$.sequence"),
        (structured(sequence="0" * 25 + "9" * 30), "bad-envelope", "$.sequence"),
        (structured(sequence="0" * 5000), "bad-envelope", "$.sequence"),
    ],
)
def test_what_is_refused_and_where(body: bytes, reason: str, path: str) -> None:
    """Each way of being unreadable has its reason and its place."""
    error = refusal(body)
    assert (reason, path) == (error.reason, error.path)


def test_a_little_ahead_of_time_is_accepted() -> None:
    """Clocks differ by moments; that is no event from the future."""
    assert parse(structured(time="2026-10-01T00:05:00Z")).envelope.time == NOW + AHEAD


def test_the_largest_sequence_is_accepted() -> None:
    """A sequence fits into 64 bits with a sign, and nulls in front do not count."""
    assert parse(structured(sequence="00" + str(2**63 - 1))).envelope.sequence == 2**63 - 1
    assert parse(structured(sequence=2**63 - 1)).envelope.sequence == 2**63 - 1


def test_the_sequence_counts_for_the_subject_only() -> None:
    """What an event says in passing of another object is versioned by time alone."""
    envelope = parse(structured(sequence=5)).envelope
    assert envelope.version(Rank.UPDATE).sequence == 5
    assert envelope.version(Rank.UPDATE, sequenced=False).sequence is None


@pytest.mark.parametrize("name", [name for name in VALID if name != "data"])
def test_a_refusal_never_quotes_the_value(name: str) -> None:
    """Neither the message nor a traceback of it holds what was refused, wherever it stood."""
    for value in (CANARY + "\n", CANARY * 20, [CANARY], {"a": CANARY}):
        assert CANARY not in _shown(refusal(structured(**{name: value})))
    for name_of_time in ("time", "sequence"):
        assert CANARY not in _shown(refusal(structured(**{name_of_time: CANARY})))
    assert CANARY not in _shown(refusal(f'{{"{CANARY}": '.encode()))


def test_a_rule_of_our_own_is_refused_in_its_own_words() -> None:
    """Whoever reads the dead letter sees what to change."""
    model = ALL[0].events["sis.accommodation.changed.v1"]
    data = {"personId": "p\n", "primaryCode": {"codeType": "x", "code": "y"}, "assignedNeeds": []}
    with pytest.raises(InvalidMessage) as caught:
        read_data(model, data)
    assert (caught.value.detail, caught.value.path) == ("control characters are not allowed", "$.data.personId")


@pytest.mark.parametrize("model", MODELS)
def test_a_refusal_of_data_never_quotes_the_value(model: type[BaseModel]) -> None:
    """No event type's own rules put the value into the refusal."""
    for data in (
        CANARY,
        [CANARY],
        {name: [CANARY] for name in model.model_fields},
        {name: {CANARY: CANARY} for name in model.model_fields},
    ):
        with pytest.raises(InvalidMessage) as caught:
            read_data(model, data)
        assert CANARY not in _shown(caught.value)


def _shown(error: InvalidMessage) -> str:
    return "".join(traceback.format_exception(error)) + repr(error) + error.detail + error.path
