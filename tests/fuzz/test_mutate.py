"""The mutator: the same chances make the same input, and what it makes is hostile in more ways than one."""

import gzip
import signal
from collections import Counter
from itertools import count
from random import Random

import orjson
import pytest

from tests.fuzz import nasties
from tests.fuzz.mutate import mutated
from tests.fuzz.promises import CANARY, Broken, parts, promise, unquoted
from tests.fuzz.run import told, watched
from tests.fuzz.surfaces import SURFACES

SEEDS = SURFACES["message"].seeds


def made(seed: int, number: int) -> list[bytes]:
    """Return so many inputs."""
    chances = Random(seed)
    return [mutated(SEEDS, chances) for _ in range(number)]


def test_the_same_seed_makes_the_same_inputs() -> None:
    """What a run has found is found again."""
    assert made(7, 200) == made(7, 200)
    assert made(7, 200) != made(8, 200)


def test_the_inputs_are_neither_all_good_nor_all_garbage() -> None:
    """Enough of them are still JSON to come past the parser, and hardly one is as it was."""
    inputs = made(1, 2_000)
    read = Counter(_is_json(parts(given, 2)[1]) for given in inputs)
    assert read[True] > 500
    assert read[False] > 300
    assert len({*inputs} - {*SEEDS}) > 1_900


def test_each_nasty_value_is_what_its_name_says() -> None:
    """Those that are JSON are read as such, the others are refused; the bomb is one."""
    refused = {name for name, value in nasties.VALUES.items() if not _is_json(value)}
    assert {"overlong slash, raw", "NaN", "high half, escaped", "leading zero", "not json"} <= refused
    assert not {"empty", "up and over", "same key twice", "300 levels", "many keys"} & refused
    bomb = nasties.HEAVY["gzip bomb"]()
    assert len(gzip.decompress(bomb)) > 900 * len(bomb)


def test_a_broken_promise_is_told() -> None:
    """A surface that quotes its input, or ends as it should not, is caught."""
    with pytest.raises(Broken, match="the log quotes the input"):
        unquoted("the log", f"so says {CANARY}")
    with pytest.raises(Broken, match="no end") as caught:
        promise((), "no end")
    assert told(caught.value).startswith("Broken at promises.py:")


def test_an_input_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What computes for ever is told as a broken promise, and an alarm that was set before is set again."""
    monkeypatch.setattr("tests.fuzz.run.LONGEST", 0.05)
    before = signal.getitimer(signal.ITIMER_REAL)[0]
    with pytest.raises(Broken, match="hung"), watched():
        for _ in count():
            pass
    assert (signal.getitimer(signal.ITIMER_REAL)[0] > 0) is (before > 0)


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except ValueError:
        return False
    return True
