"""The erasures loop: takes whoever Cirrus no longer has out of the dead letters, and then out of the ledger.

Only one worker searches the dead letters at a time: what one holds, another one would not see.
"""

import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog

from adapter.broker import Delivery
from adapter.domain.naming import speaks_of
from adapter.domain.policy import Policy
from adapter.ledger.erasing import Erasure
from adapter.ledger.ledger import Ledger

AT_ONCE = 20
IDLE = 1.0
LEASE = timedelta(minutes=5)
"""Longer than a search of the dead letters takes."""

MOST_UNPACKED = 16 * 1024 * 1024

Weed = Callable[[Callable[[Delivery], bool], Callable[[], None], Callable[[], None]], bool]
"""Takes out of the dead letters what the first picks, once the second has agreed, while the third tells of life."""

_log = structlog.get_logger()


class Erasures:
    """Erases persons; `turn` belongs to one thread. `weed` is None where the broker cannot be searched."""

    def __init__(
        self,
        ledger: Ledger,
        weed: Weed | None,
        policies: Mapping[str, Policy],
        *,
        told: Callable[[], None],
        beat: Callable[[], None],
        stop: threading.Event,
    ) -> None:
        self._ledger = ledger
        self._weed = weed
        self._policies = policies
        self._told = told
        self._beat = beat
        self._stop = stop

    def turn(self) -> None:
        """Search and erase for all whose turn it is, or wait a moment for one."""
        waiting = self._ledger.erasures_to_search(LEASE)
        if waiting:
            self._search(waiting)
        erased = self._ledger.erase_persons(AT_ONCE, self._policies)
        if erased:
            _log.info("persons_erased", count=erased)
            self._told()
        self._stop.wait(IDLE)

    def _search(self, waiting: Sequence[Erasure]) -> None:
        if self._weed is None:
            self._ledger.note_searched(waiting, done=False)
            return
        found: dict[tuple[str, str], set[str]] = {}

        def is_theirs(delivery: Delivery) -> bool:
            named = [each for each in waiting if _names(delivery, each)]
            for each in named:
                found.setdefault((each.tenant, each.key), set()).add(_name(delivery))
            return bool(named)

        def agree() -> None:
            self._ledger.note_letters({who: frozenset(letters) for who, letters in found.items()})

        whole = self._weed(is_theirs, agree, self._beat)
        self._ledger.note_searched(waiting, done=True if whole else None)
        _log.info("dead_letters_searched", whole=whole, taken_out=sum(map(len, found.values())))


def _names(delivery: Delivery, erasure: Erasure) -> bool:
    headers = " ".join(f'"{value}"' for value in delivery.headers.values() if isinstance(value, str))
    texts = (_plain(delivery), headers.encode())
    return any(speaks_of(text, erasure.names, erasure.tenant) for text in texts)


def _plain(delivery: Delivery) -> bytes:
    """Return the body, unpacked where it is packed and can be."""
    if not delivery.content_encoding:
        return delivery.body
    try:
        return zlib.decompressobj(wbits=47).decompress(delivery.body, MOST_UNPACKED)
    except zlib.error:
        return delivery.body


def _name(delivery: Delivery) -> str:
    """Return the id of a dead letter, which follows from its body."""
    return str(delivery.properties.get("message_id") or zlib.crc32(delivery.body))
