"""What a pass finds out of records that change meanwhile or later: one suite, run on SQLite and on PostgreSQL."""

import pytest

from adapter.domain.findings import Continues, Handed
from adapter.domain.records import Aggregate, Record
from adapter.ledger.ledger import Ledger
from adapter.ledger.work import Claim
from tests.contract.ledger_kit import (
    LEASE,
    POLICY,
    Book,
    booked,
    booking,
    candidate,
    claim_of,
    claim_one,
    finding,
    one_due,
    outcome,
    person,
    record,
    release,
    said,
    scheduled,
    sitting,
    store,
    task,
)


@pytest.fixture
def ledger(book: Book) -> Ledger:
    """Lend a ledger in which one sitting is due, with a booking by a candidate who was only mentioned."""
    return one_due(book)


def labels(known: Record) -> dict[str, str]:
    """Return the name of each statement of a record."""
    return {facet: statement.label for facet, statement in known.facets.items()}


def told_otherwise(book: Book, ledger: Ledger) -> tuple[Claim, Aggregate]:
    """Load the sitting for a pass, then tell of the candidate by the name of a repetition that came late."""
    store(ledger, said("e2", person("anna", last="A")))
    book.clock.advance(60)
    late = claim_of(ledger, sitting("a"))
    stale, _ = ledger.load(late)
    store(ledger, said("e0", person("anna", last="A"), minute=-1))
    first = claim_of(ledger, candidate("anna"))
    record(ledger, first, finding(candidate("anna"), outcomes=(outcome("anna"),)))
    return late, stale


def test_a_newer_statement_is_not_overwritten(book: Book, ledger: Ledger) -> None:
    """When the SIS changed a record during the call, what was learnt of Cirrus is kept and the record stays due."""
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    store(ledger, said("e2", booked("b1", "a", attempt=2), minute=1))
    ledger.record(claim, aggregate, [finding(booking("b1"), confirmed={"seat": True})], POLICY, LEASE)
    release(ledger, claim)
    book.clock.advance(60)
    [member] = ledger.load(claim_one(ledger))[0].members
    assert (member.status.value, member.confirmed, member.data("booking")) == (
        "due",
        {"seat": True},
        {"live": True, "sitting": "a", "attempt": 2},
    )


@pytest.mark.parametrize("during", [True, False], ids=["during the call", "after it"])
@pytest.mark.parametrize("other", [{}, {"attempt": 2}], ids=["the same", "something else"])
def test_what_was_told_keeps_its_name(book: Book, ledger: Ledger, during: bool, other: dict[str, int]) -> None:
    """An older event comes late, and changes nothing: what is told once more is told under the same id."""
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    [member] = aggregate.members
    late = said("e0", booked("b1", "a", **other), minute=-1)
    if during:
        store(ledger, late)
    ledger.record(claim, aggregate, [finding(booking("b1"), outcomes=(outcome("b1"),))], POLICY, LEASE)
    release(ledger, claim, due_in=0.0)
    if not during:
        store(ledger, late)
    book.clock.advance(60)
    [told] = ledger.load(claim_one(ledger))[0].members
    assert told.facets["booking"].label == member.facets["booking"].label


def test_what_others_are_named_after_keeps_its_name(book: Book, ledger: Ledger) -> None:
    """A booking that lapsed with its exam is told by the version of the exam, of which nothing was found."""
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    assert aggregate.root is not None
    lapsed = finding(booking("b1"), outcomes=(outcome("b1"),), named_after=(sitting("a"), candidate("anna")))
    ledger.record(claim, aggregate, [lapsed], POLICY, LEASE)
    release(ledger, claim, due_in=0.0)
    store(ledger, said("e0", scheduled("a"), person("anna", mention=True, last="A"), minute=-1))
    book.clock.advance(60)
    later, _ = ledger.load(claim_one(ledger))
    assert later.root is not None
    assert (later.root.status, later.root.revision) == (aggregate.root.status, aggregate.root.revision)
    assert labels(later.root) == labels(aggregate.root)
    assert labels(later.related[candidate("anna")]) == labels(aggregate.related[candidate("anna")])


def test_what_has_got_another_name_meanwhile_is_told_later(book: Book, ledger: Ledger) -> None:
    """Two passes would name one statement by two of its repetitions: the one that comes second looks again first."""
    late, stale = told_otherwise(book, ledger)
    lapsed = finding(
        booking("b1"),
        confirmed={"lapsed": "then"},
        outcomes=(outcome("b1"),),
        tasks=(task(booking("b1")),),
        named_after=(candidate("anna"),),
    )
    ledger.record(late, stale, [lapsed], POLICY, LEASE)
    release(ledger, late)
    assert book.rows("SELECT subject FROM outbox") == [("anna",)]
    assert book.rows("SELECT count(*) FROM tasks") == [(0,)]
    book.clock.advance(60)
    again = claim_of(ledger, sitting("a"))
    fresh, _ = ledger.load(again)
    assert [(member.status.value, member.confirmed) for member in fresh.members] == [("due", {"lapsed": "then"})]
    ledger.record(again, fresh, [lapsed], POLICY, LEASE)
    assert book.rows("SELECT subject FROM outbox ORDER BY seq") == [("anna",), ("b1",)]


def test_what_an_answer_has_brought_is_told_under_any_name(book: Book, ledger: Ledger) -> None:
    """It would be lost otherwise."""
    late, stale = told_otherwise(book, ledger)
    link = finding(booking("b1"), Continues(), outcomes=(outcome("b1"),), named_after=(candidate("anna"),))
    ledger.record(late, stale, [link], POLICY, LEASE)
    assert book.rows("SELECT subject FROM outbox ORDER BY seq") == [("anna",), ("b1",)]


def test_a_ripple_during_the_call_is_not_overwritten(book: Book, ledger: Ledger) -> None:
    """When the candidate changed while its booking was settled, the booking is looked at again."""
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    store(ledger, said("e2", person("anna", last="B"), minute=1))
    ledger.record(claim, aggregate, [finding(booking("b1")), finding(sitting("a"))], POLICY, LEASE)
    release(ledger, claim)
    book.clock.advance(60)
    aggregate, _ = ledger.load(claim_of(ledger, sitting("a")))
    assert [(member.ref, member.open) for member in aggregate.members] == [(booking("b1"), True)]


def test_what_a_person_had_is_looked_at_again_when_it_changed_during_the_call(book: Book, ledger: Ledger) -> None:
    """The finding has closed the task, and the candidate's change may need it again."""
    record(ledger, claim_one(ledger), finding(booking("b1"), Handed(), tasks=(task(booking("b1")),)))
    store(ledger, said("e2", person("anna", last="B"), minute=1))
    book.clock.advance(60)
    claim = claim_of(ledger, sitting("a"))
    aggregate, _ = ledger.load(claim)
    store(ledger, said("e3", person("anna", last="C"), minute=2))
    ledger.record(claim, aggregate, [finding(booking("b1"), closes=("look",))], POLICY, LEASE)
    release(ledger, claim)
    book.clock.advance(60)
    aggregate, _ = ledger.load(claim_of(ledger, sitting("a")))
    assert [(member.ref, member.status.value) for member in aggregate.members] == [(booking("b1"), "due")]
