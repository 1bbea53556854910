"""An exam that is over, in the pure office, and the few lines that every test of results needs."""

from datetime import timedelta

from adapter.domain.answers import AttemptSeen, ResultSeen
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy
from adapter.domain.steps import ReadResults
from tests.unit.builders import START, TENANT
from tests.unit.pure_office import Office, settled

END = START + timedelta(hours=3)
PASSED = ResultSeen("passed", score=71.0, grade="B")
QUIET = timedelta(seconds=60)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def over(*people: str, policy: Policy | None = None) -> Office:
    """Return an office after the exam, which everybody booked has sat."""
    office = settled(*people, policy=policy)
    office.now = END
    sat(office, *people)
    office.work(until=END + HOUR)
    office.cirrus.steps.clear()
    return office


def sat(office: Office, *people: str) -> None:
    """Let people hand in an attempt."""
    for who in people:
        office.cirrus.attempts["o1", f"s{who}"] = (AttemptSeen(START, END, "HANDED_IN"),)


def publish(office: Office, who: str, *results: ResultSeen, sitting: str = "1") -> None:
    """Let Cirrus publish results and announce them."""
    office.cirrus.results[f"o{sitting}", f"s{who}"] = results
    office.announce(who, sitting)


def readings(office: Office) -> list[ReadResults]:
    """Return the steps that read results."""
    return [step for step in office.cirrus.steps if isinstance(step, ReadResults)]


def event_id(outcome: Outcome) -> str:
    """Return the id under which an outcome is published."""
    return str(outcome.id(TENANT))
