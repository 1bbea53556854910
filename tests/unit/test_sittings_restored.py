"""S21: what was changed by hand is put right on the word of an operator, or as a rule."""

import pytest

from adapter.domain.answers import Phrase
from adapter.domain.policy import Policy
from adapter.domain.records import Status
from adapter.domain.steps import DeleteSchedule, UnlistCandidates
from tests.unit.builders import START, exam_cancelled
from tests.unit.drift_kit import AT_ONCE, HOUR, LATE, ask, drifts, edit, look, read_back
from tests.unit.pure_cirrus import refused
from tests.unit.pure_office import kinds, settled
from tests.values import replace

both_modes = pytest.mark.parametrize("policy", [AT_ONCE, LATE], ids=["at once", "drafts"])


def test_an_operator_has_a_draft_put_right() -> None:
    """Cirrus is read first; then seats, candidates and values are as the SIS says, and that is told."""
    office = settled("1", "2", policy=LATE)
    office.cirrus.schedules["o1"].seats ^= {"s1", "walkin"}
    edit(office, start=START + HOUR)
    read_back(office)
    office.cirrus.steps.clear()
    ask(office)
    assert kinds(office.cirrus.steps) == ["ReadSchedule", "ChangeSchedule", "ListCandidates", "UnlistCandidates"]
    assert (office.seats(), office.cirrus.schedules["o1"].schedule.start) == ({"s1", "s2"}, START)
    assert (drifts(office)[-1], office.sitting().status) == ({}, Status.SETTLED)


def test_what_the_api_cannot_put_right_is_a_task() -> None:
    """On an activated schedule the seat is given again; the times and the stranger are for a person."""
    office = settled("1", "2", policy=AT_ONCE)
    office.cirrus.schedules["o1"].seats ^= {"s1", "walkin"}
    edit(office, start=START + HOUR)
    ask(office)
    assert office.seats() == {"s1", "s2", "walkin"}
    assert office.open_tasks() == ["move-schedule", "remove-strangers"]
    office.cirrus.schedules["o1"].seats.discard("walkin")
    edit(office, start=START)
    office.work(office.now + HOUR)
    assert (office.open_tasks(), drifts(office)[-1]) == ([], {})


def test_an_operator_has_a_schedule_made_anew() -> None:
    """One that was deleted by hand is made again with all its candidates."""
    office = settled("1", "2", policy=AT_ONCE)
    del office.cirrus.schedules["o1"]
    look(office)
    ask(office)
    assert (office.seats(), office.open_tasks(), drifts(office)[-1]) == ({"s1", "s2"}, [], {})


def test_a_wish_is_good_for_what_differs_then() -> None:
    """What is changed by hand afterwards stands again."""
    office = settled("1", policy=AT_ONCE)
    ask(office)
    assert kinds(office.cirrus.steps) == ["ReadSchedule"]
    office.cirrus.schedules["o1"].seats.clear()
    look(office)
    assert (office.seats(), len(drifts(office))) == (set(), 1)


@both_modes
def test_a_policy_puts_right_whatever_is_seen(policy: Policy) -> None:
    """With `restore`, nobody has to ask; what needs a person is a task."""
    office = settled("1", "2", policy=replace(policy, drift="restore"))
    office.cirrus.schedules["o1"].seats ^= {"s1", "walkin"}
    read_back(office)
    left = {"walkin"} if policy is AT_ONCE else set[str]()
    assert office.seats() == {"s1", "s2"} | left
    assert office.open_tasks() == ["remove-strangers"][: len(left)]


def test_a_stranger_whom_cirrus_does_not_take_off_stays() -> None:
    """The refused call is not made again; it is told that somebody is there without a booking."""
    office = settled("1", policy=LATE)
    office.cirrus.schedules["o1"].seats |= {"guest", "walkin"}
    office.cirrus.script += [
        lambda _, step: refused(Phrase.UNKNOWN) if isinstance(step, UnlistCandidates) else None
    ] * 3
    ask(office)
    assert kinds(office.cirrus.steps).count("UnlistCandidates") == 3
    assert drifts(office) == [{"surplus": ["guest", "walkin"]}]
    assert office.open_tasks() == []


def test_a_wish_for_a_cancelled_exam_ends() -> None:
    """There is nothing to be put right; Cirrus is not asked again and again."""
    office = settled("1", policy=LATE)
    office.hear(exam_cancelled(minute=6))
    office.work()
    assert any(isinstance(step, DeleteSchedule) for step in office.writes())
    ask(office)
    assert (office.seats(), office.sitting().status) == (None, Status.SETTLED)
