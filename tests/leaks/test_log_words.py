"""Tests of what the log says in words: ours and the system's, but nobody's whose author might quote a person."""

import json
import logging

import pytest
import sqlalchemy as sa
import structlog

from adapter.errors import LedgerOutdated
from adapter.observe.logging import Format, LineHandler
from tests.unit.webhook_kit import logged

NAME = "Lovelace"


def logger() -> structlog.stdlib.BoundLogger:
    """Return a logger as the loops use it."""
    return structlog.stdlib.get_logger("adapter.test")


@pytest.mark.parametrize("fmt", ["json", "console"])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LedgerOutdated.between("0001", "0002"), "cirrus-adapter ledger migrate"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (FileNotFoundError(2, "No such file or directory", "/home/ada"), "No such file or directory"),
    ],
)
def test_our_errors_and_the_systems_are_told_in_words(error: Exception, words: str, fmt: Format) -> None:
    """What never quotes anybody is written; the name of a file is left out."""
    with logged("info", fmt) as written:
        logger().error("step failed", exc_info=error)
    assert words in written.getvalue()
    assert "/home/ada" not in written.getvalue()


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_a_group_and_a_ring_of_causes_are_told_to_an_end(fmt: Format) -> None:
    """Each member of a group is told, and causes that bite their own tail are told once."""
    first, second = ValueError(NAME), ValueError(NAME)
    first.__cause__, second.__cause__ = second, first
    with logged("info", fmt) as written:
        logger().error("step failed", exc_info=ExceptionGroup(NAME, [first, LookupError(NAME)]))
    assert NAME not in written.getvalue()
    assert written.getvalue().count("ValueError") == 2
    assert "LookupError" in written.getvalue()


def test_a_foreign_loggers_exception_is_told_like_ours() -> None:
    """A library that logs what it has caught tells its type and its place, and none of its words."""
    with logged("info") as written:
        try:
            int(NAME)
        except ValueError:
            logging.getLogger("waitress").exception("Exception while serving %s", f"/webhook/{NAME}")
    line = json.loads(written.getvalue())
    assert line["event"] == "Exception while serving ***"
    assert [part["exc_type"] for part in line["exception"]] == ["ValueError"]
    assert NAME not in written.getvalue()


@pytest.mark.parametrize(
    ("template", "arguments", "said"),
    [
        ("%s of %d, %r", (NAME, 7, [NAME]), "*** of 7, '***'"),
        ("%(who)s %(n).1f", ({"who": NAME, "n": 0.5},), "*** 0.5"),
        ("%d of them", (NAME,), "%d of them"),
        ("two %s %s", (NAME,), "two %s %s"),
    ],
)
def test_foreign_lines_keep_numbers_only(template: str, arguments: tuple[object, ...], said: str) -> None:
    """Nobody knows what another library puts into its lines: what it says is kept, and what about is not."""
    with logged("info") as written:
        # Not through the logger: pytest's own handler would fail where ours must not.
        (handler,) = [each for each in logging.getLogger().handlers if isinstance(each, LineHandler)]
        handler.handle(logging.LogRecord("someone", logging.WARNING, "x.py", 1, template, arguments, None))
    assert json.loads(written.getvalue())["event"] == said


def test_the_rows_of_the_database_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLAlchemy at its loudest writes each row that it reads; none of it comes through."""
    with logged() as written:
        for name in ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.engine.Engine"):
            monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
        engine = sa.create_engine("sqlite://")
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT :name"), {"name": NAME}).all()
        engine.dispose()
    assert written.getvalue() == ""


def test_no_other_library_speaks_below_warning() -> None:
    """Also one that nobody has thought of, and that sets its own level."""
    unheard_of = logging.getLogger("unheard.of")
    unheard_of.setLevel(logging.DEBUG)
    try:
        with logged() as written:
            unheard_of.info("INSERT ... (%s)", NAME)
    finally:
        unheard_of.setLevel(logging.NOTSET)
    assert written.getvalue() == ""
