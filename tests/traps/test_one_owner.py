"""The trap of threads: one connection in two hands. The whole adapter runs, and every use of a link is watched."""

import threading
from collections.abc import Callable
from itertools import groupby
from typing import Any

import pytest

from adapter.broker.link import Link
from tests.scenarios.sis import DAY
from tests.scenarios.world import Raw, World

USES = ("channel", "pump", "gathering", "ack", "tick", "limit", "close", "abort")


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> dict[Link, list[str]]:
    """Lend a record of which threads have used each link, in order."""
    seen: dict[Link, list[str]] = {}
    for name in USES:
        monkeypatch.setattr(Link, name, _watched(getattr(Link, name), seen))
    return seen


def _watched(method: Callable[..., Any], seen: dict[Link, list[str]]) -> Callable[..., Any]:
    def watched(link: Link, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - any method of a link
        seen.setdefault(link, []).append(threading.current_thread().name)
        return method(link, *arguments, **named)

    return watched


def test_p13_two_threads_on_one_connection(users: dict[Link, list[str]], world: World) -> None:
    """P13, P11, B2: even with py-amqp's lock its socket time-outs and reads race; a link is one thread's at a time.

    Whoever closes at the end may be another thread, after the loop that owned the link has ended.
    """
    sis = world.sis
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1"), Raw(b"{", id="bad"))
    world.heard("booking.confirmed", "b-1")
    world.dead_letters(1)
    world.say(sis.booked("b-2", "off-1", "p2"))
    world.settle()
    assert world.stop()
    owners = [[name for name, _ in groupby(names)] for names in users.values()]
    assert {"intake", "publish"} <= {name for names in owners for name in names}
    for names in owners:
        assert len(names) == len(set(names)), f"a link was handed back and forth: {names}"
        assert not [name for name in names if name.startswith("converge")]
