"""One adapter process that may be broken in every way, and whoever starts it again, as systemd does."""

import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from adapter.cli.console import Exit
from tests.chaos.day_runner import CLI, plain_environment
from tests.services.clock import HostClock
from tests.services.processes import Leash, ServerProcess
from tests.services.proxy import Proxy, opened

PAUSE = 1.0
"""Seconds before a process is started again that ended by itself."""

STOP_PATIENCE = 60.0
STARTED = b'"event":"started"'
"""What a worker logs once all of its loops turn."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Links:
    """One worker's ways to the broker, the ledger and Cirrus, each through a proxy of its own."""

    broker: Proxy
    ledger: Proxy
    cirrus: Proxy

    @classmethod
    def opened(cls, stack: ExitStack, broker: Address, ledger: Address, cirrus: Address) -> "Links":
        """Open the proxies; `stack` closes them."""
        proxies = [stack.enter_context(opened(address.host, address.port)) for address in (broker, ledger, cirrus)]
        return cls(*proxies)

    def ways(self) -> tuple[tuple[str, Proxy], ...]:
        """Return each way with its name."""
        return (("broker", self.broker), ("ledger", self.ledger), ("Cirrus", self.cirrus))


@dataclass
class Worker:
    """`cirrus-adapter run` with settings, a host clock and a log of its own."""

    name: str
    folder: Path
    settings: str
    leash: Leash
    links: Links | None
    endings: list[str] = field(default_factory=list[str])
    """How it ended when nobody had ended it, but for want of a broker or a ledger at its start."""

    def __post_init__(self) -> None:
        self.log = self.folder / f"{self.name}.log"
        self.clock = HostClock(self.folder / f"{self.name}.clock")
        self._config = self.folder / f"{self.name}.toml"
        self._config.write_text(self.settings)
        self._lock = threading.Lock()
        self._process: ServerProcess | None = None
        self._start_at = 0.0
        self._log_begins = 0

    @property
    def pid(self) -> int:
        """The process that runs now, 0 without any."""
        process = self._process
        return process.pid if process is not None else 0

    def is_up(self) -> bool:
        """Tell whether the process that runs now has begun to work."""
        if not self.log.exists():
            return False
        with self.log.open("rb") as log:
            log.seek(self._log_begins)
            return STARTED in log.read()

    def command(self, *arguments: str) -> None:
        """Run one command of the adapter with its settings, to the end."""
        subprocess.run([*CLI, *arguments, "--config", str(self._config)], check=True, env=plain_environment())

    def tend(self) -> None:
        """Start it when it does not run; called again and again while it is to run."""
        with self._lock:
            if self._process is not None and self._process.code is not None:
                self._note_ending(self._process)
                self._process.kill()
                self._process = None
                self._start_at = monotonic() + PAUSE
            if self._process is None and monotonic() >= self._start_at:
                self._start()

    def kill(self) -> bool:
        """Kill it as the kernel would, and start it again; tell whether there was anything to kill."""
        with self._lock:
            struck = self._process is not None and self._process.alive()
            if self._process is not None:
                self._process.kill()
            self._start()
            return struck

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does, its connections open, until `thaw`."""
        self._quietly(ServerProcess.freeze)

    def thaw(self) -> None:
        """Let it go on, as if nothing had happened."""
        self._quietly(ServerProcess.thaw)

    def stop(self) -> None:
        """Ask it to stop, and note it when it does not do so in order."""
        with self._lock:
            process, self._process = self._process, None
            if process is None:
                return
            process.stop(signal.SIGTERM, patience=STOP_PATIENCE)
            if process.code != 0:
                self.endings.append(f"{self.name} ended with {process.code} when it was asked to stop")

    def _start(self) -> None:
        self._log_begins = self.log.stat().st_size if self.log.exists() else 0
        self._process = ServerProcess(
            [*CLI, "run", "--config", str(self._config)],
            leash=self.leash,
            log=self.log,
            environment=plain_environment() | self.clock.environment,
        )

    def _note_ending(self, process: ServerProcess) -> None:
        if process.code != Exit.UNAVAILABLE:
            self.endings.append(f"{self.name} ended by itself with {process.code}")

    def _quietly(self, deed: Callable[[ServerProcess], None]) -> None:
        with self._lock:
            if self._process is not None:
                deed(self._process)
