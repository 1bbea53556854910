"""What is outstanding: results that have not come although the exam is over.

Operators look at it, and an erasure waits for it: a result that comes after its candidate is gone belongs to nobody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapter.domain.policy import Policy
from adapter.domain.records import Record, Status
from adapter.domain.verdict import Reason
from handlers.results.view import Booked, ResultList, wishes_of


@dataclass(frozen=True, slots=True)
class Outstanding:
    """One result that has not come.

    It is `announced` while somebody has said that it is there and it has not been read. `reason` is why Cirrus
    refused the last reading, `deleted_at` when Cirrus may delete the result, if it ever does by itself.
    """

    booked: Booked
    over_since: datetime
    overdue_at: datetime
    deleted_at: datetime | None
    announced: bool
    reason: Reason | None

    @property
    def lost_at(self) -> datetime:
        """When it is too late: once Cirrus deletes it, else once it counts as overdue."""
        return self.deleted_at or self.overdue_at


def outstanding(view: ResultList, now: datetime, policy: Policy, person: str | None = None) -> tuple[Outstanding, ...]:
    """Return whose results have not come; with `person`, an id of the SIS or of Cirrus, those of one person.

    Nobody waits for a result of a booking that was cancelled, or of who is known to have stayed away.
    """
    return tuple(_outstanding(view, now, policy, person))


def _outstanding(view: ResultList, now: datetime, policy: Policy, person: str | None) -> Iterator[Outstanding]:
    if view.end is None or now < view.end:
        return
    for booked in view.missing:
        if person is None or is_of(booked, person):
            member = view.results.get(booked.candidate_id or "")
            yield Outstanding(
                booked=booked,
                over_since=view.end,
                overdue_at=overdue_at(view.end, policy),
                deleted_at=deleted_at(view.end, policy),
                announced=member is not None and any(wishes_of(member)),
                reason=_refusal(member),
            )


def is_of(booked: Booked, person: str) -> bool:
    """Tell whether a booking is this person's, by an id of the SIS or of Cirrus."""
    about = booked.record.about
    return person == booked.candidate_id or (about is not None and person == about.key)


def overdue_at(end: datetime, policy: Policy) -> datetime:
    """Return from when on the missing results of an exam are overdue."""
    return end + policy.results.expected_after


def deleted_at(end: datetime, policy: Policy) -> datetime | None:
    """Return from when on Cirrus may have deleted the results of an exam."""
    after: timedelta | None = policy.results.deleted_after
    return None if after is None else end + after


def _refusal(member: Record | None) -> Reason | None:
    return member.reason if member is not None and member.status is Status.REJECTED else None
