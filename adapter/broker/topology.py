"""The exchanges and queues that the adapter needs, declared and checked."""

import contextlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import structlog

from adapter.broker.confirms import Failed
from adapter.broker.link import Link, describe, is_amqp, place
from adapter.broker.messages import Message
from adapter.broker.publisher import Publisher
from adapter.broker.wire import ChannelError, WireChannel, new_connection
from adapter.errors import BrokerUnavailable, TopologyError

_HEARTBEAT = 15.0
_ACCESS_REFUSED = 403
_PROBE = "cirrus-adapter.probe"
_NO_REAL_LIMIT = 1_000_000
"""RabbitMQ 4 deletes a message after 20 failed deliveries unless a limit is given; 3.x knows no "none"."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Topology:
    """The names and limits of what is declared. On a live queue none of its arguments can be changed.

    `bindings` are the routing keys of `events_exchange` that the intake listens to. On brokers that
    kombu emulates use exactly one, and no second queue with the same key. `urgent_queue` is read beside the intake
    queue. It has an exchange of its own, with the same keys: no key could take an event out of the other queue.
    `outcomes_queue` receives every outcome, for those who have no queue of their own bound yet.
    """

    events_exchange: str = "sis.events"
    intake_queue: str = "cirrus-adapter.intake"
    bindings: tuple[str, ...] = ("#",)
    urgent_exchange: str = "sis.urgent"
    urgent_queue: str | None = "cirrus-adapter.urgent"
    outcomes_exchange: str = "cirrus.events"
    dead_letter_queue: str = "cirrus-adapter.dead"
    dead_letter_exchange: str = "cirrus-adapter.dead"
    delivery_limit: int = 50
    outcomes_queue: str | None = None

    @property
    def inlets(self) -> Mapping[str, str]:
        """The queues that events are read from, each with its exchange."""
        urgent = {self.urgent_queue: self.urgent_exchange} if self.urgent_queue else {}
        return {self.intake_queue: self.events_exchange, **urgent}

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Every exchange, each a durable topic exchange."""
        return (*self.inlets.values(), self.outcomes_exchange, self.dead_letter_exchange)

    @property
    def queues(self) -> Mapping[str, Mapping[str, object]]:
        """Every queue with the arguments that make it safe.

        `x-delivery-limit: n` allows n + 1 deliveries; every message in flight is charged when a consumer dies. So
        after a crash the intake has few in flight until it has settled some, and the limit is far above what a healthy
        day needs.
        """
        kept = {"x-queue-type": "quorum", "x-delivery-limit": _NO_REAL_LIMIT}
        read = {
            "x-queue-type": "quorum",
            "x-delivery-limit": self.delivery_limit,
            "x-dead-letter-exchange": self.dead_letter_exchange,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",  # at-least-once asks for it
        }
        return {
            self.dead_letter_queue: kept,
            **({self.outcomes_queue: kept} if self.outcomes_queue else {}),
            **dict.fromkeys(self.inlets, read),
        }

    @property
    def queue_bindings(self) -> tuple[tuple[str, str, str], ...]:
        """Queue, exchange and routing key of every binding."""
        return (
            (self.dead_letter_queue, self.dead_letter_exchange, "#"),
            *(((self.outcomes_queue, self.outcomes_exchange, "#"),) if self.outcomes_queue else ()),
            *((queue, exchange, key) for queue, exchange in self.inlets.items() for key in self.bindings),
        )


OpenChannel = Callable[[], WireChannel]


def declare(url: str, topology: Topology) -> None:
    """Create what is missing; do nothing to what is as it should be.

    Raises `TopologyError` when something is unsafe, exists with other arguments or may not be created, and
    `BrokerUnavailable` without a connection. Exchanges and bindings may be an administrator's: what this user may
    not make has to be there. Of bindings only that of the dead-letter exchange can be proved; a warning names others.
    """
    with _channels(url) as open_channel:
        for exchange in topology.exchanges:
            with _explained(f"exchange {exchange}"):
                _have_exchange(open_channel, exchange)
        for queue in topology.queues:
            with _explained(f"queue {queue}"):
                _declare_queue(open_channel(), url, topology, queue)
        unseen = [
            exchange
            for queue, exchange, key in topology.queue_bindings
            if not _bound(open_channel, queue, exchange, key)
        ]
    if topology.dead_letter_exchange in unseen:
        _prove_dead_letters(url, topology)


def ready(url: str, topology: Topology) -> None:
    """Have everything there: declared, or, for a user who may not configure anything, found there by `verify`."""
    try:
        declare(url, topology)
    except TopologyError as error:
        if _code(error.__cause__) != _ACCESS_REFUSED:
            raise
        verify(url, topology)


def verify(url: str, topology: Topology) -> None:
    """Check that everything is there, with our arguments, and change nothing.

    Raises `TopologyError` and `BrokerUnavailable` as `declare` does. AMQP shows neither bindings nor policies. That a
    queue takes dead letters is proved with one that expires at once. A user without the right to configure a queue
    cannot see its arguments; then its existence has to do, and a warning says so.
    """
    with _channels(url) as open_channel:
        for exchange in topology.exchanges:
            with _explained(f"exchange {exchange}"):
                open_channel().exchange_declare(
                    exchange=exchange, type="topic", passive=True, durable=True, auto_delete=False
                )
        for queue in topology.queues:
            with _explained(f"queue {queue}"):
                open_channel().queue_declare(queue=queue, passive=True)
            with _explained(f"queue {queue}"):
                try:
                    _declare_queue(open_channel(), url, topology, queue)
                except ChannelError as error:
                    if _code(error) != _ACCESS_REFUSED:
                        raise
                    _log.warning("topology_arguments_unseen", queue=queue)
    if is_amqp(url):
        _prove_dead_letters(url, topology)


def _have_exchange(open_channel: OpenChannel, exchange: str) -> None:
    kind = {"exchange": exchange, "type": "topic", "durable": True, "auto_delete": False}
    try:
        open_channel().exchange_declare(**kind)
    except ChannelError as error:
        if _code(error) != _ACCESS_REFUSED:
            raise
        try:
            open_channel().exchange_declare(passive=True, **kind)
        except ChannelError:
            raise error from None  # whoever reads it has to ask for the exchange, not to run a command
        _log.warning("topology_exchange_unseen", exchange=exchange)


def _bound(open_channel: OpenChannel, queue: str, exchange: str, key: str) -> bool:
    """Bind the queue; false when this user may not, so that nobody knows whether it is."""
    with _explained(f"binding of queue {queue} to exchange {exchange} with {key}"):
        try:
            open_channel().queue_bind(queue=queue, exchange=exchange, routing_key=key)
        except ChannelError as error:
            if _code(error) != _ACCESS_REFUSED:
                raise
            _log.warning("topology_binding_unseen", queue=queue, exchange=exchange, routing_key=key)
            return False
    return True


def _prove_dead_letters(url: str, topology: Topology) -> None:
    """Raise unless some queue takes every dead letter: publish one that is empty, and gone at once."""
    exchange = topology.dead_letter_exchange
    probe = Message(
        id=_PROBE, exchange=exchange, routing_key="", body=b"", headers={}, content_type="text/plain", expiration=0
    )
    publisher = Publisher(url)
    try:
        [receipt] = publisher.publish([probe])
    finally:
        publisher.close()
    match receipt:
        case Failed(reason="returned"):
            raise TopologyError(
                f"no queue is bound to the dead-letter exchange {exchange} with #, so that dead letters would be lost; "
                f"bind {topology.dead_letter_queue}, or run: cirrus-adapter topology apply"
            )
        case Failed(reason="refused", detail=detail):
            raise TopologyError(
                f"exchange {exchange} takes no dead letters from this user ({detail}); ask the broker's administrator"
            )
        case Failed(reason="connection" | "timeout", detail=detail):
            raise BrokerUnavailable(f"lost the broker at {place(url)}: {detail}")
        case _:
            pass  # taken, or refused by a queue that is full for now


def depth(url: str, queue: str) -> int:
    """Return how many messages a queue could hand out now; raises `BrokerUnavailable` and `TopologyError`."""
    with _channels(url) as open_channel, _explained(f"queue {queue}"):
        return int(open_channel().queue_declare(queue=queue, passive=True).message_count)


def _declare_queue(channel: WireChannel, url: str, topology: Topology, queue: str) -> None:
    arguments = dict(topology.queues[queue]) if is_amqp(url) else {}
    channel.queue_declare(queue=queue, durable=True, auto_delete=False, arguments=arguments)


@contextlib.contextmanager
def _channels(url: str) -> Generator[OpenChannel]:
    """Yield what opens channels: each step has its own, because an error makes a channel unusable."""
    if is_amqp(url):
        link = Link.open(url, heartbeat=_HEARTBEAT, name="cirrus-adapter: topology")
        try:
            yield link.channel
        except (BrokerUnavailable, TopologyError):
            raise
        except Exception as error:
            raise BrokerUnavailable(f"lost the broker at {place(url)}: {describe(error)}") from error
        finally:
            with contextlib.suppress(Exception):
                link.close()
    else:
        connection = new_connection(url)
        try:
            yield connection.channel
        finally:
            connection.release()


@contextlib.contextmanager
def _explained(what: str) -> Generator[None]:
    try:
        yield
    except ChannelError as error:
        raise TopologyError(f"{what} {_problem(error)}") from error


def _problem(error: Exception) -> str:
    match _code(error):
        case 404:
            return "is missing; run: cirrus-adapter topology apply"
        case 406:
            return (
                f"exists with other arguments ({describe(error)}); set the same in the settings, or empty it, "
                "delete it and run: cirrus-adapter topology apply"
            )
        case 403:
            return f"may not be configured by this user ({describe(error)}); ask the broker's administrator"
        case _:
            return f"was refused by the broker ({describe(error)})"


def _code(error: BaseException | None) -> int:
    return int(getattr(error, "reply_code", None) or 0)
