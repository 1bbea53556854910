"""A survey of a tenant's Cirrus: read each thing once, no faster than the adapter may, and write nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field

import typer

from adapter.cli.answers import AnswerFile, Content, Look
from adapter.cli.console import Exit, complain, fail
from adapter.domain.answers import Absent, Accepted, Answer, CandidateSeen, ScheduleSeen
from adapter.domain.policy import Policy
from adapter.domain.ports import Platform
from adapter.domain.steps import ReadCandidate, ReadSchedule
from adapter.domain.verdict import Halt, Retry, Verdict, judge
from adapter.flow.pacing import Pacer

TRIES = 6
"""Of one call, with growing pauses; a survey that finds Cirrus away for longer ends, and may be begun again."""


@dataclass(slots=True)
class Survey:
    """What one tenant's Cirrus really holds; `wait` is told the seconds, `read` hears of each thing that was read.

    With `kept`, answers of an earlier survey count, and those of this one are kept for the next.
    """

    tenant: str
    platform: Platform
    policy: Policy
    pacer: Pacer
    wait: Callable[[float], object]
    read: Callable[[], None]
    kept: AnswerFile
    _answers: dict[Look, Answer] = field(default_factory=dict[Look, Answer])

    def look(self, step: Look) -> Answer:
        """Return what Cirrus says of one thing; ends the command when it says nothing."""
        if step not in self._answers:
            known = self.kept.get(self.tenant, step)
            answer = Accepted(known) if known is not None else self._ask(step)
            if known is None and (content := _content(answer)) is not None:
                self.kept.add(self.tenant, step, content)
            self._answers[step] = answer
            self.read()
        return self._answers[step]

    def schedule(self, external_id: str) -> ScheduleSeen | None:
        """Return a schedule, None where there is none."""
        content = _content(self.look(ReadSchedule(external_id)))
        return content if isinstance(content, ScheduleSeen) else None

    def candidate(self, external_id: str) -> CandidateSeen | None:
        """Return a candidate, None where there is none."""
        content = _content(self.look(ReadCandidate(external_id)))
        return content if isinstance(content, CandidateSeen) else None

    def _ask(self, step: Look) -> Answer:
        for attempt in range(TRIES):
            self.pacer.take(self.wait)
            answer = self.platform.perform(step)
            verdict: Verdict = judge(answer, step, attempt, self.policy)
            match verdict:
                case Retry(after=after):
                    self.wait(after)
                case Halt(cause=cause):
                    fail(f"{self.tenant}: Cirrus lets nobody read ({cause}); see the runbook CirrusAdapterAuthFailing")
                case _:
                    return answer
        complain(f"{self.tenant}: Cirrus has not answered {TRIES} times; try again later")
        raise typer.Exit(Exit.UNAVAILABLE)


def _content(answer: Answer) -> Content | None:
    match answer:
        case Accepted(content=Absent() | CandidateSeen() | ScheduleSeen() as content):
            return content
        case _:
            return None
