"""`results fetch`: an operator has results read that nobody has announced, or once more."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from adapter.app import open_ledger
from adapter.cli.console import AsJson, ConfigFile, Exit, fail, note, put_json, settings
from adapter.cli.results.scope import Left, Listed, Tenant, left, listed, moment, policies
from adapter.domain.allowance import Need
from adapter.domain.notices import Named
from adapter.ledger.results import Asked, Wanted
from handlers.results.hear import hear
from handlers.results.outstanding import outstanding
from handlers.results.plan import need_of
from handlers.results.view import Booked

EXAMPLES = """Examples:

  cirrus-adapter results fetch --dry-run

  cirrus-adapter results fetch --exam co-2031

  cirrus-adapter results fetch --booking coa-2031-0001 --json"""


@dataclass(frozen=True, slots=True)
class Reading:
    """One call that reads a result, and how needed it is."""

    asked: Asked
    need: Need


@dataclass(frozen=True, slots=True)
class Bill:
    """What one tenant's readings cost: so many calls, of which so many are granted now, the rest from `later` on."""

    left: Left
    calls: int
    granted: int
    later: datetime | None

    @classmethod
    def of(cls, left: Left, needs: Iterable[Need]) -> "Bill":
        """Count what would be granted if all calls were made at this moment, the most needed first."""
        allowance, spending = left.policy.results.allowance, left.spending
        calls = granted = 0
        later: datetime | None = None
        for need in sorted(needs):
            decision = allowance.decide(spending, need, left.now)
            spending = decision.spending
            calls += 1
            granted += decision.again_at is None
            later = later or decision.again_at
        return cls(left, calls, granted, later)

    def data(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"asked": self.calls, "granted": self.granted, **self.left.data()}

    def lines(self) -> Iterator[str]:
        """Yield it as people read it."""
        yield f"{self.left.tenant}: {self.calls} {'call' if self.calls == 1 else 'calls'} to Cirrus"
        yield str(self.left)
        if self.later is not None:
            rest = "all of them" if self.granted == 0 else f"the other {self.calls - self.granted}"
            yield f"{self.left.tenant}: {rest} are read after {moment(self.later)}, as far as others leave calls"


def fetch(
    *,
    exam: Annotated[
        str | None, typer.Option(metavar="ID", help="Read what is missing of this exam.", show_default=False)
    ] = None,
    booking: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Read the result of this booking, told or not.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="With --exam: read those that were told, too.")] = False,
    tenant: Tenant = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would cost, and ask for nothing.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Have results read: of one booking, what is missing of an exam, or all that is missing of exams that are over.

    The running adapter makes the calls, one for each result, within the day's allowance; what the SIS knows already
    is not told again. The exit code is 1 when nothing is known of the id.
    """
    if exam is not None and booking is not None:
        fail("--exam and --booking are two ways to name results; give one", Exit.USAGE)
    if everything and exam is None:
        fail("--all needs --exam", Exit.USAGE)
    chosen = settings(config)
    covered = policies(chosen, tenant)
    with closing(open_ledger(chosen)) as ledger:
        ledger.check()
        found = list(listed(ledger, covered, Wanted(exam=exam, booking=booking)))
        wanted = _of_booking(booking) if booking is not None else _all if everything else _missing
        readings = _readings(found, wanted)
        if booking is not None and not readings:
            fail(f"booking '{booking}' cannot be asked for: its exam or its candidate has no id in Cirrus")
        bills = _bills(left(ledger, covered), readings)
        if readings and not dry_run:
            ledger.ask_for_results([reading.asked for reading in readings], hear, covered)
    if as_json:
        put_json([{**bill.data(), "dry_run": dry_run} for bill in bills])
    for line in _page(bills, dry_run=dry_run):
        note(line)


def _of_booking(name: str) -> Callable[[Listed], Iterable[Booked]]:
    def chosen(each: Listed) -> Iterable[Booked]:
        every = (booked for bookings in each.view.bookings.values() for booked in bookings)
        return (booked for booked in every if name in (booked.record.ref.key, booked.record.external_id))

    return chosen


def _all(each: Listed) -> Iterable[Booked]:
    return each.view.expected


def _missing(each: Listed) -> Iterable[Booked]:
    return (one.booked for one in outstanding(each.view, each.now, each.policy))


def _readings(found: Iterable[Listed], chosen: Callable[[Listed], Iterable[Booked]]) -> Sequence[Reading]:
    """Return the calls; one answers for all bookings of a candidate, unless Cirrus knows each by an attempt id."""
    readings: dict[Asked, Reading] = {}
    for each in found:
        for booked in chosen(each):
            attempt_id = booked.attempt_id if each.policy.external_attempts else None
            asked = Asked(each.tenant, Named(booked.candidate_id, each.view.schedule_id, attempt_id))
            member = each.view.results.get(booked.candidate_id or "")
            readings[asked] = Reading(asked, need_of(member) if member is not None else Need.FIRST)
    return list(readings.values())


def _bills(calls: Iterable[Left], readings: Sequence[Reading]) -> list[Bill]:
    needs: Mapping[str, list[Need]] = {each.asked.tenant: [] for each in readings}
    for each in readings:
        needs[each.asked.tenant].append(each.need)
    return [Bill.of(each, needs.get(each.tenant, ())) for each in calls]


def _page(bills: Sequence[Bill], *, dry_run: bool) -> Iterator[str]:
    costly = [bill for bill in bills if bill.calls]
    if not costly:
        yield "no result is missing of an exam that is over; nothing was asked for"
        return
    for bill in costly:
        yield from bill.lines()
    yield "nothing was asked for, this is a dry run" if dry_run else "the running adapter makes the calls"
