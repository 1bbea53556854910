"""S30: the broker keeps the connection and forgets the consumer: the intake notices, and takes a new one."""

import threading
from functools import partial
from typing import Any

import pytest

from adapter.app import Host
from adapter.broker import Consumer, Delivery
from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY
from tests.scenarios.world import INTAKE

LOSE = threading.Event()


class Forgotten(Consumer):
    """A consumer that the broker forgets once `LOSE` is set, as in a partition, and that notices soon."""

    def __init__(self, *given: Any, **named: Any) -> None:  # noqa: ANN401 - handed on
        super().__init__(*given, idle_after=0.5, **named)

    def receive(self, max_messages: int, wait: float, gather: float) -> list[Delivery]:
        """Receive; the consumer gets lost in the intake's own thread, which owns the connection."""
        session: Any = self._session
        if LOSE.is_set() and session is not None and self._queue == INTAKE:
            LOSE.clear()
            for tag in session._consumer_tags:
                session._channel.basic_cancel(tag)
        return super().receive(max_messages, wait, gather)


def test_a_consumer_that_the_broker_forgot_is_replaced(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    """S30: messages are ready, none comes, heartbeats are healthy: counted, said, and handled all the same."""
    monkeypatch.setattr("adapter.app.Host", partial(Host, consumer=Forgotten))
    world = begin()
    sis = world.sis
    world.say(sis.scheduled("exam", 3 * DAY), sis.booked("b-1", "exam", "p1"))
    world.heard("booking.confirmed", "b-1")
    assert world.metric("consumer_watchdog_total") == 0
    LOSE.set()
    world.until(lambda: not LOSE.is_set(), "the consumer is lost")
    world.say(sis.booked("b-2", "exam", "p2"))
    world.heard("booking.confirmed", "b-2")
    assert world.metric("consumer_watchdog_total") == 1
    assert world.metric("broker_connected", loop="intake") == 1
