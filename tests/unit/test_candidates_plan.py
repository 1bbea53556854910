"""Tests of bringing candidates into Cirrus: read once, create or change what differs, say so once."""

from datetime import timedelta

import pytest

from adapter.domain.answers import Phrase
from adapter.domain.policy import Policy
from adapter.domain.records import Status
from adapter.domain.steps import ChangeCandidate, CreateCandidate, Profile, ReadCandidate
from tests.unit.builders import NOW, START, accommodated, booked, enrolled, scheduled, updated, withdrawn
from tests.unit.pure_cirrus import lose_answer_to, refused
from tests.unit.pure_office import Office


def settled_office(policy: Policy | None = None) -> Office:
    """Return an office whose candidate 1 is in Cirrus as the SIS says."""
    office = Office(policy or Policy())
    office.hear(enrolled("1"))
    office.work()
    office.cirrus.steps.clear()
    return office


def test_an_unknown_candidate_is_created() -> None:
    """One read, one create, and the SIS hears what changed."""
    office = Office()
    office.hear(enrolled("1"))
    office.work()
    assert [type(step) for step in office.cirrus.steps] == [ReadCandidate, CreateCandidate]
    assert office.cirrus.users == {"s1": Profile("s1", "Given1", "Sur1", "s1@uni.example")}
    (told,) = office.told("candidate.confirmed", "p1")
    assert told.data["changed"] == ["created"]
    assert office.candidate("1").status is Status.SETTLED


def test_a_candidate_that_is_there_is_linked() -> None:
    """S24: nobody is created twice, and nothing is sent where nothing differs."""
    office = Office()
    office.cirrus.users["s1"] = Profile("s1", "Given1", "Sur1", "s1@uni.example")
    office.hear(enrolled("1"))
    office.work()
    assert office.writes() == []
    assert office.told("candidate.confirmed", "p1")[0].data["changed"] == []


def test_a_new_name_is_one_change_of_one_field() -> None:
    """S11: one PATCH with what differs, the external id unchanged."""
    office = settled_office()
    office.hear(updated("1", minute=5, givenName="Zoe"))
    office.work()
    (change,) = office.cirrus.steps
    assert isinstance(change, ChangeCandidate)
    assert (change.profile.external_id, change.fields) == ("s1", {"first_name"})
    assert [o.data["changed"] for o in office.told("candidate.confirmed")] == [["created"], ["first_name"]]


def test_a_field_that_cirrus_does_not_hold_is_no_change() -> None:
    """S11: nothing is sent when no mapped field differs."""
    office = settled_office()
    office.hear(updated("1", minute=5, displayName="G. Sur", languageOfChoice=["nl"]), updated("1", minute=9))
    office.work()
    assert office.cirrus.steps == []


def test_the_last_change_is_told_once() -> None:
    """A later statement that changes nothing in Cirrus does not tell of the change before it again."""
    office = settled_office()
    office.hear(accommodated("1", minute=5))
    office.work()
    assert [o.data["changed"] for o in office.told("candidate.confirmed")] == [["created"], []]


@pytest.mark.parametrize("carried_out", [True, False])
def test_a_lost_answer_is_read_back_before_anything_is_sent(carried_out: bool) -> None:
    """S16: after a timeout the candidate is read, and created again only if it is not there."""
    office = Office()
    office.cirrus.script.append(lose_answer_to(CreateCandidate, carried_out=carried_out))
    office.hear(enrolled("1"))
    office.work(NOW + timedelta(minutes=1))
    expected = [ReadCandidate, CreateCandidate, ReadCandidate] + ([] if carried_out else [CreateCandidate])
    assert [type(step) for step in office.cirrus.steps] == expected
    assert office.candidate("1").status is Status.SETTLED


def test_after_a_crash_cirrus_is_read_first_however_often_it_takes() -> None:
    """S26: the doubt outlives a read that fails, too."""
    office = settled_office()
    office.hear(updated("1", minute=5, givenName="Zoe"))
    office.unsure.add(office.candidate("1").ref)
    office.cirrus.script.append(lose_answer_to(ReadCandidate, carried_out=False))
    office.work(NOW + timedelta(minutes=1))
    assert [type(step) for step in office.cirrus.steps] == [ReadCandidate, ReadCandidate, ChangeCandidate]


def test_a_candidate_that_cirrus_refuses_is_rejected_and_may_be_mended() -> None:
    """The SIS hears why; its next statement about the person is a new try."""
    office = Office()
    office.cirrus.spoiled.add("s1")
    office.hear(enrolled("1"))
    office.work()
    assert office.candidate("1").status is Status.REJECTED
    assert office.told("candidate.rejected")[0].data["error"]["code"] == "invalid-field"
    office.cirrus.spoiled.clear()
    office.hear(updated("1", minute=5, mail="new@uni.example"))
    office.work()
    assert office.cirrus.users["s1"].mail == "new@uni.example"
    assert office.candidate("1").status is Status.SETTLED


def test_an_id_without_a_usable_form_is_rejected_without_a_call() -> None:
    """Nothing is sent that Cirrus cannot take."""
    office = Office()
    office.hear(enrolled("1", primaryCode={"codeType": "x", "code": "\u00e9"}))
    office.work()
    assert office.cirrus.steps == []
    assert office.told("candidate.rejected")[0].data["error"]["code"] == "invalid-id"


def test_a_taken_user_name_is_rejected() -> None:
    """Another user has it: only people can mend that."""
    office = Office()
    office.cirrus.script.append(
        lambda _, step: refused(Phrase.USERNAME_TAKEN) if isinstance(step, CreateCandidate) else None
    )
    office.hear(enrolled("1"))
    office.work()
    assert office.candidate("1").status is Status.REJECTED


def test_needs_without_a_person_wait() -> None:
    """An event that names only ids waits for the person, and goes on when the person comes."""
    office = Office()
    office.hear(accommodated("1", {"extraTimePercentage": 25}))
    office.work()
    assert (office.candidate("1").status, office.cirrus.steps) == (Status.WAITING, [])
    office.hear(enrolled("1"))
    office.work()
    assert office.cirrus.users["s1"].extra_time == 25


def test_extra_time_of_cirrus_is_left_alone_unless_the_sis_speaks_of_it() -> None:
    """What staff granted by hand stands until the SIS grants, or takes back what it granted."""
    office = Office()
    office.cirrus.users["s1"] = Profile("s1", "Given1", "Sur1", "s1@uni.example", extra_time=10)
    office.hear(enrolled("1"))
    office.work()
    assert office.writes() == []
    office.hear(accommodated("1", {"extraTimePercentage": 25}, minute=5))
    office.work()
    office.hear(accommodated("1", minute=9))
    office.work()
    assert [step.profile.extra_time for step in office.writes() if isinstance(step, ChangeCandidate)] == [25, 0]


def test_the_largest_extra_time_over_exams_to_come_is_in_force() -> None:
    """Cirrus knows one percentage: nobody gets less than granted, and it falls when the exam is over."""
    office = Office()
    office.hear(enrolled("1"), scheduled("1"), scheduled("2", start=START + timedelta(days=7)))
    office.hear(booked("1", "1", "1", extraTimePercentage=50), booked("2", "1", "2", extraTimePercentage=25))
    office.work()
    assert office.cirrus.users["s1"].extra_time == 50
    office.work(START + timedelta(hours=4))
    assert office.cirrus.users["s1"].extra_time == 25


def test_a_grant_ends_with_its_last_day() -> None:
    """A percentage with an end date leaves the profile the day after."""
    office = settled_office()
    office.hear(accommodated("1", {"extraTimePercentage": 25, "endDate": "2026-10-05"}, minute=5))
    office.work()
    assert office.cirrus.users["s1"].extra_time == 25
    office.work(NOW + timedelta(days=7))
    assert office.cirrus.users["s1"].extra_time == 0


@pytest.mark.parametrize("disables", [True, False])
def test_a_withdrawal_disables_the_login_by_policy(disables: bool) -> None:
    """The user is never deleted; a new enrolment lets the student in again."""
    office = settled_office(Policy(withdrawal_disables_login=disables))
    office.hear(withdrawn("1", minute=5))
    office.work()
    assert bool(office.cirrus.users["s1"].login_disabled) is disables
    office.hear(enrolled("1", minute=9))
    office.work()
    assert not office.cirrus.users["s1"].login_disabled
