"""Documents: what is kept of results for people to look at, sealed, since it is personal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from adapter.domain.findings import Finding
from adapter.domain.records import Ref
from adapter.errors import LedgerSealed
from adapter.ledger.database import Transaction
from adapter.ledger.schema import documents
from adapter.ledger.sealing import place
from adapter.ledger.upsert import upsert


@dataclass(frozen=True, slots=True)
class Filed:
    """One kept document; without content when none of our keys opens it."""

    part: str
    version: int
    event_id: str | None
    at: datetime
    content: Mapping[str, Any] | None = field(repr=False)


def file(tx: Transaction, tenant: str, findings: Iterable[Finding]) -> None:
    """Keep the documents of the findings; the same version again takes the place of the former one."""
    rows = {
        (finding.ref, document.part, document.version): {
            "tenant": tenant,
            "kind": finding.ref.kind,
            "key": finding.ref.key,
            "part": document.part,
            "version": document.version,
            "event_id": document.event_id,
            "at": tx.now,
            "body": tx.seal.close(
                orjson.dumps(dict(document.content)), _body(tenant, finding.ref, document.part, document.version)
            ),
            "sealed": tx.seal.active,
        }
        for finding in findings
        for document in finding.documents
    }
    key = ("tenant", "kind", "key", "part", "version")
    upsert(tx, documents, list(rows.values()), key, ("event_id", "at", "body", "sealed"))


def filed(tx: Transaction, tenant: str, ref: Ref) -> list[Filed]:
    """Return what is kept of one record, by part and version."""
    query = (
        sa.select(documents)
        .where(documents.c.tenant == tenant, documents.c.kind == ref.kind, documents.c.key == ref.key)
        .order_by(documents.c.part, documents.c.version)
    )
    return [
        Filed(row.part, row.version, row.event_id, row.at, _opened(tx, row)) for row in tx.connection.execute(query)
    ]


def _opened(tx: Transaction, row: sa.Row[Any]) -> Mapping[str, Any] | None:
    at = _body(row.tenant, Ref(row.kind, row.key), row.part, row.version)
    try:
        content: Mapping[str, Any] = orjson.loads(tx.seal.open(row.body, at) if row.sealed else row.body)
    except LedgerSealed:
        return None
    return content


def _body(tenant: str, ref: Ref, part: str, version: int) -> str:
    return place("documents", tenant, ref.kind, ref.key, part, str(version), "body")
