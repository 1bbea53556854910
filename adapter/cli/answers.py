"""Answers of Cirrus that are kept in a file, so that a long survey which was interrupted goes on where it was.

They hold names and mail addresses: the file is its owner's alone, and each line is sealed where the ledger is.
"""

import os
from pathlib import Path
from typing import BinaryIO

import orjson
from pydantic import TypeAdapter

from adapter.domain.answers import Absent, CandidateSeen, ScheduleSeen
from adapter.domain.steps import ReadCandidate, ReadSchedule
from adapter.ledger.sealing import Seal

Look = ReadCandidate | ReadSchedule
Content = Absent | CandidateSeen | ScheduleSeen

PLACE = "answers"
"""What a sealed line belongs to: no value of the ledger opens here, and no line there."""

_SEEN: TypeAdapter[CandidateSeen | ScheduleSeen | None] = TypeAdapter(CandidateSeen | ScheduleSeen | None)
"""How an answer is written; null: it is not there."""


class AnswerFile:
    """Keeps what was read; without a file, nothing. Raises `OSError` and `LedgerSealed` when it is opened."""

    def __init__(self, path: Path | None, seal: Seal) -> None:
        self._seal = seal
        self._known: dict[tuple[str, str, str], Content] = {}
        self._file: BinaryIO | None = None
        if path is None:
            return
        if path.exists():
            self._read(path.read_bytes())
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")

    def get(self, tenant: str, step: Look) -> Content | None:
        """Return what was read earlier, None where nothing was."""
        return self._known.get(_key(tenant, step))

    def add(self, tenant: str, step: Look, content: Content) -> None:
        """Keep an answer; it is in the file when this returns."""
        if self._file is None:
            return
        line = orjson.dumps(
            [*_key(tenant, step), _SEEN.dump_python(None if isinstance(content, Absent) else content, mode="json")]
        )
        self._file.write(self._seal.close_text(line.decode(), PLACE).encode() + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _read(self, lines: bytes) -> None:
        # A line that was being written when the survey was interrupted has no end.
        for line in lines.splitlines(keepends=True):
            if line.endswith(b"\n"):
                plain = self._seal.open_text(line.decode().rstrip("\n"), PLACE)
                tenant, kind, name, content = orjson.loads(plain)
                self._known[tenant, kind, name] = _SEEN.validate_python(content) or Absent()


def _key(tenant: str, step: Look) -> tuple[str, str, str]:
    return tenant, type(step).__name__, step.external_id
