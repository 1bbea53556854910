"""The brake of the intake: when it goes on, what is tried meanwhile, and when it goes off."""

from adapter.flow.brake import LARGEST_PROBE, PROBE, REMEMBERED, Brake, BrakeRules

BAD = "bad-data"
RULES = BrakeRules(fewest=20, share=0.5, window=300, pause=60, longest=200)


class Watched:
    """A brake on a clock that the test moves."""

    def __init__(self, rules: BrakeRules = RULES) -> None:
        """Begin with the brake off."""
        self.seconds = 1000.0
        self.brake = Brake(rules, lambda: self.seconds)

    def on(self) -> "Watched":
        """Put the brake on."""
        assert self.brake.judge([BAD] * 50) == 20
        return self

    def wait(self) -> float:
        """Let the pause pass; return how long it was."""
        left = self.brake.left
        assert self.brake.allows(500) == 0
        self.seconds += left
        return left


def test_a_few_failures_are_buried() -> None:
    """Below the number that says anything, each is its own."""
    watched = Watched()
    assert watched.brake.judge([BAD] * 19) == 19
    assert (watched.brake.reason, watched.brake.allows(500)) == (None, 500)


def test_most_messages_failing_alike_put_it_on() -> None:
    """From the message on that makes it too much, nothing is buried: the rest stays in the queue."""
    watched = Watched()
    assert watched.brake.judge([BAD] * 500) == 20
    assert (watched.brake.reason, watched.brake.left, watched.brake.allows(500)) == (BAD, 60, 0)


def test_it_makes_no_difference_how_they_are_batched() -> None:
    """A SIS that sends slowly is stopped after as many."""
    watched = Watched()
    assert sum(watched.brake.judge([BAD]) for _ in range(20)) == 20
    assert watched.brake.reason == BAD


def test_less_than_the_share_is_what_dead_letters_are_for() -> None:
    """Two of five may fail for ever; every second one may not."""
    watched = Watched()
    for _ in range(100):
        assert watched.brake.judge([None, None, None, BAD, BAD]) == 5
    for _ in range(REMEMBERED):
        watched.brake.judge([None, BAD])
    assert watched.brake.reason == BAD


def test_failures_of_many_kinds_are_no_common_cause() -> None:
    """The same reason has to account for the share."""
    watched = Watched()
    for _ in range(50):
        watched.brake.judge(["not-json", "bad-envelope", BAD])
    assert watched.brake.reason is None


def test_what_is_long_ago_does_not_count() -> None:
    """A bad message an hour is not a flood."""
    watched = Watched()
    for _ in range(100):
        watched.brake.judge([BAD])
        watched.seconds += 3600
    assert watched.brake.reason is None


def test_a_million_good_ones_hide_no_flood() -> None:
    """The share is taken of the last hundred: half of them is what a wrong deployment may cost."""
    watched = Watched()
    watched.brake.judge([None] * 10_000)
    assert watched.brake.judge([BAD] * 10_000) == REMEMBERED // 2


def test_after_the_pause_a_few_are_tried_and_the_pauses_double() -> None:
    """While all of them fail, up to the longest pause."""
    watched = Watched().on()
    pauses = []
    for _ in range(4):
        pauses.append(watched.wait())
        assert watched.brake.allows(500) == PROBE
        assert watched.brake.judge([BAD] * PROBE) == PROBE
    assert pauses == [60, 120, 200, 200]


def test_one_good_probe_takes_it_off() -> None:
    """What failed before is forgotten, so that it takes as many failures as at first."""
    watched = Watched().on()
    watched.wait()
    assert watched.brake.judge([None, None, BAD]) == 3
    assert (watched.brake.reason, watched.brake.left, watched.brake.allows(500)) == (None, 0, 500)
    assert watched.brake.judge([BAD] * 50) == 20


def test_a_sender_that_fails_does_not_stop_the_others_for_ever() -> None:
    """While some of what is tried is good, the pauses stay short and more is tried each time."""
    watched = Watched().on()
    tried = []
    for _ in range(6):
        assert watched.wait() == 60
        tried.append(watched.brake.allows(500))
        watched.brake.judge([None, BAD] * (tried[-1] // 2))
    assert tried == [5, 10, 20, 40, LARGEST_PROBE, LARGEST_PROBE]
    watched.wait()
    watched.brake.judge([BAD] * 5)
    watched.wait()
    assert watched.brake.allows(500) == PROBE


def test_another_reason_after_a_pause_is_told() -> None:
    """Operators see why the last ones failed, not why the first ones did."""
    watched = Watched().on()
    watched.wait()
    watched.brake.judge(["unknown-type"] * PROBE)
    assert watched.brake.reason == "unknown-type"
