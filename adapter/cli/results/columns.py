"""Columns: rows of text under headings, as wide as they need to be, so that no id is ever cut."""

from collections.abc import Iterator, Sequence


def columns(*rows: Sequence[str]) -> Iterator[str]:
    """Yield the rows as lines, each column as wide as its longest text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
