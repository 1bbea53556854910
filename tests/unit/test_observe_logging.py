"""Tests of the log: its form, and that secrets and personal data do not leave the process by it."""

import io
import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pydantic
import pytest
import sqlalchemy
import structlog

from adapter.observe.logging import FOREIGN, Format, LineHandler, configure
from adapter.observe.redaction import LONGEST_TEXT, scrub

TOKEN = "q8Zt-secret-token-71"
LINK = f"https://uni.cirrusplatform.com/external-login?session={TOKEN}"
MAIL = "ada.lovelace@student.example.org"
NAME = "Lovelace"
GIVEN = "Ada"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Say yes."""
        return True


@dataclass(frozen=True)
class Person:
    """A record whose rendering shows what it holds."""

    first_name: str
    mail: str


class Colour(StrEnum):
    """An enumeration that is also a text."""

    RED = "red"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    level, levels = root.level, {name: logging.getLogger(name).level for name in FOREIGN}
    yield
    for handler in [h for h in root.handlers if isinstance(h, LineHandler)]:
        root.removeHandler(handler)
    root.setLevel(level)
    for name, earlier in levels.items():
        logging.getLogger(name).setLevel(earlier)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def stream() -> io.StringIO:
    """Return a stream that is no terminal."""
    return io.StringIO()


def logger() -> structlog.stdlib.BoundLogger:
    """Return a logger as the loops use it."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("adapter.test")
    return logger


def line(stream: io.StringIO) -> dict[str, Any]:
    """Return the only line of a JSON log."""
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1, lines
    parsed: dict[str, Any] = json.loads(lines[0])
    return parsed


def test_off_a_terminal_a_line_is_json(stream: io.StringIO) -> None:
    """One JSON object per event, with its level, its logger and the time in UTC with Z."""
    configure("info", stream=stream)
    logger().info("message handled", outcome="applied", items=3)
    written = line(stream)
    assert written["event"] == "message handled"
    assert (written["level"], written["logger"]) == ("info", "adapter.test")
    assert (written["outcome"], written["items"]) == ("applied", 3)
    assert written["timestamp"].endswith("Z")
    assert datetime.fromisoformat(written["timestamp"]).utcoffset() == timedelta(0)


def test_on_a_terminal_a_line_is_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the same event is pretty and coloured, but not with NO_COLOR."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = Terminal()
    configure("info", stream=coloured)
    logger().info("message handled", outcome="applied")
    assert "\x1b[" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    configure("info", stream=plain)
    logger().info("message handled", outcome="applied")
    assert "message handled" in plain.getvalue()
    assert "outcome=applied" in plain.getvalue()
    assert "\x1b[" not in plain.getvalue()


def test_the_format_can_be_forced(stream: io.StringIO) -> None:
    """A terminal can be told to show JSON, and a file to hold the pretty form."""
    terminal = Terminal()
    configure("info", "json", terminal)
    logger().info("x")
    assert line(terminal)["event"] == "x"
    configure("info", "console", stream)
    logger().info("x")
    assert not stream.getvalue().startswith("{")


def test_the_default_stream_is_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Data goes to stdout, notes to stderr: a log line is a note."""
    configure("info", "json")
    logger().info("x")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "x"


def test_the_level_is_kept(stream: io.StringIO) -> None:
    """What is below the level is not written, by ours and by foreign loggers."""
    configure("warning", stream=stream)
    logger().info("no")
    logging.getLogger("somebody").info("no")
    logger().warning("yes")
    assert line(stream)["event"] == "yes"


def test_an_unknown_level_is_refused(stream: io.StringIO) -> None:
    """A misspelt level is an error and not a silent default."""
    with pytest.raises(ValueError, match="VERBOSE"):
        configure("verbose", stream=stream)


def test_configuring_again_replaces_the_handler(stream: io.StringIO) -> None:
    """A second set-up does not write each line twice."""
    configure("info", stream=io.StringIO())
    configure("info", stream=stream)
    logger().info("once")
    assert line(stream)["event"] == "once"


def test_bound_context_is_on_every_line(stream: io.StringIO) -> None:
    """What a loop binds for its step, such as the tenant, is on the lines written inside it."""
    configure("info", stream=stream)
    with structlog.contextvars.bound_contextvars(tenant="uni.example"):
        logger().info("step")
    assert line(stream)["tenant"] == "uni.example"


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_loggers_have_the_same_form_and_masks(name: str, stream: io.StringIO) -> None:
    """A library's line is JSON with our fields, and masked like ours."""
    configure("info", stream=stream)
    logging.getLogger(f"{name}.part").warning("failed for %s with %s", MAIL, f"EAPI {TOKEN}")
    written = line(stream)
    assert (written["logger"], written["level"]) == (f"{name}.part", "warning")
    assert MAIL not in str(written)
    assert TOKEN not in str(written)


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_loggers_never_speak_below_warning(name: str, stream: io.StringIO) -> None:
    """Even at debug, libraries do not print statements, parameters and bodies."""
    configure("debug", stream=stream)
    logging.getLogger(f"{name}.part").info("INSERT ... ('Ada', 'Lovelace')")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    "key",
    [
        "token", "api_token", "Authorization", "password", "launch_url", "first_name", "last_name", "FirstName",
        "given-name", "surname", "email", "mail", "name", "body", "client_secret", "pin",
    ],
)  # fmt: skip
def test_values_under_telling_keys_are_masked(key: str, stream: io.StringIO) -> None:
    """At the top, inside a dict and inside a list of dicts, however the key is spelt."""
    configure("info", stream=stream)
    logger().info("x", **{key: "Zqx"}, inner={key: ["Zqx"]}, many=[{key: {"deep": "Zqx"}}])
    written = line(stream)
    assert "Zqx" not in json.dumps(written)
    assert written[key] == "***"


def test_what_operators_need_is_not_masked(stream: io.StringIO) -> None:
    """Ids, types, counts and a missing value under a telling key stay readable."""
    configure("info", stream=stream)
    fields = {
        "tenant": "uni.example",
        "external_id": "S1234567",
        "event_type": "sis.exam.booked.v1",
        "event_id": "7c0e",
        "items": 12,
        "ratio": 0.5,
        "ready": True,
        "token": None,
        "path": "$.data.person.mail",
        "url": "https://api.cirrusplatform.com/api/v1/integrations/schedule/EX1/candidates",
    }
    logger().info("cirrus refused the token of this tenant", **fields)
    written = line(stream)
    assert fields == {key: written[key] for key in fields}
    assert written["event"] == "cirrus refused the token of this tenant"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"sent Authorization: EAPI {TOKEN} to Cirrus", TOKEN),
        (f"header eapi  {TOKEN}", TOKEN),
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        (f"GET /x?token={TOKEN}&y=1", TOKEN),
        (f"launch at {LINK} now", TOKEN),
        (f"see /external-login?session={TOKEN}", TOKEN),
        (f"no mailbox <{MAIL}>", MAIL),
        (f"no mailbox {MAIL}.", "lovelace"),
        ("no mailbox zoë.müller@universität.example", "zoë"),
        ("GET /user?mail=ada%40example.org", "ada%40"),
        ("amqp://guest:hunter2@broker:5672//", "hunter2"),
        ("postgresql://adapter:hunter2@db/ledger is away", "hunter2"),
        (f'{{"FirstName": "Ada", "LastName": "{NAME}"}}', NAME),
        (f'{{\\"lastName\\":\\"{NAME}\\"}}', NAME),
        (f"Person(first_name='Ada', surname='{NAME}')", NAME),
        (f"{{'givenName': 'Ada', 'surname': '{NAME}'}}", NAME),
        (f"Input should be int [type=int_parsing, input_value='{NAME}', input_type=str]", NAME),
        (f"refused\n[SQL: INSERT INTO t VALUES (?)]\n[parameters: ('Ada', '{NAME}')]\n(Background)", NAME),
        (f"duplicate key\nDETAIL:  Key (surname)=({NAME}) already exists.", NAME),
    ],
)
def test_secrets_inside_a_text_are_masked(text: str, secret: str) -> None:
    """Tokens, links, addresses and rendered records are masked in the middle of a sentence."""
    assert secret in text
    assert secret not in scrub(text)


def raising(stream: io.StringIO, fmt: Format) -> str:
    """Log an exception that holds secrets in its text, its cause, its note and its local variables."""
    configure("info", fmt, stream)

    def inner(surname: str) -> None:
        local = f"local-{surname}"
        raise KeyError(f"EAPI {TOKEN} refused {MAIL}", len(local))

    try:
        try:
            inner(NAME)
        except KeyError as error:
            error.add_note(f"opened {LINK}")
            raise RuntimeError(f"cannot send {Person(GIVEN, MAIL)}") from error
    except RuntimeError:
        logger().exception("step failed")
    return stream.getvalue()


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_tracebacks_are_masked(fmt: Format, stream: io.StringIO) -> None:
    """Of the exception and its cause types and places are shown: neither words, notes nor local variables."""
    written = raising(stream, fmt)
    for secret in (TOKEN, MAIL, NAME, GIVEN, "cannot send", "opened"):
        assert secret not in written
    for wanted in ("RuntimeError", "KeyError", "inner"):
        assert wanted in written


def test_a_json_traceback_keeps_the_function_names(stream: io.StringIO) -> None:
    """A frame's `name` is a function and not a person."""
    raising(stream, "json")
    frames = [frame for part in line(stream)["exception"] for frame in part["frames"]]
    assert {"raising", "inner"} <= {frame["name"] for frame in frames}
    assert all("locals" not in frame for frame in frames)


def test_errors_of_pydantic_and_sqlalchemy_are_masked(stream: io.StringIO) -> None:
    """Errors that repeat what was put in do not carry it into the log."""
    configure("info", stream=stream)

    class Model(pydantic.BaseModel):
        surname: int

    engine = sqlalchemy.create_engine("sqlite://")
    refused = []
    for action in (
        lambda: Model.model_validate({"surname": NAME}),
        lambda: engine.connect().execute(sqlalchemy.text("INSERT INTO nowhere VALUES (:n)"), {"n": NAME}),
    ):
        try:
            action()
        except (pydantic.ValidationError, sqlalchemy.exc.OperationalError) as error:
            refused.append(str(error))
            logger().exception("refused", answer=str(error))
    engine.dispose()
    assert [NAME in text for text in refused] == [True, True]
    assert len(stream.getvalue().splitlines()) == 2
    assert NAME not in stream.getvalue()


def test_objects_are_written_as_masked_text(stream: io.StringIO) -> None:
    """A dataclass that gets into the log by mistake is not written field by field."""
    configure("info", stream=stream)
    known = uuid.UUID(int=7)
    at = datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=1)))
    logger().info("x", person=Person("Ada", MAIL), raw=b"Ada", id=known, at=at, colour=Colour.RED, both={"b"})
    written = line(stream)
    assert "Ada" not in str(written)
    assert MAIL not in str(written)
    assert (written["id"], written["at"]) == (str(known), "2026-01-02T02:04:00Z")
    assert (written["colour"], written["both"]) == ("red", ["b"])


class Unprintable:
    """A value whose text cannot be had."""

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError(MAIL)


def test_odd_values_do_not_cost_the_line(stream: io.StringIO) -> None:
    """Lone surrogates, huge integers, cycles and values that cannot be printed are all written somehow."""
    configure("info", stream=stream)
    cycle: list[Any] = []
    cycle.append(cycle)
    logger().info("x", half="\ud800", big=2**80, cycle=cycle, broken=Unprintable(), keys={1: 2})
    written = line(stream)
    assert written["big"] == 2**80
    assert written["broken"] == "<Unprintable>"
    assert written["keys"] == {"1": 2}


def test_a_long_text_is_cut(stream: io.StringIO) -> None:
    """A body that gets into the log by mistake does not fill the disk, and is scanned in linear time."""
    configure("info", stream=stream)
    logger().info("x", text="a@" + "b" * 10_000_000 + f" {MAIL}")
    assert len(stream.getvalue()) < LONGEST_TEXT + 500
    assert MAIL not in stream.getvalue()


def test_a_line_that_cannot_be_formatted_does_not_print_its_arguments(stream: io.StringIO) -> None:
    """What cannot be turned into a text costs the line, and the arguments are not shown unmasked."""
    configure("info", stream=stream)
    (handler,) = [h for h in logging.getLogger().handlers if isinstance(h, LineHandler)]
    handler.handle(logging.LogRecord("kombu", logging.ERROR, "x.py", 1, Unprintable(), (MAIL,), None))
    assert line(stream)["event"] == "a log line could not be written"
    assert MAIL not in stream.getvalue()


def test_a_closed_stream_does_not_stop_the_loop(stream: io.StringIO) -> None:
    """Logging to a stream that is gone raises nothing."""
    configure("info", stream=stream)
    stream.close()
    logger().error("nobody reads this")


def test_times_are_utc(stream: io.StringIO) -> None:
    """A zoned time is written in UTC with Z, whatever zone it came in."""
    configure("info", stream=stream)
    logger().info("x", start=datetime(2026, 6, 1, 9, 0, tzinfo=UTC))
    assert line(stream)["start"] == "2026-06-01T09:00:00Z"
