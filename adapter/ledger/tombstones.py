"""Tombstones: what is left of who was erased, so that an old event that is replayed brings nobody back.

A tombstone is a keyed digest. Its key, the pepper, is sealed like everything else: whoever has the database alone
cannot try ids until one fits.
"""

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256

import sqlalchemy as sa

from adapter.domain.records import Change, Ref
from adapter.ledger.among import among
from adapter.ledger.database import Transaction
from adapter.ledger.rows import in_parts
from adapter.ledger.schema import peppers, tombstones
from adapter.ledger.sealing import place
from adapter.ledger.upsert import insert_if_absent, upsert

_NAME = "tombstones"
_PLACE = place("peppers", _NAME, "value")


def bury(tx: Transaction, tenant: str, refs: Mapping[Ref, datetime]) -> Mapping[Ref, str]:
    """Set a tombstone for each record: what was said until its moment says nothing any more. Return the digests."""
    pepper = _pepper(tx)
    if pepper is None:
        value = tx.seal.close_text(b64encode(os.urandom(32)).decode(), _PLACE)
        insert_if_absent(tx, peppers, [{"name": _NAME, "value": value}], ("name",))
        pepper = _pepper(tx)
        assert pepper is not None, "it was just written"
    digests = {ref: _digest(pepper, tenant, ref) for ref in refs}
    rows = [{"tenant": tenant, "digest": digests[ref], "until": until} for ref, until in sorted(refs.items())]
    upsert(tx, tombstones, rows, ("tenant", "digest"), ("until",))
    return digests


def outdated(tx: Transaction, said: Sequence[tuple[str, datetime, Sequence[Change]]]) -> set[int]:
    """Return the positions of events, given with tenant and time, that say something old of who was erased."""
    pepper = _pepper(tx)
    if pepper is None:
        return set()
    named = [{(tenant, _digest(pepper, tenant, ref)) for ref in _spoken_of(changes)} for tenant, _, changes in said]
    until = _until(tx, {each for some in named for each in some})
    return {
        position
        for position, (_, time, _) in enumerate(said)
        if any(each in until and time <= until[each] for each in named[position])
    }


def _spoken_of(changes: Iterable[Change]) -> set[Ref]:
    return {ref for change in changes for ref in (change.ref, change.about) if ref is not None}


def _until(tx: Transaction, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
    found: dict[tuple[str, str], datetime] = {}
    for some in in_parts(sorted(wanted)):
        rows = tx.connection.execute(_KNOWN, {"digests": [digest for _, digest in some]})
        found |= {(row.tenant, row.digest): row.until for row in rows}
    return found


_KNOWN = sa.select(tombstones).where(among(tombstones.c.digest, "digests"))


def _pepper(tx: Transaction) -> bytes | None:
    stored = tx.connection.execute(_PEPPER).scalar_one_or_none()
    return None if stored is None else b64decode(tx.seal.open_text(stored, _PLACE))


_PEPPER = sa.select(peppers.c.value).where(peppers.c.name == _NAME)


def _digest(pepper: bytes, tenant: str, ref: Ref) -> str:
    return hmac.new(pepper, f"{tenant}\x1f{ref.kind}\x1f{ref.key}".encode(), sha256).hexdigest()[:40]
