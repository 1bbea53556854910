"""S25: an erasure is requested while results are outstanding."""

from datetime import timedelta

import orjson

from adapter.ledger.sealing import new_key
from tests.scenarios.conftest import Begin
from tests.scenarios.exams import publish, sat
from tests.scenarios.sis import HOUR, candidate
from tests.scenarios.world import Raw, World

SOON = timedelta(seconds=6)


def test_an_erasure_waits_until_the_results_have_been_told(begin: Begin) -> None:
    """S25: nothing is asked of anybody while a result may come; then a person is, and the SIS hears both."""
    world = begin(results={"look_days": []}, policy={"erase_in_cirrus": "task"})
    world.connect_webhook()
    sat(world, "exam", "p1", "p2", ends_in=SOON)
    world.heard("attendance.recorded", "b-p1")
    world.say(world.sis.erasure_requested("p1"))
    world.settle()
    assert world.tasks() == []
    waiting = world.explain("p1").record.wanting
    assert waiting is not None
    assert waiting.reason == "results that are outstanding (1)"

    publish(world, "exam")
    world.heard("result.published", "b-p1")
    world.say(world.sis.updated("p1", mail="new@example.org"))
    raised = world.heard("task.raised", "p1").data
    assert (raised["kind"], raised["about"]) == ("erase-person", {"kind": "candidate", "id": "p1"})
    assert candidate("p1") in raised["steps"][0]
    assert world.profile(candidate("p1"))["Email"] == "p1@example.org"


CANARIES = ("person-1", "Sperson-1", "Surname person-1", "person-1@example.org")
OTHERS = ("person-2", "Sperson-2", "person-2@example.org")


def live(world: World) -> None:
    """Let two people sit an exam, with results and dead letters of both."""
    world.connect_webhook(payload="full")
    world.say(world.sis.enrolled("person-1"), world.sis.enrolled("person-2"))
    sat(world, "exam", "person-1", "person-2", ends_in=SOON)
    for who in ("person-1", "person-2"):
        broken = orjson.dumps(world.sis.updated(who, mail=f"{who}@example.org"))
        world.say(Raw(broken[:-1], id=f"cut-{who}"), Raw(broken.replace(b"person.", b"x").replace(b'"mail"', b'"x"')))
    world.until(lambda: len(world.letters()) == 4, "dead letters of both")
    world.heard("attendance.recorded", "b-person-1")


def left_in(world: World, names: tuple[str, ...]) -> dict[str, set[str]]:
    """Return which of the names are still found where."""
    places = world.tables() | {"dead letters": "\n".join(map(str, world.letters()))}
    users = world.cirrus.state()["tenants"]["uni"]["users"]
    places["users"] = "\n".join(str(user["profile"]) for user in users.values() if not user["in_trash"])
    places["trash can"] = "\n".join(str(user["profile"]) for user in users.values() if user["in_trash"])
    found = {where: {name for name in names if name in text} for where, text in places.items()}
    return {where: which for where, which in found.items() if which}


def test_a_person_is_erased_everywhere_and_nobody_else(begin: Begin) -> None:
    """S25: when the results are told, Cirrus, dead letters and ledger hold nothing more, and the proof says so."""
    world = begin(results={"look_days": []})
    live(world)
    world.say(world.sis.erasure_requested("person-1"))
    publish(world, "exam")
    world.heard("result.published", "b-person-1")
    world.say(world.sis.updated("person-1", mail="person-1@example.com"))
    proof = world.heard("person.erased", "person-1", patience=60).data
    assert world.outcomes("result.published", "b-person-1"), "what was outstanding was told first"
    world.until(lambda: set(left_in(world, CANARIES)) == {"tasks"}, "nothing but the reminder")
    assert left_in(world, CANARIES) == {"tasks": {"person-1", "Sperson-1"}}
    (task,) = world.tasks()
    assert (task.name, task.about.kind) == ("purge-user", "erased")
    assert "Surname" not in str(task)

    assert proof["cirrus"]["state"] == "deleted"
    assert proof["cirrus"]["nameOverwritten"] is True
    assert proof["deadLetters"] == {"searched": True, "erased": 2}
    assert proof["ledger"]["records"] == 3
    assert next(each["where"] for each in proof["remains"]) == "the trash can of Cirrus"
    assert set(left_in(world, OTHERS)) >= {"records", "outbox", "journal", "messages", "dead letters", "users"}
    assert len(world.letters()) == 2
    assert len(world.outcomes("person.erased")) == 1


def test_who_was_erased_does_not_come_back_with_an_old_event(begin: Begin) -> None:
    """What is replayed is superseded and leaves no trace; what the SIS says anew starts anew."""
    world = begin(seal_key=new_key())
    old = [world.sis.enrolled("person-1"), world.sis.scheduled("exam", 2 * HOUR)]
    booked = world.sis.booked("b-person-1", "exam", "person-1")
    cancelled = world.sis.cancelled("b-person-1", "exam", "person-1")
    world.say(*old)
    world.heard("candidate.confirmed", "person-1")
    world.say(booked)
    world.heard("booking.confirmed", "b-person-1")
    world.say(cancelled, world.sis.erasure_requested("person-1"))
    world.cirrus.ui("remove_candidate", tenant="uni", schedule="exam", candidate=candidate("person-1"))
    world.heard("person.erased", "person-1", patience=60)
    before = world.metric("messages_handled_total", outcome="superseded")
    world.say(old[0], booked, cancelled)
    world.until(lambda: world.metric("messages_handled_total", outcome="superseded") == before + 3, "three superseded")
    assert left_in(world, ("person-1",)) == {}
    world.say(world.sis.enrolled("person-1"))
    world.until(lambda: world.ledger.explain("person-1"), "a new record")
