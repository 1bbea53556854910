"""Weeding: takes single messages out of a queue for good and leaves all others in it, in their order.

AMQP cannot delete by content. So all that is ready is taken in one session; what is wanted is acknowledged, and the end
of the session gives back the rest. Whatever ends it early gives back everything.
"""

from collections.abc import Callable
from time import monotonic

from adapter.broker.link import TURN, describe, is_amqp, place
from adapter.broker.messages import Delivery
from adapter.broker.sessions import Session, open_session
from adapter.broker.topology import depth
from adapter.errors import BrokerUnavailable

PATIENCE = 10.0
"""Seconds without a message after which somebody else must be holding the rest."""

CLOSE_TIMEOUT = 10.0

_NO_LIMIT = 0
"""Prefetch of a session that takes everything."""


def can_weed(url: str) -> bool:
    """Tell whether this broker gives back what was not acknowledged; one that kombu emulates may lose it."""
    return is_amqp(url)


def weed(
    url: str, queue: str, is_weed: Callable[[Delivery], bool], agree: Callable[[], None], beat: Callable[[], None]
) -> bool:
    """Take out what `is_weed` picks; false when somebody else held a part of the queue, which was not looked at.

    `beat` is called every now and then, and `agree` after the look and before anything is gone; should it raise,
    nothing is. Raises `BrokerUnavailable`.
    """
    expected = depth(url, queue)
    if not expected:
        return True
    session = open_session(url, queue, epoch=1, prefetch=_NO_LIMIT, heartbeat=15.0)
    try:
        looked_at, picked = _look(session, expected, is_weed, beat)
        if picked:
            agree()
        session.ack(picked)
        session.close(CLOSE_TIMEOUT)
    except Exception as error:
        session.abort()
        if isinstance(error, OSError):
            raise BrokerUnavailable(f"lost {queue} at {place(url)}: {describe(error)}") from error
        raise
    return looked_at >= expected


def _look(
    session: Session, expected: int, is_weed: Callable[[Delivery], bool], beat: Callable[[], None]
) -> tuple[int, list[object]]:
    picked: list[object] = []
    looked_at = 0
    quiet_until = monotonic() + PATIENCE
    while looked_at < expected and monotonic() < quiet_until:
        session.pump(TURN)
        session.tick()
        beat()
        while session.inbox:
            delivery = session.inbox.popleft()
            looked_at += 1
            quiet_until = monotonic() + PATIENCE
            if is_weed(delivery):
                picked.append(delivery.tag)
    return looked_at, picked
