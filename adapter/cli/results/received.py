"""`results notices`: what Cirrus' webhook sent, and what could not be read of it."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Annotated

import typer

from adapter.app import open_ledger
from adapter.cli.console import AsJson, ConfigFile, Exit, fail, note, put, put_json, settings
from adapter.cli.results.columns import columns
from adapter.cli.results.scope import moment
from adapter.domain.version import utc_text
from adapter.ledger.ledger import Ledger
from adapter.ledger.notices import NEW, UNDERSTOOD, UNREADABLE, Kept

EXAMPLES = """Examples:

  cirrus-adapter results notices --limit 20

  cirrus-adapter results notices --unreadable --body

  cirrus-adapter results notices --again"""


def list_notices(
    *,
    unreadable: Annotated[
        bool, typer.Option("--unreadable", help="Only those that nobody could make sense of.")
    ] = False,
    body: Annotated[bool, typer.Option("--body", help="With --unreadable: print what was received.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="The newest so many.")] = 100,
    again: Annotated[
        bool, typer.Option("--again", help="Have the unreadable ones looked at once more, and list nothing.")
    ] = False,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List the notices that the webhook received, the newest first.

    One that is unreadable is kept, with the reason: give the fields their names in the tenant's settings,
    under results.fields, restart the adapter, and have it look once more with --again. A body may be personal.
    """
    if body and not unreadable:
        fail("--body needs --unreadable: of the others it is known what they say", Exit.USAGE)
    with closing(open_ledger(settings(config))) as ledger:
        ledger.check()
        if again:
            _again(ledger, as_json=as_json)
            return
        states = (UNREADABLE,) if unreadable else (NEW, UNDERSTOOD, UNREADABLE)
        found = [kept for state in states for kept in ledger.notices(state, limit)]
    newest = sorted(found, key=lambda kept: kept.seq, reverse=True)[:limit]
    if as_json:
        put_json([as_data(kept, body=body) for kept in newest])
    else:
        for line in _page(newest, body=body):
            put(line)
    note(_count(len(newest), "notice"))


def as_data(kept: Kept, *, body: bool) -> dict[str, object]:
    """Return a notice as JSON values; `size` and `body` are null when it is sealed with a key we do not have."""
    data: dict[str, object] = {
        "seq": kept.seq,
        "tenant": kept.tenant,
        "received_at": utc_text(kept.received_at),
        "state": kept.state,
        "reason": kept.reason,
        "content_type": kept.content_type,
        "size": None if kept.body is None else len(kept.body),
    }
    return {**data, "body": _decoded(kept.body)} if body else data


def _again(ledger: Ledger, *, as_json: bool) -> None:
    number = ledger.read_notices_again()
    if as_json:
        put_json({"again": number})
    note(f"the running adapter looks once more at {_count(number, 'unreadable notice')}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _page(found: Sequence[Kept], *, body: bool) -> Iterator[str]:
    rows = [
        (
            str(kept.seq),
            kept.tenant,
            moment(kept.received_at),
            kept.state,
            _shown(kept.content_type).replace("\n", " ") or "-",
            "sealed" if kept.body is None else str(len(kept.body)),
            kept.reason or "-",
        )
        for kept in found
    ]
    lines = columns(("seq", "tenant", "received at", "state", "content type", "size", "reason"), *rows)
    if not found:
        return
    yield next(lines)
    for kept, line in zip(found, lines, strict=True):
        yield line
        if body:
            text = _decoded(kept.body)
            shown = "sealed with a key that is not configured" if text is None else _shown(text)
            yield from (f"  {each}" for each in shown.split("\n"))


def _decoded(body: bytes | None) -> str | None:
    return None if body is None else body.decode("utf-8", "replace")


def _shown(text: str) -> str:
    """Return a text that a stranger wrote, without what a terminal would obey."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\ufffd" for sign in text)
