"""Consume one queue in batches, through every loss of the connection, in the caller's own thread."""

import threading
from collections.abc import Callable, Iterable
from time import monotonic

import structlog

from adapter.broker.link import TURN, describe
from adapter.broker.messages import Delivery
from adapter.broker.sessions import Session, open_session
from adapter.errors import BrokerUnavailable

CLOSE_TIMEOUT = 5.0
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 15.0
_SECOND_LOOK = 1.0

_log = structlog.get_logger()


def _nothing() -> None:
    pass


class Consumer:
    """The intake's end of the broker; all methods belong to one thread.

    `jitter` returns a number from 0 to 1, which spreads the reconnects of many workers. `on_state`
    hears true when a session starts and false when it ends. `stop` cuts every wait short.
    `on_watchdog` hears that the broker had messages and did not send them for `idle_after` seconds;
    the session was ended for it. With `slow_start` a session is handed one message first, and where that was out
    before, more only as it settles them: what it holds when its process dies counts against the queue's delivery limit.
    """

    def __init__(
        self,
        url: str,
        queue: str,
        *,
        prefetch: int = 1000,
        slow_start: bool = False,
        heartbeat: float = 15.0,
        jitter: Callable[[], float],
        on_state: Callable[[bool], None],
        stop: threading.Event,
        idle_after: float = 30.0,
        on_watchdog: Callable[[], None] = _nothing,
    ) -> None:
        self._url = url
        self._queue = queue
        self._prefetch = self._usual_prefetch = prefetch
        self._slow_start = slow_start
        self._heartbeat = heartbeat
        self._jitter = jitter
        self._on_state = on_state
        self._stop = stop
        self._idle_after = idle_after
        self._on_watchdog = on_watchdog
        self._session: Session | None = None
        self._epoch = 0
        self._failures = 0
        self._connected_at = 0.0
        self._retry_at = 0.0
        self._look_at = 0.0
        self._suspicious = False

    def receive(self, max_messages: int, wait: float, gather: float) -> list[Delivery]:
        """Return up to `max_messages`, or nothing.

        Waits up to `wait` seconds for the first message, then `gather` seconds for more. Without a
        connection it tries to get one when that is due, and else waits; it never raises.
        """
        session = self._session or self._connect(wait)
        if session is None:
            return []
        try:
            session.tick()
            self._pump(session, 1, monotonic() + wait)
            if session.inbox:
                self._pump(session, max_messages, monotonic() + gather)
            else:
                self._look_for_forgotten(session)
        except Exception as error:  # noqa: BLE001 - any oddity ends the session, none ends the loop
            self._end(session, describe(error))
            return []
        return self._take(session, max_messages)

    def settle(self, deliveries: Iterable[Delivery]) -> int:
        """Acknowledge what was received in this session; return how many came from an earlier one.

        Those will be delivered again: their tags now mean other messages, so they must not be used.
        """
        session, given = self._session, list(deliveries)
        tags = [delivery.tag for delivery in given if session is not None and delivery.epoch == session.epoch]
        if session is None or not tags:
            return len(given)
        try:
            session.ack(tags)
        except Exception as error:  # noqa: BLE001 - any oddity ends the session, none ends the loop
            self._end(session, describe(error))
            return len(given)
        return len(given) - len(tags)

    def tick(self) -> None:
        """Keep the connection alive while the caller is busy; call it at least each `heartbeat` / 2."""
        session = self._session
        if session is None:
            return
        try:
            session.tick()
        except Exception as error:  # noqa: BLE001 - any oddity ends the session, none ends the loop
            self._end(session, describe(error))

    def narrow(self, prefetch: int | None) -> None:
        """Let the next session hold no more than so many unacknowledged messages; None: as many as usual."""
        self._prefetch = self._usual_prefetch if prefetch is None else min(prefetch, self._usual_prefetch)

    def close(self, seconds: float = CLOSE_TIMEOUT) -> None:
        """Stop consuming; when it returns the broker has every ack, or `seconds` are over."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            session.close(seconds)
        except Exception as error:  # noqa: BLE001 - what is left unacked is delivered again
            _log.warning("broker_close_failed", queue=self._queue, error=describe(error))
        self._on_state(False)

    def _connect(self, wait: float) -> Session | None:
        pause = self._retry_at - monotonic()
        if pause > 0:
            self._stop.wait(min(pause, wait))
        if self._stop.is_set() or monotonic() < self._retry_at:
            return None
        self._epoch += 1
        try:
            session = open_session(
                self._url,
                self._queue,
                epoch=self._epoch,
                prefetch=self._prefetch,
                heartbeat=self._heartbeat,
                slow_start=self._slow_start,
            )
        except BrokerUnavailable as error:
            pause = self._postpone()
            _log.warning("broker_unavailable", error=str(error), retry_in_seconds=round(pause, 3))
            return None
        _log.info("broker_connected", queue=self._queue, epoch=self._epoch)
        self._session = session
        self._suspicious = False
        self._connected_at = monotonic()
        self._look_at = self._connected_at + self._idle_after
        self._on_state(True)
        return session

    def _end(self, session: Session, why: str) -> None:
        session.abort()
        self._session = None
        if monotonic() - self._connected_at >= _LONGEST_PAUSE:
            self._failures = 0
        pause = self._postpone()
        _log.warning(
            "broker_session_ended",
            queue=self._queue,
            epoch=session.epoch,
            error=why,
            retry_in_seconds=round(pause, 3),
        )
        self._on_state(False)

    def _postpone(self) -> float:
        ceiling = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self._failures)
        pause: float = ceiling * (1 + self._jitter()) / 2
        self._failures = min(self._failures + 1, 10)
        self._retry_at = monotonic() + pause
        return pause

    def _pump(self, session: Session, enough: int, until: float) -> None:
        tick_at = monotonic() + TURN
        while len(session.inbox) < enough and not self._stop.is_set():
            now = monotonic()
            session.pump(min(max(until - now, 0.0), TURN))
            if now >= until:
                return
            if now >= tick_at:
                session.tick()
                tick_at = now + TURN

    def _take(self, session: Session, max_messages: int) -> list[Delivery]:
        inbox = session.inbox
        batch = [inbox.popleft() for _ in range(min(len(inbox), max_messages))]
        if batch:
            self._failures = 0
            self._suspicious = False
            self._look_at = monotonic() + self._idle_after
        return batch

    def _look_for_forgotten(self, session: Session) -> None:
        now = monotonic()
        if now < self._look_at:
            return
        if not session.forgotten():
            self._suspicious = False
            self._look_at = now + self._idle_after
        elif not self._suspicious:
            # a message may just be on its way: only a second look counts
            self._suspicious = True
            self._look_at = now + _SECOND_LOOK
        else:
            _log.error("consumer_silent", queue=self._queue, epoch=session.epoch, seconds=self._idle_after)
            self._on_watchdog()
            self._end(session, "the broker has messages and does not send them")
