"""Every generated file: its text, and which of those in a folder are stale."""

from collections.abc import Callable, Mapping
from pathlib import Path

import orjson

from adapter.cli.pages.asyncapi import asyncapi
from adapter.cli.pages.schemas import event_schemas, outcome_schemas
from adapter.cli.pages.settings import example, settings_page
from adapter.cli.pages.tables import events_page, metrics_page

SCHEMAS = "reference/schemas"

PAGES: Mapping[str, tuple[str, Callable[[], str]]] = {
    "example": ("adapter.example.toml", example),
    "settings": ("reference/settings.md", settings_page),
    "metrics": ("reference/metrics.md", metrics_page),
    "events": ("reference/events.md", events_page),
    "asyncapi": ("reference/asyncapi.yaml", asyncapi),
}
"""Every page by name: its file below the folder, and what writes it. The schemas come on top."""


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


def write(folder: Path) -> tuple[int, int]:
    """Write what is stale, and return how many files there are and how many of them were."""
    wanted = generated()
    changed = stale(folder)
    for file in changed:
        target = folder / file
        if file in wanted:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(wanted[file], encoding="utf-8")
        else:
            target.unlink()
    return len(wanted), len(changed)


def _held(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None
