"""The budget of retries: what failed is repeated, and not so often that it becomes the load."""

from adapter.flow.retries import KEPT_FOR_URGENT, LONGEST_WAIT, SAVED, Budget, Retries
from tests.unit.flow_kit import Watch


def spent(watch: Watch, retries: Retries) -> Budget:
    """Return a budget that is spent, but for a part of one."""
    budget = Budget(retries, watch)
    for _ in range(int(SAVED)):
        assert budget.retry(urgent=True) == 0
    return budget


def test_retries_are_a_share_of_the_fresh_calls() -> None:
    """A hundred fresh calls pay for twenty retries, and no more, however many ask."""
    budget = spent(Watch(), Retries(share=0.2, a_second=1e-9))
    granted = 0
    for _ in range(100):
        budget.earn()
        granted += budget.retry(urgent=True) == 0
        budget.retry(urgent=True)
    assert granted == 20


def test_some_retries_are_granted_in_any_case() -> None:
    """Without fresh work what failed still comes to its end, at the rate of the settings."""
    watch = Watch()
    budget = spent(watch, Retries(share=0.0, a_second=2.0))
    granted = 0
    for _ in range(100):
        watch.now += 0.1
        granted += budget.retry(urgent=True) == 0
    assert granted == 20


def test_a_quiet_time_saves_up_no_burst() -> None:
    """After a day of nothing there are as many retries as after a minute."""
    watch = Watch()
    budget = Budget(Retries(a_second=1.0), watch)
    watch.now += 86_400
    for _ in range(1000):
        budget.earn()
    assert sum(budget.retry(urgent=True) == 0 for _ in range(100)) == SAVED


def test_the_last_of_the_budget_is_for_urgent_work() -> None:
    """When little is left, an exam within the hour goes before one of next week."""
    watch = Watch()
    budget = Budget(Retries(), watch)
    while not budget.retry(urgent=False):
        pass
    assert sum(budget.retry(urgent=True) == 0 for _ in range(100)) == KEPT_FOR_URGENT


def test_those_who_find_nothing_left_come_back_one_by_one() -> None:
    """Each is told a later time, up to a minute; urgent work asks again as soon as there may be one."""
    budget = spent(Watch(), Retries(a_second=0.5))
    assert [budget.retry(urgent=False) for _ in range(3)] == [2.0, 4.0, 6.0]
    assert budget.retry(urgent=True) == 2.0
    for _ in range(100):
        budget.retry(urgent=False)
    assert budget.retry(urgent=False) == LONGEST_WAIT
