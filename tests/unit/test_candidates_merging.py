"""A candidate who was merged into another one: what is done about its user in Cirrus (S12)."""

from datetime import timedelta

from adapter.domain.applying import hand_over
from adapter.domain.records import BOOKING, CANDIDATE, DEPARTURE, SITTING, Record, Ref, Status
from adapter.domain.version import Rank, Statement, Version
from tests.unit.builders import NOW, enrolled, erasure_requested, merged
from tests.unit.pure_office import Office, kinds
from tests.values import replace

DAY = timedelta(days=1)


def merged_office(*, known: bool = True) -> Office:
    """Return an office in which person `p2` was merged into `p1`; Cirrus has the user if `known`."""
    office = Office()
    office.hear(enrolled("1"), *([enrolled("2")] if known else []))
    office.work()
    office.cirrus.steps.clear()
    office.hear(merged("1", "2", minute=5))
    office.work()
    return office


def test_the_retired_user_is_a_persons_task_until_its_login_is_disabled() -> None:
    """Cirrus cannot merge users: one task with exact steps, looked after once a day, closed when it is seen done."""
    office = merged_office()
    assert office.open_tasks() == ["retire-user"]
    (raised,) = office.told("task.raised", "p2")
    assert "s2" in " ".join(raised.data["steps"])
    assert office.candidate("2").status is Status.MANUAL
    office.work(office.now + 3 * DAY)
    assert len(office.told("task.raised")) == 1
    assert set(kinds(office.cirrus.steps)) <= {"ReadCandidate"}
    assert len(office.cirrus.steps) <= 4

    office.cirrus.users["s2"] = replace(office.cirrus.users["s2"], login_disabled=True)
    office.work(office.now + 2 * DAY)
    assert office.open_tasks() == []
    assert len(office.told("task.closed", "p2")) == 1
    assert office.candidate("2").status is Status.SETTLED


def test_a_retired_person_whom_cirrus_never_had_is_not_made() -> None:
    """No duplicate candidate: Cirrus is asked once, and nothing is created."""
    office = merged_office(known=False)
    assert kinds(office.cirrus.steps) == ["ReadCandidate"]
    assert office.open_tasks() == []
    assert office.candidate("2").status is Status.SETTLED


def test_what_is_said_of_the_retired_person_later_changes_nothing() -> None:
    """A late event about the retired record neither makes nor changes a user."""
    office = merged_office(known=False)
    office.hear(enrolled("2", minute=9))
    office.work()
    assert office.writes() == []


def test_a_retired_person_can_be_erased_like_any_other() -> None:
    """An erasure goes before: the user is deleted, not only closed, and nobody has to close it any more."""
    office = merged_office()
    office.hear(erasure_requested("2", minute=9))
    office.work(office.now + DAY)
    assert "s2" not in office.cirrus.users
    assert office.open_tasks() == []


def test_a_seat_that_may_be_on_its_way_is_looked_for_under_the_former_name() -> None:
    """While a booking is open a call may seat the retired user unheard; at rest without a seat nothing is left."""
    said = Statement.first(Version(NOW, None, Rank.UPDATE, "booked"), {"live": True})
    former = Ref(CANDIDATE, "p2")
    record = Record(Ref(BOOKING, "b1"), Ref(SITTING, "o1"), about=former, facets={"seat": said})
    for status, left in ((Status.DUE, True), (Status.WAITING, True), (Status.SETTLED, False)):
        after, departure = hand_over(replace(record, status=status), Ref(CANDIDATE, "p1"))
        assert (after.about, departure is not None) == (Ref(CANDIDATE, "p1"), left)
        assert departure is None or (departure.ref, departure.about) == (Ref(DEPARTURE, "b1@o1/p2"), former)
