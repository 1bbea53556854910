"""The erasures loop: whose dead letters are taken out, and what the ledger is told of it."""

import gzip
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from adapter.broker import Delivery
from adapter.domain.outcomes import PERSON_ERASED, Outcome
from adapter.errors import BrokerUnavailable
from adapter.flow.erasures import Erasures, Weed
from adapter.ledger.erasing import Erasure
from tests.unit.flow_kit import Unhurried
from tests.values import replace

ANNA = Erasure(
    tenant="uni.example",
    key="anna-1",
    revision=1,
    proof=Outcome(PERSON_ERASED, "anna-1", "v1", {}),
    names=("anna-1", "s1234567", "anna@uni.example"),
    task=None,
    bookings=frozenset(),
    letters=frozenset(),
    searched=None,
)
LETTER = Delivery(1, 1, b"{}", {}, None, None, {"message_id": "letter-1"}, "", "", redelivered=False)


class Noting:
    """A ledger that writes down what it is told."""

    def __init__(self) -> None:
        """Hold one person who is to be erased."""
        self.waiting: list[Erasure] = [ANNA]
        self.noted: list[object] = []

    def erasures_to_search(self, _lease: timedelta) -> list[Erasure]:
        """Return the person once."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def note_letters(self, found: Mapping[tuple[str, str], frozenset[str]]) -> None:
        """Write down what was found."""
        self.noted.append(dict(found))

    def note_searched(self, searched: list[Erasure], *, done: bool | None) -> None:
        """Write down how the search ended."""
        self.noted.append((len(searched), done))

    def erase_persons(self, _limit: int, _policies: object) -> int:
        """Erase nobody."""
        return 0


def loop(ledger: Noting, weed: Weed | None) -> Erasures:
    """Return the loop."""
    return Erasures(
        ledger,  # type: ignore[arg-type]
        weed,
        {},
        told=lambda: None,
        beat=lambda: None,
        stop=Unhurried(),
    )


def holding(*letters: Delivery, whole: bool = True) -> Weed:
    """Return a queue that holds these letters and is searched whole, or not."""

    def weed(is_weed: Callable[[Delivery], bool], agree: Callable[[], None], _beat: Callable[[], None]) -> bool:
        if [letter for letter in letters if is_weed(letter)]:
            agree()
        return whole

    return weed


@pytest.mark.parametrize(
    ("letter", "theirs"),
    [
        (replace(LETTER, body=b'{"personId": "anna-1"}'), True),
        (replace(LETTER, body=b"cut: s1234567"), True),
        (replace(LETTER, headers={"subject": "anna-1", "n": 1}), True),
        (replace(LETTER, body=gzip.compress(b'"anna@uni.example"'), content_encoding="gzip"), True),
        (replace(LETTER, body=b"not packed anna-1", content_encoding="gzip"), True),
        (replace(LETTER, body=b'{"personId": "anna-10"}', headers={"subject": "anna-10"}), False),
        (replace(LETTER, body=b'{"tenant": "college.example", "personId": "anna-1"}'), False),
    ],
)
def test_a_letter_that_names_the_person_is_taken_out(letter: Delivery, theirs: bool) -> None:
    """In its body, packed or not, or in its headers; it is noted before it goes."""
    ledger = Noting()
    loop(ledger, holding(letter)).turn()
    found = [{("uni.example", "anna-1"): frozenset({"letter-1"})}] if theirs else []
    assert ledger.noted == [*found, (1, True)]


def test_a_search_that_did_not_see_everything_is_done_again() -> None:
    """Somebody else held a part of the queue."""
    ledger = Noting()
    loop(ledger, holding(whole=False)).turn()
    assert ledger.noted == [(1, None)]


def test_a_broker_that_is_away_leaves_the_search_to_its_lease() -> None:
    """Nothing is noted, so it is taken up again."""

    def away(*_: object) -> bool:
        raise BrokerUnavailable("away")

    ledger = Noting()
    with pytest.raises(BrokerUnavailable):
        loop(ledger, away).turn()
    assert ledger.noted == []


def test_a_broker_that_cannot_be_searched_is_noted() -> None:
    """The proof says so."""
    ledger = Noting()
    loop(ledger, None).turn()
    assert ledger.noted == [(1, False)]
