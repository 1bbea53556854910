"""The log: one line per event, JSON off a terminal and pretty on one, ours and other libraries' alike.

Everything passes through one handler of the standard library, so kombu, urllib3, waitress and SQLAlchemy
get the same fields and the same masks (`adapter.observe.redaction`). Of exceptions only what
`adapter.observe.tracebacks` tells is written, and of other libraries' lines no argument but numbers.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from adapter.observe.redaction import MASK, redact
from adapter.observe.tracebacks import as_text, told

Format = Literal["auto", "json", "console"]

FOREIGN = ("amqp", "kombu", "sqlalchemy", "urllib3", "vine", "waitress")
"""Libraries whose lower levels print statements with their parameters, frames and message bodies."""

OURS = ("adapter", "handlers")


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes one line per record, and never the raw arguments of a record that it could not format."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; structlog's records carry no arguments."""
        return super().format(_without_arguments(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name logging calls
        """Say that a line is lost; the default prints the arguments, which have not been masked."""
        lost = {"level": "error", "event": "a log line could not be written", "logger": record.name}
        try:
            self.stream.write(json.dumps(lost) + self.terminator)
        except (OSError, ValueError):
            return  # the stream is closed or its disk full: there is nowhere left to say so


def configure(level: str, fmt: Format = "auto", stream: TextIO | None = None) -> None:
    """Set up logging for the process: `level` is a name such as `info`; the default stream is stderr.

    May be called again: the handler of the earlier call is replaced. A `level` that does not exist raises
    `ValueError`.
    """
    target = sys.stderr if stream is None else stream
    pretty = fmt == "console" or (fmt == "auto" and target.isatty())
    handler = LineHandler(target)
    handler.setFormatter(_formatter(pretty=pretty, coloured=target.isatty() and "NO_COLOR" not in os.environ))
    handler.addFilter(_worth_a_line)
    root = logging.getLogger()
    for earlier in [h for h in root.handlers if isinstance(h, LineHandler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in FOREIGN:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))  # they do not even format their lines
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *_first(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Tell whether a line is ours, or important: also of a library that nobody has thought of."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in OURS


def _without_arguments(record: logging.LogRecord) -> logging.LogRecord:
    """Say what a library says, but nothing of what it says it about, save numbers."""
    if not record.args:
        return record
    given = record.args
    masked: object = (
        {name: _number_or_mask(value) for name, value in given.items()}
        if isinstance(given, Mapping)
        else tuple(_number_or_mask(value) for value in given)
    )
    try:
        text = str(record.msg) % masked
    except (TypeError, ValueError, KeyError):
        text = str(record.msg)
    return logging.makeLogRecord({**record.__dict__, "msg": text, "args": ()})


def _number_or_mask(value: object) -> object:
    return value if isinstance(value, int | float) else MASK


def _tell_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Put what is told of an exception in place of the exception, as JSON values."""
    given: object = event.pop("exc_info", None)
    if isinstance(given, tuple):
        given = cast("tuple[object, object, object]", given)[1]
    error = sys.exc_info()[1] if given is True else given
    if isinstance(error, BaseException):
        event["exception"] = told(error)
    return event


def _exception_as_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    if "exception" in event:
        event["exception"] = as_text(event["exception"])
    return event


def _first() -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.StackInfoRenderer(),
    ]


def _formatter(*, pretty: bool, coloured: bool) -> logging.Formatter:
    render: list[Processor] = (
        [_exception_as_text, structlog.dev.ConsoleRenderer(colors=coloured)]
        if pretty
        else [structlog.processors.JSONRenderer(serializer=_json)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_first(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # Before `redact`, else the renderer would print exceptions unmasked.
            _tell_exception,
            redact,
            *render,
        ],
    )


def _json(event: dict[str, Any], **_options: object) -> str:
    try:
        return orjson.dumps(event).decode()
    except TypeError:
        # a lone surrogate or an integer of more than 64 bits, which orjson refuses
        return json.dumps(event)
