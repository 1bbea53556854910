"""Tests of the search for canaries itself: a search that finds nothing proves nothing."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from tests.leaks.canaries import LINK_SECRET, MARKS, PERSON, SECRETS, leaks

ALL = {**PERSON, **SECRETS, **MARKS}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "write",
    [
        str,
        repr,
        ascii,
        str.upper,
        str.lower,
        json.dumps,
        lambda value: json.dumps(json.dumps(value)),
        lambda value: json.dumps({value: 1}, ensure_ascii=False),
        html.escape,
        quote,
        quote_plus,
        lambda value: b64encode(value.encode()).decode(),
        lambda value: b64encode(f"{{'a': '{value}'}}".encode()).decode(),
        lambda value: b64encode(f"ab{value}xyz".encode()).decode(),
        lambda value: urlsafe_b64encode(f"a{value}".encode()).decode(),
    ],
)
def test_a_canary_is_found_however_it_is_written(name: str, write: Callable[[str], str]) -> None:
    """Plain, quoted, escaped, in capitals, in a URL, and in base64 at any offset."""
    assert leaks(f"before {write(ALL[name])} after", ALL) == {name}
    assert leaks(f"before {write(ALL[name])} after".encode(), ALL) == {name}


def test_what_is_no_canary_is_not_found() -> None:
    """Ids, codes and ordinary words are nobody's."""
    assert leaks(f"message handled, outcome applied, S1000001, 61.8, ***, {LINK_SECRET}", ALL) == set()
