"""Aggregates as the ledger would load them, made from events and from what Cirrus is known to hold."""

from collections.abc import Mapping
from typing import Any

from adapter.domain.applying import apply
from adapter.domain.mapping import IdMapping
from adapter.domain.records import Aggregate, OpenTask, Record, Ref, Status
from tests.unit.builders import MAPPING, TENANT, Event, changes
from tests.values import replace

Facts = Mapping[Ref, Mapping[str, Any]]


def aggregate(
    ref: Ref,
    *events: Event,
    confirmed: Facts | None = None,
    status: Mapping[Ref, Status] | None = None,
    tasks: tuple[OpenTask, ...] = (),
    unsure: bool = False,
    mapping: IdMapping = MAPPING,
) -> Aggregate:
    """Return the aggregate of `ref` after these events, with what is `confirmed` of records and how they stand."""
    held: dict[Ref, Record] = {}
    for event in events:
        for change in changes(event, mapping):
            held[change.ref] = apply(held.get(change.ref), change).record
    held = {
        name: replace(
            record,
            confirmed=(confirmed or {}).get(name, record.confirmed),
            status=(status or {}).get(name, record.status),
        )
        for name, record in held.items()
    }
    members = tuple(record for name, record in sorted(held.items()) if record.home == ref and name != ref)
    related = {name: record for name, record in held.items() if name != ref and record not in members}
    return Aggregate(TENANT, ref, held.get(ref), members, related, tasks, unsure)
