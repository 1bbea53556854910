"""The simulation finds what it is there for: with one protection undone, some seed among the first breaks a promise."""

from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa

from adapter.broker import Delivery, Message, Published, Receipt
from adapter.domain.pace import Pace
from adapter.flow.gate import Gate, Permit
from adapter.flow.intake import Intake
from adapter.flow.publish import Relay
from adapter.ledger import converge, holds, paces, work
from adapter.ledger.database import Transaction
from adapter.ledger.intake import Incoming
from tests.simulation.choices import Choices, draw
from tests.simulation.cirrus import CirrusTrouble
from tests.simulation.run import run

SEEDS = 80


def acknowledge_first(patch: pytest.MonkeyPatch) -> None:
    """Acknowledge messages before they are stored."""
    store = Intake._store

    def hasty(self: Intake, good: Sequence[tuple[Delivery, Incoming]]) -> object:
        self._consumer.settle([delivery for delivery, _ in good])
        return store(self, good)

    patch.setattr(Intake, "_store", hasty)


def believe_every_publish(patch: pytest.MonkeyPatch) -> None:
    """Take every outcome for published, whatever the broker says."""
    publish = Relay._publish

    def trusting(self: Relay, messages: list[Message], meanwhile: Callable[[], None]) -> list[Receipt]:
        publish(self, messages, meanwhile)
        return [Published(message.id) for message in messages]

    patch.setattr(Relay, "_publish", trusting)


def forget_the_fence(patch: pytest.MonkeyPatch) -> None:
    """Let a worker whose lease has run out write all the same."""
    of = tuple(work.work.c[name] == sa.bindparam(f"of_{name}") for name in ("tenant", "kind", "key"))
    for name in ("_PROLONG", "_GIVE_BACK"):
        statement = getattr(work, name).where()
        statement._where_criteria = of
        patch.setattr(work, name, statement)


def open_the_gate(patch: pytest.MonkeyPatch) -> None:
    """Go on calling a Cirrus that is down."""
    patch.setattr(Gate, "allows", lambda _self, wanted: Permit(wanted))
    patch.setattr(Gate, "bars", lambda _self, **_of: False)


def rename_what_was_told(patch: pytest.MonkeyPatch) -> None:
    """Let an older repetition that comes late change the ids of what has been told."""
    patch.setattr(converge, "answered", lambda record, _planned: record)


def pace_each_process_alone(patch: pytest.MonkeyPatch) -> None:
    """Give out the same moments to every process."""

    def begin_anew(tx: Transaction, _tenant: str) -> Pace:
        return Pace.begun(tx.now)

    patch.setattr(paces, "locked", begin_anew)


def ask_about_nothing(patch: pytest.MonkeyPatch) -> None:
    """Carry out every removal, however many there are."""
    patch.setattr(holds, "watch", lambda *_given: 0)


def freezing(seed: int) -> Choices:
    """Return a run in which one process after the other freezes in a slow call, for longer than its leases."""
    frozen = (1.0, 3.0, 5.0, 7.0, 9.0)
    return Choices(seed, length=22, workers=3, spread=5.0, stalls=frozen, cirrus=CirrusTrouble(slow=0.9))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("undo", "finding", "story"),
    [
        (acknowledge_first, "was acknowledged too early", draw),
        (believe_every_publish, "was not told", draw),
        (forget_the_fence, "are seated without a booking", freezing),
        (open_the_gate, "while a probe was out", draw),
        (rename_what_was_told, "told under two ids", draw),
        (pace_each_process_alone, "calls within", draw),
        (ask_about_nothing, "ended within an hour", draw),
    ],
)
def test_an_undone_protection_is_found(
    monkeypatch: pytest.MonkeyPatch,
    undo: Callable[[pytest.MonkeyPatch], None],
    finding: str,
    story: Callable[[int], Choices],
) -> None:
    """Which seed finds it is chance, and that one does is not."""
    undo(monkeypatch)
    assert any(finding in broken for seed in range(SEEDS) for broken in run(story(seed)).broken)
