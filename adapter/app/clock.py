"""The machine's time, and a name for the process on it. Everything else is handed these."""

import os
import socket
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the host's time; the rest of the program is handed this function."""
    return datetime.now(UTC)  # noqa: TID251 - the composition root is where time comes from


def worker_name() -> str:
    """Return a name that no other live process has."""
    return f"{socket.gethostname()}:{os.getpid()}:{int(utc_now().timestamp() * 1000)}"
