"""A connection to PostgreSQL that waits for no answer for ever.

libpq has no time-out for reads, and `statement_timeout` is kept by the server: a server that is frozen, or that
the network has swallowed without a word, keeps neither. TCP does not help where the kernel of the other side still
acknowledges. So the wait is bounded here, and a connection that did not answer in time is dropped.
"""

from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

MARGIN = 2.0
"""Seconds that the server has to say that its own time-out has struck."""

RV = TypeVar("RV")


class PatientConnection(psycopg.Connection[Any]):
    """A connection whose every answer comes within `longest` seconds, or it is closed.

    What was asked for may have happened all the same: a commit may be known only by reading.
    """

    longest = 60.0

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the server; raises `psycopg.OperationalError` when it does not answer in time."""
        try:
            return super().wait(gen, interval, self.longest if timeout is None else min(timeout, self.longest))
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                # Its answer may still come, and would be taken for that to the next question.
                self.pgconn.finish()
            raise
