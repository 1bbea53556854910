"""The tables that `make chaos` prints: what has struck how often, and what became of the events."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.chaos.checker import Class, describe
from tests.chaos.lanes import Outcome

COLUMNS = (Class.SETTLED, Class.LOST, Class.DUPLICATED, Class.UNEXPECTED)


def show(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print the tables, and what was found."""
    strikes: Counter[str] = Counter()
    for outcome in outcomes:
        strikes.update(outcome.strikes)
    faults = Table("fault", "strikes", title="Faults")
    faults.columns[1].justify = "right"
    for kind in sorted(strikes):
        faults.add_row(kind, str(strikes[kind]))
    console.print(faults)
    console.print(_events(outcomes))
    for outcome in outcomes:
        if not outcome.judgement.good:
            console.print(f"{outcome.lane}:", style="bold")
            console.print(describe(outcome.judgement.findings), highlight=False, markup=False)


def _events(outcomes: Sequence[Outcome]) -> Table:
    heads = ["lane", "events", *(each.value for each in COLUMNS)]
    table = Table(*heads, "told again", "links lost", "leases lost", "sent again", "Cirrus calls", title="Events")
    for column in table.columns[1:]:
        column.justify = "right"
    rows = [_row(outcome) for outcome in outcomes]
    for outcome, row in zip(outcomes, rows, strict=True):
        table.add_row(outcome.lane, *map(str, row))
    table.add_section()
    table.add_row("all", *(str(sum(column)) for column in zip(*rows, strict=True)))
    return table


def _row(outcome: Outcome) -> list[int]:
    classes, judgement = outcome.judgement.classes, outcome.judgement
    events = [classes.total(), *(classes[each] for each in COLUMNS)]
    return [*events, judgement.repeats, judgement.links_lost, outcome.leases_lost, outcome.refused, outcome.calls]
