"""The pace that all workers share: one suite, run on SQLite and on PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from adapter.domain.pace import Limits, Pace, Sign, Slots, Trouble
from adapter.ledger.ledger import Ledger
from tests.contract.ledger_kit import LEASE, NOW, OTHER_TENANT, TENANT, Book, said, scheduled, store

LIMITS = Limits(10.0)


@pytest.fixture
def ledger(book: Book) -> Ledger:
    """Lend a ledger in which six sittings are due."""
    ledger = book.worker()
    store(ledger, *(said(f"e{number}", scheduled(f"s{number}")) for number in range(6)))
    book.clock.advance(60)
    return ledger


def test_a_tenant_that_was_never_called_has_a_pace(book: Book) -> None:
    """Nothing is given out and nothing is wrong; looking keeps nothing."""
    ledger = book.worker()
    seen = ledger.pace(TENANT)
    assert (seen.pace, seen.now) == (Pace.begun(NOW), NOW)
    assert book.rows("SELECT * FROM paces") == []


def test_no_moment_is_given_out_twice(book: Book) -> None:
    """Four workers that take moments together get all of them, each once."""
    workers = [book.worker(f"w{number}") for number in range(4)]

    def run(worker: Ledger) -> list[Slots]:
        return [worker.take_slots(TENANT, LIMITS, wanted, urgent=False) for wanted in (1, 2, 3)]

    with ThreadPoolExecutor(4) as pool:
        taken = [slots for granted in pool.map(run, workers) for slots in granted]
    moments = [slots.after + number * slots.interval for slots in taken for number in range(slots.count)]
    assert sorted(round(moment, 3) for moment in moments) == [round(number / 10, 3) for number in range(4 * 6)]


def test_urgent_calls_do_not_queue(book: Book) -> None:
    """A worker's urgent call goes at once, whatever the ordinary calls of the others hold."""
    mine, other = book.worker("w1"), book.worker("w2")
    other.take_slots(TENANT, LIMITS, 5, urgent=False)
    assert mine.take_slots(TENANT, LIMITS, 1, urgent=True) == Slots(0.0, 0.1, 1)
    assert other.take_slots(TENANT, LIMITS, 1, urgent=False).after == pytest.approx(0.6)


def test_tenants_have_paces_of_their_own(book: Book) -> None:
    """One that calls much, or is told to pause, holds up nobody else."""
    ledger = book.worker()
    ledger.take_slots(TENANT, LIMITS, 5, urgent=False)
    ledger.slow_down(TENANT, LIMITS, Sign(Trouble.THROTTLED, 60.0))
    assert ledger.take_slots(OTHER_TENANT, LIMITS, 1, urgent=False) == Slots(0.0, 0.1, 1)


def test_trouble_is_heard_by_all(book: Book) -> None:
    """What one worker was told holds for the others, and outlives it."""
    mine, other = book.worker("w1"), book.worker("w2")
    told = mine.slow_down(TENANT, LIMITS, Sign(Trouble.THROTTLED, 30.0))
    assert other.pace(TENANT) == told
    assert (told.pace.factor, told.pace.lowered_by, told.pace.lowered_at) == (0.5, Trouble.THROTTLED, NOW)
    assert other.take_slots(TENANT, LIMITS, 1, urgent=False) == Slots(30.0, 0.2, 1)


def test_without_a_limit_the_rate_of_all_workers_counts(book: Book, ledger: Ledger) -> None:
    """One knows what it did itself; how many there are say the leases."""
    assert ledger.claim(TENANT, 2, LEASE)
    assert book.worker("w2").claim(TENANT, 2, LEASE)
    assert ledger.slow_down(TENANT, Limits(), Sign(Trouble.SLOW, rate=20.0)).pace.usual == 40.0
    assert ledger.slow_down(OTHER_TENANT, Limits(), Sign(Trouble.SLOW, rate=20.0)).pace.usual == 20.0


def test_all_workers_together_hold_so_many_claims(book: Book, ledger: Ledger) -> None:
    """Of a tenant that may have three calls under way; what is given back, or runs out, makes room."""
    other = book.worker("w2")
    mine = ledger.claim(TENANT, 2, LEASE, at_once=3)
    assert (len(mine), len(other.claim(TENANT, 5, LEASE, at_once=3)), other.claim(TENANT, 5, LEASE, at_once=3)) == (
        2,
        1,
        [],
    )
    book.clock.advance(LEASE.total_seconds())
    assert len(other.claim(TENANT, 5, LEASE, at_once=3)) == 3


def test_workers_that_claim_at_once_do_not_exceed_it(book: Book, ledger: Ledger) -> None:
    """They wait for each other, so that no two take the last place."""
    workers = [ledger, *(book.worker(f"w{number}") for number in range(2, 5))]
    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(lambda worker: worker.claim(TENANT, 2, LEASE, at_once=3), workers))
    assert sum(map(len, claimed)) == 3
