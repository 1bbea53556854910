"""Tests of outcomes: their ids are the same for the same fact, and different for different facts."""

from datetime import UTC, datetime
from uuid import UUID

import orjson
from hypothesis import given
from hypothesis import strategies as st

from adapter.domain.outcomes import Outcome, cloud_event, derived_id

PRINTABLE = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=8)
PARTS = st.lists(PRINTABLE, min_size=1, max_size=4)

OUTCOME = Outcome("cirrus.booking.confirmed.v1", "b1", "v1", {"associationId": "b1"}, cause="e1")


@given(PARTS, PARTS)
def test_ids_are_equal_for_equal_parts_only(one: list[str], other: list[str]) -> None:
    """Where one part ends and the next begins counts, too."""
    assert (one == other) == (derived_id(*one) == derived_id(*other))


def test_ids_never_change() -> None:
    """Consumers keep ids for years; a change of the rule would repeat everything to them."""
    assert UUID("4fcf9ab2-e9b5-57ec-87b5-46c9d33aa738") == OUTCOME.id("uni.example")


def test_what_an_outcome_holds_is_not_part_of_its_id() -> None:
    """Saying the same thing of the same version again is the same event, whatever the words."""
    other = Outcome(OUTCOME.type, OUTCOME.subject, OUTCOME.answers, {"changed": True}, cause="e2")
    assert OUTCOME.id("uni.example") == other.id("uni.example")


def test_each_part_of_the_id_counts() -> None:
    """Another tenant, object, type or version is another event."""
    others = [
        OUTCOME.id("other.example"),
        Outcome("cirrus.booking.rejected.v1", "b1", "v1", {}).id("uni.example"),
        Outcome(OUTCOME.type, "b2", "v1", {}).id("uni.example"),
        Outcome(OUTCOME.type, "b1", "v2", {}).id("uni.example"),
    ]
    assert OUTCOME.id("uni.example") not in others
    assert len(others) == len(set(others))


def test_an_outcome_is_a_cloud_event() -> None:
    """It carries the attributes of the contract, its time in UTC, and the event that caused it."""
    event = orjson.loads(cloud_event(OUTCOME, "e-1", "uni.example", "//adapter", datetime(2026, 10, 1, tzinfo=UTC)))
    assert event == {
        "specversion": "1.0",
        "id": "e-1",
        "source": "//adapter",
        "type": "cirrus.booking.confirmed.v1",
        "subject": "b1",
        "time": "2026-10-01T00:00:00Z",
        "tenant": "uni.example",
        "datacontenttype": "application/json",
        "causationid": "e1",
        "data": {"associationId": "b1"},
    }
