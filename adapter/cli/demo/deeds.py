"""What people do in Cirrus on the demo's day: those who sit an exam, who watch over it, and who mark it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapter.cli.demo.phrases import SAYINGS, Campus, Step


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that is done in the user interface, so many seconds after the start; `order` is the sandbox's."""

    at: float
    order: Mapping[str, Any]
    story: str | None = None


def is_deed(step: Step) -> bool:
    """Tell whether a step is something that is done in Cirrus, and not said by the SIS."""
    return step["does"] not in SAYINGS


def read_deed(campus: Campus, step: Step, begins: float) -> Deed:
    """Read a step of an act that begins at this second; what is done has the sandbox's name for it."""
    order: dict[str, Any] = {"action": step["does"], "schedule": step["sitting"]}
    if "student" in step:
        order["candidate"] = campus.students[step["student"]]["code"]
    if "students" in step:
        order["candidates"] = [campus.students[who]["code"] for who in campus.chosen(step["students"])]
    if "score" in step:
        order["score"] = step["score"]
    return Deed(begins + step["at"], order, step.get("story"))
