"""`reconcile`, and `plan --live`: what Cirrus really holds beside what the SIS says, and having it put right."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from adapter.app import open_ledger
from adapter.cirrus.sandbox import SandboxServer
from adapter.cli.dry_run import DryRun
from adapter.ledger.intake import Incoming
from adapter.settings import load
from tests.integration import cli_kit as kit

NOBODY = "amqp://guest:guest@127.0.0.1:1/%2F"


@pytest.fixture
def cirrus() -> Iterator[SandboxServer]:
    """Lend a Cirrus that nobody has entered anything into."""
    with kit.cirrus() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, cirrus: SandboxServer) -> Path:
    """Write settings with an empty ledger, a broker that is away, and that Cirrus."""
    file = kit.write_settings(tmp_path, broker=NOBODY, ledger=f"sqlite:///{tmp_path}/ledger.db", api=cirrus.url)
    assert kit.invoke("ledger", "migrate", file=file).exit_code == 0
    return file


def store(file: Path, *events: dict[str, Any]) -> None:
    """Take events into the ledger, as the intake does; nobody has worked on them yet."""
    chosen = load(file, {})
    with closing(open_ledger(chosen)) as ledger, closing(DryRun(chosen, kit.now(), None)) as reader:
        read = reader.read([json.dumps(event).encode() for event in events])
        policies = {tenant.name: tenant.to_policy() for tenant in chosen.tenants.values()}
        ledger.store_batch([each for each in read if isinstance(each, Incoming)], policies)


def enter(cirrus: SandboxServer, exam: dict[str, Any], *people: str, hours: float = 0) -> None:
    """Enter a schedule into Cirrus by hand, so many hours later than the SIS says."""
    moved = timedelta(hours=hours)
    start, end = (
        (kit.now().fromisoformat(exam["data"][name]) + moved).isoformat() for name in ("startDateTime", "endDateTime")
    )
    name = exam["subject"]
    wanted = {"AssessmentExtId": "LAW101", "ScheduleExtId": name, "Title": exam["data"]["name"]}
    wanted |= {"StartDateTime": start, "EndDateTime": end, "GroupExtId": "EXAMS", "GroupName": "All exams"}
    listed = [{"CandidateExtId": who, "FirstName": "Ada", "LastName": "Lovelace", "Email": kit.MAIL} for who in people]
    answer = requests.post(
        f"{cirrus.api_url}/schedule",
        json={"Schedule": wanted, "Candidates": listed},
        headers={"Authorization": "EAPI token-a"},
        timeout=30,
    )
    answer.raise_for_status()


def writes(cirrus: SandboxServer) -> list[str]:
    """Return the calls that change something, but for what was entered by hand."""
    return [call["operation"] for call in cirrus.control.calls() if not call["operation"].startswith("GET")]


def test_a_look_shows_what_would_be_done_and_does_nothing(settings: Path, cirrus: SandboxServer) -> None:
    """One read; the differences by name and value, the calls that would follow, and not a single write."""
    exam = kit.exam()
    enter(cirrus, exam, "s1", "guest", hours=2)
    store(settings, exam, kit.booking("coa-1"), kit.booking("coa-2", student="s2"))
    before = writes(cirrus)
    done = kit.invoke("reconcile", "--exam", "co-1", "--json", file=settings)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    (exam_found,) = found["found"]
    assert exam_found["verdict"] == "conflict"
    for words in ("start is", "end is", "1 of 2 candidates would be added", "1 without a booking stay"):
        assert words in exam_found["detail"]
    assert [call["operation"] for call in found["calls"]] == ["read_schedule", "seat_candidates"]
    assert writes(cirrus) == before
    assert cirrus.control.counts()["GET /external/schedule/{id}"] == 1

    page = kit.invoke("reconcile", file=settings)
    assert "1 sittings: conflict" in page.stdout
    assert kit.MAIL not in page.output


def test_an_exam_is_put_right_by_the_running_adapter(settings: Path, cirrus: SandboxServer) -> None:
    """`--apply` leaves an operator's wish in the ledger, and sends nothing itself."""
    store(settings, kit.exam())
    done = kit.invoke("reconcile", "--exam", "co-1", "--apply", file=settings)
    assert (done.exit_code, done.stdout) == (0, "")
    assert cirrus.control.calls() == []
    explained = json.loads(kit.invoke("explain", "co-1", "--json", file=settings).stdout)
    assert "cirrus.reconcile.asked" in json.dumps(explained)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("reconcile", "--apply"), 2, "--apply needs --exam"),
        (("reconcile", "--exam", "co-9"), 1, "nothing is known of exam 'co-9'"),
        (("plan", "--answers", "kept.ndjson", "-"), 2, "--answers needs --live"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    """In one line, and before anything is read."""
    done = kit.invoke(*arguments, file=settings, stdin="")
    assert (done.exit_code, words in done.stderr) == (code, True)


def test_a_tenant_in_use_is_surveyed_from_a_folder_of_events(settings: Path, cirrus: SandboxServer) -> None:
    """S24: the page counts matches and gaps and names what differs; a second run reads nothing again."""
    there, gap = kit.exam("co-1"), kit.exam("co-2")
    enter(cirrus, there, "s1")
    folder = settings.parent / "snapshot"
    folder.mkdir()
    (folder / "exams.json").write_text(json.dumps([there, gap]))
    (folder / "bookings.json").write_text(json.dumps([kit.booking(), kit.booking("coa-2", "co-2", "s2")]))
    before, kept = writes(cirrus), settings.parent / "kept.ndjson"
    done = kit.invoke("plan", "--live", "--answers", str(kept), str(folder), file=settings)
    assert done.exit_code == 0, done.output
    counted = [line.split(" (")[0].split() for line in done.stdout.splitlines() if line.endswith(")") and ": " in line]
    assert ["1", "sittings:", "match"] in counted
    assert ["1", "sittings:", "gap"] in counted
    assert ["1", "candidates:", "match"] in counted
    assert ["1", "candidates:", "gap"] in counted
    assert "Cirrus was read" in done.stderr
    calls = len(cirrus.control.calls())
    assert kit.invoke("plan", "--live", "--answers", str(kept), str(folder), file=settings).exit_code == 0
    assert (writes(cirrus), len(cirrus.control.calls())) == (before, calls)


def test_a_refused_token_is_said_in_one_line(settings: Path, cirrus: SandboxServer) -> None:
    """Nothing can be read, so nothing is claimed to be a gap."""
    cirrus.control.expire_token("token-a")
    done = kit.invoke("plan", "--live", "-", file=settings, stdin=json.dumps(kit.exam()))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "Cirrus lets nobody read (auth)" in done.stderr
