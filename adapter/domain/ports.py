"""Ports: what the loops need from the world, as protocols; one contract suite runs on every implementation."""

from datetime import datetime
from typing import Protocol

from adapter.domain.answers import Answer
from adapter.domain.steps import Step


class Clock(Protocol):
    """Now, in UTC."""

    def __call__(self) -> datetime:
        """Return the present moment with its zone."""
        ...


class Platform(Protocol):
    """The exam platform of one tenant.

    `perform` may block up to its configured timeouts and never raises for what the platform or the network
    does: that is an `Answer`. It is called from several threads at once.
    """

    def perform(self, step: Step) -> Answer:
        """Carry out one step and return what came back."""
        ...

    def close(self) -> None:
        """Close pooled connections."""
        ...
