"""A record that was rejected, and is said again."""

from datetime import UTC, datetime, timedelta

import pytest

from adapter.domain.applying import apply
from adapter.domain.records import BOOKING, Change, Record, Ref, Status
from adapter.domain.version import Merge, Rank, Statement, Version
from tests.values import replace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WHAT = Ref(BOOKING, "a1")


def said(minutes: int, event_id: str) -> Change:
    """Return the same content under a version so many minutes after the first."""
    version = Version(NOW + timedelta(minutes=minutes), None, Rank.CREATE, event_id)
    return Change(WHAT, "booking", Statement.first(version, {"live": True}))


def rejected() -> Record:
    """Return a booking that Cirrus has refused."""
    return replace(apply(None, said(0, "e1")).record, status=Status.REJECTED)


def test_a_newer_version_of_a_rejected_record_is_tried_again() -> None:
    """What was in its way, a user in the trash can say, may be gone; the SIS asks by saying it again."""
    applied = apply(rejected(), said(5, "e2"))

    assert (applied.merge, applied.record.status) == (Merge.UNCHANGED, Status.DUE)


@pytest.mark.parametrize("again", [said(0, "e1"), said(-5, "e0")], ids=["the same version", "an older version"])
def test_a_mere_repetition_asks_for_nothing(again: Change) -> None:
    """Redelivery and replay must not call Cirrus."""
    assert apply(rejected(), again).record.status is Status.REJECTED


def test_a_settled_record_said_again_stays_settled() -> None:
    """There is nothing to try again."""
    settled = replace(rejected(), status=Status.SETTLED)

    assert apply(settled, said(5, "e2")).record.status is Status.SETTLED
