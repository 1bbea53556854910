"""What a seed decides: how many workers, which policy, and what goes wrong in this run.

Not everything goes wrong in every run: each kind of trouble is on or off, so that none hides another.
"""

from dataclasses import dataclass, field
from functools import cached_property
from random import Random

from adapter.ledger.holds import Decision
from tests.simulation.broker import BrokerTrouble
from tests.simulation.cirrus import CirrusTrouble
from tests.simulation.ledger import LedgerTrouble

TROUBLED = 40.0
"""Seconds in which things go wrong; then everything heals, and must come to rest."""


@dataclass(frozen=True)
class Guarded:
    """A strict guard against mass changes, a day that has one, and what is decided about what is held."""

    delay: float
    least: int
    per_hour: int
    decision: Decision

    def settings(self) -> dict[str, float]:
        """Return the settings of the guard."""
        return {"delay_s": self.delay, "least": self.least, "per_hour": self.per_hour}


@dataclass(frozen=True)
class Choices:
    """One run; the defaults are the calm one."""

    seed: int = 0
    length: int = 14
    workers: int = 1
    mode: str = "at_once"
    batch: int = 2
    linger: float = 2.0
    rate: float = 0.0
    at_once: int = 0
    prefetch: int = 50
    spread: float = 0.0
    repeats: int = 0
    poison: int = 0
    kills: tuple[float, ...] = ()
    stalls: tuple[float, ...] = ()
    hand_edits: tuple[float, ...] = ()
    results: bool = True
    guard: Guarded | None = None
    broker: BrokerTrouble = field(default_factory=BrokerTrouble)
    cirrus: CirrusTrouble = field(default_factory=CirrusTrouble)
    ledger: LedgerTrouble = field(default_factory=LedgerTrouble)

    @cached_property
    def troubled(self) -> bool:
        """Whether anything goes wrong at all."""
        calm = (BrokerTrouble(), CirrusTrouble(), LedgerTrouble(), (), (), ())
        return calm != (self.broker, self.cirrus, self.ledger, self.kills, self.stalls, self.hand_edits)


def draw(seed: int) -> Choices:
    """Return what this seed decides."""
    chance = Random(seed)

    def often(*levels: float) -> float:
        return chance.choice(levels) if chance.random() < 0.5 else 0.0

    def spans(longest: float) -> tuple[tuple[float, float], ...]:
        if chance.random() < 0.7:
            return ()
        start = chance.uniform(0, TROUBLED / 2)
        return ((start, start + chance.uniform(1, longest)),)

    return Choices(
        seed=seed,
        length=chance.randint(4, 22),
        workers=chance.choice([1, 1, 2, 3]),
        mode=chance.choice(["at_once", "before_start"]),
        batch=chance.choice([1, 2, 100]),
        linger=chance.choice([0.0, 1.0, 5.0]),
        rate=chance.choice([0.0, 1.0, 20.0]),
        at_once=Random(f"at once {seed}").choice([0, 0, 2]),
        prefetch=chance.choice([1, 3, 50]),
        spread=chance.choice([0.0, 5.0, 30.0]),
        repeats=chance.randint(0, 8),
        poison=chance.choice([0, 0, 1, 3]),
        kills=tuple(sorted(chance.uniform(0, TROUBLED) for _ in range(chance.choice([0, 0, 1, 2, 4])))),
        stalls=tuple(sorted(chance.uniform(0, TROUBLED) for _ in range(chance.choice([0, 0, 0, 1, 2])))),
        hand_edits=tuple(chance.uniform(0, TROUBLED) for _ in range(chance.choice([0, 0, 1, 3]))),
        results=chance.random() < 0.25,
        guard=_guarded(Random(f"guard {seed}")),
        broker=BrokerTrouble(
            session_ends=often(0.05, 0.3),
            ack_lost=often(0.05, 0.3),
            reordered=often(0.5, 1.0),
            not_stored=often(0.05, 0.3),
            confirm_lost=often(0.05, 0.3),
            away=spans(20),
            alarm=spans(30),
        ),
        cirrus=CirrusTrouble(
            unreachable=often(0.05, 0.2),
            answer_lost=often(0.05, 0.2),
            request_lost=often(0.05, 0.2),
            failing_after=often(0.05, 0.2),
            failing_before=often(0.05, 0.2),
            throttled=often(0.05, 0.2),
            garbled=often(0.05, 0.2),
            slow=often(0.05, 0.2),
            down=spans(30),
            forbidden=spans(20),
        ),
        ledger=LedgerTrouble(before=often(0.02, 0.1), after=often(0.02, 0.1), slow=often(0.05), away=spans(15)),
    )


def _guarded(chance: Random) -> Guarded | None:
    if chance.random() < 0.7:
        return None
    return Guarded(
        delay=chance.choice([0.0, 2.0, 30.0]),
        least=chance.choice([1, 2]),
        per_hour=chance.choice([1, 2, 4]),
        decision=chance.choice(["approved", "approved", "discarded"]),
    )
