"""Traps that keep a process from ending while the broker is away."""

import threading
from time import monotonic

from tests.contract.broker_kit import PATIENCE, Broker, proxied


def test_p07_stop_with_the_broker_down(broker: Broker) -> None:
    """P7: kombu's reconnect loop does not look at `should_stop`; here neither the wait nor the close hangs on."""
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url)
        watched.consumer.receive(1, 0.0, 0.0)
        proxy.refuse()
        watched.turn_until(lambda: not watched.states[-1], "the loss")
        alarm = threading.Timer(0.3, watched.stop.set)
        alarm.start()
        started = monotonic()
        while not watched.stop.is_set():
            watched.consumer.receive(1, 3600.0, 0.0)
        watched.consumer.close()
        assert monotonic() - started < PATIENCE
        alarm.join()


def test_p07_stop_with_the_broker_frozen(broker: Broker) -> None:
    """P7: the goodbye is given up when its time is over."""
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url, heartbeat=3600.0)
        watched.consumer.receive(1, 0.0, 0.0)
        proxy.freeze()
        started = monotonic()
        watched.consumer.close(1.0)
        assert monotonic() - started < PATIENCE
        assert watched.states == [True, False]


def test_p07_waits_of_the_reconnect_grow_and_are_spread(broker: Broker) -> None:
    """P7, finding 3: a broker that is away is not hammered: few tries, further and further apart."""
    with proxied(broker.url) as (proxy, url):
        watched = broker.consumer(url=url)
        watched.consumer.receive(1, 0.0, 0.0)
        proxy.refuse()
        watched.turn_until(lambda: not watched.states[-1], "the loss")
        epochs = [watched.consumer._epoch]
        until = monotonic() + 3.0
        while monotonic() < until:
            watched.consumer.receive(1, 0.1, 0.0)
        epochs.append(watched.consumer._epoch)
        assert epochs[1] - epochs[0] <= 4
