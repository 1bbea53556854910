"""Tests of when a result is read, by which name, and in which order."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from adapter.domain.allowance import Need
from adapter.domain.notices import Asker, Named, Notice
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, RESULT_LIST, SITTING, Aggregate, Record, Ref, result_ref
from adapter.domain.steps import ReadResults
from adapter.domain.version import utc_text
from handlers.results.hear import hear
from handlers.results.plan import LONGEST_QUIET, plan, ready_at
from handlers.results.view import wishes_of
from tests.unit.aggregates import aggregate
from tests.unit.builders import START, TENANT, booked, scheduled

NOW = START + timedelta(days=1)
MINUTE = timedelta(minutes=1)
POLICY = Policy()
RULES = POLICY.results
BY_ATTEMPT = Policy(external_attempts=True)


def wished(named: Named, *, by: Asker = "cirrus", reading: Mapping[str, Any] | None = None) -> Record:
    """Return the record of a result that was announced now, with what an earlier reading came to."""
    change = hear(Notice("n1", TENANT, named, NOW, by))
    assert change.home is not None
    facet = {change.facet: change.statement}
    held = {"notice": "n1", "at": utc_text(NOW), "done": False, "empty": 0, "same": 0, "failed": 0}
    confirmed = {} if reading is None else {"readings": {change.facet: {**held, **reading}}}
    return Record(change.ref, change.home, facets=facet, confirmed=confirmed)


def announced(*records: Record, attempts: bool = False) -> Aggregate:
    """Return the list of exam 1, for which candidate 1 is booked, with these results wished for."""
    near = aggregate(Ref(SITTING, "o1"), scheduled(), booked("1", "1"), confirmed={Ref(BOOKING, "b1"): {"seat": True}})
    related = {
        record.ref: record for record in (near.root, *near.members, *near.related.values()) if record is not None
    }
    home = records[0].home
    return Aggregate(TENANT, home, None, records, related if attempts else {})


def ready(member: Record, policy: Policy = POLICY) -> timedelta:
    """Return how long after the notice a result is read."""
    (wish,) = wishes_of(member)
    return ready_at(wish, NOW, policy) - NOW


@pytest.mark.parametrize(
    ("reading", "by", "after"),
    [
        (None, "cirrus", RULES.quiet),
        (None, "operator", timedelta(0)),
        ({"notice": "n0"}, "cirrus", RULES.quiet),
        ({"notice": "n0", "same": 1}, "cirrus", 4 * RULES.quiet),
        ({"notice": "n0", "same": 2}, "cirrus", 16 * RULES.quiet),
        ({"notice": "n0", "same": 2}, "operator", timedelta(0)),
        ({"notice": "n0", "same": 99}, "cirrus", LONGEST_QUIET),
        ({"failed": 1}, "cirrus", timedelta(seconds=POLICY.pause(1))),
        ({"failed": 3, "empty": 1}, "cirrus", timedelta(seconds=POLICY.pause(3))),
        ({"empty": 1}, "cirrus", RULES.quiet),
        ({"empty": 2}, "cirrus", RULES.withdrawn_after),
    ],
)
def test_a_result_is_read_after_a_quiet_moment(reading: Mapping[str, Any] | None, by: Asker, after: timedelta) -> None:
    """After the newest notice, later each time that nothing new was shown, later still after it was read in vain."""
    assert ready(wished(Named("s1", "o1"), by=by, reading=reading)) == after


def test_the_longest_wait_grows_with_the_patience_up_to_a_day() -> None:
    """Eight readings in vain are as many as count, for a notice that is repeated, too."""
    quiet = Policy(results=type(RULES)(quiet=timedelta(milliseconds=1), quiet_longest=timedelta(hours=9)))
    member = wished(Named("s1", "o1"), reading={"notice": "n0", "same": 9})
    assert ready(member, quiet) == timedelta(milliseconds=4**8)
    impatient = Policy(results=type(RULES)(quiet=timedelta(hours=2), quiet_longest=timedelta(milliseconds=1)))
    assert ready(member, impatient) == timedelta(milliseconds=4**8)


def test_an_attempt_of_nobody_we_know_is_read_by_its_own_id() -> None:
    """It has a list of its own, and neither candidate nor schedule."""
    made = plan(announced(wished(Named(attempt_id="a9"), by="operator")), NOW, POLICY)
    assert made.steps == (ReadResults(None, None, "a9", Need.FIRST),)


def test_a_result_is_read_by_candidate_and_schedule() -> None:
    """Whatever attempts there are, as long as Cirrus does not know ours."""
    made = plan(announced(wished(Named("s1", "o1", "b1"), by="operator"), attempts=True), NOW, POLICY)
    assert made.steps == (ReadResults("s1", "o1", None, Need.FIRST),)


def test_where_cirrus_knows_our_attempts_each_is_read() -> None:
    """The one that was named, else those of the bookings, else by candidate and schedule alone."""
    named = plan(announced(wished(Named("s1", "o1", "b7"), by="operator"), attempts=True), NOW, BY_ATTEMPT)
    assert named.steps == (ReadResults("s1", "o1", "b7", Need.FIRST),)
    unnamed = wished(Named("s1", "o1"), by="operator")
    assert plan(announced(unnamed, attempts=True), NOW, BY_ATTEMPT).steps == (
        ReadResults("s1", "o1", "b1", Need.FIRST),
    )
    assert plan(announced(unnamed), NOW, BY_ATTEMPT).steps == (ReadResults("s1", "o1", None, Need.FIRST),)


def test_what_was_told_wrong_is_read_before_what_was_not_told() -> None:
    """A correction goes first, then what has not failed, then the older notice, then by name."""
    told = {"told": {"p": {"booking": "b4", "version": 1}}}
    first, failed, second = (wished(Named(f"s{key}", "o1"), by="operator") for key in "123")
    failed = wished(Named("s2", "o1"), by="operator", reading={"notice": "n0", "failed": 1})
    corrected = wished(Named("s4", "o1"), by="operator")
    corrected = Record(corrected.ref, corrected.home, facets=corrected.facets, confirmed=told)
    made = plan(announced(second, failed, corrected, first), NOW, POLICY)
    assert made.steps == (
        ReadResults("s4", "o1", None, Need.CORRECTION),
        ReadResults("s1", "o1", None, Need.FIRST),
        ReadResults("s3", "o1", None, Need.FIRST),
        ReadResults("s2", "o1", None, Need.FIRST),
    )
    assert first.ref == result_ref("o1", "s1")
    assert first.home == Ref(RESULT_LIST, "o1")


def test_the_next_look_is_when_the_first_of_them_is_ready() -> None:
    """What is not ready yet costs no call, and sets the time of the next plan."""
    made = plan(announced(wished(Named("s1", "o1"))), NOW, POLICY)
    assert (made.steps, made.look_again) == ((), NOW + RULES.quiet)
    assert plan(announced(wished(Named("s1", "o1"))), NOW + RULES.quiet - MINUTE / 60, POLICY).steps == ()
    assert len(plan(announced(wished(Named("s1", "o1"))), NOW + RULES.quiet, POLICY).steps) == 1
