"""`tasks`: what only a person can do in Cirrus, with the steps and by when."""

from collections.abc import Iterator
from typing import Annotated

import typer

from adapter.app import open_ledger
from adapter.cli.console import AsJson, Commands, ConfigFile, note, put, put_json, settings
from adapter.domain.version import utc_text
from adapter.ledger.history import TaskRow

app = typer.Typer(cls=Commands, no_args_is_help=True, help="See what a person has to do in Cirrus.")

EXAMPLES = """Examples:

  cirrus-adapter tasks list

  cirrus-adapter tasks list --closed --json"""

Closed = Annotated[bool, typer.Option("--closed", help="Show those that are done, too.")]


@app.command("list", epilog=EXAMPLES)
def list_tasks(*, config: ConfigFile = None, closed: Closed = False, as_json: AsJson = False) -> None:
    """List the open tasks, the nearest deadline first.

    Nobody has to close a task: the adapter looks into Cirrus every now and then, and closes what is done.
    """
    ledger = open_ledger(settings(config))
    try:
        ledger.check()
        found = ledger.tasks(closed=closed)
    finally:
        ledger.close()
    if as_json:
        put_json([as_data(task) for task in found])
    else:
        for task in found:
            for line in _lines(task):
                put(line)
    open_tasks = sum(task.closed_at is None for task in found)
    note(f"{open_tasks} open tasks" + (f", {len(found) - open_tasks} closed" if closed else ""))


def as_data(task: TaskRow) -> dict[str, object]:
    """Return a task as JSON values."""
    return {
        "id": task.id,
        "tenant": task.tenant,
        "kind": task.name,
        "about": {"kind": task.about.kind, "id": task.about.key},
        "text": task.text,
        "steps": list(task.steps),
        "deadline": utc_text(task.deadline) if task.deadline else None,
        "raised_at": utc_text(task.raised_at),
        "closed_at": utc_text(task.closed_at) if task.closed_at else None,
    }


def _lines(task: TaskRow) -> Iterator[str]:
    state = f"closed {utc_text(task.closed_at)}" if task.closed_at else _due(task)
    yield f"{task.name}  {task.about}  {task.tenant}  {state}"
    yield f"  {task.text}"
    for number, step in enumerate(task.steps, start=1):
        yield f"  {number}. {step}"
    yield ""


def _due(task: TaskRow) -> str:
    return f"until {utc_text(task.deadline)}" if task.deadline else "no deadline"
