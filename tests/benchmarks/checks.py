"""What has to be true after a season, whoever ran it; each function yields what is not."""

from collections.abc import Iterable, Iterator

from tests.benchmarks.adapters import CONFIRMED, DEAD_QUEUE, Adapter
from tests.benchmarks.season import Season
from tests.benchmarks.stage import Sandbox


def adapter_problems(stage: Adapter, season: Season, outcomes: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    """Check all that the adapter promises: the seats, one word for each booking, and no dead letter."""
    told = outcome_problems(outcomes, season)
    return (*seat_problems(stage.sandbox, season), *told, *_dead_letter_problems(stage))


def seat_problems(sandbox: Sandbox, season: Season) -> Iterator[str]:
    """Compare the seats in Cirrus with those that were booked."""
    seats = sandbox.seats()
    if missing := season.seats - seats:
        yield f"{len(missing)} seats are missing, such as {min(missing)}"
    if surplus := seats - season.seats:
        yield f"{len(surplus)} seats were never booked, such as {min(surplus)}"


def outcome_problems(outcomes: Iterable[tuple[str, str, str]], season: Season) -> Iterator[str]:
    """Compare what was told, as type, subject and id, with the bookings: each confirmed, under one id."""
    ids: dict[str, set[str]] = {}
    for kind, subject, event_id in outcomes:
        if kind == CONFIRMED:
            ids.setdefault(subject, set()).add(event_id)
    if missing := season.associations - ids.keys():
        yield f"{len(missing)} bookings were not told confirmed, such as {min(missing)}"
    if surplus := ids.keys() - season.associations:
        yield f"{len(surplus)} bookings were told that nobody made, such as {min(surplus)}"
    if several := [subject for subject, found in ids.items() if len(found) > 1]:
        yield f"{len(several)} bookings were told confirmed under more than one id, such as {min(several)}"


def _dead_letter_problems(stage: Adapter) -> Iterator[str]:
    if dead := stage.broker.ready(DEAD_QUEUE):
        yield f"{dead} events were dead-lettered"
