"""Whether a message speaks of a person: what may go with an erasure, and what must stay."""

import orjson
import pytest

from adapter.domain.naming import speaks_of, without

NAMES = ("person-12", "s1234567", "ada@uni.example", "p1")
TENANT = "uni.example"


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": {"personId": "person-12"}}',
        b'{"person-12": 1}',
        b'{"tenant": "uni.example", "list": [{"code": "S1234567"}]}',
        b'{"number": "mail ADA@uni.example, please"}',
        b'{"short": "p1"}',
        b'{"cut": "s1234567',
        b'{"cut": "\\u00731234567", "x":',
        b"to: ada@uni.example\n",
        b'not json, but "p1" in it',
        b"\xff\xfe s1234567",
        b'"person-12."',
    ],
)
def test_an_id_or_a_mail_address_is_found(body: bytes) -> None:
    """In any place and case, in what can be read and in what cannot."""
    assert speaks_of(body, NAMES, TENANT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"data": {"personId": "person-123"}}',
        b'{"data": {"personId": "aperson-12"}}',
        b'{"code": "s12345678"}',
        b'{"mail": "ada@uni.example.org"}',
        b'{"mail": "xada@uni.example"}',
        b'{"text": "p1 and p2"}',
        b'{"tenant": "college.example", "personId": "person-12"}',
        b"p1 and p10",
        b"s1234567-a",
    ],
)
def test_what_is_somebody_elses_is_not(body: bytes) -> None:
    """Neither a longer id, nor another tenant's, nor a short word that stands there by chance."""
    assert not speaks_of(body, NAMES, TENANT)


def test_no_name_names_nobody() -> None:
    """An empty text is in every message."""
    assert not speaks_of(b'{"a": ""}', ("",), TENANT)


def test_a_number_may_be_an_id() -> None:
    """Some systems write student numbers as numbers."""
    assert speaks_of(orjson.dumps({"studentNumber": 1234567}), ("1234567",), TENANT)


def test_a_person_is_taken_out_of_what_is_known() -> None:
    """As a key, as an item and as a value; everything else stays."""
    known = {
        "absent": ["s1", "s2"],
        "seats": {"s1": {}, "s2": {}},
        "who": "s1",
        "deep": [{"of": "s1", "n": 0}],
    }
    assert without(known, frozenset({"s1"})) == {"absent": ["s2"], "seats": {"s2": {}}, "deep": [{"n": 0}]}
