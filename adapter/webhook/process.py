"""The receiver alone in a process of its own, for a host that only the internet and the ledger can be reached from."""

import os
import signal
import threading
from dataclasses import dataclass

import structlog

from adapter import __version__
from adapter.ledger.ledger import Ledger
from adapter.observe.ops_server import OpsServer
from adapter.webhook.server import WebhookServer

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WebhookWiring:
    """The parts of the process, from the ledger outwards."""

    ledger: Ledger
    ops: OpsServer
    webhook: WebhookServer


class WebhookApp:
    """One process that receives notices and does nothing else."""

    def __init__(self, wiring: WebhookWiring) -> None:
        self._wiring = wiring
        self._asked = threading.Event()

    @property
    def port(self) -> int:
        """Port that Cirrus sends to."""
        return self._wiring.webhook.port

    @property
    def ops_port(self) -> int:
        """Port of /metrics, /livez and /readyz."""
        return self._wiring.ops.port

    def start(self) -> None:
        """Listen on both ports; raises what makes a start pointless, and then nothing is running."""
        self._wiring.ledger.check()
        self._wiring.ops.start()
        try:
            self._wiring.webhook.start()
        except OSError:
            self._wiring.ops.stop()
            raise
        _log.info("started", version=__version__, port=self.ops_port, webhook_port=self.port)

    def run(self) -> bool:
        """Run until SIGTERM or SIGINT; return whether everything that had come was stored in time."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self.start()
        # A wait without a time-out would not let the signal's handler run on every platform.
        while not self._asked.wait(1.0):
            pass
        return self.stop()

    def stop(self) -> bool:
        """Stop from the outside inwards; return whether everything that had come was stored in time."""
        finished = self._wiring.webhook.stop()
        self._wiring.ops.stop()
        self._wiring.ledger.close()
        _log.info("stopped", finished=finished)
        return finished

    def _on_signal(self, number: int, _frame: object) -> None:
        if self._asked.is_set():
            # The second signal: somebody is in a hurry. What was not answered with 200 is sent again.
            os._exit(128 + number)
        _log.info("stopping", signal=signal.Signals(number).name)
        self._asked.set()
