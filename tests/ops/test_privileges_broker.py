"""Tests of the broker's rights on config/PRIVILEGES.md: they suffice, each is needed, and a missing one is named."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from urllib.parse import urlsplit, urlunsplit

import pytest
from kombu import Connection

from adapter.broker import Consumer, Failed, Message, Published, Publisher, Topology, declare, ready
from adapter.errors import TopologyError
from tests.ops.privileges import BrokerRights, broker_rights
from tests.services import rabbit as rmq
from tests.unit.webhook_kit import logged
from tests.values import replace

pytestmark = pytest.mark.timeout(300)  # each right is given by a command of the server

TOPOLOGY = Topology()
RIGHTS = broker_rights()
NOTHING = "^$"


@dataclass(frozen=True)
class Place:
    """One virtual host and the users of the page, each with the rights that the page gives it."""

    url: str
    server: rmq.RabbitServer

    def of(self, user: str) -> str:
        """Return the URL of one user."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=f"{user}:{user}@{parts.hostname}:{parts.port}"))

    def give(self, rights: BrokerRights) -> None:
        """Give a user exactly these rights."""
        vhost = urlsplit(self.url).path[1:]
        patterns = (rights.configure, rights.write, rights.read)
        self.server.ctl("set_permissions", "--vhost", vhost, rights.user, *patterns)


@pytest.fixture(scope="module")
def users(rabbit: rmq.RabbitServer) -> Iterator[rmq.RabbitServer]:
    """Lend a server that has the users of the page."""
    rabbit.ensure_running()
    for user in RIGHTS:
        rabbit.ctl("add_user", user, user)
    yield rabbit
    for user in RIGHTS:
        rabbit.ctl("delete_user", user)


@pytest.fixture
def place(users: rmq.RabbitServer) -> Iterator[Place]:
    """Lend an empty virtual host in which the users have their rights."""
    url = rmq.create_vhost(users.admin_url, users.url)
    place = Place(url, users)
    for rights in RIGHTS.values():
        place.give(rights)
    yield place
    rmq.delete_vhost(users.admin_url, url)


def say(url: str, exchange: str) -> object:
    """Publish one message and return its receipt."""
    publisher = Publisher(url, mandatory=False)
    try:
        (receipt,) = publisher.publish([Message("1", exchange, "uni.x", b"{}", {}, "application/json")])
        return receipt
    finally:
        publisher.close()


def hear(url: str, queue: str) -> list[bytes]:
    """Take what a queue holds, and acknowledge it."""
    stop = Event()
    consumer = Consumer(url, queue, jitter=lambda: 0.0, on_state=lambda _: None, stop=stop)
    try:
        taken = consumer.receive(10, 5.0, 0.1)
        consumer.settle(taken)
        return [delivery.body for delivery in taken]
    finally:
        stop.set()
        consumer.close()


def test_everybody_can_do_their_part(place: Place) -> None:
    """The deployment declares, the SIS says, the adapter hears and tells, others hear outcomes and dead letters."""
    declare(place.of("adapter-deploy"), TOPOLOGY)
    ready(place.of("adapter-run"), TOPOLOGY)
    with Connection(place.of("sis-outcomes")) as connection, connection.channel() as channel:
        channel.queue_declare(queue="sis.outcomes.1", durable=True, auto_delete=False)
        channel.queue_bind(queue="sis.outcomes.1", exchange=TOPOLOGY.outcomes_exchange, routing_key="#")
    assert isinstance(say(place.of("sis-events"), TOPOLOGY.events_exchange), Published)
    assert hear(place.of("adapter-run"), TOPOLOGY.intake_queue) == [b"{}"]
    assert isinstance(say(place.of("adapter-run"), TOPOLOGY.outcomes_exchange), Published)
    assert hear(place.of("sis-outcomes"), "sis.outcomes.1") == [b"{}"]
    assert isinstance(say(place.of("adapter-run"), TOPOLOGY.dead_letter_exchange), Published)
    assert hear(place.of("dead-letters"), TOPOLOGY.dead_letter_queue) == [b"{}"]


@pytest.mark.parametrize(
    ("user", "exchange"),
    [
        ("sis-events", TOPOLOGY.outcomes_exchange),
        ("sis-events", TOPOLOGY.dead_letter_exchange),
        ("sis-outcomes", TOPOLOGY.events_exchange),
        ("dead-letters", TOPOLOGY.events_exchange),
        ("adapter-run", TOPOLOGY.events_exchange),
    ],
)
def test_nobody_can_speak_for_others(user: str, exchange: str, place: Place) -> None:
    """No user publishes where it has nothing to say: the SIS no outcomes, the adapter no events."""
    declare(place.url, TOPOLOGY)
    receipt = say(place.of(user), exchange)
    assert isinstance(receipt, Failed)
    assert f"access to exchange '{exchange}'" in receipt.detail


@pytest.mark.parametrize("user", ["sis-events", "sis-outcomes", "dead-letters", "adapter-run"])
def test_nobody_but_the_deployment_can_declare(user: str, place: Place) -> None:
    """A worker that meets an empty broker says what is missing and does not make it."""
    with pytest.raises(TopologyError, match=r"exchange sis\.events"):
        ready(place.of(user), TOPOLOGY)


def test_who_may_configure_nothing_still_sees_what_is_missing(place: Place) -> None:
    """The worker starts only if all is there, and names what is not."""
    declare(place.url, TOPOLOGY)
    with Connection(place.url) as connection, connection.channel() as channel:
        channel.queue_delete(queue=TOPOLOGY.dead_letter_queue)
    with pytest.raises(TopologyError, match=r"queue cirrus-adapter\.dead is missing"):
        ready(place.of("adapter-run"), TOPOLOGY)


def needed() -> Iterator[tuple[str, str]]:
    """Yield each name that the deployment has to have in one of its patterns."""
    for kind in ("configure", "write", "read"):
        for name in (*TOPOLOGY.exchanges, *TOPOLOGY.queues):
            if re.search(getattr(RIGHTS["adapter-deploy"], kind), name):
                yield kind, name


@pytest.mark.parametrize(("kind", "name"), sorted(set(needed())))
def test_each_right_of_the_deployment_is_needed(kind: str, name: str, place: Place) -> None:
    """Without any one of them declaring fails, or warns of a binding that it could not make, and names where."""
    rights = RIGHTS["adapter-deploy"]
    without = f"^(?!{re.escape(name)}$){getattr(rights, kind).lstrip('^')}"
    place.give(replace(rights, **{kind: without}))
    refused = ""
    with logged("warning") as log:
        try:
            declare(place.of("adapter-deploy"), TOPOLOGY)
        except TopologyError as error:
            refused = str(error)
    assert name in refused or ("topology_binding_unseen" in log.getvalue() and name in log.getvalue())


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ({"read": r"^cirrus-adapter\.urgent$"}, "access to queue 'cirrus-adapter.intake'"),
        ({"read": r"^cirrus-adapter\.intake$"}, "access to queue 'cirrus-adapter.urgent'"),
        ({"write": r"^cirrus\.events$"}, "access to exchange 'cirrus-adapter.dead'"),
        ({"write": r"^cirrus-adapter\.dead$"}, "access to exchange 'cirrus.events'"),
    ],
)
def test_each_right_of_the_worker_is_needed_and_missed_by_name(lost: dict[str, str], named: str, place: Place) -> None:
    """Without one of them the log of the loop that needs it says which it is."""
    declare(place.url, TOPOLOGY)
    place.give(replace(RIGHTS["adapter-run"], **lost))
    with logged("info") as log:
        if "read" in lost:
            assert hear(place.of("adapter-run"), named.split("'")[1]) == []
        else:
            say(place.of("adapter-run"), named.split("'")[1])
    assert named in log.getvalue()
