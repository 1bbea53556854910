"""S17: messages that can never be handled, in the middle of good ones."""

import json
from typing import Any

import orjson

from adapter import __version__
from adapter.broker import dead_letters as header
from tests.scenarios.sis import DAY, HOUR, Json, Sis, candidate, person, text
from tests.scenarios.world import Raw, World

TEN_MEGABYTES = 10_000_000
DEEP = 100_000
DEEP_ENOUGH = 400
"""Levels that a parser follows and a writer does not."""


def _poison(sis: Sis) -> dict[str, tuple[Json | Raw, str, str]]:
    """Return by name: a message, why it is refused, and the JSON path."""
    booking = orjson.dumps(sis.booked("b-x", "off-1", "x"))
    without_mail = {name: value for name, value in person("x").items() if name != "mail"}
    nested: Any = "deep"
    for _ in range(DEEP_ENOUGH):
        nested = [nested]
    return {
        "garbage": (Raw(b"garbage"), "not-json", "$"),
        "nothing": (Raw(b""), "not-json", "$"),
        "half": (Raw(booking[: len(booking) // 2]), "not-json", "$"),
        "latin": (Raw(booking.replace(b"Given", "Andr\u00e9".encode("latin-1"))), "not-json", "$"),
        "utf-16": (Raw(booking.decode().encode("utf-16")), "not-json", "$"),
        "deep": (Raw(b"[" * DEEP + b"]" * DEEP), "not-json", "$"),
        "compressed": (Raw(booking, content_encoding="gzip"), "bad-encoding", "$"),
        "large": (Raw(b'{"data": "' + b"x" * TEN_MEGABYTES + b'"}'), "too-large", "$"),
        "list": (Raw(b"[]"), "bad-envelope", "$"),
        "no id": (Raw(orjson.dumps({**sis.booked("b-x", "off-1", "x"), "id": None})), "bad-envelope", "$.id"),
        "no zone": (sis.event("exam.cancelled", "x", {}, time="2026-01-01T10:00:00"), "bad-envelope", "$.time"),
        "version": (sis.event("exam.cancelled", "x", {}, specversion="0.3"), "bad-envelope", "$.specversion"),
        "future": (sis.event("exam.cancelled", "x", {}, time=text(sis.now + HOUR)), "from-the-future", "$.time"),
        "type": (sis.event("library.fined", "x", {}), "unknown-type", "$.type"),
        "v2": (sis.event("", "x", {}, type="sis.exam.booked.v2"), "unknown-type", "$.type"),
        "tenant": (sis.event("exam.cancelled", "x", {}, tenant="elsewhere.example"), "unknown-tenant", "$.tenant"),
        "no mail": (sis.booked("b-x", "off-1", "x", person=without_mail), "bad-data", "$.data.person.mail"),
        "empty data": (sis.event("exam.booked", "x", {}), "bad-data", "$.data.associationId"),
        "control": (
            sis.booked("b-x", "off-1", "x", person=person("x", surname="a\u0000b")),
            "bad-data",
            "$.data.person.surname",
        ),
        "ends first": (sis.scheduled("off-x", DAY, window=-HOUR), "bad-data", "$.data"),
        "deep data": (Raw(json.dumps(sis.booked("b-x", "off-1", "x", remark=nested)).encode()), "bad-data", "$.data"),
    }


def test_poison_is_buried_with_its_reason_and_its_neighbours_go_on(world: World) -> None:
    """S17: every message that cannot be read is dead-lettered whole, and every good one around it is handled."""
    sis = world.sis
    poison = _poison(sis)
    mixed: list[Json | Raw] = [sis.scheduled("off-1", 3 * DAY)]
    for number, (name, (message, _, _)) in enumerate(poison.items()):
        mixed += [_named(message, name), sis.booked(f"b-{number}", "off-1", f"p{number}")]
    world.say(*mixed)
    dead = {str(letter.properties["correlation_id"]): letter for letter in world.dead_letters(len(poison))}
    for number in range(len(poison)):
        world.heard("booking.confirmed", f"b-{number}")
    world.settle()
    assert world.seats("off-1") == {candidate(f"p{number}") for number in range(len(poison))}

    found = {name: (dead[name].headers[header.REASON], dead[name].headers[header.PATH]) for name in poison}
    assert found == {name: (reason, path) for name, (_, reason, path) in poison.items()}
    for name, letter in dead.items():
        message = poison[name][0]
        assert letter.body == (message.body if isinstance(message, Raw) else orjson.dumps(message))
        assert letter.headers[header.VERSION] == __version__
        assert letter.headers[header.ORIGINAL_EXCHANGE] == "sis.events"
        assert letter.headers[header.ORIGINAL_ROUTING_KEY] == "uni.example.poison"
        assert letter.headers[header.ERROR]
    assert len(world.dead_letters(len(poison))) == len(poison)


def test_an_id_used_twice_for_different_things_is_buried(world: World) -> None:
    """S17: the second content under one event id is dead-lettered as a conflict, and the first one stands."""
    sis = world.sis
    first = sis.booked("b-1", "off-1", "p1")
    world.say(sis.scheduled("off-1", 3 * DAY), first)
    world.heard("booking.confirmed", "b-1")
    world.say(sis.event("exam.booked", "b-2", sis.booked("b-2", "off-1", "p2")["data"], id=first["id"]))
    (dead,) = world.dead_letters(1)
    assert (dead.headers[header.REASON], dead.headers[header.PATH]) == ("conflict", "$.id")
    world.settle()
    assert world.seats("off-1") == {candidate("p1")}


def test_an_event_cirrus_will_never_accept_is_an_answer_and_no_dead_letter(world: World) -> None:
    """S17: a readable event with an impossible id is rejected to the SIS in words; it is no dead letter."""
    sis = world.sis
    impossible = person("p1", primaryCode={"codeType": "studentNumber", "code": "S\u00e91/$"})
    world.say(sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1", person=impossible))
    error = world.heard("booking.rejected", "b-1").data["error"]
    assert error["code"] == "invalid-id"
    assert "does not accept" in error["text"]
    assert world.dead_letters(0) == []
    assert world.calls() == []


def _named(message: Json | Raw, name: str) -> Raw:
    """Send any message under a routing key and a correlation id by which it is found again."""
    if isinstance(message, Raw):
        return Raw(message.body, "uni.example.poison", message.headers, message.content_encoding, name)
    return Raw(orjson.dumps(message), "uni.example.poison", {}, None, name)
