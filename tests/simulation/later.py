"""What happens after the bookings: staff do what they are asked, exams are sat, results are published and corrected."""

import re
from random import Random

import orjson

from adapter.domain.answers import AttemptSeen, ResultSeen
from adapter.domain.notices import Arrival
from adapter.errors import LedgerError
from adapter.ledger.history import TaskRow
from tests.simulation.day import EXAM_AFTER
from tests.simulation.world import BEGIN, TENANT, TROUBLED, World

HOUR = 3600.0
AGAIN = 5.0
"""Seconds until Cirrus repeats a notice that was not taken."""

SCHEDULE = re.compile(r"external id (\w+)")
USER = re.compile(r"user id (\w+)")


def staff_do_their_tasks(world: World) -> None:
    """Do by hand in Cirrus what the open tasks say, in the words of their steps."""
    for task in world.ledger().tasks():
        _do(world, task)


def _do(world: World, task: TaskRow) -> None:
    schedules = world.cirrus.rules.schedules
    words = " ".join(task.steps)
    named, user = SCHEDULE.search(words), USER.search(words)
    held = schedules.get(named[1]) if named else None
    match task.name:
        case "remove-candidate" if held is not None and user is not None:
            held.seats.discard(user[1])
        case "remove-schedule" if named is not None:
            schedules.pop(named[1], None)
        case _:
            pass


def exams_are_sat(world: World) -> bool:
    """Let the exams take place; everybody who has a seat hands in an attempt."""
    end = EXAM_AFTER.total_seconds() + 3 * HOUR
    world.scheduler.advance(end)
    for name, held in world.cirrus.rules.schedules.items():
        for who in held.seats:
            began = BEGIN + EXAM_AFTER
            world.cirrus.rules.attempts[name, who] = (AttemptSeen(began, began, "HANDED_IN"),)
    return world.rest() and _later(world, HOUR)


def results_are_published(world: World, score: float) -> bool:
    """Publish a result of everybody who has sat, and announce each, some of them several times, in any order."""
    chance = Random(f"results {score} {world.choices.seed}")
    world.trouble_until(world.scheduler.now + TROUBLED / 2)
    sat = sorted(world.cirrus.rules.attempts)
    for schedule, who in sat:
        world.cirrus.rules.results[schedule, who] = (ResultSeen("passed", schedule_id=schedule, score=score),)
    posts = [each for each in sat for _ in range(chance.choice([1, 1, 2, 3]))]
    for number, (schedule, who) in enumerate(posts):
        body = orjson.dumps({"CandidateExtId": who, "ScheduleExtId": schedule})
        name = f"{score}-{number}"
        world.unheard.add(name)
        moment = world.scheduler.now + chance.uniform(0, world.choices.spread)
        world.scheduler.at(moment, lambda name=name, body=body: _post(world, name, body))
    return world.rest() and _later(world, HOUR)


def _post(world: World, name: str, body: bytes) -> None:
    """Send one notice to whichever process is up, and again until one has taken it."""
    if name not in world.unheard:
        return
    alive = [worker for worker in world.workers if not worker.process.dead]
    if alive:
        ledger, process = alive[0].ledger, alive[0].process

        def receive() -> None:
            try:
                ledger.keep_notices([Arrival(TENANT, body, "application/json")])
            except LedgerError:
                return
            world.unheard.discard(name)

        world.scheduler.spawn(process, receive)
    world.scheduler.at(world.scheduler.now + AGAIN, lambda: _post(world, name, body))


def _later(world: World, seconds: float) -> bool:
    """Let some time pass, so that what was put off is looked at."""
    world.scheduler.advance(world.scheduler.now + seconds)
    return world.rest()


def whole_story(world: World, scores: tuple[float, ...] = (60.0, 75.0)) -> bool:
    """Let everything happen, to the corrected results where these are wanted; false where it never comes to rest."""
    if not world.run():
        return False
    while world.decide():
        if not world.rest():
            return False
    if not world.choices.results:
        return True
    staff_do_their_tasks(world)
    return (
        _later(world, 2 * HOUR)
        and exams_are_sat(world)
        and all(results_are_published(world, score) for score in scores)
    )
