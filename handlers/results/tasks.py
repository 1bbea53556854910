"""What only a person can do about results."""

from adapter.domain.findings import Task
from adapter.domain.records import Record
from handlers.results.view import candidate_of

READ_RESULT = "read-result"


def read_result(member: Record) -> Task:
    """Ask what became of a result that Cirrus has announced and does not show, or shows in a way nobody can read."""
    newest = max((said.version.time, said.version.event_id) for said in member.facets.values())
    candidate_id, schedule_id = candidate_of(member), member.home.key
    return Task(
        member.ref,
        READ_RESULT,
        newest[1],
        f"Cirrus announced a result of candidate {candidate_id} in schedule {schedule_id}, but none can be read.",
        (
            f"In Cirrus, look whether the result of user id {candidate_id} in schedule {schedule_id} is published.",
            f"Look at what Cirrus answered: cirrus-adapter results show {member.ref.key} --raw.",
            "If the result stands in it, name its fields in the settings: tenants.<slug>.results.fields.",
            "Have it read again: cirrus-adapter results fetch --booking with the booking's id, or --exam.",
        ),
    )
