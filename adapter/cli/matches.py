"""What a tenant's Cirrus already holds, beside what the SIS wants: matches, gaps, differences and conflicts."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from adapter.cli.survey import Survey
from adapter.domain.answers import CandidateSeen, ScheduleSeen
from adapter.domain.policy import Policy
from adapter.domain.records import CANDIDATE, Aggregate, Record, Status
from adapter.domain.version import utc_text
from handlers.candidates.plan import differing, extra_time
from handlers.people import obstacle, person_of, profile
from handlers.sittings.seats import largest_extra, stands
from handlers.sittings.view import COMPARED, SittingView

Verdict = Literal["match", "gap", "difference", "conflict"]

VERDICTS: dict[Verdict, str] = {
    "match": "there, and as the SIS says",
    "gap": "not there: would be made",
    "difference": "there: would be brought up to date",
    "conflict": "cannot be brought together without a person, or without `reconcile --apply`",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One exam or candidate as Cirrus has it; `detail` holds no name and no mail address."""

    tenant: str
    kind: str
    external_id: str
    verdict: Verdict
    detail: str = ""


def compare(aggregate: Aggregate, survey: Survey, policy: Policy, now: datetime) -> Iterator[Found]:
    """Yield how Cirrus holds the root of an aggregate; nothing where the SIS has not told enough of it."""
    root = aggregate.root
    if root is None or root.external_id is None:
        return
    if root.status is Status.REJECTED or root.rival is not None:
        reason = root.reason.text if root.reason is not None else "its id belongs to another one in the SIS"
        yield _found(aggregate, root, "conflict", reason)
    elif root.ref.kind == CANDIDATE:
        if person_of(root) is not None and obstacle(root) is None:
            seen = survey.candidate(root.external_id)
            yield _found(aggregate, root, *of_candidate(aggregate, seen, policy, now))
    elif (sitting := SittingView.of(root)) is not None and not sitting.refused and not sitting.canceled:
        yield _found(aggregate, root, *of_sitting(aggregate, sitting, survey.schedule(root.external_id), policy))


def of_candidate(
    aggregate: Aggregate, seen: CandidateSeen | None, policy: Policy, now: datetime
) -> tuple[Verdict, str]:
    """Compare a candidate; the fields that differ are named, not shown."""
    assert aggregate.root is not None, "the caller has found it"
    if seen is None:
        return "gap", ""
    wanted = profile(aggregate.root, extra_time(aggregate, now).percent, policy)
    fields = differing(wanted, asdict(seen))
    return ("difference", f"{', '.join(sorted(fields))} would be changed") if fields else ("match", "")


def of_sitting(
    aggregate: Aggregate, sitting: SittingView, seen: ScheduleSeen | None, policy: Policy
) -> tuple[Verdict, str]:
    """Compare a schedule and its candidates; Cirrus does not show of which assessment it is (5.6)."""
    booked = set(_booked(aggregate, sitting, policy))
    if seen is None:
        return "gap", f"with {len(booked)} candidates"
    wanted = sitting.schedule(largest_extra(aggregate, sitting, policy))
    others = [
        f"{name} is {_text(value)}, the SIS says {_text(getattr(wanted, name))}"
        for name in COMPARED
        if (value := getattr(seen, name)) not in (None, getattr(wanted, name))
    ]
    conflicts = [*others, *(["it is archived"] if seen.archived else [])]
    missing, strangers = len(booked - seen.candidates), len(seen.candidates - booked)
    details = [*conflicts]
    details += [f"{missing} of {len(booked)} candidates would be added"] if missing else []
    details += [f"{strangers} without a booking stay"] if strangers else []
    if details and seen.activated:
        details.append("it is activated")
    verdict: Verdict = "conflict" if conflicts else "difference" if missing else "match"
    return verdict, "; ".join(details)


def _booked(aggregate: Aggregate, sitting: SittingView, policy: Policy) -> Iterator[str]:
    for member in aggregate.members:
        candidate = aggregate.related.get(member.about) if member.about is not None else None
        if member.status is Status.REJECTED or candidate is None or candidate.external_id is None:
            continue
        if stands(member, candidate, sitting, policy):
            yield candidate.external_id


def _text(value: object) -> str:
    return utc_text(value) if isinstance(value, datetime) else f"'{value}'"


def _found(aggregate: Aggregate, root: Record, verdict: Verdict, detail: str) -> Found:
    return Found(aggregate.tenant, root.ref.kind, str(root.external_id), verdict, detail)
