"""Results as operators look for them in the ledger: one suite, run on SQLite and on PostgreSQL."""

from datetime import timedelta

from adapter.domain.allowance import Allowance, Need, Spending
from adapter.domain.findings import Document, Settled, Waits
from adapter.domain.notices import Named
from adapter.domain.records import BOOKING, CANDIDATE, RESULT, RESULT_LIST, SITTING, Ref
from adapter.ledger.ledger import Ledger
from adapter.ledger.results import Asked, Placed, Wanted
from handlers.results.hear import EXAM, hear
from tests.contract.ledger_kit import (
    NOW,
    OTHER_TENANT,
    POLICIES,
    TENANT,
    Book,
    booked,
    booking,
    candidate,
    change,
    claim_of,
    claim_one,
    finding,
    person,
    record,
    release,
    said,
    scheduled,
    settle_all,
    sitting,
    store,
)
from tests.values import replace

TENANTS = (TENANT, OTHER_TENANT)
SECOND = timedelta(seconds=1)


def season(ledger: Ledger) -> None:
    """Store exams a and b with bookings of Anna (b1 and b2) and Ben (b3), and exam a of another tenant."""
    store(
        ledger,
        said("a", scheduled("a"), booked("b1", "a"), booked("b3", "a", "ben"), person("anna"), person("ben")),
        said("b", scheduled("b"), replace(booked("b2", "b"), external_id="attempt-2")),
        said("a", scheduled("a"), booked("b1", "a", "carl"), person("carl"), tenant=OTHER_TENANT),
    )


def found(ledger: Ledger, **wanted: str) -> list[str]:
    """Return the lists that are found, by tenant and schedule."""
    return [f"{one.tenant} {one.ref.key}" for one in ledger.result_lists(TENANTS, Wanted(**wanted))]


def list_of(key: str) -> Ref:
    """Name the list of an exam's results."""
    return Ref(RESULT_LIST, f"S{key}")


def test_each_exam_with_an_id_in_cirrus_has_a_list(book: Book) -> None:
    """One that was only mentioned, or whose id is another exam's, has none."""
    ledger = book.worker()
    season(ledger)
    store(ledger, said("c", booked("b9", "unknown"), replace(scheduled("rival"), external_id="Sa")))
    assert [f"{OTHER_TENANT} Sa", f"{TENANT} Sa", f"{TENANT} Sb"] == found(ledger)
    assert [Placed(TENANT, list_of("a")), Placed(TENANT, list_of("b"))] == ledger.result_lists((TENANT,), Wanted())


def test_an_exam_is_found_by_either_id(book: Book) -> None:
    """In every tenant that is looked at."""
    ledger = book.worker()
    season(ledger)
    for name in ("a", "Sa"):
        assert [f"{OTHER_TENANT} Sa", f"{TENANT} Sa"] == found(ledger, exam=name)
    assert found(ledger, exam="x") == []


def test_a_person_is_found_by_either_id(book: Book) -> None:
    """With every exam that they are booked for, and no other."""
    ledger = book.worker()
    season(ledger)
    for name in ("anna", "Canna"):
        assert [f"{TENANT} Sa", f"{TENANT} Sb"] == found(ledger, person=name)
    assert [f"{TENANT} Sa"] == found(ledger, person="ben")
    assert [f"{TENANT} Sb"] == found(ledger, person="anna", exam="b")
    assert found(ledger, person="ben", exam="b") == []


def test_a_booking_is_found_by_either_id(book: Book) -> None:
    """Where it is now; and a name is known only as what it names."""
    ledger = book.worker()
    season(ledger)
    assert [f"{OTHER_TENANT} Sa", f"{TENANT} Sa"] == found(ledger, booking="b1")
    assert [f"{TENANT} Sb"] == found(ledger, booking="attempt-2")
    assert [Placed(TENANT, booking("b2"))] == ledger.named(TENANTS, BOOKING, "attempt-2")
    assert [Placed(TENANT, candidate("ben"))] == ledger.named(TENANTS, CANDIDATE, "Cben")
    assert [Placed(TENANT, sitting("b"))] == ledger.named((TENANT,), SITTING, "b")
    assert ledger.named(TENANTS, SITTING, "b2") == []
    assert ledger.named((OTHER_TENANT,), BOOKING, "b2") == []


def test_a_look_shows_everything_and_holds_nothing(book: Book) -> None:
    """Also what is settled, which a pass over the same aggregate would leave out; nobody's claim is in the way."""
    ledger = book.worker()
    season(ledger)
    settle_all(book, ledger)
    seen = ledger.look(TENANT, sitting("a"))
    assert {"b1", "b3"} == {member.ref.key for member in seen.members}
    assert seen.complete
    store(ledger, said("a2", booked("b1", "a", grade=2), minute=1))
    book.clock.advance(60)
    claim = claim_one(ledger)
    aggregate, _ = ledger.load(claim)
    assert {"b1"} == {member.ref.key for member in aggregate.members}
    seen = ledger.look(TENANT, sitting("a"))
    assert {"b1", "b3"} == {member.ref.key for member in seen.members}
    record(ledger, claim, finding(booking("b1")))
    assert book.status(booking("b1")) == "settled"


def test_a_look_at_a_list_of_results_shows_who_was_booked(book: Book) -> None:
    """The sitting, its bookings and their candidates are related to it; nothing is known of a list nobody spoke of."""
    ledger = book.worker()
    season(ledger)
    seen = ledger.look(TENANT, list_of("a"))
    related = {sitting("a"), booking("b1"), booking("b3"), candidate("anna"), candidate("ben")}
    assert related == set(seen.related)
    assert (seen.root, seen.members) == (None, ())
    nobody = ledger.look(TENANT, list_of("x"))
    assert (nobody.root, nobody.members, nobody.related) == (None, (), {})


def test_a_pass_over_a_list_reads_who_was_booked_once_results_are_missing(book: Book) -> None:
    """Before, and when all are there, only when it is asked for; what was heard of results is there all the time."""
    ledger = book.worker()
    season(ledger)
    settle_all(book, ledger)
    ledger.ask_for_results([Asked(TENANT, Named("Canna", "Sa"))], hear, POLICIES)
    store(ledger, said("list", change(list_of("a"), EXAM, end="2026-06-01T12:00:00Z")))
    book.clock.advance(60)
    claim = claim_of(ledger, list_of("a"))
    booked_there = {sitting("a"), booking("b1"), booking("b3"), candidate("anna"), candidate("ben")}
    for state, whole, seen in (
        (None, False, set()),
        (None, True, booked_there),
        (Settled(), False, set()),
        (Waits(None, "the results"), False, booked_there),
    ):
        if state is not None:
            record(ledger, claim, finding(list_of("a"), state))
        aggregate, _ = ledger.load(claim, whole=whole)
        assert (set(aggregate.related), aggregate.complete) == (seen, bool(seen))
        assert [member.ref.key for member in aggregate.members] == ["Sa/Canna"]


def test_asking_makes_a_wish_that_is_due(book: Book) -> None:
    """As of this moment, in an operator's name, under an id that no other call has."""
    ledger = book.worker()
    season(ledger)
    settle_all(book, ledger)
    asked = [Asked(TENANT, Named("Canna", "Sa")), Asked(TENANT, Named("Cben", "Sa", "attempt-9"))]
    ids: set[str] = set()
    for _ in range(2):
        book.clock.advance(60)
        ledger.ask_for_results(asked, hear, POLICIES)
        seen = ledger.look(TENANT, list_of("a"))
        wishes = {member.ref.key: member.facets for member in seen.members}
        assert {key: [*f] for key, f in wishes.items()} == {"Sa/Canna": ["notice"], "Sa/Cben": ["notice:attempt-9"]}
        for facets in wishes.values():
            for statement in facets.values():
                assert ("operator", book.clock()) == (statement.data["by"], statement.version.time)
                ids.add(statement.version.event_id)
    assert len(ids) == 4
    book.clock.advance(60)
    claim = claim_one(ledger)
    assert list_of("a") == claim.ref
    [history] = ledger.explain("Sa/Canna")
    assert [line.who for line in history.lines] == ["operator", "operator"]


def test_two_workers_ask_in_the_same_moment(book: Book) -> None:
    """Neither takes the other's wish for a repetition of its own."""
    for name in ("w1", "w2"):
        book.worker(name).ask_for_results([Asked(TENANT, Named("Canna", "Sa"))], hear, POLICIES)
    assert book.rows("SELECT outcome FROM messages") == [("applied",), ("applied",)]


def test_what_is_kept_of_a_booking_is_found_by_its_part(book: Book) -> None:
    """Wherever it was when its result came, in the tenants that are looked at."""
    ledger = book.worker()
    for tenant, schedule_id, part in (
        (TENANT, "Sa", "booking/b1"),
        (TENANT, "Sb", "booking/b1"),
        (TENANT, "Sc", "orphan/1"),
        (OTHER_TENANT, "Sa", "booking/b1"),
    ):
        ref = Ref(RESULT, f"{schedule_id}/Canna")
        home = Ref(RESULT_LIST, schedule_id)
        store(ledger, said(f"{schedule_id}", replace(change(ref, "notice"), home=home), tenant=tenant))
        book.clock.advance(60)
        claim = claim_one(ledger, tenant)
        kept = tuple(Document(part, version, f"event-{version}", {"version": version}) for version in (1, 2))
        record(ledger, claim, finding(ref, Settled(), documents=kept))
        release(ledger, claim)
    here = [Placed(TENANT, Ref(RESULT, "Sa/Canna")), Placed(TENANT, Ref(RESULT, "Sb/Canna"))]
    assert here == ledger.results_filed((TENANT,), "booking/b1")
    assert len(ledger.results_filed(TENANTS, "booking/b1")) == 3
    assert ledger.results_filed(TENANTS, "booking/b2") == []


def test_what_was_spent_is_shown_for_each_tenant(book: Book) -> None:
    """Nothing for one that has never spent anything."""
    ledger = book.worker()
    allowance = Allowance()
    assert ledger.spendings(TENANTS) == {}
    for need in (Need.FIRST, Need.SWEEP):
        ledger.spend(TENANT, allowance, need)
    assert {TENANT: Spending(allowance.begins(NOW), 2, 1)} == ledger.spendings(TENANTS)
    assert ledger.spendings((OTHER_TENANT,)) == {}
