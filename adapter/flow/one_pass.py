"""One pass over one claimed aggregate: plan, call, record, and again until there is nothing to call."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

import structlog

from adapter.domain.answers import Answer, Failing, Garbled, NoAnswer, Receipt, Throttled, Unreachable, Unsendable
from adapter.domain.applying import fold
from adapter.domain.findings import Finding, Plan
from adapter.domain.handler import Handler
from adapter.domain.policy import Policy
from adapter.domain.ports import Platform
from adapter.domain.quotes import without_people
from adapter.domain.records import Aggregate
from adapter.domain.steps import ReadResults, ReadSchedule, Step
from adapter.domain.verdict import Confirmed, Halt, Manual, Rejected, Retry, Unsure, Verdict, judge
from adapter.flow.gate import Gate
from adapter.flow.leases import LEASE
from adapter.flow.pacing import Pacer
from adapter.flow.retries import Budget
from adapter.ledger.ledger import Ledger
from adapter.ledger.work import Claim
from adapter.observe.metrics import Metrics

MOST_ROUNDS = 50
"""Plans for one claim; more would mean that a plan does not see what its own calls have done."""

BEHIND = 1.0
"""Seconds by which an object that was a probe in vain lets others go first."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tenancy:
    """What belongs to one tenant and to nobody else."""

    name: str
    policy: Policy
    platform: Platform
    gate: Gate
    pacer: Pacer
    retries: Budget


@dataclass(frozen=True, slots=True)
class _Again:
    """The pass ends here; the work is due again after so many seconds."""

    seconds: float
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Passes:
    """Makes passes for one tenant; used from many threads at once.

    `jitter` returns a number from 0 to 1, `told` hears that there is something to publish.
    """

    tenancy: Tenancy
    ledger: Ledger
    handlers: Mapping[str, Handler]
    metrics: Metrics
    monotonic: Callable[[], float]
    jitter: Callable[[], float]
    told: Callable[[], None]
    stop: threading.Event

    def run(self, claim: Claim, *, probe: bool = False) -> None:
        """Work on one claim and give it back; raises `LeaseLost` and `LedgerUnavailable`.

        A `probe` finds out whether Cirrus is back: it may call while other passes may not.
        """
        aggregate, read_at = self.ledger.load(claim)
        started = self.monotonic()

        def now() -> datetime:
            return read_at + timedelta(seconds=self.monotonic() - started)

        handler = self.handlers[claim.ref.kind]
        for rounds in range(MOST_ROUNDS):
            moment = now()
            plan = handler.plan(aggregate, moment, self.tenancy.policy)
            if plan.whole and not aggregate.complete:
                aggregate, _ = self.ledger.load(claim, whole=True)
                continue
            aggregate = self._record(claim, aggregate, plan.findings, moment)
            if not plan.steps:
                self._release(claim, look_again=plan.look_again)
                return
            if rounds == 0 and not probe and (seconds := self._retry_in(claim, moment)):
                self._release(claim, again=_Again(seconds, counts=False))
                return
            outcome = self._perform_all(handler, claim, aggregate, plan, now, probe=probe)
            if isinstance(outcome, _Again):
                self._release(claim, again=outcome)
                return
            aggregate = outcome
        _log.error("not_converging", kind=claim.ref.kind, rounds=MOST_ROUNDS)
        self._release(claim, again=_Again(self.tenancy.policy.retry_longest))

    def _retry_in(self, claim: Claim, now: datetime) -> float:
        """Return 0 for work that may be tried now, else the seconds until its turn in the budget of retries."""
        if claim.attempt == 0:
            return 0.0
        seconds = self.tenancy.retries.retry(urgent=self.tenancy.policy.is_urgent(claim.deadline, now))
        if seconds:
            self.metrics.retries_delayed.of(self.tenancy.name).inc()
        return seconds

    def _perform_all(
        self,
        handler: Handler,
        claim: Claim,
        aggregate: Aggregate,
        plan: Plan,
        now: Callable[[], datetime],
        *,
        probe: bool,
    ) -> Aggregate | _Again:
        """Perform the steps until one is not confirmed; return what is known then, or when to try again."""
        for step in plan.steps:
            urgent = self.tenancy.policy.is_urgent(claim.deadline, now())
            self.tenancy.pacer.take(self.stop.wait, urgent=urgent)
            if self.stop.is_set() or self.tenancy.gate.bars(probe=probe):
                return _Again(0.0, counts=False)
            if isinstance(step, ReadResults) and (again_at := self._spend(step)) is not None:
                # What the plan wanted to look at meanwhile may need no call, or one that is more needed.
                soonest = min(again_at, plan.look_again or again_at)
                return _Again((soonest - now()).total_seconds(), counts=False)
            receipt = self._perform(handler, aggregate, step, now, probe=probe)
            findings = handler.report(aggregate, receipt, self.tenancy.policy)
            aggregate = self._record(claim, aggregate, findings, receipt.at)
            verdict: Verdict = receipt.verdict
            match verdict:
                case Confirmed():
                    continue
                case Rejected() | Manual():
                    return aggregate
                case Unsure(after=after):
                    return aggregate if after == 0 else self._later(after, probe=probe)
                case Retry(after=after):
                    return self._later(after, probe=probe)
                case Halt():
                    return _Again(0.0, counts=False)
                case _ as never:
                    assert_never(never)
        return aggregate

    def _later(self, after: float, *, probe: bool) -> _Again:
        seconds = after * self._spread()
        if probe and (left := self.tenancy.gate.left):
            # The next probe is another one's: an object that Cirrus always fails on must not keep the gate shut.
            seconds = max(seconds, left + BEHIND)
        return _Again(seconds)

    def _spend(self, step: ReadResults) -> datetime | None:
        """Count a call against the tenant's allowance; return when to ask again where none is granted."""
        allowance = self.tenancy.policy.results.allowance
        return self.ledger.spend(self.tenancy.name, allowance, step.need)

    def _settle_allowance(self, step: Step, answer: Answer) -> None:
        if not isinstance(step, ReadResults):
            return
        allowance = self.tenancy.policy.results.allowance
        match answer:
            case Unreachable() | Unsendable():
                self.ledger.give_back(self.tenancy.name, allowance, step.need)
            case Throttled(after=after):
                self.ledger.refuse_results(self.tenancy.name, allowance, after)
            case _:
                pass

    def _perform(
        self, handler: Handler, aggregate: Aggregate, step: Step, now: Callable[[], datetime], *, probe: bool
    ) -> Receipt:
        if aggregate.attempt == 0:
            self.tenancy.retries.earn()
        asked = now()
        answer = without_people(self.tenancy.platform.perform(step), partial(handler.private, aggregate))
        answered = now()
        verdict = judge(answer, step, aggregate.attempt, self.tenancy.policy)
        self._tell_pacer(step, answer, (answered - asked).total_seconds())
        self._settle_allowance(step, answer)
        self._tell_gate(answer, verdict, probe=probe)
        self.metrics.verdicts.of(handler.kind, type(verdict).__name__.lower()).inc()
        if isinstance(step, ReadSchedule) and isinstance(verdict, Confirmed):
            self.metrics.drift_check.of(handler.kind).set(asked.timestamp())
        # The cautious end of the call: what was read may be older than the answer, what was written younger.
        return Receipt(step, answer, verdict, asked if step.reads else answered)

    def _tell_pacer(self, step: Step, answer: Answer, seconds: float) -> None:
        match answer:
            case Throttled() if isinstance(step, ReadResults):
                pass  # the allowance for results is spent; bookings have nothing to do with it
            case Throttled(after=after):
                self.tenancy.pacer.throttled(after or self.tenancy.policy.retry_first)
            case Unreachable() | Unsendable():
                pass  # nothing was sent
            case _:
                self.tenancy.pacer.answered(type(step).__name__, seconds)

    def _tell_gate(self, answer: Answer, verdict: Verdict, *, probe: bool) -> None:
        gate = self.tenancy.gate
        match answer:
            case Failing(after=after):
                gate.failed(self.tenancy.policy.halt_probe, after=after, probe=probe)
            case NoAnswer() | Unreachable() | Garbled():
                gate.failed(self.tenancy.policy.halt_probe, probe=probe)
            case Throttled():
                pass  # it is well, and has too much to do
            case Unsendable():
                pass  # nothing was sent, so Cirrus has said nothing
            case _:
                if isinstance(verdict, Halt):
                    gate.halt(verdict.cause, verdict.after, probe=probe)
                else:
                    gate.answered(probe=probe)

    def _record(self, claim: Claim, aggregate: Aggregate, findings: tuple[Finding, ...], now: datetime) -> Aggregate:
        if not findings:
            return aggregate
        recorded = self.ledger.record(claim, aggregate, findings, self.tenancy.policy, LEASE)
        for kind, age in recorded.settled:
            self.metrics.desired_age.of(kind).observe(max(0.0, age))
        if any(finding.outcomes for finding in findings):
            self.told()
        return fold(aggregate, findings, now)

    def _release(self, claim: Claim, *, look_again: datetime | None = None, again: _Again | None = None) -> None:
        attempt = 0 if again is None else claim.attempt + again.counts
        self.ledger.release(
            claim,
            due_in=None if again is None else again.seconds,
            look_again=look_again,
            attempt=attempt,
            linger=self.tenancy.policy.linger,
        )

    def _spread(self) -> float:
        """Lengthen a pause by up to a half, so that what failed together is not tried together."""
        return 1.0 + self.jitter() / 2
