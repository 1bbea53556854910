"""One pass over one claimed aggregate: plan, call, record, and again until there is nothing to call.

What an answer brings and what the next plan makes of it are stored together, so a call costs one transaction.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
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
from adapter.ledger.work import Claim, Release
from adapter.observe.metrics import Metrics

MOST_ROUNDS = 50
"""Plans for one claim; more would mean that a plan does not see what its own calls have done."""

LONG_WAIT = LEASE.total_seconds() / 3
"""Seconds of a wait after which a worker cannot be sure that it has lived through it."""

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


@dataclass(slots=True)
class _News:
    """What a pass has found since the ledger heard of it: the aggregate as the ledger has it, and as it is now."""

    known: Aggregate
    aggregate: Aggregate = field(init=False)
    findings: list[Finding] = field(default_factory=list[Finding])

    def __post_init__(self) -> None:
        self.aggregate = self.known

    def add(self, findings: Iterable[Finding], now: datetime) -> None:
        """Take in what was found at a moment."""
        if found := tuple(findings):
            self.findings += found
            self.aggregate = fold(self.aggregate, found, now)

    def kept(self) -> None:
        """Note that the ledger has it all."""
        self.known = self.aggregate
        self.findings = []


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
        news = _News(aggregate)
        started = self.monotonic()

        def now() -> datetime:
            return read_at + timedelta(seconds=self.monotonic() - started)

        handler = self.handlers[claim.ref.kind]
        for rounds in range(MOST_ROUNDS):
            moment = now()
            plan = handler.plan(news.aggregate, moment, self.tenancy.policy)
            if plan.whole and not news.aggregate.complete:
                self._keep(claim, news)
                aggregate, _ = self.ledger.load(claim, whole=True)
                news = _News(aggregate)
                continue
            news.add(plan.findings, moment)
            if not plan.steps:
                self._release(claim, news, look_again=plan.look_again)
                return
            if rounds == 0 and not probe and (seconds := self._retry_in(claim, moment)):
                self._release(claim, news, again=_Again(seconds, counts=False))
                return
            again = self._perform_all(handler, claim, news, plan, now, probe=probe)
            if again is not None:
                self._release(claim, news, again=again)
                return
        _log.error("not_converging", kind=claim.ref.kind, rounds=MOST_ROUNDS)
        self._release(claim, news, again=_Again(self.tenancy.policy.retry_longest))

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
        news: _News,
        plan: Plan,
        now: Callable[[], datetime],
        *,
        probe: bool,
    ) -> _Again | None:
        """Perform the steps until one is not confirmed; return when to try again, None to plan anew at once.

        Everything that is known is stored before each call; what the last one has brought is left in `news`.
        """
        for step in plan.steps:
            self._keep(claim, news)
            self._wait_for_turn(claim, urgent=self.tenancy.policy.is_urgent(claim.deadline, now()))
            if self.stop.is_set() or self.tenancy.gate.bars(probe=probe):
                return _Again(0.0, counts=False)
            if isinstance(step, ReadResults) and (again_at := self._spend(step)) is not None:
                # What the plan wanted to look at meanwhile may need no call, or one that is more needed.
                soonest = min(again_at, plan.look_again or again_at)
                return _Again((soonest - now()).total_seconds(), counts=False)
            receipt = self._perform(handler, news.aggregate, step, now, probe=probe)
            news.add(handler.report(news.aggregate, receipt, self.tenancy.policy), receipt.at)
            verdict: Verdict = receipt.verdict
            match verdict:
                case Confirmed():
                    continue
                case Rejected() | Manual():
                    return None
                case Unsure(after=after):
                    return None if after == 0 else self._later(after, probe=probe)
                case Retry(after=after):
                    return self._later(after, probe=probe)
                case Halt():
                    return _Again(0.0, counts=False)
                case _ as never:
                    assert_never(never)
        return None

    def _wait_for_turn(self, claim: Claim, *, urgent: bool) -> None:
        """Wait until a call may start; raises `LeaseLost` when somebody else has gone on during a long wait.

        A call of ours that came after theirs would undo it.
        """
        began = self.monotonic()
        self.tenancy.pacer.take(self.stop.wait, urgent=urgent)
        if self.monotonic() - began > LONG_WAIT:
            self.ledger.renew_lease(claim, LEASE)

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

    def _keep(self, claim: Claim, news: _News) -> None:
        """Store what is new; nobody has to find that out again."""
        if news.findings:
            self._store(claim, news, LEASE)

    def _release(
        self, claim: Claim, news: _News, *, look_again: datetime | None = None, again: _Again | None = None
    ) -> None:
        """Give the claim back, with what is new."""
        how = Release(
            linger=self.tenancy.policy.linger,
            due_in=None if again is None else again.seconds,
            look_again=look_again,
            attempt=0 if again is None else claim.attempt + again.counts,
        )
        if news.findings:
            self._store(claim, news, how)
        else:
            self.ledger.release(claim, how)

    def _store(self, claim: Claim, news: _News, then: timedelta | Release) -> None:
        recorded = self.ledger.record(claim, news.known, news.findings, self.tenancy.policy, then)
        for kind, age in recorded.settled:
            self.metrics.desired_age.of(kind).observe(max(0.0, age))
        if any(finding.outcomes for finding in news.findings):
            self.told()
        news.kept()

    def _spread(self) -> float:
        """Lengthen a pause by up to a half, so that what failed together is not tried together."""
        return 1.0 + self.jitter() / 2
