"""`results list`: exam by exam how many results have come, and with `--missing` whose have not."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from adapter.app import open_ledger
from adapter.cli.console import AsJson, ConfigFile, note, put, put_json, settings
from adapter.cli.results.columns import columns
from adapter.cli.results.scope import Left, Listed, Tenant, left, listed, moment, policies
from adapter.domain.version import utc_text
from adapter.ledger.results import Wanted
from handlers.results.outstanding import Outstanding, deleted_at, is_of, outstanding, overdue_at
from handlers.results.view import Booked
from handlers.sittings.view import holds_seat

EXAMPLES = """Examples:

  cirrus-adapter results list

  cirrus-adapter results list --missing --exam co-2031

  cirrus-adapter results list --missing --person p-1048576 --json"""

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tally:
    """How far the results of one exam have come; `absent` are who is known to have stayed away."""

    listed: Listed
    expected: int
    told: int
    absent: int
    missing: tuple[Outstanding, ...]

    @classmethod
    def of(cls, each: Listed, person: str | None) -> "Tally":
        """Count one exam's results, or those of one person."""
        view = each.view

        def counts(booked: Booked) -> bool:
            return person is None or is_of(booked, person)

        expected = [booked for booked in view.expected if counts(booked)]
        untold = [booked for booked in view.missing if counts(booked)]
        stayed = [booked for name in view.absent for booked in view.bookings.get(name, ()) if counts(booked)]
        return cls(
            listed=each,
            expected=len(expected),
            told=len(expected) - len(untold),
            absent=sum(booked.stands and holds_seat(booked.record) for booked in stayed),
            missing=outstanding(view, each.now, each.policy, person),
        )

    @property
    def end(self) -> datetime | None:
        """When the exam is over."""
        return self.listed.view.end

    @property
    def state(self) -> str:
        """How it stands, in one word."""
        if self.end is None or self.listed.now < self.end:
            return "not-over"
        if not self.missing:
            return "complete"
        return "overdue" if self.overdue else "missing"

    @property
    def overdue(self) -> bool:
        """Whether results are missing that should be there by now."""
        return any(each.overdue_at <= self.listed.now for each in self.missing)

    @property
    def deleted_at(self) -> datetime | None:
        """From when on Cirrus may have deleted the results."""
        return deleted_at(self.end, self.listed.policy) if self.end is not None else None

    @property
    def order(self) -> tuple[bool, datetime, str, str]:
        """What is missing comes first, and of that what is lost first."""
        lost_at = min((each.lost_at for each in self.missing), default=self.end or NEVER)
        return (not self.missing, lost_at, self.listed.tenant, self.listed.view.schedule_id)


def list_results(
    *,
    missing: Annotated[bool, typer.Option("--missing", help="List each booking whose result has not come.")] = False,
    tenant: Tenant = None,
    exam: Annotated[str | None, typer.Option(metavar="ID", help="Look at this exam only.", show_default=False)] = None,
    person: Annotated[
        str | None, typer.Option(metavar="ID", help="Look at this person only.", show_default=False)
    ] = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List exam by exam how many results are expected, told and missing, and how many calls are left today.

    With --missing, list each booking whose exam is over and whose result has not come, the one first that is lost
    first: once Cirrus deletes it, else once it is overdue. Who is known to have stayed away has no result to come.
    With --person, this is what an erasure has to wait for. An id may be the SIS's or Cirrus'; the exit code is 1
    when nothing is known of it.
    """
    chosen = settings(config)
    covered = policies(chosen, tenant)
    with closing(open_ledger(chosen)) as ledger:
        ledger.check()
        found = [Tally.of(each, person) for each in listed(ledger, covered, Wanted(exam=exam, person=person))]
        calls = left(ledger, covered)
    found.sort(key=lambda tally: tally.order)
    if missing:
        _show_missing(_late(found), as_json=as_json)
    else:
        _show_exams(found, calls, as_json=as_json)
    if missing or person is not None:
        note(_count(sum(len(tally.missing) for tally in found)))


def _late(found: Sequence[Tally]) -> list[tuple[Tally, Outstanding]]:
    late = [(tally, each) for tally in found for each in tally.missing]
    return sorted(late, key=lambda pair: (pair[1].lost_at, *pair[0].order, pair[1].booked.record.ref))


def _count(number: int) -> str:
    match number:
        case 0:
            return "no result is outstanding"
        case 1:
            return "1 result is outstanding"
        case _:
            return f"{number} results are outstanding"


def _show_exams(found: Sequence[Tally], calls: Sequence[Left], *, as_json: bool) -> None:
    if as_json:
        put_json({"exams": [exam_data(tally) for tally in found], "allowances": [each.data() for each in calls]})
        return
    for line in _exams(found):
        put(line)
    for each in calls:
        put(str(each))


def _exams(found: Sequence[Tally]) -> Iterator[str]:
    if not found:
        return
    head = ("tenant", "exam", "schedule", "end", "expected", "told", "missing", "absent", "state", "deleted from")
    rows = [
        (
            tally.listed.tenant,
            tally.listed.exam or "-",
            tally.listed.view.schedule_id,
            _at(tally.end),
            str(tally.expected),
            str(tally.told),
            str(len(tally.missing)),
            str(tally.absent) if tally.listed.view.attended else "-",
            tally.state,
            _at(tally.deleted_at),
        )
        for tally in found
    ]
    yield from columns(head, *rows)
    yield ""


def exam_data(tally: Tally) -> dict[str, object]:
    """Return an exam's numbers as JSON values; `absent` is null as long as Cirrus was not asked who sat."""
    view, end = tally.listed.view, tally.end
    return {
        "tenant": tally.listed.tenant,
        "exam": tally.listed.exam,
        "schedule": view.schedule_id,
        "end": _text(end),
        "expected": tally.expected,
        "told": tally.told,
        "missing": len(tally.missing),
        "absent": tally.absent if view.attended else None,
        "state": tally.state,
        "overdue_at": _text(overdue_at(end, tally.listed.policy) if end is not None else None),
        "deleted_at": _text(tally.deleted_at),
    }


def _show_missing(late: Sequence[tuple[Tally, Outstanding]], *, as_json: bool) -> None:
    if as_json:
        put_json([missing_data(tally, each) for tally, each in late])
        return
    if not late:
        return
    head = ("tenant", "booking", "person", "candidate", "exam", "over since", "overdue from", "deleted from", "so far")
    rows = [
        (
            tally.listed.tenant,
            each.booked.record.ref.key,
            _person(each.booked) or "-",
            each.booked.candidate_id or "-",
            tally.listed.exam or "-",
            _at(each.over_since),
            _at(each.overdue_at),
            _at(each.deleted_at),
            _so_far(tally.listed, each),
        )
        for tally, each in late
    ]
    for line in columns(head, *rows):
        put(line)


def missing_data(tally: Tally, each: Outstanding) -> dict[str, object]:
    """Return one missing result as JSON values; without `attendance_known`, its candidate may not have sat at all."""
    return {
        "tenant": tally.listed.tenant,
        "booking": each.booked.record.ref.key,
        "person": _person(each.booked),
        "candidate": each.booked.candidate_id,
        "exam": tally.listed.exam,
        "schedule": tally.listed.view.schedule_id,
        "over_since": utc_text(each.over_since),
        "overdue_at": utc_text(each.overdue_at),
        "overdue": each.overdue_at <= tally.listed.now,
        "deleted_at": _text(each.deleted_at),
        "attendance_known": tally.listed.view.attended,
        "announced": each.announced,
        "refused": each.reason.code if each.reason is not None else None,
    }


def _so_far(each: Listed, one: Outstanding) -> str:
    """Say what is known of a missing result. Only the code of a refusal: Cirrus' own words may name people."""
    if one.announced:
        return "announced, to be read"
    if one.reason is not None:
        return f"Cirrus refused: {one.reason.code}"
    return "not announced" if each.view.attended else "not announced; who sat is not known"


def _person(booked: Booked) -> str | None:
    return booked.record.about.key if booked.record.about is not None else None


def _text(at: datetime | None) -> str | None:
    return None if at is None else utc_text(at)


def _at(at: datetime | None) -> str:
    return "-" if at is None else moment(at)
