"""Read AMQP frames so that neither a heartbeat nor a badly encoded message holds up the session.

py-amqp decodes names and headers while it reads. A producer that sends one that is not UTF-8, a
timestamp header in milliseconds, or tables within tables makes that raise: the session would end, the
broker would deliver the same message again, and every other message in flight would be charged a
failed delivery.
"""

import struct

import structlog

from adapter.broker.wire import BASIC_DELIVER, Frame, FrameSyntaxError, OnFrame, OnMethod, stock_frame_handler

_HEADER_FRAME = 2
_HEARTBEAT_FRAME = 8
_BEFORE_PROPERTIES = 12
"""Class, weight and body size: what a content header starts with."""
_NO_PROPERTIES = b"\x00\x00"
_ASCII = bytes(range(128)) + b"?" * 128
_UNREADABLE = (ValueError, OverflowError, OSError, IndexError, RecursionError, struct.error, FrameSyntaxError)

_log = structlog.get_logger()


def frame_handler(connection: object, on_method: OnMethod) -> OnFrame:
    """Wrap py-amqp's frame handler; the value says that a method or a heartbeat was complete.

    A message whose properties cannot be read arrives without properties and headers, one whose
    routing key cannot be read with `?` in the place of each odd byte. Its body is always whole, so
    it can be judged, and dead-lettered, like any other. A heartbeat counts as an answer: otherwise
    the read goes on and each heartbeat starts its time limit again.
    """

    def on_method_readable(channel: int, sig: tuple[int, int], args: bytes, content: object) -> object:
        try:
            return on_method(channel, sig, args, content)
        except UnicodeDecodeError:
            if sig != BASIC_DELIVER:
                raise
            _log.warning("message_routing_key_unreadable")
            return on_method(channel, sig, _with_ascii_names(args), content)

    on_stock_frame = stock_frame_handler(connection, on_method_readable)

    def on_frame(frame: Frame) -> bool:
        kind, channel, payload = frame
        if kind == _HEARTBEAT_FRAME:
            on_stock_frame(frame)
            return True
        if kind != _HEADER_FRAME:
            return on_stock_frame(frame)
        try:
            return on_stock_frame(frame)
        except _UNREADABLE as error:
            _log.warning("message_header_unreadable", error=type(error).__name__)
            return on_stock_frame((kind, channel, payload[:_BEFORE_PROPERTIES] + _NO_PROPERTIES))

    return on_frame


def _with_ascii_names(args: bytes) -> bytes:
    """Replace odd bytes in the exchange and the routing key of a `basic.deliver`, keeping every length."""
    exchange_at = 5 + args[4] + 9  # class and method, consumer tag, delivery tag and redelivered
    key_at = exchange_at + 1 + args[exchange_at]
    exchange = args[exchange_at + 1 : key_at].translate(_ASCII)
    routing_key = args[key_at + 1 :].translate(_ASCII)
    return args[: exchange_at + 1] + exchange + args[key_at : key_at + 1] + routing_key
