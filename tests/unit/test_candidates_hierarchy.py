"""Where a new candidate is put, and what happens while that hierarchy is not in Cirrus."""

from datetime import UTC, datetime

from adapter.domain.answers import Phrase, Receipt, Refused, Remark
from adapter.domain.applying import fold
from adapter.domain.policy import Policy
from adapter.domain.records import CANDIDATE, Aggregate, Record, Ref
from adapter.domain.steps import CreateCandidate
from adapter.domain.verdict import judge
from adapter.domain.version import Rank, Statement, Version
from handlers.candidates.plan import plan
from handlers.candidates.report import report

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WHO = Ref(CANDIDATE, "p1")
POLICY = Policy()


def unknown_candidate() -> Aggregate:
    """Return a candidate whom Cirrus was found not to know."""
    data = {"first": "F", "last": "L", "mail": "f@example.org", "hierarchy": "EXAMS"}
    said = Statement.first(Version(NOW, None, Rank.UPDATE, "e1"), data)
    confirmed = {"seen": {"absent": True}}
    return Aggregate("uni", WHO, Record(WHO, WHO, external_id="S1", facets={"person": said}, confirmed=confirmed))


def test_a_new_candidate_goes_where_everybody_goes() -> None:
    """As those whom a schedule brings along."""
    (step,) = plan(unknown_candidate(), NOW, POLICY).steps

    assert isinstance(step, CreateCandidate)
    assert step.hierarchies == ("EXAMS",)


def test_a_hierarchy_that_is_missing_keeps_nobody_out() -> None:
    """On a new tenant the first schedule makes it; until then the candidate is made without one."""
    aggregate = unknown_candidate()
    (step,) = plan(aggregate, NOW, POLICY).steps
    answer = Refused(400, (Remark(Phrase.HIERARCHY_MISSING, "Hierarchy [] not found"),))
    findings = report(aggregate, Receipt(step, answer, judge(answer, step, 0, POLICY), NOW), POLICY)
    (again,) = plan(fold(aggregate, findings, NOW), NOW, POLICY).steps

    assert isinstance(again, CreateCandidate)
    assert again.hierarchies == ()
