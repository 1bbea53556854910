"""Outcomes: what the SIS and others hear, as events with ids that a repeat does not change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid5

import orjson

from adapter.domain.version import utc_text
from adapter.value import Value

NAMESPACE = UUID("6f1c3f7e-6a1f-5d0a-9d4b-9a1f0e6f2c11")
"""Root of every derived id; it never changes."""

PERSON_ERASED = "cirrus.person.erased.v1"
"""The proof that a person was erased, and so the last that is said of that person."""


class Outcome(Value, frozen=True):
    """One event to be published about one object.

    `answers` is the version of the object that it answers (or the task, or the result version). Together
    with tenant, object and type it makes the id, so saying it again is the same event.
    """

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"data"})

    type: str
    subject: str
    answers: str
    data: Mapping[str, Any]
    cause: str | None = None

    def id(self, tenant: str) -> UUID:
        """Return the CloudEvents id: the same for the same fact, on every worker, for ever."""
        return derived_id(tenant, self.subject, self.type, self.answers)


def cloud_event(outcome: Outcome, event_id: str, tenant: str, source: str, time: datetime) -> bytes:
    """Return the event in CloudEvents 1.0 structured form (events.md "Envelope").

    `event_id` is the outcome's own, and `time` when it became true.
    """
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": outcome.type,
        "subject": outcome.subject,
        "time": utc_text(time),
        "tenant": tenant,
        "datacontenttype": "application/json",
    }
    if outcome.cause is not None:
        event["causationid"] = outcome.cause
    return orjson.dumps({**event, "data": dict(outcome.data)})


def derived_id(*parts: str) -> UUID:
    """Return a uuid5 over the parts; their boundaries count."""
    return uuid5(NAMESPACE, "\x1f".join(parts))
