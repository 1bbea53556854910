"""Rows and records: how a record is written to the ledger and read back."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa

from adapter.domain.records import Record, Ref, Status, Wanting
from adapter.domain.verdict import Reason
from adapter.domain.version import Rank, Statement, Version, utc_text, utc_time
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.schema import records
from adapter.ledger.sealing import place

Name = TypeVar("Name")

FACETS, CONFIRMED, REASON, WANTING = "\x1ffacets", "\x1fconfirmed", "\x1freason_text", "\x1fwanting_reason"
"""The sealed columns, as they end the name of a value's place."""

Query = sa.Select[*tuple[Any, ...]]
"""A query, whatever it selects."""

MOST_NAMES = 10_000
"""Names in one query; SQLite takes 32,766 values, PostgreSQL 65,535."""


def intake_values(tx: Transaction, tenant: str, record: Record) -> dict[str, Any]:
    """Return the columns that intake owns."""
    at = _row(tenant, record.ref)
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
        "facets": _facets(tx, record, at),
        "confirmed": _sealed(tx, dict(record.confirmed), at, CONFIRMED),
        "revision": record.revision,
        "status": record.status.value,
        "reason_code": record.reason.code if record.reason else None,
        "reason_text": tx.seal.close_text(record.reason.text, at + REASON) if record.reason else None,
        "cause": record.cause,
        "deadline": record.deadline,
        "changed_at": tx.now,
    }


def settle_values(tx: Transaction, tenant: str, record: Record) -> dict[str, Any]:
    """Return the columns that converge owns."""
    at = _row(tenant, record.ref)
    wanting = record.wanting
    return {
        "status": record.status.value,
        "facets": _facets(tx, record, at),
        "confirmed": _sealed(tx, dict(record.confirmed), at, CONFIRMED),
        "wanting_kind": wanting.ref.kind if wanting and wanting.ref else None,
        "wanting_key": wanting.ref.key if wanting and wanting.ref else None,
        "wanting_reason": tx.seal.close_text(wanting.reason, at + WANTING) if wanting else None,
        "wanting_since": wanting.since if wanting else None,
        "reason_code": record.reason.code if record.reason else None,
        "reason_text": tx.seal.close_text(record.reason.text, at + REASON) if record.reason else None,
        "settled_at": tx.now if record.status is Status.SETTLED else None,
    }


def facet_values(tx: Transaction, tenant: str, record: Record) -> dict[str, Any]:
    """Return the column that says what is wanted, and under which names."""
    return {"facets": _facets(tx, record, _row(tenant, record.ref))}


def read_record(tx: Transaction, row: sa.RowMapping) -> Record:
    """Return the record of a row of `records`; raises `LedgerSealed`."""
    ref = Ref(row["kind"], row["key"])
    at = _row(row["tenant"], ref)
    return Record(
        ref=ref,
        home=Ref(row["home_kind"], row["home_key"]),
        about=Ref(row["about_kind"], row["about_key"]) if row["about_key"] is not None else None,
        external_id=row["external_id"],
        facets={name: read_statement(said) for name, said in _opened(tx, row["facets"], at, FACETS).items()},
        confirmed=_opened(tx, row["confirmed"], at, CONFIRMED),
        revision=row["revision"],
        status=Status(row["status"]),
        wanting=_wanting(tx, row, at),
        cause=row["cause"],
        deadline=row["deadline"],
        reason=_reason(tx, row, at),
        rival=row["rival"],
    )


def read_confirmed(tx: Transaction, row: sa.RowMapping) -> dict[str, Any]:
    """Return what is known in Cirrus of the record in this row, and look at nothing else."""
    return _opened(tx, row["confirmed"], _row(row["tenant"], Ref(row["kind"], row["key"])), CONFIRMED)


def _row(tenant: str, ref: Ref) -> str:
    return place("records", tenant, ref.kind, ref.key)


def _facets(tx: Transaction, record: Record, at: str) -> str:
    return _sealed(tx, {name: statement_json(said) for name, said in record.facets.items()}, at, FACETS)


def _sealed(tx: Transaction, value: dict[str, Any], at: str, column: str) -> str:
    return tx.seal.close_text(orjson.dumps(value).decode(), at + column)


def _opened(tx: Transaction, stored: str, at: str, column: str) -> dict[str, Any]:
    opened: dict[str, Any] = orjson.loads(tx.seal.open_text(stored, at + column))
    return opened


def _reason(tx: Transaction, row: sa.RowMapping, at: str) -> Reason | None:
    code, text = row["reason_code"], row["reason_text"]
    return Reason(code, tx.seal.open_text(text or "", at + REASON)) if code else None


def _wanting(tx: Transaction, row: sa.RowMapping, at: str) -> Wanting | None:
    if row["wanting_reason"] is None:
        return None
    ref = Ref(row["wanting_kind"], row["wanting_key"]) if row["wanting_kind"] is not None else None
    return Wanting(ref, tx.seal.open_text(row["wanting_reason"], at + WANTING), row["wanting_since"])


def statement_json(said: Statement) -> dict[str, Any]:
    """Return a statement as JSON values."""
    written: dict[str, Any] = {"version": _version_json(said.version), "data": dict(said.data)}
    if said.since != said.version:
        written["since"] = _version_json(said.since)
    if said.external_id is not None:
        written["external_id"] = said.external_id
    if said.replaced is not None:
        written["replaced"] = _version_json(said.replaced)
    if said.answered:
        written["answered"] = True
    return written


def read_statement(written: Mapping[str, Any]) -> Statement:
    """Read what `statement_json` wrote."""
    version = _version(written["version"])
    since = _version(written["since"]) if "since" in written else version
    replaced = _version(written["replaced"]) if "replaced" in written else None
    answered = written.get("answered", False)
    return Statement(version, since, written["data"], written.get("external_id"), replaced, answered)


def _version_json(version: Version) -> list[Any]:
    return [utc_text(version.time), version.sequence, int(version.rank), version.event_id]


def _version(written: list[Any]) -> Version:
    time, sequence, rank, event_id = written
    return Version(utc_time(time), sequence, Rank(rank), event_id)


def lock_records(tx: Transaction, tenant: str, refs: Iterable[Ref]) -> Iterator[sa.RowMapping]:
    """Read the rows of the named records and lock them, always in the same order."""
    return rows_of(tx, _locked_records, sorted(set(refs)), tenant=tenant)


def find_records(tx: Transaction, tenant: str, refs: Iterable[Ref]) -> list[Record]:
    """Read the named records."""
    return [read_record(tx, row) for row in rows_of(tx, _records, refs, tenant=tenant)]


@cache
def _records(kinds: tuple[str, ...]) -> Query:
    return sa.select(records).where(
        records.c.tenant == sa.bindparam("tenant"), by_ref(records.c.kind, records.c.key, kinds)
    )


@cache
def _locked_records(kinds: tuple[str, ...]) -> Query:
    return _records(kinds).order_by(records.c.kind, records.c.key).with_for_update()


def rows_of(
    tx: Transaction, query: Callable[[tuple[str, ...]], Query], refs: Iterable[Ref], **given: object
) -> Iterator[sa.RowMapping]:
    """Return what a query, made for the kinds of the refs, finds of them; in as many parts as they need."""
    for some in in_parts(refs):
        keys = by_kind(some)
        yield from tx.connection.execute(query(tuple(keys)), {**given, **keys}).mappings().all()


def in_parts(names: Iterable[Name]) -> Iterator[list[Name]]:
    """Divide names into lists that fit into one query each."""
    left = list(names)
    for start in range(0, len(left), MOST_NAMES):
        yield left[start : start + MOST_NAMES]


def by_ref(kind: sa.Column[str], key: sa.Column[str], kinds: Iterable[str]) -> sa.ColumnElement[bool]:
    """Match refs of these kinds; the parameter that is named like a kind holds its keys, as `by_kind` gives them."""
    return sa.or_(sa.false(), *(sa.and_(kind == name, among(key, name)) for name in kinds))


def by_kind(refs: Iterable[Ref]) -> dict[str, list[str]]:
    """Return the keys of each kind."""
    keys: dict[str, list[str]] = {}
    for ref in refs:
        keys.setdefault(ref.kind, []).append(ref.key)
    return dict(sorted(keys.items()))
