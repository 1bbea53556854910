"""A candidate who was merged into another one: the number stays taken, and what Cirrus still has is left to a person.

Cirrus cannot merge users. Bookings have gone over to the survivor; what was sat under the retired number stays with
its user, and its results are told as the survivor's (S12).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from adapter.domain.findings import Finding, Handed, Plan, Settled, Task
from adapter.domain.records import Aggregate, Record
from adapter.domain.steps import ReadCandidate, Step
from adapter.domain.version import utc_time
from handlers import said
from handlers.people import MERGED

RETIRE_USER = "retire-user"

READ_AGAIN = timedelta(days=1)
"""Between two looks whether the retired user can still log in."""


def retire(aggregate: Aggregate, record: Record, now: datetime) -> Plan:
    """Look whether Cirrus knows the retired user, and ask a person to close it for as long as it does."""
    seen: Mapping[str, Any] | None = record.confirmed.get("seen")
    mine = [task for task in aggregate.tasks if task.name == RETIRE_USER]
    if record.external_id is None or record.rival is not None or (seen is not None and _closed(seen)):
        told = tuple(said.closed(record, task.ref, task.id, task.name) for task in mine)
        closes = tuple(task.name for task in mine)
        finding = Finding(record.ref, Settled(), outcomes=told, closes=closes, note="merged, nothing left in Cirrus")
        return Plan(findings=(finding,))
    read_at = record.confirmed.get("read_at")
    due = seen is None or read_at is None or now >= utc_time(read_at) + READ_AGAIN
    steps: tuple[Step, ...] = (ReadCandidate(record.external_id),) if due else ()
    if steps or mine:
        return Plan(steps, look_again=now + READ_AGAIN)
    task = _task(record)
    raised = said.raised(aggregate.tenant, record, task)
    finding = Finding(record.ref, Handed(), outcomes=(raised,), tasks=(task,), note=f"task {RETIRE_USER}")
    return Plan(findings=(finding,), look_again=now + READ_AGAIN)


def _closed(seen: Mapping[str, Any]) -> bool:
    return bool(seen.get("absent") or seen.get("login_disabled"))


def _task(record: Record) -> Task:
    into = record.facets[MERGED].data["into"]
    return Task(
        record.ref,
        RETIRE_USER,
        record.facets[MERGED].label,
        f"Close user {record.external_id} in Cirrus: the SIS has merged this person into {into}.",
        (
            f"In Cirrus, open the user with id {record.external_id}.",
            "If an exam of this user is still running, wait for its end.",
            "See to it that exams to come are not on this user's dashboard any more; open tasks name those that are.",
            "Disable the login. Do not delete the user: its attempts and results hang on it.",
        ),
    )
