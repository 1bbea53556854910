"""Latency: what is slow is told from what always takes long, and what is one call from what is many."""

from itertools import chain, repeat

from adapter.flow.latency import FLOOR, MEMORY, Latency


def signs(latency: Latency, operation: str, *seconds: float) -> int:
    """Return how many times these calls have made Cirrus slow."""
    return sum(latency.slow(operation, each) for each in seconds)


def test_many_calls_that_take_longer_than_usual_are_a_sign() -> None:
    """And then the comparison begins anew."""
    latency = Latency()
    assert signs(latency, "read", *repeat(1.0, 50)) == 0
    assert signs(latency, "read", *repeat(5.0, 10)) == 1


def test_one_call_is_no_sign() -> None:
    """However long it hung."""
    latency = Latency()
    assert signs(latency, "read", *repeat(1.0, 50), 300.0, *repeat(1.0, 50), 300.0) == 0


def test_a_kind_of_call_that_always_takes_long_is_no_sign() -> None:
    """Each is compared with its own kind."""
    latency = Latency()
    assert signs(latency, "read", *repeat(0.6, 50)) == 0
    assert signs(latency, "create", *repeat(20.0, 50)) == 0


def test_what_is_fast_enough_is_no_sign() -> None:
    """Ten times as long as next to nothing is still not long."""
    assert signs(Latency(), "read", *chain(repeat(0.01, 50), repeat(FLOOR, 50))) == 0


def test_a_cirrus_that_stays_slow_is_the_usual_one() -> None:
    """Some hundreds of calls later nobody is slowed down any more."""
    latency = Latency()
    assert signs(latency, "read", 1.0, *repeat(3.0, 3 * MEMORY)) > 0
    assert signs(latency, "read", *repeat(3.0, 100)) == 0
