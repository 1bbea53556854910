"""`plan` on nothing: what events of their own would lead to."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapter.cirrus.bodies import Dialect
from adapter.cirrus.calls import Call, call_for
from adapter.cirrus.results import ResultFields
from adapter.cirrus.wire import Reading
from adapter.cli.assumed import assume
from adapter.domain import steps
from adapter.domain.version import utc_time
from tests.integration import cli_kit as kit

NOBODY = "amqp://guest:guest@127.0.0.1:1/%2F"
ADA = steps.Profile("s1", "Ada", "Lovelace", kit.MAIL)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Write settings with a broker, a ledger and a Cirrus that nobody can reach."""
    return kit.write_settings(
        tmp_path, broker=NOBODY, ledger=f"sqlite:///{tmp_path}/none/ledger.db", api="http://127.0.0.1:1"
    )


def planned(file: Path, events: object, *more: str) -> dict[str, Any]:
    """Return the plan for events on stdin."""
    done = kit.invoke("plan", "--json", *more, "-", file=file, stdin=json.dumps(events))
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def test_bookings_of_one_exam_go_in_one_call(settings: Path) -> None:
    """An exam with three bookings is one call with three candidates, and each of them is confirmed."""
    bookings = [kit.booking(f"coa-{n}", student=f"s{n}") for n in (1, 2, 3)]
    found = planned(settings, [kit.exam(), *bookings])
    assert [(call["operation"], call["candidates"]) for call in found["calls"]] == [("publish_schedule", 3)]
    assert {record["status"] for record in found["records"] if record["kind"] != "candidate"} == {"settled"}
    told = [each["type"] for each in found["outcomes"]]
    assert told.count("cirrus.booking.confirmed.v1") == 3
    assert not (settings.parent / "none").exists()


def test_follow_up_calls_are_found(settings: Path) -> None:
    """Extra time makes the candidate's own profile due, which is read before anything is changed."""
    booking = kit.booking()
    booking["data"]["additionalTimeInMin"] = 30
    found = planned(settings, [kit.exam(), booking])
    assert [f"{call['method']} {call['path']}" for call in found["calls"]] == ["POST /schedule", "GET /user/s1"]
    (confirmed,) = [each for each in found["outcomes"] if each["type"] == "cirrus.booking.confirmed.v1"]
    assert confirmed["data"]["extraTimePercentage"] == 25


def test_what_waits_says_for_what(settings: Path) -> None:
    """A booking alone makes no call: it waits for its exam."""
    found = planned(settings, kit.booking())
    assert found["calls"] == found["outcomes"] == []
    (booking,) = [record for record in found["records"] if record["kind"] == "booking"]
    assert booking["status"] == "waiting"
    assert booking["waiting_for"]["record"] == {"kind": "sitting", "id": "co-1"}
    page = kit.invoke("plan", "-", file=settings, stdin=json.dumps(kit.booking())).stdout
    assert "booking coa-1: waiting for the exam in the SIS (sitting co-1)" in page


def test_personal_data_is_shown_on_demand_only(settings: Path) -> None:
    """Names and mail addresses are masked for people and programs, unless they are asked for."""
    events = json.dumps([kit.exam(), kit.booking()])
    for as_json in ((), ("--json",)):
        masked = kit.invoke("plan", *as_json, "-", file=settings, stdin=events)
        assert "Lovelace" not in masked.output
        assert kit.MAIL not in masked.output
        shown = kit.invoke("plan", *as_json, "--show-personal", "-", file=settings, stdin=events)
        assert "Lovelace" in shown.stdout
        assert kit.MAIL in shown.stdout


def test_the_body_is_the_one_that_the_client_sends(settings: Path) -> None:
    """Method, path and body are those of the client's own call."""
    event = kit.exam()
    found = planned(settings, [event, kit.booking()], "--show-personal")["calls"][0]
    start, end = (utc_time(event["data"][name]) for name in ("startDateTime", "endDateTime"))
    group = steps.Hierarchy("EXAMS", "All exams")
    schedule = steps.Schedule("co-1", "LAW101", "Introduction to Law", start, end, group)
    call = call_for(
        steps.PublishSchedule(schedule, (steps.Seat(ADA),)), Dialect(), Reading(start.tzinfo, None), ResultFields()
    )
    assert isinstance(call, Call)
    assert call.body is not None
    assert found["body"] == json.loads(call.body)


def test_a_message_that_cannot_be_read_is_named(settings: Path) -> None:
    """What would be dead-lettered is told with its reason, beside what would be done; the exit code is 1."""
    wrong = kit.booking() | {"type": "sis.exam.boked.v1"}
    done = kit.invoke("plan", "--json", "-", file=settings, stdin=json.dumps([wrong, kit.exam(), {}]))
    assert done.exit_code == 1
    found = json.loads(done.stdout)["events"]
    assert [event["outcome"] for event in found] == ["dead-lettered", "applied", "dead-lettered"]
    assert found[0]["detail"].startswith("unknown-type at $.type")


def test_a_candidate_that_cirrus_would_not_take_is_rejected_without_a_call(settings: Path) -> None:
    """A mail address that is too long as Cirrus counts ends in a rejection, and nothing of it is sent."""
    booking = kit.booking()
    booking["data"]["person"]["mail"] = "\U0001f600" * 60 + "@student.example"
    found = planned(settings, [kit.exam(), booking])
    assert found["calls"] == []
    assert "cirrus.booking.rejected.v1" in {each["type"] for each in found["outcomes"]}


def test_a_file_that_is_not_there_is_a_usage_error(settings: Path) -> None:
    """A wrong file name is said in one line."""
    done = kit.invoke("plan", "nowhere.json", file=settings)
    assert done.exit_code == 2
    assert "cannot read nowhere.json" in done.stderr


def test_a_ledger_that_is_not_migrated_is_no_base(settings: Path) -> None:
    """With `--ledger`, a ledger of another version is refused with the command that helps."""
    done = kit.invoke("plan", "--ledger", "-", file=settings, stdin=json.dumps(kit.exam()))
    assert done.exit_code != 0
    assert "cirrus-adapter ledger migrate" in done.stderr


@pytest.mark.parametrize(
    "step",
    [
        steps.ReadCandidate("s1"),
        steps.ReadSchedule("co-1"),
        steps.ReadAttempts("co-1"),
        steps.CreateCandidate(ADA, ()),
        steps.ListCandidates("co-1", ("s1",)),
        steps.UnlistCandidates("co-1", ("s1",)),
        steps.SeatCandidates("co-1", steps.Hierarchy("EXAMS", "All"), (steps.Seat(ADA),)),
        steps.ActivateSchedule("co-1"),
        steps.DeleteSchedule("co-1"),
    ],
    ids=lambda step: type(step).__name__,
)
def test_an_assumed_answer_shows_no_names(step: steps.Step) -> None:
    """Every step has an assumed answer on nothing, whose repr holds nobody's name."""
    assert "Lovelace" not in repr(assume(step, None))
