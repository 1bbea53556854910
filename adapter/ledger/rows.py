"""Rows and records: how a record is written to the ledger and read back."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from adapter.domain.records import Record, Ref, Status, Wanting
from adapter.domain.verdict import Reason
from adapter.domain.version import Rank, Statement, Version, utc_text, utc_time
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.schema import records

Name = TypeVar("Name")

MOST_NAMES = 10_000
"""Names in one query; SQLite takes 32,766 values, PostgreSQL 65,535."""


def intake_values(tenant: str, record: Record, now: datetime) -> dict[str, Any]:
    """Return the columns that intake owns."""
    return {
        "tenant": tenant,
        "kind": record.ref.kind,
        "key": record.ref.key,
        "home_kind": record.home.kind,
        "home_key": record.home.key,
        "about_kind": record.about.kind if record.about else None,
        "about_key": record.about.key if record.about else None,
        "external_id": record.external_id,
        "rival": record.rival,
        "facets": {name: statement_json(said) for name, said in record.facets.items()},
        "confirmed": dict(record.confirmed),
        "revision": record.revision,
        "status": record.status.value,
        "reason_code": record.reason.code if record.reason else None,
        "reason_text": record.reason.text if record.reason else None,
        "cause": record.cause,
        "deadline": record.deadline,
        "changed_at": now,
    }


def settle_values(record: Record, now: datetime) -> dict[str, Any]:
    """Return the columns that converge owns."""
    wanting = record.wanting
    return {
        "status": record.status.value,
        "confirmed": dict(record.confirmed),
        "wanting_kind": wanting.ref.kind if wanting and wanting.ref else None,
        "wanting_key": wanting.ref.key if wanting and wanting.ref else None,
        "wanting_reason": wanting.reason if wanting else None,
        "wanting_since": wanting.since if wanting else None,
        "reason_code": record.reason.code if record.reason else None,
        "reason_text": record.reason.text if record.reason else None,
        "settled_at": now if record.status is Status.SETTLED else None,
    }


def read_record(row: sa.RowMapping) -> Record:
    """Return the record of a row of `records`."""
    return Record(
        ref=Ref(row["kind"], row["key"]),
        home=Ref(row["home_kind"], row["home_key"]),
        about=Ref(row["about_kind"], row["about_key"]) if row["about_key"] is not None else None,
        external_id=row["external_id"],
        facets={name: read_statement(said) for name, said in row["facets"].items()},
        confirmed=row["confirmed"],
        revision=row["revision"],
        status=Status(row["status"]),
        wanting=_wanting(row),
        cause=row["cause"],
        deadline=row["deadline"],
        reason=Reason(row["reason_code"], row["reason_text"] or "") if row["reason_code"] else None,
        rival=row["rival"],
    )


def _wanting(row: sa.RowMapping) -> Wanting | None:
    if row["wanting_reason"] is None:
        return None
    ref = Ref(row["wanting_kind"], row["wanting_key"]) if row["wanting_kind"] is not None else None
    return Wanting(ref, row["wanting_reason"], row["wanting_since"])


def statement_json(said: Statement) -> dict[str, Any]:
    """Return a statement as JSON values."""
    written: dict[str, Any] = {"version": _version_json(said.version), "data": dict(said.data)}
    if said.since != said.version:
        written["since"] = _version_json(said.since)
    if said.external_id is not None:
        written["external_id"] = said.external_id
    if said.replaced is not None:
        written["replaced"] = _version_json(said.replaced)
    return written


def read_statement(written: Mapping[str, Any]) -> Statement:
    """Read what `statement_json` wrote."""
    version = _version(written["version"])
    since = _version(written["since"]) if "since" in written else version
    replaced = _version(written["replaced"]) if "replaced" in written else None
    return Statement(version, since, written["data"], written.get("external_id"), replaced)


def _version_json(version: Version) -> list[Any]:
    return [utc_text(version.time), version.sequence, int(version.rank), version.event_id]


def _version(written: list[Any]) -> Version:
    time, sequence, rank, event_id = written
    return Version(utc_time(time), sequence, Rank(rank), event_id)


def lock_records(tx: Transaction, tenant: str, refs: Iterable[Ref]) -> Iterator[sa.RowMapping]:
    """Read the rows of the named records and lock them, always in the same order."""
    for some in in_parts(sorted(set(refs))):
        query = select_records(tenant, some).order_by(records.c.kind, records.c.key)
        if tx.postgresql:
            query = query.with_for_update()
        yield from tx.connection.execute(query).mappings().all()


def select_records(tenant: str, refs: Iterable[Ref]) -> sa.Select[Any]:
    """Select the rows of the named records."""
    return sa.select(records).where(records.c.tenant == tenant, by_ref(records.c.kind, records.c.key, refs))


def in_parts(names: Iterable[Name]) -> Iterator[list[Name]]:
    """Divide names into lists that fit into one query each."""
    left = list(names)
    for start in range(0, len(left), MOST_NAMES):
        yield left[start : start + MOST_NAMES]


def by_ref(kind: sa.Column[str], key: sa.Column[str], refs: Iterable[Ref]) -> sa.ColumnElement[bool]:
    """Match any of the refs: one list of keys for each kind."""
    keys: dict[str, list[str]] = {}
    for ref in refs:
        keys.setdefault(ref.kind, []).append(ref.key)
    return sa.or_(sa.false(), *(sa.and_(kind == name, among(key, found)) for name, found in keys.items()))
