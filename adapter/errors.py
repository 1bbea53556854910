"""Every error the adapter raises itself, as one tree.

AdapterError
├── ConfigurationError        a setting is missing or wrong: exit code 3, nothing was started
│   └── ConfigurationErrors   several of them at once
├── InvalidMessage            a message that can never be read: it is dead-lettered with its reason
├── BrokerError
│   ├── BrokerUnavailable     no connection: try again after a pause
│   └── TopologyError         the broker's queues or exchanges are not what we need
└── LedgerError
    ├── LedgerUnavailable     no connection, locked, full or read-only: try again after a pause
    │   └── LedgerSealed      a value is sealed with a key that is not configured: configure it
    ├── LedgerConflict        another worker changed the same rows first: run the transaction again
    ├── LedgerOutdated        the schema is at another migration: `cirrus-adapter ledger migrate`
    └── LeaseLost             the work was claimed by somebody else: drop it, they go on

A message says what happened, to which external id, and what to do. It never holds a name, a mail
address, a launch link or a token. What Cirrus answers is not an error but a verdict
(`adapter.domain.verdict`).
"""

from collections.abc import Iterable
from typing import Self


class AdapterError(Exception):
    """Anything the adapter raises on purpose."""


class ConfigurationError(AdapterError):
    """A setting is missing or wrong.

    `key` is the dotted path of the setting, `problem` what is wrong with its value, `remedy` what
    to do. A secret's value is never part of any of them.
    """

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(f"{key}: {problem}; {remedy}")
        self.key = key
        self.problem = problem
        self.remedy = remedy


class InvalidMessage(AdapterError):  # noqa: N818 - the field's term for what goes to a dead-letter queue
    """A message that can never be read, whatever is tried.

    `reason` is one of a small closed set and becomes a metric label; `path` is the JSON path of the
    offending value, `$` for the whole body.
    """

    def __init__(self, reason: str, detail: str, path: str = "$") -> None:
        super().__init__(f"{reason} at {path}: {detail}")
        self.reason = reason
        self.detail = detail
        self.path = path


class BrokerError(AdapterError):
    """The message broker did not do what was asked."""


class BrokerUnavailable(BrokerError):  # noqa: N818 - read as a state, handled as one
    """No usable connection to the broker; the caller pauses and tries again."""


class TopologyError(BrokerError):
    """An exchange or a queue is missing or unsafe; an operator has to change it."""


class LedgerError(AdapterError):
    """The ledger did not do what was asked; nothing of the transaction is stored."""


class LedgerUnavailable(LedgerError):  # noqa: N818 - read as a state, handled as one
    """The database is away, locked, full or read-only; the caller pauses and tries again."""


class LedgerSealed(LedgerUnavailable):
    """Something in the ledger is sealed and none of our keys opens it; it is left as it is until one does."""

    @classmethod
    def without(cls, key_ids: Iterable[str]) -> Self:
        """Say which keys are missing, by their ids."""
        named = ", ".join(sorted(key_ids))
        return cls(
            f"the ledger is sealed with a key that is not configured ({named}); "
            "put that key behind the first one in ledger.seal_key, divided by a comma"
        )

    @classmethod
    def damaged(cls, place: str) -> Self:
        """Say where a value is not what was sealed there."""
        where = " ".join(place.split("\x1f"))
        return cls(f"the ledger holds at '{where}' what was not sealed there; restore that value from a backup")


class LedgerConflict(LedgerError):  # noqa: N818 - read as a state, handled as one
    """Another worker changed the same rows first; the caller runs the transaction again."""


class LedgerOutdated(LedgerError):  # noqa: N818 - read as a state, handled as one
    """The schema is at another migration than this program needs."""

    @classmethod
    def between(cls, found: str | None, needed: str) -> Self:
        """Say which migration was found and which is needed."""
        at = found or "none"
        return cls(f"the ledger is at migration {at}, this version needs {needed}; run: cirrus-adapter ledger migrate")

    @classmethod
    def ahead(cls, found: str, needed: str) -> Self:
        """Say that a newer version has migrated the ledger, which nobody can take back."""
        return cls(
            f"the ledger is at migration {found}, which this version does not know: it needs {needed}; "
            "run the version that has migrated the ledger, or a newer one"
        )


class LeaseLost(LedgerError):  # noqa: N818 - read as a state, handled as one
    """The work was claimed by another worker meanwhile; what was done is theirs to find by read-back."""
