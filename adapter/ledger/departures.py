"""Departures: the seats that bookings have left behind, as they are stored."""

from collections.abc import Iterable

from adapter.domain.records import Record
from adapter.ledger.database import Transaction
from adapter.ledger.rows import intake_values
from adapter.ledger.schema import records
from adapter.ledger.upsert import Names, Overrides, upsert

_KEY = ("tenant", "kind", "key")
_SAID: Names = (
    "home_kind",
    "home_key",
    "about_kind",
    "about_key",
    "facets",
    "status",
    "reason_code",
    "reason_text",
    "cause",
    "changed_at",
)
_AGAIN: Overrides = (("revision", records.c.revision + 1),)


def leave(tx: Transaction, tenant: str, departures: Iterable[Record]) -> None:
    """Store departures; what an earlier one of the same name knows of a seat stands, unless it is known anew.

    The new revision tells a pass that is under way that it has not seen all there is.
    """
    ordered = sorted(departures, key=lambda departure: departure.ref)
    seated = [intake_values(tx, tenant, departure) for departure in ordered if departure.confirmed]
    others = [intake_values(tx, tenant, departure) for departure in ordered if not departure.confirmed]
    upsert(tx, records, seated, _KEY, (*_SAID, "confirmed"), overrides=_AGAIN)
    upsert(tx, records, others, _KEY, _SAID, overrides=_AGAIN)
