"""`demo`: everything in one process, for whoever wants to see it work before setting anything up."""

import shutil
import signal
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapter.app import utc_now
from adapter.cli import explain
from adapter.cli.console import AsJson, Exit, complain, note, notes, pages, put_json
from adapter.cli.demo.day import load_day
from adapter.observe.logging import configure

if TYPE_CHECKING:
    from adapter.cli.demo.play import Progress
    from adapter.cli.demo.proof import Check
    from adapter.cli.demo.stage import Stage
    from adapter.cli.demo.view import Screen

EXAMPLES = """Examples:

  cirrus-adapter demo

  cirrus-adapter demo --keep

  cirrus-adapter demo --json | jq .checks"""

LOG = "adapter.log"

SHOWN = "LAW101R-p03"
"""The booking whose history is told at the end: it comes before its exam, and waits for it."""

Keep = Annotated[bool, typer.Option("--keep", help="Leave the ledger, the settings and the log in their folder.")]


def demo(*, keep: Keep = False, as_json: AsJson = False) -> None:
    """Play a day at a small university: 30 students, 6 exams, some 100 bookings, and what goes wrong with them.

    It takes about half a minute and needs no broker, no account and no settings: the broker is embedded, Cirrus is
    simulated, the ledger is a file in a temporary folder, and the adapter is the real one. The exit code is 1 when
    a sum at the end does not come out.
    """
    from adapter.cli.demo import play, proof, stage  # noqa: PLC0415 - they need aiohttp, which is for the sandbox alone

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # as Ctrl-C: a closed window leaves no files
    with _folder(keep=keep) as folder:
        with _log_into(folder / LOG), stage.opened(folder) as opened:
            with _screen(opened, folder) as screen:
                progress = play.play(opened, load_day(utc_now()), screen)
            checks = proof.prove(opened, progress)
            _tell(opened, progress, checks, as_json=as_json)
        if keep:
            note(f"Kept in {folder}. Try: cirrus-adapter explain {SHOWN} --config {folder / stage.CONFIG}")
        if not all(check.holds for check in checks):
            raise typer.Exit(Exit.FAILURE)


@contextmanager
def _folder(*, keep: bool) -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cirrus-adapter-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _log_into(file: Path) -> Generator[None]:
    """Keep the log off the screen."""
    with file.open("w", encoding="utf-8") as log:
        configure("info", "json", log)
        try:
            yield
        finally:
            # Whatever still logs now has nowhere to go, and must not disturb the screen.
            configure("critical", "json")


def _screen(opened: "Stage", folder: Path) -> "Screen":
    from adapter.cli.demo.view import LiveView, PlainView  # noqa: PLC0415 - as above

    places = {
        "Metrics": f"http://127.0.0.1:{opened.app.ops_port}/metrics",
        "Cirrus, simulated": f"{opened.cirrus.url}/_sandbox/",
        "Log": str(folder / LOG),
        "Broker": "embedded in this process, for trying out: it is not durable",
    }
    console = notes()
    return LiveView(console, places) if console.is_terminal else PlainView(places)


def _tell(opened: "Stage", progress: "Progress", checks: "tuple[Check, ...]", *, as_json: bool) -> None:
    from adapter.cli.demo import report  # noqa: PLC0415 - as above

    if as_json:
        put_json(report.as_data(progress, checks))
    else:
        report.print_report(pages(), progress, checks, explain.find(opened.ledger, SHOWN, opened.tenant))
    for mismatch in report.mismatches(checks):
        complain(mismatch)
