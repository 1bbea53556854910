"""What is outstanding of results: what an operator looks for, and what an erasure waits for."""

from datetime import timedelta

from adapter.domain.answers import AttemptSeen, Phrase, Refused, ResultSeen
from adapter.domain.policy import Policy, ResultPolicy
from adapter.domain.records import RESULT_LIST, Ref
from adapter.domain.steps import ReadResults, Step
from handlers.results.outstanding import Outstanding, outstanding
from handlers.results.view import ResultList
from tests.unit.builders import START, booking_cancelled
from tests.unit.pure_cirrus import PureCirrus, refused
from tests.unit.pure_office import Office, settled
from tests.values import replace

END = START + timedelta(hours=3)
DAY = timedelta(days=1)
PASSED = ResultSeen("passed", score=71.0)


def over(*people: str, policy: Policy | None = None) -> Office:
    """Return an office an hour after the exam, which everybody booked has sat."""
    office = settled(*people, policy=policy)
    for who in people:
        office.cirrus.attempts["o1", f"s{who}"] = (AttemptSeen(START, END, "HANDED_IN"),)
    office.now = END
    office.work(until=END + timedelta(hours=1))
    return office


def of(office: Office, person: str | None = None) -> tuple[Outstanding, ...]:
    """Return what is outstanding of the exam."""
    view = ResultList.of(office.load(Ref(RESULT_LIST, "o1"), whole=True), office.policy)
    return outstanding(view, office.now, office.policy, person)


def bookings(office: Office, person: str | None = None) -> list[str]:
    """Return the bookings whose results are outstanding."""
    return [each.booked.record.ref.key for each in of(office, person)]


def test_a_result_that_has_not_come_is_outstanding_for_its_person() -> None:
    """Under the person's id in the SIS and under the one in Cirrus, and for nobody else."""
    office = over("a", "b")
    assert bookings(office) == ["ba", "bb"]
    assert bookings(office, "pa") == ["ba"]
    assert bookings(office, "sa") == ["ba"]
    assert bookings(office, "pc") == []


def test_nothing_is_outstanding_before_the_exam_is_over() -> None:
    """There is no result to wait for yet."""
    office = settled("a")
    office.now = END - timedelta(seconds=1)
    assert bookings(office) == []
    office.now = END
    assert bookings(office) == ["ba"]


def test_a_result_that_was_told_is_not_outstanding() -> None:
    """Once it was read, the others are still waited for."""
    office = over("a", "b")
    office.cirrus.results["o1", "sa"] = (PASSED,)
    office.announce("a")
    assert [each.announced for each in of(office)] == [True, False]
    office.work(until=office.now + timedelta(hours=1))
    assert bookings(office) == ["bb"]
    assert bookings(office, "pa") == []


def test_a_cancelled_booking_has_no_result_to_come() -> None:
    """Whatever Cirrus may publish of it."""
    office = over("a")
    office.hear(booking_cancelled("a", "a", minute=5))
    office.work()
    assert bookings(office, "pa") == []


def test_who_stayed_away_has_no_result_to_come() -> None:
    """Once Cirrus has been asked who sat."""
    office = settled("a", "b")
    office.cirrus.attempts["o1", "sa"] = (AttemptSeen(START, END, "HANDED_IN"),)
    office.cirrus.attempts["o1", "sb"] = (AttemptSeen(None, None, "NOT_STARTED"),)
    office.now = END
    assert bookings(office) == ["ba", "bb"]
    office.work(until=END + timedelta(hours=1))
    assert bookings(office) == ["ba"]


def test_a_refused_reading_says_why() -> None:
    """The reason is Cirrus' last word on it, until it is announced again."""

    def refuse(_cirrus: PureCirrus, step: Step) -> Refused | None:
        return refused(Phrase.NO_RESULT) if isinstance(step, ReadResults) else None

    office = over("a")
    office.cirrus.script.append(refuse)
    office.announce("a")
    office.work(until=office.now + timedelta(hours=1))
    (one,) = of(office)
    assert one.reason is not None
    assert (Phrase.NO_RESULT.value, False) == (one.reason.code, one.announced)
    office.announce("a")
    assert [(each.announced, each.reason) for each in of(office)] == [(True, None)]


def test_it_is_lost_when_cirrus_deletes_it_or_else_when_it_is_overdue() -> None:
    """Both are counted from the exam's end."""
    (one,) = of(over("a"))
    assert (one.over_since, one.overdue_at, one.deleted_at) == (END, END + 21 * DAY, None)
    assert one.lost_at == END + 21 * DAY
    (one,) = of(over("a", policy=replace(Policy(), results=ResultPolicy(deleted_after=100 * DAY))))
    assert (one.deleted_at, one.lost_at) == (END + 100 * DAY, END + 100 * DAY)
