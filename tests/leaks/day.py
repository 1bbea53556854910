"""A day on which everything goes wrong for one student who is made of canaries; what anybody could read is collected.

The student is `p1`; `p2` is anybody else, so that calls about several people are made.
"""

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import orjson
import psycopg
import requests
import sqlalchemy as sa

from adapter.broker import dead_letters as header
from adapter.ledger.schema import metadata
from tests.leaks.canaries import (
    DISPLAY,
    GIVEN,
    GRADE,
    LOGIN,
    MAIL,
    PATH_SECRET,
    PERSON,
    PHONE,
    PIN,
    PREFIX,
    SCORE,
    SURNAME,
    TOKEN,
)
from tests.leaks.gateway import Gateway, Rudeness
from tests.scenarios.exams import announce, publish, sat, thin
from tests.scenarios.sis import DAY, HOUR, Json, candidate, text
from tests.scenarios.world import Raw, World
from tests.values import replace

HTML = "<html><h1>502</h1><pre>{token} {body}</pre></html>"
REFUSED = '{"Success": false, "Errors": ["The user {json} has no business here"]}'
EACH = '{"Success": true, "Content": {"Candidates": [{"CandidateExtId": "Sp1", "Error": "User {json} is odd"}]}}'
NAMED = json.dumps({"Success": False, "Errors": [f"User '{GIVEN} {PREFIX} {SURNAME}' <{MAIL}> was never welcome"]})

OURS = (header.REASON, header.PATH, header.ERROR, header.VERSION, header.RECEIVED_AT)
"""Headers of a dead letter that we write; the others came with the message, which is kept whole."""

PATIENCE = 120
UNSTORABLE = "p-unstorable"
TRIGGER = f"""
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.key = '{UNSTORABLE}' THEN
    RAISE EXCEPTION 'refused: %', NEW USING ERRCODE = '22023', DETAIL = NEW.facets, HINT = NEW.facets;
  END IF;
  IF NEW.key = 'p-patient' THEN
    RAISE EXCEPTION 'not now: %', NEW USING ERRCODE = '53100', DETAIL = NEW.facets;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON records FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE FUNCTION refuse_publishing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'refused: %', convert_from(NEW.body, 'UTF8') USING ERRCODE = '22023';
END $$;
"""


def canary(who: str = "p1", **fields: object) -> Json:
    """Return a person all of whose fields are canaries, also those that nobody reads."""
    return {
        "personId": who,
        "primaryCode": {"codeType": "studentNumber", "code": candidate(who)},
        "givenName": GIVEN,
        "surnamePrefix": PREFIX,
        "surname": SURNAME,
        "displayName": DISPLAY,
        "mail": MAIL,
        "login": LOGIN,
        "phone": PHONE,
    } | fields


def break_down(value: object) -> NoReturn:
    """Fail as careless code does: with the value in the error, its cause and its note."""
    nobody: dict[object, object] = {}
    try:
        nobody[str(value)]
    except KeyError as error:
        failure = ValueError(f"cannot work with {value}", value)
        failure.add_note(f"it was {value}")
        raise failure from error


@dataclass
class Seen:
    """What people may read, by where they read it."""

    places: dict[str, str] = field(default_factory=dict)

    def add(self, place: str, shown: object) -> None:
        """Add a text to a place."""
        self.places[place] = self.places.get(place, "") + f"\n{shown}"


def break_handlers(handlers: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the handlers, with a translation and a plan that break for some objects and quote who they are about."""

    def breaking(handler: Any) -> Any:  # noqa: ANN401 - a handler
        def translate(envelope: Any, data: Any, mapping: Any) -> Any:  # noqa: ANN401 - as the handler's
            if envelope.subject == "b-breaks":
                break_down(data.person.model_dump())
            return handler.translate(envelope, data, mapping)

        def plan(aggregate: Any, now: Any, policy: Any) -> Any:  # noqa: ANN401 - as the handler's
            if aggregate.ref.key == "p-breaks":
                break_down([dict(record.facets["person"].data) for record in [aggregate.root]])
            return handler.plan(aggregate, now, policy)

        return replace(handler, translate=translate, plan=plan)

    return tuple(breaking(handler) for handler in handlers)


def poison(world: World) -> list[Raw]:
    """Return messages that cannot be handled, one for each reason, with canaries in odd places."""
    sis = world.sis
    booked = sis.booked("b-x", "exam", "p1", person=canary())
    everywhere = {**PERSON, "token": TOKEN, "pin": PIN}
    messages: dict[str, Json | bytes] = {
        "not-json": orjson.dumps(booked)[:-7],
        "too-large": orjson.dumps({**booked, "filler": [everywhere] * 10_000}),
        "bad-envelope": {**booked, "id": f"{MAIL}\n{SURNAME}"},
        "bad-time": {**booked, "time": f"{SURNAME} {MAIL}"},
        "bad-sequence": {**booked, "sequence": SURNAME},
        "bad-key": {**booked, "data": {"person": {MAIL: GIVEN, SURNAME: everywhere}}},
        "bad-mail": sis.booked("b-x", "exam", "p1", person=canary(mail=f"{SURNAME} has none")),
        "bad-name": sis.booked("b-x", "exam", "p1", person=canary(surname=f"{SURNAME}\u0000{MAIL}")),
        "bad-number": sis.booked("b-x", "exam", "p1", person=canary(), additionalTimeInMin=MAIL),
        "bad-pin": sis.scheduled("exam-x", DAY, pin=PIN),
        "bad-need": sis.event("accommodation.changed", "p1", {**canary(), "assignedNeeds": [{SURNAME: MAIL}]}),
        "from-the-future": {**booked, "time": text(sis.now + HOUR)},
        "unknown-type": {**booked, "type": MAIL},
        "unknown-tenant": {**booked, "tenant": SURNAME},
        "handler-failed": sis.booked("b-breaks", "exam", "p1", person=canary()),
        "ledger-refused": sis.updated(UNSTORABLE, **canary(UNSTORABLE)),
    }
    odd = {f"x-{SURNAME}": MAIL, "ce-subject": SURNAME, "person": json.dumps(canary())}
    raw = [
        Raw(body if isinstance(body, bytes) else orjson.dumps(body), f"uni.{MAIL}", odd, None, name)
        for name, body in messages.items()
    ]
    return [*raw, Raw(orjson.dumps(booked), MAIL, odd, f"gzip; {SURNAME}", "bad-encoding")]


def live(world: World, cirrus: Gateway, postgres_url: str) -> None:
    """Live the day: exams, results, notices, and every kind of trouble on the way."""
    sis, url = world.sis, f"http://127.0.0.1:{world.settings.webhook.port}/webhook/uni/{PATH_SECRET}"
    world.cirrus.webhook(url, tenant="uni", time_scale=0.01, payload="full")
    world.say(sis.updated("p1", **canary()))
    sat(world, "exam", "p1", "p2")
    world.cirrus.ui("mark", tenant="uni", schedule="exam", candidate="Sp1", score=float(SCORE), grade=GRADE)
    publish(world, "exam")
    world.heard("result.published", "b-p1")
    _be_rude(world, cirrus)
    _announce_nonsense(url)
    _poison(world, postgres_url)
    _break_the_loops(world, postgres_url)


def _be_rude(world: World, cirrus: Gateway) -> None:
    """Let Cirrus answer with whatever it was sent, in every status and form."""
    sis = world.sis
    cirrus.rude += [
        Rudeness("POST .*/schedule$", 500, HTML, "quoted", "text/html"),
        Rudeness("POST .*/schedule$", 401, HTML, "quoted"),
        Rudeness("POST .*/schedule$", 200, "<not json> {body}", "quoted"),
        Rudeness("POST .*/schedule$", 400, REFUSED, "quoted", times=5),
        Rudeness("POST .*/schedule$", 400, NAMED, "named", times=5),
        Rudeness("POST .*/schedule/add-candidates", 200, EACH, "late", times=5),
    ]
    world.say(sis.scheduled("quoted", 2 * DAY, pin="7731"), sis.booked("b-quoted", "quoted", "p1", person=canary()))
    world.say(sis.scheduled("named", 2 * DAY), sis.booked("b-named", "named", "p1", person=canary()))
    world.say(sis.scheduled("late", 2 * DAY), sis.booked("b-early", "late", "p2"))
    world.heard("booking.confirmed", "b-early", patience=PATIENCE)
    world.say(sis.booked("b-late", "late", "p1", person=canary()))
    for booking in ("b-named", "b-late", "b-quoted"):
        world.heard("booking.rejected", booking, patience=PATIENCE)


def _announce_nonsense(url: str) -> None:
    announce(url, json.dumps(canary()).encode())
    announce(url, {**thin("p1"), "Student": canary(), "Mail": MAIL})
    announce(f"{url}-{SURNAME}", thin("p1"))
    announce(url, b"{" + MAIL.encode() * 100_000)
    announce(url, thin("p1"), Content_Type=f"text/{SURNAME}")


def _poison(world: World, postgres_url: str) -> None:
    """Send what cannot be handled, while the database refuses one value for good and another for a while."""
    _execute(postgres_url, TRIGGER)
    messages = poison(world)
    patient = world.sis.updated("p-patient", **canary("p-patient"))
    world.say(*messages)
    world.dead_letters(len(messages))
    world.say(patient)
    world.until(
        lambda: world.metric("ledger_errors_total", operation="intake") >= 3, "a patient intake", patience=PATIENCE
    )
    _execute(postgres_url, "DROP TRIGGER refuse ON records")
    world.heard("candidate.confirmed", "p-patient", patience=PATIENCE)


def _break_the_loops(world: World, postgres_url: str) -> None:
    """Break a plan, and the loop that publishes, both with a person's data in the error."""
    world.say(world.sis.updated("p-breaks", **canary("p-breaks")))
    world.say(world.sis.booked("b-breaking", "late", "p-breaks", person=canary("p-breaks")))
    _execute(
        postgres_url,
        "CREATE TRIGGER refuse_publishing BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION refuse_publishing()",
    )
    world.say(world.sis.enrolled("p1", programme="second", **canary()))
    world.until(
        lambda: world.metric("ledger_errors_total", operation="outbox") >= 2, "a broken loop", patience=PATIENCE
    )
    _execute(postgres_url, "DROP TRIGGER refuse_publishing ON outbox")


def _execute(postgres_url: str, statements: str) -> None:
    url = sa.make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


def look(world: World, seen: Seen) -> None:
    """Collect what the running process shows to operators, to the SIS, and to whoever looks at its ledger."""
    assert world.app is not None
    for page in ("metrics", "readyz", "livez"):
        seen.add(f"/{page}", requests.get(f"http://127.0.0.1:{world.app.ops_port}/{page}", timeout=10).text)
    for letter in world.dead_letters(0):
        seen.add("dead letter", {name: letter.headers[name] for name in OURS})
    for outcome in world.outcomes():
        seen.add(f"outcome {outcome.type}", json.dumps([outcome.id, outcome.routing_key, dict(outcome.data)]))
    for place, shown in _stored(world):
        seen.add(f"ledger {place}", shown)
    seen.add("threads", [thread.name for thread in threading.enumerate()])
    seen.add("arguments", [*sys.argv, Path("/proc/self/cmdline").read_bytes()])


def _stored(world: World) -> Iterator[tuple[str, str]]:
    with world._engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)).mappings():
                for column, value in row.items():
                    yield (
                        f"{table.name}.{column}",
                        value.decode("utf-8", "replace")
                        if isinstance(value, bytes)
                        else json.dumps(value, default=str),
                    )


def links(world: World) -> Mapping[str, str]:
    """Return the launch links that Cirrus has made, as canaries."""
    seats = [seat for schedule in world.schedules().values() for seat in schedule["seats"].values()]
    found = sorted({link for seat in seats for link in seat["links"]})
    return {f"launch link {number}": link for number, link in enumerate(found)}
