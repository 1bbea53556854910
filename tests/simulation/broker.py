"""A model of the broker: what RabbitMQ promises, and everything it does not promise, on demand.

Kept promises: a message that was confirmed is delivered at least once, until its ack arrives. Everything else goes
wrong as the `Trouble` of a run says: acks are lost, sessions end, deliveries come back in another order, confirms do
not come although the message is stored, an alarm stops publishers.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from adapter.broker import Delivery, Failed, Message, Published, Receipt, Topology
from adapter.broker.confirms import Reason
from tests.simulation.fate import Fate, Spans, within
from tests.simulation.scheduler import Process, Scheduler, SimulatedEvent

LATENCY = 0.002
DEADLINE = 10.0


@dataclass(frozen=True)
class BrokerTrouble:
    """How often what goes wrong: each is a probability, `away` and `alarm` are spans of seconds."""

    session_ends: float = 0.0
    ack_lost: float = 0.0
    reordered: float = 0.0
    not_stored: float = 0.0
    confirm_lost: float = 0.0
    away: Spans = ()
    alarm: Spans = ()


@dataclass
class Waiting:
    """A message in one of the queues that are read."""

    message: Message
    queue: str
    deliveries: int = 0


@dataclass
class Broker:
    """The queues that are read, and everything that was published to the other exchanges.

    `on_ack` hears of each message whose ack arrives, and may fail the run.
    """

    scheduler: Scheduler
    fate: Fate
    topology: Topology
    on_ack: Callable[[Message], None]
    trouble: BrokerTrouble = field(default_factory=BrokerTrouble)
    queues: dict[str, deque[Waiting]] = field(default_factory=lambda: defaultdict(deque))
    unacked: dict[tuple[int, int], Waiting] = field(default_factory=dict)
    outcomes: list[Message] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)
    epochs: int = 0

    def __post_init__(self) -> None:
        """Nobody waits for messages yet."""
        self.arrived = SimulatedEvent(self.scheduler)

    def send(self, message: Message) -> None:
        """Take an event of the SIS."""
        (queue,) = (queue for queue, exchange in self.topology.inlets.items() if exchange == message.exchange)
        self.queues[queue].append(Waiting(message, queue))
        self.arrived.set()

    @property
    def ready(self) -> bool:
        """Whether a message waits in any queue."""
        return any(self.queues.values())

    def is_away(self) -> bool:
        """Whether no connection works at this moment."""
        return within(self.scheduler.now, self.trouble.away)

    def alarmed(self) -> bool:
        """Whether publishers are blocked at this moment."""
        return within(self.scheduler.now, self.trouble.alarm)

    def give_back(self, epoch: int) -> None:
        """Make ready again what a session leaves unacknowledged, at its place or at any."""
        left = [self.unacked.pop(key) for key in sorted(key for key in self.unacked if key[0] == epoch)]
        if self.fate.strikes("reordered", self.trouble.reordered):
            self.fate.chance.shuffle(left)
        for waiting in reversed(left):
            self.queues[waiting.queue].appendleft(waiting)
        if left:
            self.arrived.set()


class ConsumerEnd:
    """What `adapter.broker.Consumer` is to the intake, on the model."""

    def __init__(
        self, broker: Broker, process: Process, queue: str, prefetch: int, on_state: Callable[[bool], None]
    ) -> None:
        """Begin without a session."""
        self._broker, self._prefetch, self._on_state = broker, prefetch, on_state
        self._ready = broker.queues[queue]
        self._process = process
        self._epoch = 0
        self._tags = 0
        self._narrowed: int | None = None

    def receive(self, max_messages: int, wait: float, gather: float) -> list[Delivery]:
        """Return some messages, or nothing after `wait` seconds."""
        broker = self._broker
        if broker.is_away():
            self._end()
            broker.scheduler.sleep(wait)
            return []
        if self._epoch == 0:
            self._begin()
        if not self._ready:
            broker.arrived.clear()
            broker.arrived.wait(wait)
        if self._ready:
            broker.scheduler.sleep(gather)
        if broker.fate.strikes("session ends", broker.trouble.session_ends):
            self._end()
            return []
        return self._take(max_messages)

    def settle(self, deliveries: Iterable[Delivery]) -> int:
        """Acknowledge; an ack of an earlier session is dropped, and any ack may be lost with the session."""
        broker = self._broker
        stale = 0
        for delivery in deliveries:
            if delivery.epoch != self._epoch or broker.is_away() or self._loses_ack():
                stale += 1
                continue
            waiting = broker.unacked.pop((delivery.epoch, int(str(delivery.tag))))
            broker.on_ack(waiting.message)
        return stale

    def tick(self) -> None:
        """Keep the session, unless the broker is away."""
        if self._broker.is_away():
            self._end()

    def narrow(self, prefetch: int | None) -> None:
        """Be handed fewer messages from now on, or as many as before."""
        self._narrowed = prefetch

    def close(self) -> None:
        """Give back what is not acknowledged."""
        self._end()

    def _loses_ack(self) -> bool:
        if not self._broker.fate.strikes("ack lost", self._broker.trouble.ack_lost):
            return False
        self._end()
        return True

    def _begin(self) -> None:
        self._broker.epochs += 1
        self._epoch, self._tags = self._broker.epochs, 0
        self._process.sessions.append(self._epoch)
        self._on_state(True)

    def _end(self) -> None:
        epoch, self._epoch = self._epoch, 0
        if epoch:
            self._broker.give_back(epoch)
            self._on_state(False)

    def _take(self, most: int) -> list[Delivery]:
        broker = self._broker
        held = sum(1 for epoch, _ in broker.unacked if epoch == self._epoch)
        batch: list[Delivery] = []
        while self._ready and len(batch) < min(most, (self._narrowed or self._prefetch) - held):
            waiting = self._ready.popleft()
            self._tags += 1
            broker.unacked[self._epoch, self._tags] = waiting
            batch.append(_delivery(waiting, self._epoch, self._tags))
            waiting.deliveries += 1
        return batch


def _delivery(waiting: Waiting, epoch: int, tag: int) -> Delivery:
    message = waiting.message
    return Delivery(
        epoch=epoch,
        tag=tag,
        body=message.body,
        headers=message.headers,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        properties={"message_id": message.id, "correlation_id": message.correlation_id},
        exchange=message.exchange,
        routing_key=message.routing_key,
        redelivered=waiting.deliveries > 0,
    )


class PublisherEnd:
    """What `adapter.broker.Publisher` is to relay and intake, on the model."""

    def __init__(self, broker: Broker, on_state: Callable[[bool], None]) -> None:
        """Begin without a connection."""
        self._broker, self._on_state = broker, on_state

    def publish(self, messages: Sequence[Message], meanwhile: Callable[[], None] = lambda: None) -> list[Receipt]:
        """Store the messages and confirm them, as far as the trouble lets it."""
        broker = self._broker
        if broker.is_away():
            broker.scheduler.sleep(LATENCY)
            return [Failed(message.id, "connection", "away") for message in messages]
        if broker.alarmed():
            broker.scheduler.sleep(DEADLINE)
            return [self._lost(message, "timeout") for message in messages]
        broker.scheduler.sleep(LATENCY)
        meanwhile()
        return [self._store(message) for message in messages]

    def tick(self) -> None:
        """Nothing has to be kept alive."""

    def close(self) -> None:
        """Nothing is open."""

    def _store(self, message: Message) -> Receipt:
        broker = self._broker
        if broker.fate.strikes("not stored", broker.trouble.not_stored):
            return Failed(message.id, "nacked", "full")
        if broker.fate.strikes("confirm lost", broker.trouble.confirm_lost):
            return self._lost(message, "connection")
        self._keep(message)
        return Published(message.id)

    def _lost(self, message: Message, reason: Reason) -> Receipt:
        """Return that nobody knows, whichever it is."""
        if self._broker.fate.chance.random() < 0.5:
            self._keep(message)
        return Failed(message.id, reason, "unknown")

    def _keep(self, message: Message) -> None:
        broker = self._broker
        dead = message.exchange == broker.topology.dead_letter_exchange
        (broker.dead if dead else broker.outcomes).append(message)
