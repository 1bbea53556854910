"""One running process: started whole, stopped in the order of the flow.

Shutdown goes with the flow, so that nothing is begun that cannot be finished: first no more notices and messages are
taken, then no more work is claimed, then what was told is published, then the connections are closed.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
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

    def stop(self) -> bool:
        """Take no more, and return whether all that had come was stored in time."""
        ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """The parts of one process, in the order of the flow."""

    ledger: Ledger
    intake: Intake
    convergers: tuple[Converger, ...]
    relay: Relay
    platforms: tuple[Platform, ...]
    webhook: Receiver | None
    ops: OpsServer
    loops: tuple[tuple[threading.Event, tuple[Loop, ...]], ...]


def _nothing() -> None:
    pass


class App:
    """One process with all loops."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

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

    def stop(self, seconds: float = DRAIN) -> bool:
        """Stop in the order of the flow; return whether everything was finished in time."""
        until = time.monotonic() + seconds
        wiring = self._wiring
        # Cirrus repeats what it could not deliver, so nobody has to be asked to wait.
        finished = wiring.webhook.stop() if wiring.webhook is not None else True
        closers: tuple[Callable[[], None], ...] = (
            wiring.intake.close,
            self._close_convergers,
            wiring.relay.close,
            _nothing,
        )
        for (stop, loops), close in zip(wiring.loops, closers, strict=True):
            stop.set()
            ended = all(loop.join(max(0.1, until - time.monotonic())) for loop in loops)
            if ended:
                with suppress(AdapterError):
                    close()
            finished = finished and ended
        wiring.ops.stop()
        for client in wiring.platforms:
            client.close()
        wiring.ledger.close()
        _log.info("stopped", finished=finished)
        return finished

    def _close_convergers(self) -> None:
        for converger in self._wiring.convergers:
            converger.close()
