"""Tests of the version guard: laws that hold for any order of arrival, and the tie rules one by one."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapter.domain.version import Merge, Rank, Statement, Version, fingerprint, merge, utc_text, utc_time

BASE = datetime(2026, 9, 1, tzinfo=UTC)


def said(
    minute: int, content: object, *, rank: Rank = Rank.UPDATE, sequence: int | None = None, event: str = ""
) -> Statement:
    """Return a statement made some minutes after the start."""
    version = Version(BASE + timedelta(minutes=minute), sequence, rank, event or f"e{minute}")
    return Statement.first(version, {"is": content})


def after(statements: Iterable[Statement]) -> Statement | None:
    """Return what holds after statements that arrived in this order."""
    held: Statement | None = None
    for statement in statements:
        held = merge(held, statement).statement
    return held


@st.composite
def streams(draw: st.DrawFn) -> list[Statement]:
    """Draw the statements of one stream, all with or all without a sequence, with ties of stamp and rank."""
    sequenced = draw(st.booleans())
    drawn = draw(
        st.lists(st.tuples(st.integers(0, 5), st.sampled_from(Rank), st.sampled_from("xyz")), min_size=1, max_size=7)
    )
    return [
        said(minute, content, rank=rank, sequence=minute if sequenced else None, event=f"e{number}")
        for number, (minute, rank, content) in enumerate(drawn)
    ]


@st.composite
def clear_streams(draw: st.DrawFn) -> list[Statement]:
    """Draw streams whose contents either never come back, or are never repeated before another one."""
    runs = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    if draw(st.booleans()):
        contents = [content for content, length in enumerate(runs) for _ in range(length)]
    else:
        contents = [number % 2 for number, _ in enumerate(runs * 2)]
    return [said(minute, content) for minute, content in enumerate(contents)]


@given(streams().flatmap(lambda stream: st.tuples(st.just(stream), st.permutations(stream))))
def test_any_order_of_arrival_ends_in_the_same_data_and_version(
    orders: tuple[list[Statement], list[Statement]],
) -> None:
    """What holds in the end depends on what was said, never on when it arrived."""
    one, other = after(orders[0]), after(orders[1])
    assert one is not None
    assert other is not None
    assert (one.data, one.version) == (other.data, other.version)


@given(clear_streams().flatmap(lambda stream: st.tuples(st.just(stream), st.permutations(stream))))
def test_any_order_of_arrival_ends_under_the_same_name(orders: tuple[list[Statement], list[Statement]]) -> None:
    """The name that outcomes answer is that of the oldest repetition, whichever arrived first."""
    assert after(orders[0]) == after(orders[1])


@given(clear_streams().flatmap(lambda s: st.tuples(st.permutations(s), st.lists(st.sampled_from(s), max_size=8))))
def test_a_replay_changes_nothing(arrivals: tuple[list[Statement], list[Statement]]) -> None:
    """Statements that arrive again, in any order, leave what holds, its version and its name alone."""
    once, again = arrivals
    assert after(once) == after([*once, *again])
    assert all(merge(after(once), repeated).merge is not Merge.APPLIED for repeated in again)


def test_an_old_name_never_returns() -> None:
    """Booked, cancelled, booked again: a replay of the first booking must not make the third look long confirmed."""
    first, cancel, again = said(1, "live"), said(2, "off"), said(3, "live")
    replayed = after([first, cancel, again, first])
    assert replayed is not None
    assert again.label == replayed.label != first.label


def test_a_repetition_under_a_newer_version_keeps_its_name() -> None:
    """A nightly snapshot that says the same again is no news to anybody."""
    first, snapshot = said(1, "x"), said(9, "x")
    merged = merge(first, snapshot)
    assert merged.merge is Merge.UNCHANGED
    assert merged.statement.label == first.label
    assert merged.statement.version == snapshot.version


@given(streams().flatmap(st.permutations), st.integers(1, 7))
def test_what_was_answered_keeps_its_name(stream: list[Statement], heard: int) -> None:
    """Whatever repetition or older news arrives afterwards, the same is not told under another id."""
    told = after(stream[:heard])
    assert told is not None
    held = told.named_as(told)
    for late in stream[heard:]:
        merged = merge(held, late)
        if merged.merge is Merge.APPLIED:
            assert not merged.statement.answered
            return
        held = merged.statement
        assert (held.label, held.answered) == (told.label, True)


def test_an_older_repetition_during_the_answer_is_no_other_statement() -> None:
    """It would have another name, had the answer not been told under this one."""
    planned = said(7, "x")
    meanwhile = merge(planned, said(6, "x")).statement
    assert meanwhile.label != planned.label
    assert meanwhile.repeats(planned)
    assert meanwhile.named_as(planned).label == planned.label


@pytest.mark.parametrize("meanwhile", [[said(8, "y")], [said(8, "y"), said(9, "x")]])
def test_what_is_said_anew_during_the_answer_is_another_statement(meanwhile: list[Statement]) -> None:
    """Something else is not answered by it, nor is the same once it has been something else in between."""
    planned = said(7, "x")
    current = after([planned, *meanwhile])
    assert current is not None
    assert not current.repeats(planned)


def test_another_external_id_is_no_repetition() -> None:
    """The same names under another student number were not answered."""
    one = said(1, "x")
    assert not Statement(one.version, one.since, one.data, external_id="s2").repeats(one)


def test_a_late_contradiction_starts_a_new_name() -> None:
    """What was taken for a repetition turns out to be a return, once the statement between is known."""
    assert after([said(1, "x"), said(3, "x"), said(2, "y")]) == after([said(1, "x"), said(2, "y"), said(3, "x")])


@pytest.mark.parametrize(
    ("held", "arriving", "expected", "tie"),
    [
        (said(1, "x"), said(2, "y"), Merge.APPLIED, False),
        (said(2, "x"), said(1, "y"), Merge.SUPERSEDED, False),
        (said(2, "x", sequence=1), said(1, "y", sequence=2), Merge.APPLIED, False),
        (said(1, "x", sequence=9), said(2, "y"), Merge.APPLIED, False),
        (said(1, "x", rank=Rank.UPDATE), said(1, "y", rank=Rank.CANCEL), Merge.APPLIED, False),
        (said(1, "x", rank=Rank.UPDATE), said(1, "y", rank=Rank.CREATE), Merge.SUPERSEDED, False),
        (said(1, "x", event="a"), said(1, "y", event="b"), Merge.APPLIED, True),
        (said(1, "x", event="b"), said(1, "y", event="a"), Merge.SUPERSEDED, True),
        (said(1, "x", event="a"), said(1, "x", event="b"), Merge.UNCHANGED, False),
    ],
)
def test_which_of_two_statements_holds(held: Statement, arriving: Statement, expected: Merge, tie: bool) -> None:
    """Sequence, else time; then cancel over update over create; then the higher event id, which counts as a tie."""
    merged = merge(held, arriving)
    assert (expected, tie) == (merged.merge, merged.tie)


def test_another_external_id_is_news() -> None:
    """The same names under another student number are not the same statement."""
    one = said(1, "x")
    other = Statement(said(2, "x").version, said(2, "x").version, one.data, external_id="s2")
    assert merge(one, other).merge is Merge.APPLIED


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_times_survive_being_written(naive: datetime, offset: int) -> None:
    """A moment is the same after it was written as text and read back, and is written in UTC with Z."""
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assume(2 < moment.year < 9998)
    assert moment == utc_time(utc_text(moment))
    assert utc_text(moment).endswith("Z")


@given(st.dictionaries(st.text(max_size=3), st.integers(-9, 9)))
def test_equal_values_have_equal_fingerprints(value: dict[str, int]) -> None:
    """The order of keys does not show in a fingerprint."""
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))
