"""What the demo tells at its end: what was said, called and heard, and whether every sum comes out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import cast

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapter.cli.demo.play import Progress
from adapter.cli.demo.proof import Check
from adapter.cli.demo.results import in_order
from adapter.cli.explain import Explained
from adapter.cli.explain import as_data as as_explained


def as_data(progress: Progress, checks: tuple[Check, ...]) -> dict[str, object]:
    """Return the end of the day as JSON values."""
    seen = progress.seen
    assert seen is not None, "a day that was played was looked at"
    return {
        "seconds": round(progress.seconds, 1),
        "said": dict(progress.said),
        "handled": dict(seen.handled),
        "calls": {"total": seen.called.total, "by_operation": _called(progress)},
        "outcomes": {
            "total": progress.outcomes.total(),
            "distinct_ids": len(progress.outcome_ids),
            "by_type": dict(progress.outcomes),
        },
        "results": [one.data() for one in in_order(progress.results)],
        "attendance": dict(progress.attendance),
        "notices": asdict(seen.announced),
        "allowance": asdict(seen.spent),
        "dead_letters": [{"type": one.type, "reason": one.reason, "path": one.path} for one in progress.dead],
        "tasks": [{"kind": task.name, "about": str(task.about), "text": task.text} for task in seen.held.tasks],
        "bookings": {"total": len(progress.day.bookings), **seen.held.standing()},
        "unsettled": seen.held.unsettled,
        "outbox": seen.held.outbox_pending,
        "checks": [{"name": check.name, "told": check.told, "holds": check.holds} for check in checks],
        "ok": all(check.holds for check in checks),
    }


def _called(progress: Progress) -> dict[str, dict[str, int]]:
    assert progress.seen is not None, "a day that was played was looked at"
    called = progress.seen.called
    return {name: {"calls": calls, "objects": called.objects.get(name, 0)} for name, calls in called.operations.items()}


def print_report(console: Console, progress: Progress, checks: tuple[Check, ...], shown: Iterable[Explained]) -> None:
    """Print the tables, the history of what is to be shown, and the sums last."""
    console.print(_counted("What the SIS said", "event", progress.said))
    console.print(_calls(progress))
    console.print(_counted("What came out", "outcome", progress.outcomes))
    console.print(_results(progress))
    console.print(_dead(progress))
    console.print(_tasks(progress))
    for each in shown:
        console.print(_history(each))
    console.print(_checks(checks))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold cyan", box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column)
    return table


def _counted(title: str, what: str, counts: Mapping[str, int]) -> Table:
    table = _table(title, what)
    table.add_column("count", justify="right")
    for name, count in counts.items():
        table.add_row(name, str(count))
    table.add_row("together", str(sum(counts.values())), style="bold")
    return table


def _calls(progress: Progress) -> Table:
    table = _table("What Cirrus was asked", "operation")
    table.add_column("calls", justify="right")
    table.add_column("candidates or exams", justify="right")
    called = _called(progress)
    for name, counts in sorted(called.items()):
        table.add_row(Text(name), str(counts["calls"]), str(counts["objects"]))
    total = sum(counts["calls"] for counts in called.values())
    table.add_row("together", str(total), str(sum(counts["objects"] for counts in called.values())), style="bold")
    return table


def _results(progress: Progress) -> Table:
    table = _table("Results", "booking", "version", "told", "pass")
    table.add_column("score", justify="right")
    for one in in_order(progress.results):
        whose = f"orphan: {one.name}" if one.booking is None else one.name
        score = "" if one.score is None else f"{one.score:g}"
        table.add_row(Text(whose), str(one.version), one.what, one.passed or "", score)
    return table


def _dead(progress: Progress) -> Table:
    table = _table("Dead letters", "event", "reason", "where")
    for letter in progress.dead:
        table.add_row(Text(letter.type), letter.reason, Text(letter.path))
    return table


def _tasks(progress: Progress) -> Table:
    table = _table("Open tasks for people", "task", "what to do")
    assert progress.seen is not None, "a day that was played was looked at"
    for task in progress.seen.held.tasks:
        table.add_row(task.name, Text(task.text))
    return table


def _history(each: Explained) -> Table:
    """Return what `cirrus-adapter explain` would tell."""
    record = each.history.record
    table = _table(f"Explained: {record.ref}, which is {record.status.value} now", "at", "who", "what")
    for line in cast("list[dict[str, str]]", as_explained(each)["timeline"]):
        table.add_row(line["at"][11:19], line["who"], Text(f"{line['what']}: {line['note']}"))
    return table


def _checks(checks: tuple[Check, ...]) -> Table:
    table = _table("Does it add up?", "", "what has to be so", "counted")
    for check in checks:
        verdict = Text("yes", style="green") if check.holds else Text("NO", style="bold red")
        table.add_row(verdict, check.name, check.told)
    return table


def mismatches(checks: tuple[Check, ...]) -> Iterator[str]:
    """Yield a line for each sum that does not come out."""
    for check in checks:
        if not check.holds:
            yield f"not so: {check.name}: {check.told}"
