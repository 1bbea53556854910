"""Who sat, whose result is missing, and how lost notices are found without polling."""

from datetime import timedelta
from itertools import pairwise

from adapter.domain.allowance import Allowance, Need
from adapter.domain.answers import Answer, AttemptSeen, Phrase, ResultSeen
from adapter.domain.policy import Policy, ResultPolicy
from adapter.domain.records import RESULT_LIST, Record, Ref, Status
from adapter.domain.steps import ReadAttempts, Step
from adapter.domain.version import utc_text
from tests.unit.builders import START, booked, booking_cancelled, exam_cancelled
from tests.unit.pure_cirrus import PureCirrus, refused
from tests.unit.pure_office import Office, settled
from tests.unit.results_kit import DAY, END, HOUR, PASSED, over, publish, readings, sat
from tests.values import replace

MISSING_AFTER = timedelta(hours=6)


def attendance(office: Office) -> dict[str, str]:
    """Return what was told of who sat, by booking; the newest counts."""
    return {outcome.subject: outcome.data["attendance"] for outcome in office.told("attendance.recorded")}


def result_list(office: Office) -> Record:
    """Return the record of the exam's results."""
    return office.records[Ref(RESULT_LIST, "o1")]


def test_who_sat_is_told_once_the_exam_is_over() -> None:
    """One call for everybody; an attempt that was voided was sat, too."""
    office = settled("a", "b", "c", "d")
    office.cirrus.attempts["o1", "sa"] = (AttemptSeen(START, END, "HANDED_IN"),)
    office.cirrus.attempts["o1", "sb"] = (AttemptSeen(START, END, "VOID"),)
    office.cirrus.attempts["o1", "sc"] = (AttemptSeen(START, None, "IN_PROGRESS"),)
    office.work(until=END)
    assert attendance(office) == {}
    office.work(until=END + timedelta(minutes=16))
    assert attendance(office) == {"ba": "present", "bb": "present", "bc": "notFinished", "bd": "notStarted"}
    told = next(outcome for outcome in office.told("attendance.recorded", "ba"))
    assert told.data["startedAt"] == "2026-10-20T09:00:00Z"
    assert told.data["handedInAt"] == "2026-10-20T12:00:00Z"


def test_who_had_not_handed_in_is_asked_for_again_a_few_times() -> None:
    """What has changed is told, what has not is not."""
    office = settled("a", "b")
    office.cirrus.attempts["o1", "sa"] = (AttemptSeen(START, None, "IN_PROGRESS"),)
    office.work(until=END + timedelta(minutes=16))
    office.cirrus.attempts["o1", "sa"] = (AttemptSeen(START, END, "HANDED_IN"),)
    office.work(until=END + DAY)
    assert attendance(office) == {"ba": "present", "bb": "notStarted"}
    assert len(office.told("attendance.recorded", "bb")) == 1
    assert len([step for step in office.cirrus.steps if isinstance(step, ReadAttempts)]) == 2


def test_attendance_that_is_not_to_be_had_is_not_asked_for_for_ever() -> None:
    """Cirrus' no ends it; everybody may have a result all the same."""

    def no(cirrus: PureCirrus, step: Step) -> Answer | None:
        return refused(Phrase.ARCHIVED) if isinstance(step, ReadAttempts) else None

    office = settled("a")
    office.cirrus.script.append(no)
    office.work(until=END + DAY)
    assert len([step for step in office.cirrus.steps if isinstance(step, ReadAttempts)]) == 1
    assert result_list(office).confirmed["missing"] == 1


def test_nobody_is_asked_about_an_exam_that_was_called_off() -> None:
    """Nobody sat it."""
    office = settled("a")
    office.hear(exam_cancelled(minute=9))
    office.work(until=END + 30 * DAY)
    assert attendance(office) == {}
    assert readings(office) == []


def test_as_long_as_no_result_is_known_one_candidate_is_asked_for_at_each_look() -> None:
    """An exam's results are mostly published together, so one answer tells for all: eight looks, eight calls."""
    office = over("a", "b", "c", "d", "e")
    office.work(until=END + 100 * DAY)
    assert len(readings(office)) == 8
    assert {step.need for step in readings(office)} == {Need.SWEEP}
    assert len({step.candidate_id for step in readings(office)}) > 1


def test_when_a_look_finds_a_result_all_others_are_asked_for() -> None:
    """Every notice was lost, as while the receiver was down: the next look finds them all."""
    office = over(*"abcde")
    for who in "abcde":
        office.cirrus.results["o1", f"s{who}"] = (PASSED,)
    office.work(until=END + 3 * DAY + HOUR)
    assert {outcome.subject for outcome in office.told("result.published")} == {f"b{who}" for who in "abcde"}
    assert len(readings(office)) == 5
    assert result_list(office).status is Status.SETTLED


def test_a_lost_notice_is_found_once_the_others_have_come() -> None:
    """Cirrus repeats a notice for hours; after that, whoever is missing is asked for once, and found."""
    office = over(*"abcde")
    for who in "abcd":
        publish(office, who, PASSED)
    office.cirrus.results["o1", "se"] = (PASSED,)
    office.work(until=office.now + MISSING_AFTER)
    assert office.told("result.published", "be") == []
    office.work(until=office.now + HOUR)
    assert len(office.told("result.published", "be")) == 1
    assert len(readings(office)) == 5


def test_who_stayed_away_is_not_asked_for() -> None:
    """No attempt, no result: nothing is missing."""
    office = settled("a", "b", "c")
    sat(office, "a", "b")
    office.work(until=END + HOUR)
    for who in "ab":
        publish(office, who, PASSED)
    office.work(until=END + 100 * DAY)
    assert {step.candidate_id for step in readings(office)} == {"sa", "sb"}
    assert result_list(office).status is Status.SETTLED


def test_whose_booking_was_cancelled_is_not_asked_for() -> None:
    """A result would be an orphan; it is told when it is announced."""
    office = over("a", "b")
    office.hear(booking_cancelled("b", "b", minute=9))
    publish(office, "a", PASSED)
    office.work(until=END + 100 * DAY)
    assert {step.candidate_id for step in readings(office)} == {"sa"}


def test_missing_results_are_counted_until_nobody_looks_any_more() -> None:
    """The list waits while something is missing, for gauge and alert; in the end it is given up."""
    office = over("a", "b")
    publish(office, "a", PASSED)
    office.work(until=END + 30 * DAY)
    assert (result_list(office).status, result_list(office).confirmed["missing"]) == (Status.WAITING, 1)
    office.work(until=END + 100 * DAY)
    assert result_list(office).status is Status.SETTLED


def test_until_an_exam_is_over_its_list_rests() -> None:
    """Nobody counts who is booked for it; from its end on that is known, and who is missing."""
    office = settled("a", "b")
    resting = result_list(office)
    end = utc_text(END)
    assert (resting.status, dict(resting.confirmed)) == (Status.SETTLED, {"end": end, "missing": 0})
    assert office.due[resting.ref] == END
    office.work(until=END)
    over = result_list(office)
    assert (over.status, dict(over.confirmed)) == (Status.WAITING, {"end": end, "expected": 2, "missing": 2})


def test_a_result_that_comes_before_the_end_is_read_all_the_same() -> None:
    """Cirrus may let an exam of one's own end early."""
    office = settled("a")
    publish(office, "a", PASSED)
    office.work(until=END - HOUR)
    assert [outcome.subject for outcome in office.told("result.published")] == ["ba"]


def test_an_exam_nobody_is_seated_for_comes_to_rest() -> None:
    """Nothing is missing, so nothing is looked for."""
    office = settled()
    office.work(until=END + DAY)
    assert result_list(office).status is Status.SETTLED


def test_a_look_is_spread_over_the_day_and_leaves_calls_for_what_is_announced() -> None:
    """S31: sweeps get a share of their own, evenly; announced results are read at once meanwhile."""
    people = [f"{number:03}" for number in range(60)]
    policy = Policy(results=ResultPolicy(allowance=Allowance(calls=400, reserve=50, sweeps=48)))
    office = over(*people, policy=policy)
    for who in people:
        office.cirrus.results["o1", f"s{who}"] = (PASSED,)
    office.work(until=END + 3 * DAY + HOUR)
    swept = len(readings(office))
    assert swept < 60
    office.announce(people[-1])
    office.work(until=office.now + timedelta(minutes=5))
    assert len(office.told("result.published", f"b{people[-1]}")) == 1
    office.work(until=office.now + 2 * DAY)
    assert len(office.told("result.published")) == 60
    assert len(readings(office)) == 60


def test_the_allowance_is_spent_in_order_of_need_and_never_exceeded() -> None:
    """S31: corrections go first and have a reserve; the rest waits for the reset at 13:30 UTC."""
    people = [f"{number:02}" for number in range(30)]
    allowance = Allowance(calls=20, reserve=5, sweeps=0)
    office = over(*people, policy=Policy(results=ResultPolicy(allowance=allowance)))
    for who in people:
        publish(office, who, PASSED)
    office.work(until=office.now + timedelta(minutes=20))
    assert len(office.told("result.published")) == 15
    told = {outcome.subject for outcome in office.told("result.published")}
    corrected = next(who for who in people if f"b{who}" in told)
    publish(office, corrected, replace(PASSED, score=72.0))
    office.work(until=office.now + timedelta(minutes=5))
    assert len(office.told("result.corrected")) == 1
    office.work(until=END + 5 * DAY)
    assert len(office.told("result.published")) == 30
    read = [step for step in office.cirrus.steps if step in readings(office)]
    assert len(read) == 31
    assert office.spending is not None
    assert office.spending.spent <= allowance.calls


def test_versions_of_a_result_are_told_in_their_order() -> None:
    """However notices and changes fall together: each version supersedes the one before."""
    office = over("a")
    for score in (10.0, 20.0, 30.0, 20.0):
        publish(office, "a", ResultSeen("passed", score=score))
        office.work(until=office.now + timedelta(minutes=30))
    told = [o for o in office.said.values() if o.type.startswith("cirrus.result.")]
    assert [o.data["resultVersion"] for o in told] == [1, 2, 3, 4]
    for earlier, later in pairwise(told):
        assert later.data["supersedes"] == str(earlier.id("uni.example"))


def test_results_that_are_published_one_by_one_are_not_asked_for_each_time() -> None:
    """An examiner publishes a few a day: each first result is no reason to ask for all that are not marked yet."""
    people = [f"{number:02}" for number in range(40)]
    office = over(*people)
    for day in range(15):
        for who in people[2 * day : 2 * day + 2]:
            publish(office, who, PASSED)
        office.work(until=END + (day + 1) * DAY)
    swept = [step for step in readings(office) if step.need is Need.SWEEP]
    assert len(office.told("result.published")) == 30
    assert len(swept) <= 2 * len(people)


def test_when_half_of_the_notices_are_lost_one_answer_is_enough_to_ask_for_the_rest() -> None:
    """The receiver was down for a part of them."""
    people = [f"{number:02}" for number in range(20)]
    office = over(*people)
    for who in people[:6]:
        publish(office, who, PASSED)
    for who in people[6:]:
        office.cirrus.results["o1", f"s{who}"] = (PASSED,)
    office.work(until=office.now + MISSING_AFTER + HOUR)
    assert len(office.told("result.published")) == 20
    assert len(readings(office)) == 20


def test_two_bookings_of_one_candidate_are_one_reading() -> None:
    """Without attempt ids one answer is about both."""
    office = over("a", "b")
    office.hear(booked("z", "a", attempt=2, minute=9))
    office.records[Ref("booking", "bz")] = replace(office.booking("z"), confirmed={"seat": True}, status=Status.SETTLED)
    publish(office, "b", PASSED)
    office.work(until=office.now + MISSING_AFTER + HOUR)
    assert [step.candidate_id for step in readings(office)] == ["sb", "sa"]
