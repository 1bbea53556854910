"""The checker finds what it is there to find: facts are doctored, one at a time, and each must be seen."""

from collections import Counter
from datetime import UTC, datetime
from random import Random

import orjson
import pytest

from handlers import said
from handlers.sittings.tasks import LOST_LINK, REMOVE_CANDIDATE
from tests.chaos.checker import Class, judge
from tests.chaos.expectation import Expectation, expect
from tests.chaos.facts import Facts, LedgerFacts, Letter, Schedule, Task
from tests.chaos.office import AT_ONCE, DRAFT, Nature, Office, Said
from tests.scenarios.sis import DAY, Heard, Json, Sis
from tests.values import replace

SIS = Sis(datetime(2026, 3, 1, 9, tzinfo=UTC))
EXAM = SIS.scheduled("x1", 3 * DAY, course=AT_ONCE)
PAPER = SIS.scheduled("x2", 3 * DAY, course=DRAFT)
OFF = SIS.scheduled("x3", 3 * DAY, course=DRAFT)
CALLED_OFF = SIS.exam_cancelled("x3")
BOOKED = SIS.booked("b1", "x1", "p1")
OTHER = SIS.booked("b2", "x2", "p2")
CANCELLED = SIS.cancelled("b3", "x2", "p3")
RENAMED = SIS.updated("p1", surname="New")
EVENTS = (EXAM, PAPER, OFF, CALLED_OFF, BOOKED, OTHER, CANCELLED, RENAMED)
POISON = Said("poison", b"no JSON", Nature.POISON, None, "not-json")
CLASH = SIS.updated("p4", surname="One")
CLASHES = tuple(
    Said(CLASH["id"], body, Nature.CLASH, CLASH) for body in (orjson.dumps(CLASH), orjson.dumps({**CLASH, "x": 1}))
)


def _said(event: Json) -> Said:
    return Said(event["id"], orjson.dumps(event), Nature.SOUND, event)


def _expected() -> Expectation:
    return expect([*map(_said, EVENTS), POISON, *CLASHES])


def _told(kind: str, subject: str, cause: Json | None = None, **data: object) -> Heard:
    return Heard(f"{kind} {subject}", kind, subject, cause["id"] if cause else None, data)


LINK = _told(said.LAUNCH_LINK_ISSUED, "b1", BOOKED, offeringId="x1", personId="p1", launchUrl="https://one")
TOLD = (
    _told(said.BOOKING_CONFIRMED, "b1", BOOKED, offeringId="x1"),
    LINK,
    _told(said.BOOKING_CONFIRMED, "b2", OTHER, offeringId="x2"),
    _told(said.BOOKING_CANCELLED, "b3", CANCELLED),
    _told(said.EXAM_CONFIRMED, "x1", EXAM),
    _told(said.EXAM_CONFIRMED, "x2", PAPER),
    _told(said.EXAM_CANCELLED, "x3", CALLED_OFF),
    _told(said.CANDIDATE_CONFIRMED, "p1", RENAMED),
    _told(said.CANDIDATE_CONFIRMED, "p4", CLASH),
)
GOOD = Facts(
    ledger=LedgerFacts(kept={event["id"]: "applied" for event in (*EVENTS, CLASH)}, tasks=(), restless=()),
    letters=(Letter("poison", "not-json", b"no JSON"), Letter(CLASH["id"], "conflict", CLASHES[1].body)),
    told=TOLD,
    schedules={
        "x1": Schedule("Exam x1", activated=True, seats={"Sp1": 1}),
        "x2": Schedule("Exam x2", activated=False, seats={"Sp2": 0}),
    },
    users={"Sp1": "New", "Sp2": "Surname p2", "Sp4": "One"},
    endings=(),
)


def _kept(became: dict[str, str]) -> Facts:
    return replace(GOOD, ledger=replace(GOOD.ledger, kept=became))


def _without(event: Json) -> Facts:
    return _kept({name: became for name, became in GOOD.ledger.kept.items() if name != event["id"]})


def _restless(*what: str) -> Facts:
    return replace(GOOD, ledger=replace(GOOD.ledger, restless=what))


def _silent(kind: str, subject: str) -> Facts:
    return replace(GOOD, told=tuple(told for told in TOLD if (told.type, told.subject) != (kind, subject)))


def _also_told(told: Heard) -> Facts:
    return replace(GOOD, told=(*TOLD, told))


def _scheduled(**changed: Schedule) -> Facts:
    return replace(GOOD, schedules={**GOOD.schedules, **changed})


def _seats(exam: str, **seats: int) -> Facts:
    return _scheduled(**{exam: replace(GOOD.schedules[exam], seats=seats)})


def _users(**users: str) -> Facts:
    return replace(GOOD, users={**GOOD.users, **users})


def _letters(*letters: Letter) -> Facts:
    return replace(GOOD, letters=letters)


DOCTORED: dict[str, tuple[Facts, Class]] = {
    "an event is nowhere": (_without(BOOKED), Class.LOST),
    "a dead letter is missing": (_letters(GOOD.letters[1]), Class.LOST),
    "a clash left no dead letter": (_letters(GOOD.letters[0]), Class.LOST),
    "a seat is missing": (_seats("x1"), Class.LOST),
    "a schedule is missing": (replace(GOOD, schedules={"x2": GOOD.schedules["x2"]}), Class.LOST),
    "a change of a title is missing": (
        _scheduled(x2=replace(GOOD.schedules["x2"], title="Former")),
        Class.LOST,
    ),
    "a schedule that was called off is there": (
        _scheduled(x3=Schedule("Exam x3", activated=False, seats={})),
        Class.LOST,
    ),
    "a change of a name is missing": (_users(Sp1="Former"), Class.LOST),
    "a booking is not told": (_silent(said.BOOKING_CONFIRMED, "b1"), Class.LOST),
    "a cancellation is not told": (_silent(said.BOOKING_CANCELLED, "b3"), Class.LOST),
    "an exam is not told": (_silent(said.EXAM_CONFIRMED, "x1"), Class.LOST),
    "an exam called off is not told": (_silent(said.EXAM_CANCELLED, "x3"), Class.LOST),
    "a person is not told": (_silent(said.CANDIDATE_CONFIRMED, "p1"), Class.LOST),
    "a link is not told": (_silent(said.LAUNCH_LINK_ISSUED, "b1"), Class.LOST),
    "the last word is an old one": (_also_told(_told(said.BOOKING_CANCELLED, "b1", EXAM)), Class.LOST),
    "a seat was made twice": (_seats("x1", Sp1=2), Class.DUPLICATED),
    "one version has two ids": (_also_told(replace(TOLD[0], id="another")), Class.DUPLICATED),
    "one version has two links": (
        _also_told(replace(LINK, id="another", data={**LINK.data, "launchUrl": "https://two"})),
        Class.DUPLICATED,
    ),
    "the newest is overtaken": (_kept({**GOOD.ledger.kept, BOOKED["id"]: "superseded"}), Class.UNEXPECTED),
    "an event is nobody's": (_kept({**GOOD.ledger.kept, "e99": "applied"}), Class.UNEXPECTED),
    "a good event is buried": (_letters(*GOOD.letters, Letter("e1", "bad-data", b"{}")), Class.UNEXPECTED),
    "the broker buried one": (_letters(*GOOD.letters, Letter("e1", None, b"{}")), Class.UNEXPECTED),
    "poison is buried for another reason": (
        _letters(Letter("poison", "too-large", b"no JSON"), GOOD.letters[1]),
        Class.UNEXPECTED,
    ),
    "a draft has a seat nobody wants": (_seats("x2", Sp2=0, Sp3=0), Class.UNEXPECTED),
    "an exam has a seat nobody wants": (_seats("x1", Sp1=1, Sp3=1), Class.UNEXPECTED),
    "a schedule is nobody's": (_scheduled(x9=Schedule("?", activated=False, seats={})), Class.UNEXPECTED),
    "a user is nobody's": (_users(Sp9="?"), Class.UNEXPECTED),
    "an outcome is about nobody": (_also_told(_told(said.BOOKING_PENDING, "b9")), Class.UNEXPECTED),
    "something is not at rest": (_restless("booking b1 is due"), Class.UNEXPECTED),
    "a worker ended by itself": (replace(GOOD, endings=("worker-0 ended by itself with 1",)), Class.UNEXPECTED),
}


def test_facts_as_they_should_be_are_all_settled() -> None:
    """Every event counts once, the dead letter among them, and nothing is found."""
    judgement = judge(_expected(), GOOD)
    assert judgement.findings == ()
    assert judgement.good
    assert judgement.classes == Counter({Class.SETTLED: len(EVENTS) + 2})


@pytest.mark.parametrize("name", DOCTORED)
def test_each_fault_is_found_and_classed(name: str) -> None:
    """One thing is wrong: it is found, and classed as what it is."""
    facts, expected = DOCTORED[name]
    judgement = judge(_expected(), facts)
    assert not judgement.good
    assert {finding.what for finding in judgement.findings} == {expected}
    assert judgement.classes[expected] >= 1


def test_a_repeat_under_the_same_id_is_no_duplicate() -> None:
    """At least once is what is promised: a reader drops what has come before, also when it comes late."""
    judgement = judge(_expected(), _also_told(TOLD[0]))
    assert judgement.good
    assert judgement.repeats == 1


def test_a_late_repeat_is_not_the_last_word() -> None:
    """What was said before is dropped by its id, so a booking that stands again does not look cancelled."""
    before = _told(said.BOOKING_CANCELLED, "b1", EXAM)
    judgement = judge(_expected(), replace(GOOD, told=(before, *TOLD, before)))
    assert judgement.good
    assert judgement.repeats == 1


def test_a_lost_link_is_no_loss_once_a_task_says_so() -> None:
    """What was lost with an answer of Cirrus cannot be had again by itself; somebody must have been told."""
    silent = _silent(said.LAUNCH_LINK_ISSUED, "b1")
    task = Task(LOST_LINK, "b1", "x1", "Candidate Sp1 has no link")
    judgement = judge(_expected(), replace(silent, ledger=replace(silent.ledger, tasks=(task,))))
    assert judgement.good
    assert judgement.links_lost == 1


@pytest.mark.parametrize(("exam", "good"), [("x1", True), ("x2", False)])
def test_only_an_activated_exam_may_keep_a_seat_for_a_person_to_remove(exam: str, *, good: bool) -> None:
    """Where Cirrus lets nobody be taken off by API, a task has to ask for it; a draft has no such excuse."""
    kept = _seats(exam, **GOOD.schedules[exam].seats, Sp3=0)
    task = Task(REMOVE_CANDIDATE, "b3", exam, f"Take candidate Sp3 off schedule {exam}: the booking no longer stands.")
    assert judge(_expected(), replace(kept, ledger=replace(kept.ledger, tasks=(task,)))).good is good


def test_the_office_says_the_same_for_the_same_seed() -> None:
    """A run can be repeated: what is said follows from the seed alone."""
    now = datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert _speech(now, seed=1) == _speech(now, seed=1)
    assert _speech(now, seed=1) != _speech(now, seed=2)


def test_what_is_expected_does_not_depend_on_the_order_of_arrival() -> None:
    """The newest of what was said about a thing decides, whoever hears of it when."""
    said_so = _speech(datetime(2026, 3, 1, 9, tzinfo=UTC), seed=3)
    shuffled = Random(4).sample(said_so, len(said_so))
    assert expect(shuffled).wishes == expect(said_so).wishes
    assert expect(shuffled).standing() == expect(said_so).standing()


def test_the_office_does_everything_it_can_do() -> None:
    """A stream of a few hundred messages has every kind of event, of wish and of trouble in it."""
    said_so = _speech(datetime(2026, 3, 1, 9, tzinfo=UTC), seed=5)
    assert {message.nature for message in said_so} == set(Nature)
    assert len({type(wish) for wish in expect(said_so).wishes.values()}) == 5
    assert {message.reason for message in said_so} == {None, "not-json", "unknown-type", "bad-data"}


def _speech(now: datetime, *, seed: int) -> list[Said]:
    office = Office(now, Random(seed))
    return [message for _ in range(400) for message in office.speak()]
