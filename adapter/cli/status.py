"""`status`: how much is due, what waits, which bookings are not confirmed yet and when their exams start."""

import time
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table

from adapter.app import open_ledger
from adapter.cli.console import AsJson, ConfigFile, Exit, fail, pages, put_json, settings
from adapter.domain.version import utc_text
from adapter.ledger.gauges import HORIZONS, Counts

EXAMPLES = """Examples:

  cirrus-adapter status

  cirrus-adapter status --json | jq .outbox.pending

  cirrus-adapter status --watch"""

EVERY = 2.0
"""Seconds between two looks of `--watch`."""


def status(
    *,
    config: ConfigFile = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl+C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the ledger holds: work, waits, unconfirmed bookings, tasks for people and the outbox."""
    chosen = settings(config)
    if watch and (as_json or not pages().is_terminal):
        fail("--watch needs a terminal, and no --json", Exit.USAGE)
    tenants = tuple(tenant.name for tenant in chosen.tenants.values())
    ledger = open_ledger(chosen)
    try:
        ledger.check()
        counts = ledger.count(tenants)
        if as_json:
            put_json(as_data(counts))
        elif not watch:
            pages().print(_page(counts))
        else:
            with Live(_page(counts), console=pages()) as live:
                while True:
                    time.sleep(EVERY)
                    live.update(_page(ledger.count(tenants)))
    finally:
        ledger.close()


def as_data(counts: Counts) -> dict[str, object]:
    """Return the counts as JSON values."""
    unconfirmed: dict[str, dict[str, int]] = {}
    for (tenant, horizon), number in sorted(counts.unconfirmed.items()):
        unconfirmed.setdefault(tenant, {})[horizon] = number
    return {
        "work_due": {kind: number for (kind,), number in sorted(counts.work_due.items())},
        "waiting": [
            {"kind": kind, "waiting_for": awaited, "count": number}
            for (kind, awaited), number in sorted(counts.work_waiting.items())
        ],
        "bookings_unconfirmed": unconfirmed,
        "next_unconfirmed_exam": {
            tenant: utc_text(start) for (tenant,), start in sorted(counts.next_unconfirmed.items())
        },
        "holds_open": {tenant: number for (tenant,), number in sorted(counts.holds_open.items())},
        "removals_held": counts.held,
        "tasks_open": {name: number for (name,), number in sorted(counts.tasks_open.items())},
        "outbox": {
            "pending": counts.outbox_pending,
            "oldest": utc_text(counts.outbox_oldest) if counts.outbox_oldest else None,
        },
    }


def _page(counts: Counts) -> Group:
    return Group(_unconfirmed(counts), _rest(counts))


def _unconfirmed(counts: Counts) -> Table:
    names = [name for name, _ in HORIZONS]
    table = Table(title="Bookings not confirmed yet, by the start of their exam", title_justify="left")
    table.add_column("tenant")
    for name in names:
        table.add_column("later" if name == "later" else f"within {name}", justify="right")
    table.add_column("next exam")
    for tenant in sorted({tenant for tenant, _ in counts.unconfirmed}):
        start = counts.next_unconfirmed.get((tenant,))
        numbers = [str(counts.unconfirmed.get((tenant, name), 0)) for name in names]
        table.add_row(tenant, *numbers, utc_text(start) if start else "-")
    return table


def _rest(counts: Counts) -> Table:
    table = Table(title="Work", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for what, number in _lines(counts):
        table.add_row(what, str(number))
    return table


def _lines(counts: Counts) -> Iterator[tuple[str, int]]:
    for (kind,), number in sorted(counts.work_due.items()):
        yield f"{kind}s due now", number
    for (kind, awaited), number in sorted(counts.work_waiting.items()):
        yield f"{kind}s that wait for {_awaited(awaited)}", number
    if counts.held:
        questions = sum(counts.holds_open.values())
        yield f"removals held until somebody decides ({questions} open holds)", counts.held
    for (name,), number in sorted(counts.tasks_open.items()):
        yield f"open tasks: {name}", number
    since = f", the oldest since {utc_text(counts.outbox_oldest)}" if counts.outbox_oldest else ""
    yield f"events to be published{since}", counts.outbox_pending


def _awaited(kind: str) -> str:
    return "something to happen" if kind == "time" else f"a {kind}"
