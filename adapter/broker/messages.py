"""What comes in from the broker and what goes out to it, as plain values."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from adapter.value import Value


class Delivery(Value, frozen=True):
    """One message as the broker handed it over: nothing is decoded, nothing is copied.

    `epoch` names the session that received it. A `tag` means something inside its own session only;
    after a reconnect the same tag belongs to another message. What may hold personal data is not shown
    by `repr`.
    """

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"body", "headers", "properties"})

    epoch: int
    tag: object
    body: bytes
    headers: Mapping[str, object]
    content_type: str | None
    content_encoding: str | None
    properties: Mapping[str, object]
    exchange: str
    routing_key: str
    redelivered: bool


class Message(Value, frozen=True):
    """One message to publish; it is always persistent.

    `id` is stable over repeats of the same message, so that a reader can drop the second copy. After
    `expiration` seconds the broker drops what nobody has taken.
    """

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"body", "headers"})

    id: str
    exchange: str
    routing_key: str
    body: bytes
    headers: Mapping[str, object]
    content_type: str
    type: str | None = None
    timestamp: datetime | None = None
    correlation_id: str | None = None
    content_encoding: str | None = None
    expiration: float | None = None
