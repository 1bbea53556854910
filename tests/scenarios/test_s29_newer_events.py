"""S29: events newer than this version: more fields are accepted, another major version is refused, both counted."""

import orjson
import pytest

from adapter.broker import dead_letters as header
from tests.scenarios.sis import DAY, Json, candidate, person
from tests.scenarios.world import Raw, World


def newer(event: Json) -> Json:
    """Return an event of a later minor version: it says more, on every level."""
    more = {"added": "later", "nested": {"added": [1, 2]}}
    data = {**event["data"], **more}
    for name in ("person", "component", "primaryCode"):
        if name in data:
            data[name] = {**data[name], **more}
    envelope = {"dataschema": "urn:sis:schema:1.7", "datacontenttype": "application/json", "newextension": "later"}
    return {**event, **envelope, "data": data}


def test_a_newer_minor_version_is_accepted_and_counted(world: World) -> None:
    """S29: unknown attributes and fields, on every level, are ignored; what is known is applied."""
    sis = world.sis
    world.say(newer(sis.scheduled("off-1", 3 * DAY)), newer(sis.booked("b-1", "off-1", "p1")))
    world.heard("booking.confirmed", "b-1")
    world.settle()
    assert world.seats("off-1") == {candidate("p1")}
    assert "later" not in orjson.dumps([call["sent"] for call in world.calls()]).decode()
    assert world.dead_letters(0) == []
    for kind in ("exam.scheduled", "exam.booked"):
        assert world.metric("messages_handled_total", event_type=f"sis.{kind}.v1", outcome="applied") == 1
    assert world.metric("dead_letters_total") == 0


def test_the_same_statement_in_a_newer_form_is_no_news_to_cirrus(world: World) -> None:
    """S29: a SIS that is updated says everything again with more fields, and nothing is called for it."""
    sis = world.sis
    said = [sis.scheduled("off-1", 3 * DAY), sis.booked("b-1", "off-1", "p1")]
    world.say(*said)
    world.heard("booking.confirmed", "b-1")
    world.settle()
    calls = len(world.calls())
    world.say(*(newer(sis.again(event)) for event in said))
    world.settle()
    assert len(world.calls()) == calls
    assert world.types()["booking.confirmed"] == 1


@pytest.mark.parametrize("kind", ["sis.exam.booked.v2", "sis.exam.booked.v10", "sis.exam.booked", "sis.exam.booked.V1"])
def test_another_major_version_is_refused_and_counted(world: World, kind: str) -> None:
    """S29: what may mean something else is not guessed at: dead-lettered as unknown, kept whole, counted."""
    sis = world.sis
    strange = sis.event("", "b-2", {**sis.booked("b-2", "off-1", "p2")["data"], "renamed": True}, type=kind)
    world.say(sis.scheduled("off-1", 3 * DAY), strange, sis.booked("b-1", "off-1", "p1"))
    [dead] = world.dead_letters(1)
    assert (dead.headers[header.REASON], dead.headers[header.PATH]) == ("unknown-type", "$.type")
    assert orjson.loads(dead.body) == strange
    world.heard("booking.confirmed", "b-1")
    world.settle()
    assert world.seats("off-1") == {candidate("p1")}
    assert world.metric("dead_letters_total", reason="unknown-type") == 1
    assert world.metric("messages_received_total", event_type="unknown", tenant="unknown") == 1
    assert world.metric("messages_handled_total", outcome="dead_lettered") == 1


def test_a_value_that_only_a_newer_version_knows_is_refused_by_name(world: World) -> None:
    """S29: a new word in a closed list changes the meaning, so the path of it is told, and the neighbours go on."""
    sis = world.sis
    world.say(
        sis.scheduled("off-1", 3 * DAY),
        sis.booked("b-2", "off-1", "p2", state="waitlisted"),
        sis.booked("b-1", "off-1", "p1"),
    )
    [dead] = world.dead_letters(1)
    assert (dead.headers[header.REASON], dead.headers[header.PATH]) == ("bad-data", "$.data.state")
    world.heard("booking.confirmed", "b-1")
    assert world.metric("dead_letters_total", reason="bad-data") == 1


def test_a_newer_cloudevents_is_refused_in_both_modes(world: World) -> None:
    """S29: `specversion` 2.0 is no CloudEvents that we understand, in the body or in the headers."""
    sis = world.sis
    event = sis.booked("b-1", "off-1", "p1", person=person("p1")) | {"specversion": "2.0"}
    binary = {f"ce-{name}": value for name, value in event.items() if name != "data"}
    world.say(Raw(orjson.dumps(event), id="structured"), Raw(orjson.dumps(event["data"]), headers=binary, id="binary"))
    found = {letter.properties["correlation_id"]: letter.headers for letter in world.dead_letters(2)}
    assert set(found) == {"structured", "binary"}
    for headers in found.values():
        assert (headers[header.REASON], headers[header.PATH]) == ("bad-envelope", "$.specversion")
    assert world.metric("dead_letters_total", reason="bad-envelope") == 2
