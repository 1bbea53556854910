"""Plays the day: has everything said and done in its time, listens to what comes out, and shows how far things are."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import structlog

from adapter.broker import Delivery
from adapter.broker.dead_letters import PATH, REASON
from adapter.cirrus.sandbox import ControlError
from adapter.cli.demo.day import Act, Day, Said
from adapter.cli.demo.deeds import Deed
from adapter.cli.demo.look import Look, look
from adapter.cli.demo.results import ToldResult
from adapter.cli.demo.stage import Stage, received
from handlers.said import ATTENDANCE_RECORDED

_log = structlog.get_logger()

PATIENCE = 30.0
"""Seconds that an act, or the end, waits for everything to be worked off."""

LISTEN = 0.15
"""Seconds to wait for a first outcome between two looks."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be read, and why."""

    type: str
    reason: str
    path: str


@dataclass(slots=True)
class Progress:
    """How far the day is; changed by `play` alone."""

    day: Day
    said: Counter[str] = field(default_factory=Counter[str])
    outcomes: Counter[str] = field(default_factory=Counter[str])
    outcome_ids: set[str] = field(default_factory=set[str])
    results: list[ToldResult] = field(default_factory=list[ToldResult])
    attendance: Counter[str] = field(default_factory=Counter[str])
    dead: list[DeadLetter] = field(default_factory=list[DeadLetter])
    stories: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    act: str = "Early morning"
    seconds: float = 0.0
    seen: Look | None = None

    @property
    def queued(self) -> int:
        """Messages that were published and not handled yet."""
        return self.said.total() - (sum(self.seen.handled.values()) if self.seen else 0)


class View(Protocol):
    """Where the progress is shown."""

    def show(self, progress: Progress) -> None:
        """Show it; called a few times each second."""
        ...


def play(stage: Stage, day: Day, view: View) -> Progress:
    """Play the whole day and return how it ended; when it does not come to rest, after `PATIENCE` seconds."""
    for fault in day.faults:
        stage.cirrus.control.fault(**fault)
    stage.cirrus.control.webhook(stage.webhook_url, **day.webhook)
    progress = Progress(day)
    start = time.monotonic()
    for act in day.acts:
        _rest(stage, progress, view, start, act.begins)
        progress.act = act.title
        progress.stories.append((progress.seconds, act.title.upper()))
        _perform(stage, act, progress, view, start)
    _rest(stage, progress, view, start, 0.0)
    progress.act = "The day is over"
    view.show(progress)
    return progress


def _perform(stage: Stage, act: Act, progress: Progress, view: View, start: float) -> None:
    """Have everything of the act said and done, so long after the act's beginning as the day wants it."""
    begun = time.monotonic() - start
    said = sorted(act.said, key=lambda said: said.at)
    deeds = sorted(act.deeds, key=lambda deed: deed.at)
    patience = time.monotonic() + PATIENCE
    while said or (deeds and time.monotonic() < patience):
        now = time.monotonic() - start - begun + act.begins
        due = [each for each in said if each.at <= now]
        said = said[len(due) :]
        _say(stage, due, progress)
        deeds = _do(stage, deeds, now, progress)
        _watch(stage, progress, view, start)


def _say(stage: Stage, due: list[Said], progress: Progress) -> None:
    if due:
        stage.publish([said.body for said in due], progress.said.total())
    for said in due:
        progress.said[said.type] += 1
        if said.story:
            progress.stories.append((progress.seconds, said.story))


def _do(stage: Stage, deeds: list[Deed], now: float, progress: Progress) -> list[Deed]:
    """Do what is due and return what is left; what is refused is tried again: nobody sits before being seated."""
    for number, deed in enumerate(deeds):
        if deed.at > now:
            return deeds[number:]
        try:
            stage.cirrus.control.ui(**deed.order)
        except ControlError as refusal:
            _log.info("deed_refused", why=str(refusal))
            return deeds[number:]
        if deed.story:
            progress.stories.append((progress.seconds, deed.story))
    return []


def _watch(stage: Stage, progress: Progress, view: View, start: float) -> None:
    """Listen for a moment, look once, and show it."""
    for outcome in _outcomes(received(stage.outcomes, LISTEN)):
        _hear(outcome, progress)
    progress.dead += [_dead_letter(delivery) for delivery in received(stage.dead_letters, 0.0)]
    progress.seen = look(stage)
    progress.seconds = time.monotonic() - start
    told = {story for _, story in progress.stories}
    progress.stories += [(progress.seconds, story) for story in _events(stage, progress) if story not in told]
    view.show(progress)


def _hear(outcome: Mapping[str, Any], progress: Progress) -> None:
    progress.outcomes[outcome["type"]] += 1
    progress.outcome_ids.add(outcome["id"])
    if outcome["type"] == ATTENDANCE_RECORDED:
        progress.attendance[outcome["data"]["attendance"]] += 1
    if (result := ToldResult.of(outcome)) is not None:
        progress.results.append(result)


def _events(stage: Stage, progress: Progress) -> Iterator[str]:
    """Yield the stories of what has happened by itself so far."""
    day, seen = progress.day, progress.seen
    for armed, mishap in zip(stage.cirrus.control.faults(), day.mishaps, strict=True):
        if armed["applied"]:
            yield mishap
    yield from (story for kind, story in day.heard.items() if progress.outcomes[kind])
    if seen is not None and seen.spent.swept:
        yield day.found


def _rest(stage: Stage, progress: Progress, view: View, start: float, until: float) -> None:
    """Wait for the act's second and for everything to be worked off."""
    patience = time.monotonic() + PATIENCE
    while time.monotonic() < patience:
        _watch(stage, progress, view, start)
        if progress.seconds >= until and _at_rest(progress):
            return


def _at_rest(progress: Progress) -> bool:
    seen = progress.seen
    return seen is not None and seen.calm and progress.queued == 0 and _all_heard(progress, seen)


def _all_heard(progress: Progress, seen: Look) -> bool:
    heard = progress.outcomes.total() >= seen.held.outcomes
    return heard and len(progress.dead) >= seen.handled.get("dead_lettered", 0)


def _outcomes(deliveries: list[Delivery]) -> Iterator[dict[str, Any]]:
    for delivery in deliveries:
        yield orjson.loads(delivery.body)


def _dead_letter(delivery: Delivery) -> DeadLetter:
    try:
        kind = str(orjson.loads(delivery.body)["type"])
    except orjson.JSONDecodeError:
        kind = "not readable"
    return DeadLetter(kind, str(delivery.headers.get(REASON)), str(delivery.headers.get(PATH)))
