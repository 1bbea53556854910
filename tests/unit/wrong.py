"""Spoiling one field of an event, to see that it is refused with its place."""

from copy import deepcopy
from typing import Any

from tests.unit.builders import Event
from tests.values import replace

Wrong = tuple[str, object, str]
"""A dotted path, the value to be put there (None takes the field out), and words of the refusal."""


def spoil(event: Event, path: str, value: object) -> Event:
    """Return the event with one field set to `value`, or taken out."""
    data: Any = deepcopy(event.data)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = data
    for part in way:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return replace(event, data=data)
