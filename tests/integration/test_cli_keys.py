"""`ledger keys` and `ledger reseal`: what an operator does to seal a ledger, and to replace its key."""

import json
from pathlib import Path

import pytest

from adapter.app import open_ledger
from adapter.domain.notices import Arrival
from adapter.ledger.sealing import key_id, new_key, read_key
from adapter.settings import load
from tests.integration import cli_kit as kit

OLD, NEW = new_key(), new_key()
OLD_ID, NEW_ID = key_id(read_key(OLD)), key_id(read_key(NEW))


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name an empty ledger."""
    sqlite = request.param == "sqlite"
    name: str = f"sqlite:///{tmp_path}/ledger.db" if sqlite else request.getfixturevalue("postgres_url")
    return name


def settings(folder: Path, url: str, *keys: str, broker: str = "memory://") -> Path:
    """Write settings with these keys."""
    name = '{url}"\nseal_key = "{keys}' if keys else "{url}"
    return kit.write_settings(
        folder, broker=broker, ledger=name.format(url=url, keys=", ".join(keys)), api="http://127.0.0.1:1"
    )


def arrive(file: Path) -> None:
    """Keep one notice."""
    ledger = open_ledger(load(file, {}))
    ledger.check_keys()
    ledger.keep_notices([Arrival(kit.TENANT, b"notice", "application/json")])
    ledger.close()


def counted(file: Path) -> dict[str, int]:
    """Return how many notices are under which key."""
    found: dict[str, int] = json.loads(kit.invoke("ledger", "keys", "--json", file=file).stdout)["tables"]["notices"]
    return found


def test_a_key_is_introduced_and_replaced(tmp_path: Path, url: str) -> None:
    """From plain to a key, and on to the next; each step says what is left, and the former key may go."""
    file = settings(tmp_path, url)
    kit.invoke("ledger", "migrate", file=file)
    arrive(file)
    assert counted(file) == {"plain": 1}
    file = settings(tmp_path, url, OLD)
    arrive(file)
    assert counted(file) == {"plain": 1, OLD_ID: 1}
    done = kit.invoke("ledger", "reseal", "--json", file=file)
    assert json.loads(done.stdout)["resealed"]["notices"] == 1
    assert f"Everything is sealed with key {OLD_ID}" in done.stderr
    file = settings(tmp_path, url, NEW, OLD)
    arrive(file)
    assert counted(file) == {OLD_ID: 2, NEW_ID: 1}
    assert kit.invoke("ledger", "reseal", file=file).exit_code == 0
    assert f"notices    {NEW_ID}  3" in kit.invoke("ledger", "keys", file=file).stdout
    arrive(settings(tmp_path, url, NEW))


def test_what_cannot_be_opened_is_left_and_told(tmp_path: Path, url: str) -> None:
    """Without the former key nothing is lost: the command ends with 1 and names the key that is missing."""
    file = settings(tmp_path, url, OLD)
    kit.invoke("ledger", "migrate", file=file)
    arrive(file)
    file = settings(tmp_path, url, NEW)
    done = kit.invoke("ledger", "reseal", "--json", file=file)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["left"] == {OLD_ID: 1}
    assert f"not under key {NEW_ID}: 1 under {OLD_ID}" in done.stderr
    assert counted(file) == {OLD_ID: 1}
    assert kit.invoke("ledger", "reseal", file=settings(tmp_path, url, NEW, OLD)).exit_code == 0


def test_resealing_needs_a_key(tmp_path: Path, url: str) -> None:
    """Without one the command says how to make one; the count still tells what stands in plain."""
    file = settings(tmp_path, url)
    kit.invoke("ledger", "migrate", file=file)
    done = kit.invoke("ledger", "reseal", file=file)
    assert done.exit_code == 3
    assert "cirrus-adapter ledger new-key" in done.stderr
    assert "No key is configured" in kit.invoke("ledger", "keys", file=file).stderr


def test_a_worker_does_not_start_without_the_key(tmp_path: Path, url: str, amqp_url: str) -> None:
    """`run` ends at once and says which key to configure."""
    file = settings(tmp_path, url, OLD)
    kit.invoke("ledger", "migrate", file=file)
    arrive(file)
    done = kit.invoke("run", file=settings(tmp_path, url, broker=amqp_url))
    assert done.exit_code == 4
    assert f"not configured ({OLD_ID})" in done.stderr
