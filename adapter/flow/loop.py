"""One loop of the process: it turns until it is told to stop, and no error ends it."""

import threading
from collections.abc import Callable

import structlog

from adapter.errors import BrokerUnavailable, LedgerUnavailable
from adapter.observe.heartbeats import Heartbeats

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0

_log = structlog.get_logger()


class Loop:
    """Runs `turn` again and again in a thread of its own.

    What `turn` raises is logged and followed by a pause that doubles up to `LONGEST_PAUSE` seconds. Turns that
    end well beat the heart, and those that find the ledger or the broker away: a process that waits is not to be
    restarted for it. A loop that fails for good is seen as stalled.
    """

    def __init__(self, name: str, turn: Callable[[], None], heartbeats: Heartbeats, stop: threading.Event) -> None:
        self._name = name
        self._turn = turn
        self._heartbeats = heartbeats
        self._stop = stop
        self._thread = threading.Thread(target=self.run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to turn."""
        self._thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for the loop to end after `stop`; return whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def run(self) -> None:
        """Turn until told to stop; `start` has a thread do this."""
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            try:
                self._turn()
                pause = FIRST_PAUSE
                self._heartbeats.beat(self._name)
            except (LedgerUnavailable, BrokerUnavailable) as error:
                _log.warning("loop_waits", loop=self._name, error=str(error), seconds=pause)
                self._heartbeats.beat(self._name)
                self._stop.wait(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
            except Exception:  # noqa: BLE001 - the boundary of the loop: nothing may end it
                _log.exception("loop_failed", loop=self._name, seconds=pause)
                self._stop.wait(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
