"""`docs`: the pages that are generated from the code, so that they cannot lie."""

from pathlib import Path
from typing import Annotated

import typer

from adapter.cli.console import Exit, complain, fail, note, put

EXAMPLES = """Examples:

  cirrus-adapter docs metrics

  cirrus-adapter docs --write

  cirrus-adapter docs --check"""

NAMES = ("example", "settings", "metrics", "events", "asyncapi")


def docs(
    page: Annotated[str | None, typer.Argument(help=f"Print one page: {', '.join(NAMES)}.", show_default=False)] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Write all pages.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 when a page is stale.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the pages are.")] = Path("config"),
) -> None:
    """Write the generated pages, check that they are current, or print one of them."""
    if [page is not None, write, check].count(True) != 1:
        fail("give one of: a page's name, --write, --check", Exit.USAGE)
    if page is not None and page not in NAMES:
        fail(f"there is no page '{page}'; the pages are {', '.join(NAMES)}", Exit.USAGE)
    from adapter.cli.pages import written  # noqa: PLC0415 - a tenth of a second that no other command has a use for

    if page is not None:
        put(written.PAGES[page][1]().rstrip("\n"))
    elif write:
        current, changed = written.write(folder)
        note(f"{current} pages are current, {changed} of them written now")
    elif stale := written.stale(folder):
        for file in stale:
            complain(f"{folder / file} is stale; run: cirrus-adapter docs --write")
        raise typer.Exit(Exit.FAILURE)
    else:
        note("All generated pages are current.")
