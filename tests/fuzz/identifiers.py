"""The surface of ids: whatever an id is, the call goes to the endpoint that is meant, or nowhere."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from adapter.cirrus.bodies import Dialect
from adapter.cirrus.calls import Call, call_for
from adapter.cirrus.paths import DOCUMENTED, PLACE, Paths, fill, sendable
from adapter.cirrus.results import ResultFields
from adapter.cirrus.wire import Reading
from adapter.domain import steps
from adapter.domain.allowance import Need
from adapter.domain.answers import Refused, Unsendable
from adapter.domain.mapping import IdMapping, Unmappable
from adapter.errors import ConfigurationError
from tests.fuzz import nasties
from tests.fuzz.promises import Feed, Surface, joined, parts, promise
from tests.unit.cirrus_stage import ADA, GROUP, SITTING
from tests.values import replace

DIALECT = Dialect(external_attempts=True)
LONGEST_LOOKED_AT = 100_000
"""Characters of an id that is put into a path though it is never sent; to read it back takes much room."""


def _steps(name: str) -> Iterator[steps.Step]:
    """Yield every step with the id in every place that an id has."""
    person = replace(ADA, external_id=name)
    sitting = replace(SITTING, external_id=name)
    yield steps.ReadCandidate(name)
    yield steps.CreateCandidate(person, ())
    yield steps.ChangeCandidate(person, frozenset({"mail"}))
    yield steps.ReadSchedule(name)
    yield steps.ReadAttempts(name)
    yield steps.PublishSchedule(sitting, (steps.Seat(ADA, "a-1"),))
    yield steps.PublishSchedule(replace(SITTING, assessment_id=name), (steps.Seat(ADA, "a-1"),))
    yield steps.PublishSchedule(SITTING, (steps.Seat(person, "a-1"),))
    yield steps.SeatCandidates("S-1", GROUP, (steps.Seat(ADA, name),))
    yield steps.SeatCandidates(name, GROUP, (steps.Seat(ADA, "a-1"),))
    yield steps.DraftSchedule(sitting)
    yield steps.DraftSchedule(replace(SITTING, assessment_id=name))
    yield steps.ChangeSchedule(sitting)
    yield steps.ListCandidates(name, ("c1",))
    yield steps.ListCandidates("S-1", ("c1", name))
    yield steps.UnlistCandidates(name, ("c1",))
    yield steps.UnlistCandidates("S-1", (name,))
    yield steps.ActivateSchedule(name)
    yield steps.DeleteSchedule(name)
    yield steps.ReadResults(name, "S-1", None, Need.FIRST)
    yield steps.ReadResults("c1", name, None, Need.FIRST)
    yield steps.ReadResults(None, None, name, Need.FIRST)


def _identified(given: bytes) -> str:
    head, rest = parts(given, 2)
    name = rest.decode("utf-8", "surrogateescape")
    _mapped(name)
    paths = _paths(head)
    fits = sendable(name)
    for step in _steps(name):
        call = call_for(step, DIALECT, Reading(), ResultFields())
        if not isinstance(call, Call):
            promise(isinstance(call, Unsendable | Refused), f"{type(call).__name__} before anything was sent")
            promise(not fits, "an id that fits is refused")
            continue
        promise(fits, f"{type(step).__name__} would be sent with an id that does not fit")
        for template in paths.routes[call.operation].templates:
            _addressed(template, call)
    if not fits and len(name) < LONGEST_LOOKED_AT:
        for operation in ("read_candidate", "list_candidates"):
            _filled(DOCUMENTED[operation].template, name)
    return "sent" if fits else "refused"


def _addressed(template: str, call: Call) -> None:
    """Look at the address of a call as a server would."""
    address = urlsplit("https://api.example" + fill(template, call.external_id, call.query))
    given, meant = address.path.split("/"), template.split("/")
    promise(address.netloc == "api.example", "the call goes to another host")
    promise(len(given) == len(meant), f"{address.path} is another endpoint than {template}")
    promise(not address.fragment, "the address has a fragment")
    promise(dict(parse_qsl(address.query)) == dict(call.query), f"the query is {address.query}")
    promise(not {".", ".."} & set(given), f"{address.path} leads elsewhere")
    promise("%" not in address.path, f"{address.path} is written in another way than it is meant")
    for part, form in zip(given, meant, strict=True):
        promise(unquote(part) == form.replace(PLACE, call.external_id), f"{part} is not {form}")


def _filled(template: str, name: str) -> None:
    """See that no character of an id ends its segment, even of one that is never sent."""
    try:
        path = fill(template, name, {})
    except UnicodeEncodeError:
        return  # no character at all: it has no form in a path
    promise(path.count("/") == template.count("/"), f"{path!r} has other segments than {template}")
    promise(not set(path) & set("?#;\\ \r\n\x00"), f"{path!r} is more than a path")
    promise(path.isascii(), f"{path!r} is no address")
    promise(unquote(path) == template.replace(PLACE, name), f"{path!r} is not {name!r} in {template}")


def _mapped(name: str) -> None:
    """See that whatever an institution's mapping makes of an id can be sent."""
    for mapping in (IdMapping(GROUP), IdMapping(GROUP, misfit="digest"), IdMapping(GROUP, strip="", candidate_id="x")):
        for mapped in (mapping.external_id, mapping.assessment):
            try:
                promise(sendable(mapped(name)), f"{name!r} is mapped to what cannot be sent")
            except Unmappable as problem:
                promise(str(problem), "an id is refused without a reason")
        group = mapping.hierarchy(name, name)
        promise(group == GROUP or sendable(group.external_id), f"{name!r} is mapped to a group that cannot be")


def _paths(head: bytes) -> Paths:
    """Return the paths that a tenant's settings name, the documented ones where they are refused."""
    try:
        said: Any = json.loads(head or b"{}")
        templates = {str(key): str(value) for key, value in said.items()} if isinstance(said, dict) else {}
    except (ValueError, RecursionError):
        templates = {}
    try:
        return Paths.with_settings(templates)
    except ConfigurationError:
        return Paths()


@contextmanager
def ids() -> Iterator[Feed]:
    """Feed ids: paths of the settings in the first part, the id in the second."""
    yield _identified


def _ids() -> Iterator[bytes]:
    templates = {name: route.template for name, route in DOCUMENTED.items()}
    head = json.dumps(templates).encode()
    for name in ("c1", "S-1", "A" * 60, "x" + "0" * 40, "student 12_3.4", "{a}", "co-2031-law101-1"):
        yield joined(b"", name.encode())
        yield joined(head, name.encode())
    yield from (joined(b"", text) for text in (*nasties.TEXTS.values(), *nasties.BYTES.values()))
    for odd in ("/schedule/.", "/a//{externalId}", "/..", "/{externalId}/..", "/x{externalId}y", "/{externalId}?a=b"):
        yield joined(json.dumps({"read_schedule": odd, "publish_schedule": odd}).encode(), b"S-1")


IDS = Surface("ids", ids, tuple(_ids()))
