"""Which messages of a batch the broker has confirmed: our own map of delivery tags.

py-amqp's `confirm_publish` takes any ack for the ack of the message at hand, also the late one of
the message before; so a message the broker refused would count as published.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from adapter.broker.messages import Message
from adapter.value import Value

Reason = Literal["returned", "nacked", "refused", "timeout", "connection", "invalid"]


class Published(Value, frozen=True):
    """The broker has taken responsibility for the message."""

    id: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The message is not known to be stored; after `timeout` and `connection` it may be all the same.

    - `returned`: no queue is bound for its routing key
    - `nacked`: a queue refused it, most likely because it is full
    - `refused`: the broker closed the channel because of one of the unconfirmed messages, and does not
      say which: publish them one by one to find it
    - `timeout`: no confirm within the deadline; the broker is frozen or blocked by an alarm
    - `connection`: there is none, or it was lost on the way
    - `invalid`: it cannot be encoded, and never will be
    """

    id: str
    reason: Reason
    detail: str


Receipt = Published | Failed


class ReturnedMessage(Protocol):
    """A message that came back, with the properties it was sent with."""

    properties: Mapping[str, object]


class Batch:
    """The receipts of one call, in the order of its messages."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._receipts: list[Receipt | None] = [None] * len(messages)

    def published(self, index: int) -> None:
        """Record that the broker has this message."""
        self._receipts[index] = Published(self._messages[index].id)

    def failed(self, index: int, reason: Reason, detail: str) -> None:
        """Record why this message is not known to be stored."""
        self._receipts[index] = Failed(self._messages[index].id, reason, detail)

    def receipts(self, reason: Reason, detail: str) -> list[Receipt]:
        """Return all receipts; what nobody spoke of failed because of `reason`."""
        return [
            receipt or Failed(message.id, reason, detail)
            for message, receipt in zip(self._messages, self._receipts, strict=True)
        ]


class Confirms:
    """The unconfirmed messages of one channel.

    The broker numbers what it receives on a channel from 1; `sent` counts along.
    """

    def __init__(self) -> None:
        self.nacked = False
        """Whether the broker has refused anything on this channel."""
        self._last_tag = 0
        self._unconfirmed: dict[int, tuple[int, Message]] = {}
        self._returned: dict[int, str] = {}
        self._batch = Batch(())

    def __len__(self) -> int:
        return len(self._unconfirmed)

    def begin(self, batch: Batch) -> None:
        """Write the receipts of what is sent from now on to `batch`."""
        self._batch = batch

    def sent(self, index: int, message: Message) -> None:
        """Expect a confirm for the message that was just written."""
        self._last_tag += 1
        self._unconfirmed[self._last_tag] = (index, message)

    def on_ack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001 - py-amqp calls it so
        """Take an ack; that of a returned message only says that the broker is done with it."""
        for confirmed in self._settled(tag, multiple):
            index, _ = self._unconfirmed.pop(confirmed)
            returned = self._returned.pop(confirmed, None)
            if returned is None:
                self._batch.published(index)
            else:
                self._batch.failed(index, "returned", returned)

    def on_nack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001 - py-amqp calls it so
        """Take a nack."""
        self.nacked = True
        for refused in self._settled(tag, multiple):
            index, _ = self._unconfirmed.pop(refused)
            self._returned.pop(refused, None)
            self._batch.failed(index, "nacked", "a queue refused it; most likely it is full")

    def on_return(self, error: Exception, exchange: str, routing_key: str, content: ReturnedMessage) -> None:
        """Take back an unroutable message; its ack follows. Returns come in the order of sending."""
        key = (content.properties.get("message_id"), exchange, routing_key)
        for tag, (_, message) in self._unconfirmed.items():
            if tag not in self._returned and key == (message.id, message.exchange, message.routing_key):
                self._returned[tag] = str(getattr(error, "reply_text", "")) or "no queue is bound for it"
                return

    def _settled(self, tag: int, multiple: bool) -> list[int]:  # noqa: FBT001 - as in `on_ack`
        if not multiple:
            return [tag] if tag in self._unconfirmed else []
        return [sent for sent in self._unconfirmed if sent <= tag]
