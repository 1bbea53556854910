"""How large a benchmark is, and how its contestants are set: three sizes to choose from, each open to change."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choices:
    """The settings of one benchmark; all of them are printed.

    `threads` and `at_once` are the baselines': calls at once by those with threads, and by the asynchronous one.
    """

    bookings: int = 10_000
    sittings: int = 100
    latency_ms: float = 100.0
    linger_s: float = 2.0
    concurrency: int = 8
    calls_per_second: float = 0.0
    batch_size: int = 100
    threads: int = 100
    at_once: int = 75
    pace: float = 20.0
    """Calls a second where a row is about pacing."""

    due: int = 20_000
    """Bookings that are due in the ledger when an urgent one comes."""
    unread: int = 20_000
    """Messages in the intake queue before an urgent one."""
    probes: int = 40
    """Urgent bookings, of which the slowest is looked for."""
    probe_every_s: float = 0.5

    split: int = 320
    """Sittings that one, two and four workers share: a few bookings in each, so that the calls are what takes long."""
    starts: int = 5
    history: tuple[int, int] = (10_000, 100_000)
    """Bookings of former seasons in the ledger, few and many."""
    notices: int = 6_000
    repeat: int = 1
    seed: int = 1

    @property
    def patience(self) -> float:
        """Seconds after which a run has failed: even the slowest contestant does 20 bookings in one."""
        return 60 + self.bookings / 20


USUAL = Choices()
"""Some minutes on two cores."""

QUICK = Choices(
    bookings=1_000,
    sittings=20,
    linger_s=1.0,
    due=2_000,
    unread=2_000,
    probes=8,
    probe_every_s=0.25,
    split=64,
    starts=2,
    history=(1_000, 10_000),
    notices=1_000,
)
"""To see that it works; its figures say little."""

FULL = Choices(
    bookings=120_000,
    sittings=1_200,
    due=100_000,
    unread=100_000,
    probes=60,
    split=1_200,
    starts=9,
    history=(10_000, 1_000_000),
)
"""The sizes that the targets are about."""
