"""The reader: from raw bytes to what an event changes. Pure but for the clock it is handed."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from adapter.broker.messages import Delivery
from adapter.domain.envelope import read_data, read_envelope
from adapter.domain.handler import Handler
from adapter.domain.mapping import IdMapping
from adapter.domain.version import fingerprint
from adapter.errors import InvalidMessage
from adapter.ledger.intake import Incoming

PLAIN_ENCODINGS = frozenset({"", "utf-8", "utf8", "identity", "binary"})

REASONS = (
    "not-json",
    "too-large",
    "bad-encoding",
    "bad-envelope",
    "bad-data",
    "from-the-future",
    "unknown-type",
    "unknown-tenant",
    "conflict",
    "handler-failed",
    "ledger-refused",
)
"""Every reason for which a message is dead-lettered."""


class Reader:
    """Knows the event types of all handlers and the mappings of all tenants."""

    def __init__(self, handlers: Iterable[Handler], mappings: Mapping[str, IdMapping], ahead: timedelta) -> None:
        self._types = {kind: (handler, model) for handler in handlers for kind, model in handler.events.items()}
        self._mappings = mappings
        self._ahead = ahead

    def read(self, delivery: Delivery, now: datetime) -> Incoming:
        """Return what the message changes; raise `InvalidMessage` when that can never be known."""
        if (delivery.content_encoding or "").lower() not in PLAIN_ENCODINGS:
            raise InvalidMessage("bad-encoding", "the body is compressed; send it plain")
        parsed = read_envelope(delivery.body, delivery.headers, now, self._ahead)
        envelope = parsed.envelope
        if envelope.type not in self._types:
            raise InvalidMessage("unknown-type", "no handler understands this event type", "$.type")
        if envelope.tenant not in self._mappings:
            raise InvalidMessage("unknown-tenant", "no tenant of this name is configured", "$.tenant")
        handler, model = self._types[envelope.type]
        data = read_data(model, parsed.data)
        changes = handler.translate(envelope, data, self._mappings[envelope.tenant])
        said = [envelope.type, envelope.subject, envelope.version_stamp, parsed.data]
        try:
            return Incoming(envelope, changes, fingerprint(said))
        except TypeError:
            # orjson writes fewer levels than it reads; the levels are in fields that nobody reads.
            raise InvalidMessage("bad-data", "nested too deeply", "$.data") from None
