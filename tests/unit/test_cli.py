"""The command line as a whole: exit codes, errors in one line, data apart from notes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from adapter import __version__
from adapter.cli import app
from adapter.cli.console import Commands, Exit, complain, fail, put_json, report
from adapter.errors import (
    BrokerUnavailable,
    ConfigurationError,
    InvalidMessage,
    LedgerOutdated,
    LedgerUnavailable,
    TopologyError,
)
from adapter.settings import ConfigurationErrors

COMMAND = Path(sys.executable).with_name("cirrus-adapter")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("a.b", "it is wrong", "correct it"), Exit.CONFIGURATION),
        (BrokerUnavailable("no broker"), Exit.UNAVAILABLE),
        (LedgerUnavailable("no ledger"), Exit.UNAVAILABLE),
        (LedgerOutdated.between("1", "2"), Exit.FAILURE),
        (TopologyError("queue x is missing"), Exit.FAILURE),
        (InvalidMessage("bad-data", "missing", "$.data"), Exit.FAILURE),
    ],
)
def test_each_error_has_an_exit_code_and_one_line(error: Exception, code: Exit) -> None:
    """A script can tell what happened by the code, a person by the line; nobody needs a traceback."""
    group = typer.Typer(cls=Commands)

    @group.callback()
    def _top() -> None: ...

    @group.command()
    def breaks() -> None:
        raise error

    result = CliRunner().invoke(group, ["breaks"])

    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == f"error: {error}\n"


def test_several_problems_are_several_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Each problem of the settings is a line of its own."""
    problems = [ConfigurationError(key, "it is wrong", "correct it") for key in ("a", "b")]

    assert report(ConfigurationErrors(problems)) is Exit.CONFIGURATION
    assert capsys.readouterr().err == "error: a: it is wrong; correct it\nerror: b: it is wrong; correct it\n"


def test_a_long_or_broken_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What reads the log of a container gets one record for one problem, without secrets."""
    complain("first\nsecond " + "x" * 200 + " amqp://user:hidden@host/ [bold]")

    said = capsys.readouterr().err
    assert said == "error: first second " + "x" * 200 + " amqp://***@host/ [bold]\n"


def test_keyboard_ends_a_command_quietly() -> None:
    """Ctrl+C is no failure to explain."""
    group = typer.Typer(cls=Commands)

    @group.callback()
    def _top() -> None: ...

    @group.command()
    def waits() -> None:
        raise KeyboardInterrupt

    result = CliRunner().invoke(group, ["waits"])

    assert (result.exit_code, result.stderr) == (Exit.INTERRUPTED, "")


def test_a_failure_has_a_code_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Commands end by `fail`, with a named code."""
    with pytest.raises(typer.Exit) as ended:
        fail("it is so", Exit.USAGE)

    assert (ended.value.exit_code, capsys.readouterr().err) == (2, "error: it is so\n")


def test_json_is_readable_and_keeps_its_order(capsys: pytest.CaptureFixture[str]) -> None:
    """Data goes to stdout as it is, whatever the width of the terminal."""
    put_json({"b": ["é" * 100], "a": None})

    assert capsys.readouterr().out == '{\n  "b": [\n    "' + "é" * 100 + '"\n  ],\n  "a": null\n}\n'


def test_every_command_explains_itself_with_an_example() -> None:
    """`--help` of each command says what it does and shows how it is called."""
    commands = re.findall(r"^│ ([a-z-]+) ", CliRunner().invoke(app, ["--help"]).stdout, re.MULTILINE)

    assert {"check-config", "docs", "events", "sandbox"} <= set(commands)
    for line in (["check-config"], ["docs"], ["sandbox"], ["events", "validate"]):
        shown = CliRunner().invoke(app, [*line, "--help"]).stdout
        assert f"cirrus-adapter {' '.join(line)}" in shown


def test_wrong_usage_is_told_apart() -> None:
    """An unknown command or option ends with 2."""
    assert CliRunner().invoke(app, ["nonsense"]).exit_code == Exit.USAGE
    assert CliRunner().invoke(app, ["check-config", "--nonsense"]).exit_code == Exit.USAGE


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a process of its own."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("CIRRUS_ADAPTER_")}
    return subprocess.run(
        [COMMAND, *arguments],
        env={**inherited, "PYTHONPATH": str(ROOT), **environ},
        cwd=ROOT / "config",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_installed_command_says_its_version() -> None:
    """The console script is there and finds the package."""
    done = run("--version")

    assert (done.returncode, done.stdout, done.stderr) == (0, f"cirrus-adapter {__version__}\n", "")


def test_the_installed_command_refuses_without_a_traceback() -> None:
    """A missing tenant is one line on stderr and exit code 3."""
    done = run("check-config")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "error: tenants: no tenant is configured; add [tenants.<slug>] with name, region or base_url, token_file and"
        " mapping.default_hierarchy; see config/adapter.example.toml\n"
    )


def test_colours_are_for_terminals_that_want_them() -> None:
    """With NO_COLOR, or off a terminal, there is no escape sequence in what is said."""
    for environ in ({}, {"NO_COLOR": "1", "FORCE_COLOR": ""}):
        done = run("check-config", **environ)
        assert "\x1b" not in done.stderr + done.stdout


def test_what_no_command_has_foreseen_is_one_line_in_no_words_of_its_own() -> None:
    """A fault of ours ends a command with exit code 1, and tells where it is, but not the value it stumbled over."""
    script = """
from adapter import cli
def breaks():
    raise ValueError("Lovelace")
cli.app.command("breaks")(breaks)
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, "breaks"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == Exit.FAILURE
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["exception"][0]["exc_type"] == "ValueError"
    assert "Lovelace" not in line
