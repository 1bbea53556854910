"""Notices: what Cirrus' webhook says, from the bytes that arrive to whose result has to be fetched.

The payload's shape is UNSEEN (cirrus-api.md section C), so a notice is never more than a hint: it names a
result that is there or has changed, and what it is stands in GET /results alone.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Asker = Literal["cirrus", "operator"]
"""Who wants a result to be fetched: the webhook, or a person at the command line."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A notice as it came: authenticated, not understood yet."""

    tenant: str
    body: bytes = field(repr=False)
    content_type: str


@dataclass(frozen=True, slots=True)
class Named:
    """The external ids that one notice names; at least a schedule with a candidate, or an attempt."""

    candidate_id: str | None = None
    schedule_id: str | None = None
    attempt_id: str | None = None

    @property
    def complete(self) -> bool:
        """Whether it is known whose result in which schedule is meant."""
        return self.candidate_id is not None and self.schedule_id is not None


@dataclass(frozen=True, slots=True)
class Notice:
    """One result to be fetched: whose, since when that is known, and who says so. `id` is unlike any other's."""

    id: str
    tenant: str
    named: Named
    at: datetime
    by: Asker = "cirrus"
