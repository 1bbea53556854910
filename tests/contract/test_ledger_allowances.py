"""The allowance in the ledger: one count, whoever spends."""

import threading
from datetime import timedelta

from adapter.domain.allowance import Allowance, Need
from adapter.ledger.ledger import Ledger
from tests.contract.ledger_kit import NOW, OTHER_TENANT, TENANT, Book

SMALL = Allowance(calls=40, reserve=4, sweeps=10)


def spent(ledger: Ledger, tenant: str = TENANT) -> int:
    """Return what a tenant has spent."""
    return ledger.count((tenant,)).spent[tenant].spent


def test_many_workers_never_exceed_the_allowance(book: Book) -> None:
    """S31: four workers want 30 calls each of an allowance of 40, of which 4 are kept for corrections."""
    workers = [book.worker(f"w{number}") for number in range(4)]
    granted: list[Need] = []

    def work(ledger: Ledger) -> None:
        granted.extend(Need.FIRST for _ in range(30) if ledger.spend(TENANT, SMALL, Need.FIRST) is None)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 36
    assert spent(workers[0]) == 36
    assert workers[0].spend(TENANT, SMALL, Need.CORRECTION) is None
    assert workers[0].spend(OTHER_TENANT, SMALL, Need.FIRST) is None


def test_a_call_that_was_not_sent_is_given_back(book: Book) -> None:
    """An outage does not use up the day."""
    ledger = book.worker()
    for need in (Need.FIRST, Need.SWEEP):
        ledger.spend(TENANT, SMALL, need)
    ledger.give_back(TENANT, SMALL, Need.SWEEP)
    assert spent(ledger) == 1
    ledger.give_back(TENANT, SMALL, Need.FIRST)
    ledger.give_back(TENANT, SMALL, Need.FIRST)
    assert spent(ledger) == 0


def test_the_count_begins_anew_at_the_reset(book: Book) -> None:
    """By the ledger's clock; the test begins at 9:00, the reset is at 13:30."""
    ledger = book.worker()
    while ledger.spend(TENANT, SMALL, Need.CORRECTION) is None:
        pass
    assert ledger.spend(TENANT, SMALL, Need.CORRECTION) == NOW + timedelta(hours=4, minutes=30)
    book.clock.advance(4.5 * 3600)
    assert ledger.spend(TENANT, SMALL, Need.CORRECTION) is None
    assert spent(ledger) == 1


def test_a_refusal_by_cirrus_is_known_to_all_workers(book: Book) -> None:
    """Nobody asks for an hour."""
    one, other = book.worker("w1"), book.worker("w2")
    one.refuse_results(TENANT, SMALL, None)
    assert other.spend(TENANT, SMALL, Need.CORRECTION) == NOW + timedelta(hours=1)
    book.clock.advance(3601)
    assert other.spend(TENANT, SMALL, Need.CORRECTION) is None
