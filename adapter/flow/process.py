"""One running process: started whole, stopped in the order of the flow, within a deadline.

Shutdown goes with the flow, so that nothing is begun that cannot be finished: first no more notices and messages are
taken, then no more work is claimed, then what was told is published, then the connections are closed. Each part has
its share of the time, so that one that hangs leaves some to the others. Nothing is lost with what does not finish:
messages that are not acknowledged are delivered again, claims run out, and the outbox stays.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from adapter import __version__
from adapter.domain.ports import Platform
from adapter.errors import AdapterError
from adapter.flow.converge import Converger
from adapter.flow.intake import Intake
from adapter.flow.loop import Loop
from adapter.flow.publish import Relay
from adapter.ledger.ledger import Ledger
from adapter.observe.ops_server import OpsServer

DRAIN = 30.0
"""Seconds that a stop may take; Kubernetes and systemd kill after as many more."""

INTAKE_ENDS, CALLS_END, CONVERGE_ENDS, PUBLISH_ENDS = 0.3, 0.55, 0.7, 0.95
"""Parts of that time by which each part of the flow should have ended; calls under way are cut off in between."""

_log = structlog.get_logger()


class Receiver(Protocol):
    """What takes the notices of Cirrus' webhook."""

    @property
    def port(self) -> int:
        """The port that Cirrus sends to."""
        ...

    def start(self) -> None:
        """Listen; raises `OSError` when the port cannot be had."""
        ...

    def stop(self, seconds: float) -> bool:
        """Take no more, and return whether all that had come was stored within so many seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """The parts of one process, in the order of the flow."""

    ledger: Ledger
    intakes: tuple[Intake, ...]
    convergers: tuple[Converger, ...]
    relay: Relay
    platforms: tuple[Platform, ...]
    webhook: Receiver | None
    ops: OpsServer
    loops: tuple[tuple[threading.Event, tuple[Loop, ...]], ...]


class App:
    """One process with all loops."""

    def __init__(self, wiring: Wiring, *, drain: float = DRAIN) -> None:
        self._wiring = wiring
        self._drain = drain

    @property
    def webhook_port(self) -> int | None:
        """Port that Cirrus sends its notices to, None where none are taken."""
        return self._wiring.webhook.port if self._wiring.webhook is not None else None

    @property
    def ops_port(self) -> int:
        """Port of /metrics, /livez and /readyz."""
        return self._wiring.ops.port

    def start(self) -> None:
        """Start every loop; raises what makes a start pointless, and then nothing is running."""
        self._wiring.ledger.check()
        self._wiring.ledger.check_keys()
        self._wiring.ops.start()
        self._listen()
        for _, loops in self._wiring.loops:
            for loop in loops:
                loop.start()
        _log.info("started", version=__version__, port=self.ops_port, webhook_port=self.webhook_port)

    def _listen(self) -> None:
        if self._wiring.webhook is None:
            return
        try:
            self._wiring.webhook.start()
        except OSError:
            self._wiring.ops.stop()
            raise

    def stop(self, seconds: float | None = None) -> bool:
        """Stop in the order of the flow, within `seconds` or else the drain of the settings.

        Returns whether everything was finished. What hangs in the operating system may take longer: whoever calls
        this decides when it is enough.
        """
        seconds = self._drain if seconds is None else seconds
        begun = time.monotonic()

        def left(share: float) -> float:
            return max(0.1, begun + share * seconds - time.monotonic())

        wiring = self._wiring
        # Cirrus repeats what it could not deliver, so nobody has to be asked to wait.
        finished = wiring.webhook.stop(left(INTAKE_ENDS)) if wiring.webhook is not None else True
        closers: tuple[tuple[float, Callable[[], bool]], ...] = (
            (INTAKE_ENDS, self._close_intakes),
            (CONVERGE_ENDS, lambda: self._close_convergers(left)),
            (PUBLISH_ENDS, lambda: wiring.relay.close(left(PUBLISH_ENDS))),
            (1.0, lambda: True),
        )
        for (stop, loops), (share, close) in zip(wiring.loops, closers, strict=True):
            stop.set()
            ended = all(loop.join(left(share)) for loop in loops)
            # What a loop owns belongs to its thread: while that hangs, nobody else may close it.
            finished = ended and _closed(close) and finished
        wiring.ops.stop()
        for client in wiring.platforms:
            client.close()
        wiring.ledger.close()
        _log.info("stopped", finished=finished)
        return finished

    def _close_intakes(self) -> bool:
        for intake in self._wiring.intakes:
            intake.close()
        return True

    def _close_convergers(self, left: Callable[[float], float]) -> bool:
        convergers = self._wiring.convergers
        if all(converger.close(left(CALLS_END)) for converger in convergers):
            return True
        # A call that is cut off ends as unknown: that is recorded, and Cirrus is read before anything is sent again.
        _log.warning("calls_cut_off")
        for client in self._wiring.platforms:
            client.close()
        return all(converger.close(left(CONVERGE_ENDS)) for converger in convergers)


def _closed(close: Callable[[], bool]) -> bool:
    try:
        return close()
    except AdapterError as error:
        _log.warning("close_failed", error=str(error))
        return False
