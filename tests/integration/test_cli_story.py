"""What operators see after real events went through: `explain`, `status`, `tasks` and `plan --ledger`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from adapter.app import open_database
from adapter.ledger.schema import metadata
from adapter.settings import load
from tests.integration import cli_kit as kit
from tests.services import postgres as pg
from tests.services import rabbit as rmq
from tests.services.processes import wait_until


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def settings(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    rabbit: rmq.RabbitServer,
    postgres: pg.PostgresServer,
) -> Iterator[Path]:
    """Run a story, end the adapter, and lend its settings to tests that only look.

    coa-1 (s1) and coa-2 (s2) are booked on co-1, coa-1 is cancelled too late for the API, and coa-3 (s2) is for
    an exam that nobody has told of.
    """
    folder = tmp_path_factory.mktemp("story")
    rabbit.ensure_running()
    broker = rmq.create_vhost(rabbit.admin_url, rabbit.url)
    on_postgres = request.param == "postgresql"
    ledger = pg.create_database(postgres.url) if on_postgres else f"sqlite:///{folder}/ledger.db"
    with kit.cirrus() as sandbox:
        file = kit.write_settings(folder, broker=broker, ledger=ledger, api=sandbox.url)
        play(file, broker)
    yield file
    rmq.delete_vhost(rabbit.admin_url, broker)
    if on_postgres:
        pg.drop_database(postgres.url, ledger)


def play(file: Path, broker: str) -> None:
    """Let the adapter live through the story."""
    assert kit.command("ledger", "migrate", file=file).returncode == 0
    kit.listen(broker)
    told: list[str] = []

    def heard(*wanted: str) -> bool:
        told.extend(f"{event['type']} {event['subject']}" for event in kit.heard(broker))
        return set(wanted) <= set(told)

    with kit.running(file) as adapter:
        adapter.wait_ready()
        first = [kit.exam(), kit.booking("coa-1"), kit.booking("coa-2", student="s2")]
        (file.parent / "published.json").write_text(json.dumps(first))
        kit.publish(broker, first)
        booked = ("cirrus.booking.confirmed.v1 coa-1", "cirrus.booking.confirmed.v1 coa-2")
        wait_until(lambda: heard(*booked), patience=30, what="booked")
        kit.publish(broker, [kit.cancellation("coa-1"), kit.booking("coa-3", "co-unknown", "s2")])
        wait_until(lambda: heard("cirrus.task.raised.v1 coa-1"), patience=30, what="task")
        wait_until(lambda: waiting(file, "coa-3"), patience=30, what="waiting")
        assert adapter.terminate()[0] == 0


def waiting(file: Path, booking: str) -> bool:
    """Tell whether a booking waits by now."""
    done = kit.invoke("explain", booking, "--json", file=file)
    return done.exit_code == 0 and json.loads(done.stdout)[0]["now"]["status"] == "waiting"


def explained(file: Path, external_id: str, *more: str) -> dict[str, Any]:
    """Return the only timeline of an id, beside that of an exam's results."""
    done = kit.invoke("explain", external_id, "--json", *more, file=file)
    assert done.exit_code == 0, done.stderr
    (found,) = [each for each in json.loads(done.stdout) if each["kind"] != "result-list"]
    return found


def test_explain_tells_the_whole_story(settings: Path) -> None:
    """A booking's timeline has what was said, done, answered and told, in order, and where it stands now."""
    found = explained(settings, "coa-2")
    said = [(line["who"], line["what"]) for line in found["timeline"]]
    assert said[0] == ("SIS said", "sis.exam.booked.v1")
    assert ("Cirrus answered", "continues") in said
    assert said[-1] == ("told", "cirrus.booking.confirmed.v1")
    assert [line["at"] for line in found["timeline"]] == sorted(line["at"] for line in found["timeline"])
    assert found["now"]["status"] == "settled"
    assert found["now"]["in_cirrus"] == {"seat": True, "by": "answer", "link": "issued"}
    assert found["part_of"] == {"kind": "sitting", "id": "co-1"}
    assert found["about"] == {"kind": "candidate", "id": "p-s2"}


def test_explain_names_what_is_waited_for(settings: Path) -> None:
    """A booking without an exam says what it waits for, and since when."""
    found = explained(settings, "coa-3")["now"]["waiting_for"]
    assert found["record"] == {"kind": "sitting", "id": "co-unknown"}
    assert found["what"] == "the exam in the SIS"
    assert found["since"].endswith("Z")


def test_explain_takes_an_id_of_the_sis_or_of_cirrus_and_shows_nobody(settings: Path) -> None:
    """A candidate is found by both ids, for people and for programs, and neither name nor mail is shown."""
    assert explained(settings, "s2") == explained(settings, "p-s2", "--tenant", kit.TENANT)
    assert explained(settings, "co-1")["now"]["in_cirrus"]["activated"] is True
    for name in ("s1", "p-s1", "coa-1", "co-1"):
        for as_json in ((), ("--json",)):
            shown = kit.invoke("explain", name, *as_json, file=settings)
            assert shown.exit_code == 0
            for personal in ("Ada", "Lovelace", "lovelace"):
                assert personal not in shown.output


def test_an_open_task_is_shown_wherever_it_is_looked_for(settings: Path) -> None:
    """The same task is in `tasks list`, in `explain` and in `status`."""
    done = kit.invoke("tasks", "list", "--json", file=settings)
    (task,) = json.loads(done.stdout)
    assert task["about"] == {"kind": "booking", "id": "coa-1"}
    assert task["steps"]
    assert task["closed_at"] is None
    assert explained(settings, "coa-1")["now"]["tasks"] == [task]
    status = json.loads(kit.invoke("status", "--json", file=settings).stdout)
    assert status["tasks_open"] == {task["kind"]: 1}
    page = kit.invoke("tasks", "list", "--closed", file=settings).stdout
    assert f"until {task['deadline']}" in page
    assert f"  1. {task['steps'][0]}" in page


def test_status_counts_what_is_not_confirmed(settings: Path) -> None:
    """The booking without an exam is counted as far away, and by what it waits for."""
    status = json.loads(kit.invoke("status", "--json", file=settings).stdout)
    assert status["bookings_unconfirmed"] == {kit.TENANT: {"1h": 0, "24h": 0, "7d": 0, "later": 1}}
    assert status["waiting"] == [{"kind": "booking", "waiting_for": "sitting", "count": 1}]
    assert status["outbox"] == {"pending": 0, "oldest": None}
    page = kit.invoke("status", file=settings).stdout
    assert "bookings that wait for a sitting" in page
    assert kit.TENANT in page


def test_a_plan_goes_on_from_the_ledger_and_leaves_it_as_it_is(settings: Path) -> None:
    """With `--ledger` a third booking is one more seat, after a look whether the task is done; nothing is stored."""
    before = ledger_rows(settings)
    event = json.dumps(kit.booking("coa-9", student="s9"))
    done = kit.invoke("plan", "--ledger", "--json", "-", file=settings, stdin=event)
    assert done.exit_code == 0, done.stderr
    planned = json.loads(done.stdout)
    look, seat = planned["calls"]
    assert (look["method"], look["path"], look["candidates"]) == ("GET", "/external/schedule/co-1", None)
    assert (seat["method"], seat["path"], seat["candidates"]) == ("POST", "/schedule/add-candidates", 1)
    assert [(told["type"], told["subject"]) for told in planned["outcomes"]] == [
        ("cirrus.launch-link.issued.v1", "coa-9"),
        ("cirrus.booking.confirmed.v1", "coa-9"),
    ]
    assert ledger_rows(settings) == before


def test_a_plan_knows_a_message_again(settings: Path) -> None:
    """An event that the ledger has seen is a duplicate: no calls, no outcomes."""
    done = kit.invoke("plan", "--ledger", "--json", str(settings.parent / "published.json"), file=settings)
    planned = json.loads(done.stdout)
    assert {event["outcome"] for event in planned["events"]} == {"duplicate"}
    assert planned["calls"] == planned["outcomes"] == []


def test_a_plan_releases_what_waits(settings: Path) -> None:
    """The exam that a booking waits for would seat it."""
    event = json.dumps(kit.exam("co-unknown"))
    planned = json.loads(kit.invoke("plan", "--ledger", "--json", "-", file=settings, stdin=event).stdout)
    (made,) = [call for call in planned["calls"] if call["operation"] == "publish_schedule"]
    assert made["candidates"] == 1
    assert made["body"]["Candidates"][0]["CandidateExtId"] == "s2"
    assert "coa-3" in {told["subject"] for told in planned["outcomes"]}


def ledger_rows(file: Path) -> dict[str, list[str]]:
    """Return everything that the ledger holds."""
    database = open_database(load(file, {}))
    try:
        with database.transaction("test") as tx:
            return {
                table.name: sorted(str(row) for row in tx.connection.execute(sa.select(table)))
                for table in metadata.sorted_tables
            }
    finally:
        database.close()
