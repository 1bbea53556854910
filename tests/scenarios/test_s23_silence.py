"""S23: no message for hours. A week of a SIS's silence cannot be played in a test, so the scenario has two halves.

Here, the real loops count what comes by type and tenant. What an alert makes of the counts (fires in office hours in
season; silent at night, at weekends, out of season, and about a type that never comes) is played by promtool, in
deploy/observability/tests/CirrusAdapterSilence.yml and season.yml.
"""

from tests.scenarios.sis import DAY
from tests.scenarios.world import World

PATIENCE = 60.0


def test_what_comes_is_counted_by_type_and_tenant(world: World) -> None:
    """S23: a type that comes is counted, also when it says nothing new; one that does not come stays at 0."""
    sis = world.sis
    exam = sis.scheduled("off-1", 3 * DAY)
    world.say(exam, sis.again(exam), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1", patience=PATIENCE)

    def count(kind: str) -> float:
        return world.metric("messages_received_total", event_type=f"sis.{kind}.v1", tenant="uni.example")

    world.until(lambda: count("exam.scheduled") == 2, "both are counted", patience=PATIENCE)
    assert (count("exam.booked"), count("student.withdrawn")) == (1, 0)
