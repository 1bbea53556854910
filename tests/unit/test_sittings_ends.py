"""Tests of what a plan for a sitting finds when the exam is called off, refused, or gone: record by record."""

from datetime import timedelta
from typing import Any

from adapter.domain.findings import Dismissed, Finding, Handed, Plan, Settled, Waits
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, SITTING, Aggregate, OpenTask, Ref, Status, Wanting
from adapter.domain.steps import DeleteSchedule, ReadAttempts, ReadSchedule
from adapter.domain.version import utc_text
from handlers.sittings import tasks
from handlers.sittings.plan import plan
from handlers.sittings.seats import Booked
from handlers.sittings.view import SittingView
from tests.unit.aggregates import aggregate
from tests.unit.builders import (
    NOW,
    START,
    TENANT,
    Event,
    booked,
    booking_cancelled,
    enrolled,
    exam_cancelled,
    scheduled,
    withdrawn,
)
from tests.values import replace

O1 = Ref(SITTING, "o1")
B1, B2, B3, B4 = (Ref(BOOKING, f"b{key}") for key in "1234")
END = START + timedelta(hours=3)
POLICY = Policy()
MADE = {"exists": True, "made": True, "activated": True, "read_at": utc_text(NOW), "deletion_refused": True}
SEAT = {"seat": True, "link": "sent"}


def sitting(*events: Event, known: dict[str, Any] | None = None, **rest: Any) -> Aggregate:  # noqa: ANN401 - handed on
    """Return exam 1 with what Cirrus is known to hold of it, and of its bookings."""
    confirmed = {O1: known or {}, **rest.pop("confirmed", {})}
    return aggregate(O1, scheduled(), *events, confirmed=confirmed, **rest)


def found(made: Plan) -> dict[Ref, Finding]:
    """Return the findings of a plan by their record."""
    return {finding.ref: finding for finding in made.findings}


def told(finding: Finding) -> list[tuple[str, dict[str, Any]]]:
    """Return what a finding tells: short types and data."""
    return [(each.type.removeprefix("cirrus.").removesuffix(".v1"), dict(each.data)) for each in finding.outcomes]


def cancelled(who: str, reason: str | None) -> tuple[str, dict[str, Any]]:
    """Return the event about a booking that is off."""
    data = {"associationId": f"b{who}", "offeringId": "o1", "personId": f"p{who}", "reason": reason}
    return ("booking.cancelled", data)


def view(known: Aggregate) -> SittingView:
    """Return the sitting as plans see it."""
    seen = SittingView.of(known.root)
    assert seen is not None
    return seen


def test_an_exam_called_off_that_cirrus_never_had_settles_everything() -> None:
    """The exam and each booking that is open or seated are told to be off, for the exam's own reason."""
    events = [booked("1", "1"), booked("2", "2"), exam_cancelled(minute=1)]
    known = sitting(*events, confirmed={B2: SEAT}, status={B2: Status.SETTLED})
    made = plan(known, NOW, POLICY)
    assert (made.steps, made.look_again) == ((), None)
    by_ref = found(made)
    assert set(by_ref) == {O1, B1, B2}
    assert (by_ref[O1].state, by_ref[O1].note) == (Settled(), "not in Cirrus")
    assert [kind for kind, _ in told(by_ref[O1])] == ["exam.cancelled"]
    assert told(by_ref[B1]) == [cancelled("1", "no room")]
    assert told(by_ref[B2]) == [cancelled("2", "no room")]


def test_an_exam_called_off_names_the_withdrawal_where_the_sis_called_nothing_off() -> None:
    """Who has left has no seat for that reason; candidate and exam are looked at, in this order of importance."""
    gone = withdrawn("1", minute=3)
    known = sitting(enrolled("1"), booked("1", "1"), gone, confirmed={B1: SEAT}, known={**MADE, "exists": False})
    made = plan(known, NOW, POLICY)
    assert told(found(made)[B1]) == [cancelled("1", "the student has left the programme")]


def test_a_booking_that_lapses_names_the_event_that_came_last() -> None:
    """The withdrawal, or the booking of somebody who had left before; and whose version names what is told."""
    booking = booked("1", "1", minute=2)
    before, after = withdrawn("1", minute=1), withdrawn("1", minute=3)
    for left, last in ((before, booking), (after, after)):
        known = sitting(enrolled("1"), booking, left, confirmed={B1: SEAT}, known={**MADE, "exists": False})
        off = found(plan(known, NOW, POLICY))[B1]
        assert [outcome.cause for outcome in off.outcomes] == [last.envelope.id]
        assert off.named_after == (Ref("candidate", "p1"),)


def test_attempts_are_asked_for_from_the_start_on() -> None:
    """At the very start somebody may have begun; a second before, nobody has."""
    known = sitting(exam_cancelled(minute=1), known={**MADE, "deletion_refused": False})
    assert plan(known, START, POLICY).steps == (ReadAttempts("o1"),)
    assert plan(known, START - timedelta(seconds=1), POLICY).steps == (DeleteSchedule("o1"),)
    assert plan(known, END, POLICY).steps == ()


def test_a_schedule_that_cannot_be_deleted_takes_its_seats_with_it() -> None:
    """The exam is a task; who is seated goes with it, who is not is off now, who is handed over already stays so."""
    events = [booked(key, key) for key in "1234"]
    stands = {B2: Status.SETTLED, B3: Status.MANUAL, B4: Status.SETTLED}
    off = [booking_cancelled("1", "1", minute=2), exam_cancelled(minute=3)]
    known = sitting(*events, *off, known=MADE, confirmed={B2: SEAT, B3: SEAT}, status=stands)
    made = plan(known, NOW + timedelta(minutes=1), POLICY)
    task = tasks.remove_schedule(view(known))
    assert made.steps == ()
    assert made.look_again == NOW + POLICY.recheck
    by_ref = found(made)
    assert set(by_ref) == {O1, B1, B2}
    assert (by_ref[O1].state, by_ref[O1].tasks) == (Handed(), (task,))
    assert told(by_ref[B1]) == [cancelled("1", None)]
    assert by_ref[B2] == Finding(B2, Handed(), note="goes with the schedule")


def test_the_next_look_is_never_after_the_exam() -> None:
    """What is over needs no look; without any look so far the next one counts from now."""
    near = {**MADE, "read_at": utc_text(END - timedelta(minutes=1))}
    known = sitting(exam_cancelled(minute=1), known={**near, "attempts": []})
    assert plan(known, END - timedelta(seconds=30), POLICY).look_again == END
    never = {name: value for name, value in MADE.items() if name != "read_at"}
    assert plan(sitting(exam_cancelled(minute=1), known=never), NOW, POLICY).look_again == NOW + POLICY.recheck


def test_a_refused_exam_refuses_its_bookings_and_gives_seats_up_by_hand() -> None:
    """Live bookings are refused with the exam; who was cancelled is off, or, seated, is a task; settled ones rest."""
    misfit = "o/\u00e9"
    events = [booked(key, key) for key in "1234"]
    off = [booking_cancelled("2", "2", minute=2), booking_cancelled("3", "3", minute=2)]
    known = sitting(*events, *off, confirmed={B3: SEAT}, status={B4: Status.SETTLED})
    assert known.root is not None
    refusing = {**known.root.facets["timetable"].data, "refusal": f"no id {misfit}"}
    facets = {**known.root.facets, "timetable": replace(known.root.facets["timetable"], data=refusing)}
    known = replace(known, root=replace(known.root, facets=facets))
    made = plan(known, NOW, POLICY)
    text = f"The exam's id cannot be used in Cirrus: no id {misfit}."
    by_ref = found(made)
    assert (made.steps, set(by_ref)) == ((), {O1, B1, B2, B3})
    exam, first = by_ref[O1].state, by_ref[B1].state
    assert isinstance(exam, Dismissed)
    assert (exam.reason.code, exam.reason.text) == ("invalid-id", text)
    assert isinstance(first, Dismissed)
    assert (first.reason.code, first.reason.text) == (
        "exam-rejected",
        f"The exam cannot be brought into Cirrus: {text}",
    )
    assert told(by_ref[B2]) == [cancelled("2", None)]
    (third,) = (member for member in known.members if member.ref == B3)
    candidate = known.related[third.about] if third.about is not None else None
    task = tasks.remove_candidate(Booked(third, candidate, live=False), view(known))
    assert (by_ref[B3].state, by_ref[B3].tasks) == (Handed(), (task,))
    assert "s3" in task.steps[-1] + task.text + "".join(task.steps)


def test_a_refused_and_cancelled_exam_says_why_its_bookings_are_off() -> None:
    """Bookings of an exam that was called off are off for that reason, refused or not."""
    known = sitting(booked("1", "1"), exam_cancelled(minute=1))
    assert known.root is not None
    made = plan(replace(known, root=replace(known.root, rival="o9")), NOW, POLICY)
    assert told(found(made)[B1]) == [cancelled("1", "no room")]


def test_a_schedule_that_is_gone_lets_bookings_wait_for_it() -> None:
    """The exam is a task; open bookings wait for the schedule by name, and say so; who was cancelled is off."""
    events = [booked(key, key) for key in "123"]
    gone = {**MADE, "exists": False}
    known = sitting(
        *events,
        booking_cancelled("2", "2", minute=2),
        known=gone,
        confirmed={B2: SEAT},
        status={B3: Status.SETTLED},
    )
    since = Wanting(O1, "the schedule in Cirrus", NOW - POLICY.pending_after)
    members = tuple(replace(m, wanting=since) if m.ref == B1 else m for m in known.members)
    known = replace(known, members=members)
    made = plan(known, NOW, POLICY)
    by_ref = found(made)
    assert set(by_ref) == {O1, B1, B2}
    assert by_ref[O1].tasks == (tasks.restore_schedule(view(known)),)
    assert by_ref[B1].state == Waits(O1, "the schedule in Cirrus")
    assert by_ref[B1].note == "waits for the schedule in Cirrus"
    pending = {
        "associationId": "b1",
        "offeringId": "o1",
        "personId": "p1",
        "waitingFor": {"kind": SITTING, "id": "o1"},
        "deadline": utc_text(START),
    }
    assert told(by_ref[B1]) == [("booking.pending", pending)]
    assert told(by_ref[B2]) == [cancelled("2", None)]
    assert made.look_again == NOW + POLICY.recheck


def test_where_a_schedule_was_never_looked_for_the_next_look_counts_from_now() -> None:
    """A schedule that is known to be gone is looked for again a while after the last look, or after now."""
    gone = {"exists": False, "made": True}
    made = plan(sitting(booked("1", "1"), known=gone), NOW, POLICY)
    assert made.look_again == NOW + POLICY.recheck


def test_an_open_task_that_a_look_can_close_is_looked_at() -> None:
    """After the time between two looks, not before, not once the exam is over, and not for tasks no look can close."""
    task = OpenTask("t", O1, tasks.MOVE_SCHEDULE)
    read = {**MADE, "read_at": utc_text(NOW)}
    later = NOW + POLICY.recheck
    known = sitting(booked("1", "1"), known=read, tasks=(task,), confirmed={B1: SEAT})
    assert plan(known, later, POLICY).steps == (ReadSchedule("o1"),)
    assert ReadSchedule("o1") not in plan(known, later - timedelta(seconds=1), POLICY).steps
    assert ReadSchedule("o1") not in plan(known, END, POLICY).steps
    unseen = replace(known, tasks=(OpenTask("t", O1, next(iter(tasks.UNSEEN))),))
    assert ReadSchedule("o1") not in plan(unseen, later, POLICY).steps
    assert unseen.tenant == TENANT
