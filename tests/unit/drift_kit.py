"""What the tests of drift share: a person in the Cirrus UI, an operator, and what the SIS hears of it."""

from datetime import datetime, timedelta
from typing import Any

from adapter.domain.policy import Policy
from adapter.domain.records import SITTING, Change, Ref
from adapter.domain.version import Rank, Statement, Version, utc_text
from handlers.sittings.translate import RESTORE
from tests.unit.builders import START
from tests.unit.pure_office import Office
from tests.values import replace

AT_ONCE = Policy()
LATE = Policy(mode="before_start")
HOUR = timedelta(hours=1)
CHECK = START - AT_ONCE.drift_check_before


def edit(office: Office, **values: object) -> None:
    """Change values of schedule 1 as a person does."""
    held = office.cirrus.schedules["o1"]
    held.schedule = replace(held.schedule, **values)  # type: ignore[arg-type]


def drifts(office: Office) -> list[dict[str, Any]]:
    """Return what was told of drift, oldest first, without the ids of the exam."""
    told = office.told("drift.detected", "o1")
    return [{name: o.data[name] for name in ("missing", "surplus", "differing") if o.data[name]} for o in told]


def read_back(office: Office) -> None:
    """Have the schedule read, as after a call without an answer."""
    office.unsure.add(office.sitting().ref)
    office.converge(office.sitting().ref)


def look(office: Office) -> None:
    """Let the look at the schedule be made that comes before each exam."""
    office.work(CHECK)


def ask(office: Office) -> None:
    """Ask as an operator that Cirrus be as the SIS says."""
    office.now += timedelta(seconds=1)
    at = office.now
    wish = Statement.first(Version(at, None, Rank.UPDATE, f"ask-{at}"), {"at": utc_text(at)})
    office.take(Change(Ref(SITTING, "o1"), RESTORE, wish))
    office.work()


def moved_to(start: datetime) -> dict[str, str]:
    """Return how a start that was moved by hand is told."""
    return {"field": "start", "wanted": utc_text(START), "seen": utc_text(start)}
