"""The proof that a person was erased: what was erased where, and what remains where and until when."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from adapter.domain.outcomes import Outcome

UNREACHED = (
    {"where": "the broker's other queues", "until": "they are read"},
    {"where": "backups of the ledger, the broker and Cirrus", "until": "they are replaced"},
    {"where": "archives and logs of those who received events", "until": "their owner erases them"},
)
"""What no adapter can erase."""


def prove(outcome: Outcome, ledger: Mapping[str, int], *, letters: int, searched: bool) -> Outcome:
    """Return the proof, which says so far what became of the user in Cirrus, with what was erased here.

    `ledger` counts the rows of each table, `letters` the dead letters; `searched` is false where the broker
    cannot be searched for them.
    """
    remains = list(UNREACHED)
    purge_from: str | None = outcome.data["cirrus"]["purgeFrom"]
    if purge_from is not None:
        remains.insert(0, {"where": "the trash can of Cirrus", "until": f"purged by hand, from {purge_from} on"})
    if not searched:
        remains.append({"where": "the dead letters", "until": "taken out by hand: this broker cannot be searched"})
    data: dict[str, Any] = {
        **outcome.data,
        "ledger": dict(ledger),
        "deadLetters": {"searched": searched, "erased": letters},
        "remains": remains,
    }
    return replace(outcome, data=data)
