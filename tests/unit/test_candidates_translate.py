"""Tests of reading events about students: each type, each bad field with its JSON path, and no leak of a name."""

from typing import Any

import pytest

from adapter.domain.applying import apply
from adapter.domain.envelope import Parsed
from adapter.domain.mapping import IdMapping
from adapter.domain.records import CANDIDATE, Change, Ref
from adapter.domain.steps import Hierarchy
from adapter.domain.version import Rank
from adapter.errors import InvalidMessage
from handlers.people import MENTION, NEEDS, PERSON
from tests.unit.builders import (
    MAPPING,
    Event,
    accommodated,
    booked,
    changes,
    code,
    enrolled,
    merged,
    read,
    updated,
    withdrawn,
)
from tests.unit.wrong import Wrong, spoil
from tests.values import replace

P1 = Ref(CANDIDATE, "p1")


def by_facet(event: Event, mapping: IdMapping = MAPPING) -> dict[str, Change]:
    """Translate an event, its changes by facet."""
    return {change.facet: change for change in changes(event, mapping)}


def test_an_enrolment_makes_the_candidate_and_its_place() -> None:
    """The person is spoken of by the SIS itself; the enrolment is a facet of its own."""
    mapping = IdMapping(Hierarchy("UNI", "University"), hierarchies={"BSC": Hierarchy("H1", "Bachelor")})
    event = enrolled("1", surnamePrefix="van der")
    event.data["programOfferingAssociation"]["offering"] = {"offeringId": "x", "primaryCode": code("BSC")}
    found = by_facet(event, mapping)
    assert {PERSON, "enrolment:e1"} == set(found)
    assert found[PERSON].statement.data == {
        "first": "Given1",
        "last": "van der Sur1",
        "mail": "s1@uni.example",
        "hierarchy": "UNI",
    }
    assert (found[PERSON].external_id, found[PERSON].ref, found[PERSON].mention) == ("s1", P1, False)
    assert found["enrolment:e1"].statement.data == {"active": True, "hierarchy": "H1", "ended": None}


def test_an_update_speaks_of_the_person_alone() -> None:
    """Without grants of time among the needs, nothing is said of extra time."""
    assert {PERSON} == set(by_facet(updated("1")))
    assert {PERSON} == set(by_facet(updated("1", assignedNeeds=[{"code": "lift"}])))


def test_an_update_may_carry_extra_time() -> None:
    """Grants among a person's needs count like those of `accommodation.changed`."""
    found = by_facet(updated("1", assignedNeeds=[{"code": "dyslexia", "extraTimePercentage": 25}]))
    assert found[NEEDS].statement.data == {"grants": [{"percent": 25, "from": None, "until": None}]}
    assert found[NEEDS].ripples


@pytest.mark.parametrize("state", ["canceled", "finished"])
def test_a_withdrawal_ends_the_enrolment(state: str) -> None:
    """The end date is the SIS's own, and the homes of the person's bookings look again."""
    change = by_facet(withdrawn("1", state=state, finalEndDate="2026-10-05"))["enrolment:e1"]
    assert change.statement.data == {"active": False, "hierarchy": None, "ended": "2026-10-05"}
    assert (change.statement.version.rank, change.ripples) == (Rank.CANCEL, True)


def test_a_repeated_withdrawal_says_the_same() -> None:
    """Without an end date the day of the event is no part of what is said: a snapshot must not move it."""
    one, other = (by_facet(withdrawn("1", minute=minute))["enrolment:e1"] for minute in (0, 5000))
    assert one.statement.data == other.statement.data


def test_accommodations_replace_one_another() -> None:
    """All grants are said at once; percent wins where a grant names both, and their dates are kept."""
    change = by_facet(
        accommodated(
            "1",
            {"additionalTimeInMin": 30, "startDate": "2026-10-01"},
            {"additionalTimeInMin": 10, "extraTimePercentage": 20, "endDate": "9999-12-31"},
            {"description": "a quiet room"},
        )
    )[NEEDS]
    assert change.statement.data["grants"] == [
        {"minutes": 30, "from": "2026-10-01", "until": None},
        {"percent": 20, "from": None, "until": "9999-12-31"},
    ]


def test_a_booking_mentions_its_person() -> None:
    """A mention is guarded by time alone: the booking's sequence counts bookings."""
    change = by_facet(Event(**{**_plain(booked("1", "1")), "sequence": 7}))[MENTION]
    assert (change.mention, change.statement.version.sequence) == (True, None)


@pytest.mark.parametrize(
    ("rule", "external_id", "refused"),
    [("primaryCode", "s1", False), ("personId", "p1", False), ("hr", "E7", False), ("sso", None, True)],
)
def test_the_candidate_id_is_as_mapped(rule: str, external_id: str | None, refused: bool) -> None:
    """The institution chooses the code; one that is missing is a refusal the SIS hears of, never an error."""
    mapping = IdMapping(Hierarchy("UNI", "University"), candidate_id=rule)
    other = {"codeType": "hr", "code": "E7"}
    change = by_facet(updated("1", otherCodes=[other]), mapping)[PERSON]
    assert (external_id, refused) == (change.external_id, "refusal" in change.statement.data)


@pytest.mark.parametrize("event", [enrolled("1"), updated("1"), withdrawn("1"), accommodated("1", {})])
def test_translation_is_deterministic(event: Event) -> None:
    """The same event always says the same."""
    assert changes(event) == changes(event)


@pytest.mark.parametrize("name", ["\u5f20\u4f1f", "O\u2019Brien", "Jos\u0065\u0301", "\U0001f600", "Ng"])
def test_names_are_kept_as_given(name: str) -> None:
    """Any script, combining characters and emoji stand; only blanks around a name go."""
    assert name == by_facet(updated("1", givenName=f"  {name} "))[PERSON].statement.data["first"]


PERSON_FIELDS: tuple[Wrong, ...] = (
    ("personId", None, "missing"),
    ("personId", "", "string too short"),
    ("primaryCode", "s1", "model type"),
    ("primaryCode.code", "a\x00", "control characters"),
    ("givenName", " ", "string too short"),
    ("givenName", "Zebe\ndee", "control characters"),
    ("givenName", "Zebedee" * 100, "string too long"),
    ("surname", 7, "string type"),
    ("surnamePrefix", "x" * 101, "string too long"),
    ("mail", "zebedee", "string pattern mismatch"),
    ("mail", "zebedee@" + "x" * 100, "string too long"),
    ("otherCodes", "x", "tuple type"),
    ("otherCodes.0", {"codeType": "x"}, "missing"),
    ("assignedNeeds.0", {"code": "x", "extraTimePercentage": 1001}, "less than equal"),
    ("assignedNeeds.0", {"code": "x", "additionalTimeInMin": -1}, "greater than equal"),
    ("assignedNeeds.0", {"code": "x", "startDate": 20261001}, "a date"),
)


@pytest.mark.parametrize("build", [enrolled, updated, withdrawn])
@pytest.mark.parametrize(("path", "value", "words"), PERSON_FIELDS)
def test_a_wrong_person_is_refused_with_its_path(build: Any, path: str, value: object, words: str) -> None:  # noqa: ANN401 - any builder
    """Every event about a person refuses every wrong field of it, names the place and never the value."""
    event = build("1", **({} if build is withdrawn else {"otherCodes": [], "assignedNeeds": []}))
    event.data["person"] |= {"otherCodes": [code("x")], "assignedNeeds": [{"code": "x"}]}
    _refuses(event, f"person.{path}", value, words)


@pytest.mark.parametrize(
    ("event", "path", "value", "words"),
    [
        (enrolled("1"), "person", None, "missing"),
        (enrolled("1"), "programOfferingAssociation", None, "missing"),
        (enrolled("1"), "programOfferingAssociation.associationId", None, "missing"),
        (enrolled("1"), "programOfferingAssociation.state", "enrolled", "literal error"),
        (enrolled("1"), "programOfferingAssociation.startDate", "soon", "a date"),
        (updated("1"), "person", [], "model type"),
        (withdrawn("1"), "programOfferingAssociation.finalEndDate", 5, "a date"),
        (accommodated("1", {}), "personId", None, "missing"),
        (accommodated("1", {}), "primaryCode", None, "missing"),
        (accommodated("1", {}), "assignedNeeds", None, "missing"),
        (accommodated("1", {}), "assignedNeeds.0.code", None, "missing"),
        (accommodated("1", {}), "assignedNeeds.0.endDate", "2026-13-01", "date"),
    ],
)
def test_a_wrong_field_is_refused_with_its_path(event: Event, path: str, value: object, words: str) -> None:
    """The rest of each event is checked as strictly."""
    _refuses(event, path, value, words)


def test_a_merger_says_who_survives_and_keeps_the_retired_number() -> None:
    """The survivor is brought up to date; the retired record is an alias that holds its own id, by time alone."""
    survivor, retired = changes(replace(merged("1", "2", minute=3), sequence=7))
    assert (survivor.ref, survivor.facet, survivor.external_id, survivor.mention) == (P1, PERSON, "s1", False)
    assert survivor.statement.version.sequence == 7
    assert (retired.ref, retired.about, retired.external_id) == (Ref(CANDIDATE, "p2"), P1, "s2")
    assert retired.statement.data == {"into": "p1"}
    assert retired.statement.version.sequence is None


def test_a_merger_told_of_the_retired_person_has_no_sequence_for_the_survivor() -> None:
    """A sequence counts what is said of the event's own subject."""
    survivor, _ = changes(replace(merged("1", "2"), subject="p2", sequence=7))
    assert survivor.statement.version.sequence is None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("survivingPerson", None, "$.data.survivingPerson: missing"),
        ("survivingPerson.mail", "nowhere", "$.data.survivingPerson.mail"),
        ("retiredPersonId", None, "$.data.retiredPersonId: missing"),
        ("retiredPersonId", "", "$.data.retiredPersonId"),
        ("retiredPersonId", "p1", "a person cannot be merged into the same person"),
        ("retiredPrimaryCode", None, "$.data.retiredPrimaryCode: missing"),
        ("retiredPrimaryCode.code", "", "$.data.retiredPrimaryCode.code"),
    ],
)
def test_a_wrong_merger_is_refused_with_its_path(path: str, value: object, words: str) -> None:
    """Each field that can be wrong is named."""
    with pytest.raises(InvalidMessage) as caught:
        read(spoil(merged("1", "2"), path, value))
    assert words in str(caught.value)


def test_unknown_fields_are_ignored() -> None:
    """A newer minor version of the contract is understood."""
    assert changes(updated("1")) == changes(updated("1", shoeSize=44))


def test_a_person_is_never_shown() -> None:
    """Neither the event's shape nor what becomes of it shows a name or a mail address."""
    event = enrolled("1", displayName="Given1 Sur1", surnamePrefix="Sur1")
    applied = [apply(None, change) for change in changes(event)]
    shown = repr((read(event), changes(event), applied, Parsed(event.envelope, event.data)))
    assert not any(secret in shown for secret in ("Given1", "Sur1", "@"))


def _plain(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in ("type", "subject", "data", "minute", "event_id")}


def _refuses(event: Event, path: str, value: object, words: str) -> None:
    with pytest.raises(InvalidMessage, match=words) as caught:
        read(spoil(event, path, value))
    assert caught.value.reason == "bad-data"
    assert caught.value.path.startswith("$.data." + path.replace(".0", "[0]"))
    assert "ebedee" not in str(caught.value)
