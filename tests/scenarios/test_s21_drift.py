"""S21: staff changed something by hand in Cirrus. It is seen when Cirrus is read, told, and stands."""

from adapter.cli.dry_run import wish
from adapter.domain.records import SITTING, Ref
from adapter.ledger.results import Placed
from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, HOUR, candidate, text
from tests.scenarios.world import World

PATIENCE = 60.0


def change_by_hand(world: World) -> None:
    """Take one candidate off, add another one, move the exam; then have Cirrus read, by a task that is looked after."""
    sis = world.sis
    people = ("p1", "p2", "p3")
    world.say(sis.scheduled("off-1", 3 * DAY), *[sis.booked(f"b-{who}", "off-1", who) for who in people])
    world.say(sis.enrolled("walkin"))
    world.heard("candidate.confirmed", "walkin", patience=PATIENCE)
    for who in people:
        world.heard("booking.confirmed", f"b-{who}", patience=PATIENCE)
    world.cirrus.ui("remove_candidate", schedule="off-1", candidate=candidate("p1"))
    world.cirrus.ui("add_candidate", schedule="off-1", candidate=candidate("walkin"))
    move(world, 4 * HOUR)
    world.say(sis.cancelled("b-p3", "off-1", "p3"))
    world.heard("drift.detected", "off-1", patience=PATIENCE)


def move(world: World, later: object) -> None:
    """Move the exam by hand."""
    start = world.sis.now + 3 * DAY + later  # type: ignore[operator]
    world.cirrus.ui("edit_schedule", schedule="off-1", start=text(start), end=text(start + 3 * HOUR))


def test_what_was_changed_by_hand_is_told_once_and_stands(world: World) -> None:
    """S21: seats, candidates and times are told; read-backs go on, a new booking is seated, and nothing is undone."""
    change_by_hand(world)
    world.say(world.sis.booked("b-p4", "off-1", "p4"))
    world.heard("booking.confirmed", "b-p4", patience=PATIENCE)
    reads = len(world.calls("GET /external/schedule"))
    world.until(lambda: len(world.calls("GET /external/schedule")) > reads + 1, "read-backs", patience=PATIENCE)

    (told,) = world.outcomes("drift.detected")
    assert [each["associationId"] for each in told.data["missing"]] == ["b-p1"]
    assert told.data["surplus"] == [candidate("walkin")]
    assert {each["field"] for each in told.data["differing"]} == {"start", "end"}
    assert world.seats("off-1") == {candidate(who) for who in ("p2", "p3", "walkin", "p4")}
    assert world.schedules()["off-1"]["start"] == text(world.sis.now + 3 * DAY + 4 * HOUR)
    assert {task.name for task in world.tasks()} == {"remove-candidate"}
    assert len(world.outcomes("booking.confirmed", "b-p1")) == 1
    notes = [line.note for history in world.ledger.explain("off-1") for line in history.lines]
    assert notes.count("changed by hand: 1 missing, 1 surplus, start, end") == 1
    world.until(lambda: world.metric("drift_items", tenant="uni.example") == 4, "the gauge", patience=PATIENCE)


def test_an_operator_has_it_put_right(world: World) -> None:
    """S21: the seat is given again by the API, the rest is tasks; when they are done, nothing differs any more."""
    change_by_hand(world)
    policies = {"uni.example": world.settings.tenants["uni"].to_policy()}
    asked = wish(Placed("uni.example", Ref(SITTING, "off-1")), world.ledger.now(), "operator")
    world.ledger.store_batch([asked], policies)
    world.until(lambda: candidate("p1") in world.seats("off-1"), "the seat is given again", patience=PATIENCE)
    world.until(lambda: len(world.tasks()) == 3, "tasks", patience=PATIENCE)
    assert {task.name for task in world.tasks()} == {"remove-candidate", "move-schedule", "remove-strangers"}

    for who in ("walkin", "p3"):
        world.cirrus.ui("remove_candidate", schedule="off-1", candidate=candidate(who))
    move(world, 0 * HOUR)
    world.until(lambda: world.tasks() == [], "the tasks are closed", patience=PATIENCE)
    world.settle(patience=PATIENCE)
    last = world.outcomes("drift.detected")[-1].data
    assert (last["missing"], last["surplus"], last["differing"]) == ([], [], [])
    assert world.seats("off-1") == {candidate("p1"), candidate("p2")}


def test_a_policy_puts_a_draft_right_by_itself(begin: Begin) -> None:
    """S21: where the SIS is always right, a draft is changed back as soon as it is read."""
    world = begin(policy={"mode": "before_start", "drift": "restore"})
    world.make_hierarchy()
    sis = world.sis
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-p1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-p1", patience=PATIENCE)
    move(world, 4 * HOUR)
    asked = wish(Placed("uni.example", Ref(SITTING, "off-1")), world.ledger.now(), "operator")
    world.ledger.store_batch([asked], {"uni.example": world.settings.tenants["uni"].to_policy()})
    world.until(lambda: world.schedules()["off-1"]["start"] == text(sis.now + 3 * DAY), "moved back", patience=PATIENCE)
    world.settle(patience=PATIENCE)
    assert world.tasks() == []
