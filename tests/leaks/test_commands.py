"""What every command shows of a ledger that is full of canaries, unless it is asked for by a flag of its own."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from adapter.app import open_ledger
from adapter.cli import app
from adapter.cli.console import settings
from adapter.domain.notices import Arrival
from adapter.ledger.intake import Incoming
from tests.integration.cli_kit import invoke, now, write_settings
from tests.leaks.canaries import (
    BROKER_PASSWORD,
    GIVEN,
    MAIL,
    PATH_SECRET,
    PERSON,
    SEAL_KEY,
    SECRETS,
    SURNAME,
    TOKEN,
    leaks,
)
from tests.unit.builders import Event, booked, changes, enrolled, exam_cancelled, scheduled

LOOKED_AT: dict[str, list[list[str]]] = {
    "check-config": [["--show"], ["--show", "--json"]],
    "events validate": [["{event}"], ["{event}", "--json"]],
    "explain": [["p1"], ["p1", "--json"], ["b1"], ["o1"]],
    "hold approve": [["--all", "--why", "meant"], ["--all", "--why", "meant", "--json"]],
    "hold discard": [["--all", "--why", "a mistake"], ["--all", "--why", "a mistake", "--json"]],
    "hold list": [[], ["--json"]],
    "ledger check": [[]],
    "ledger keys": [[], ["--json"]],
    "ledger migrate": [[]],
    "plan": [["{event}"], ["{event}", "--json"], ["{event}", "--ledger"]],
    "results fetch": [["--exam", "o1", "--dry-run"], ["--booking", "b1", "--dry-run", "--json"]],
    "results list": [[], ["--json"], ["--missing"], ["--person", "p1"]],
    "results notices": [[], ["--json"], ["--unreadable"]],
    "results show": [["b1"], ["p1", "--json"]],
    "status": [[], ["--json"]],
    "tasks list": [[], ["--json"], ["--closed"]],
    "topology apply": [[], ["--json"]],
    "topology check": [[]],
    "topology show": [[], ["--json"]],
}
"""Command lines of each command; `{event}` is a file with an event about a canary."""

NOT_LOOKED_AT = {
    "run": "shows its log, which is looked at on the canary day",
    "webhook": "shows its log, which is looked at on the canary day",
    "sandbox": "simulates Cirrus and knows nobody",
    "demo": "shows made-up people",
    "docs": "writes pages about the program",
    "ledger reseal": "shows how many rows of each table it has sealed anew",
    "reconcile": "shows of exams what Cirrus says of them: titles, times, and ids of candidates",
    "ledger new-key": "shows the new key, which is what it is for",
}


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:  # noqa: ANN401 - typer's own copy of click
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from _commands(each, (*path, name))
    else:
        yield " ".join(path)


def _incoming(event: Event) -> Incoming:
    return Incoming(event.envelope, changes(event), f"{event.subject}{event.minute}")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Lend the settings of a ledger that holds canaries, with an event about one in a file beside it."""
    person = {"givenName": GIVEN, "surname": SURNAME, "mail": MAIL}
    file = write_settings(
        tmp_path,
        broker=f"memory://adapter:{BROKER_PASSWORD}@localhost//",
        ledger=f"sqlite:///{tmp_path / 'ledger.db'}",
        api="http://127.0.0.1:1",
    )
    text = (
        file.read_text().replace('"token-a"', f'"{TOKEN}"').replace("[observe]", f'seal_key = "{SEAL_KEY}"\n[observe]')
    )
    file.write_text(f'{text}\n[tenants.uni.webhook]\npath_secret = "{PATH_SECRET}"\n')
    event = booked("9", "9", "1", whom=person)
    envelope = event.envelope
    told = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "subject": envelope.subject,
        "time": envelope.time.isoformat(),
        "tenant": envelope.tenant,
        "data": event.data,
    }
    (tmp_path / "event.json").write_text(json.dumps(told), encoding="utf-8")
    assert invoke("ledger", "migrate", file=file).exit_code == 0
    chosen = settings(file)
    ledger = open_ledger(chosen)
    events = [
        scheduled(start=now() + timedelta(days=9)),
        enrolled("1", **person),
        booked("1", "1", whom=person),
        exam_cancelled("2"),
    ]
    policies = {tenant.name: tenant.to_policy() for tenant in chosen.tenants.values()}
    ledger.store_batch([_incoming(each) for each in events], policies)
    ledger.keep_notices([Arrival("uni.example", json.dumps(person).encode(), "text/plain")])
    ledger.close()
    return file


@pytest.mark.parametrize("command", sorted(LOOKED_AT))
def test_no_command_shows_who_it_is(command: str, file: Path) -> None:
    """Neither names nor addresses nor secrets, for people and as JSON."""
    for arguments in LOOKED_AT[command]:
        given = [argument.replace("{event}", str(file.parent / "event.json")) for argument in arguments]
        words = [*command.split(), *given]
        done = CliRunner().invoke(app, words) if command == "events validate" else invoke(*words, file=file)
        assert done.exit_code in (0, 1), done.output
        assert leaks(done.stdout + done.stderr, PERSON, SECRETS) == set(), words
        assert "Traceback" not in done.output


def test_every_command_is_looked_at() -> None:
    """A new command is either looked at here, or somebody has said why it need not be."""
    assert set(_commands(typer.main.get_command(app))) == LOOKED_AT.keys() | NOT_LOOKED_AT.keys()


def test_a_flag_of_its_own_shows_people(file: Path) -> None:
    """Whoever asks for personal data gets it: the search above would find it."""
    done = invoke("plan", str(file.parent / "event.json"), "--ledger", "--show-personal", "--json", file=file)
    assert {"given name", "surname", "mail"} <= leaks(done.stdout, PERSON)
