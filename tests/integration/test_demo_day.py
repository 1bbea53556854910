"""The demo's day as data: the same for the same moment, valid but for three messages, and free of order."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from adapter.broker import Delivery
from adapter.cli.demo.day import Day, load_day
from adapter.cli.demo.look import look
from adapter.cli.demo.play import Progress
from adapter.cli.demo.proof import prove
from adapter.cli.demo.report import mismatches
from adapter.cli.demo.stage import opened
from adapter.domain.applying import apply
from adapter.domain.mapping import IdMapping
from adapter.domain.records import BOOKING, DEPARTURE, Record, Ref
from adapter.domain.steps import Hierarchy
from adapter.errors import InvalidMessage
from adapter.flow.reader import Reader
from handlers import ALL

NOW = datetime(2026, 11, 24, 9, 30, 12, 345678, tzinfo=UTC)


def delivery(body: bytes) -> Delivery:
    """Return a message as the broker hands it over."""
    return Delivery(1, 1, body, {}, "application/cloudevents+json", None, {}, "sis.events", "event", redelivered=False)


def wishes(bodies: list[bytes]) -> dict[Ref, tuple[Ref, Mapping[str, Any]]]:
    """Return what is wished for after all messages, in this order: of each record its home and its data."""
    reader = Reader(ALL, {"uni.example": IdMapping(Hierarchy("EXAMS", "All exams"))}, timedelta(minutes=5))
    held: dict[Ref, Record] = {}
    for body in bodies:
        try:
            incoming = reader.read(delivery(body), NOW)
        except InvalidMessage:
            continue
        for change in incoming.changes:
            held[change.ref] = apply(held.get(change.ref), change).record
    return {
        ref: (record.home, {facet: said.data for facet, said in record.facets.items()})
        for ref, record in held.items()
        if ref.kind != DEPARTURE
    }


def test_a_day_follows_from_its_moment() -> None:
    """Equal moments give equal messages; another moment moves every time and no id."""
    day, later = load_day(NOW), load_day(NOW + timedelta(days=1))

    assert load_day(NOW) == day
    assert day.events != later.events
    assert ids(day) == ids(later)


def bodies(day: Day) -> list[bytes]:
    """Return every message."""
    return [said.body for said in day.said]


def ids(day: Day) -> list[str]:
    """Return the ids of the readable events."""
    return [json.loads(said.body)["id"] for said in day.said if said.type != "not readable"]


def test_the_day_is_of_the_promised_size() -> None:
    """30 students, 6 sittings, some 100 bookings; one id comes twice."""
    day = load_day(NOW)

    assert (len(day.codes), len(day.sittings), len(day.bookings), len(day.seats)) == (30, 6, 99, 92)
    assert len(ids(day)) - len(set(ids(day))) == 1
    assert all(said.at >= 0 for said in day.said)


def test_what_runs_is_apart() -> None:
    """The exam that is being sat ends seconds after the day begins, so what is said of it is no event for any time."""
    day = load_day(NOW)
    running = [json.loads(said.body) for said in day.said if said.running]

    assert {event["data"]["offeringId"] for event in running} == {"STAT210"}
    assert {event["data"].get("endDateTime") for event in running} == {None, "2026-11-24T09:30:25Z"}
    assert len(day.said) - len(running) == len(day.events)
    assert {deed.order["schedule"] for act in day.acts for deed in act.deeds} == {"STAT210"}


@pytest.mark.parametrize("seed", range(5))
def test_any_order_wishes_for_the_same(seed: int) -> None:
    """Shuffled, and with every message twice, the day ends with the same wishes."""
    events = bodies(load_day(NOW))
    shuffled = events * 2
    Random(seed).shuffle(shuffled)

    assert wishes(shuffled) == wishes(events)


def test_the_wanted_seats_are_those_the_handlers_read() -> None:
    """The day's own account of the seats agrees with the live bookings, but for those who left or cannot be had."""
    day = load_day(NOW)
    live = {
        (home.key, day.codes[ref.key.partition("-")[2]])
        for ref, (home, said) in wishes(bodies(day)).items()
        if ref.kind == BOOKING and said["booking"]["live"]
    }

    assert day.seats < live
    assert {code for _, code in live - day.seats} == {"S260106", "S26+0130"}


def test_a_day_that_was_not_played_is_no_success(tmp_path: Path) -> None:
    """Sums that do not come out are named, one line each."""
    with opened(tmp_path) as stage:
        checks = prove(stage, Progress(load_day(NOW), seen=look(stage)))

    assert [check.name for check in checks if not check.holds] == [
        "every message has an end",
        "fewer calls than one for each event",
        "every booking has an answer",
        "Cirrus holds the wanted seats",
        "the last told is what Cirrus shows",
    ]
    assert list(mismatches(checks))[-2:] == [
        "not so: Cirrus holds the wanted seats: 92 wanted, 0 there, 0 more (0 with a task, 0 by hand)",
        "not so: the last told is what Cirrus shows: 0 published, 0 told, 0 the same",
    ]
