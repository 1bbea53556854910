"""S25 in the pure loop: an erasure waits for what is outstanding, and then Cirrus is brought to know nobody."""

from collections.abc import Callable
from datetime import timedelta

from adapter.domain.answers import Answer, Phrase
from adapter.domain.findings import Erases
from adapter.domain.policy import Policy
from adapter.domain.records import CANDIDATE, Record, Ref, Status
from adapter.domain.steps import ChangeCandidate, CreateCandidate, DeleteCandidate, Step
from handlers.candidates.erasure import NOBODY
from tests.unit.builders import NOW, START, booking_cancelled, enrolled, erasure_requested
from tests.unit.pure_cirrus import lose_answer_to, refused
from tests.unit.pure_office import Office, kinds, settled
from tests.unit.results_kit import DAY, END, HOUR, PASSED, over, publish
from tests.values import replace

BY_HAND = Policy(erase_in_cirrus="task")
UNTOUCHED = {"nameOverwritten": None, "purgeFrom": None}


def waits_for(record: Record) -> str | None:
    """Return what a record waits for."""
    return record.wanting.reason if record.status is Status.WAITING and record.wanting is not None else None


def test_an_erasure_waits_for_an_outstanding_result() -> None:
    """The exam is over and its result has not come; when it has been told, a person is asked."""
    office = over("a", "b", policy=BY_HAND)
    office.hear(erasure_requested("a", minute=9))
    office.work(until=office.now + HOUR)
    assert waits_for(office.candidate("a")) == "results that are outstanding (1)"
    assert office.open_tasks() == []
    publish(office, "a", PASSED)
    office.work(until=office.now + 3 * HOUR)
    assert len(office.told("result.published", "ba")) == 1
    assert office.open_tasks() == ["erase-person"]


def test_an_erasure_waits_for_exams_to_come() -> None:
    """Whoever is booked is to sit first."""
    office = settled("a", policy=BY_HAND)
    office.hear(erasure_requested("a", minute=9))
    office.work(until=START - HOUR)
    assert waits_for(office.candidate("a")) == "exams that are still to come (1)"
    assert office.open_tasks() == []


def test_an_erasure_waits_for_the_day_that_is_named() -> None:
    """Not before."""
    office = Office(BY_HAND)
    office.hear(enrolled("a"))
    office.work()
    office.hear(erasure_requested("a", minute=9, not_before=NOW + 5 * DAY))
    office.work(until=NOW + 4 * DAY)
    assert office.open_tasks() == []
    office.work(until=NOW + 6 * DAY)
    assert office.open_tasks() == ["erase-person"]


def test_nobody_waits_for_the_result_of_a_cancelled_booking_or_of_who_stayed_away() -> None:
    """There is none to come."""
    office = settled("a", "b", policy=BY_HAND)
    office.hear(booking_cancelled("a", "a", minute=5))
    office.work(until=END + HOUR)
    office.hear(erasure_requested("a", minute=9), erasure_requested("b", minute=9))
    office.work(until=END + 3 * HOUR)
    assert office.open_tasks() == ["erase-person", "erase-person"]


def test_a_result_that_never_comes_does_not_hold_up_an_erasure_for_ever() -> None:
    """When nobody looks for it any more, nobody waits for it."""
    office = over("a", policy=BY_HAND)
    office.hear(erasure_requested("a", minute=9))
    office.work(until=END + 80 * DAY)
    assert office.open_tasks() == []
    office.work(until=END + 90 * DAY)
    assert office.open_tasks() == ["erase-person"]


def test_an_erasure_that_was_done_is_seen_and_nobody_is_made_anew() -> None:
    """Once Cirrus no longer knows the user the task is closed; the SIS may repeat the student as it likes."""
    office = Office(BY_HAND)
    office.hear(enrolled("a"))
    office.work()
    office.hear(erasure_requested("a", minute=9))
    office.work(until=office.now + timedelta(minutes=5))
    assert office.open_tasks() == ["erase-person"]
    del office.cirrus.users["sa"]
    office.cirrus.steps.clear()
    office.work(until=office.now + 3 * DAY)
    assert office.open_tasks() == []
    assert len(office.told("task.closed", "pa")) == 1
    office.hear(enrolled("a", minute=20, mail="other@uni.example"))
    office.work(until=office.now + 3 * DAY)
    assert [step for step in office.cirrus.steps if isinstance(step, CreateCandidate)] == []


def erased(office: Office) -> Erases | None:
    """Return what was planned when nothing was left to wait for."""
    states = [finding.state for plan in office.plans for finding in plan.findings]
    return next((state for state in states if isinstance(state, Erases)), None)


def no(kind: type[Step]) -> Callable[[object, Step], Answer | None]:
    """Return a script entry that refuses the next step of this kind."""
    return lambda _, step: refused(Phrase.UNKNOWN) if isinstance(step, kind) else None


def asked(office: Office) -> Office:
    """Ask for the erasure of a student whom Cirrus knows, and let it be worked on."""
    office.hear(enrolled("a"))
    office.work()
    office.cirrus.steps.clear()
    office.hear(erasure_requested("a", minute=9))
    office.work(until=office.now + timedelta(minutes=5))
    return office


def test_a_user_is_overwritten_deleted_and_looked_for() -> None:
    """The trash can shows no name; what is left is a reminder to purge it, without one."""
    office = asked(Office())
    assert kinds(office.cirrus.steps) == ["ReadCandidate", "ChangeCandidate", "DeleteCandidate", "ReadCandidate"]
    (change,) = [step for step in office.cirrus.steps if isinstance(step, ChangeCandidate)]
    assert (change.profile.first_name, change.profile.last_name, change.profile.mail) == tuple(NOBODY.values())
    state = erased(office)
    assert state is not None
    assert state.proof.data["cirrus"]["state"] == "deleted"
    assert state.proof.data["cirrus"]["nameOverwritten"] is True
    assert state.task is not None
    assert state.task.name == "purge-user"
    assert state.task.deadline is not None
    assert state.task.deadline >= NOW + 30 * DAY
    assert set(state.names) == {"pa", "sa", "sa@uni.example"}
    assert "@" not in f"{state.task.text} {state.task.steps}"
    assert len(office.told("task.raised")) == 1


def test_a_user_is_deleted_as_it_is_where_the_policy_says_so() -> None:
    """`erase_overwrites = false` saves one call."""
    office = asked(Office(Policy(erase_overwrites=False)))
    assert kinds(office.cirrus.steps) == ["ReadCandidate", "DeleteCandidate", "ReadCandidate"]
    state = erased(office)
    assert state is not None
    assert state.proof.data["cirrus"]["nameOverwritten"] is False


def test_who_is_not_in_cirrus_needs_no_deletion() -> None:
    """Then nothing lies in a trash can, and there is nothing to purge."""
    office = Office()
    office.hear(erasure_requested("a", minute=9))
    office.work(until=office.now + timedelta(minutes=5))
    assert kinds(office.cirrus.steps) == ["ReadCandidate"]
    state = erased(office)
    assert state is not None
    assert (state.proof.data["cirrus"], state.task) == (UNTOUCHED | {"state": "notFound"}, None)


def test_an_answer_that_was_lost_is_read_back() -> None:
    """The user was deleted by a call that got no answer: it is not sent again, and the reminder is left."""
    office = Office()
    office.cirrus.script.append(lose_answer_to(DeleteCandidate, carried_out=True))
    asked(office)
    office.work(until=office.now + HOUR)
    assert kinds(office.cirrus.steps).count("DeleteCandidate") == 1
    state = erased(office)
    assert state is not None
    assert state.proof.data["cirrus"]["state"] == "deleted"


def test_a_name_that_cannot_be_overwritten_does_not_stop_the_deletion() -> None:
    """What Cirrus refuses is told in the proof."""
    office = Office()
    office.cirrus.script.append(no(ChangeCandidate))
    state = erased(asked(office))
    assert state is not None
    assert state.proof.data["cirrus"]["state"] == "deleted"
    assert state.proof.data["cirrus"]["nameOverwritten"] is False


def test_a_user_that_cirrus_does_not_delete_is_a_persons_task() -> None:
    """Then Cirrus is looked at each day, and everything else is erased once the user is gone."""
    office = Office()
    office.cirrus.script.append(no(DeleteCandidate))
    asked(office)
    assert (office.open_tasks(), erased(office)) == (["erase-person"], None)
    del office.cirrus.users["sa"]
    office.work(until=office.now + 2 * DAY)
    state = erased(office)
    assert state is not None
    assert (office.open_tasks(), state.proof.data["cirrus"]) == ([], UNTOUCHED | {"state": "deletedByHand"})


def test_a_user_who_belongs_to_another_person_is_left_alone() -> None:
    """Two persons of the SIS claim one id: whoever came first keeps the user."""
    office = Office()
    office.hear(enrolled("a"))
    office.work()
    office.cirrus.steps.clear()
    office.hear(erasure_requested("b", minute=9))
    office.records[Ref(CANDIDATE, "pb")] = replace(office.records[Ref(CANDIDATE, "pb")], external_id="sa", rival="pa")
    office.work(until=office.now + timedelta(minutes=5))
    assert office.writes() == []
    state = erased(office)
    assert state is not None
    assert state.proof.data["cirrus"] == UNTOUCHED | {"state": "neverThere"}


def test_an_erasure_waits_for_a_correction_that_has_not_been_read() -> None:
    """A first result was told; what was announced since then may be another one."""
    office = over("a")
    publish(office, "a", PASSED)
    office.work(until=office.now + 3 * HOUR)
    assert len(office.told("result.published", "ba")) == 1
    office.announce("a")
    office.hear(erasure_requested("a", minute=9))
    office.converge(office.candidate("a").ref)
    assert waits_for(office.candidate("a")) == "results that are outstanding (1)"
    office.work(until=office.now + 3 * HOUR)
    assert erased(office) is not None


def test_an_erasure_waits_for_a_result_that_was_announced_and_could_not_be_read() -> None:
    """However late it is: it is there, and somebody has to have it told, by `results fetch` or by cancelling."""
    office = over("a")
    office.announce("a")
    office.hear(erasure_requested("a", minute=9))
    for days in (50, 100):
        office.work(until=END + days * DAY)
    assert waits_for(office.candidate("a")) == "results that are outstanding (1)"
    publish(office, "a", PASSED)
    office.work(until=office.now + 3 * HOUR)
    assert len(office.told("result.published", "ba")) == 1
    assert erased(office) is not None
