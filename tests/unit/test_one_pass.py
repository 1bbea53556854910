"""One pass: what each verdict makes of the work, on a real ledger and an exam platform that says what it is told."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapter.domain.answers import (
    Answer,
    Failing,
    Forbidden,
    Garbled,
    NoAnswer,
    Phrase,
    Receipt,
    Refused,
    Remark,
    Throttled,
    Unreachable,
    Unsendable,
)
from adapter.domain.findings import Finding, Plan, Settled
from adapter.domain.outcomes import Outcome
from adapter.domain.pace import Limits
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate
from adapter.domain.steps import ActivateSchedule, Step
from adapter.domain.verdict import Confirmed, Halt, Manual, Rejected, Retry, Unsure
from adapter.errors import LeaseLost, LedgerUnavailable
from adapter.flow.gate import OUTAGE_AFTER, Gate, Permit
from adapter.flow.leases import LEASE
from adapter.flow.one_pass import MOST_ROUNDS
from tests.unit.flow_kit import (
    HANDLER,
    NOW,
    POLICY,
    ROOT,
    TENANT,
    Desk,
    claimed,
    desk_at,
    due_in,
    learnt,
    office,
    read,
    run_pass,
    scripted,
)
from tests.values import replace

OUTCOME = Outcome("cirrus.note.v1", ROOT.key, "v1", {})
WRITE = ActivateSchedule("a")
STALE = Refused(400, (Remark(Phrase.ALREADY_ACTIVATED, "already"),))
NO = Refused(400, (Remark(Phrase.INVALID_FIELD, "no"),))
UNPREPARED = Refused(400, (Remark(Phrase.ASSESSMENT_UNUSABLE, "draft"),))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Lend a ledger in which one sitting is due."""
    with desk_at(tmp_path) as lent:
        lent.say()
        yield lent


def attempts(desk: Desk) -> int:
    """Return how often the work has been tried."""
    with desk.database.transaction("test") as tx:
        return int(tx.connection.execute(sa.text("SELECT attempt FROM work")).scalar_one())


def test_a_plan_without_steps_ends_the_pass(desk: Desk) -> None:
    """What was found is stored, told, and the work is due when there is something to look at."""
    later = NOW + timedelta(hours=3)
    settled = Finding(ROOT, Settled(), outcomes=(OUTCOME,))
    running = office(desk, scripted(Plan(findings=(settled,), look_again=later)))
    run_pass(running)
    assert (running.exam.performed, due_in(desk), len(running.told)) == ([], 3 * 3600, 1)
    assert len(desk.ledger.claim_outbox(10, LEASE)) == 1


def test_nothing_is_told_when_nothing_was_said(desk: Desk) -> None:
    """The publisher is nudged for outcomes only."""
    running = office(desk, scripted(Plan(findings=(Finding(ROOT, Settled()),))))
    run_pass(running)
    assert (running.told, due_in(desk)) == ([], None)


def test_confirmed_steps_follow_each_other(desk: Desk) -> None:
    """After the last of them the plan is made anew, from what the reports established."""
    seen: list[object] = []

    def plan(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
        assert aggregate.root is not None
        seen.append(aggregate.root.confirmed.get("last"))
        return Plan(steps=(read("1"), read("2"))) if len(seen) == 1 else Plan()

    def report(aggregate: Aggregate, receipt: Receipt, policy: Policy) -> tuple[Finding, ...]:
        assert receipt.verdict == Confirmed()
        return (learnt(last=receipt.step.external_id),)  # type: ignore[union-attr]

    running = office(desk, replace(HANDLER, plan=plan, report=report))
    run_pass(running)
    assert (running.exam.performed, seen) == ([read("1"), read("2")], [None, "2"])
    [history] = desk.ledger.explain(ROOT.key)
    assert history.record.confirmed == {"last": "2"}


def test_a_plan_that_needs_every_member_is_made_with_all_of_them(desk: Desk) -> None:
    """Of a settled sitting little is loaded at first; nothing is called before the plan has seen the whole."""
    seen: list[bool] = []

    def plan(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
        seen.append(aggregate.complete)
        if len(seen) == 1:
            return Plan(findings=(Finding(ROOT, Settled()),), look_again=NOW + timedelta(hours=1))
        return Plan() if running.exam.performed else Plan(steps=(read(),), whole=True)

    running = office(desk, replace(HANDLER, plan=plan))
    run_pass(running)
    desk.clock.advance(3600)
    run_pass(running)
    assert (seen, running.exam.performed) == ([True, False, True, True], [read()])
    (read_at,) = [
        sample.value for family in desk.metrics.drift_check.of("sitting").collect() for sample in family.samples
    ]
    assert read_at >= desk.clock().timestamp()


@pytest.mark.parametrize(
    ("answer", "step", "verdict"), [(NO, read(), Rejected), (NO, WRITE, Rejected), (UNPREPARED, WRITE, Manual)]
)
def test_a_refusal_is_planned_around(desk: Desk, answer: Answer, step: Step, verdict: type) -> None:
    """The steps behind it are not performed; what the report made of it is planned on at once."""
    verdicts: list[object] = []
    steps = Plan(steps=(step, read("behind")))
    handler = scripted(steps, Plan(), report=lambda receipt: verdicts.append(receipt.verdict) or (learnt(no=True),))  # type: ignore[func-returns-value]
    running = office(desk, handler)
    running.exam.answers = [answer]
    run_pass(running)
    assert running.exam.performed == [step]
    assert [type(one) for one in verdicts] == [verdict]
    assert (due_in(desk), attempts(desk)) == (None, 0)


@pytest.mark.parametrize(
    ("answer", "step", "kind"),
    [
        (Unreachable(), WRITE, Retry),
        (Failing(503), read(), Retry),
        (NoAnswer(), read(), Retry),
        (Garbled(200), read(), Retry),
        (Throttled(None), WRITE, Retry),
        (NoAnswer(), WRITE, Unsure),
        (Failing(500), WRITE, Unsure),
        (Garbled(200), WRITE, Unsure),
    ],
)
def test_what_did_not_work_is_tried_later(desk: Desk, answer: Answer, step: Step, kind: type) -> None:
    """The pass ends, the next one is due after a pause, and the attempt counts."""
    verdicts: list[object] = []
    handler = scripted(
        Plan(steps=(step, read("behind"))),
        report=lambda receipt: verdicts.append(receipt.verdict) or (learnt(doubt=True),),  # type: ignore[func-returns-value]
    )
    running = office(desk, handler)
    running.exam.answers = [answer]
    run_pass(running)
    assert [type(one) for one in verdicts] == [kind]
    assert (due_in(desk), attempts(desk)) == (POLICY.retry_first, 1)
    [history] = desk.ledger.explain(ROOT.key)
    assert history.record.confirmed == {"doubt": True}


def test_pauses_grow_with_the_attempts(desk: Desk) -> None:
    """The attempt is kept in the ledger, so it is known to whoever claims next; a good pass forgets it."""
    running = office(desk, scripted(Plan(steps=(WRITE,))))
    for attempt, pause in enumerate((1.0, 2.0, 4.0, 8.0)):
        running.exam.answers = [Unreachable()]
        run_pass(running)
        assert (due_in(desk), attempts(desk)) == (pause, attempt + 1)
        running.gate.answered()
        desk.clock.advance(pause)
    other = office(desk, scripted(Plan()))
    run_pass(other)
    assert attempts(desk) == 0


def test_jitter_spreads_what_failed_together(desk: Desk) -> None:
    """A pause is longer by up to a half."""
    running = office(desk, scripted(Plan(steps=(WRITE,))))
    running.exam.answers = [Unreachable()]
    replace(running.passes, jitter=lambda: 1.0).run(claimed(desk))
    with desk.database.transaction("test") as tx:
        moment = tx.connection.execute(sa.text("SELECT due_at FROM work")).scalar_one()
    assert datetime.fromisoformat(f"{moment}+00:00") == NOW + timedelta(seconds=1.5)


def test_a_stale_view_is_read_again_at_once(desk: Desk) -> None:
    """Cirrus is not as we believed: that needs another plan, no pause."""
    running = office(desk, scripted(Plan(steps=(WRITE,)), Plan(steps=(read(),)), Plan()))
    running.exam.answers = [STALE]
    run_pass(running)
    assert (running.exam.performed, due_in(desk)) == ([WRITE, read()], None)


def test_a_halt_leaves_the_work_due_and_closes_the_gate(desk: Desk) -> None:
    """A refused token is no fault of the record: no attempt is counted, nothing waits."""
    verdicts: list[object] = []
    handler = scripted(
        Plan(steps=(WRITE, read("behind"))),
        report=lambda receipt: verdicts.append(receipt.verdict) or (),  # type: ignore[func-returns-value]
    )
    running = office(desk, handler)
    running.exam.answers = [Forbidden(401)]
    run_pass(running)
    assert running.exam.performed == [WRITE]
    assert verdicts == [Halt("auth", POLICY.halt_probe)]
    assert (due_in(desk), attempts(desk), running.halts, running.gate.allows(5).claims) == (0, 0, ["auth"], 0)


def test_a_gate_that_closes_stops_the_passes_under_way(desk: Desk) -> None:
    """When another pass finds the token refused, this one makes no more calls; its work stays due."""
    handler = scripted(Plan(steps=(read("1"),)), Plan(steps=(read("2"),)))
    running = office(desk, handler)
    running.exam.meanwhile = lambda _step: running.gate.halt("auth", 30)
    running.exam.answers = [Unsendable("a", "too long")]
    run_pass(running)
    assert (running.exam.performed, due_in(desk), attempts(desk)) == ([read("1")], 0, 0)


def test_several_failures_are_an_outage(desk: Desk) -> None:
    """Cirrus down closes the gate for everybody; the answer to a probe opens it."""
    running = office(desk, scripted(Plan(steps=(read(),))))
    for _ in range(OUTAGE_AFTER):
        running.exam.answers = [Failing(503)]
        run_pass(running)
        desk.clock.advance(3600)
    assert running.halts == ["outage"]
    assert running.gate.allows(5).claims == 0
    running.gate.halt("outage", 0.0)
    assert running.gate.allows(5).probe
    replace(running.passes, handlers={HANDLER.kind: scripted(Plan(steps=(read(),)), Plan())}).run(
        claimed(desk), probe=True
    )
    assert running.halts == ["outage", None]


def test_a_pause_that_a_failing_cirrus_asks_for_is_kept_by_the_gate(desk: Desk) -> None:
    """Retry-After of a 503 says when to probe."""
    seconds = [0.0]
    running = office(desk, scripted(Plan(steps=(read(),))))
    gate = Gate(lambda: seconds[0], lambda _cause: None)
    passes = replace(running.passes, tenancy=replace(running.passes.tenancy, gate=gate))
    for _ in range(OUTAGE_AFTER):
        running.exam.answers = [Failing(503, 900)]
        passes.run(claimed(desk))
        desk.clock.advance(3600)
    seconds[0] = 899
    assert gate.allows(5) == Permit(0)
    seconds[0] = 900
    assert gate.allows(5) == Permit(1, probe=True)


def test_beside_a_probe_no_other_pass_calls(desk: Desk) -> None:
    """A pass that was under way when the gate shut stays off Cirrus until the probe has found out."""
    running = office(desk, scripted(Plan(steps=(read("1"),))))
    running.gate.halt("auth", 0.0)
    assert running.gate.allows(5).probe
    run_pass(running)
    assert (running.exam.performed, due_in(desk), attempts(desk)) == ([], 0, 0)


def test_what_was_never_sent_says_nothing_of_cirrus(desk: Desk) -> None:
    """An id that cannot be sent neither opens a gate nor ends a row of failures."""
    running = office(desk, scripted(Plan(steps=(read(),))))
    for _ in range(OUTAGE_AFTER - 1):
        running.exam.answers = [Failing(503)]
        run_pass(running)
        desk.clock.advance(3600)
    unsendable = office(desk, scripted(Plan(steps=(read(),)), Plan()))
    unsendable.exam.answers = [Unsendable("a", "too long")]
    replace(unsendable.passes, tenancy=replace(unsendable.passes.tenancy, gate=running.gate)).run(claimed(desk))
    running.gate.failed(30)
    assert running.halts == ["outage"]


def test_a_plan_that_never_rests_is_bounded(desk: Desk) -> None:
    """A mistake that does not see what its own calls have done ends in a long pause, not in endless calls."""
    running = office(desk, scripted(Plan(steps=(read(),))))
    run_pass(running)
    assert len(running.exam.performed) == MOST_ROUNDS
    assert (due_in(desk), attempts(desk)) == (POLICY.retry_longest, 1)


def test_a_stop_ends_the_pass_between_two_steps(desk: Desk) -> None:
    """The call under way is finished and recorded, and the rest is due at once for whoever comes next."""
    running = office(desk, scripted(Plan(steps=(read("1"), read("2"))), report=lambda _receipt: (learnt(done=1),)))
    running.exam.meanwhile = lambda _step: running.stop.set()
    run_pass(running)
    assert (running.exam.performed, due_in(desk), attempts(desk)) == ([read("1")], 0, 0)
    assert desk.ledger.explain(ROOT.key)[0].record.confirmed == {"done": 1}


def test_a_stop_while_waiting_for_a_turn_makes_no_call(desk: Desk) -> None:
    """Who waits for the pacer is woken by the stop, and does not rush the call."""
    policy = replace(POLICY, limits=Limits(0.001))
    running = office(desk, scripted(Plan(steps=(read("1"), read("2")))), policy=policy)
    running.exam.meanwhile = lambda _step: running.stop.set()
    run_pass(running)
    assert running.exam.performed == [read("1")]


def test_the_next_pass_is_told_of_the_doubt(desk: Desk) -> None:
    """After a lease that ran out the plan knows that something may have been sent."""
    doubts: list[bool] = []

    def plan(aggregate: Aggregate, now: datetime, policy: Policy) -> Plan:
        doubts.append(aggregate.unsure)
        return Plan(steps=(read(),), findings=(learnt(),)) if len(doubts) == 1 else Plan()

    desk.ledger.let_go(claimed(desk))
    desk.clock.advance(LEASE.total_seconds())
    run_pass(office(desk, replace(HANDLER, plan=plan)))
    assert doubts == [True, False]


def test_a_lost_lease_ends_the_pass(desk: Desk) -> None:
    """What was done is the next holder's to find; nothing of it is stored here."""
    running = office(desk, scripted(Plan(steps=(read("1"), read("2"))), report=lambda _receipt: (learnt(done=1),)))

    def take_over(_step: Step) -> None:
        desk.clock.advance(LEASE.total_seconds())
        assert len(desk.worker("w2").claim(TENANT, 1, LEASE)) == 1

    running.exam.meanwhile = take_over
    with pytest.raises(LeaseLost):
        running.passes.run(claimed(desk))
    assert running.exam.performed == [read("1")]
    assert desk.ledger.explain(ROOT.key)[0].record.confirmed == {}


def test_a_ledger_that_is_away_ends_the_pass(desk: Desk) -> None:
    """The lease runs out, and the next pass reads Cirrus before it sends anything."""
    running = office(desk, scripted(Plan(steps=(WRITE,)), report=lambda _receipt: (learnt(done=1),)))
    claim = claimed(desk)
    with desk.database.transaction("test") as tx:
        tx.connection.execute(sa.text("ALTER TABLE records RENAME TO hidden"))
    with pytest.raises(LedgerUnavailable):
        running.passes.run(claim)
    with desk.database.transaction("test") as tx:
        tx.connection.execute(sa.text("ALTER TABLE hidden RENAME TO records"))
    desk.ledger.let_go(claim)
    desk.clock.advance(LEASE.total_seconds())
    assert claimed(desk).unsure
