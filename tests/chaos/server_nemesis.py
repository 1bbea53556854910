"""The nemeses of the servers that all workers share: the broker, the ledger and its disk."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

from tests.chaos.nemesis import Span
from tests.services.disk import SmallDisk
from tests.services.postgres import PostgresServer
from tests.services.rabbit import RabbitServer, close_queue, open_queue

UNUSABLE = b"the ledger cannot be used"
"""What a worker logs that cannot write to its ledger."""


class Frozen:
    """A server keeps its connections open and answers nothing."""

    hold: Span = (0.3, 2.0)

    def __init__(self, name: str, server: RabbitServer | PostgresServer) -> None:
        self.name = name
        self._server = server

    def strike(self) -> None:
        """See `Nemesis`."""
        self._server.freeze()

    def heal(self) -> int:
        """See `Nemesis`."""
        self._server.thaw()
        return 1


class Crashed:
    """A server is killed as by a power cut and started again."""

    hold: Span = (0.0, 0.0)

    def __init__(self, name: str, server: RabbitServer | PostgresServer) -> None:
        self.name = name
        self._server = server
        self._up = True

    def strike(self) -> None:
        """See `Nemesis`; the server answers again when this returns."""
        self._up = False
        self._server.crash()
        self._up = True

    def heal(self) -> int:
        """See `Nemesis`: a server that did not come up is started once more."""
        if not self._up:
            self._server.crash()
            self._up = True
        return 1


class LedgerReadOnly:
    """The database has failed over to a standby that takes no writes."""

    name = "ledger read-only"
    hold: Span = (0.5, 1.5)

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    def strike(self) -> None:
        """See `Nemesis`."""
        self._server.demote()

    def heal(self) -> int:
        """See `Nemesis`."""
        self._server.promote()
        return 1


class MemoryAlarm:
    """The broker is short of memory and reads nothing from publishers."""

    name = "broker memory alarm"
    hold: Span = (0.2, 1.0)

    def __init__(self, server: RabbitServer) -> None:
        self._server = server

    def strike(self) -> None:
        """See `Nemesis`."""
        self._server.raise_memory_alarm()

    def heal(self) -> int:
        """See `Nemesis`."""
        self._server.end_memory_alarm()
        return 1


class QueueFull:
    """A queue refuses every message."""

    hold: Span = (0.5, 1.5)

    def __init__(self, name: str, server: RabbitServer, amqp: str, queue: str) -> None:
        self.name = name
        self._place = (server.admin_url, amqp, queue)

    def strike(self) -> None:
        """See `Nemesis`."""
        close_queue(*self._place)

    def heal(self) -> int:
        """See `Nemesis`."""
        open_queue(*self._place)
        return 1


class DiskFull:
    """Nothing more fits on the disk of a SQLite ledger; it counts only when a worker has felt it."""

    name = "disk full"
    hold: Span = (0.5, 1.5)

    def __init__(self, disk: SmallDisk, ledger: Path, logs: Sequence[Path]) -> None:
        self._disk = disk
        self._ledger = ledger
        self._logs = logs
        self._felt = 0

    def strike(self) -> None:
        """See `Nemesis`. The log of changes is folded in before, or its free pages would be room enough."""
        self._felt = self._complaints()
        with closing(connect(self._ledger, timeout=5)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._disk.fill()

    def heal(self) -> int:
        """See `Nemesis`."""
        self._disk.free()
        return min(1, self._complaints() - self._felt)

    def _complaints(self) -> int:
        return sum(log.read_bytes().count(UNUSABLE) for log in self._logs if log.exists())
