"""`results fetch` and `results notices`: operators have results read, and look at what Cirrus announced."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapter.domain.allowance import Need
from adapter.domain.version import utc_text
from tests.integration import cli_kit as kit
from tests.integration.results_past import (
    DAY,
    PASSED,
    UNREADABLE,
    Past,
    exam,
    lend_settings,
    live,
    page,
    past_on,
    results,
    sat,
)
from tests.services import postgres as pg
from tests.unit.builders import booked
from tests.values import replace


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


@pytest.fixture
def past(tmp_path: Path, now: datetime) -> Iterator[Past]:
    """Lend a whole past to a test that goes on from there."""
    with past_on(tmp_path, f"sqlite:///{tmp_path}/ledger.db", now) as lent:
        live(lent, now)
        lent.read()
        yield lent


# results fetch


def asked(past: Past, *arguments: str) -> dict[str, Any]:
    """Run `results fetch` and return the only tenant's bill."""
    (bill,), _ = results(past.file, "fetch", *arguments)
    return bill


def go_on(past: Past) -> list[str]:
    """Let the adapter go on for a moment, and return whose results it read."""
    at = kit.now() + timedelta(seconds=1)
    past.clock.now = max(past.clock.now, at)
    past.work(at)
    return sorted(past.read())


def test_all_that_is_missing_is_fetched(past: Past) -> None:
    """Of exams that are over; the running adapter reads it, and what is there is told."""
    bill = asked(past)
    assert (bill["tenant"], bill["asked"], bill["granted"], bill["dry_run"]) == (kit.TENANT, 3, 3, False)
    past.cirrus.results["o1", "sb"] = (PASSED,)
    assert go_on(past) == ["o1/sb", "o1/sd", "o2/sf"]
    found, _ = results(past.file, "list", "--missing")
    assert [row["booking"] for row in found] == ["bf", "bd"]
    (told,), _ = results(past.file, "show", "bb")
    assert told["data"]["result"]["score"] == 71.5


def test_what_was_asked_for_is_announced_until_it_is_read(past: Past) -> None:
    """So nobody asks twice."""
    asked(past, "--exam", "o1")
    found, _ = results(past.file, "list", "--missing")
    assert {row["booking"]: row["announced"] for row in found} == {"bf": False, "bb": True, "bd": True}


def test_one_exam_is_fetched(past: Past) -> None:
    """What is missing of it; with --all, what was told, too; nothing while it is not over."""
    assert asked(past, "--exam", "o2")["asked"] == 1
    assert go_on(past) == ["o2/sf"]
    assert asked(past, "--exam", "o1", "--all")["asked"] == 3
    assert go_on(past) == ["o1/sa", "o1/sb", "o1/sd"]
    assert results(past.file, "fetch", "--exam", "o3")[1] == (
        "no result is missing of an exam that is over; nothing was asked for"
    )
    assert go_on(past) == []


def test_one_booking_is_fetched_though_it_was_told(past: Past) -> None:
    """It is told again only if it has changed."""
    assert asked(past, "--booking", "ba")["asked"] == 1
    assert go_on(past) == ["o1/sa"]
    assert len(results(past.file, "show", "ba")[0]) == 2
    past.cirrus.results["o1", "sa"] = (PASSED,)
    assert asked(past, "--booking", "ba")["asked"] == 1
    go_on(past)
    assert [one["type"] for one in results(past.file, "show", "ba")[0]][2:] == ["cirrus.result.corrected.v1"]


def test_a_dry_run_asks_for_nothing(past: Past) -> None:
    """It says what it would cost, and who makes the calls is not told."""
    assert asked(past, "--dry-run")["asked"] == 3
    done = kit.invoke("results", "fetch", "--dry-run", file=past.file)
    first, second, last = done.stderr.splitlines()
    assert (done.stdout, first) == ("", f"{kit.TENANT}: 3 calls to Cirrus")
    assert "of 3000 calls for results are left today; the count begins anew at" in second
    assert last == "nothing was asked for, this is a dry run"
    assert go_on(past) == []


def test_without_calls_it_is_told_when_the_rest_is_read(past: Past) -> None:
    """First results stop before the reserve; nothing more is granted before the count begins anew."""
    allowance = replace(past.policy.results.allowance, calls=3000)
    past.clock.now = kit.now()
    spent = results(past.file, "list")[0]["allowances"][0]
    for _ in range(spent["left"] - 301):
        assert past.ledger.spend(kit.TENANT, allowance, Need.CORRECTION) is None
    bill = asked(past, "--dry-run")
    assert (bill["asked"], bill["granted"], bill["left"]) == (3, 1, 301)
    said = kit.invoke("results", "fetch", file=past.file).stderr.splitlines()
    assert said[2] == (f"{kit.TENANT}: the other 2 are read after {bill['resets_at']}, as far as others leave calls")
    past.ledger.refuse_results(kit.TENANT, allowance, None)
    bill = asked(past, "--dry-run")
    assert bill["granted"] == 0
    assert bill["refused_until"] > utc_text(past.clock.now)


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (("--exam", "o1", "--booking", "ba"), 2, "error: --exam and --booking are two ways to name results; give one"),
        (("--all",), 2, "error: --all needs --exam"),
        (("--booking", "slip"), 1, "error: nothing is known of booking 'slip'; an event about it may be among the"),
        (("--exam", "slip"), 1, "error: nothing is known of exam 'slip'; an event about it may be among the"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(settings: Path, arguments: tuple[str, ...], code: int, line: str) -> None:
    """A usage that makes no sense is told apart from an id that nobody knows."""
    found, said = results(settings, "fetch", *arguments, code=code)
    assert found is None
    assert said.startswith(line)


def test_a_booking_that_cirrus_does_not_know_cannot_be_fetched(past: Past) -> None:
    """Its exam was never told of, so there is no id to ask for."""
    past.say(booked("z", "z", "unknown"))
    _, said = results(past.file, "fetch", "--booking", "bz", code=1)
    assert said == "error: booking 'bz' cannot be asked for: its exam or its candidate has no id in Cirrus"


def test_with_external_attempts_each_booking_is_asked_for_by_its_attempt(tmp_path: Path, now: datetime) -> None:
    """Two bookings of one candidate are two calls; without, one call answers for both."""
    end = now - 2 * DAY
    for attempts, calls in ((True, ["o1/sa ba", "o1/sa bb"]), (False, ["o1/sa"])):
        edit = ("linger_s = 0", f"linger_s = 0\nexternal_attempts = {str(attempts).lower()}")
        folder = tmp_path / str(attempts)
        folder.mkdir()
        with past_on(folder, f"sqlite:///{folder}/ledger.db", now, edit) as past:
            past.say(exam("1", end), booked("a", "a"), booked("b", "a", attempt=2))
            sat(past, "1", end, "a")
            past.cirrus.attempts["o1", "sa"] *= 2
            past.work(now)
            past.read()
            assert [row["booking"] for row in results(past.file, "list", "--missing")[0]] == ["ba", "bb"]
            assert asked(past)["asked"] == len(calls)
            assert go_on(past) == calls


# results notices


def test_notices_are_listed_the_newest_first(settings: Path) -> None:
    """With what became of each; no body unless it is asked for."""
    found, said = results(settings, "notices")
    assert [one["state"] for one in found] == ["unreadable", *["understood"] * 5]
    assert [one["seq"] for one in found] == sorted((one["seq"] for one in found), reverse=True)
    assert (found[0]["size"], found[0]["content_type"]) == (len(UNREADABLE), "application/json")
    assert (found[0]["reason"], said) == ("it is neither JSON nor a form", "6 notices")
    assert "body" not in found[0]
    found, _ = results(settings, "notices", "--limit", "2")
    assert [one["state"] for one in found] == ["unreadable", "understood"]
    lines = page(settings, "notices")
    assert lines[0] == ["seq", "tenant", "received at", "state", "content type", "size", "reason"]
    assert lines[1][3:] == ["unreadable", "application/json", str(len(UNREADABLE)), "it is neither JSON nor a form"]


def test_an_unreadable_body_is_shown_to_whoever_asks(settings: Path) -> None:
    """For people without anything that a terminal would obey; for programs as it was decoded."""
    found, _ = results(settings, "notices", "--unreadable", "--body")
    assert [one["body"] for one in found] == ['{"Weird": "\x1b[31m\ufffd", "Who": "s1"}']
    shown = kit.invoke("results", "notices", "--unreadable", "--body", file=settings).stdout
    assert shown.splitlines()[-1] == '  {"Weird": "\ufffd[31m\ufffd", "Who": "s1"}'


def test_bodies_are_for_what_is_unreadable(settings: Path) -> None:
    """What was understood is personal and tells nothing new."""
    _, said = results(settings, "notices", "--body", code=2)
    assert said.startswith("error: --body needs --unreadable")


def test_unreadable_notices_are_looked_at_once_more(past: Past) -> None:
    """By the running adapter."""
    assert results(past.file, "notices", "--again") == (
        {"again": 1},
        "the running adapter looks once more at 1 unreadable notice",
    )
    found, _ = results(past.file, "notices")
    assert (found[0]["state"], found[0]["reason"]) == ("new", None)
    past.announce()
    assert [one["state"] for one in results(past.file, "notices", "--unreadable")[0]] == ["unreadable"]


def test_an_empty_ledger_has_no_results(tmp_path: Path, now: datetime) -> None:
    """Nothing is listed, and nothing is asked for."""
    with past_on(tmp_path, f"sqlite:///{tmp_path}/ledger.db", now) as past:
        assert results(past.file, "list")[0]["exams"] == []
        assert results(past.file, "list", "--missing") == ([], "no result is outstanding")
        assert asked(past)["asked"] == 0
        assert results(past.file, "notices") == ([], "0 notices")
        assert page(past.file, "notices") == []
