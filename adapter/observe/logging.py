"""The log: one line per event, JSON off a terminal and pretty on one, ours and other libraries' alike.

Everything passes through one handler of the standard library, so kombu, urllib3, waitress and SQLAlchemy
get the same fields and the same masks (`adapter.observe.redaction`). Tracebacks never show local
variables: they hold candidates.
"""

import json
import logging
import os
import sys
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.typing import Processor

from adapter.observe.redaction import redact

Format = Literal["auto", "json", "console"]

FOREIGN = ("amqp", "kombu", "sqlalchemy", "urllib3", "vine", "waitress")
"""Libraries whose lower levels print statements with their parameters, frames and message bodies."""

LONGEST_TRACEBACK = 30


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes one line per record, and never the raw arguments of a record that it could not format."""

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
    root = logging.getLogger()
    for earlier in [h for h in root.handlers if isinstance(h, LineHandler)]:
        root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in FOREIGN:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
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


def _first() -> list[Processor]:
    return [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.StackInfoRenderer(),
    ]


def _formatter(*, pretty: bool, coloured: bool) -> logging.Formatter:
    # Exceptions become text or dicts before `redact`, else the renderer would print them unmasked.
    format_exception: Processor
    render: Processor
    if pretty:
        format_exception = structlog.processors.format_exc_info
        render = structlog.dev.ConsoleRenderer(colors=coloured, exception_formatter=structlog.dev.plain_traceback)
    else:
        format_exception = structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=LONGEST_TRACEBACK)
        )
        render = structlog.processors.JSONRenderer(serializer=_json)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_first(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            format_exception,
            redact,
            render,
        ],
    )


def _json(event: dict[str, Any], **_options: object) -> str:
    try:
        return orjson.dumps(event).decode()
    except TypeError:
        # a lone surrogate or an integer of more than 64 bits, which orjson refuses
        return json.dumps(event)
