"""Tests of what a plan for a candidate finds, word for word: what the SIS hears, and what is kept and noted."""

from datetime import UTC, datetime, timedelta

import pytest

from adapter.domain.findings import Continues, Dismissed, Finding, Settled
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, CANDIDATE, SITTING, Aggregate, Record, Ref
from adapter.domain.steps import CreateCandidate, Hierarchy, ReadCandidate
from adapter.domain.verdict import Reason
from adapter.domain.version import fingerprint
from handlers.candidates.plan import ExtraTime, answers, extra_time, plan, rejected
from handlers.people import person_of
from tests.unit.aggregates import aggregate
from tests.unit.builders import (
    MAPPING,
    NOW,
    START,
    Event,
    accommodated,
    booked,
    enrolled,
    exam_cancelled,
    person,
    scheduled,
    updated,
    withdrawn,
)
from tests.values import replace

P1 = Ref(CANDIDATE, "p1")
SEEN = {"first_name": "Given1", "last_name": "Sur1", "mail": "s1@uni.example", "extra_time": 20}
END = START + timedelta(hours=3)
POLICY = Policy()


def root(candidate: Aggregate) -> Record:
    """Return the candidate's record."""
    assert candidate.root is not None
    return candidate.root


def joined(who: str, *programmes: str) -> list[Event]:
    """Return enrolments in programmes, one a minute."""
    return [
        Event(
            "sis.student.enrolled.v1",
            f"p{who}",
            {
                "person": person(who),
                "programOfferingAssociation": {
                    "associationId": f"in-{place}",
                    "state": "associated",
                    "offering": {"offeringId": place, "primaryCode": {"codeType": "x", "code": place}},
                },
            },
            minute,
        )
        for minute, place in enumerate(programmes)
    ]


def test_a_confirmation_says_who_what_and_how_much() -> None:
    """The event names the person and the extra time in force, what was told is forgotten, and the rest is kept."""
    known = aggregate(
        P1,
        updated("1"),
        accommodated("1", {"extraTimePercentage": 20}, minute=1),
        confirmed={P1: {"seen": SEEN, "changed": ["mail"], "extra_set": 20}},
    )
    (found,) = plan(known, NOW, POLICY).findings
    (told,) = found.outcomes
    assert dict(told.data) == {
        "personId": "p1",
        "candidateExtId": "s1",
        "changed": ["mail"],
        "extraTimePercentage": 20,
    }
    assert (told.type, told.subject, told.answers) == ("cirrus.candidate.confirmed.v1", "p1", answers(root(known), 20))
    kept = {"seen": SEEN, "extra_set": 20}
    assert found == Finding(P1, Settled(), confirmed=kept, outcomes=(told,), note="as the SIS says")


def test_a_rejection_says_who_and_why_and_forgets_what_was_read() -> None:
    """A new try has to read Cirrus again, whatever was known of the candidate before."""
    known = aggregate(P1, updated("1"), confirmed={P1: {"seen": SEEN, "extra_set": 20}})
    reason = Reason("username-taken", "Another user has this name.")
    found = rejected(root(known), reason)
    (told,) = found.outcomes
    assert dict(told.data) == {
        "personId": "p1",
        "candidateExtId": "s1",
        "error": {"code": "username-taken", "text": "Another user has this name.", "retryable": False},
    }
    assert (told.type, told.answers) == ("cirrus.candidate.rejected.v1", answers(root(known), None))
    forgotten = {"seen": None, "extra_set": 20}
    assert found == Finding(P1, Dismissed(reason), confirmed=forgotten, outcomes=(told,), note="username-taken")


def test_an_answer_names_the_person_the_other_facets_and_the_extra_time() -> None:
    """Of the two ways to speak of a person only the one that holds counts: another booking is no new version."""
    one = root(aggregate(P1, updated("1"), accommodated("1", {"extraTimePercentage": 20}, minute=1)))
    statement = person_of(one)
    assert statement is not None
    needs = f"needs={one.facets['needs'].label}"
    assert answers(one, 20) == fingerprint([statement.label, [needs], 20])[:32]
    mentioned = root(aggregate(P1, updated("1"), scheduled(), booked("1", "1", minute=9)))
    assert answers(mentioned, None) == answers(root(aggregate(P1, updated("1"))), None)


def test_an_answer_without_a_person_is_of_what_is_known() -> None:
    """Who was granted time and never described has a version, too."""
    one = root(aggregate(P1, accommodated("1", {"extraTimePercentage": 20})))
    assert answers(one, None) == fingerprint(["", [f"needs={one.facets['needs'].label}"], None])[:32]


def test_in_doubt_what_was_seen_is_forgotten_before_it_is_read_again() -> None:
    """Should the read fail, the next plan reads first; all else that is known stays."""
    known = aggregate(P1, updated("1"), confirmed={P1: {"seen": SEEN, "extra_set": 20}}, unsure=True)
    made = plan(known, NOW, POLICY)
    assert made.steps == (ReadCandidate("s1"),)
    assert made.findings == (Finding(P1, Continues(), confirmed={"seen": None, "extra_set": 20}),)


def test_a_candidate_without_a_name_waits_for_one() -> None:
    """The note says what is missing, and nothing is sent."""
    made = plan(aggregate(P1, accommodated("1", {"extraTimePercentage": 20})), NOW, POLICY)
    assert made.steps == ()
    assert [finding.state.reason for finding in made.findings] == ["the person's name and mail address"]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("events", "places"),
    [
        ([updated("1")], ("UNI",)),
        (joined("1", "LAW", "ART"), ("ART", "LAW")),
        ([*joined("1", "LAW"), withdrawn("1", minute=1, associationId="in-LAW")], ("UNI",)),
        ([enrolled("1")], ("UNI",)),
    ],
)
def test_a_new_candidate_belongs_where_the_programmes_are(events: list[Event], places: tuple[str, ...]) -> None:
    """With every programme that goes on; without one that names a place, where everybody belongs."""
    mapping = replace(MAPPING, hierarchies={place: Hierarchy(place, place) for place in ("ART", "LAW")})
    known = aggregate(P1, *events, confirmed={P1: {"seen": {"absent": True}}}, mapping=mapping)
    (step,) = plan(known, NOW, POLICY).steps
    assert isinstance(step, CreateCandidate)
    assert step.hierarchies == places


def test_a_hierarchy_that_cirrus_denied_is_left_out() -> None:
    """Cirrus makes it with the first schedule."""
    known = aggregate(P1, updated("1"), confirmed={P1: {"seen": {"absent": True}, "no_hierarchy": True}})
    (step,) = plan(known, NOW, POLICY).steps
    assert isinstance(step, CreateCandidate)
    assert step.hierarchies == ()


def exams(*events: Event, **facts: object) -> ExtraTime:
    """Return the extra time of candidate 1 after these events."""
    return extra_time(aggregate(P1, updated("1"), *events, confirmed={P1: facts}), NOW)


def test_nobody_has_asked_for_extra_time() -> None:
    """Without a grant nothing is wished for, so that what staff have set stays; once set by us it is taken back."""
    assert exams(scheduled(), booked("1", "1")) == ExtraTime(None)
    assert exams(extra_set=20) == ExtraTime(0)


def test_the_largest_grant_holds_until_its_last_exam_is_over() -> None:
    """Of several bookings the largest counts, until the end of the last exam for which it is granted."""
    later = START + timedelta(days=9)
    events = [
        *(scheduled(), scheduled("2", start=later), scheduled("3")),
        *(booked(key, "1", key, extraTimePercentage=share) for key, share in (("1", 25), ("2", 25), ("3", 10))),
    ]
    assert exams(*events) == ExtraTime(25, later + timedelta(hours=3))
    assert exams(*events[:1], *events[2:4], events[5]) == ExtraTime(25, END)


def test_minutes_are_of_the_exams_own_duration_on_its_own_day() -> None:
    """Thirty minutes of two hours are a quarter; a need that does not count on the day of the exam is none."""
    need = {"additionalTimeInMin": 30, "startDate": "2026-10-20", "endDate": "2026-10-20"}
    granted = [scheduled(), booked("1", "1"), accommodated("1", need, minute=1)]
    assert exams(*granted) == ExtraTime(25, datetime(2026, 10, 20, tzinfo=UTC))
    assert exams(scheduled(start=START + timedelta(days=1)), *granted[1:]).percent == 0


def test_only_live_bookings_of_the_candidate_in_exams_to_come_count() -> None:
    """Neither those of somebody else, nor of an exam that is over, called off, or not described."""
    share = {"extraTimePercentage": 25}
    over = scheduled(start=NOW - timedelta(hours=3))
    for events in (
        [scheduled(), booked("1", "2", **share)],
        [over, booked("1", "1", **share)],
        [scheduled(), exam_cancelled(minute=1), booked("1", "1", **share)],
        [booked("1", "1", **share)],
    ):
        assert exams(*events, extra_set=1) == ExtraTime(0)


def test_what_stands_for_every_exam_has_its_own_turns() -> None:
    """A grant in percent counts from its first day; a plan is made anew when it begins and when it has ended."""
    need = {"extraTimePercentage": 20, "startDate": "2026-11-01", "endDate": "2026-11-30"}
    assert exams(accommodated("1", need)) == ExtraTime(0, datetime(2026, 11, 1, tzinfo=UTC))
    minutes = {"additionalTimeInMin": 30, "startDate": "2026-11-01"}
    assert exams(accommodated("1", minutes)) == ExtraTime(0, datetime(2026, 11, 1, tzinfo=UTC))


def test_a_denial_since_the_last_read_is_looked_into() -> None:
    """Where Cirrus has denied knowing the candidate after it was read, it is read again; before, it is not."""
    booking = Ref(BOOKING, "b1")
    for denied, steps in (("2026-09-02T00:00:00Z", (ReadCandidate("s1"),)), ("2026-08-31T00:00:00Z", ())):
        known = aggregate(
            P1,
            updated("1"),
            scheduled(),
            booked("1", "1"),
            confirmed={
                P1: {"seen": {**SEEN, "extra_time": 0}, "read_at": "2026-09-01T00:00:00Z"},
                booking: {"unknown_at": denied},
            },
        )
        assert known.related[Ref(SITTING, "o1")].home == Ref(SITTING, "o1")
        assert plan(known, NOW, POLICY).steps == steps
