"""Notices in the ledger: kept as they came, understood once, kept for people where they cannot be."""

import threading

import pytest

from adapter.domain.findings import Continues, Document, Settled
from adapter.domain.notices import Arrival, Named
from adapter.domain.policy import ResultPolicy
from adapter.domain.records import RESULT, RESULT_LIST, Record, Ref
from adapter.ledger.ledger import Ledger
from adapter.ledger.retention import Retention
from adapter.ledger.sealing import new_key
from handlers.results.hear import hear
from tests.contract.ledger_kit import (
    POLICIES,
    TENANT,
    Book,
    booked,
    booking,
    candidate,
    claim_one,
    due,
    finding,
    person,
    record,
    release,
    said,
    scheduled,
    sitting,
    store,
)
from tests.values import replace

RESULT_OF_ANNA = Ref(RESULT, "Sexam/Canna")


def names(_tenant: str, body: bytes) -> tuple[Named, ...] | str:
    """Read `schedule candidate attempt` from a body, `-` for what is not named."""
    parts = [None if word == "-" else word for word in body.decode().split()]
    if len(parts) != 3:
        return "it is not three words"
    return (Named(schedule_id=parts[0], candidate_id=parts[1], attempt_id=parts[2]),)


def arrive(ledger: Ledger, *bodies: str, tenant: str = TENANT) -> None:
    """Let notices arrive."""
    ledger.keep_notices([Arrival(tenant, body.encode(), "text/plain") for body in bodies])


def digest(ledger: Ledger, limit: int = 100) -> tuple[int, int]:
    """Digest notices; return how many were understood and how many not."""
    digested = ledger.digest_notices(limit, names, hear, POLICIES)
    return digested.understood, digested.unreadable


def test_a_notice_becomes_a_wish_that_is_due(book: Book) -> None:
    """Once: what was understood is not looked at again."""
    ledger = book.worker()
    arrive(ledger, "Sexam Canna -")
    assert digest(ledger) == (1, 0)
    assert digest(ledger) == (0, 0)
    book.clock.advance(10)
    assert due(ledger) == ["result-list Sexam"]
    assert book.status(RESULT_OF_ANNA) == "due"
    assert book.rows("SELECT who, what, key FROM journal") == [
        ("cirrus", "cirrus.result.announced", "Sexam/Canna"),
    ]


def test_the_same_notice_again_is_a_newer_wish(book: Book) -> None:
    """A notice that is repeated word for word may tell of a correction."""
    ledger = book.worker()
    for _ in range(2):
        arrive(ledger, "Sexam Canna -")
        book.clock.advance(60)
        digest(ledger)
    book.clock.advance(10)
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    (member,) = aggregate.members
    assert member.facets["notice"].version.event_id == "notice-2-0"
    assert member.revision == 2


def test_what_cannot_be_understood_is_kept_and_shown(book: Book) -> None:
    """With its body and the reason; its neighbours go on."""
    ledger = book.worker()
    arrive(ledger, "gibberish", "Sexam Canna -")
    assert digest(ledger) == (1, 1)
    (kept,) = ledger.notices("unreadable")
    assert (kept.tenant, kept.body, kept.reason) == (TENANT, b"gibberish", "it is not three words")
    assert ledger.count((TENANT,)).notices == {"new": 0, "unreadable": 1}


@pytest.mark.parametrize("keep_raw", [True, False])
def test_the_body_of_a_notice_is_kept_only_as_long_as_that_is_wanted(book: Book, keep_raw: bool) -> None:
    """Until the structure is confirmed; what could not be understood is kept in any case."""
    ledger = book.worker()
    arrive(ledger, "Sexam Canna -", "gibberish")
    policy = replace(POLICIES[TENANT], results=ResultPolicy(keep_raw=keep_raw))
    ledger.digest_notices(10, names, hear, {TENANT: policy})
    assert [kept.body for kept in ledger.notices("understood")] == [b"Sexam Canna -" if keep_raw else b""]
    assert [kept.body for kept in ledger.notices("unreadable")] == [b"gibberish"]


def test_unreadable_notices_are_looked_at_again_on_demand(book: Book) -> None:
    """After the names of the fields were corrected in the settings."""
    ledger = book.worker()
    arrive(ledger, "gibberish")
    digest(ledger)
    assert ledger.read_notices_again() == 1
    understood = ledger.digest_notices(10, lambda *_: (Named("Canna", "Sexam"),), hear, POLICIES)
    assert (understood.understood, understood.unreadable) == (1, 0)


def test_an_attempt_alone_leads_to_candidate_and_schedule(book: Book) -> None:
    """The booking that has the attempt id knows both; an attempt of nobody is a list of its own."""
    ledger = book.worker()
    seat = replace(booked("b1", "exam"), external_id="attempt1")
    store(ledger, said("e1", scheduled("exam")), said("e2", person("anna")), said("e3", seat))
    arrive(ledger, "- - attempt1", "- - attempt9")
    assert digest(ledger) == (2, 0)
    assert book.status(RESULT_OF_ANNA) == "due"
    assert book.status(Ref(RESULT, "attempt/attempt9")) == "due"


def test_a_list_of_results_sees_the_bookings_of_its_schedule(book: Book) -> None:
    """The sitting that Cirrus knows by this id, its bookings, and their candidates; a rival's are not looked at."""
    ledger = book.worker()
    store(
        ledger,
        said("e1", scheduled("exam")),
        said("e2", replace(scheduled("other"), external_id="Sexam")),
        said("e3", person("anna")),
        said("e4", booked("b1", "exam"), booked("b2", "other", "ben")),
    )
    arrive(ledger, "Sexam Canna -")
    digest(ledger)
    book.clock.advance(10)
    claims = {str(claim.ref): claim for claim in ledger.claim(TENANT, 10, POLICIES[TENANT].results.withdrawn_after)}
    aggregate, _ = ledger.load(claims["result-list Sexam"])
    assert set(aggregate.related) == {sitting("exam"), booking("b1"), candidate("anna")}


def test_a_notice_for_a_tenant_that_is_gone_waits(book: Book) -> None:
    """Its settings may come back; nothing is dropped."""
    ledger = book.worker()
    arrive(ledger, "Sexam Canna -", tenant="gone.example")
    assert digest(ledger) == (0, 0)
    assert ledger.count((TENANT,)).notices["new"] == 1


def test_two_workers_do_not_digest_the_same_notice(book: Book) -> None:
    """Each notice is one wish, whoever takes it."""
    workers = [book.worker(name) for name in ("w1", "w2")]
    arrive(workers[0], *[f"S{number} Canna -" for number in range(60)])
    counts: list[int] = []

    def work(ledger: Ledger) -> None:
        while (understood := digest(ledger, 7)[0]) > 0:
            counts.append(understood)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 60
    assert book.rows("SELECT count(*) FROM journal") == [(60,)]


def test_notices_and_documents_are_sealed_at_rest(book: Book) -> None:
    """With a key, neither the body of a notice nor a result stands in the database as it is."""
    key = new_key()
    ledger = book.worker("w1", key)
    arrive(ledger, "Sexam Canna secret")
    digest(ledger)
    book.clock.advance(10)
    claim = claim_one(ledger)
    document = Document("booking/b1", 1, "id", {"score": "secret"})
    record(ledger, claim, finding(RESULT_OF_ANNA, documents=(document,)))
    stored = book.rows("SELECT body FROM notices") + book.rows("SELECT body FROM documents")
    assert len(stored) == 2
    assert not [body for (body,) in stored if b"secret" in bytes(body)]
    (filed,) = ledger.documents(TENANT, RESULT_OF_ANNA)
    assert (filed.part, filed.version, filed.event_id, filed.content) == ("booking/b1", 1, "id", {"score": "secret"})
    (unopened,) = book.worker("w2").documents(TENANT, RESULT_OF_ANNA)
    assert unopened.content is None


def test_a_finding_may_be_the_first_to_speak_of_a_record(book: Book) -> None:
    """A sweep finds a result that nobody has announced; later findings are about the same record."""
    ledger = book.worker()
    arrive(ledger, "Sexam Cben -")
    digest(ledger)
    book.clock.advance(10)
    claim = claim_one(ledger)
    first = Record(RESULT_OF_ANNA, home=Ref(RESULT_LIST, "Sexam"))
    for state in (Continues(), Settled()):
        record(ledger, claim, finding(RESULT_OF_ANNA, state, first=first, confirmed={"told": type(state).__name__}))
    release(ledger, claim)
    assert book.status(RESULT_OF_ANNA) == "settled"
    assert book.rows("SELECT confirmed FROM records WHERE key = 'Sexam/Canna'") == [('{"told":"Settled"}',)]


def test_a_record_that_a_notice_made_meanwhile_keeps_its_wish(book: Book) -> None:
    """What the sweep learnt is kept beside it; the wish is due."""
    ledger = book.worker()
    arrive(ledger, "Sexam Cben -")
    digest(ledger)
    book.clock.advance(10)
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    arrive(ledger, "Sexam Canna -")
    digest(ledger)
    first = Record(RESULT_OF_ANNA, home=Ref(RESULT_LIST, "Sexam"))
    swept = finding(RESULT_OF_ANNA, first=first, confirmed={"looked": "look 1"})
    ledger.record(claim, aggregate, [swept], POLICIES[TENANT], POLICIES[TENANT].results.withdrawn_after)
    assert book.status(RESULT_OF_ANNA) == "due"
    assert book.rows("SELECT confirmed FROM records WHERE key = 'Sexam/Canna'") == [('{"looked":"look 1"}',)]


def test_old_notices_and_documents_are_forgotten_but_no_new_notice(book: Book) -> None:
    """A notice that nobody has looked at is work, however old."""
    ledger = book.worker()
    week = POLICIES[TENANT].results.expected_after / 3
    arrive(ledger, "gibberish")
    digest(ledger)
    arrive(ledger, "Sexam Canna -")
    book.clock.advance(2 * week.total_seconds())
    ledger.tidy(Retention(week, week, week, week, week))
    assert book.rows("SELECT state FROM notices") == [("new",)]
