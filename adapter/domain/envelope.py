"""The envelope: CloudEvents 1.0 in structured or binary mode, read from raw bytes and headers.

Contract: events.md "Envelope". Whatever is wrong raises `InvalidMessage` with a reason and a JSON path;
the offending value itself is never part of it, since it may be personal.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import orjson
from pydantic import BaseModel, ValidationError

from adapter.domain.version import Rank, Version, utc_text, utc_time
from adapter.errors import InvalidMessage
from adapter.value import Value

LARGEST_BODY = 1_000_000
"""Bytes; a larger body is refused before anything of it is parsed."""

LONGEST_NAME = 200
"""Characters of an attribute; ids and types are indexed and logged, so they stay short."""

LARGEST_SEQUENCE = 2**63
"""The ledger keeps sequences as signed 64-bit numbers."""

SEQUENCE = re.compile(r"[0-9]{1,30}")
"""Digits as text; leading zeros are common where a SIS pads its counters."""

BINARY_PREFIXES = ("ce-", "cloudEvents_", "cloudEvents:")

REQUIRED = ("specversion", "id", "source", "type", "subject", "time", "tenant")


class Envelope(Value, frozen=True):
    """The attributes of one event that has been found valid."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    tenant: str
    sequence: int | None = None
    traceparent: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    replay: bool = False

    @property
    def version_stamp(self) -> str:
        """Time and sequence as text, for telling whether two messages say the same."""
        return f"{utc_text(self.time)}/{self.sequence}"

    def version(self, rank: Rank, *, sequenced: bool = True) -> Version:
        """Return the version of what this event says.

        `sequence` counts per subject: pass `sequenced=False` for what the event says of anything else.
        """
        return Version(self.time, self.sequence if sequenced else None, rank, self.id)


class Parsed(Value, frozen=True):
    """An envelope and its data, not yet checked against the event type."""

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"data"})

    envelope: Envelope
    data: Any


def read_envelope(body: bytes, headers: Mapping[str, object], now: datetime, ahead: timedelta) -> Parsed:
    """Read one message; `ahead` is how far in the future its time may lie before it is refused."""
    if len(body) > LARGEST_BODY:
        raise InvalidMessage("too-large", f"the body has {len(body)} bytes, {LARGEST_BODY} are accepted")
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        # The parser's own error holds the whole body, which must not travel into a traceback.
        raise InvalidMessage("not-json", "the body is not JSON in UTF-8, or is nested too deeply") from None
    binary = _binary_attributes(headers)
    if binary:
        return Parsed(_envelope(binary, now, ahead), parsed)
    if not isinstance(parsed, dict):
        raise InvalidMessage("bad-envelope", "a CloudEvents object was expected")
    if "data" not in parsed:
        raise InvalidMessage("bad-envelope", "the attribute is missing", "$.data")
    return Parsed(_envelope(parsed, now, ahead), parsed["data"])  # pyright: ignore[reportUnknownArgumentType]


def _binary_attributes(headers: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in headers.items():
        for prefix in BINARY_PREFIXES:
            if name.lower().startswith(prefix.lower()):
                text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
                found[name[len(prefix) :].lower()] = text
    return found if "specversion" in found else {}


def _envelope(given: Mapping[str, object], now: datetime, ahead: timedelta) -> Envelope:
    text = {name: _text(given, name) for name in REQUIRED}
    if text["specversion"] != "1.0":
        raise InvalidMessage("bad-envelope", "only CloudEvents 1.0 is understood", "$.specversion")
    time = _time(text["time"])
    if time - now > ahead:
        raise InvalidMessage("from-the-future", "the event's time lies in the future; check the SIS's clock", "$.time")
    return Envelope(
        id=text["id"],
        source=text["source"],
        type=text["type"],
        subject=text["subject"],
        time=time,
        tenant=text["tenant"],
        sequence=_sequence(given.get("sequence")),
        traceparent=_optional(given, "traceparent"),
        correlation_id=_optional(given, "correlationid"),
        causation_id=_optional(given, "causationid"),
        replay=given.get("replay") in (True, "true"),
    )


def _text(given: Mapping[str, object], name: str) -> str:
    value = given.get(name)
    if value is None:
        raise InvalidMessage("bad-envelope", "the attribute is missing", f"$.{name}")
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise InvalidMessage(
            "bad-envelope", f"printable text of 1 to {LONGEST_NAME} characters was expected", f"$.{name}"
        )
    return value


def _optional(given: Mapping[str, object], name: str) -> str | None:
    return None if given.get(name) is None else _text(given, name)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise InvalidMessage("bad-envelope", "the time has no zone", "$.time")
        return utc_time(text)
    except (ValueError, OverflowError):
        # The cause would quote the value.
        raise InvalidMessage("bad-envelope", "not an RFC 3339 time", "$.time") from None


def _sequence(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) and SEQUENCE.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < LARGEST_SEQUENCE:
        raise InvalidMessage("bad-envelope", "a whole number from 0 up to below 2^63 was expected", "$.sequence")
    return value


def read_data(model: type[BaseModel], data: Any) -> BaseModel:  # noqa: ANN401 - any JSON value
    """Check `data` against the model of its event type; the first fault is named with its JSON path."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
        path = "$.data" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])
        # Our own rules word what is wrong without the value; pydantic's words might quote it.
        ours = fault["type"] == "value_error"
        detail = fault["msg"].removeprefix("Value error, ") if ours else fault["type"].replace("_", " ")
        raise InvalidMessage("bad-data", detail, path) from None
