"""`reconcile`: what staff have changed by hand in Cirrus, as a plan of what would put it right; and having it done."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from adapter.app import open_database, open_ledger, worker_name
from adapter.cli.console import AsJson, ConfigFile, Exit, fail, note, settings
from adapter.cli.dry_run import DryRun, Planned, wish
from adapter.cli.plan import show
from adapter.cli.results.scope import Tenant, policies
from adapter.cli.surveys import surveys
from adapter.domain.policy import Policy
from adapter.domain.records import SITTING
from adapter.ledger.ledger import Ledger
from adapter.ledger.results import Placed
from adapter.observe.logging import configure
from adapter.settings import Settings

EXAMPLES = """Examples:

  cirrus-adapter reconcile

  cirrus-adapter reconcile --exam co-2031 --json

  cirrus-adapter reconcile --exam co-2031 --apply"""


def reconcile(
    *,
    exam: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="This exam, by its id in the SIS or in Cirrus; may be repeated."),
    ] = None,
    tenant: Tenant = None,
    apply: Annotated[bool, typer.Option("--apply", help="Have the exams put right; needs --exam.")] = False,
    show_personal: Annotated[bool, typer.Option("--show-personal", help="Show names and mail addresses.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Read exams in Cirrus, one call each, and show what would be done if they were to be as the SIS says.

    Without --exam, all exams that are still to start are read, the soonest first. What staff have changed by hand
    stands until the SIS says something new, or --apply: then the running adapter reads the exam, adds and takes off
    candidates, and changes title and times; what the API cannot do is a task. The exit code is 1 when nothing is
    known of an id.
    """
    if apply and not exam:
        fail("--apply needs --exam: look first, and name the exams that are to be put right", Exit.USAGE)
    chosen = settings(config)
    configure("warning", chosen.observe.log_format)
    covered = policies(chosen, tenant)
    with closing(open_ledger(chosen)) as ledger:
        ledger.check()
        placed = _named(ledger, sorted(covered), exam) if exam else ledger.sittings_to_come(sorted(covered))
        if apply:
            _apply(ledger, placed, covered)
            return
    show(_look(chosen, placed), show_personal=show_personal, as_json=as_json)
    note("Nothing was changed. Cirrus was read, and assumed to confirm every other call.")


def _named(ledger: Ledger, tenants: Sequence[str], exams: Sequence[str]) -> list[Placed]:
    placed: list[Placed] = []
    for name in exams:
        found = ledger.named(tenants, SITTING, name)
        if not found:
            fail(f"nothing is known of exam '{name}'; an event about it may be among the dead letters")
        placed += found
    return placed


def _look(chosen: Settings, placed: Sequence[Placed]) -> Planned:
    now = datetime.now(UTC)  # noqa: TID251 - the command line is where time comes from
    with (
        closing(open_database(chosen)) as real,
        surveys(chosen, len(placed), None) as by_tenant,
        closing(DryRun(chosen, now, real)) as dry_run,
    ):
        return dry_run.reconcile(placed, by_tenant)


def _apply(ledger: Ledger, placed: Sequence[Placed], covered: Mapping[str, Policy]) -> None:
    now, who = ledger.now(), worker_name()
    ledger.store_batch([wish(each, now, who) for each in placed], covered)
    note(f"{len(placed)} exam(s): the running adapter reads them and puts right what differs; see `explain`")
