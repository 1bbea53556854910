"""`ledger` and `topology`: what operators run before the first start and between versions."""

import json
from pathlib import Path

import pytest
from kombu import Connection, Queue
from typer.testing import CliRunner

from adapter.broker import Topology
from adapter.cli import app
from adapter.ledger.sealing import Seal
from tests.integration import cli_kit as kit

NOWHERE = "http://127.0.0.1:1"
NOBODY = "amqp://guest:guest@127.0.0.1:1/%2F"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Write settings with an empty ledger."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/var/ledger.db" if sqlite else request.getfixturevalue("postgres_url")
    return kit.write_settings(tmp_path, broker=NOBODY, ledger=url, api=NOWHERE)


def test_a_ledger_is_migrated_once(ledger: Path) -> None:
    """The first migration makes the tables, the second one finds nothing to do."""
    assert kit.invoke("ledger", "check", file=ledger).exit_code == 1
    first = json.loads(kit.invoke("ledger", "migrate", "--json", file=ledger).stdout)
    assert first["before"] is None
    assert first["changed"] is True
    second = json.loads(kit.invoke("ledger", "migrate", "--json", file=ledger).stdout)
    assert second == {"before": first["after"], "after": first["after"], "changed": False}
    checked = kit.invoke("ledger", "check", "--json", file=ledger)
    assert checked.exit_code == 0
    assert json.loads(checked.stdout) == {"found": first["after"], "needed": first["after"], "current": True}


@pytest.mark.parametrize("command", [("status",), ("explain", "x"), ("tasks", "list"), ("ledger", "check")])
def test_every_command_names_the_remedy_of_an_empty_ledger(ledger: Path, command: tuple[str, ...]) -> None:
    """Whoever asks a ledger that is not migrated reads the command that helps, in one line."""
    done = kit.invoke(*command, file=ledger)
    assert done.exit_code == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "run: cirrus-adapter ledger migrate" in line


def test_an_empty_ledger_has_nothing_to_tell(ledger: Path) -> None:
    """On a fresh ledger status is all noughts, there are no tasks, and an unknown id is said to be unknown."""
    assert kit.invoke("ledger", "migrate", file=ledger).exit_code == 0
    status = json.loads(kit.invoke("status", "--json", file=ledger).stdout)
    assert status["work_due"] == status["tasks_open"] == {}
    assert kit.invoke("tasks", "list", file=ledger).stdout == ""
    unknown = kit.invoke("explain", "coa-1", "--json", file=ledger)
    assert unknown.exit_code == 1
    assert json.loads(unknown.stdout) == []
    assert "nothing is known of 'coa-1'" in unknown.stderr


def test_watching_takes_a_terminal(ledger: Path) -> None:
    """`status --watch` into a file is refused, instead of filling it."""
    assert kit.invoke("status", "--watch", file=ledger).exit_code == 2


def test_a_database_that_is_away_is_named(tmp_path: Path) -> None:
    """A ledger that cannot be reached ends with 4, and the password is not shown."""
    away = "postgresql+psycopg://adapter:s3cret@127.0.0.1:1/ledger"
    file = kit.write_settings(tmp_path, broker=NOBODY, ledger=away, api=NOWHERE)
    done = kit.invoke("ledger", "migrate", file=file)
    assert done.exit_code == 4
    assert "the ledger cannot be used" in done.stderr
    assert "s3cret" not in done.stderr


def test_a_new_key_is_a_key_and_is_new() -> None:
    """`ledger new-key` prints one key, another one each time."""
    keys = {CliRunner().invoke(app, ["ledger", "new-key"]).stdout.strip() for _ in range(2)}
    assert len(keys) == 2
    for key in keys:
        assert Seal((key,)).open(Seal((key,)).close(b"link", "here"), "here") == b"link"


def test_topology_is_shown_without_a_broker(tmp_path: Path) -> None:
    """`topology show` needs no broker, and has what `apply` would declare."""
    file = kit.write_settings(tmp_path, broker=NOBODY, ledger="sqlite://", api=NOWHERE)
    shown = json.loads(kit.invoke("topology", "show", "--json", file=file).stdout)
    assert [queue["name"] for queue in shown["queues"]] == list(Topology().queues)
    assert "binding   sis.events -> cirrus-adapter.intake  #" in kit.invoke("topology", "show", file=file).stdout


def test_topology_is_applied_and_checked(tmp_path: Path, amqp_url: str) -> None:
    """`check` refuses an empty broker and accepts it after `apply`."""
    file = kit.write_settings(tmp_path, broker=amqp_url, ledger="sqlite://", api=NOWHERE)
    missing = kit.invoke("topology", "check", file=file)
    assert missing.exit_code == 1
    assert "run: cirrus-adapter topology apply" in missing.stderr
    assert kit.invoke("topology", "apply", file=file).exit_code == 0
    checked = kit.invoke("topology", "check", "--json", file=file)
    assert checked.exit_code == 0
    assert json.loads(checked.stdout) == {"valid": True}


def test_topology_that_differs_is_refused(tmp_path: Path, amqp_url: str) -> None:
    """A dead-letter queue that is not a quorum queue fails both commands, and is left as it is."""
    with Connection(amqp_url) as connection, connection.channel() as channel:
        Queue(Topology().dead_letter_queue, durable=True, channel=channel).declare()
    file = kit.write_settings(tmp_path, broker=amqp_url, ledger="sqlite://", api=NOWHERE)
    for command in ("apply", "check"):
        done = kit.invoke("topology", command, file=file)
        assert done.exit_code == 1
        assert Topology().dead_letter_queue in done.stderr


def test_a_broker_that_is_away_is_told_apart(tmp_path: Path) -> None:
    """No broker is exit code 4: the same command may succeed later."""
    file = kit.write_settings(tmp_path, broker=NOBODY, ledger="sqlite://", api=NOWHERE)
    assert kit.invoke("topology", "check", file=file).exit_code == 4
