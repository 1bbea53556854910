"""What the adapter knows of exams: one handler for each kind of object, listed here and nowhere else."""

from collections.abc import Mapping

from pydantic import BaseModel

from handlers.candidates.handler import HANDLER as CANDIDATES
from handlers.results.handler import HANDLER as RESULTS
from handlers.sittings.handler import HANDLER as SITTINGS

ALL = (CANDIDATES, SITTINGS, RESULTS)
"""Every handler; adding a kind of object is adding it here."""

EVENTS: Mapping[str, type[BaseModel]] = {kind: model for handler in ALL for kind, model in handler.events.items()}
"""Every event type of the SIS with the shape of its data."""
