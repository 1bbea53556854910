"""What hostile inputs cost: the work and the memory grow as the input does, and the heaviest ends in time."""

import sys
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from tests.fuzz import nasties
from tests.fuzz.promises import DIVIDER, Surface, joined
from tests.fuzz.run import bounded_memory, watched
from tests.fuzz.surfaces import SURFACES

SMALL, LARGE = 100, 400
STEEPEST = 1.6
"""How many times more than linearly the work may grow between the two; were it quadratic, it would be four times."""

EVENT = next(seed for seed in SURFACES["message"].seeds if b"exam.scheduled" in seed)
HEAD = b'{"operation":"%s","status":%d}'


def _placed(surface: str, value: bytes) -> Iterator[bytes]:
    """Yield inputs with the value in all the places that are read in a way of their own."""
    match surface:
        case "message":
            head, _, body = EVENT.partition(DIVIDER)
            yield joined(head, value)
            yield joined(head, body.replace(b'"data":{', b'"data":{"unread":' + value + b","))
            yield joined(head, body.replace(b'"duration":', b'"organisation":' + value + b',"duration":'))
            yield joined(b'{"headers":' + value + b"}", body)
        case "frames":
            yield joined(b"k", value, b"\x00\x00")
        case "answer":
            for operation in (b"publish_schedule", b"read_attempts", b"list_candidates", b"read_results"):
                yield joined(HEAD % (operation, 200), b'{"Success":true,"Content":' + value + b"}")
            yield joined(HEAD % (b"publish_schedule", 200), b'{"Content":{"Candidates":' + value + b"}}")
            yield joined(HEAD % (b"list_candidates", 200), b'{"Content":{"AddedCandidateExternalIds":' + value + b"}}")
            for key in (b"Errors", b"Message", b"ModelState"):
                yield joined(HEAD % (b"delete_schedule", 400), b'{"' + key + b'":' + value + b"}")
            yield joined(HEAD % (b"delete_schedule", 400), value)
        case "results":
            yield value
            yield b'{"CandidateExtId":"c1","ScheduleExtId":"S-1","More":' + value + b"}"
            yield b"payload=" + value
        case "webhook":
            yield joined(b'{"headers":{"X":' + value + b"}}", value)
            yield joined(b'{"headers":{"X-Forwarded-For":' + value + b"}}", b"{}")
            yield joined(b'{"path":' + value + b"}", b"{}")
        case "settings":
            head, _, file = SURFACES["settings"].seeds[-1].partition(DIVIDER)
            yield joined(b'{"CIRRUS_ADAPTER_BROKER__BINDINGS":' + value + b"}", file)
            yield joined(head, b"[broker]\nbindings = " + value)
        case _:
            yield joined(b"", value.strip(b'"'))


def _places(surface: Surface) -> list[Callable[[bytes], bytes]]:
    """Return the places of a surface, each as what puts a value there."""
    count = len(list(_placed(surface.name, b"1")))
    return [lambda value, index=index: list(_placed(surface.name, value))[index] for index in range(count)]


PURE = [surface for surface in SURFACES.values() if surface.share == 1.0]
each_surface = pytest.mark.parametrize("surface", PURE, ids=lambda surface: surface.name)


def _work(feed: Callable[[bytes], str], given: bytes) -> int:
    """Return how many functions were called for an input."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    feed(given)  # what is remembered from now on is not counted
    sys.setprofile(count)
    try:
        feed(given)
    finally:
        sys.setprofile(None)
    return calls


@each_surface
def test_the_work_grows_as_the_input_does(surface: Surface) -> None:
    """Four times as much of anything, anywhere, takes four times the steps, or a little more."""
    steep: list[str] = []
    with surface.opened() as feed:
        for name, grown in nasties.GROWING.items():
            for index, place in enumerate(_places(surface)):
                small, large = (_work(feed, place(grown(number))) for number in (SMALL, LARGE))
                if large > STEEPEST * LARGE / SMALL * small:
                    steep.append(f"{name} in place {index}: {small} steps become {large}")
    assert steep == []


@pytest.mark.parametrize("surface", ["message", "answer", "results", "webhook", "settings"])
@pytest.mark.parametrize("name", nasties.HEAVY)
def test_the_heaviest_input_ends_in_time_and_in_its_room(surface: str, name: str) -> None:
    """Megabytes of anything, anywhere: no hang, and no more memory than a multiple of what came in."""
    value = nasties.HEAVY[name]()
    places = _places(SURFACES[surface])
    with SURFACES[surface].opened() as feed, bounded_memory():
        for place in places if len(value) < 2 * nasties.MEGA else places[:1]:
            with watched():
                feed(place(value))
