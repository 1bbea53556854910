"""Exams that are being sat, for the scenarios about results."""

from datetime import timedelta

import orjson
import requests

from tests.scenarios.sis import HOUR, candidate
from tests.scenarios.world import World

MINUTES = 100


def sat(world: World, exam: str, *people: str, ends_in: timedelta = HOUR, absent: tuple[str, ...] = ()) -> None:
    """Book people on an exam that began two hours ago, and let all but the absent hand in.

    Booking `b-p1` is of student `p1`.
    """
    window = 2 * HOUR + ends_in
    world.say(
        world.sis.scheduled(exam, -2 * HOUR, minutes=MINUTES, window=window),
        *[world.sis.booked(f"b-{who}", exam, who) for who in people],
    )
    for who in people:
        world.heard("booking.confirmed", f"b-{who}")
    world.cirrus.ui("sit", tenant="uni", schedule=exam, absent=[candidate(who) for who in absent])


def publish(world: World, exam: str, *people: str) -> None:
    """Publish the results of these people, or of everybody who handed in; marks follow from the seed."""
    some = {"candidates": [candidate(who) for who in people]} if people else {}
    world.cirrus.ui("publish_results", tenant="uni", schedule=exam, **some)


def announce(url: str, body: object, **headers: str) -> int:
    """Send a notice as Cirrus would, and return the HTTP status of the answer."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    given = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.post(url, data=raw, headers=given, timeout=10).status_code


def thin(who: str, exam: str = "exam") -> dict[str, str]:
    """Return a notice that names a result and nothing else."""
    return {"CandidateExtId": candidate(who), "ScheduleExtId": exam}
