"""`events validate`: would the adapter understand these events? For those who build the SIS's side."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from adapter.cli.console import AsJson, Commands, Exit, fail, note, put, put_json
from adapter.domain.envelope import read_data, read_envelope
from adapter.errors import InvalidMessage
from adapter.settings import IntakeSettings
from handlers import EVENTS

app = typer.Typer(cls=Commands, no_args_is_help=True, help="Look at events of the SIS.")

EXAMPLES = """Examples:

  cirrus-adapter events validate config/events/*.json

  jq -c '.messages[]' dump.json | cirrus-adapter events validate --json -"""


@dataclass(frozen=True, slots=True)
class Checked:
    """One event and what is wrong with it; `index` counts from 1 within its file."""

    file: str
    index: int
    valid: bool
    type: str | None = None
    reason: str | None = None
    path: str | None = None
    detail: str | None = None


@app.command(epilog=EXAMPLES)
def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="JSON or NDJSON files; `-` is stdin.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Check events against the contract: one event, a JSON array of them, or one a line.

    Prints one line for each, with the reason and the JSON path of what is wrong. The exit code is 1 when
    any is wrong.
    """
    now = datetime.now(UTC)  # noqa: TID251 - the command line is where time comes from
    checked = [each for file in files for each in check(file, _read(file), now)]
    wrong = sum(not each.valid for each in checked)
    if as_json:
        put_json([asdict(each) for each in checked])
    else:
        for each in checked:
            put(_line(each))
    note(f"{len(checked)} events, {wrong} wrong")
    if wrong or not checked:
        raise typer.Exit(Exit.FAILURE)


def check(file: str, content: bytes, now: datetime) -> Iterator[Checked]:
    """Yield the verdict on each event of one file's content."""
    for index, body in enumerate(bodies(content), start=1):
        try:
            kind = _understood(body, now)
        except InvalidMessage as error:
            yield Checked(file, index, valid=False, reason=error.reason, path=error.path, detail=error.detail)
        else:
            yield Checked(file, index, valid=True, type=kind)


def bodies(content: bytes) -> Iterator[bytes]:
    """Yield the events of a file, each as a message's body."""
    try:
        whole: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        rows = [row for row in content.splitlines() if row.strip()]
        yield from rows if _one_a_line(rows) else [content]
        return
    if isinstance(whole, list):
        yield from map(orjson.dumps, whole)  # pyright: ignore[reportUnknownArgumentType]
    else:
        yield content


def _one_a_line(rows: list[bytes]) -> bool:
    """Tell whether the lines are events of their own, and not one spread over several."""
    return len(rows) > 1 and all(row.strip().startswith(b"{") and row.strip().endswith(b"}") for row in rows)


def _understood(body: bytes, now: datetime) -> str:
    parsed = read_envelope(body, {}, now, timedelta(seconds=IntakeSettings().future_tolerance_s))
    kind = parsed.envelope.type
    if (model := EVENTS.get(kind)) is None:
        near = get_close_matches(kind, EVENTS, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InvalidMessage("unknown-type", f"no handler understands this event type{hint}", "$.type")
    read_data(model, parsed.data)
    return kind


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        fail(f"cannot read {file}: {error.strerror}", Exit.USAGE)


def _line(each: Checked) -> str:
    place = f"{each.file}#{each.index}"
    if each.valid:
        return f"ok     {place}  {each.type}"
    return f"wrong  {place}  {each.reason} at {each.path}: {each.detail}"
