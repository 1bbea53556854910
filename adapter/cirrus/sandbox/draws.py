"""Chance drawn from the seed: the same question has the same answer in every run, in whatever order it is asked."""

from hashlib import blake2b


def draw(*said: object) -> float:
    """Return a number in [0, 1) that follows from the words said, of which the first is the seed."""
    words = ":".join(str(word) for word in said)
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest()) / 2**64


def draw_whole(least: int, most: int, *said: object) -> int:
    """Return a whole number from `least` to `most`, both included, that follows from the words said."""
    return least + int(draw(*said) * (most - least + 1))
