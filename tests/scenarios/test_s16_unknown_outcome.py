"""S16: a call whose outcome nobody knows."""

import pytest

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, HOUR, candidate
from tests.scenarios.world import World

PEOPLE = [f"p{number}" for number in range(3)]
CREATE = "POST /schedule"
ADD = "POST /schedule/add-candidates"
READ = "GET /external/schedule/{id}"


def _book(world: World) -> None:
    sis = world.sis
    world.say(*(sis.booked(f"b-{who}", "off-1", who) for who in PEOPLE), sis.scheduled("off-1", 3 * DAY))


def _confirmed(world: World) -> None:
    for who in PEOPLE:
        world.heard("booking.confirmed", f"b-{who}")
    world.settle()
    assert world.seats("off-1") == {candidate(who) for who in PEOPLE}


def _operations(world: World) -> list[str]:
    return [call["operation"] for call in world.calls()]


@pytest.mark.parametrize("kind", ["reset", "hang", "status"])
def test_what_was_carried_out_is_not_sent_again_and_links_are_had_anew(begin: Begin, kind: str) -> None:
    """S16: Cirrus is read first; where it is known to work, the lost links are asked for by adding once more."""
    world = begin(
        policy={"relink": "add_candidates"},
        tenant={"read_timeout_s": 1},
        sandbox={"repeat_add": "ignored_with_link"},
    )
    world.cirrus.fault(kind, when="after", method="POST", path="^/schedule$")
    _book(world)
    _confirmed(world)
    assert _operations(world) == [CREATE, READ, ADD]
    for who in PEOPLE:
        assert world.heard("booking.confirmed", f"b-{who}").data["confirmedBy"] == "read-back"
    links = {outcome.subject: outcome.data["launchUrl"] for outcome in world.outcomes("launch-link.issued")}
    held = world.schedules()["off-1"]["seats"]
    for who in PEOPLE:
        assert links[f"b-{who}"].endswith(held[candidate(who)]["links"][-1])
    assert world.tasks() == []


def test_links_that_cannot_be_had_anew_are_reported_as_lost(world: World) -> None:
    """S16: by default nothing is sent on hope; each lost link is a task with what to do instead."""
    world.cirrus.fault("reset", when="after", method="POST", path="^/schedule$")
    _book(world)
    _confirmed(world)
    assert _operations(world) == [CREATE, READ]
    assert {task.about.key for task in world.tasks("launch-link-lost")} == {f"b-{who}" for who in PEOPLE}
    raised = world.heard("task.raised", "b-p0")
    assert raised.data["kind"] == "launch-link-lost"
    assert any("dashboard" in step for step in raised.data["steps"])
    assert world.outcomes("launch-link.issued") == []


@pytest.mark.parametrize("kind", ["reset", "hang", "maintenance"])
def test_what_was_not_carried_out_is_sent_after_a_look(begin: Begin, kind: str) -> None:
    """S16: the read-back shows nothing, so the same call is made once more, and the links come with its answer."""
    world = begin(tenant={"read_timeout_s": 1})
    world.cirrus.fault(kind, when="before", method="POST", path="^/schedule$")
    _book(world)
    _confirmed(world)
    assert _operations(world) == [CREATE, READ, CREATE]
    assert world.types()["launch-link.issued"] == len(PEOPLE)
    assert world.tasks() == []


def test_late_bookings_are_not_added_twice(world: World) -> None:
    """S16: an addition that was carried out unheard is found by the read-back, with nobody sent again."""
    _book(world)
    _confirmed(world)
    world.cirrus.fault("reset", when="after", method="POST", path="^/schedule/add-candidates$")
    world.say(world.sis.booked("b-late", "off-1", "late"))
    world.heard("booking.confirmed", "b-late")
    world.settle()
    assert _operations(world) == [CREATE, ADD, READ]
    assert [task.about.key for task in world.tasks()] == ["b-late"]


def test_a_look_that_fails_is_made_again_before_anything_is_sent(world: World) -> None:
    """S16: while Cirrus cannot be read, nothing is sent."""
    world.cirrus.fault("reset", when="after", method="POST", path="^/schedule$")
    world.cirrus.fault("status", when="before", method="GET", path="^/external/schedule/", count=2)
    _book(world)
    _confirmed(world)
    assert _operations(world) == [CREATE, READ, READ, READ]


DRAFT_STEPS = (
    ("POST", "^/external/schedule$"),
    ("POST", "^/user$"),
    ("PUT", "/candidates$"),
    ("PUT", "/activate$"),
)


@pytest.mark.parametrize("when", ["before", "after"])
def test_each_step_of_a_draft_survives_an_unknown_outcome(begin: Begin, when: str) -> None:
    """S16: draft, candidates, list and activation each end as wanted, whether they were carried out unheard or not."""
    world = begin(policy={"mode": "before_start"})
    world.make_hierarchy()
    for method, path in DRAFT_STEPS:
        world.cirrus.fault("reset", when=when, method=method, path=path)
    sis = world.sis
    world.say(sis.scheduled("off-1", 2 * HOUR), *(sis.booked(f"b-{who}", "off-1", who) for who in PEOPLE))
    _confirmed(world)
    world.until(lambda: world.schedules()["off-1"]["is_activated"], "the draft is activated")
    assert [fault["applied"] for fault in world.cirrus.faults()] == [1] * len(DRAFT_STEPS)
    world.settle()
    assert world.tasks() == []
    assert world.types()["booking.rejected"] == world.types()["exam.rejected"] == 0


def test_a_change_of_a_profile_survives_an_unknown_outcome(world: World) -> None:
    """S16: a name that was changed unheard is read back and not sent again."""
    sis = world.sis
    world.say(sis.enrolled("p1"))
    world.heard("candidate.confirmed", "p1")
    world.cirrus.fault("reset", when="after", method="PATCH", path="^/user/")
    world.say(sis.updated("p1", surname="Changed"))
    world.heard("candidate.confirmed", "p1", count=2)
    world.settle()
    assert _operations(world)[2:] == ["PATCH /user/{id}", "GET /user/{id}"]
    assert world.profile(candidate("p1"))["LastName"] == "Changed"
