"""Cirrus with its troubles: the documented rules of `PureCirrus`, behind a network and a service that fail.

A call takes time; it may be carried out and not be answered, fail before or after it was carried out, be throttled,
refused for the token, or never arrive. What a process had sent when it died may be carried out all the same.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from adapter.domain.answers import Answer, Failing, Forbidden, Garbled, NoAnswer, Throttled, Unreachable
from adapter.domain.steps import Step
from tests.simulation.fate import Fate, Spans, within
from tests.simulation.scheduler import NEVER, Killed, Process, Scheduler
from tests.unit.pure_cirrus import PureCirrus


@dataclass(frozen=True)
class CirrusTrouble:
    """Each fault with its probability; in the spans `down` Cirrus fails, in `forbidden` it refuses the token."""

    unreachable: float = 0.0
    answer_lost: float = 0.0
    request_lost: float = 0.0
    failing_after: float = 0.0
    failing_before: float = 0.0
    throttled: float = 0.0
    garbled: float = 0.0
    slow: float = 0.0
    down: Spans = ()
    forbidden: Spans = ()


@dataclass(frozen=True)
class Called:
    """One call as Cirrus' side of the network saw it."""

    process: str
    began: float
    ended: float
    step: Step
    answer: Answer


@dataclass
class Cirrus:
    """The service, and what came of every call."""

    scheduler: Scheduler
    fate: Fate
    trouble: CirrusTrouble = field(default_factory=CirrusTrouble)
    rules: PureCirrus = field(default_factory=PureCirrus)
    calls: list[Called] = field(default_factory=list)
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)

    def carry_out(self, step: Step) -> Answer:
        """Obey, and count what has changed: a seat taken, a schedule or a user made."""
        before = self._holdings()
        answer = self.rules.obey(step)
        self.effects.update(self._holdings() - before)
        return answer

    def _holdings(self) -> set[tuple[str, str]]:
        made = {("user", user) for user in self.rules.users}
        made |= {("schedule", schedule) for schedule in self.rules.schedules}
        return made | {(name, who) for name, held in self.rules.schedules.items() for who in held.seats}


class PlatformEnd:
    """What `adapter.cirrus.CirrusClient` is to the passes, for one process."""

    def __init__(self, cirrus: Cirrus, process: Process) -> None:
        """Stand between a process and the service."""
        self._cirrus, self._process = cirrus, process
        self._refused_at = NEVER

    def renewed(self) -> bool:
        """Tell whether there is another token than the one that was refused: there is, when the span is over."""
        return self._refused_at < NEVER and not self._is_refused()

    def _is_refused(self) -> bool:
        return within(self._cirrus.scheduler.now, self._cirrus.trouble.forbidden)

    def perform(self, step: Step) -> Answer:
        """Send, wait, and return what came back."""
        cirrus = self._cirrus
        began = cirrus.scheduler.now
        answer = self._exchange(step)
        cirrus.calls.append(Called(self._process.name, began, cirrus.scheduler.now, step, answer))
        return answer

    def close(self) -> None:
        """Nothing is open."""

    def _exchange(self, step: Step) -> Answer:
        cirrus, trouble = self._cirrus, self._cirrus.trouble
        if cirrus.fate.strikes("unreachable", trouble.unreachable):
            self._travel(None)
            return Unreachable()
        if cirrus.fate.strikes("request lost", trouble.request_lost):
            self._travel(None, 5.0)
            return NoAnswer()
        self._travel(step, 3.0 if cirrus.fate.strikes("slow", trouble.slow) else None)
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        answer = cirrus.carry_out(step)
        self._travel(None)
        if cirrus.fate.strikes("failing after", trouble.failing_after):
            return Failing(500)
        if cirrus.fate.strikes("garbled", trouble.garbled):
            return Garbled(200)
        if cirrus.fate.strikes("answer lost", trouble.answer_lost):
            self._travel(None, 5.0)
            return NoAnswer()
        return answer

    def _refusal(self) -> Answer | None:
        cirrus, trouble = self._cirrus, self._cirrus.trouble
        now = cirrus.scheduler.now
        if within(now, trouble.down):
            return Failing(503)
        if self._is_refused():
            self._refused_at = now
            return Forbidden(401)
        if cirrus.fate.strikes("failing before", trouble.failing_before):
            return Failing(502)
        return Throttled(1.0) if cirrus.fate.strikes("throttled", trouble.throttled) else None

    def _travel(self, step: Step | None, seconds: float | None = None) -> None:
        """Take the time of the way; a request whose sender dies meanwhile may arrive all the same."""
        cirrus = self._cirrus
        try:
            cirrus.scheduler.sleep(cirrus.fate.chance.uniform(0.01, 0.3) if seconds is None else seconds)
        except Killed:
            if step is not None and cirrus.fate.chance.random() < 0.5:
                cirrus.scheduler.at(cirrus.scheduler.now + 1.0, _arriving(cirrus, step))
            raise


def _arriving(cirrus: Cirrus, step: Step) -> Callable[[], None]:
    def arrive() -> None:
        cirrus.carry_out(step)

    return arrive
