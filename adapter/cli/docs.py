"""`docs`: the pages that are generated from the code, so that they cannot lie."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import orjson
import typer

from adapter.cli.console import Exit, complain, fail, note, put
from adapter.cli.pages.asyncapi import asyncapi
from adapter.cli.pages.schemas import event_schemas, outcome_schemas
from adapter.cli.pages.settings import example, settings_page
from adapter.cli.pages.tables import events_page, metrics_page

EXAMPLES = """Examples:

  cirrus-adapter docs metrics

  cirrus-adapter docs --write

  cirrus-adapter docs --check"""

SCHEMAS = "reference/schemas"

PAGES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "example": ("adapter.example.toml", example),
    "settings": ("reference/settings.md", settings_page),
    "metrics": ("reference/metrics.md", metrics_page),
    "events": ("reference/events.md", events_page),
    "asyncapi": ("reference/asyncapi.yaml", asyncapi),
}
"""Every page by name: its file below the folder, and what writes it. The schemas come on top."""


def docs(
    page: Annotated[str | None, typer.Argument(help=f"Print one page: {', '.join(PAGES)}.", show_default=False)] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Write all pages.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a page is stale.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the pages are.")] = Path("config"),
) -> None:
    """Write the generated pages, check that they are current, or print one of them."""
    if [page is not None, write, check].count(True) != 1:
        fail("give one of: a page's name, --write, --check", Exit.USAGE)
    if page is not None:
        if page not in PAGES:
            fail(f"there is no page '{page}'; the pages are {', '.join(PAGES)}", Exit.USAGE)
        put(PAGES[page][1]().rstrip("\n"))
    elif write:
        _write(folder)
    else:
        _check(folder)


def generated() -> dict[str, str]:
    """Return the text of every generated file, by its path below the folder."""
    schemas = {**event_schemas(), **outcome_schemas()}
    written = {file: text() for file, text in PAGES.values()}
    return written | {
        f"{SCHEMAS}/{kind}.json": orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode() + "\n"
        for kind, schema in schemas.items()
    }


def stale(folder: Path) -> list[str]:
    """Return the files that are missing, differ, or are left over from a type that is gone."""
    wanted = generated()
    wrong = [file for file, text in wanted.items() if _held(folder / file) != text]
    found = {f"{SCHEMAS}/{path.name}" for path in (folder / SCHEMAS).glob("*.json")}
    return sorted({*wrong, *(found - set(wanted))})


def _write(folder: Path) -> None:
    wanted = generated()
    changed = stale(folder)
    for file in changed:
        target = folder / file
        if file in wanted:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(wanted[file], encoding="utf-8")
        else:
            target.unlink()
    note(f"{len(wanted)} pages are current, {len(changed)} of them written now")


def _check(folder: Path) -> None:
    if changed := stale(folder):
        for file in changed:
            complain(f"{folder / file} is stale; run: cirrus-adapter docs --write")
        raise typer.Exit(Exit.FAILURE)
    note("All generated pages are current.")


def _held(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
