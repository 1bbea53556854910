"""What all commands share: data on stdout, notes on stderr, exit codes with names, errors as one line each.

Nothing here asks anything; colours and width follow the terminal, NO_COLOR and TERM.
"""

import enum
import os
from pathlib import Path
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console
from typer.core import TyperGroup

from adapter.errors import AdapterError, BrokerUnavailable, ConfigurationError, LedgerUnavailable
from adapter.observe.redaction import scrub
from adapter.settings import ConfigurationErrors, Settings, load


class Exit(enum.IntEnum):
    """How a command ends."""

    OK = 0
    FAILURE = 1
    """It was carried out and the answer is no, or it failed."""
    USAGE = 2
    """The command line makes no sense."""
    CONFIGURATION = 3
    """A setting is missing or wrong; nothing was started."""
    UNAVAILABLE = 4
    """The broker or the ledger cannot be reached, or `run` may not use them as they are; it may succeed later."""
    UNFINISHED = 5
    """Told to stop, and not everything was finished in time; nothing is lost, it is found at the next start."""
    INTERRUPTED = 130
    """Ended from the keyboard."""


ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Settings file; else CIRRUS_ADAPTER_CONFIG, else ./adapter.toml if there is one.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


class Commands(TyperGroup):
    """A group of commands that turns errors of the adapter into lines and exit codes."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer brings a copy of click, whose types are private
        """Run a command; an expected error never shows a traceback."""
        try:
            return super().invoke(ctx)
        except AdapterError as error:
            raise typer.Exit(report(error)) from None
        except KeyboardInterrupt:
            raise typer.Exit(Exit.INTERRUPTED) from None


def report(error: AdapterError) -> Exit:
    """Say on stderr what is wrong, one line for each problem, and return how to end."""
    match error:
        case ConfigurationErrors(problems=problems):
            for problem in problems:
                complain(str(problem))
            return Exit.CONFIGURATION
        case ConfigurationError():
            complain(str(error))
            return Exit.CONFIGURATION
        case BrokerUnavailable() | LedgerUnavailable():
            complain(str(error))
            return Exit.UNAVAILABLE
        case _:
            complain(str(error))
            return Exit.FAILURE


def settings(config: Path | None) -> Settings:
    """Return the settings of this process; raise `ConfigurationErrors`."""
    return load(config, os.environ)


def note(text: str) -> None:
    """Tell a person something; goes to stderr."""
    notes().print(text, markup=False, highlight=False, soft_wrap=True)


def complain(text: str) -> None:
    """Say what is wrong, in one line on stderr."""
    line = " ".join(scrub(text).split())
    console = notes()
    console.print("error:", style="bold red", end=" ")
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def fail(text: str, code: Exit = Exit.FAILURE) -> NoReturn:
    """Say what is wrong and end the command."""
    complain(text)
    raise typer.Exit(code)


def notes() -> Console:
    """Return the console for people, on what is stderr at this moment."""
    return Console(stderr=True)


def pages() -> Console:
    """Return the console for tables and text on stdout; `put` is for data."""
    return Console()


def put(text: str) -> None:
    """Print one line of data on stdout, as it is."""
    typer.echo(text)


def put_json(value: object) -> None:
    """Print a value as JSON on stdout, indented; sorted as given."""
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode())
