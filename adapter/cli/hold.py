"""`hold`: what the mass-change guard asks about, and the answer: it was meant, or it was not."""

import getpass
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from adapter.app import open_ledger
from adapter.cli.console import AsJson, Commands, ConfigFile, Exit, fail, note, put, put_json, settings
from adapter.domain.guard import Keeping, Kept
from adapter.domain.version import utc_text
from adapter.ledger.holds import Decision, Hold, Selection

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="See what the SIS would take away in one go, and decide whether it was meant.",
)

LIST_EXAMPLES = """Examples:

  cirrus-adapter hold list

  cirrus-adapter hold list --closed --json"""

APPROVE_EXAMPLES = """Examples:

  cirrus-adapter hold approve 1f3a9c02 --why "the faculty confirms: the exam was moved to June"

  cirrus-adapter hold approve --exam off-1 --why "room closed" --by registrar

  cirrus-adapter hold approve 1f3a9c02 --only coa-2031-0001 --why "this one was meant" """

DISCARD_EXAMPLES = """Examples:

  cirrus-adapter hold discard 1f3a9c02 --why "a wrong import in the SIS"

  cirrus-adapter hold discard --all --why "a wrong import in the SIS" """

HoldId = Annotated[str | None, typer.Argument(metavar="HOLD", help="Id of a hold, as `hold list` shows it.")]
Exam = Annotated[str | None, typer.Option("--exam", metavar="ID", help="What concerns this exam (offeringId).")]
Only = Annotated[
    str | None, typer.Option("--only", metavar="ID", help="One of them: an associationId, personId or offeringId.")
]
Tenant = Annotated[str | None, typer.Option(help="What concerns this tenant.")]
Everything = Annotated[bool, typer.Option("--all", help="Everything that is held.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="Kept in the journal; no personal data, please.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides; else the name of the login.")]
Closed = Annotated[bool, typer.Option("--closed", help="Show those that were decided, too.")]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the options of a decision say."""

    selection: Selection
    everything: bool
    why: str
    by: str | None
    config: Path | None
    as_json: bool


@app.command("list", epilog=LIST_EXAMPLES)
def list_holds(*, config: ConfigFile = None, closed: Closed = False, as_json: AsJson = False) -> None:
    """List the open questions, the oldest first, with everything that is held by each.

    Until it is decided, what is held is not carried out: in Cirrus all stays as it is.
    """
    ledger = open_ledger(settings(config))
    try:
        ledger.check()
        found = ledger.holds(closed=closed)
    finally:
        ledger.close()
    if as_json:
        put_json([as_data(hold) for hold in found])
    else:
        for hold in found:
            for line in _lines(hold):
                put(line)
    still_open = [hold for hold in found if hold.closed_at is None]
    note(f"{len(still_open)} open holds, {sum(len(hold.held) for hold in still_open)} removals held")


@app.command("approve", epilog=APPROVE_EXAMPLES)
def approve(
    hold: HoldId = None,
    *,
    why: Why,
    by: By = None,
    exam: Exam = None,
    only: Only = None,
    tenant: Tenant = None,
    everything: Everything = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Have the removals carried out: they were meant.

    A running worker does so within seconds. With a hold or an object named, what was discarded can still be approved.
    """
    _decide("approved", _Answer(Selection(hold, exam, only, tenant), everything, why, by, config, as_json))


@app.command("discard", epilog=DISCARD_EXAMPLES)
def discard(
    hold: HoldId = None,
    *,
    why: Why,
    by: By = None,
    exam: Exam = None,
    only: Only = None,
    tenant: Tenant = None,
    everything: Everything = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Let the removals be ignored, and everything in Cirrus stay: they were a mistake.

    The SIS is told of each one, since it differs from Cirrus until it says something newer. To say the same again
    changes nothing.
    """
    _decide("discarded", _Answer(Selection(hold, exam, only, tenant), everything, why, by, config, as_json))


def as_data(hold: Hold) -> dict[str, object]:
    """Return a hold as JSON values."""
    return {
        "id": hold.id,
        "tenant": hold.tenant,
        "exam": hold.sitting,
        "text": hold.text,
        "opened_at": utc_text(hold.opened_at),
        "closed_at": utc_text(hold.closed_at) if hold.closed_at else None,
        "closed_as": hold.closed_as,
        "closed_by": hold.closed_by,
        "removals": [kept_data(kept) for kept in hold.held],
    }


def kept_data(kept: Kept) -> dict[str, object]:
    """Return what is kept back of one record as JSON values."""
    return {
        "about": {"kind": kept.change.ref.kind, "id": kept.change.ref.key},
        "event_type": kept.event_type,
        "event_id": kept.change.statement.version.event_id,
        "state": kept.state.value,
        "hold": kept.hold,
        "exams": sorted(set(kept.takes)),
        "said_at": utc_text(kept.said_at),
        "carried_out_at": utc_text(kept.release_at) if kept.state is Keeping.PENDING else None,
    }


def kept_text(kept: Kept) -> str:
    """Say what is kept back of one record, and why it is."""
    event = f"{kept.event_type} (event {kept.change.statement.version.event_id})"
    match kept.state:
        case Keeping.HELD:
            return f"{event}, held by {kept.hold} until somebody decides"
        case Keeping.DISCARDED:
            return f"{event}, discarded with {kept.hold}"
        case _:
            return f"{event}, carried out at {utc_text(kept.release_at.replace(microsecond=0))}"


def _decide(decision: Decision, answer: _Answer) -> None:
    """Decide, and say how much was decided; the exit code is 1 when nothing of the kind is held."""
    selection = answer.selection
    if selection == Selection() and not answer.everything:
        fail("say what is meant: a hold, --exam, --only, --tenant, or --all", Exit.USAGE)
    ledger = open_ledger(settings(answer.config))
    try:
        ledger.check()
        decided = ledger.decide(selection, decision, by=answer.by or getpass.getuser(), why=answer.why)
    finally:
        ledger.close()
    if answer.as_json:
        put_json({"decision": decision, "removals": decided})
    else:
        for hold, number in sorted(decided.items()):
            put(f"{hold}  {number} {decision}")
    if not decided:
        fail("nothing of the kind is held; `cirrus-adapter hold list` shows what is")


def _lines(hold: Hold) -> Iterator[str]:
    state = f"{hold.closed_as} {utc_text(hold.closed_at)}" if hold.closed_at else "open"
    yield f"{hold.id}  {hold.tenant}  since {utc_text(hold.opened_at.replace(microsecond=0))}  {state}"
    yield f"  {hold.text}"
    for kept in hold.held:
        yield f"  {kept.change.ref}: {kept_text(kept)}"
    yield ""
