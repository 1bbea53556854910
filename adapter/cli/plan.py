"""`plan`: what would these events do? A dry run that changes nothing and stores nothing."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from adapter.app import open_database
from adapter.cli.assumed import PlannedCall
from adapter.cli.console import AsJson, ConfigFile, Exit, fail, note, put, put_json, settings
from adapter.cli.dry_run import DryRun, Planned, Told, spoken_of
from adapter.cli.events import bodies
from adapter.cli.matches import VERDICTS
from adapter.cli.surveys import surveys
from adapter.domain.records import CANDIDATE, SITTING, Record
from adapter.domain.version import utc_text
from adapter.ledger import migrate as migrations
from adapter.observe.logging import configure
from adapter.observe.redaction import redact
from adapter.settings import Settings

EXAMPLES = """Examples:

  cirrus-adapter plan config/events/sis.exam.booked.v1.json

  jq -c '.messages[]' dump.json | cirrus-adapter plan --ledger --json -

  cirrus-adapter plan --live --answers survey.ndjson snapshot/"""

SHOWN = 3
"""Entries of a list that are shown to people; `--json` has them all."""

SHOWN_OUTCOMES = 10
SHOWN_EVENTS = SHOWN_CALLS = SHOWN_RECORDS = 50
SHOWN_MATCHES = 20


def plan(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="One event, several, or one a line; a folder of such; `-` is stdin.")
    ],
    *,
    on_ledger: Annotated[
        bool, typer.Option("--ledger", help="On top of what the ledger holds, which is only read; else on nothing.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Read what Cirrus holds, and show what matches and what does not.")
    ] = False,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --live: keep what was read here, personal data as it is, and go on from it next time.",
            show_default=False,
        ),
    ] = None,
    show_personal: Annotated[bool, typer.Option("--show-personal", help="Show names and mail addresses.")] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the calls that events would lead to, what would wait and why, and what the SIS would hear.

    Nothing is changed and nothing is stored. Cirrus is assumed to be as the ledger knows it, and to confirm every
    call. With --live it is read instead, each exam and each candidate once, at the pace of the settings: before a
    tenant that is in use goes live. Whether somebody else has a candidate's user name cannot be seen beforehand. The
    exit code is 1 when one of the events would be dead-lettered.
    """
    if answers is not None and not live:
        fail("--answers needs --live", Exit.USAGE)
    chosen = settings(config)
    configure("warning", chosen.observe.log_format)
    messages = [body for content in _contents(file) for body in bodies(content)]
    planned = _dry_run(chosen, messages, answers, on_ledger=on_ledger, live=live)
    show(planned, show_personal=show_personal, as_json=as_json)
    base = "as the ledger knows it" if on_ledger else "empty, for --ledger was not given"
    base = "read" if live else f"assumed to be {base}"
    note(f"Nothing was changed or stored. Cirrus was {base}, and assumed to confirm every other call.")
    if not planned.events or any(event.outcome == "dead-lettered" for event in planned.events):
        raise typer.Exit(Exit.FAILURE)


def show(planned: Planned, *, show_personal: bool, as_json: bool) -> None:
    """Print a plan."""
    if as_json:
        put_json(as_data(planned, show_personal=show_personal))
        return
    for line in _page(planned, show_personal=show_personal):
        put(line)


def _dry_run(chosen: Settings, messages: list[bytes], answers: Path | None, *, on_ledger: bool, live: bool) -> Planned:
    real = open_database(chosen) if on_ledger else None
    now = datetime.now(UTC)  # noqa: TID251 - the command line is where time comes from
    dry_run = DryRun(chosen, now, real)
    try:
        if real is not None:
            migrations.check(real)
        read = dry_run.read(messages)
        if not live:
            return dry_run.run(read, {})
        with surveys(chosen, spoken_of(read), answers) as by_tenant:
            return dry_run.run(read, by_tenant)
    finally:
        dry_run.close()
        if real is not None:
            real.close()


def _contents(file: str) -> list[bytes]:
    if file == "-":
        return [sys.stdin.buffer.read()]
    path = Path(file)
    try:
        return [each.read_bytes() for each in sorted(path.iterdir())] if path.is_dir() else [path.read_bytes()]
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", Exit.USAGE)


def as_data(planned: Planned, *, show_personal: bool) -> dict[str, object]:
    """Return a plan as JSON values; names, mail addresses and PINs are masked unless they are asked for."""
    return {
        "events": [
            {"type": event.type, "subject": event.subject, "outcome": event.outcome, "detail": event.detail}
            for event in planned.events
        ],
        "calls": [
            {
                "tenant": call.tenant,
                "operation": call.operation,
                "method": call.method,
                "path": call.path,
                "candidates": call.candidates,
                "body": _body(call, show_personal=show_personal),
            }
            for call in planned.calls
        ],
        "records": [_record(record) for record in planned.records],
        "outcomes": [{"type": told.type, "subject": told.subject, "data": _masked(told.data)} for told in planned.told],
        "found": [asdict(each) for each in planned.found],
        "later": [{"kind": each.ref.kind, "id": each.ref.key, "at": utc_text(each.at)} for each in planned.later],
    }


def _record(record: Record) -> dict[str, object]:
    wanting = record.wanting
    awaited = wanting.ref if wanting is not None else None
    return {
        "kind": record.ref.kind,
        "id": record.ref.key,
        "external_id": record.external_id,
        "status": record.status.value,
        "waiting_for": {
            "what": wanting.reason,
            "record": {"kind": awaited.kind, "id": awaited.key} if awaited is not None else None,
        }
        if wanting is not None
        else None,
        "reason": {"code": record.reason.code, "text": record.reason.text} if record.reason is not None else None,
    }


def _body(call: PlannedCall, *, show_personal: bool) -> Any:  # noqa: ANN401 - any JSON value
    if call.body is None:
        return None
    body: Any = orjson.loads(call.body)
    return body if show_personal else _masked(body)


def _masked(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return redact(None, "", {"it": value})["it"]


def _page(planned: Planned, *, show_personal: bool) -> Iterator[str]:
    if planned.events:
        yield "Events"
        yield from _events(planned)
        yield ""
    if planned.found:
        yield from _matches(planned)
        yield ""
    yield "Calls" if planned.calls else "Calls: none"
    for number, call in enumerate(planned.calls[:SHOWN_CALLS], start=1):
        seats = "" if call.candidates is None else f"  (candidates: {call.candidates})"
        yield f"  {number}. {call.method} {call.path}{seats}"
        body = _body(call, show_personal=show_personal)
        if body is not None:
            yield from (f"     {line}" for line in _pretty(_shortened(body)))
    yield from _more(len(planned.calls) - SHOWN_CALLS)
    yield ""
    yield "Then"
    for record in planned.records[:SHOWN_RECORDS]:
        yield f"  {record.ref}: {_standing(record)}"
    yield from _more(len(planned.records) - SHOWN_RECORDS)
    yield ""
    yield "The SIS would hear" if planned.told else "The SIS would hear nothing"
    yield from _outcomes(planned)
    if planned.later:
        yield ""
        yield "Looked at again"
        yield from (f"  {utc_text(each.at.replace(microsecond=0))}  {each.ref}" for each in planned.later)


def _more(number: int) -> Iterator[str]:
    if number > 0:
        yield f"  and {number} more; --json has all"


def _events(planned: Planned) -> Iterator[str]:
    if len(planned.events) > SHOWN_EVENTS:
        counted = Counter((event.outcome, event.type) for event in planned.events)
        yield from (f"  {outcome:<13} {number} x {kind or 'unknown'}" for (outcome, kind), number in counted.items())
    for event in planned.events:
        if len(planned.events) <= SHOWN_EVENTS or event.detail:
            yield f"  {event.outcome:<13} " + (f"{event.type}  {event.subject}" if event.type else event.detail)


def _matches(planned: Planned) -> Iterator[str]:
    yield "In Cirrus"
    counted = Counter((each.kind, each.verdict) for each in planned.found)
    for kind, verdict in product((SITTING, CANDIDATE), VERDICTS):
        if number := counted[kind, verdict]:
            yield f"  {number:>6} {kind}s: {verdict} ({VERDICTS[verdict]})"
    shown: Counter[str] = Counter()
    for each in planned.found:
        if each.detail and shown[each.verdict] < SHOWN_MATCHES:
            shown[each.verdict] += 1
            yield f"  {each.verdict:<10} {each.kind} {each.external_id}: {each.detail}"


def _standing(record: Record) -> str:
    if record.wanting is not None:
        awaited = f" ({record.wanting.ref})" if record.wanting.ref is not None else ""
        return f"{record.status.value} for {record.wanting.reason}{awaited}"
    if record.reason is not None:
        return f"{record.status.value}: {record.reason.text}"
    return record.status.value


def _outcomes(planned: Planned) -> Iterator[str]:
    left_out: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for told in planned.told:
        if shown[told.type] < SHOWN_OUTCOMES:
            shown[told.type] += 1
            yield f"  {told.type}  {told.subject}{_gist(told)}"
        else:
            left_out[told.type] += 1
    yield from (f"  {kind}  and {number} more" for kind, number in left_out.items())


def _gist(told: Told) -> str:
    match told.data:
        case {"error": {"text": str(text)}} | {"text": str(text)}:
            return f": {text}"
        case {"waitingFor": {"kind": str(kind), "id": str(key)}}:
            return f": waits for {kind} {key}"
        case _:
            return ""


def _shortened(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    match value:
        case dict():
            return {key: _shortened(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list() if len(value) > SHOWN:  # pyright: ignore[reportUnknownArgumentType]
            return [*value[:SHOWN], f"and {len(value) - SHOWN} more"]  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return value


def _pretty(body: object) -> list[str]:
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode().splitlines()
