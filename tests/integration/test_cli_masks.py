"""What `explain` shows of texts that quote Cirrus, which quotes people."""

from datetime import UTC, datetime
from typing import Any

import pytest

from adapter.cli.explain import Explained, as_data, facts
from adapter.domain.records import BOOKING, CANDIDATE, SITTING, Record, Ref, Status
from adapter.domain.verdict import Reason
from adapter.domain.version import Rank, Statement, Version
from adapter.ledger.history import History, Line
from tests.integration.cli_kit import MAIL

AT = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)
SAID = Statement.first(Version(AT, 1, Rank.UPDATE, "e1"), {"first": "Ada", "last": "de Lovelace", "mail": MAIL})


def candidate(text: str) -> Record:
    """Return a rejected candidate, with what Cirrus said of her."""
    return Record(
        Ref(CANDIDATE, "p-1"),
        Ref(CANDIDATE, "p-1"),
        external_id="s1",
        facets={"person": SAID},
        confirmed={"seen": {"first_name": "Augusta", "last_name": "King", "mail": "old@example.com"}},
        status=Status.REJECTED,
        reason=Reason("username-taken", text),
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("User 'de Lovelace' exists", "User '***' exists"),
        ("ADA is taken", "*** is taken"),
        (f"{MAIL} is taken", "*** is taken"),
        ("Augusta King has this name", "*** *** has this name"),
        ("The Adapter asks for [s1]", "The Adapter asks for [s1]"),
    ],
)
def test_a_quoted_person_is_masked(text: str, shown: str) -> None:
    """Names are masked wherever Cirrus quotes them, as they are and as they were; words that hold one are not."""
    record = candidate(text)
    line = Line(AT, "adapter", "dismissed", text)
    told: Any = as_data(Explained.of(History("uni", record, (line,)), (), record))
    assert told["now"]["reason"] == {"code": "username-taken", "text": shown}
    assert told["timeline"][0]["note"] == shown


def test_facts_hold_no_person() -> None:
    """Of a candidate nothing is shown but that Cirrus has it."""
    assert facts(candidate("")) == {"exists": True}


def test_facts_hold_nothing_that_nobody_has_listed() -> None:
    """A new fact about a sitting is not shown before somebody has decided that it may be."""
    sitting = Record(Ref(SITTING, "co-1"), Ref(SITTING, "co-1"), confirmed={"exists": True, "refusal": "Ada", "x": 1})
    assert facts(sitting) == {"exists": True}
    booking = Record(Ref(BOOKING, "coa-1"), sitting.ref, confirmed={"unknown_at": "2026"})
    assert facts(booking) == {"seat": False}
