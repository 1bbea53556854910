"""The command line: one file per command or group of commands, all registered here, one line each."""

import sys
from typing import Annotated

import structlog
import typer

from adapter import __version__
from adapter.cli import (
    config,
    docs,
    events,
    explain,
    hold,
    ledger,
    plan,
    reconcile,
    run,
    sandbox,
    status,
    tasks,
    topology,
    webhook,
)
from adapter.cli.console import Commands, Exit, put
from adapter.cli.demo import command as demo
from adapter.cli.results import command as results
from adapter.observe.logging import configure

_log = structlog.get_logger()

app = typer.Typer(
    name="cirrus-adapter",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Bring what a student information system says of exams into Cirrus, and tell what became of it.",
    epilog="Exit codes: 0 ok, 1 failure, 2 usage, 3 configuration, 4 broker or ledger away, 130 interrupted.",
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - the shape of a callback
    if wanted:
        put(f"cirrus-adapter {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    _ = version


app.command("run", epilog=run.EXAMPLES)(run.run)
app.command("webhook", epilog=webhook.EXAMPLES)(webhook.webhook)
app.add_typer(ledger.app, name="ledger")
app.command("plan", epilog=plan.EXAMPLES)(plan.plan)
app.command("reconcile", epilog=reconcile.EXAMPLES)(reconcile.reconcile)
app.command("status", epilog=status.EXAMPLES)(status.status)
app.command("explain", epilog=explain.EXAMPLES)(explain.explain)
app.add_typer(tasks.app, name="tasks")
app.add_typer(hold.app, name="hold")
app.add_typer(results.app, name="results")
app.add_typer(topology.app, name="topology")
app.command("check-config", epilog=config.EXAMPLES)(config.check_config)
app.command("sandbox", epilog=sandbox.EXAMPLES)(sandbox.sandbox)
app.command("demo", epilog=demo.EXAMPLES)(demo.demo)
app.command("docs", epilog=docs.EXAMPLES)(docs.docs)
app.add_typer(events.app, name="events")


def main() -> None:
    """Run the command line.

    What no command has foreseen goes through the log and its masks: a traceback of Python's own would quote it.
    """
    configure("warning")
    try:
        app()
    except Exception:  # noqa: BLE001 - the end of the process
        _log.critical("uncaught_exception", exc_info=True)
        sys.exit(Exit.FAILURE)
