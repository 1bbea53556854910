"""Tests of bringing sittings into Cirrus at once: who is seated by which calls, and what is said of it."""

from datetime import timedelta

import pytest

from adapter.domain.answers import Absent, Accepted, Answer, Phrase, Seated
from adapter.domain.policy import Policy
from adapter.domain.records import Status
from adapter.domain.steps import (
    ListCandidates,
    PublishSchedule,
    ReadSchedule,
    Seat,
    SeatCandidates,
    Step,
)
from adapter.domain.version import utc_text
from tests.unit.builders import (
    NOW,
    START,
    booked,
    booking_cancelled,
    enrolled,
    exam_cancelled,
    scheduled,
    updated,
    withdrawn,
)
from tests.unit.pure_cirrus import PureCirrus, candidates_of, lose_answer_to, refused
from tests.unit.pure_office import Office


def office_with(*people: str, policy: Policy | None = None) -> Office:
    """Return an office that has heard of exam 1 and of a booking for each of these people."""
    office = Office(policy or Policy())
    office.hear(scheduled(), *(booked(key, key) for key in people))
    return office


def settled(*people: str, policy: Policy | None = None) -> Office:
    """Return such an office after its work is done."""
    office = office_with(*people, policy=policy)
    office.work()
    office.cirrus.steps.clear()
    return office


def kinds(steps: list[Step]) -> list[str]:
    """Return the names of steps."""
    return [type(step).__name__ for step in steps]


def test_one_call_makes_the_schedule_with_all_its_candidates() -> None:
    """What is due for one sitting goes in one call; each booking is confirmed, each link handed out."""
    office = office_with("1", "2", "3")
    office.work()
    assert kinds(office.cirrus.steps) == ["PublishSchedule"]
    assert office.seats() == {"s1", "s2", "s3"}
    assert len(office.told("booking.confirmed")) == len(office.told("launch-link.issued")) == 3
    assert [o.data["state"] for o in office.told("exam.confirmed")] == ["activated"]
    assert all(o.confidential for o in office.told("launch-link.issued"))
    assert not any("https" in str(o.data) for o in office.said.values() if not o.confidential)


def test_more_than_a_batch_goes_in_several_calls() -> None:
    """No call holds more candidates than the policy allows."""
    office = office_with(*(str(n) for n in range(7)), policy=Policy(batch_size=3))
    office.work()
    assert [len(candidates_of(step)) for step in office.cirrus.steps] == [3, 3, 1]
    assert office.seats() == {f"s{n}" for n in range(7)}


def test_a_settled_sitting_needs_no_call() -> None:
    """S2: the same events again change nothing, call nothing and say nothing."""
    office = settled("1", "2")
    said = dict(office.said)
    office.hear(scheduled(), booked("1", "1"), booked("2", "2"), booked("1", "1", minute=9))
    office.work()
    assert (office.cirrus.steps, office.said) == ([], said)


def test_an_exam_without_bookings_waits_for_one() -> None:
    """An empty schedule is made only where the institution wants it."""
    assert settled().seats() is None
    assert settled(policy=Policy(create_empty=True)).seats() == set()


def test_a_late_booking_is_added() -> None:
    """Candidates can be added to an activated schedule at any time."""
    office = settled("1")
    office.hear(booked("2", "2", minute=5))
    office.work()
    assert kinds(office.cirrus.steps) == ["SeatCandidates"]
    assert office.seats() == {"s1", "s2"}


def test_a_booking_after_the_exam_is_rejected() -> None:
    """There is nothing to be seated in any more."""
    office = settled("1")
    office.now = START + timedelta(hours=4)
    office.hear(booked("2", "2", minute=5))
    office.work()
    assert office.booking("2").status is Status.REJECTED
    assert office.told("booking.rejected", "b2")[0].data["error"]["code"] == "exam-over"


def test_a_schedule_that_is_there_is_linked() -> None:
    """S24: an existing schedule is read, and only who is missing is added."""
    first = settled("1", policy=Policy(launch_links=False))
    office = Office(Policy(launch_links=False), first.cirrus)
    office.hear(scheduled(), booked("1", "1"), booked("2", "2"))
    office.work()
    assert kinds(office.cirrus.steps) == ["PublishSchedule", "ReadSchedule", "SeatCandidates"]
    assert [o.data["confirmedBy"] for o in office.told("booking.confirmed")] == ["read-back", "answer"]


# S3: bookings that wait.


def test_a_booking_waits_for_its_exam_and_says_so() -> None:
    """S3: pending is said after the grace period, once, and the booking goes on when the exam arrives."""
    office = Office()
    office.hear(booked("1", "1"))
    office.work()
    assert (office.booking("1").status, office.told("booking.pending")) == (Status.WAITING, [])
    office.work(NOW + timedelta(days=2))
    (told,) = office.told("booking.pending")
    assert told.data["waitingFor"] == {"kind": "sitting", "id": "o1"}
    office.hear(scheduled(minute=5))
    office.work()
    assert office.booking("1").status is Status.SETTLED


def test_a_waiting_booking_is_said_again_as_the_exam_nears() -> None:
    """S3: once after the grace period, again a day before the exam, and no third time."""
    office = office_with("1")
    office.cirrus.script += [lambda _, step: unusable(step)] * 5000
    office.work(START - timedelta(days=2))
    assert len(office.told("booking.pending")) == 1
    office.work(START)
    assert len(office.told("booking.pending")) == 2
    assert {o.data["deadline"] for o in office.told("booking.pending")} == {utc_text(START)}


def test_an_urgent_booking_does_not_wait_in_silence() -> None:
    """S3: escalation goes by time to the exam: ten minutes before, there is no grace period."""
    office = office_with("1")
    office.now = START - timedelta(minutes=10)
    office.cirrus.script.append(lambda _, step: unusable(step))
    office.work()
    assert len(office.told("booking.pending")) == 1


def test_an_assessment_that_is_not_ready_is_a_task() -> None:
    """A person publishes it; the bookings follow by themselves, and the task is closed."""
    office = office_with("1")
    office.cirrus.script.append(lambda _, step: unusable(step))
    office.work()
    assert (office.open_tasks(), office.booking("1").status) == (["prepare-assessment"], Status.WAITING)
    office.work(NOW + timedelta(hours=1))
    assert (office.open_tasks(), office.seats()) == ([], {"s1"})
    assert len(office.told("task.closed")) == 1


def unusable(step: Step) -> Answer | None:
    """Refuse to make a schedule of an assessment that is not published."""
    return refused(Phrase.ASSESSMENT_UNUSABLE) if isinstance(step, PublishSchedule) else None


# S4: tombstones.


def test_a_cancellation_before_its_booking_holds() -> None:
    """S4: the tombstone keeps the cancel when the older booking arrives after it."""
    office = Office()
    office.hear(scheduled(), booking_cancelled("1", "1", minute=5))
    office.work()
    office.hear(booked("1", "1"))
    office.work()
    assert (office.cirrus.steps, office.booking("1").status) == ([], Status.SETTLED)
    assert len(office.told("booking.cancelled", "b1")) == 1


def test_a_booking_after_its_cancellation_stands() -> None:
    """S4: book, cancel, book again in earnest: the third is confirmed although the first was."""
    office = settled("1", policy=Policy(mode="before_start"))
    office.hear(booking_cancelled("1", "1", minute=5))
    office.work()
    assert office.seats() == set()
    office.hear(booked("1", "1", minute=9), booked("1", "1"))
    office.work()
    assert office.seats() == {"s1"}
    assert len(office.told("booking.confirmed", "b1")) == 2


def test_two_bookings_of_one_candidate_share_one_seat() -> None:
    """The seat stays while any live booking wants it, whichever of them brought it."""
    office = Office(Policy(mode="before_start"))
    office.hear(scheduled(), booked("1", "1"), booked("2", "1"))
    office.work()
    assert [candidates_of(step) for step in office.writes() if isinstance(step, ListCandidates)] == [["s1"]]
    assert {o.subject for o in office.told("booking.confirmed")} == {"b1", "b2"}
    office.hear(booking_cancelled("1", "1", minute=5))
    office.work()
    assert (office.seats(), len(office.told("booking.cancelled", "b1"))) == ({"s1"}, 1)
    office.hear(booking_cancelled("2", "1", minute=6))
    office.work()
    assert office.seats() == set()


def test_a_second_booking_takes_over_a_seat_that_loses_its_first() -> None:
    """A booking that arrives with the cancellation of another keeps their common seat."""
    office = settled("1")
    office.hear(booking_cancelled("1", "1", minute=5), booked("2", "1", minute=6))
    office.work()
    assert (office.cirrus.steps, office.open_tasks(), office.seats()) == ([], [], {"s1"})
    assert len(office.told("booking.confirmed", "b2")) == 1


def test_a_rejected_booking_keeps_no_seat() -> None:
    """Two bookings of one candidate, one of them refused: the seat goes with the other."""
    office = Office(Policy(mode="before_start", external_attempts=True))
    office.hear(scheduled(), booked("\u00e9", "1"), booked("2", "1"))
    office.work()
    assert (office.seats(), office.booking("\u00e9").status) == ({"s1"}, Status.REJECTED)
    office.hear(booking_cancelled("2", "1", minute=5))
    office.work()
    assert office.seats() == set()


# Doubt.


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("kind", [PublishSchedule, SeatCandidates])
def test_a_lost_answer_is_read_back_before_anything_is_sent(kind: type[Step], carried_out: bool) -> None:
    """S16: nothing is sent twice on hope, and nobody is seated twice or left out."""
    office = office_with("1", "2", policy=Policy(batch_size=1))
    office.cirrus.script.append(lose_answer_to(kind, carried_out=carried_out))
    office.work(NOW + timedelta(minutes=5))
    names = kinds(office.cirrus.steps)
    assert names[names.index(kind.__name__) + 1] == "ReadSchedule"
    assert office.seats() == {"s1", "s2"}
    assert {o.subject for o in office.told("booking.confirmed")} == {"b1", "b2"}
    assert len([step for step in office.cirrus.steps if "s1" in candidates_of(step)]) == (
        1 if carried_out or kind is SeatCandidates else 2
    )


def test_doubt_outlives_a_read_that_fails() -> None:
    """S26: after a crash Cirrus is read until an answer comes; only then anything is sent."""
    office = settled("1")
    office.hear(booked("2", "2", minute=5))
    office.unsure.add(office.sitting().ref)
    office.cirrus.script += [lose_answer_to(ReadSchedule, carried_out=False)] * 2
    office.work(NOW + timedelta(minutes=5))
    assert kinds(office.cirrus.steps) == ["ReadSchedule"] * 3 + ["SeatCandidates"]


def test_a_lost_link_is_a_task() -> None:
    """A seat without its link is confirmed, and a person tells the candidate another way."""
    office = office_with("1")
    office.cirrus.script.append(lose_answer_to(PublishSchedule, carried_out=True))
    office.work(NOW + timedelta(minutes=5))
    assert (office.booking("1").status, office.open_tasks()) == (Status.SETTLED, ["launch-link-lost"])
    assert [o.data["confirmedBy"] for o in office.told("booking.confirmed")] == ["read-back"]
    office.work(START + timedelta(hours=4))
    assert office.open_tasks() == []


@pytest.mark.parametrize("forgets", [True, False])
def test_a_lost_link_is_asked_for_again_where_that_works(forgets: bool) -> None:
    """With `relink` one more call asks for the link; a tenant where that brings none gets the task."""
    office = office_with("1", policy=Policy(relink="add_candidates"))
    office.cirrus.forgets_links = forgets
    office.cirrus.script.append(lose_answer_to(PublishSchedule, carried_out=True))
    office.work(NOW + timedelta(minutes=5))
    assert kinds(office.writes()) == ["PublishSchedule", "SeatCandidates"]
    assert office.open_tasks() == (["launch-link-lost"] if forgets else [])
    assert len(office.told("launch-link.issued")) == (0 if forgets else 1)


def test_a_seat_that_nobody_mentions_is_read_back_and_given_up_in_the_end() -> None:
    """An answer that leaves a candidate out settles nothing; after a few calls the booking is rejected."""
    office = settled("1")
    office.hear(booked("2", "2", minute=5))
    office.cirrus.script += [lambda _, step: leave_out(step)] * 10
    office.work(NOW + timedelta(minutes=5))
    assert kinds(office.cirrus.steps) == ["SeatCandidates", "ReadSchedule"] * 3
    assert office.told("booking.rejected", "b2")[0].data["error"]["code"] == "not-seated"


def leave_out(step: Step) -> Answer | None:
    """Accept a call and seat nobody."""
    return Accepted(Seated({})) if isinstance(step, SeatCandidates) else None


# Refusals.


@pytest.mark.parametrize("named", [True, False])
def test_one_bad_candidate_does_not_keep_the_others_out(named: bool) -> None:
    """S15: whether or not Cirrus names the culprit, only that booking is rejected."""
    office = office_with(*(str(n) for n in range(20)))
    office.cirrus.spoiled, office.cirrus.named = {"s13"}, named
    office.work()
    assert office.seats() == {f"s{n}" for n in range(20)} - {"s13"}
    assert [o.subject for o in office.told("booking.rejected")] == ["b13"]
    assert len(office.cirrus.steps) <= (2 if named else 12)
    office.cirrus.steps.clear()
    office.hear(booked("20", "20", minute=5))
    office.work()
    assert [candidates_of(step) for step in office.cirrus.steps] == [["s20"]]


def test_after_a_bad_first_candidate_calls_are_large_again() -> None:
    """The size of calls is found anew for each culprit, not kept small for the whole exam."""
    office = office_with(*(str(n) for n in range(20)))
    office.cirrus.spoiled = {"s0"}
    office.work()
    office.cirrus.steps.clear()
    office.hear(*(booked(f"x{n}", f"x{n}", minute=5) for n in range(30)))
    office.work()
    assert [len(candidates_of(step)) for step in office.cirrus.steps] == [30]


def test_a_refusal_of_the_schedule_rejects_the_exam_once() -> None:
    """What is wrong with the schedule is not asked again for every booking."""
    office = office_with(*(str(n) for n in range(40)))
    office.cirrus.script += [lambda _, step: too_short(step)] * 100
    office.work()
    assert len(office.cirrus.steps) <= 8
    assert len(office.told("exam.rejected")) == 1
    assert len(office.told("booking.rejected")) == 40
    assert office.sitting().status is Status.REJECTED


def test_a_mended_exam_takes_its_bookings_back() -> None:
    """Bookings that were rejected with their exam are seated when the SIS mends it."""
    office = office_with("1", "2")
    office.cirrus.script += [lambda _, step: too_short(step)] * 3
    office.work()
    assert office.sitting().status is Status.REJECTED
    office.cirrus.script.clear()
    office.hear(scheduled(minute=5, minutes=300))
    office.work()
    assert office.seats() == {"s1", "s2"}
    assert {o.subject for o in office.told("booking.confirmed")} == {"b1", "b2"}


def too_short(step: Step) -> Answer | None:
    """Refuse to make a schedule, for a reason of its own."""
    return refused(Phrase.WINDOW_TOO_SHORT, "too short") if isinstance(step, PublishSchedule) else None


def test_a_mended_student_is_seated() -> None:
    """A booking that was rejected for the student's id follows when the SIS mends the student."""
    office = Office()
    office.hear(scheduled(), booked("1", "1", whom={"primaryCode": {"codeType": "x", "code": "\u00e9"}}))
    office.work()
    assert (office.booking("1").status, office.cirrus.steps) == (Status.REJECTED, [])
    office.hear(updated("1", minute=5))
    office.work()
    assert (office.booking("1").status, office.seats()) == (Status.SETTLED, {"s1"})


def test_a_booking_cancelled_in_a_rejected_exam_is_cancelled() -> None:
    """Not rejected a second time."""
    office = office_with("1", "2", policy=Policy(batch_size=1))
    office.cirrus.script += [lambda _, step: too_short(step)] * 3
    office.work()
    office.hear(booking_cancelled("2", "2", minute=5))
    office.work()
    assert len(office.told("booking.cancelled", "b2")) == 1


# What people do in Cirrus.


def test_a_schedule_that_is_gone_is_a_task() -> None:
    """It is not made anew by itself; when somebody restores it, the bookings go on."""
    office = settled("1")
    held = office.cirrus.schedules.pop("o1")
    office.hear(booked("2", "2", minute=5))
    office.work()
    assert (office.open_tasks(), office.booking("2").status) == (["restore-schedule"], Status.WAITING)
    assert "PublishSchedule" not in kinds(office.cirrus.steps)
    office.cirrus.schedules["o1"] = held
    office.work(office.now + timedelta(hours=1))
    assert (office.open_tasks(), office.seats()) == ([], {"s1", "s2"})


def test_a_booking_cancelled_while_its_schedule_is_gone_is_cancelled() -> None:
    """Nobody waits for a schedule that nobody wants."""
    office = settled("1", "3")
    del office.cirrus.schedules["o1"]
    office.hear(booked("2", "2", minute=5))
    office.work()
    office.hear(booking_cancelled("1", "1", minute=6))
    office.work()
    assert len(office.told("booking.cancelled", "b1")) == 1


def test_staff_may_take_a_settled_candidate_off() -> None:
    """S21: what staff changed by hand stands; a read-back does not quietly put it back."""
    office = settled("1", "2")
    office.cirrus.schedules["o1"].seats.discard("s1")
    office.unsure.add(office.sitting().ref)
    office.hear(booked("3", "3", minute=5))
    office.work()
    assert office.seats() == {"s2", "s3"}


# S10, S11, ids.


def test_a_resit_has_its_own_attempt() -> None:
    """S10: another booking with another attempt id, where the institution numbers attempts itself."""
    office = Office(Policy(external_attempts=True))
    office.hear(scheduled("1"), scheduled("2", start=START + timedelta(days=30)))
    office.hear(booked("1", "1", "1"), booked("2", "1", "2", attempt=2))
    office.work()
    seats: list[Seat] = [seat for step in office.writes() if isinstance(step, PublishSchedule) for seat in step.seats]
    assert [(seat.profile.external_id, seat.attempt_id) for seat in seats] == [("s1", "b1"), ("s1", "b2")]


def test_an_attempt_id_that_does_not_fit_matters_only_where_it_is_used() -> None:
    """Without external attempts the booking's id never reaches Cirrus."""
    events = (scheduled(), booked("\u00e9", "1"))
    for external, status in ((True, Status.REJECTED), (False, Status.SETTLED)):
        office = Office(Policy(external_attempts=external))
        office.hear(*events)
        office.work()
        assert office.booking("\u00e9").status is status


def test_nothing_is_sent_for_refused_ids() -> None:
    """A candidate without a usable id, or with somebody else's, is rejected without a call."""
    office = office_with("1")
    office.hear(booked("2", "2", whom={"primaryCode": {"codeType": "x", "code": "\u00e9"}}))
    office.work()
    assert office.told("booking.rejected", "b2")[0].data["error"]["code"] == "invalid-id"
    assert office.seats() == {"s1"}


def test_a_title_is_cut_with_a_mark_and_compared_as_it_was_cut() -> None:
    """A long title does not look different for ever after it was read back."""
    office = Office(Policy(mode="before_start"))
    office.hear(scheduled(name="\U0001f600" * 80))
    office.work()
    title = office.cirrus.schedules["o1"].schedule.title
    assert len(title.encode("utf-16-le")) // 2 <= 100
    assert title.endswith("\u2026")
    office.cirrus.steps.clear()
    office.unsure.add(office.sitting().ref)
    office.hear(booked("1", "1", minute=5))
    office.work()
    assert "ChangeSchedule" not in kinds(office.cirrus.steps)


def test_a_schedule_that_cirrus_denies_is_not_sent_again() -> None:
    """A call to a schedule that is not there leads to a look, never to a second try on hope."""
    office = settled("1")
    office.cirrus.script.append(lambda _, step: refused(Phrase.NOT_FOUND) if isinstance(step, SeatCandidates) else None)
    office.cirrus.script.append(lambda _, step: Accepted(Absent()) if isinstance(step, ReadSchedule) else None)
    office.hear(booked("2", "2", minute=5))
    office.work()
    assert kinds(office.cirrus.steps)[:2] == ["SeatCandidates", "ReadSchedule"]
    assert "restore-schedule" in office.open_tasks()


# Cancelled, and standing again.


def test_a_cancelled_exam_that_was_never_made_needs_no_call() -> None:
    """Its bookings are cancelled with the exam's reason."""
    office = Office()
    office.hear(booked("1", "1"), exam_cancelled(minute=5))
    office.work()
    office.hear(scheduled())
    office.work()
    assert (office.cirrus.steps, office.seats()) == ([], None)
    assert [o.data["reason"] for o in office.told("booking.cancelled")] == ["no room"]


def test_a_reinstated_exam_takes_its_bookings_back() -> None:
    """S22: a cancellation that was a mistake is undone by the exam's next version, and the SIS hears it all."""
    office = settled("1", policy=Policy(mode="before_start"))
    office.hear(exam_cancelled(minute=5))
    office.work()
    assert office.seats() is None
    office.hear(scheduled(minute=9))
    office.work()
    assert office.seats() == {"s1"}
    assert len(office.told("booking.confirmed", "b1")) == 2
    assert len(office.told("booking.cancelled", "b1")) == 1


def test_a_student_who_returns_has_the_bookings_back() -> None:
    """A withdrawal that was a mistake is undone by the next enrolment."""
    office = settled("1", policy=Policy(mode="before_start"))
    office.hear(enrolled("1", minute=1), withdrawn("1", minute=5))
    office.work()
    assert office.seats() == set()
    office.hear(enrolled("1", minute=9))
    office.work()
    assert office.seats() == {"s1"}
    assert len(office.told("booking.confirmed", "b1")) == 2


def test_the_office_never_calls_for_a_cirrus_it_was_not_asked_about() -> None:
    """An office without events does nothing."""
    office = Office(cirrus=PureCirrus())
    office.work(NOW + timedelta(days=100))
    assert office.cirrus.steps == []
