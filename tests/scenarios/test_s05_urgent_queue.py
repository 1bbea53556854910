"""S5: what is urgent waits neither for what nobody has read yet, nor for a place, nor for company."""

import threading
from functools import partial
from typing import Any

import pytest

from adapter.app import Host
from adapter.broker import Consumer, Delivery
from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, MINUTE, candidate
from tests.scenarios.world import INTAKE

URGENT = "sis.urgent"
BACKLOG = 50
PLACES = 3
READ = threading.Event()


class HeldUp(Consumer):
    """A consumer that takes nothing out of the ordinary queue until `READ` is set."""

    def __init__(self, url: str, queue: str, **named: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(url, queue, **named)
        self._ordinary = queue == INTAKE

    def receive(self, max_messages: int, wait: float, gather: float) -> list[Delivery]:
        """Receive, or wait as for a message that does not come."""
        if self._ordinary and not READ.wait(wait):
            return []
        return super().receive(max_messages, wait, gather)


def test_an_urgent_booking_overtakes_what_nobody_has_read(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the urgent queue it is confirmed while all else is unread; what is older and read later changes nothing."""
    READ.clear()
    monkeypatch.setattr("adapter.app.Host", partial(Host, consumer=HeldUp))
    world = begin()
    sis = world.sis
    older = sis.scheduled("next", 3 * DAY)
    world.say(*(sis.enrolled(f"p{number}") for number in range(BACKLOG)), older)
    urgent = sis.scheduled("next", 10 * MINUTE), sis.booked("b-next", "next", "q1")
    world.say(*urgent, exchange=URGENT)
    world.heard("booking.confirmed", "b-next")
    assert world.stored() == {event["id"] for event in urgent}
    assert world.unread(INTAKE) == BACKLOG + 1
    assert world.metric("message_age_seconds_count", loop="urgent") == len(urgent)
    start = world.schedules()["next"]["start"]
    READ.set()
    world.settle()
    assert world.metric("messages_handled_total", outcome="superseded") == 1
    assert world.schedules()["next"]["start"] == start
    assert world.seats("next") == {candidate("q1")}
    assert world.types()["candidate.confirmed"] == BACKLOG


def test_an_urgent_booking_finds_a_place_while_all_others_are_busy(begin: Begin) -> None:
    """Ordinary calls hang on all the places that they may take, more is due, and the urgent one is confirmed."""
    world = begin(tenant={"concurrency": PLACES, "read_timeout_s": 300}, start=False)
    # Calls hang at the end: a stop waits for them, but not for half a minute.
    hasty = world.settings.process.model_copy(update={"drain_s": 8.0})
    world.settings = world.settings.model_copy(update={"process": hasty})
    world.start()
    sis = world.sis
    ordinary = PLACES - 1
    world.cirrus.fault("hang", method="POST", path="^/schedule$", count=ordinary)
    for number in range(PLACES):
        world.say(sis.scheduled(f"later-{number}", 3 * DAY), sis.booked(f"b-{number}", f"later-{number}", f"p{number}"))
    world.until(lambda: world.cirrus.faults()[0]["applied"] == ordinary, "all ordinary places are taken")
    world.say(sis.scheduled("next", 10 * MINUTE), sis.booked("b-next", "next", "q1"))
    world.heard("booking.confirmed", "b-next")
    assert [outcome.subject for outcome in world.outcomes("booking.confirmed")] == ["b-next"]


def test_an_urgent_booking_waits_for_no_company(begin: Begin) -> None:
    """It is confirmed with a linger of ten minutes, in which all that is not urgent is still gathered."""
    world = begin(policy={"linger_s": 600})
    sis = world.sis
    world.say(sis.scheduled("later", 3 * DAY), sis.booked("b-later", "later", "p1"))
    world.say(sis.scheduled("next", 10 * MINUTE), sis.booked("b-next", "next", "q1"))
    world.heard("booking.confirmed", "b-next")
    assert list(world.schedules()) == ["next"]
