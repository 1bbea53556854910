"""Traps that `run` refuses to start into: one line, exit code 4, and nothing was started."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import urlsplit

import kombu
import pytest
import sqlalchemy as sa

from adapter.broker import Published, Topology, declare, verify
from adapter.cli.console import Exit
from adapter.errors import TopologyError
from adapter.ledger.migrate import needed
from tests.contract.broker_kit import Broker, bodies, broker_at
from tests.integration import cli_kit as kit
from tests.services.rabbit import RabbitServer
from tests.traps.test_dead_letters import crash, letters
from tests.values import replace

DOCUMENTED = Path(__file__).parents[2] / "config" / "BROKER.md"
NOWHERE = "http://127.0.0.1:1"
TOPOLOGY = Topology()
SAFE = dict(TOPOLOGY.queues[TOPOLOGY.intake_queue])


def start(folder: Path, *, broker: str, ledger: str) -> CompletedProcess[str]:
    """Run `cirrus-adapter run`, which has to end by itself."""
    return kit.command("run", file=kit.write_settings(folder, broker=broker, ledger=ledger, api=NOWHERE))


def refusal(done: CompletedProcess[str], code: Exit = Exit.UNAVAILABLE) -> str:
    """Return the one line that is no log line, of a start that began nothing."""
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode == code
    assert '"started"' not in done.stderr
    assert "broker_connected" not in done.stderr
    return line


@contextmanager
def restricted(rabbit: RabbitServer, url: str, *, configure: str, write: str, read: str) -> Iterator[str]:
    """Lend the URL of a user with these rights and no others."""
    rabbit.ctl("add_user", "restricted", "secret")
    try:
        rabbit.ctl("set_permissions", "-p", urlsplit(url).path[1:], "restricted", configure, write, read)
        yield url.replace("guest:guest@", "restricted:secret@")
    finally:
        rabbit.ctl("delete_user", "restricted")


def unbind_dead_letters(url: str) -> None:
    """Take the queue off the dead-letter exchange."""
    with kombu.Connection(url) as connection:
        connection.channel().queue_unbind(TOPOLOGY.dead_letter_queue, TOPOLOGY.dead_letter_exchange, "#")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({name: value for name, value in SAFE.items() if "dead-letter" not in name}, "x-dead-letter-exchange"),
        ({"x-queue-type": "quorum"}, "x-"),
        ({**SAFE, "x-dead-letter-exchange": "elsewhere"}, "x-dead-letter-exchange"),
        ({**SAFE, "x-delivery-limit": 5}, "x-delivery-limit"),
        ({"x-queue-type": "classic", "x-dead-letter-exchange": TOPOLOGY.dead_letter_exchange}, "x-"),
    ],
    ids=["no dead-letter exchange", "no limit", "other dead-letter exchange", "other limit", "classic"],
)
def test_b04_an_intake_queue_that_is_not_safe(
    tmp_path: Path, amqp_url: str, arguments: dict[str, object], named: str
) -> None:
    """Finding 9, B4: a delivery limit without a dead-letter exchange deletes, and a classic queue is not replicated."""
    with kombu.Connection(amqp_url) as connection:
        connection.channel().queue_declare(TOPOLOGY.intake_queue, durable=True, auto_delete=False, arguments=arguments)
    line = refusal(start(tmp_path, broker=amqp_url, ledger="sqlite:///l.db"))
    assert f"queue {TOPOLOGY.intake_queue} exists with other arguments" in line
    assert f"inequivalent arg '{named}" in line
    assert "cirrus-adapter topology apply" in line


def test_b04_a_policy_in_the_place_of_arguments(tmp_path: Path, private_url: str, rabbit: RabbitServer) -> None:
    """Finding 9, B4: what a policy gives, a policy may take: a queue with the limit and no exchange of its own."""
    arguments = {name: value for name, value in SAFE.items() if "dead-letter" not in name}
    with kombu.Connection(private_url) as connection:
        connection.channel().queue_declare(TOPOLOGY.intake_queue, durable=True, auto_delete=False, arguments=arguments)
    policy(rabbit, private_url, f'{{"dead-letter-exchange": "{TOPOLOGY.dead_letter_exchange}"}}')
    assert "inequivalent arg 'x-dead-letter-exchange'" in refusal(
        start(tmp_path, broker=private_url, ledger="sqlite:///l.db")
    )


def policy(rabbit: RabbitServer, url: str, definition: str, pattern: str = ".*") -> None:
    """Apply a policy to the queues of this virtual host."""
    rabbit.ctl("set_policy", "-p", urlsplit(url).path[1:], "--apply-to", "queues", "theirs", pattern, definition)


def test_b04_a_policy_cannot_take_the_dead_letters_away(private_url: str, rabbit: RabbitServer) -> None:
    """Finding 9, B4: a policy with a low limit and another exchange shortens the limit; our exchange stands."""
    with broker_at(private_url) as broker:
        policy(rabbit, private_url, '{"delivery-limit": 1, "dead-letter-exchange": ""}', "^intake")
        verify(broker.url, broker.topology)
        broker.fill(2)
        for _ in range(2):
            crash(broker, prefetch=2)
        assert sorted(bodies(letters(broker).take(2))) == [b"event 0", b"event 1"]


def test_b04_a_policy_on_the_dead_letters_cannot_be_seen(private_url: str, rabbit: RabbitServer) -> None:
    """Finding 9, B4: AMQP shows no policy; one that deletes dead letters passes each check (config/BROKER.md)."""
    with broker_at(private_url) as broker:
        policy(rabbit, private_url, '{"delivery-limit": 0}', "^dead")
        declare(broker.url, broker.topology)
        verify(broker.url, broker.topology)
        dead = broker.topology.dead_letter_queue
        broker.publisher().publish([broker.event(1, exchange=broker.topology.dead_letter_exchange)])
        crash(broker, prefetch=1, queue=dead)
        assert letters(broker).take(1, patience=2.0) == []


def test_f09_dead_letters_that_nobody_would_keep(tmp_path: Path, private_url: str, rabbit: RabbitServer) -> None:
    """Finding 9: `run` binds the dead-letter queue anew; where it may not, and nobody has, it does not start."""
    declare(private_url, TOPOLOGY)
    unbind_dead_letters(private_url)
    with restricted(rabbit, private_url, configure=".*", write=".*", read=r"^(sis\.events|.*intake)$") as url:
        line = refusal(start(tmp_path, broker=url, ledger="sqlite:///l.db"))
    assert f"no queue is bound to the dead-letter exchange {TOPOLOGY.dead_letter_exchange}" in line


def test_f09_dead_letters_that_may_not_be_written(tmp_path: Path, private_url: str, rabbit: RabbitServer) -> None:
    """Finding 9: a user who may neither bind nor publish a dead letter could never get rid of one."""
    declare(private_url, TOPOLOGY)
    with restricted(rabbit, private_url, configure=".*", write="^$", read=".*") as url:
        line = refusal(start(tmp_path, broker=url, ledger="sqlite:///l.db"))
    assert f"exchange {TOPOLOGY.dead_letter_exchange} takes no dead letters from this user" in line


def test_f09_the_check_finds_dead_letters_that_nobody_would_keep(broker: Broker) -> None:
    """Finding 9: `topology check` tries it with a letter that expires at once, and leaves nothing behind."""
    topology = broker.topology
    verify(broker.url, topology)
    assert letters(broker).take(1, patience=1.0) == []
    assert broker.depth(topology.dead_letter_queue) == 0
    with kombu.Connection(broker.url) as connection:
        connection.channel().queue_unbind(topology.dead_letter_queue, topology.dead_letter_exchange, "#")
    with pytest.raises(TopologyError, match="no queue is bound to the dead-letter exchange"):
        verify(broker.url, topology)


def test_the_documented_rights_are_enough(private_url: str, rabbit: RabbitServer) -> None:
    """The rights of config/BROKER.md make all but the exchanges of the SIS, which have to be there."""
    rights = dict(re.findall(r"^\| (configure|write|read) \| `(\S+)`", DOCUMENTED.read_text(), re.MULTILINE))
    rights = {name: pattern.replace("\\|", "|") for name, pattern in rights.items()}
    with restricted(rabbit, private_url, **rights) as url:
        with pytest.raises(TopologyError, match=r"exchange sis\.events may not be configured by this user"):
            declare(url, TOPOLOGY)
        with kombu.Connection(private_url) as connection:
            for exchange in (*TOPOLOGY.inlets.values(), TOPOLOGY.outcomes_exchange):
                connection.channel().exchange_declare(exchange, "topic", durable=True, auto_delete=False)
        declare(url, TOPOLOGY)
        verify(url, TOPOLOGY)
        Broker(private_url, TOPOLOGY).fill(1)
        user = Broker(url, TOPOLOGY)
        [event] = user.consumer().take(1)
        letter = replace(user.event(2), exchange=TOPOLOGY.dead_letter_exchange)
        assert user.publisher().publish([letter]) == [Published("event-2")]
        user.close()
    assert event.body == b"event 0"


def test_bindings_may_be_an_administrators(private_url: str, rabbit: RabbitServer) -> None:
    """Where all is there and bound, a user that may bind nothing can start."""
    own = r"^cirrus-adapter\."
    declare(private_url, TOPOLOGY)
    with restricted(rabbit, private_url, configure=own, write=own, read="intake$") as url:
        declare(url, TOPOLOGY)


@pytest.mark.parametrize(
    ("migration", "told"),
    [
        (None, f"is at migration none, this version needs {needed()}; run: cirrus-adapter ledger migrate"),
        ("0001", f"is at migration 0001, this version needs {needed()}; run: cirrus-adapter ledger migrate"),
        (
            "9999",
            f"is at migration 9999, which this version does not know: it needs {needed()}; run the version that has",
        ),
    ],
    ids=["none", "older", "newer"],
)
def test_a_ledger_at_another_migration(
    tmp_path: Path, amqp_url: str, postgres_url: str, migration: str | None, told: str
) -> None:
    """Neither an older nor a newer version's ledger is written to, and no message is taken for it."""
    file = kit.write_settings(tmp_path, broker=amqp_url, ledger=postgres_url, api=NOWHERE)
    if migration is not None:
        assert kit.command("ledger", "migrate", file=file).returncode == 0
        engine = sa.create_engine(postgres_url)
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE alembic_version SET version_num = :at"), {"at": migration})
        engine.dispose()
    declare(amqp_url, TOPOLOGY)
    kit.publish(amqp_url, [kit.exam()])
    assert told in refusal(kit.command("run", file=file))
    assert Broker(amqp_url, TOPOLOGY).depth() == 1


def test_a_newer_ledger_is_not_migrated_back(tmp_path: Path, postgres_url: str) -> None:
    """`ledger migrate` of an older version leaves a newer ledger as it is, and says so in one line."""
    file = kit.write_settings(tmp_path, broker="amqp://127.0.0.1:1", ledger=postgres_url, api=NOWHERE)
    assert kit.command("ledger", "migrate", file=file).returncode == 0
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    line = refusal(kit.command("ledger", "migrate", file=file), Exit.FAILURE)
    assert "is at migration 9999, which this version does not know" in line


@pytest.mark.parametrize("url", ["memory://", "filesystem://", "sqla+sqlite:///broker.db", "confluentkafka://h"])
def test_f08_a_broker_that_loses_data(tmp_path: Path, url: str) -> None:
    """Finding 8, B6: such a broker drops at the latest at a crash what is in hand; it is for the demo only."""
    line = refusal(start(tmp_path, broker=url, ledger="sqlite:///l.db"), Exit.CONFIGURATION)
    assert "broker.url: such a broker loses what is in hand" in line
