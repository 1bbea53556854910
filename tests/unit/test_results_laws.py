"""Laws of results: whatever is published, announced, lost or repeated in whatever order, what was told last is what is.

A history is drawn of what people do in Cirrus and of what goes wrong. In the end every result is announced once
more, as a notice that gets through in the end, and everything comes to rest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from adapter.domain.allowance import Allowance
from adapter.domain.answers import Answer, Failing, NoAnswer, ResultSeen, Throttled
from adapter.domain.outcomes import Outcome
from adapter.domain.policy import Policy, ResultPolicy
from adapter.domain.steps import ReadResults, Step
from tests.unit.builders import booking_cancelled
from tests.unit.pure_cirrus import PureCirrus
from tests.unit.pure_office import Office
from tests.unit.results_kit import DAY, event_id, over

PEOPLE = "abc"
POLICY = Policy(results=ResultPolicy(allowance=Allowance(calls=40, reserve=10, sweeps=10)))


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens: to whom, what, and how many seconds later the next one does."""

    who: str
    what: str
    score: int
    seconds: int


happenings = st.lists(
    st.builds(
        Happening,
        who=st.sampled_from(PEOPLE),
        what=st.sampled_from(["mark", "mark", "void", "withdraw", "announce", "announce", "lose", "fail", "throttle"]),
        score=st.integers(0, 3),
        seconds=st.sampled_from([0, 5, 59, 70, 4000]),
    ),
    max_size=25,
)


@settings(max_examples=120)
@given(history=happenings, cancelled=st.sampled_from([None, *PEOPLE]))
def test_what_was_told_last_is_what_is(history: list[Happening], cancelled: str | None) -> None:
    """Each version supersedes the one before, no content is told twice in a row, and the last one is the truth."""
    office = over(*PEOPLE, policy=POLICY)
    if cancelled is not None:
        office.hear(booking_cancelled(cancelled, cancelled, minute=9))
    for one in history:
        happen(office, one)
        office.work(until=office.now + timedelta(seconds=one.seconds))
    office.cirrus.script.clear()
    for who in PEOPLE:
        office.announce(who)
    office.work(until=office.now + 3 * DAY)
    for who in PEOPLE:
        chain = told(office, who)
        assert [event.data["resultVersion"] for event in chain] == list(range(1, len(chain) + 1))
        for earlier, later in pairwise(chain):
            assert later.data["supersedes"] == event_id(earlier)
            assert summary(later) != summary(earlier)
        held = office.cirrus.results.get(("o1", f"s{who}"), ())
        assert (summary(chain[-1]) if chain else None) == truth(held, ever=bool(chain))
        assert {event.data["orphan"] for event in chain} <= {who == cancelled}


@settings(max_examples=40)
@given(history=happenings, again=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=8))
def test_a_notice_of_nothing_new_tells_nothing(history: list[Happening], again: list[str]) -> None:
    """However often it is repeated after everything has come to rest."""
    office = over(*PEOPLE, policy=POLICY)
    for one in history:
        happen(office, one)
    office.cirrus.script.clear()
    for who in PEOPLE:
        office.announce(who)
    office.work(until=office.now + 3 * DAY)
    results = [told(office, who) for who in PEOPLE]
    for who in again:
        office.announce(who, seconds=90)
        office.work()
    office.work(until=office.now + 3 * DAY)
    assert results == [told(office, who) for who in PEOPLE]


def happen(office: Office, one: Happening) -> None:
    """Let one thing happen; what people do in Cirrus is announced, unless the notice is lost."""
    key = ("o1", f"s{one.who}")
    match one.what:
        case "mark":
            office.cirrus.results[key] = (ResultSeen("passed", score=float(one.score)),)
        case "void" if key in office.cirrus.results:
            office.cirrus.results[key] = (ResultSeen("voided"),)
        case "withdraw":
            office.cirrus.results.pop(key, None)
        case "lose":
            office.cirrus.results[key] = (ResultSeen("failed", score=float(one.score)),)
            return
        case "fail":
            office.cirrus.script.append(answering([Failing(500), NoAnswer()][one.score % 2]))
            return
        case "throttle":
            office.cirrus.script.append(answering(Throttled(float(one.score))))
            return
        case _:
            pass
    office.announce(one.who)


def answering(answer: Answer) -> Callable[[PureCirrus, Step], Answer | None]:
    """Return a script entry: the next reading of a result has this answer."""
    return lambda _, step: answer if isinstance(step, ReadResults) else None


def told(office: Office, who: str) -> list[Outcome]:
    """Return what was told of a booking's result, by version."""
    mine = [o for o in office.said.values() if o.type.startswith("cirrus.result.") and o.subject == f"b{who}"]
    return sorted(mine, key=lambda outcome: outcome.data["resultVersion"])


def summary(outcome: Outcome) -> tuple[str, float | None]:
    """Return what an event comes to."""
    result = outcome.data.get("result")
    return ("voided", None) if result is None else (result["pass"], result["score"])


def truth(held: tuple[ResultSeen, ...], *, ever: bool) -> tuple[str, float | None] | None:
    """Return what should have been told last of what Cirrus holds; a result that is gone is voided, if it was told."""
    if not held:
        return ("voided", None) if ever else None
    return (held[-1].standing, held[-1].score) if held[-1].standing != "voided" else ("voided", None)
