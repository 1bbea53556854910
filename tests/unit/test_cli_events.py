"""`events validate`: each event of a file, with what is wrong and where."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from adapter.cli import app
from adapter.cli.events import check
from handlers import EVENTS

EXAMPLES = Path(__file__).parents[2] / "config" / "events"
FILES = sorted(EXAMPLES.glob("*.json"))
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def booked(**changes: object) -> dict[str, Any]:
    """Return the example of a booking, with some attributes changed."""
    event: dict[str, Any] = json.loads((EXAMPLES / "sis.exam.booked.v1.json").read_text(encoding="utf-8"))
    return {**event, **changes}


def validate(*files: Path | str, given: str | None = None) -> tuple[int, list[dict[str, Any]], str]:
    """Run the command and return its exit code, its data and its notes."""
    result = CliRunner().invoke(app, ["events", "validate", "--json", *map(str, files)], input=given)
    return result.exit_code, json.loads(result.stdout), result.stderr


def test_there_is_one_example_of_every_event() -> None:
    """Each type that a handler understands has a file of its name, and no other file is there."""
    assert [file.stem for file in FILES] == sorted(EVENTS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_example_is_valid(file: Path) -> None:
    """What a supplier copies is understood."""
    (checked,) = check(file.name, file.read_bytes(), NOW)

    assert (checked.valid, checked.type) == (True, file.stem), checked


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_examples_name_nobody(file: Path) -> None:
    """Every address is one that cannot exist."""
    text = file.read_text(encoding="utf-8")

    assert text.count("@") == text.count('uni.example"') - text.count('"uni.example"')


def test_good_events_are_said_to_be_good() -> None:
    """One line for each file, and exit code 0."""
    result = CliRunner().invoke(app, ["events", "validate", *map(str, FILES)])

    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == f"ok     {FILES[0]}#1  {FILES[0].stem}"
    assert result.stderr == f"{len(FILES)} events, 0 wrong\n"


@pytest.mark.parametrize(
    ("changes", "reason", "path"),
    [
        ({"specversion": "0.3"}, "bad-envelope", "$.specversion"),
        ({"time": "2025-10-05T10:15:00"}, "bad-envelope", "$.time"),
        ({"time": "2999-01-01T00:00:00Z"}, "from-the-future", "$.time"),
        ({"tenant": None}, "bad-envelope", "$.tenant"),
        ({"type": "sis.exam.book.v1"}, "unknown-type", "$.type"),
        ({"data": {}}, "bad-data", "$.data.associationId"),
        ({"data": {**booked()["data"], "state": "canceled"}}, "bad-data", "$.data.state"),
    ],
)
def test_what_is_wrong_has_a_reason_and_a_path(changes: dict[str, Any], reason: str, path: str) -> None:
    """The reasons are those with which the intake dead-letters."""
    code, (told,), notes = validate("-", given=json.dumps(booked(**changes)))

    assert (code, told["valid"], told["reason"], told["path"]) == (1, False, reason, path)
    assert notes == "1 events, 1 wrong\n"


def test_a_mistyped_type_is_recognised() -> None:
    """A near miss is named."""
    result = CliRunner().invoke(app, ["events", "validate", "-"], input=json.dumps(booked(type="sis.exam.book.v1")))

    assert result.stdout == (
        "wrong  -#1  unknown-type at $.type: no handler understands this event type; did you mean sis.exam.booked.v1?\n"
    )


@pytest.mark.parametrize("form", ["array", "lines", "pretty"])
def test_a_file_holds_one_event_or_many(form: str) -> None:
    """An array, one event a line, or a single event over many lines."""
    events = [booked(), booked(type="x")] if form != "pretty" else [booked()]
    text = {
        "array": json.dumps(events),
        "lines": "\n".join(json.dumps(event) for event in events) + "\n\n",
        "pretty": json.dumps(events[0], indent=2),
    }[form]

    _, told, _ = validate("-", given=text)

    assert [(each["index"], each["valid"]) for each in told] == [(1, True), (2, False)][: len(events)]


@pytest.mark.parametrize("text", ["", "no json", "3", "[3]", '{"a": 1', '{"a": 1}\n{"b": '])
def test_what_is_no_event_is_wrong(text: str) -> None:
    """Nothing breaks the command."""
    code, told, _ = validate("-", given=text)

    assert code == 1
    assert [each["valid"] for each in told] == [False] * len(told)
    assert told


def test_an_empty_list_is_no_success() -> None:
    """A pipeline that lost its events must not pass."""
    assert validate("-", given="[]")[0] == 1


def test_values_are_not_repeated() -> None:
    """An event may hold a person; the report names the field, not what it holds."""
    data = booked()["data"]
    data["person"]["mail"] = "n0t-a-mail"

    result = CliRunner().invoke(app, ["events", "validate", "-"], input=json.dumps(booked(data=data)))

    assert "$.data.person.mail" in result.stdout
    assert "n0t-a-mail" not in result.output


def test_a_missing_file_is_wrong_usage() -> None:
    """It is named on stderr."""
    result = CliRunner().invoke(app, ["events", "validate", "nowhere.json"])

    assert (result.exit_code, result.stderr) == (2, "error: cannot read nowhere.json: No such file or directory\n")
