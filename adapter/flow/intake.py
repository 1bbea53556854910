"""The intake loop: messages of the SIS become desired state, or dead letters with a reason.

Nothing is acknowledged before it is durable elsewhere: in the ledger, or confirmed by the broker as a
dead letter. While the ledger is away the batch is kept and the connection is kept alive. When most
messages fail in the same way, the intake pauses (`adapter.flow.brake`).
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from adapter import __version__
from adapter.broker import Consumer, Delivery, Failed, Message, Published, Publisher, Topology, bare, dead_letter
from adapter.domain.policy import Policy
from adapter.domain.ports import Clock
from adapter.errors import InvalidMessage, LedgerError
from adapter.flow.brake import Brake, BrakeRules
from adapter.flow.burst import Burst
from adapter.flow.reader import Reader
from adapter.ledger.intake import CONFLICT, Incoming
from adapter.ledger.ledger import Ledger
from adapter.observe.heartbeats import Heartbeats
from adapter.observe.metrics import Metrics

WAIT = 1.0
"""Seconds to wait for a first message before the loop shows that it is alive."""

LONGEST_PAUSE = 10.0

T = TypeVar("T")

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Batching:
    """How much goes into one transaction: at most `size` messages, gathered for at most `gather` seconds."""

    size: int
    gather: float


@dataclass(frozen=True, slots=True)
class Poison:
    """A message that can never be handled."""

    delivery: Delivery
    error: InvalidMessage
    event_type: str = "unknown"
    tenant: str = "unknown"


class Intake:
    """Reads one queue; owns the consumer and the dead-letter publisher; every method belongs to one thread.

    `name` is that of its loop. What comes by which queue, and in which order, changes nothing but how soon it is read.
    """

    def __init__(
        self,
        consumer: Consumer,
        dead_letters: Publisher,
        ledger: Ledger,
        reader: Reader,
        *,
        name: str,
        topology: Topology,
        policies: Mapping[str, Policy],
        batching: Batching,
        metrics: Metrics,
        heartbeats: Heartbeats,
        clock: Clock,
        nudge: Callable[[], None],
        stop: threading.Event,
        burst: Burst | None = None,
        brake: BrakeRules | None = None,
    ) -> None:
        self._consumer = consumer
        self._dead_letters = dead_letters
        self._ledger = ledger
        self._reader = reader
        self._name = name
        self._topology = topology
        self._policies = policies
        self._batching = batching
        self._metrics = metrics
        self._heartbeats = heartbeats
        self._clock = clock
        self._nudge = nudge
        self._stop = stop
        self._burst = burst
        # The clock may jump: then one pause is longer or shorter than it should be.
        self._brake = Brake(brake or BrakeRules(), lambda: clock().timestamp())
        self._shown: str | None = None

    @property
    def paused(self) -> str | None:
        """Why no messages are taken, in words for operators; None while they are. May be asked by any thread."""
        reason = self._brake.reason
        if reason is None:
            return None
        return (
            f"paused because most messages fail as {reason}; some are tried in {self._brake.left:.0f} s;"
            " the rest waits in the queue"
        )

    def turn(self) -> None:
        """Take one batch from the broker to the ledger, or wait a moment for one."""
        wanted = self._brake.allows(self._batching.size)
        deliveries = self._consumer.receive(wanted, WAIT, self._batching.gather) if wanted else []
        if not deliveries:
            self._tell_burst([], full=False)
            self._dead_letters.tick()
            if not wanted:
                self._stop.wait(min(WAIT, self._brake.left))
            return
        # The ledger's time, not this host's: a worker whose clock is behind would take events for the future's.
        good, poison = self._read(deliveries, self._patiently(self._ledger.now))
        full = len(deliveries) == self._batching.size
        if full:
            self._tell_burst(good, full=True)
        poison += self._store(good)
        if not full:  # only now, so that the last of a burst is gathered with it
            self._tell_burst(good, full=False)
        braked = self._brake.reason is not None
        left = self._leave(deliveries, poison)
        if self._bury([item for item in poison if id(item.delivery) not in left]):
            stale = self._consumer.settle([delivery for delivery in deliveries if id(delivery) not in left])
            if stale:
                _log.info("acks_dropped", count=stale, why="the connection they belong to is gone")
        if braked or self._brake.reason is not None:
            self._pull(released=self._brake.reason is None)
        self._nudge()

    def _tell_burst(self, good: Sequence[tuple[Delivery, Incoming]], *, full: bool) -> None:
        if self._burst is not None:
            self._burst.saw({incoming.envelope.tenant for _, incoming in good}, full=full)

    def _leave(self, deliveries: Sequence[Delivery], poison: Sequence[Poison]) -> set[int]:
        """Return which poison is left in the queue, because the brake went on before it; by identity."""
        failed = {id(item.delivery): item.error.reason for item in poison}
        looked_at = self._brake.judge([failed.get(id(delivery)) for delivery in deliveries])
        return {id(delivery) for delivery in deliveries[looked_at:]} & failed.keys()

    def _pull(self, *, released: bool) -> None:
        """Say that the brake is on or off; end the session, so that no delivery is held through a pause.

        RabbitMQ counts each delivery that is given back, and buries a message itself at its delivery limit: so the
        next session is handed no more than it may try.
        """
        self._consumer.close()
        reason = self._brake.reason
        if self._shown is not None:
            self._metrics.intake_paused.of(self._name, self._shown).set(0)
        if reason is not None:
            self._metrics.intake_paused.of(self._name, reason).set(1)
        self._shown = reason
        if released:
            self._consumer.narrow(None)
            _log.info("intake_resumed", loop=self._name)
        else:
            self._consumer.narrow(self._brake.probe)
            seconds = round(self._brake.left)
            _log.error("intake_paused", loop=self._name, reason=reason, seconds=seconds, why=self.paused)

    def close(self) -> None:
        """Give back what is not acknowledged and say goodbye to the broker."""
        self._consumer.close()
        self._dead_letters.close()

    def _read(
        self, deliveries: Iterable[Delivery], now: datetime
    ) -> tuple[list[tuple[Delivery, Incoming]], list[Poison]]:
        good: list[tuple[Delivery, Incoming]] = []
        poison: list[Poison] = []
        for delivery in deliveries:
            try:
                incoming = self._reader.read(delivery, now)
            except InvalidMessage as error:
                poison.append(Poison(delivery, error))
                self._metrics.messages_received.of("unknown", "unknown").inc()
            except Exception as error:  # noqa: BLE001 - one message that breaks a handler must not stop the others
                _log.error("handler_failed", error=type(error).__name__)
                poison.append(Poison(delivery, _failed("handler-failed", error)))
            else:
                good.append((delivery, incoming))
                self._metrics.messages_received.of(incoming.envelope.type, incoming.envelope.tenant).inc()
        return good, poison

    def _store(self, good: Sequence[tuple[Delivery, Incoming]]) -> list[Poison]:
        """Store the batch; what the ledger cannot hold is found by halving and returned."""
        if not good:
            return []
        try:
            batch = [incoming for _, incoming in good]
            handled = self._patiently(lambda: self._ledger.store_batch(batch, self._policies))
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - the database refuses a value: find whose it is
            if len(good) == 1:
                delivery, incoming = good[0]
                failure = _failed("ledger-refused", error)
                return [Poison(delivery, failure, incoming.envelope.type, incoming.envelope.tenant)]
            half = len(good) // 2
            return self._store(good[:half]) + self._store(good[half:])
        return self._count(good, handled)

    def _patiently(self, ask: Callable[[], T]) -> T:
        """Ask the ledger however long it is away; only a stop ends the wait."""
        pause = 0.25
        while True:
            try:
                return ask()
            except LedgerError as error:
                if self._stop.is_set():
                    raise
                _log.warning("intake_waits", error=str(error), seconds=pause)
            self._stop.wait(pause)
            pause = min(LONGEST_PAUSE, pause * 2)
            self._consumer.tick()
            self._heartbeats.beat(self._name)

    def _count(self, good: Sequence[tuple[Delivery, Incoming]], handled: Sequence[str]) -> list[Poison]:
        now = self._clock()
        poison: list[Poison] = []
        for (delivery, incoming), outcome in zip(good, handled, strict=True):
            envelope = incoming.envelope
            if outcome == CONFLICT:
                error = InvalidMessage("conflict", "this event id was used before with other content", "$.id")
                poison.append(Poison(delivery, error, envelope.type, envelope.tenant))
                continue
            self._metrics.messages_handled.of(envelope.type, envelope.tenant, outcome).inc()
            age = max(0.0, (now - envelope.time).total_seconds())
            self._metrics.message_age.of(envelope.type, self._name).observe(age)
        _log.info("batch_stored", loop=self._name, messages=len(good), applied=handled.count("applied"))
        return poison

    def _bury(self, poison: Sequence[Poison]) -> bool:
        """Publish dead letters until the broker has them all; false when told to stop before."""
        waiting = [
            dead_letter(
                item.delivery,
                reason=item.error.reason,
                path=item.error.path,
                error_class=type(item.error.__cause__ or item.error).__name__,
                version=__version__,
                topology=self._topology,
                now=self._clock(),
            )
            for item in poison
        ]
        pause = 0.25
        while waiting:
            waiting = self._publish(waiting)
            if not waiting:
                break
            if self._stop.is_set():
                return False
            _log.warning("dead_letters_wait", count=len(waiting), seconds=pause)
            self._stop.wait(pause)
            pause = min(LONGEST_PAUSE, pause * 2)
            self._consumer.tick()
            self._heartbeats.beat(self._name)
        for item in poison:
            self._metrics.dead_letters.of(item.error.reason).inc()
            self._metrics.messages_handled.of(item.event_type, item.tenant, "dead_lettered").inc()
            _log.warning("dead_lettered", reason=item.error.reason, path=item.error.path, detail=item.error.detail)
        return True

    def _publish(self, letters: Sequence[Message]) -> list[Message]:
        """Publish the dead letters and return those the broker does not have yet.

        One that it cannot take as it came is published bare, so that its oddities hold up nobody else's.
        """
        left: list[Message] = []
        for letter, receipt in zip(letters, self._dead_letters.publish(letters), strict=True):
            match receipt:
                case Published():
                    continue
                case Failed(reason="refused" | "invalid"):
                    one_by_one = (self._dead_letters.publish([form])[0] for form in (letter, bare(letter)))
                    if not any(isinstance(again, Published) for again in one_by_one):
                        left.append(letter)
                case Failed():
                    left.append(letter)
        return left


def _failed(reason: str, error: Exception) -> InvalidMessage:
    failure = InvalidMessage(reason, f"{type(error).__name__} while it was handled")
    failure.__cause__ = error
    return failure
