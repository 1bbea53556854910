"""A burst: it lasts from the first full batch of a tenant to the first batch that says it is over."""

from adapter.flow.burst import Burst


class _Watch:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_lasts_until_a_batch_is_not_full() -> None:
    """It is counted from its first full batch; what comes after its end is a new one."""
    watch = _Watch()
    burst = Burst(watch)
    assert burst.seconds("a") is None
    for moment in (100.0, 103.0):
        watch.now = moment
        burst.saw({"a"}, full=True)
    watch.now = 107.0
    assert burst.seconds("a") == 7.0
    burst.saw({"a"}, full=False)
    assert burst.seconds("a") is None
    burst.saw({"a"}, full=True)
    assert burst.seconds("a") == 0.0


def test_a_burst_is_of_those_whose_events_come() -> None:
    """One university's season holds up nothing of another's."""
    watch = _Watch()
    shown: list[tuple[str, bool]] = []
    burst = Burst(watch, lambda tenant, begins: shown.append((tenant, begins)))
    burst.saw({"a", "b"}, full=True)
    watch.now = 101.0
    burst.saw({"a", "c"}, full=True)
    assert [burst.seconds(tenant) for tenant in "abc"] == [1.0, None, 0.0]
    burst.saw({"a"}, full=False)
    assert shown == [("a", True), ("b", True), ("c", True), ("b", False), ("a", False), ("c", False)]
