"""Laws of the closed loop: whatever is said in whatever order, and whatever answers are lost, the seats are right.

A day is a handful of exams, people and bookings with a history each. What should be in the end follows from
the newest statement about each object alone; `wanted` works that out without any of the code under test.
"""

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.answers import Answer, NoAnswer
from adapter.domain.policy import Policy
from adapter.domain.records import Status
from adapter.domain.steps import Step
from tests.unit.builders import (
    NOW,
    START,
    Event,
    booked,
    booking_cancelled,
    enrolled,
    exam_cancelled,
    scheduled,
    withdrawn,
)
from tests.unit.pure_cirrus import PureCirrus, candidates_of
from tests.unit.pure_office import Office
from tests.values import replace

SITTINGS, PEOPLE = "12", "abcd"
LATE = Policy(mode="before_start", batch_size=2)
AT_ONCE = Policy(launch_links=False, batch_size=2)
UNUSABLE = {"primaryCode": {"codeType": "x", "code": "\u00e9"}}
"""What makes person d impossible in Cirrus."""


@dataclass(frozen=True, slots=True)
class Day:
    """What the SIS says on one day, oldest first, and where it leaves each object."""

    events: tuple[Event, ...]
    exams: dict[str, bool]
    bookings: dict[str, tuple[str, str] | None]
    away: frozenset[str]

    def wanted(self, sitting: str) -> set[str] | None:
        """Return who should be on a schedule, None where there should be none."""
        if not self.exams.get(sitting, False):
            return None
        seats = {who for seat in self.bookings.values() if seat is not None and seat[1] == sitting for who in seat[0]}
        return {f"s{who}" for who in seats - self.away - {"d"}}


@st.composite
def days(draw: st.DrawFn) -> Day:
    """Draw a day: each step is a newer statement about an exam, a booking or a student."""
    owners = {f"{number}": draw(st.sampled_from(PEOPLE)) for number in range(5)}
    events: list[Event] = []
    exams: dict[str, bool] = {}
    bookings: dict[str, tuple[str, str] | None] = {}
    away: set[str] = set()
    for minute in range(draw(st.integers(1, 12))):
        sitting = draw(st.sampled_from(SITTINGS))
        match draw(st.sampled_from(["exam", "exam", "off", "book", "book", "book", "cancel", "leave", "return"])):
            case "exam":
                events.append(scheduled(sitting, minutes=draw(st.sampled_from([180, 240])), minute=minute))
                exams[sitting] = True
            case "off":
                events.append(exam_cancelled(sitting, minute=minute))
                exams[sitting] = False
            case "book":
                key = draw(st.sampled_from(sorted(owners)))
                whom = UNUSABLE if owners[key] == "d" else {}
                events.append(booked(key, owners[key], sitting, minute=minute, whom=whom))
                bookings[key] = (owners[key], sitting)
            case "cancel":
                key = draw(st.sampled_from(sorted(owners)))
                events.append(booking_cancelled(key, owners[key], sitting, minute=minute))
                bookings[key] = None
            case "leave":
                who = draw(st.sampled_from("abc"))
                events.append(withdrawn(who, minute=minute))
                away.add(who)
            case _:
                who = draw(st.sampled_from("abc"))
                events.append(enrolled(who, minute=minute))
                away.discard(who)
    described = {event.subject[1:] for event in events if event.type == "sis.exam.scheduled.v1"}
    return Day(tuple(events), {key: on and key in described for key, on in exams.items()}, bookings, frozenset(away))


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[Day, list[Event]]:
    """Draw a day and the order in which it arrives, some of it twice."""
    day = draw(days())
    return day, draw(st.permutations([*day.events, *draw(st.lists(st.sampled_from(day.events), max_size=3))]))


def check_seats(office: Office, day: Day) -> None:
    """Check that each schedule holds exactly whom it should."""
    for sitting in SITTINGS:
        wanted = day.wanted(sitting)
        if office.policy.mode == "at_once" and not wanted and office.seats(sitting) is None:
            continue
        assert office.seats(sitting) == wanted, sitting


def check_rest(office: Office) -> None:
    """Check that everything has come to rest: nothing is due, and looking again calls nothing and says nothing.

    The first look may say a thing once more: an older statement of the same that came late is what it answers now.
    """
    assert all(record.status is not Status.DUE for record in office.records.values())
    steps = len(office.cirrus.steps)
    look_at_everything(office)
    said = dict(office.said)
    look_at_everything(office)
    assert office.cirrus.steps[steps:] == []
    assert office.said == said


def look_at_everything(office: Office) -> None:
    """Make a pass over every aggregate."""
    for ref in sorted({record.home for record in office.records.values() if record.status is not Status.KNOWN}):
        office.converge(ref)


def check_refused(office: Office) -> None:
    """Check that nothing was sent for the person whose id Cirrus cannot take."""
    assert not any("\u00e9" in candidate for step in office.cirrus.steps for candidate in candidates_of(step))
    assert all(
        record.status in (Status.REJECTED, Status.WAITING, Status.SETTLED)
        for record in office.records.values()
        if record.about is not None and record.about.key == "pd"
    )


@given(deliveries(), st.sampled_from([LATE, AT_ONCE]))
def test_any_order_of_a_day_ends_with_the_wanted_seats(delivery: tuple[Day, list[Event]], policy: Policy) -> None:
    """All events first, in any order, some twice: then the work ends with exactly the wanted seats, at rest."""
    day, arrivals = delivery
    office = Office(policy)
    office.hear(*arrivals)
    office.work(NOW + timedelta(hours=2))
    check_seats(office, day)
    assert office.open_tasks() == []
    check_rest(office)
    check_refused(office)


@given(deliveries(), st.sets(st.integers(0, 15)))
def test_a_day_worked_on_while_it_comes_in_ends_the_same(delivery: tuple[Day, list[Event]], pauses: set[int]) -> None:
    """With drafts everything can be undone by the API, so working in between changes nothing about the end."""
    day, arrivals = delivery
    office = Office(LATE)
    for number, event in enumerate(arrivals):
        office.hear(event)
        if number in pauses:
            office.work()
    office.work(NOW + timedelta(hours=2))
    check_seats(office, day)
    assert office.open_tasks() == []
    check_rest(office)
    check_refused(office)


@given(deliveries(), st.sets(st.integers(0, 15)))
def test_what_cannot_be_undone_is_exactly_what_people_are_asked_to_do(
    delivery: tuple[Day, list[Event]], pauses: set[int]
) -> None:
    """With schedules activated at once, the tasks name all that is too much, and are closed once it is done."""
    day, arrivals = delivery
    office = Office(AT_ONCE)
    for number, event in enumerate(arrivals):
        office.hear(event)
        if number in pauses:
            office.work()
    office.work(NOW + timedelta(hours=2))
    do_tasks(office)
    office.work(NOW + timedelta(hours=4))
    check_seats(office, day)
    assert office.open_tasks() == []
    check_rest(office)


def do_tasks(office: Office) -> None:
    """Do what the open tasks ask for, and nothing else."""
    for asked in list(office.tasks.values()):
        sitting = office.records[asked.home].external_id or ""
        held = office.cirrus.schedules[sitting]
        match asked.task.name:
            case "remove-schedule":
                del office.cirrus.schedules[sitting]
            case "remove-candidate":
                about = office.records[asked.task.ref].about
                assert about is not None
                held.seats.discard(office.records[about].external_id or "")
            case "move-schedule":
                end = START + timedelta(minutes=240 if "12:00" not in " ".join(asked.task.steps) else 180)
                held.schedule = replace(held.schedule, end=end)
            case other:
                raise AssertionError(f"nobody expected {other}")


@given(
    deliveries(),
    st.dictionaries(st.integers(0, 30), st.booleans(), max_size=6),
    st.sets(st.sampled_from(["sa", "sb", "sc"]), max_size=1),
)
def test_lost_answers_and_bad_candidates_change_nothing_for_the_others(
    delivery: tuple[Day, list[Event]], lost: dict[int, bool], spoiled: set[str]
) -> None:
    """Answers are lost after or before the call was carried out, one candidate is refused: the rest is seated."""
    day, arrivals = delivery
    office = Office(AT_ONCE, PureCirrus(spoiled=spoiled))
    office.cirrus.script = [lose(lost)] * (len(lost) + 1)
    office.hear(*arrivals)
    office.work(NOW + timedelta(hours=4))
    for sitting in SITTINGS:
        wanted = (day.wanted(sitting) or set()) - spoiled
        assert (office.seats(sitting) or set()) == wanted
    check_rest(office)


def lose(lost: dict[int, bool]) -> "Scripted":
    """Return a script entry that loses the answers to the calls with these numbers."""
    return Scripted(lost)


@dataclass(frozen=True, slots=True)
class Scripted:
    """Loses the answer to some calls; true: after the call was carried out."""

    lost: dict[int, bool]

    def __call__(self, cirrus: PureCirrus, step: Step) -> Answer | None:
        """Answer nothing at all when this call's answer is to be lost."""
        carried_out = self.lost.get(len(cirrus.steps) - 1)
        if carried_out is None:
            return None
        if carried_out and not step.reads:
            cirrus.obey(step)
        return NoAnswer()
