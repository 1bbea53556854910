"""S25, the part on results: an erasure waits for what is outstanding, and then a person is asked for it."""

from datetime import timedelta

from adapter.domain.policy import Policy
from adapter.domain.records import Record, Status
from adapter.domain.steps import CreateCandidate
from tests.unit.builders import NOW, START, booking_cancelled, enrolled, erasure_requested
from tests.unit.pure_office import Office, settled
from tests.unit.results_kit import DAY, END, HOUR, PASSED, over, publish

BY_HAND = Policy(erase_in_cirrus="task")


def waits_for(record: Record) -> str | None:
    """Return what a record waits for."""
    return record.wanting.reason if record.status is Status.WAITING and record.wanting is not None else None


def test_an_erasure_waits_for_an_outstanding_result() -> None:
    """The exam is over and its result has not come; when it has been told, a person is asked."""
    office = over("a", "b", policy=BY_HAND)
    office.hear(erasure_requested("a", minute=9))
    office.work(until=office.now + HOUR)
    assert waits_for(office.candidate("a")) == "results that are outstanding (1)"
    assert office.open_tasks() == []
    publish(office, "a", PASSED)
    office.work(until=office.now + 3 * HOUR)
    assert len(office.told("result.published", "ba")) == 1
    assert office.open_tasks() == ["erase-person"]


def test_an_erasure_waits_for_exams_to_come() -> None:
    """Whoever is booked is to sit first."""
    office = settled("a", policy=BY_HAND)
    office.hear(erasure_requested("a", minute=9))
    office.work(until=START - HOUR)
    assert waits_for(office.candidate("a")) == "exams that are still to come (1)"
    assert office.open_tasks() == []


def test_an_erasure_waits_for_the_day_that_is_named() -> None:
    """Not before."""
    office = Office(BY_HAND)
    office.hear(enrolled("a"))
    office.work()
    office.hear(erasure_requested("a", minute=9, not_before=NOW + 5 * DAY))
    office.work(until=NOW + 4 * DAY)
    assert office.open_tasks() == []
    office.work(until=NOW + 6 * DAY)
    assert office.open_tasks() == ["erase-person"]


def test_nobody_waits_for_the_result_of_a_cancelled_booking_or_of_who_stayed_away() -> None:
    """There is none to come."""
    office = settled("a", "b", policy=BY_HAND)
    office.hear(booking_cancelled("a", "a", minute=5))
    office.work(until=END + HOUR)
    office.hear(erasure_requested("a", minute=9), erasure_requested("b", minute=9))
    office.work(until=END + 3 * HOUR)
    assert office.open_tasks() == ["erase-person", "erase-person"]


def test_a_result_that_never_comes_does_not_hold_up_an_erasure_for_ever() -> None:
    """When nobody looks for it any more, nobody waits for it."""
    office = over("a", policy=BY_HAND)
    office.hear(erasure_requested("a", minute=9))
    office.work(until=END + 80 * DAY)
    assert office.open_tasks() == []
    office.work(until=END + 90 * DAY)
    assert office.open_tasks() == ["erase-person"]


def test_an_erasure_that_was_done_is_seen_and_nobody_is_made_anew() -> None:
    """Once Cirrus no longer knows the user the task is closed; the SIS may repeat the student as it likes."""
    office = Office(BY_HAND)
    office.hear(enrolled("a"))
    office.work()
    office.hear(erasure_requested("a", minute=9))
    office.work(until=office.now + timedelta(minutes=5))
    assert office.open_tasks() == ["erase-person"]
    del office.cirrus.users["sa"]
    office.cirrus.steps.clear()
    office.work(until=office.now + 3 * DAY)
    assert office.open_tasks() == []
    assert len(office.told("task.closed", "pa")) == 1
    office.hear(enrolled("a", minute=20, mail="other@uni.example"))
    office.work(until=office.now + 3 * DAY)
    assert [step for step in office.cirrus.steps if isinstance(step, CreateCandidate)] == []
