"""The settings of the machinery: broker, ledger, intake and what operators see."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from adapter.broker.topology import Topology
from adapter.errors import ConfigurationError
from adapter.ledger.sealing import read_key
from adapter.settings.section import Fault, Section, either_fault, read_secret

DEFAULT_LEDGER = "sqlite:///var/ledger.db"
LEDGER_SCHEMES = ("sqlite", "postgresql", "postgresql+psycopg")

AmqpName = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\s\x00-\x1f]+$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class BrokerSettings(Section):
    """The message broker that the SIS's events come from and the outcomes go to."""

    url: SecretStr | None = Field(default=None, examples=["amqp://guest:guest@127.0.0.1:5672/%2F"])
    """Address of the broker; several addresses of one cluster are divided by `;`. `run` needs it."""

    url_file: Path | None = Field(default=None, examples=["/run/secrets/broker-url"])
    """Name of a file that holds `url`, instead of `url`."""

    prefetch: int = Field(default=1000, ge=1, le=65_535)
    """Messages that the broker may hand over before the first of them is acknowledged. After a crash a session begins
    with one, and may have four times as many whenever it has acknowledged as many as it may have: whatever it holds
    when its process dies counts against the delivery limit."""

    heartbeat_s: float = Field(default=15, ge=1, le=600)
    """Seconds between signs of life; a broker that is silent for two of them counts as lost."""

    batch_size: int = Field(default=500, ge=1, le=10_000)
    """Messages that go into the ledger in one transaction, at most."""

    gather_ms: int = Field(default=50, ge=0, le=10_000)
    """Milliseconds to wait for more messages once the first of a batch is there."""

    publish_window: int = Field(default=200, ge=1, le=10_000)
    """Outcome events that may be sent before the broker has confirmed the first of them."""

    publish_deadline_s: float = Field(default=10, gt=0, le=50)
    """Seconds in which a batch of outcome events has to be confirmed; what is late is sent again, with the same id."""

    events_exchange: AmqpName = "sis.events"
    """Topic exchange that the SIS publishes to; declared when it is missing."""

    intake_queue: AmqpName = "cirrus-adapter.intake"
    """Queue that the adapter reads."""

    bindings: tuple[Annotated[str, StringConstraints(min_length=1, max_length=255)], ...] = Field(
        default=("#",), min_length=1
    )
    """Routing keys of the events exchange that go to the intake queue; `#` is all of them."""

    urgent_exchange: AmqpName = "sis.urgent"
    """Topic exchange for events that cannot wait behind others, each published here or to the events exchange, with
    the same routing keys; declared when it is missing."""

    urgent_queue: Annotated[str, StringConstraints(max_length=120, pattern=r"^[^\s\x00-\x1f]*$")] = (
        "cirrus-adapter.urgent"
    )
    """Queue behind it, which the adapter reads beside the intake queue. Empty: neither the queue nor the exchange."""

    outcomes_exchange: AmqpName = "cirrus.events"
    """Topic exchange for the outcome events; the routing key is `<tenant>.<type>`."""

    source: AmqpName = "cirrus-adapter"
    """The attribute `source` of the outcome events; all processes that share a ledger use the same."""

    outcomes_queue: AmqpName | None = Field(default=None, examples=["sis.outcomes"])
    """Queue to declare for all outcome events; not needed where the SIS binds queues of its own. An outcome that no
    queue receives waits in the ledger."""

    dead_letter_exchange: AmqpName = "cirrus-adapter.dead"
    """Topic exchange for messages that can never be read."""

    dead_letter_queue: AmqpName = "cirrus-adapter.dead"
    """Queue behind it, where they wait for a person."""

    delivery_limit: int = Field(default=50, ge=5, le=1_000_000)
    """Failed deliveries after which RabbitMQ dead-letters a message by itself. A safety net: keep it high."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        yield from either_fault("url", self.url, self.url_file, required=False)
        queues = (self.intake_queue, self.urgent_queue, self.dead_letter_queue, self.outcomes_queue)
        if len(set(queues)) < len(queues):
            yield Fault("intake_queue", "two of the queues have the same name", "name each queue differently")
        exchanges = (self.events_exchange, self.urgent_exchange, self.outcomes_exchange, self.dead_letter_exchange)
        if len(set(exchanges)) < len(exchanges):
            yield Fault(
                "outcomes_exchange",
                "two of the four exchanges have the same name",
                "name four exchanges, or outcomes come back as events",
            )

    def read_url(self) -> str:
        """Return the broker's address with its credentials; raise `ConfigurationError` when none is set."""
        if self.url_file is not None:
            return read_secret("broker.url", self.url_file)
        if self.url is None:
            raise ConfigurationError(
                "broker.url", "it is missing", "set it, or broker.url_file, or CIRRUS_ADAPTER_BROKER__URL"
            )
        return self.url.get_secret_value()

    def topology(self) -> Topology:
        """Return the exchanges and queues to declare."""
        return Topology(
            events_exchange=self.events_exchange,
            intake_queue=self.intake_queue,
            bindings=self.bindings,
            urgent_exchange=self.urgent_exchange,
            urgent_queue=self.urgent_queue or None,
            outcomes_exchange=self.outcomes_exchange,
            dead_letter_queue=self.dead_letter_queue,
            dead_letter_exchange=self.dead_letter_exchange,
            delivery_limit=self.delivery_limit,
            outcomes_queue=self.outcomes_queue,
        )


class LedgerSettings(Section):
    """The database that holds what should be, what Cirrus confirmed, and what is still to be said."""

    url: SecretStr = Field(default=SecretStr(DEFAULT_LEDGER), examples=[DEFAULT_LEDGER])
    """A SQLite file, relative to the working directory, or `postgresql+psycopg://user:password@host:5432/database`."""

    url_file: Path | None = Field(default=None, examples=["/run/secrets/ledger-url"])
    """Name of a file that holds `url`, instead of `url`."""

    pool_size: int = Field(default=10, ge=1, le=100)
    """Connections of one process to PostgreSQL, at most."""

    statement_timeout_s: Seconds = 5
    """Seconds after which a statement is given up; the work is tried again."""

    seal_key: SecretStr | None = Field(default=None, examples=["A" * 43 + "="])
    """Key (32 bytes in base64, AES-256-GCM) that seals what is stored of people: names, scores, links, reasons. Several
    are divided by commas: the first seals, all open. Without a key all is stored as it is. To replace one:
    config/PRIVACY.md."""

    seal_key_file: Path | None = Field(default=None, examples=["/run/secrets/seal-key"])
    """Name of a file that holds `seal_key`, instead of `seal_key`."""

    journal_days: int = Field(default=400, ge=1, le=36_500)
    """Days that the journal is kept, which is what `explain` reads."""

    messages_days: int = Field(default=90, ge=1, le=36_500)
    """Days that message ids are kept; at least as long as the SIS may ever send an old message again."""

    outbox_days: int = Field(default=14, ge=1, le=36_500)
    """Days that outcome events are kept after the broker has confirmed them."""

    notices_days: int = Field(default=30, ge=1, le=36_500)
    """Days that notices of Cirrus' webhook are kept after they were looked at."""

    documents_days: int = Field(default=400, ge=1, le=36_500)
    """Days that the versions of results are kept for people to look at, with what Cirrus answered."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        given = self.url if "url" in self.model_fields_set else None
        problems = [
            *either_fault("url", given, self.url_file, required=False),
            *either_fault("seal_key", self.seal_key, self.seal_key_file, required=False),
        ]
        yield from problems
        if problems:
            return
        if self.read_url().partition("://")[0] not in LEDGER_SCHEMES:
            yield Fault("url", "it is neither SQLite nor PostgreSQL", "begin with sqlite:/// or postgresql+psycopg://")
        for key in self.read_seal_keys():
            try:
                read_key(key)
            except ValueError:
                yield Fault("seal_key", "it is not 32 bytes in base64", "make one with: cirrus-adapter ledger new-key")

    def read_url(self) -> str:
        """Return the ledger's address with its credentials."""
        if self.url_file is not None:
            return read_secret("ledger.url", self.url_file)
        return self.url.get_secret_value()

    def read_seal_keys(self) -> tuple[str, ...]:
        """Return the keys for what is stored of people, the one that seals first; empty without any."""
        if self.seal_key_file is not None:
            held = read_secret("ledger.seal_key", self.seal_key_file)
        else:
            held = self.seal_key.get_secret_value() if self.seal_key is not None else ""
        return tuple(key.strip() for key in held.split(",") if key.strip())


class ObserveSettings(Section):
    """The log, and the port for metrics and health."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written."""

    log_format: Literal["auto", "json", "console"] = "auto"
    """`json` is one object a line, `console` is for people; `auto` is `console` on a terminal, else `json`."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "127.0.0.1"
    """Address that /metrics, /livez and /readyz listen on; `0.0.0.0` in a container."""

    port: int = Field(default=9464, ge=0, le=65_535)
    """Port that they listen on; 0 takes any free one."""

    stall_after_s: float = Field(default=30, ge=5, le=3600)
    """Seconds without a turn after which a loop counts as stuck, and /livez fails."""


class IntakeSettings(Section):
    """What is accepted from the SIS."""

    future_tolerance_s: float = Field(default=300, ge=0, le=86_400)
    """Seconds that an event's time may lie in the future before the event is refused: clocks differ a little."""

    brake_fewest: int = Field(default=20, ge=5, le=1_000_000)
    """Messages after which the intake may pause because most of them failed in the same way. What it does not take
    stays in the queue, instead of becoming a dead letter."""

    brake_share: float = Field(default=0.5, ge=0.1, le=1)
    """Part of the last messages that has to have failed in the same way."""

    brake_window_s: float = Field(default=300, ge=1, le=86_400)
    """Seconds after which a message no longer counts as one of the last."""

    brake_pause_s: float = Field(default=60, ge=1, le=3600)
    """Seconds of the first pause, after which a few messages are tried; each further pause is twice as long."""

    brake_longest_s: float = Field(default=900, ge=1, le=86_400)
    """Seconds of a pause, at most."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        if self.brake_longest_s < self.brake_pause_s:
            yield Fault("brake_longest_s", "it is shorter than brake_pause_s", "make it longer")


class ProcessSettings(Section):
    """The process itself."""

    drain_s: float = Field(default=30, ge=1, le=600)
    """Seconds that a stop may take to finish what is under way. Whoever stops it has to wait longer than that."""
