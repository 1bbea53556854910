"""Holds: the ledger's side of the mass-change guard: what is too much at once is held, asked about, and decided.

The count is made where removals are kept back, and again before any of them is carried out, so several workers and
removals that come in one by one are seen as a whole. What was carried out before the limit was reached stays done.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from msgspec.structs import replace

from adapter.domain.guard import (
    WINDOW,
    Keeping,
    Kept,
    Question,
    Taken,
    part,
    suspects,
    told_discarded,
    told_held,
    whole,
)
from adapter.domain.outcomes import Outcome, derived_id
from adapter.domain.policy import GuardPolicy
from adapter.domain.records import BOOKING, Ref
from adapter.domain.version import utc_text
from adapter.ledger.database import Transaction
from adapter.ledger.outbox import Writer
from adapter.ledger.removals import LOCKED, booked_in, lock_pending, read_removal, write_removals
from adapter.ledger.schema import FAR, holds, journal, removals
from adapter.ledger.texts import close_note
from adapter.ledger.upsert import append, insert_new
from adapter.value import Value

Decision = Literal["approved", "discarded"]

OVERTAKEN = "overtaken"
"""How a hold ends when the SIS has said something newer about all that was held."""


class Hold(Value, frozen=True):
    """One question that is or was open: whether removals were meant. `sitting` is None for all of a tenant's."""

    id: str
    tenant: str
    sitting: str | None
    text: str
    opened_at: datetime
    closed_at: datetime | None = None
    closed_as: str | None = None
    closed_by: str | None = None
    held: tuple[Kept, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which held removals are meant: those of a hold, of an exam, one of them, or all; what is None does not narrow."""

    hold: str | None = None
    exam: str | None = None
    object: str | None = None
    tenant: str | None = None

    def fits(self, tenant: str, kept: Kept) -> bool:
        """Tell whether a removal is meant."""
        return (
            self.hold in (None, kept.hold)
            and (self.exam is None or self.exam in kept.takes)
            and self.object in (None, kept.change.ref.key)
            and self.tenant in (None, tenant)
        )


def watch(tx: Transaction, tenant: str, policy: GuardPolicy, writer: Writer) -> int:
    """Hold what is too much at once, and return how many removals were held now."""
    pending = lock_pending(tx, tenant)
    standing = _open_holds(tx, tenant)
    newly: list[Kept] = []
    if pending:
        asked = _questions(tx, tenant, policy, pending, standing)
        for question, mine in asked:
            hold = standing.get(question.sitting) or _opened(tx, tenant, question)
            standing[question.sitting] = hold
            newly += _held(tx, hold, mine, writer)
    tx.connection.execute(_FORGET_RELEASED, {"tenant": tenant, "long_ago": tx.now - WINDOW})
    _close_empty(tx, [hold.id for hold in standing.values()], OVERTAKEN, None)
    return len(newly)


_FORGET_RELEASED = removals.delete().where(
    removals.c.tenant == sa.bindparam("tenant"),
    removals.c.state == Keeping.RELEASED.value,
    removals.c.release_at <= sa.bindparam("long_ago"),
)


def _questions(
    tx: Transaction, tenant: str, policy: GuardPolicy, pending: Sequence[Kept], standing: Mapping[str | None, Hold]
) -> list[tuple[Question, list[Kept]]]:
    """Return what has to be asked, and about which of the pending removals."""
    recent = _recent(tx, tenant)
    taken = Taken.by([*pending, *recent])
    if None in standing:
        return [(Question(None, standing[None].text), list(pending))]
    if (question := whole(taken, policy)) is not None:
        return [(question, list(pending))]
    open_ones = {hold.sitting: Question(hold.sitting, hold.text) for hold in standing.values()}
    near = suspects(taken, policy)
    booked = Counter(record.home.key for record in booked_in(tx, tenant, near))
    booked.update(key for kept in recent if kept.change.ref.kind == BOOKING for key in kept.takes)
    for key in near:
        if key not in open_ones and (question := part(taken, key, booked[key], policy)) is not None:
            open_ones[key] = question
    asked: dict[str | None, list[Kept]] = {}
    for kept in pending:
        concerned = next((key for key in kept.takes if key in open_ones), None)
        if concerned is not None:
            asked.setdefault(concerned, []).append(kept)
    return [(open_ones[key], mine) for key, mine in asked.items()]


def _recent(tx: Transaction, tenant: str) -> list[Kept]:
    """Return what was carried out within the window without having been asked about."""
    query = sa.select(removals).where(
        removals.c.tenant == tenant,
        removals.c.state == Keeping.RELEASED.value,
        removals.c.release_at > tx.now - WINDOW,
        removals.c.hold.is_(None),
    )
    return [read_removal(tx, row) for row in tx.connection.execute(query).mappings()]


def _open_holds(tx: Transaction, tenant: str) -> dict[str | None, Hold]:
    rows = tx.connection.execute(_OPEN_HOLDS, {"tenant": tenant}).mappings()
    return {row["sitting"]: Hold(**row) for row in rows}


_OPEN_HOLDS = (
    sa.select(holds).where(holds.c.tenant == sa.bindparam("tenant"), holds.c.closed_at.is_(None)).order_by(holds.c.id)
)


def _opened(tx: Transaction, tenant: str, question: Question) -> Hold:
    hold_id = derived_id(tenant, "hold", question.sitting or "", utc_text(tx.now)).hex[:8]
    hold = Hold(hold_id, tenant, question.sitting, question.text, tx.now)
    row = {
        "id": hold.id,
        "tenant": tenant,
        "sitting": hold.sitting,
        "text": hold.text,
        "opened_at": tx.now,
        "closed_at": None,
        "closed_as": None,
        "closed_by": None,
    }
    insert_new(tx, holds, [row], ("id",))
    return hold


def _held(tx: Transaction, hold: Hold, pending: Iterable[Kept], writer: Writer) -> list[Kept]:
    held = [replace(kept, state=Keeping.HELD, hold=hold.id) for kept in pending]
    write_removals(tx, hold.tenant, held)
    writer.write(tx, hold.tenant, [told_held(kept, hold.id, hold.text) for kept in held], FAR)
    _note(tx, hold.tenant, held, "adapter", "held", f"hold {hold.id}: {hold.text}")
    return held


def decide(
    tx: Transaction, selection: Selection, decision: Decision, *, by: str, why: str, writer: Writer
) -> dict[str, int]:
    """Decide about held removals and return how many that are of each hold; what is approved is carried out next.

    With a hold or an object named, what was discarded may still be approved.
    """
    states = [Keeping.HELD.value]
    if decision == "approved" and (selection.hold or selection.object):
        states.append(Keeping.DISCARDED.value)
    counts: Counter[str] = Counter()
    tenants = tx.connection.execute(
        sa.select(removals.c.tenant).where(removals.c.state.in_(states)).distinct().order_by(removals.c.tenant)
    ).scalars()
    for tenant in tenants.all():
        rows = tx.connection.execute(LOCKED.where(removals.c.state.in_(states)), {"tenant": tenant}).mappings().all()
        mine = [kept for kept in (read_removal(tx, row) for row in rows) if selection.fits(tenant, kept)]
        decided = [replace(kept, state=Keeping(decision)) for kept in mine]
        write_removals(tx, tenant, decided)
        counts.update(str(kept.hold) for kept in decided)
        told: list[Outcome] = []
        if decision == "discarded":
            told = [told_discarded(kept, str(kept.hold), why) for kept in decided]
        writer.write(tx, tenant, told, FAR)
        _note(tx, tenant, decided, "operator", decision, f"by {by}: {why}")
    _close_empty(tx, sorted(counts), decision, by)
    return dict(counts)


def _close_empty(tx: Transaction, ids: Sequence[str], closed_as: str, by: str | None) -> None:
    """Close the holds of these that nothing is held by any more."""
    for hold in ids:
        left = sa.select(sa.literal(1)).where(removals.c.hold == hold, removals.c.state == Keeping.HELD.value)
        tx.connection.execute(
            holds.update()
            .where(holds.c.id == hold, holds.c.closed_at.is_(None), ~sa.exists(left))
            .values(closed_at=tx.now, closed_as=closed_as, closed_by=by)
        )


def _note(tx: Transaction, tenant: str, kept: Iterable[Kept], who: str, what: str, note: str) -> None:
    refs = [each.change.ref for each in kept]
    rows = [
        {
            "at": tx.now,
            "tenant": tenant,
            "kind": ref.kind,
            "key": ref.key,
            "who": who,
            "what": what,
            "note": close_note(tx, tenant, ref, note),
        }
        for ref in refs
    ]
    append(tx, journal, rows)


def listed(tx: Transaction, *, closed: bool) -> list[Hold]:
    """Return the open holds with what they hold, the oldest first; with `closed`, those that were decided, too."""
    query = sa.select(holds).order_by(holds.c.opened_at, holds.c.id)
    if not closed:
        query = query.where(holds.c.closed_at.is_(None))
    found = [Hold(**row) for row in tx.connection.execute(query).mappings().all()]
    return [replace(hold, held=_of(tx, hold)) for hold in found]


def _of(tx: Transaction, hold: Hold) -> tuple[Kept, ...]:
    query = sa.select(removals).where(
        removals.c.tenant == hold.tenant,
        removals.c.hold == hold.id,
        removals.c.state.in_([Keeping.HELD.value, Keeping.DISCARDED.value]),
    )
    rows = tx.connection.execute(query.order_by(removals.c.kind, removals.c.key)).mappings()
    return tuple(read_removal(tx, row) for row in rows)


def kept_of(tx: Transaction, tenant: str, ref: Ref) -> tuple[Kept, ...]:
    """Return what is kept back of one record."""
    query = sa.select(removals).where(
        removals.c.tenant == tenant,
        removals.c.kind == ref.kind,
        removals.c.key == ref.key,
        removals.c.state != Keeping.RELEASED.value,
    )
    return tuple(read_removal(tx, row) for row in tx.connection.execute(query.order_by(removals.c.facet)).mappings())


def counts(tx: Transaction, tenants: Sequence[str]) -> tuple[dict[tuple[str, ...], int], int]:
    """Count the open holds of each tenant, and the removals that are held in all."""
    found: dict[tuple[str, ...], int] = {(tenant,): 0 for tenant in tenants}
    found |= {(tenant,): number for tenant, number in tx.connection.execute(_HOLDS)}
    return found, tx.connection.execute(_HELD).scalar_one()


_HOLDS = sa.select(holds.c.tenant, sa.func.count()).where(holds.c.closed_at.is_(None)).group_by(holds.c.tenant)
_HELD = sa.select(sa.func.count()).select_from(removals).where(removals.c.state == Keeping.HELD.value)
