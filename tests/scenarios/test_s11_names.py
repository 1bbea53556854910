"""S11: a student's name, e-mail address or login changes."""

from tests.scenarios.sis import DAY, candidate
from tests.scenarios.world import World


def test_a_new_name_is_one_call_that_changes_what_differs(world: World) -> None:
    """S11: one PATCH holds the changed fields and no others; the external id stays."""
    sis = world.sis
    world.say(sis.enrolled("p1"), sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1"))
    world.heard("booking.confirmed", "b-1")
    world.heard("candidate.confirmed", "p1")
    world.settle()
    assert world.calls("PATCH /user") == []

    world.say(sis.updated("p1", surname="Changed", mail="changed@example.org"))
    confirmed = world.heard("candidate.confirmed", "p1", count=2)
    assert confirmed.data["changed"] == ["last_name", "mail"]
    assert confirmed.data["candidateExtId"] == candidate("p1")
    (patched,) = world.calls("PATCH /user")
    assert patched["sent"] == {"LastName": "Changed", "Email": "changed@example.org"}
    assert patched["path"].endswith(f"/user/{candidate('p1')}")
    assert world.profile(candidate("p1"))["LastName"] == "Changed"
    world.settle()
    assert world.seats("off-1") == {candidate("p1")}


def test_a_change_that_cirrus_does_not_hold_makes_no_call(world: World) -> None:
    """S11: another language, or the same name again, is no reason to call Cirrus."""
    sis = world.sis
    world.say(sis.enrolled("p1"))
    world.heard("candidate.confirmed", "p1")
    world.settle()
    calls = len(world.calls())
    world.say(sis.updated("p1", languageOfChoice=["nl-NL"]), sis.updated("p1"))
    world.settle()
    assert len(world.calls()) == calls
    assert world.types() == {"candidate.confirmed": 1}
