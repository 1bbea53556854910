"""A message that can never be handled, as it is kept for a person: whole, with the reason beside it."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime

from adapter.broker.messages import Delivery, Message
from adapter.broker.topology import Topology
from adapter.broker.wire import encode

REASON = "cirrus-adapter-reason"
PATH = "cirrus-adapter-path"
ERROR = "cirrus-adapter-error"
VERSION = "cirrus-adapter-version"
ORIGINAL_EXCHANGE = "cirrus-adapter-original-exchange"
ORIGINAL_ROUTING_KEY = "cirrus-adapter-original-routing-key"
ORIGINAL_MESSAGE_ID = "cirrus-adapter-original-message-id"
RECEIVED_AT = "cirrus-adapter-received-at"

_NAMESPACE = uuid.UUID("5b0a1b52-6d3c-5f0e-9a55-6d5c6a0f8a3e")
_MOST_HEADERS = 64 * 1024
"""Bytes of original headers that are kept: all of them have to fit into one frame with ours."""
_LONGEST = 255


def dead_letter(
    delivery: Delivery,
    *,
    reason: str,
    path: str,
    error_class: str,
    version: str,
    topology: Topology,
    now: datetime,
) -> Message:
    """Return the message for the dead-letter exchange: the same body and properties, plus our headers.

    `path` is the JSON path of what is wrong and `error_class` the name of the error; neither may
    hold the offending value. The id follows from the body and the original id, so that the same
    message dead-lettered twice can be recognised.
    """
    properties = delivery.properties
    original_id = _text(properties.get("message_id")) or ""
    ours = {
        REASON: reason,
        PATH: path[:_LONGEST],
        ERROR: error_class,
        VERSION: version,
        ORIGINAL_EXCHANGE: delivery.exchange,
        ORIGINAL_ROUTING_KEY: delivery.routing_key,
        ORIGINAL_MESSAGE_ID: original_id,
        RECEIVED_AT: now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
    }
    return Message(
        id=str(uuid.uuid5(_NAMESPACE, f"{original_id}\n{uuid.uuid5(_NAMESPACE, delivery.body.hex())}")),
        exchange=topology.dead_letter_exchange,
        routing_key=delivery.routing_key,
        body=delivery.body,
        headers={**_kept(delivery.headers), **ours},
        content_type=delivery.content_type or "application/octet-stream",
        type=_text(properties.get("type")),
        timestamp=_time(properties.get("timestamp")),
        correlation_id=_text(properties.get("correlation_id")),
        content_encoding=delivery.content_encoding,
    )


def bare(letter: Message) -> Message:
    """Return the same dead letter with nothing of the original but its body: only what we have written ourselves."""
    return Message(
        id=letter.id,
        exchange=letter.exchange,
        routing_key="",
        body=letter.body,
        headers={name: letter.headers[name] for name in (REASON, PATH, ERROR, VERSION, RECEIVED_AT)},
        content_type="application/octet-stream",
    )


def _kept(headers: Mapping[str, object]) -> dict[str, object]:
    """Drop what belongs to the broker, what cannot be sent again and what would not fit.

    A carried `x-death` makes the broker take the dead letter for a loop and drop it after a confirm.
    """
    kept: dict[str, object] = {}
    size = 0
    for name, value in headers.items():
        if str(name).lower().startswith("x-"):
            continue
        try:
            size += len(encode("F", [{name: value}]))
        except Exception:  # noqa: BLE001, S112 - one odd header must not keep the message out
            continue
        if size <= _MOST_HEADERS:
            kept[name] = value
    return kept


def _text(value: object) -> str | None:
    """Return a text that can be encoded: py-amqp hands over halves of surrogate pairs, which cannot."""
    return value.encode(errors="replace").decode() if isinstance(value, str) else None


def _time(value: object) -> datetime | None:
    """Read the AMQP timestamp, in seconds; producers send milliseconds too, which is no usable time."""
    try:
        return datetime.fromtimestamp(value, UTC) if isinstance(value, int) else None
    except (ValueError, OverflowError, OSError):
        return None
