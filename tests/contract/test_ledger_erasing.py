"""Erasing a person from the ledger: one suite, run on SQLite and on PostgreSQL."""

from datetime import timedelta

import orjson
import pytest

from adapter.domain.findings import Document, Erases, Task
from adapter.domain.notices import Arrival
from adapter.domain.outcomes import PERSON_ERASED, Outcome
from adapter.domain.records import RESULT, RESULT_LIST, Record, Ref
from adapter.errors import LedgerUnavailable
from adapter.ledger import erasing
from adapter.ledger.intake import Incoming
from adapter.ledger.ledger import Ledger
from adapter.ledger.retention import REMINDED, Retention
from adapter.ledger.schema import metadata
from tests.contract.ledger_kit import (
    LEASE,
    NOW,
    POLICIES,
    TENANT,
    Book,
    booked,
    booking,
    candidate,
    claim_one,
    finding,
    outcome,
    person,
    record,
    release,
    said,
    scheduled,
    settle_all,
    sitting,
    store,
    task,
)
from tests.values import replace

ANNA, BEN = "anna-1", "ben-2"
YEAR = timedelta(days=365)


def events(who: str, number: int = 1) -> tuple[Incoming, Incoming]:
    """Return what the SIS says of a person and a booking."""
    known = person(who, last=f"name of {who}", mail=f"{who}@uni.example")
    return said(f"e{who}", known, minute=number), said(f"f{who}", booked(f"b-{who}", "exam", who), minute=number)


def live(book: Book, ledger: Ledger) -> None:
    """Let two people sit an exam, with a result, a document, a task and a notice of each."""
    store(ledger, said("exam", scheduled("exam")), *events(ANNA), *events(BEN))
    settle_all(book, ledger)
    for number, who in enumerate((ANNA, BEN)):
        store(ledger, said(f"x{number}", scheduled("exam", n=number), minute=2))
        book.clock.advance(10)
        claim = claim_one(ledger)
        result = Ref(RESULT, f"Sexam/C{who}")
        of_result = finding(
            result,
            first=Record(result, home=Ref(RESULT_LIST, "Sexam")),
            documents=(Document("booking", 1, None, {"of": who}),),
        )
        of_booking = finding(booking(f"b-{who}"), tasks=(task(booking(f"b-{who}")),), outcomes=(outcome(f"b-{who}"),))
        exam = finding(sitting("exam"), confirmed={"seen": [f"C{each}" for each in (ANNA, BEN)]})
        record(ledger, claim, exam, of_booking, of_result)
        release(ledger, claim)
        ledger.keep_notices([Arrival(TENANT, f'{{"CandidateExtId": "C{who}"}}'.encode(), "application/json")])
    ledger.digest_notices(10, lambda *_: "odd", lambda _: pytest.fail("nothing is understood"), POLICIES)
    publish(ledger)


def publish(ledger: Ledger) -> list[dict[str, object]]:
    """Publish what is pending and return it."""
    told: list[dict[str, object]] = []
    while pending := ledger.claim_outbox(100, LEASE):
        told += [orjson.loads(item.body or b"") for item in pending]
        ledger.mark_published([item.seq for item in pending], [])
    return told


def ask(book: Book, ledger: Ledger, who: str = ANNA) -> None:
    """Find that Cirrus no longer has a person, who is to be erased then."""
    asked = replace(person(who, asked=str(book.clock())), facet="erasure", ripples=False)
    store(ledger, said(f"erase-{who}-{book.clock()}", asked, minute=5))
    book.clock.advance(10)
    (claim,) = (each for each in ledger.claim(TENANT, 1, LEASE) if each.ref == candidate(who))
    told = {"personId": who, "cirrus": {"state": "deleted", "nameOverwritten": True, "purgeFrom": None}}
    purge = Task(candidate(who), "purge-user", "v1", f"Purge C{who}.", ("Purge.",), NOW + timedelta(days=30))
    names = (who, f"C{who}", f"{who}@uni.example")
    record(ledger, claim, finding(candidate(who), Erases(Outcome(PERSON_ERASED, who, "v1", told), names, purge)))
    release(ledger, claim)


def searched(ledger: Ledger, *, done: bool = True) -> None:
    """Search the dead letters, and find none."""
    ledger.note_searched(ledger.erasures_to_search(LEASE), done=done)


def erase(ledger: Ledger) -> int:
    """Erase whoever is to be erased."""
    return ledger.erase_persons(10, POLICIES)


def left(book: Book, name: str) -> set[str]:
    """Return the tables in which a name stands."""
    return {
        table
        for table in metadata.tables
        for row in book.rows(f"SELECT * FROM {table}")
        for value in row
        if name in (bytes(value).decode(errors="replace") if isinstance(value, bytes | memoryview) else str(value))
    }


def test_everything_of_a_person_goes_and_nothing_of_another(book: Book) -> None:
    """The proof counts what went; once it is published, only the reminder still knows an id."""
    ledger = book.worker()
    live(book, ledger)
    of_ben = left(book, BEN)
    ask(book, ledger)
    searched(ledger)
    assert erase(ledger) == 1
    (proof,) = publish(ledger)
    assert (proof["type"], proof["subject"]) == (PERSON_ERASED, ANNA)
    data = proof["data"]
    assert isinstance(data, dict)
    counts = {"records": 3, "outbox": 1, "messages": 3, "documents": 1, "notices": 1, "tasks": 1}
    assert {name: data["ledger"][name] for name in counts} == counts
    assert data["ledger"]["journal"] > 0
    assert left(book, ANNA) == {"tasks"}
    assert left(book, BEN) == of_ben
    assert book.rows("SELECT kind, name FROM tasks WHERE kind = 'erased'") == [("erased", "purge-user")]
    assert book.rows("SELECT confirmed FROM records WHERE kind = 'sitting'") == [('{"seen":["Cben-2"]}',)]
    assert (erase(ledger), publish(ledger)) == (0, [])


def test_the_reminder_is_forgotten_some_time_after_its_day(book: Book) -> None:
    """Then nothing is left that leads to the person."""
    ledger = book.worker()
    live(book, ledger)
    ask(book, ledger)
    searched(ledger)
    erase(ledger)
    publish(ledger)
    keep = Retention(YEAR, YEAR, YEAR, YEAR, YEAR)
    book.clock.now = NOW + timedelta(days=30) + REMINDED
    ledger.tidy(keep)
    assert left(book, ANNA) == {"tasks"}
    book.clock.advance(10)
    ledger.tidy(keep)
    assert left(book, ANNA) == set()


def test_what_is_still_to_be_told_goes_out_first(book: Book) -> None:
    """The order of events of one person ends with the proof."""
    ledger = book.worker()
    live(book, ledger)
    store(ledger, said("more", scheduled("exam", n=3), minute=4))
    book.clock.advance(10)
    claim = claim_one(ledger)
    record(ledger, claim, finding(booking(f"b-{ANNA}"), outcomes=(outcome(f"b-{ANNA}", "v2"),)))
    release(ledger, claim)
    ask(book, ledger)
    searched(ledger)
    assert erase(ledger) == 0
    assert len(publish(ledger)) == 1
    assert erase(ledger) == 1


def test_nobody_is_erased_under_a_worker_who_is_busy_with_the_exam(book: Book) -> None:
    """What that worker finds out would be told of somebody whom nothing is to be told of any more."""
    ledger = book.worker()
    live(book, ledger)
    ask(book, ledger)
    searched(ledger)
    store(ledger, said("more", scheduled("exam", n=3), minute=4))
    book.clock.advance(10)
    claim = claim_one(ledger)
    assert claim.ref == sitting("exam")
    assert erase(ledger) == 0
    release(ledger, claim)
    assert erase(ledger) == 1


def test_a_notice_that_nobody_has_read_is_read_first(book: Book) -> None:
    """It may announce a result."""
    ledger = book.worker()
    live(book, ledger)
    ask(book, ledger)
    searched(ledger)
    ledger.keep_notices([Arrival(TENANT, f'{{"CandidateExtId": "C{ANNA}"}}'.encode(), "application/json")])
    assert erase(ledger) == 0
    ledger.digest_notices(10, lambda *_: "odd", lambda _: pytest.fail("nothing is understood"), POLICIES)
    assert erase(ledger) == 1


def test_whatever_the_sis_says_meanwhile_has_it_planned_anew(book: Book) -> None:
    """A new booking may be for an exam to come: nobody is erased before somebody has looked."""
    ledger = book.worker()
    live(book, ledger)
    for number, change in enumerate((booked("b-new", "exam", ANNA), person(ANNA, last="other"))):
        ask(book, ledger)
        searched(ledger)
        store(ledger, said(f"new{number}", change, minute=20 + number))
        assert erase(ledger) == 0
        assert book.rows("SELECT count(*) FROM erasures") == [(0,)]
        assert book.status(candidate(ANNA)) == "due"
        settle_all(book, ledger)
    assert left(book, ANNA)


def test_a_crash_leaves_all_or_nothing(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof is stored with what it proves."""
    ledger = book.worker()
    live(book, ledger)
    ask(book, ledger)
    searched(ledger)
    before = left(book, ANNA)

    def crash(*_: object, **__: object) -> None:
        raise LedgerUnavailable("the plug was pulled")

    with monkeypatch.context() as patched:
        patched.setattr(erasing, "prove", crash)
        with pytest.raises(LedgerUnavailable):
            erase(ledger)
    assert left(book, ANNA) == before
    assert erase(ledger) == 1
    assert len(publish(ledger)) == 1


def test_an_old_event_brings_nobody_back(book: Book) -> None:
    """It is superseded and leaves no trace of whom it was about; a newer one starts anew."""
    ledger = book.worker()
    live(book, ledger)
    ask(book, ledger)
    searched(ledger)
    erase(ledger)
    publish(ledger)
    assert store(ledger, *events(ANNA)) == ["superseded", "superseded"]
    assert store(ledger, *events(ANNA)) == ["duplicate", "duplicate"]
    stray = said("stray", booked("b-stray", "exam", ANNA), minute=3)
    assert store(ledger, stray) == ["superseded"]
    assert left(book, ANNA) == {"tasks", "messages"}
    assert book.rows("SELECT DISTINCT subject FROM messages WHERE outcome = 'superseded'") == [("",)]
    assert store(ledger, said("anew", person(ANNA, last="anew"), minute=30)) == ["applied"]
    assert store(ledger, replace(stray, envelope=replace(stray.envelope, id="stray2"))) == ["superseded"]
    (history,) = ledger.explain(ANNA)
    assert set(history.record.facets) == {"person"}


def test_another_person_inherits_the_id_in_cirrus(book: Book) -> None:
    """Whoever was refused it, because it was taken, is looked at once more."""
    ledger = book.worker()
    live(book, ledger)
    store(ledger, said("twin", person("twin", f"C{ANNA}", last="twin"), minute=3))
    settle_all(book, ledger)
    assert book.rows("SELECT rival FROM records WHERE key = 'twin'") == [(ANNA,)]
    ask(book, ledger)
    searched(ledger)
    assert erase(ledger) == 1
    assert book.rows("SELECT rival, status FROM records WHERE key = 'twin'") == [(None, "due")]


def test_one_worker_searches_at_a_time_and_each_letter_counts_once(book: Book) -> None:
    """A search that was broken off is taken up when its lease is over, and what it found is not forgotten."""
    ledger = book.worker()
    live(book, ledger)
    ask(book, ledger)
    assert len(ledger.erasures_to_search(LEASE)) == 1
    assert ledger.erasures_to_search(LEASE) == []
    ledger.note_letters({(TENANT, ANNA): frozenset({"l1", "l2"})})
    book.clock.advance(LEASE.total_seconds() + 1)
    again = ledger.erasures_to_search(LEASE)
    ledger.note_letters({(TENANT, ANNA): frozenset({"l2", "l3"})})
    ledger.note_searched(again, done=None)
    assert erase(ledger) == 0
    searched(ledger)
    assert erase(ledger) == 1
    (proof,) = publish(ledger)
    data = proof["data"]
    assert isinstance(data, dict)
    assert data["deadLetters"] == {"searched": True, "erased": 3}


def test_a_broker_that_cannot_be_searched_is_told(book: Book) -> None:
    """The proof does not claim what was not done."""
    ledger = book.worker()
    live(book, ledger)
    ask(book, ledger)
    searched(ledger, done=False)
    erase(ledger)
    (proof,) = publish(ledger)
    data = proof["data"]
    assert isinstance(data, dict)
    assert data["deadLetters"] == {"searched": False, "erased": 0}
    assert data["remains"][-1]["where"] == "the dead letters"
