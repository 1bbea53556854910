"""Start, stop, kill and freeze server programs, with everything they fork."""

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from tests.services import leash

POLL_SECONDS = 0.02
LOG_TAIL_LINES = 30
PORTS = range(20000, 32000)
"""Above the registered service ports in common use, below the range from which the kernel takes client ports:
a port chosen here is still free after a restart."""
STANDARD_PORTS = frozenset({25672})


class ServerFailedError(Exception):
    """A server did not start or stop in time; the message ends with the tail of its log."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        if port in STANDARD_PORTS:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], bool], *, patience: float, what: str, every: float = POLL_SECONDS) -> None:
    """Return as soon as `condition` holds, looked at every so many seconds; raise `TimeoutError` after `patience`."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {patience:g} s")
        time.sleep(every)


class Leash:
    """A folder and the servers in it, all of which disappear with pytest, however pytest ends."""

    def __init__(self) -> None:
        """Create the folder and the process that watches over it."""
        self.folder = Path(tempfile.mkdtemp(prefix="cirrus-adapter-test-"))
        self.folder.chmod(0o711)  # a server that runs as another user must reach its own folder below
        self._orders = threading.Lock()
        self._watcher = subprocess.Popen(
            [sys.executable, leash.__file__, str(self.folder)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def hold(self, pid: int) -> None:
        """End `pid` and what it forked should pytest disappear."""
        self._order(f"hold {pid}")

    def release(self, pid: int) -> None:
        """Forget `pid`: it has ended."""
        self._order(f"release {pid}")

    def close(self) -> None:
        """Remove the folder and end whatever is still held."""
        self._watcher.communicate()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _order(self, line: str) -> None:
        assert self._watcher.stdin is not None
        with self._orders:  # two servers start at the same time
            self._watcher.stdin.write(f"{line}\n")
            self._watcher.stdin.flush()


class ServerProcess:
    """One server program in the foreground, on a leash, with its output in a log file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        leash: Leash,
        log: Path,
        environment: Mapping[str, str],
        user: str | None = None,
    ) -> None:
        """Start `command`; as `user` when given, which takes root."""
        self._log = log
        self._leash = leash
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd="/",
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                start_new_session=True,  # Ctrl-C in the terminal is for pytest, which then stops us in order
            )
        leash.hold(self._popen.pid)

    @property
    def pid(self) -> int:
        """The process id of the program itself."""
        return self._popen.pid

    @property
    def code(self) -> int | None:
        """The code with which it ended, or minus the signal's number; None while it runs."""
        return self._popen.poll()

    def alive(self) -> bool:
        """Tell whether the program runs (or is frozen)."""
        return self.code is None

    def wait_ready(self, ready: Callable[[], bool], *, patience: float) -> None:
        """Return once `ready()` holds; raise `ServerFailedError` if it ends before, or takes too long."""
        try:
            wait_until(lambda: not self.alive() or ready(), patience=patience, what="start")
        except TimeoutError as error:
            self.kill()
            raise ServerFailedError(f"{error}\n{self._log_tail()}") from error
        if not self.alive():
            raise ServerFailedError(f"ended with code {self._popen.returncode}\n{self._log_tail()}")

    def freeze(self) -> None:
        """Stop the clock of the program: its connections stay open and nothing answers."""
        _signal(self._tree(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen program go on; harmless for one that is not frozen."""
        _signal(self._tree(), signal.SIGCONT)

    def stop(self, number: signal.Signals, *, patience: float) -> None:
        """Ask the program to end; kill it when it has not done so within `patience` seconds."""
        tree = self._tree()
        self.thaw()
        self._popen.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(patience)
        self._end(tree)

    def kill(self) -> None:
        """End the program and what it forked at once, as a power cut does for a machine; wait until gone."""
        self._end(self._tree())

    def _end(self, tree: Sequence[psutil.Process]) -> None:
        _signal(tree, signal.SIGKILL)
        self._popen.wait()
        wait_until(lambda: not any(runs(process) for process in tree), patience=10, what="end")
        self._leash.release(self._popen.pid)

    def _tree(self) -> list[psutil.Process]:
        if not self.alive():
            return []  # its process id may be somebody else's by now
        program = psutil.Process(self._popen.pid)
        return [program, *program.children(recursive=True)]

    def _log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])


def _signal(tree: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def runs(process: psutil.Process) -> bool:
    """Tell whether the process still does anything: a zombie that init has not reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
