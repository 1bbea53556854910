"""The exchanges and queues that the adapter needs, declared and checked."""

import contextlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import structlog

from adapter.broker.link import Link, describe, is_amqp, place
from adapter.broker.wire import ChannelError, WireChannel, new_connection
from adapter.errors import BrokerUnavailable, TopologyError

_HEARTBEAT = 15.0
_ACCESS_REFUSED = 403
_NO_REAL_LIMIT = 1_000_000
"""RabbitMQ 4 deletes a message after 20 failed deliveries unless a limit is given; 3.x knows no "none"."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Topology:
    """The names and limits of what is declared. On a live queue none of its arguments can be changed.

    `bindings` are the routing keys of `events_exchange` that the intake listens to. On brokers that
    kombu emulates use exactly one, and no second queue with the same key. `outcomes_queue` receives every
    outcome, for those who have no queue of their own bound yet.
    """

    events_exchange: str = "sis.events"
    intake_queue: str = "cirrus-adapter.intake"
    bindings: tuple[str, ...] = ("#",)
    outcomes_exchange: str = "cirrus.events"
    dead_letter_queue: str = "cirrus-adapter.dead"
    dead_letter_exchange: str = "cirrus-adapter.dead"
    delivery_limit: int = 50
    outcomes_queue: str | None = None

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Every exchange, each a durable topic exchange."""
        return (self.events_exchange, self.outcomes_exchange, self.dead_letter_exchange)

    @property
    def queues(self) -> Mapping[str, Mapping[str, object]]:
        """Every queue with the arguments that make it safe.

        `x-delivery-limit: n` allows n + 1 deliveries; every message in flight is charged when a
        consumer dies, so the limit is far above what a healthy day needs.
        """
        kept = {"x-queue-type": "quorum", "x-delivery-limit": _NO_REAL_LIMIT}
        return {
            self.dead_letter_queue: kept,
            **({self.outcomes_queue: kept} if self.outcomes_queue else {}),
            self.intake_queue: {
                "x-queue-type": "quorum",
                "x-delivery-limit": self.delivery_limit,
                "x-dead-letter-exchange": self.dead_letter_exchange,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",  # at-least-once asks for it
            },
        }

    @property
    def queue_bindings(self) -> tuple[tuple[str, str, str], ...]:
        """Queue, exchange and routing key of every binding."""
        return (
            (self.dead_letter_queue, self.dead_letter_exchange, "#"),
            *(((self.outcomes_queue, self.outcomes_exchange, "#"),) if self.outcomes_queue else ()),
            *((self.intake_queue, self.events_exchange, key) for key in self.bindings),
        )


OpenChannel = Callable[[], WireChannel]


def declare(url: str, topology: Topology) -> None:
    """Create what is missing; do nothing to what is as it should be.

    Raises `TopologyError` when something exists with other arguments or may not be created, and
    `BrokerUnavailable` without a connection.
    """
    with _channels(url) as open_channel:
        for exchange in topology.exchanges:
            with _explained(f"exchange {exchange}"):
                open_channel().exchange_declare(exchange=exchange, type="topic", durable=True, auto_delete=False)
        for queue in topology.queues:
            with _explained(f"queue {queue}"):
                _declare_queue(open_channel(), url, topology, queue)
        for queue, exchange, key in topology.queue_bindings:
            with _explained(f"binding of queue {queue} to exchange {exchange} with {key}"):
                open_channel().queue_bind(queue=queue, exchange=exchange, routing_key=key)


def verify(url: str, topology: Topology) -> None:
    """Check that everything is there, with our arguments, and change nothing.

    Raises `TopologyError` and `BrokerUnavailable` as `declare` does. AMQP cannot list bindings, so
    those are not looked at. A user without the right to configure a queue cannot see its arguments
    either; then its existence has to do, and a warning says so.
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


def ready(url: str, queue: str) -> int:
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


def _code(error: Exception) -> int:
    return int(getattr(error, "reply_code", None) or 0)
