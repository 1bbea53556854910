"""Results in the pure loop: announced, read once, told; corrected, voided, withdrawn; and nobody's."""

from datetime import datetime, timedelta

from adapter.domain.allowance import Need
from adapter.domain.answers import Answer, Failing, Phrase, ResultSeen
from adapter.domain.policy import Policy, ResultPolicy
from adapter.domain.records import RESULT, Ref, Status
from adapter.domain.steps import ReadAttempts, ReadResults, Step
from adapter.domain.version import utc_time
from tests.unit.builders import START, booked, booking_cancelled, exam_cancelled, scheduled
from tests.unit.pure_cirrus import PureCirrus, refused
from tests.unit.pure_office import Office, settled
from tests.unit.results_kit import DAY, END, HOUR, PASSED, event_id, over, publish, readings
from tests.values import replace


def test_an_announced_result_is_read_and_told() -> None:
    """One reading by candidate and schedule; the event holds everything, with version 1."""
    office = over("a")
    publish(office, "a", replace(PASSED, raw_score=29.0, max_raw_score=40.0, test_date=START, attempt=1))
    office.work(until=office.now + HOUR)
    assert [ReadResults("sa", "o1", None, Need.FIRST)] == readings(office)
    (told,) = office.told("result.published", "ba")
    assert told.data == {
        "associationId": "ba",
        "offeringId": "o1",
        "personId": "pa",
        "candidateExtId": "sa",
        "scheduleExtId": "o1",
        "result": {
            "state": "completed",
            "pass": "passed",
            "score": 71.0,
            "rawScore": 29.0,
            "maxRawScore": 40.0,
            "grade": "B",
            "testDate": "2026-10-20T09:00:00Z",
            "resultDate": None,
            "attempt": 1,
            "final": None,
        },
        "contentHash": told.data["contentHash"],
        "orphan": False,
        "resultVersion": 1,
    }


def test_a_result_is_not_read_before_it_is_quiet_about_it() -> None:
    """Repeated notices come within a minute: one reading answers them all."""
    office = over("a")
    publish(office, "a", PASSED)
    for _ in range(9):
        office.announce("a", seconds=10)
        office.work()
    assert readings(office) == []
    office.work(until=office.now + HOUR)
    assert len(readings(office)) == 1


def test_a_result_that_is_announced_without_end_is_read_all_the_same() -> None:
    """Quiet is not waited for longer than `quiet_longest`."""
    office = over("a")
    publish(office, "a", PASSED)
    office.work()
    for _ in range(13):
        office.announce("a", seconds=50)
        office.work()
    assert len(readings(office)) == 1


def test_a_repeated_notice_costs_a_reading_and_tells_nothing() -> None:
    """The content decides: the same content is no event, and each vain reading is waited for longer."""
    office = over("a")
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    said = dict(office.said)
    gaps: list[timedelta] = []
    for _ in range(3):
        office.announce("a")
        announced, before = office.now, len(readings(office))
        office.work(until=office.now + DAY)
        assert len(readings(office)) == before + 1
        gaps.append(read_at(office) - announced)
    assert said == office.said
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0]


def read_at(office: Office) -> datetime:
    """Return when the result of student a was last read."""
    reading = office.records[Ref(RESULT, "o1/sa")].confirmed["readings"]["notice"]
    return utc_time(reading["at"])


def test_a_changed_result_is_a_correction() -> None:
    """Version 2 names the event it supersedes, and what was said before."""
    office = over("a")
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    (first,) = office.told("result.published")
    publish(office, "a", replace(PASSED, standing="failed", score=40.0))
    office.work(until=office.now + HOUR)
    (second,) = office.told("result.corrected", "ba")
    assert second.data["resultVersion"] == 2
    assert second.data["supersedes"] == event_id(first)
    assert second.data["previous"] == {"score": 71.0, "pass": "passed"}
    assert second.data["result"]["pass"] == "failed"
    assert [step.need for step in readings(office)] == [Need.FIRST, Need.CORRECTION]


def test_publishing_the_same_once_more_is_no_correction() -> None:
    """When it was published is no part of what was achieved."""
    office = over("a")
    publish(office, "a", replace(PASSED, result_date=END))
    office.work(until=office.now + HOUR)
    publish(office, "a", replace(PASSED, result_date=END + DAY))
    office.work(until=office.now + HOUR)
    assert office.told("result.corrected") == []


def test_a_voided_result_is_told_and_may_come_back() -> None:
    """VOIDED is an event of its own; a later result corrects it."""
    office = over("a")
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    publish(office, "a", ResultSeen("voided"))
    office.work(until=office.now + HOUR)
    (voided,) = office.told("result.voided", "ba")
    assert voided.data["supersedes"] == event_id(office.told("result.published")[0])
    assert voided.data["resultVersion"] == 2
    assert "result" not in voided.data
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    (again,) = office.told("result.corrected", "ba")
    assert again.data["supersedes"] == event_id(voided)
    assert again.data["resultVersion"] == 3


def test_a_result_that_is_gone_is_missed_three_times_before_it_counts_as_withdrawn() -> None:
    """A grade is not voided on one empty answer: the readings lie a quiet moment and an hour apart."""
    office = over("a")
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    publish(office, "a")
    office.work(until=office.now + timedelta(minutes=50))
    assert len(readings(office)) == 3
    assert office.told("result.voided") == []
    office.work(until=office.now + HOUR)
    (voided,) = office.told("result.voided", "ba")
    assert voided.data["reason"] == "the result is no longer published in Cirrus"
    assert len(readings(office)) == 4


def test_a_result_that_comes_back_meanwhile_was_never_gone() -> None:
    """What was missed once and is there again is told nothing of."""
    office = over("a")
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    publish(office, "a")
    office.work(until=office.now + timedelta(minutes=5))
    office.cirrus.results["o1", "sa"] = (PASSED,)
    office.work(until=office.now + DAY)
    assert office.told("result.voided") == office.told("result.corrected") == []


def test_what_cirrus_deletes_by_itself_is_not_withdrawn() -> None:
    """After the automatic deletion nothing can be concluded from an empty answer."""
    office = over("a", policy=Policy(results=ResultPolicy(deleted_after=2 * DAY)))
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    office.now = END + 3 * DAY
    publish(office, "a")
    office.work(until=office.now + DAY)
    assert office.told("result.voided") == []


def test_an_announced_result_that_cannot_be_read_becomes_a_task() -> None:
    """After three readings a person is asked, with what Cirrus answered kept; a result closes the task."""
    office = over("a")
    office.announce("a")
    office.work(until=office.now + 2 * HOUR)
    assert office.open_tasks() == ["read-result"]
    (document,) = {document.part for _, document in office.filed}
    assert document == "unread"
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    assert office.open_tasks() == []
    assert len(office.told("result.published", "ba")) == 1


def test_a_result_of_a_cancelled_booking_is_an_orphan_with_its_booking() -> None:
    """S20: it is published all the same, and marked."""
    office = over("a", "b")
    office.hear(booking_cancelled("a", "a", minute=9))
    office.work(until=office.now + HOUR)
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    (told,) = office.told("result.published")
    assert (told.data["associationId"], told.data["orphan"]) == ("ba", True)


def test_results_of_a_cancelled_exam_are_orphans() -> None:
    """The bookings went with the exam; their results are told and marked."""
    office = over("a")
    office.hear(exam_cancelled(minute=9))
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    (told,) = office.told("result.published")
    assert told.data["orphan"]


def test_a_result_of_somebody_added_by_hand_is_an_orphan_without_booking() -> None:
    """S20: nobody is known, so the event is about the result itself."""
    office = over("a")
    publish(office, "x", PASSED)
    office.work(until=office.now + HOUR)
    (told,) = office.told("result.published", "o1/sx")
    assert told.data["associationId"] is None
    assert told.data["personId"] is None
    assert (told.data["candidateExtId"], told.data["offeringId"], told.data["orphan"]) == ("sx", "o1", True)


def test_a_result_of_a_schedule_nobody_knows_is_an_orphan() -> None:
    """A schedule that was made by hand in Cirrus has results, too."""
    office = over("a")
    publish(office, "a", PASSED, sitting="9")
    office.work(until=office.now + HOUR)
    (told,) = office.told("result.published", "o9/sa")
    assert (told.data["offeringId"], told.data["scheduleExtId"], told.data["orphan"]) == (None, "o9", True)


def test_an_orphan_that_is_booked_later_is_told_as_its_bookings() -> None:
    """A walk-in whom the SIS enters after the exam: the next look finds whose result it is, as a correction."""
    office = over("a")
    publish(office, "x", PASSED)
    office.work(until=office.now + HOUR)
    (orphan,) = office.told("result.published", "o1/sx")
    office.hear(booked("x", "x", minute=9))
    office.records[Ref("booking", "bx")] = replace(
        office.records[Ref("booking", "bx")], confirmed={"seat": True}, status=Status.SETTLED
    )
    office.announce("x")
    office.work(until=office.now + HOUR)
    (told,) = office.told("result.corrected", "bx")
    assert (told.data["supersedes"], told.data["orphan"]) == (event_id(orphan), False)


def test_a_resits_result_does_not_land_on_the_first_booking() -> None:
    """S10: two bookings on one schedule; Cirrus' numbers of the attempts tell them apart."""
    office = over("a")
    office.hear(booked("z", "a", attempt=2, minute=9))
    office.records[Ref("booking", "bz")] = replace(office.booking("z"), confirmed={"seat": True})
    publish(office, "a", replace(PASSED, standing="failed", attempt=1), replace(PASSED, attempt=2))
    office.work(until=office.now + HOUR)
    assert {o.subject: o.data["result"]["pass"] for o in office.told("result.published")} == {
        "ba": "failed",
        "bz": "passed",
    }


def test_a_result_that_could_be_either_bookings_is_nobodys() -> None:
    """S10: without a number or an attempt id nobody guesses."""
    office = over("a")
    office.hear(booked("z", "a", attempt=2, minute=9))
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    (told,) = office.told("result.published")
    assert (told.data["associationId"], told.data["orphan"]) == (None, True)


def test_results_are_read_by_attempt_where_cirrus_knows_ours() -> None:
    """EXTERNAL_ATTEMPTS: each booking has its own result, whatever else the candidate has sat."""
    office = over("a", policy=Policy(external_attempts=True))
    office.cirrus.results["o1", "sa"] = (replace(PASSED, attempt_id="ba"),)
    office.announce("a", attempt="ba")
    office.work(until=office.now + HOUR)
    assert readings(office) == [ReadResults("sa", "o1", "ba", Need.FIRST)]
    (told,) = office.told("result.published")
    assert (told.subject, told.data["orphan"]) == ("ba", False)


def test_the_newest_of_several_attempts_is_the_bookings_result() -> None:
    """One booking, two tries in Cirrus: the later one counts, as one result."""
    office = over("a")
    publish(office, "a", replace(PASSED, standing="failed", attempt=1), replace(PASSED, attempt=2))
    office.work(until=office.now + HOUR)
    (told,) = office.told("result.published")
    assert told.data["result"]["pass"] == "passed"


def test_a_result_of_another_schedule_is_not_taken() -> None:
    """S10: an answer that holds the results of other exams does not mislead."""
    office = over("a")
    publish(office, "a", replace(PASSED, schedule_id="o7"))
    office.work(until=office.now + timedelta(minutes=5))
    assert office.told("result.published") == []


def test_one_result_without_an_answer_holds_up_nobody() -> None:
    """A 500 for one candidate is tried again later; the others are read meanwhile."""

    def broken(cirrus: PureCirrus, step: Step) -> Answer | None:
        return Failing(500) if isinstance(step, ReadResults) and step.candidate_id == "sa" else None

    office = over("a", "b", "c")
    office.cirrus.script += [broken] * 3
    for who in "abc":
        publish(office, who, PASSED)
    office.work(until=office.now + timedelta(seconds=70))
    assert {o.subject for o in office.told("result.published")} >= {"bb", "bc"}
    office.work(until=office.now + HOUR)
    assert {o.subject for o in office.told("result.published")} == {"ba", "bb", "bc"}


def test_a_refused_reading_is_noted_and_tried_with_the_next_notice() -> None:
    """Cirrus' no is about this result; a newer notice is a new reason to ask."""

    def no(cirrus: PureCirrus, step: Step) -> Answer | None:
        return refused(Phrase.INVALID_FIELD, "not like this") if isinstance(step, ReadResults) else None

    office = over("a")
    office.cirrus.script.append(no)
    publish(office, "a", PASSED)
    office.work(until=office.now + HOUR)
    assert office.records[Ref(RESULT, "o1/sa")].status is Status.REJECTED
    office.announce("a")
    office.work(until=office.now + HOUR)
    assert len(office.told("result.published", "ba")) == 1


def test_every_version_is_kept_with_what_cirrus_answered() -> None:
    """The documents are numbered as the events are; without `keep_raw` they hold our own words alone."""
    for keep_raw in (True, False):
        office = over("a", policy=Policy(results=ResultPolicy(keep_raw=keep_raw)))
        publish(office, "a", PASSED)
        office.work(until=office.now + HOUR)
        publish(office, "a", replace(PASSED, score=72.0))
        office.work(until=office.now + HOUR)
        kept = [(document.part, document.version) for _, document in office.filed]
        assert kept == [("booking/ba", 1), ("booking/ba", 2)]
        assert all(("document" in document.content) is keep_raw for _, document in office.filed)


def test_nothing_is_asked_before_anybody_speaks() -> None:
    """A scheduled exam costs no call for results."""
    office = settled("a", "b")
    office.work(until=END - HOUR)
    assert readings(office) == []


def test_rescheduling_moves_the_end_after_which_results_are_looked_for() -> None:
    """The exam's own event says when it is over."""
    office = settled("a")
    office.hear(scheduled(start=START + DAY, minute=5))
    office.work(until=END + HOUR)
    assert not [step for step in office.cirrus.steps if isinstance(step, ReadAttempts)]
