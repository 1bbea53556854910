"""What the contract tests of the ledger share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.ledger_kit import Book, book_at


@pytest.fixture(params=["sqlite", "postgresql"])
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    """Lend an empty ledger on each database in turn."""
    sqlite = request.param == "sqlite"
    with book_at(f"sqlite:///{tmp_path / 'ledger.db'}" if sqlite else request.getfixturevalue("postgres_url")) as book:
        yield book
