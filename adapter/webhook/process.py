"""The receiver alone in a process of its own, for a host that only the internet and the ledger can be reached from."""

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
        self._wiring.ledger.check_keys()
        self._wiring.ops.start()
        try:
            self._wiring.webhook.start()
        except OSError:
            self._wiring.ops.stop()
            raise
        _log.info("started", version=__version__, port=self.ops_port, webhook_port=self.port)

    def stop(self) -> bool:
        """Stop from the outside inwards; return whether everything that had come was stored in time."""
        finished = self._wiring.webhook.stop()
        self._wiring.ops.stop()
        self._wiring.ledger.close()
        _log.info("stopped", finished=finished)
        return finished
