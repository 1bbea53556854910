"""The outbox: what has to be told, stored with the fact it tells of, and published until the broker has it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from adapter.domain.outcomes import PERSON_ERASED, Outcome, cloud_event
from adapter.errors import LedgerSealed
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.schema import outbox
from adapter.ledger.sealing import place
from adapter.ledger.upsert import insert_if_absent

STEP_BACK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Pending:
    """One event that waits to be published; without a body when none of our keys opens it."""

    seq: int
    id: str
    tenant: str
    type: str
    cause: str | None
    created_at: datetime
    body: bytes | None

    def __repr__(self) -> str:
        return f"Pending({self.seq}, {self.type!r})"


@dataclass(frozen=True, slots=True)
class Writer:
    """Puts outcomes into the outbox, as CloudEvents of `source`."""

    source: str

    def write(self, tx: Transaction, tenant: str, outcomes: Iterable[Outcome], deadline: datetime) -> None:
        """Store the outcomes that were not told before; the rest are dropped by their id."""
        rows: dict[str, dict[str, object]] = {}
        for outcome in outcomes:
            event_id = str(outcome.id(tenant))
            body = cloud_event(outcome, event_id, tenant, self.source, tx.now)
            rows[event_id] = {
                "id": event_id,
                "tenant": tenant,
                "subject": outcome.subject,
                "type": outcome.type,
                "cause": outcome.cause,
                "body": tx.seal.close(body, _body(tenant, event_id)),
                "sealed": tx.seal.active,
                "deadline": deadline,
                "created_at": tx.now,
            }
        insert_if_absent(tx, outbox, list(rows.values()), ("id",))


def hurry(tx: Transaction, tenant: str, subjects: Iterable[str], deadline: datetime) -> None:
    """Let what still waits to be told of these objects leave by `deadline`, too: what is urgent leaves behind it."""
    given = {"of_tenant": tenant, "subjects": sorted(set(subjects)), "sooner": deadline}
    tx.connection.execute(_HURRY, given)


_HURRY = (
    outbox.update()
    .where(
        outbox.c.tenant == sa.bindparam("of_tenant"),
        among(outbox.c.subject, "subjects"),
        outbox.c.published_at.is_(None),
        outbox.c.deadline > sa.bindparam("sooner"),
    )
    .values(deadline=sa.bindparam("sooner"))
)


def claim_pending(tx: Transaction, limit: int, lease: timedelta) -> list[Pending]:
    """Take up to `limit` events, the most urgent first, and of each object only the oldest.

    So the events of one object leave in the order of its versions, whoever publishes them.
    """
    tx.sort_nothing()
    rows = tx.connection.execute(_NEXT, {"now": tx.now, "limit": limit}).all()
    if rows:
        tx.connection.execute(_LEASE, {"seqs": [row.seq for row in rows], "until": tx.now + lease})
    return [Pending(row.seq, row.id, row.tenant, row.type, row.cause, row.created_at, _opened(tx, row)) for row in rows]


_SAME = outbox.alias("same")
_WAITS = sa.case((_SAME.c.published_at.is_(None), 1), else_=0) == 1
"""Said in a way that fits no index but the object's own: by the statistics of a quiet hour PostgreSQL takes that of
all that waits for empty, and looks through the whole of it for each event."""

_OLDEST = (
    sa.select(_SAME.c.seq)
    .where(_SAME.c.tenant == outbox.c.tenant, _SAME.c.subject == outbox.c.subject, _WAITS)
    .order_by(_SAME.c.seq)
    .limit(1)
    .scalar_subquery()
)
"""Asked for each event anew: as a join PostgreSQL would read all that waits into memory, and go through it for each."""

_NEXT = (
    sa.select(outbox)
    .where(
        outbox.c.published_at.is_(None),
        sa.or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= sa.bindparam("now")),
        outbox.c.seq == _OLDEST,
    )
    .order_by(outbox.c.deadline, outbox.c.seq)
    .limit(sa.bindparam("limit"))
    .with_for_update(skip_locked=True, of=outbox)
)

_LEASE = outbox.update().where(among(outbox.c.seq, "seqs")).values(lease_until=sa.bindparam("until"))


def _opened(tx: Transaction, row: sa.Row[Any]) -> bytes | None:
    if not row.sealed:
        return bytes(row.body)
    try:
        return tx.seal.open(row.body, _body(row.tenant, row.id))
    except LedgerSealed:
        return None  # one event under a lost key must not keep in all the others


def _body(tenant: str, event_id: str) -> str:
    return place("outbox", tenant, event_id, "body")


def owed(tx: Transaction) -> bool:
    """Tell whether there is an event that could not be published, and that nobody has published since."""
    return tx.connection.execute(_OWED).first() is not None


_OWED = sa.select(outbox.c.seq).where(outbox.c.published_at.is_(None), outbox.c.failure.is_not(None)).limit(1)


def mark_published(tx: Transaction, published: Sequence[int], failed: Sequence[tuple[int, str]]) -> None:
    """Mark what the broker has confirmed, and give back the rest with the reason.

    What failed steps back for `STEP_BACK`, so that events which cannot be published do not hold up the others.
    """
    if published:
        tx.connection.execute(_PUBLISHED, {"seqs": published, "now": tx.now})
        # It names whom nothing here is to name any more.
        tx.connection.execute(_FORGET_PROOFS, {"seqs": published})
    for reason in sorted({reason for _, reason in failed}):
        seqs = [seq for seq, why in failed if why == reason]
        tx.connection.execute(_FAILED, {"seqs": seqs, "until": tx.now + STEP_BACK, "reason": reason})


_PUBLISHED = (
    outbox.update()
    .where(among(outbox.c.seq, "seqs"))
    .values(published_at=sa.bindparam("now"), lease_until=None, failure=None)
)
_FORGET_PROOFS = outbox.delete().where(among(outbox.c.seq, "seqs"), outbox.c.type == PERSON_ERASED)
_FAILED = (
    outbox.update()
    .where(among(outbox.c.seq, "seqs"))
    .values(lease_until=sa.bindparam("until"), failure=sa.bindparam("reason"))
)
