"""Tests of reading events about exams and bookings: each type, each bad field with its JSON path, no leak of a name."""

from datetime import timedelta

import pytest

from adapter.domain.mapping import IdMapping
from adapter.domain.records import BOOKING, CANDIDATE, RESULT_LIST, SITTING, Change, Ref
from adapter.domain.steps import Hierarchy
from adapter.domain.version import Rank
from adapter.errors import InvalidMessage
from handlers.people import MENTION
from handlers.results.hear import EXAM
from handlers.sittings.translate import LIFE, SEAT, TIMETABLE
from tests.unit.builders import (
    MAPPING,
    START,
    Event,
    booked,
    booking_cancelled,
    changes,
    code,
    exam_cancelled,
    person,
    read,
    rebooked,
    scheduled,
)
from tests.unit.wrong import Wrong, spoil

O1, B1, P1 = Ref(SITTING, "o1"), Ref(BOOKING, "b1"), Ref(CANDIDATE, "p1")


def by_facet(event: Event, mapping: IdMapping = MAPPING) -> dict[str, Change]:
    """Translate an event, its changes by facet."""
    return {change.facet: change for change in changes(event, mapping)}


@pytest.mark.parametrize("kind", ["sis.exam.scheduled.v1", "sis.exam.updated.v1"])
def test_a_sitting_is_scheduled(kind: str) -> None:
    """Timetable and life are two facets, so that a later timetable never revives a cancelled exam by itself."""
    organisation = {"organisationId": "x", "primaryCode": code("LAW"), "name": "Law"}
    plain = scheduled(organisation=organisation, pin="0042", testsToBeUsed=["T9"])
    found = by_facet(Event(kind, plain.subject, plain.data))
    assert {TIMETABLE, LIFE, EXAM} == set(found)
    assert found[TIMETABLE].statement.data == {
        "title": "Exam 1",
        "start": "2026-10-20T09:00:00Z",
        "end": "2026-10-20T12:00:00Z",
        "duration": 120,
        "hierarchy": {"id": "LAW", "name": "Law"},
        "pin": "0042",
        "assessment": "T9",
    }
    assert (found[TIMETABLE].ref, found[TIMETABLE].external_id, found[TIMETABLE].deadline) == (O1, "o1", START)
    assert found[LIFE].statement.data == {"canceled": False, "reason": None}
    assert (found[EXAM].ref, found[EXAM].deadline) == (Ref(RESULT_LIST, "o1"), START + timedelta(hours=3, days=60))
    assert found[EXAM].statement.data == {"end": "2026-10-20T12:00:00Z"}


def test_times_of_any_zone_become_utc() -> None:
    """S27: the same moment is said the same way, on either side of the change to winter time."""
    one = by_facet(scheduled(startDateTime="2026-10-25T02:30:00+02:00", endDateTime="2026-10-25T02:45:00+01:00"))
    assert one[TIMETABLE].statement.data["start"] == "2026-10-25T00:30:00Z"
    assert one[TIMETABLE].statement.data["end"] == "2026-10-25T01:45:00Z"


def test_a_cancelled_exam_keeps_its_timetable() -> None:
    """Cancelling speaks of the life of the exam only, and outranks an update of the same moment."""
    found = by_facet(exam_cancelled())
    assert {LIFE} == set(found)
    assert found[LIFE].statement.data == {"canceled": True, "reason": "no room"}
    assert Rank.CANCEL is found[LIFE].statement.version.rank


def test_a_booking_names_its_seat_and_its_person() -> None:
    """Home is the sitting, about is the candidate; the person is mentioned on the way."""
    found = by_facet(booked("1", "1", attempt=2, extraTimePercentage=25, additionalTimeInMin=10))
    assert {MENTION, SEAT} == set(found)
    assert (found[SEAT].ref, found[SEAT].home, found[SEAT].about) == (B1, O1, P1)
    assert found[SEAT].statement.data == {
        "live": True,
        "sitting": "o1",
        "attempt": 2,
        "extra": {"percent": 25},
        "attempt_id": "b1",
    }


def test_a_rebooking_is_a_booking_of_the_new_sitting() -> None:
    """The same booking id, another home."""
    change = by_facet(rebooked("1", "1", "2", "1"))[SEAT]
    assert (B1, Ref(SITTING, "o2")) == (change.ref, change.home)


def test_a_cancellation_says_all_that_a_tombstone_needs() -> None:
    """S4: it may come first, so it names sitting and candidate itself."""
    change = by_facet(booking_cancelled("1", "1"))[SEAT]
    assert (change.ref, change.home, change.about, change.statement.version.rank) == (B1, O1, P1, Rank.CANCEL)
    assert not change.statement.data["live"]


def test_ids_that_do_not_fit_are_refusals() -> None:
    """What Cirrus cannot be told is said to the SIS later; reading the event does not fail."""
    sitting = by_facet(scheduled(offeringId="\u00e9"))[TIMETABLE]
    assert sitting.external_id is None
    assert "letters, digits and dashes" in sitting.statement.data["refusal"]
    assert (
        "refusal"
        in by_facet(scheduled(component={"componentId": "c", "primaryCode": code("\u00e9")}))[TIMETABLE].statement.data
    )
    assert "attempt_refusal" in by_facet(booked("\u00e9", "1"))[SEAT].statement.data


def test_the_schedule_id_is_as_mapped() -> None:
    """An institution may identify schedules by their codes."""
    mapping = IdMapping(Hierarchy("UNI", "University"), schedule_id="primaryCode")
    assert by_facet(scheduled(), mapping)[TIMETABLE].external_id == "EXAM1"


def test_free_text_may_have_lines() -> None:
    """A reason that somebody typed on two lines is no cause to lose a cancellation."""
    event = exam_cancelled()
    event.data["reason"] = "fire\nin the hall"
    assert by_facet(event)[LIFE].statement.data["reason"] == "fire in the hall"


EVENTS = [scheduled(), exam_cancelled(), booked("1", "1"), booking_cancelled("1", "1"), rebooked("1", "1", "2", "1")]


@pytest.mark.parametrize("event", EVENTS)
def test_translation_is_deterministic(event: Event) -> None:
    """The same event always says the same."""
    assert changes(event) == changes(event)


SITTING_FIELDS: tuple[Wrong, ...] = (
    ("offeringId", None, "missing"),
    ("offeringId", "x" * 201, "string too long"),
    ("primaryCode", None, "missing"),
    ("name", None, "missing"),
    ("name", " ", "string too short"),
    ("component", None, "missing"),
    ("component.primaryCode.code", None, "missing"),
    ("startDateTime", None, "missing"),
    ("startDateTime", "2026-10-20T09:00:00", "timezone aware"),
    ("startDateTime", 1792486800, "a date"),
    ("startDateTime", "1792486800", "a date"),
    ("startDateTime", "0001-01-01T00:00:00+14:00", "a year from 2000"),
    ("endDateTime", "9999-12-31T23:59:59Z", "a year from 2000"),
    ("endDateTime", "soon-ish", "datetime"),
    ("duration", -1, "greater than equal"),
    ("duration", 1441, "less than equal"),
    ("duration", "two hours", "int parsing"),
    ("pin", "12345", "string pattern mismatch"),
    ("pin", "12a", "string pattern mismatch"),
    ("testsToBeUsed", "T9", "tuple type"),
    ("organisation", {"organisationId": "x", "primaryCode": code("y")}, "missing"),
    ("invigilators", [person("1", mail="zebedee")], "string pattern mismatch"),
)
BOOKING_FIELDS: tuple[Wrong, ...] = (
    ("associationId", None, "missing"),
    ("offeringId", None, "missing"),
    ("person", None, "missing"),
    ("person.mail", "zebedee", "string pattern mismatch"),
    ("state", None, "missing"),
    ("state", "canceled", "literal error"),
    ("attempt", 0, "greater than equal"),
    ("additionalTimeInMin", "Zebedee", "int parsing"),
    ("extraTimePercentage", 1001, "less than equal"),
    ("bookedAt", "2026-10-01", "timezone aware"),
)
CANCELLATION_FIELDS: tuple[Wrong, ...] = (
    ("associationId", None, "missing"),
    ("offeringId", None, "missing"),
    ("personId", None, "missing"),
    ("state", "associated", "literal error"),
    ("reason", "x" * 2001, "string too long"),
)
WRONGS = [
    *((scheduled(), *wrong) for wrong in SITTING_FIELDS),
    (exam_cancelled(), "offeringId", None, "missing"),
    *((booked("1", "1"), *wrong) for wrong in BOOKING_FIELDS),
    *((rebooked("1", "1", "2", "1"), *wrong) for wrong in BOOKING_FIELDS),
    (rebooked("1", "1", "2", "1"), "previousOfferingId", None, "missing"),
    *((booking_cancelled("1", "1"), *wrong) for wrong in CANCELLATION_FIELDS),
]


@pytest.mark.parametrize(("event", "path", "value", "words"), WRONGS)
def test_a_wrong_field_is_refused_with_its_path(event: Event, path: str, value: object, words: str) -> None:
    """Every wrong field has its place named, and its value not."""
    with pytest.raises(InvalidMessage, match=words) as caught:
        read(spoil(event, path, value))
    assert caught.value.reason == "bad-data"
    assert caught.value.path.startswith(f"$.data.{path}")
    assert "ebedee" not in str(caught.value)


def test_an_exam_ends_after_it_starts() -> None:
    """A window without length is refused, in words."""
    with pytest.raises(InvalidMessage, match="endDateTime must be later than startDateTime") as caught:
        read(scheduled(minutes=0))
    assert caught.value.path == "$.data"


@pytest.mark.parametrize("event", EVENTS)
def test_a_person_is_never_shown(event: Event) -> None:
    """Neither the event's shape nor what becomes of it shows a name or a mail address."""
    shown = repr((read(event), changes(event)))
    assert not any(secret in shown for secret in ("Given1", "Sur1", "@"))
