"""The shapes of outcome events in the reference: each outcome that the handlers really tell fits its shape."""

from datetime import timedelta

import pytest

from adapter.domain.answers import Phrase, ResultSeen
from adapter.domain.findings import Erases
from adapter.domain.guard import Kept, told_discarded, told_held
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.proof import prove
from adapter.domain.steps import CreateCandidate
from handlers.shapes import OUTCOMES
from tests.unit.builders import (
    START,
    booked,
    booking_cancelled,
    changes,
    enrolled,
    erasure_requested,
    exam_cancelled,
    scheduled,
)
from tests.unit.pure_cirrus import refused
from tests.unit.pure_office import Office
from tests.unit.results_kit import PASSED, over, publish
from tests.values import replace


def everything_told() -> list[Outcome]:
    """Return what an exam office hears in a few days in which all sorts of things happen."""
    told: list[Outcome] = []
    plain = Office()
    plain.hear(
        enrolled("1"), scheduled(), booked("1", "1", additionalTimeInMin=20), booked("2", "2"), booked("9", "9", "9")
    )
    plain.work(plain.now + timedelta(hours=2))
    plain.hear(booking_cancelled("2", "2", minute=5))
    plain.work(plain.now + timedelta(hours=2))
    plain.cirrus.schedules["o1"].seats.discard("s2")
    plain.work(plain.now + timedelta(hours=2))
    held = plain.cirrus.schedules["o1"]
    held.seats ^= {"s1", "walkin"}
    held.schedule = replace(held.schedule, title="Room 5", start=START + timedelta(hours=1))
    plain.work(START)
    told += plain.said.values()

    drafts = Office(Policy(mode="before_start"))
    drafts.hear(scheduled(), booked("1", "1"))
    drafts.work(START - timedelta(hours=48))
    drafts.hear(exam_cancelled(minute=5))
    drafts.work(START - timedelta(hours=47))
    told += drafts.said.values()

    refusing = Office()
    refusing.cirrus.script.append(
        lambda _, step: refused(Phrase.IN_TRASH) if isinstance(step, CreateCandidate) else None
    )
    refusing.hear(enrolled("1"), scheduled("+"), booked("2", "2", "+"))
    refusing.work(refusing.now + timedelta(hours=2))
    told += refusing.said.values()

    marked = over("1", "2")
    publish(marked, "1", PASSED)
    publish(marked, "x", PASSED)
    marked.work(marked.now + timedelta(hours=2))
    publish(marked, "1", replace(PASSED, score=70.5))
    publish(marked, "2", ResultSeen("voided"))
    marked.work(marked.now + timedelta(hours=2))
    told += marked.said.values()

    (ended,) = changes(booking_cancelled("1", "1", minute=5))
    kept = Kept(ended, "sis.exam.booking-cancelled.v1", ("o1",), plain.now, plain.now)
    told += [told_held(kept, "1f3a9c02", "30 of 40"), told_discarded(kept, "1f3a9c02", "a wrong import")]

    leaving = Office()
    leaving.hear(enrolled("1"), erasure_requested("1", minute=9))
    leaving.work(leaving.now + timedelta(hours=2))
    told += leaving.said.values()
    erases = next(
        finding.state for plan in leaving.plans for finding in plan.findings if isinstance(finding.state, Erases)
    )
    rows = dict.fromkeys(("records", "outbox", "messages", "journal", "tasks", "documents", "notices", "removals"), 1)
    told.append(prove(erases.proof, rows, letters=1, searched=False))
    return told


@pytest.mark.parametrize("kind", sorted(OUTCOMES))
def test_what_is_told_fits_its_shape(kind: str) -> None:
    """No field is missing, none is unknown, and each is of its type; of every type at least one was told."""
    events = [outcome for outcome in everything_told() if outcome.type == kind]

    assert events
    for outcome in events:
        OUTCOMES[kind].model_validate(dict(outcome.data))
