"""Scripts: what a sandbox does by itself after its start, read from TOML and played through the control API."""

import asyncio
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import orjson

from adapter.cirrus.sandbox.answers import Json
from adapter.cirrus.sandbox.control_api import MISTAKES, ControlApi, explain
from adapter.cirrus.sandbox.people import ACTIONS
from adapter.cirrus.sandbox.webhook import read_webhook

_CONTROL_CALLS = ("webhook", "assessments", "clock")


class ScriptError(ValueError):
    """A script that can not be played; the message names the step and what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `at` seconds after the start, `do` is an action of `people.ACTIONS` or a control call."""

    at: float
    do: str
    body: Json


def read_script(file: Path) -> list[Step]:
    """Read a script in the order of its times; raises OSError, or ScriptError for a file that is none."""
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScriptError(f"not TOML: {error}") from error
    if unknown := read.keys() - {"steps"}:
        raise ScriptError(f"unknown keys: {', '.join(sorted(unknown))}; a script consists of [[steps]]")
    listed: object = read.get("steps")
    if not isinstance(listed, list) or not listed:
        raise ScriptError("no [[steps]]")
    steps = [_read_step(number, step) for number, step in enumerate(cast("list[object]", listed), start=1)]
    return sorted(steps, key=lambda step: step.at)


async def play(steps: Sequence[Step], control: ControlApi, tell: Callable[[str], None]) -> None:
    """Play steps at their times; `tell` hears of each that fails, and the rest goes on."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for step in steps:
        await asyncio.sleep(began + step.at - loop.time())
        name, body = (step.do, step.body) if step.do in _CONTROL_CALLS else ("ui", {"action": step.do} | step.body)
        try:
            control.answer("POST", name, {}, body)
        except MISTAKES as mistake:
            tell(f"{step.do} at {step.at:g} s: {explain(mistake)}")


def _read_step(number: int, listed: object) -> Step:
    if not isinstance(listed, dict):
        raise ScriptError(f"step {number}: not a table")
    # Times in TOML have types of their own; the control API reads them as JSON has them.
    try:
        step = cast("Json", orjson.loads(orjson.dumps(listed)))
    except orjson.JSONEncodeError as error:
        raise ScriptError(f"step {number}: {error}") from error
    at: object = step.pop("at", None)
    do: object = step.pop("do", None)
    if isinstance(at, bool) or not isinstance(at, int | float) or at < 0:
        raise ScriptError(f"step {number}: 'at' must be seconds after the start, zero or more")
    if not isinstance(do, str) or (do not in _CONTROL_CALLS and do not in ACTIONS):
        raise ScriptError(f"step {number}: 'do' must be one of: {', '.join((*_CONTROL_CALLS, *ACTIONS))}")
    if do == "webhook":
        try:
            read_webhook({key: value for key, value in step.items() if key != "tenant"})
        except ValueError as error:
            raise ScriptError(f"step {number}: {error}") from error
    return Step(at, do, step)
