"""Growth: what a booking and a claim cost the ledger must not depend on how many seasons it remembers."""

from dataclasses import dataclass

from tests.benchmarks.adapters import Adapter, adapter
from tests.benchmarks.bench import Bench
from tests.benchmarks.contestants import race_adapter
from tests.benchmarks.history import fill
from tests.benchmarks.row import Measured, at_most
from tests.values import replace

FLAT = 1.25
BOOKINGS = 5_000
BOOKINGS_EACH = 20
LINGER_S = 1.0


@dataclass(frozen=True, slots=True)
class _Costs:
    """Milliseconds of the ledger's transactions for each booking, and of one claim; CPU of the worker, too."""

    booking: float
    claim: float
    cpu: float
    rows: int


def measure(bench: Bench) -> Measured:
    """Run the same small season on a ledger with little history, and on one with much."""
    few, many = (_costs(bench, bookings) for bookings in bench.choices.history)
    sizes = "{:,} and {:,} former bookings ({:,} and {:,} rows)".format(*bench.choices.history, few.rows, many.rows)
    booking = f"{few.booking:.2f} and {many.booking:.2f} ms of transactions, {few.cpu:.2f} and {many.cpu:.2f} ms of CPU"
    return Measured(
        (
            at_most("growth: ledger time per booking", many.booking / few.booking, FLAT, ".2f", f"{booking}; {sizes}"),
            at_most(
                "growth: claim time", many.claim / few.claim, FLAT, ".2f", f"{few.claim:.2f} and {many.claim:.2f} ms"
            ),
        )
    )


def _costs(bench: Bench, history: int) -> _Costs:
    bench.say(f"a season after {history:,} former bookings")
    choices = replace(bench.choices, linger_s=LINGER_S)
    bookings = min(BOOKINGS, choices.bookings)
    season = bench.season(bookings, bookings // BOOKINGS_EACH)
    with bench.open_place() as place, adapter(place, choices) as stage:
        rows = fill(place.postgres_url, history)
        stage.start()
        times = race_adapter(stage, season, choices)
        return _Costs(
            booking=_spent(stage) / bookings * 1000,
            claim=_spent(stage, "claim") / stage.metric("ledger_transaction_seconds_count", "claim") * 1000,
            cpu=times.cpu / bookings * 1000,
            rows=rows,
        )


def _spent(stage: Adapter, *operation: str) -> float:
    return stage.metric("ledger_transaction_seconds_sum", *operation)
