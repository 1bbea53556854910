"""Tests of external ids: what comes out always fits Cirrus' alphabet, and nothing is cut or confused in silence."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.mapping import IdMapping, Unmappable
from adapter.domain.steps import Hierarchy

REFUSE = IdMapping(Hierarchy("UNI", "University"))
DIGEST = IdMapping(Hierarchy("UNI", "University"), misfit="digest")
IDS = st.text(st.sampled_from("aB3-. _é\u0663\n") | st.characters(), max_size=70)


@given(IDS, st.sampled_from([REFUSE, DIGEST]))
def test_an_external_id_fits_or_is_refused(given_id: str, mapping: IdMapping) -> None:
    """Whatever the SIS calls it, Cirrus gets 1 to 60 letters, digits and dashes, or nothing."""
    try:
        found = mapping.external_id(given_id)
    except Unmappable:
        return
    assert re.fullmatch(r"[A-Za-z0-9-]{1,60}", found)
    assert found.isascii()


@given(IDS)
def test_an_external_id_is_never_cut(given_id: str) -> None:
    """Without digests, what comes out holds every character that was not explicitly to be stripped."""
    try:
        found = REFUSE.external_id(given_id)
    except Unmappable:
        return
    assert found == "".join(character for character in given_id if character not in REFUSE.strip)


@given(st.lists(IDS, min_size=2, max_size=6, unique=True))
def test_digests_keep_different_ids_apart(ids: list[str]) -> None:
    """Under `misfit="digest"` two ids of the SIS never meet in one external id."""
    found = [DIGEST.external_id(given_id) for given_id in ids if given_id]
    assert len(set(found)) == len(found)


def test_an_id_that_looks_like_a_digest_is_digested() -> None:
    """Nobody can be given the digest of somebody else's id by being called so."""
    digest = DIGEST.external_id("a b")
    assert re.fullmatch(r"x[0-9a-f]{40}", digest)
    assert digest != DIGEST.external_id(digest)


def test_digests_are_stable() -> None:
    """The rule never changes: schedules in Cirrus carry what it gave years ago."""
    assert DIGEST.external_id("a b") == "xc8687a08aa5d6ed2044328fa6a697ab8e96dc342"
    assert DIGEST.external_id("a-1") == "a-1"


@pytest.mark.parametrize(
    ("given_id", "expected"),
    [("12.345", "12345"), ("{3f2b-9}", "3f2b-9"), ("urn:sis:1", "urnsis1"), ("a" * 60, "a" * 60)],
)
def test_punctuation_is_taken_out(given_id: str, expected: str) -> None:
    """By default an id is reduced to the allowed alphabet by characters that institutions put in for show."""
    assert expected == REFUSE.external_id(given_id)


@pytest.mark.parametrize(
    ("given_id", "words"),
    [("", "empty"), ("...", "empty"), ("a" * 61, "61 characters"), ("Jos\u00e9", "letters, digits and dashes")],
)
def test_a_refused_id_says_why(given_id: str, words: str) -> None:
    """The SIS reads the reason in words."""
    with pytest.raises(Unmappable, match=words):
        REFUSE.external_id(given_id)


def test_an_empty_id_has_no_digest() -> None:
    """Nothing is not an id, whatever the rule for misfits."""
    with pytest.raises(Unmappable):
        DIGEST.external_id("")


def test_a_hierarchy_is_as_mapped_as_named_or_the_default() -> None:
    """An organisation is placed by the mapping, else by its own code and name, else in the tenant's default."""
    mapping = IdMapping(Hierarchy("UNI", "University"), hierarchies={"LAW": Hierarchy("L1", "Law School")})
    assert Hierarchy("L1", "Law School") == mapping.hierarchy("LAW", "Faculty of Law")
    assert Hierarchy("ART", "Arts") == mapping.hierarchy("ART", "Arts")
    for code, name in ((None, None), ("ART", None), ("ART", ""), ("A R T", "Arts")):
        assert Hierarchy("UNI", "University") == mapping.hierarchy(code, name)


def test_an_assessment_is_as_mapped_or_as_coded() -> None:
    """The test named for a sitting wins over the component; the mapping translates either."""
    mapping = IdMapping(Hierarchy("UNI", "University"), assessments={"MATH": "A-100"})
    assert mapping.assessment("MATH") == "A-100"
    assert mapping.assessment("PHYS.1") == "PHYS1"
    assert mapping.assessment("PHYS.1", ("MATH", "OTHER")) == "A-100"
