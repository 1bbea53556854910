"""`results list` and `results show`: what operators see of exams that are over, and of one result."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from adapter.domain.answers import Phrase
from adapter.domain.version import utc_text
from adapter.ledger.sealing import new_key
from tests.integration import cli_kit as kit
from tests.integration.results_past import (
    DAY,
    lend_settings,
    live,
    page,
    past_on,
    results,
)
from tests.services import postgres as pg


@pytest.fixture(scope="module")
def now() -> datetime:
    """Return where the past ends."""
    return kit.now().replace(microsecond=0)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def settings(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: pg.PostgresServer,
    now: datetime,
) -> Iterator[Path]:
    """Lend the settings of a whole past to tests that only look."""
    yield from lend_settings(request, tmp_path_factory.mktemp("past"), postgres, now)


# results list


def test_exams_are_listed_with_what_has_come(settings: Path, now: datetime) -> None:
    """What is missing first, and of that what is lost first; each number is right."""
    found, _ = results(settings, "list")
    names = ("exam", "schedule", "expected", "told", "missing", "absent", "state")
    assert [tuple(row[name] for name in names) for row in found["exams"]] == [
        ("o2", "o2", 1, 0, 1, 0, "overdue"),
        ("o1", "o1", 3, 1, 2, 1, "missing"),
        ("o3", "o3", 1, 0, 0, None, "not-over"),
    ]
    (overdue, *_) = found["exams"]
    assert overdue["tenant"] == kit.TENANT
    assert overdue["end"] == utc_text(now - 30 * DAY)
    assert overdue["overdue_at"] == utc_text(now - 9 * DAY)
    assert overdue["deleted_at"] == utc_text(now + 90 * DAY)


def test_the_allowance_is_told_below_the_exams(settings: Path, now: datetime) -> None:
    """How many calls are left, and when the count begins anew."""
    found, _ = results(settings, "list")
    (allowance,) = found["allowances"]
    assert (allowance["per_day"], allowance["refused_until"]) == (3000, None)
    assert 2900 < allowance["left"] <= 3000
    assert allowance["resets_at"].endswith("T13:30:00Z")
    lines = page(settings, "list")
    assert lines[0][:4] == ["tenant", "exam", "schedule", "end"]
    assert lines[1] == [
        kit.TENANT, "o2", "o2", utc_text(now - 30 * DAY), "1", "0", "1", "0", "overdue", utc_text(now + 90 * DAY),
    ]  # fmt: skip
    assert lines[-1] == [
        (
            f"{kit.TENANT}: {allowance['left']} of 3000 calls for results are left today;"
            f" the count begins anew at {allowance['resets_at']}"
        )
    ]


def test_missing_results_are_listed_one_by_one(settings: Path, now: datetime) -> None:
    """Neither who stayed away nor who was cancelled, nor whose exam is to come; the nearest to deletion first."""
    found, said = results(settings, "list", "--missing")
    assert [(row["booking"], row["person"], row["candidate"], row["exam"]) for row in found] == [
        ("bf", "pf", "sf", "o2"),
        ("bb", "pb", "sb", "o1"),
        ("bd", "pd", "sd", "o1"),
    ]
    assert [(row["overdue"], row["announced"], row["refused"]) for row in found] == [
        (True, False, None),
        (False, False, None),
        (False, False, Phrase.NO_RESULT.value),
    ]
    assert {row["attendance_known"] for row in found} == {True}
    assert (found[0]["over_since"], found[0]["deleted_at"]) == (utc_text(now - 30 * DAY), utc_text(now + 90 * DAY))
    assert said == "3 results are outstanding"
    lines = page(settings, "list", "--missing")
    assert [line[-1] for line in lines] == [
        "so far", "not announced", "not announced", f"Cirrus refused: {Phrase.NO_RESULT.value}"
    ]  # fmt: skip


@pytest.mark.parametrize("person", ["pb", "sb"])
def test_what_an_erasure_waits_for_is_one_persons(settings: Path, person: str) -> None:
    """By either id; exit code 0, for outstanding results are no failure."""
    found, said = results(settings, "list", "--missing", "--person", person)
    assert ([row["booking"] for row in found], said) == (["bb"], "1 result is outstanding")
    found, said = results(settings, "list", "--person", person)
    assert [(row["expected"], row["missing"], row["state"]) for row in found["exams"]] == [(1, 1, "missing")]


@pytest.mark.parametrize("person", ["pa", "pc", "pe", "pg"])
def test_an_erasure_waits_for_nobody_else(settings: Path, person: str) -> None:
    """A result that was told, a candidate who stayed away, a cancelled booking, an exam to come."""
    assert results(settings, "list", "--missing", "--person", person) == ([], "no result is outstanding")


def test_a_list_may_be_of_one_exam(settings: Path) -> None:
    """And of one tenant."""
    found, _ = results(settings, "list", "--exam", "o2", "--tenant", kit.TENANT)
    assert [row["exam"] for row in found["exams"]] == ["o2"]
    found, said = results(settings, "list", "--missing", "--exam", "o3")
    assert (found, said) == ([], "no result is outstanding")


@pytest.mark.parametrize(("option", "what"), [("--person", "person"), ("--exam", "exam")])
def test_a_slip_in_an_id_is_not_taken_for_nothing_outstanding(settings: Path, option: str, what: str) -> None:
    """Exit code 1 and one line; somebody might be erased for it otherwise."""
    found, said = results(settings, "list", "--missing", option, "p-slip", code=1)
    assert found is None
    assert said.startswith(f"error: nothing is known of {what} 'p-slip'")
    assert len(said.splitlines()) == 1


def test_a_tenant_that_is_not_set_is_named(settings: Path) -> None:
    """Exit code 2, with those that are."""
    _, said = results(settings, "list", "--tenant", "elsewhere", code=2)
    assert said == f"error: there is no tenant 'elsewhere' in the settings; there is {kit.TENANT}"


# results show


def test_versions_of_a_result_stand_side_by_side(settings: Path) -> None:
    """What was told first, and what it was corrected to."""
    lines = {line[0]: line[1:] for line in page(settings, "show", "ba") if line}
    assert list(lines)[:2] == [f"booking ba, result o1/sa, tenant {kit.TENANT}", "v1"]
    assert lines["v1"] == ["v2"]
    assert lines["told"] == ["cirrus.result.published.v1", "cirrus.result.corrected.v1"]
    assert (lines["pass"], lines["score"], lines["grade"]) == (["passed", "failed"], ["71.5", "40.0"], ["B", "-"])
    assert lines["supersedes"] == ["-", lines["event"][0]]
    assert lines["personId"] == ["pa", "pa"]


def test_versions_are_data(settings: Path) -> None:
    """With --json each version is whole, without what Cirrus answered."""
    found, _ = results(settings, "show", "ba")
    assert [(one["version"], one["part"], one["result"], one["sealed"]) for one in found] == [
        (1, "booking/ba", "o1/sa", False),
        (2, "booking/ba", "o1/sa", False),
    ]
    assert found[1]["data"]["previous"] == {"score": 71.5, "pass": "passed"}
    assert "document" not in found[0]


def test_raw_is_what_cirrus_answered(settings: Path) -> None:
    """As JSON in any case."""
    done = kit.invoke("results", "show", "ba", "--raw", file=settings)
    assert [one["document"] for one in json.loads(done.stdout)] == [{"CandidateExtId": "sa"}] * 2


def test_a_result_of_nobodys_is_shown_by_its_key(settings: Path) -> None:
    """So is an answer in which no result could be read."""
    (orphan,), _ = results(settings, "show", "o1/sx")
    assert (orphan["part"], orphan["data"]["orphan"], orphan["data"]["result"]["score"]) == ("orphan/1", True, 12.0)
    (unread,), _ = results(settings, "show", "o2/sf")
    assert (unread["part"], unread["type"]) == ("unread", None)
    lines = {line[0]: line[1:] for line in page(settings, "show", "o2/sf") if line}
    assert lines["told"] == ["nothing: no result could be read"]


def test_a_booking_without_a_result_says_so(settings: Path) -> None:
    """Exit code 0: it is known. Where Cirrus answered something, it is told where that stands."""
    assert results(settings, "show", "bg") == ([], "no result of booking bg was told, or it is kept no longer")
    found, said = results(settings, "show", "bf")
    assert found == []
    assert said == "Cirrus answered, but no result could be read: cirrus-adapter results show o2/sf --raw"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("b-slip", "error: nothing is known of booking 'b-slip'; an event about it may be among the dead letters"),
        ("o1/sg", "error: nothing is kept of result 'o1/sg'"),
    ],
)
def test_an_unknown_booking_is_one_line(settings: Path, name: str, line: str) -> None:
    """Exit code 1, and nothing on stdout."""
    assert results(settings, "show", name, code=1) == (None, line)


def test_a_sealed_result_without_its_key_is_told_plainly(tmp_path: Path, now: datetime) -> None:
    """With the key it is shown; without, the versions are listed, and the setting is named."""
    key = f'seal_key = "{new_key()}"\n'
    with past_on(tmp_path, f"sqlite:///{tmp_path}/ledger.db", now, ("[observe]", f"{key}[observe]")) as past:
        live(past, now)
        (opened, *_), _ = results(past.file, "show", "ba")
        assert opened["data"]["result"]["score"] == 71.5
        past.file.write_text(past.file.read_text().replace(key, ""))
        sealed, said = results(past.file, "show", "ba", code=1)
        assert [(one["version"], one["sealed"], one["data"]) for one in sealed] == [(1, True, {}), (2, True, {})]
        assert said.startswith("error: ledger.seal_key does not open all that is kept")
        shown = kit.invoke("results", "show", "ba", file=past.file)
        assert "sealed: no key opens it" in shown.stdout
        (notice,), _ = results(past.file, "notices", "--unreadable", "--body")
        assert (notice["size"], notice["body"]) == (None, None)
