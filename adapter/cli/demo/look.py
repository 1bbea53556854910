"""One look at the running demo: what the metrics, the ledger and the simulated Cirrus say at this moment."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from adapter.cli.demo.stage import MAKE_HIERARCHY, Stage
from adapter.domain.guard import Keeping
from adapter.domain.records import BOOKING, Record, Status
from adapter.ledger.database import Transaction
from adapter.ledger.history import TaskRow
from adapter.ledger.notices import NEW
from adapter.ledger.rows import read_record
from adapter.ledger.schema import notices, outbox, records, removals, work
from handlers.sittings.tasks import REMOVE_CANDIDATE
from handlers.sittings.view import booking_is_live, holds_seat

SOON = timedelta(seconds=2.5)
"""Work that is due within it counts as unfinished; longer than the settings let anything linger or wait unsaid."""

HANDLED = "cirrus_adapter_messages_handled"
TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Held:
    """What the ledger holds."""

    bookings: tuple[Record, ...]
    unsettled: int
    busy: int
    outbox_pending: int
    outcomes: int
    tasks: tuple[TaskRow, ...]

    @property
    def calm(self) -> bool:
        """Whether nothing is under way or about to be; what waits for the SIS may be left."""
        return self.busy == 0 and self.outbox_pending == 0

    def confirmed(self, sitting: str) -> tuple[int, int]:
        """Return how many of a sitting's live bookings are confirmed, and how many there are."""
        live = [each for each in self.bookings if each.home.key == sitting and booking_is_live(each)]
        return sum(each.status is Status.SETTLED and holds_seat(each) for each in live), len(live)

    def standing(self) -> dict[str, int]:
        """Count every booking once, by where it stands."""
        asked = {task.about for task in self.tasks}
        counts: Counter[str] = Counter(_standing(each, asked=each.ref in asked) for each in self.bookings)
        return {name: counts[name] for name in (*STANDINGS, *sorted(counts.keys() - set(STANDINGS)))}

    def leaving(self) -> set[tuple[str, str]]:
        """Return sitting and student of the seats that a person was asked to take away."""
        asked = {task.about for task in self.tasks if task.name == REMOVE_CANDIDATE}
        return {(each.home.key, each.about.key) for each in self.bookings if each.about and each.ref in asked}


STANDINGS = ("confirmed", "cancelled", "rejected", "with a task")


def _standing(booking: Record, *, asked: bool) -> str:
    if asked:
        return "with a task"
    match booking.status:
        case Status.SETTLED if booking_is_live(booking) and holds_seat(booking):
            return "confirmed"
        case Status.SETTLED if not holds_seat(booking):
            return "cancelled"
        case Status.REJECTED:
            return "rejected"
        case status:
            return status.value


@dataclass(frozen=True, slots=True)
class Called:
    """What Cirrus was asked: calls, and candidates or exams in them, by operation; and how many calls run now."""

    operations: Mapping[str, int]
    objects: Mapping[str, int]
    under_way: int

    @property
    def total(self) -> int:
        """All calls."""
        return sum(self.operations.values())


@dataclass(frozen=True, slots=True)
class Announced:
    """What Cirrus' webhook has done: versions of results it was to announce, of which some were lost, and notices.

    Each of the others was announced by one notice or more; `waiting` are not delivered yet.
    """

    versions: int = 0
    lost: int = 0
    delivered: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """The allowance for reading results: calls a day, what is left, and how many looked for a lost notice."""

    per_day: int
    left: int
    swept: int


@dataclass(frozen=True, slots=True)
class Look:
    """Everything at one moment; `handled` counts messages by outcome."""

    handled: Mapping[str, int]
    announced: Announced
    held: Held
    called: Called
    spent: Spent

    @property
    def calm(self) -> bool:
        """Whether nothing is under way or about to be, on either side."""
        return self.held.calm and self.announced.waiting == 0


def look(stage: Stage) -> Look:
    """Look once, along the way of a notice: what is on its way when Cirrus is asked is in the ledger, or not yet."""
    return Look(
        handled=_handled(stage.app.ops_port),
        announced=_announced(stage),
        held=_held(stage),
        called=_called(stage),
        spent=_spent(stage),
    )


def _handled(port: int) -> dict[str, int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    try:
        connection.request("GET", "/metrics")
        page = connection.getresponse().read().decode()
    finally:
        connection.close()
    handled: Counter[str] = Counter()
    for family in text_string_to_metric_families(page):
        if family.name == HANDLED:
            for sample in family.samples:
                handled[sample.labels["outcome"]] += int(sample.value)
    return dict(handled)


def _announced(stage: Stage) -> Announced:
    counts = stage.cirrus.control.webhook_counts()
    return Announced(counts["announced"], counts["lost"], counts["delivered"], counts["waiting"])


def _spent(stage: Stage) -> Spent:
    allowance = stage.settings.tenants[stage.slug].to_policy().results.allowance
    spending = allowance.current(stage.ledger.spendings((stage.tenant,)).get(stage.tenant), stage.ledger.now())
    return Spent(allowance.calls, allowance.calls - spending.spent, spending.swept)


def _held(stage: Stage) -> Held:
    tasks = tuple(stage.ledger.tasks())
    with stage.database.transaction("demo") as tx:
        query = sa.select(records).where(records.c.kind == BOOKING).order_by(records.c.key)
        bookings = tuple(read_record(tx, row) for row in tx.connection.execute(query).mappings())
        open_states = (Status.DUE.value, Status.WAITING.value)
        return Held(
            bookings=bookings,
            unsettled=_count(tx, records, records.c.status.in_(open_states)),
            busy=_busy(tx),
            outbox_pending=_count(tx, outbox, outbox.c.published_at.is_(None)),
            outcomes=_count(tx, outbox, sa.true()),
            tasks=tasks,
        )


def _busy(tx: Transaction) -> int:
    due = sa.or_(work.c.lease_by.is_not(None), work.c.due_at <= tx.now + SOON)
    unread = _count(tx, notices, notices.c.state == NEW)
    unread += _count(tx, removals, removals.c.state == Keeping.PENDING.value)
    return unread + _count(tx, work, due) + _count(tx, records, records.c.status == Status.DUE.value)


def _count(tx: Transaction, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    return tx.connection.execute(sa.select(sa.func.count()).select_from(table).where(which)).scalar_one()


def _called(stage: Stage) -> Called:
    control = stage.cirrus.control
    tally = control.tally()
    running = [call for call in control.calls() if call["status"] is None and call["fault"] is None]
    operations = {name: calls for name, calls in tally["operations"].items() if name != MAKE_HIERARCHY}
    return Called(operations, tally["items"], len(running))
