"""What changes and findings make of records, field by field."""

from datetime import UTC, datetime, timedelta

import pytest

from adapter.domain.applying import (
    Applied,
    alias_of,
    answered,
    apply,
    fold,
    hand_over,
    overtaken,
    renamed,
    settle,
    successor,
)
from adapter.domain.findings import Continues, Dismissed, Erases, Finding, Handed, Settled, State, Task, Waits
from adapter.domain.outcomes import Outcome
from adapter.domain.records import (
    BOOKING,
    CANDIDATE,
    DEPARTURE,
    SITTING,
    Aggregate,
    Change,
    OpenTask,
    Record,
    Ref,
    Status,
    Wanting,
)
from adapter.domain.verdict import Reason
from adapter.domain.version import Merge, Rank, Statement, Version
from tests.values import replace

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOME, OTHER, WHAT = Ref(SITTING, "o1"), Ref(SITTING, "o2"), Ref(BOOKING, "b1")
ANNA, EMMA = Ref(CANDIDATE, "anna"), Ref(CANDIDATE, "emma")
WHY = Reason("no", "It cannot be.")


def said(minute: int, content: object, *, event: str = "") -> Statement:
    """Return a statement made some minutes after the start."""
    version = Version(NOW + timedelta(minutes=minute), None, Rank.UPDATE, event or f"e{minute}")
    return Statement.first(version, {"is": content})


def change(statement: Statement, *, external_id: str | None = None, **more: object) -> Change:
    """Return a change of the one facet; `more` are fields of `Change`."""
    return replace(Change(WHAT, "booking", statement, external_id=external_id), **more)


KNOWN = Record(
    WHAT,
    HOME,
    about=ANNA,
    external_id="S1",
    facets={"booking": replace(said(1, "x"), external_id="S1")},
    confirmed={"seat": True},
    revision=4,
    status=Status.SETTLED,
    cause="e1",
    deadline=NOW,
)


def test_the_first_change_starts_a_record() -> None:
    """With everything that the change says, at home in itself unless it says otherwise."""
    first = change(said(1, "x"), external_id="S1", about=ANNA, deadline=NOW)
    started = Record(
        WHAT,
        WHAT,
        about=ANNA,
        external_id="S1",
        facets={"booking": replace(said(1, "x"), external_id="S1")},
        revision=1,
        status=Status.DUE,
        cause="e1",
        deadline=NOW,
    )
    assert apply(None, first) == Applied(started, Merge.APPLIED)
    assert apply(None, replace(first, home=HOME)).record == replace(started, home=HOME)
    assert apply(None, replace(first, mention=True)).record == replace(started, status=Status.KNOWN)


def test_what_is_new_makes_a_record_due() -> None:
    """It has a new revision and cause, and no reason any more; what the change does not say stays."""
    refused = replace(KNOWN, status=Status.REJECTED, reason=WHY)
    news = replace(said(2, "y"), replaced=said(1, "x").version)
    after = replace(KNOWN, external_id=None, facets={"booking": news}, revision=5, status=Status.DUE, cause="e2")
    assert apply(refused, change(said(2, "y"))) == Applied(after, Merge.APPLIED)
    later = NOW + timedelta(days=1)
    elsewhere = change(said(2, "y"), about=EMMA, deadline=later)
    assert apply(KNOWN, elsewhere).record == replace(after, about=EMMA, deadline=later)


@pytest.mark.parametrize(
    ("status", "mention", "expected"),
    [
        (Status.KNOWN, True, Status.KNOWN),
        (Status.KNOWN, False, Status.DUE),
        (Status.SETTLED, True, Status.DUE),
        (Status.SETTLED, False, Status.DUE),
    ],
)
def test_a_mention_is_work_only_where_cirrus_was_asked(status: Status, mention: bool, expected: Status) -> None:
    """Whoever is only mentioned is not made in Cirrus for it."""
    applied = apply(replace(KNOWN, status=status), change(said(2, "y"), mention=mention))
    assert applied.record.status is expected


def test_a_repetition_keeps_all_but_the_version() -> None:
    """Its newer version is kept, nothing is due, and the external id is still known."""
    again = replace(said(1, "x"), external_id="S1", version=said(3, "x").version)
    applied = apply(KNOWN, change(said(3, "x"), external_id="S1"))
    assert applied == Applied(replace(KNOWN, facets={"booking": again}), Merge.UNCHANGED)
    assert not applied.calls_for_a_look


def test_a_rejected_record_that_is_said_again_has_a_new_revision() -> None:
    """A pass that is under way must not take it for the one it knows."""
    applied = apply(replace(KNOWN, status=Status.REJECTED), change(said(3, "x"), external_id="S1"))
    assert (applied.record.status, applied.record.revision) == (Status.DUE, 5)
    assert applied.calls_for_a_look


@pytest.mark.parametrize(("event", "merge"), [("e9", Merge.APPLIED), ("e0", Merge.SUPERSEDED)])
@pytest.mark.parametrize("home", [HOME, OTHER])
def test_a_tie_is_told(event: str, merge: Merge, home: Ref) -> None:
    """Where only the event id decides somebody may want to look, also when the record moves by it."""
    applied = apply(KNOWN, change(said(1, "y", event=event), home=home))
    assert (applied.merge, applied.tie) == (merge, True)


def test_a_move_leaves_a_departure_behind() -> None:
    """What Cirrus holds stays with the former home."""
    applied = apply(KNOWN, change(said(2, "y"), home=OTHER))
    assert (applied.merge, applied.tie, applied.left) == (Merge.APPLIED, False, HOME)
    assert (applied.record.home, applied.record.confirmed) == (OTHER, {})
    assert applied.departure is not None
    assert (applied.departure.ref, applied.departure.confirmed) == (Ref(DEPARTURE, "b1@o1"), {"seat": True})


WAITING = replace(KNOWN, status=Status.WAITING, wanting=Wanting(ANNA, "her", NOW), reason=WHY)


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (Settled(), replace(WAITING, status=Status.SETTLED, wanting=None, reason=None)),
        (
            Erases(Outcome("t", "s", "a", {}), (), None),
            replace(WAITING, status=Status.SETTLED, wanting=None, reason=None),
        ),
        (
            Dismissed(Reason("b", "Bad.")),
            replace(WAITING, status=Status.REJECTED, wanting=None, reason=Reason("b", "Bad.")),
        ),
        (Handed(), replace(WAITING, status=Status.MANUAL, wanting=None)),
        (Waits(EMMA, "it"), replace(WAITING, wanting=Wanting(EMMA, "it", NOW))),
        (Continues(), WAITING),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_finding_says_how_a_record_stands(state: State, after: Record) -> None:
    """What was known of it in Cirrus stays where the finding has learnt nothing."""
    assert settle(WAITING, Finding(WHAT, state), NOW + timedelta(hours=1)) == after


def test_a_wait_begins_when_it_is_found() -> None:
    """Of a record that did not wait before."""
    assert settle(KNOWN, Finding(WHAT, Waits(EMMA, "it")), NOW).wanting == Wanting(EMMA, "it", NOW)


@pytest.mark.parametrize(
    ("record", "confirmed", "status"),
    [
        (WAITING, {"read": 1}, Status.DUE),
        (WAITING, None, Status.WAITING),
        (KNOWN, {"read": 1}, Status.SETTLED),
    ],
)
def test_who_waits_is_due_once_something_was_learnt(
    record: Record, confirmed: dict[str, int] | None, status: Status
) -> None:
    """It may be just what it needs; nobody else is woken by it."""
    after = settle(record, Finding(WHAT, Continues(), confirmed=confirmed), NOW)
    assert (after.status, after.confirmed) == (status, record.confirmed if confirmed is None else confirmed)


@pytest.mark.parametrize("status", Status)
def test_what_was_overtaken_keeps_what_was_learnt(status: Status) -> None:
    """It stays as the change has left it; only what a person had is looked at again."""
    record = replace(KNOWN, status=status)
    expected = replace(record, status=Status.DUE if status is Status.MANUAL else status)
    assert overtaken(record, Finding(WHAT, Settled())) == expected
    assert overtaken(record, Finding(WHAT, Settled(), confirmed={})) == replace(expected, confirmed={})


@pytest.mark.parametrize(
    ("now", "is_renamed"),
    [
        (said(5, "x"), False),
        (replace(said(5, "x"), answered=True), False),
        (replace(said(5, "x"), since=said(4, "x").version), False),
        (replace(said(5, "x"), since=said(4, "x").version, answered=True), True),
        (replace(said(6, "y"), answered=True), False),
    ],
    ids=["the same", "told under the same name", "not told yet", "told under another", "something else"],
)
def test_a_statement_that_others_have_told_of_may_have_another_name(now: Statement, *, is_renamed: bool) -> None:
    """Only what still says the same, and was told under another name than the plan would use."""
    planned = replace(KNOWN, facets={"a": said(5, "x"), "b": said(5, "x")})
    assert renamed(replace(planned, facets={"a": said(5, "x"), "b": now, "c": now}), planned) is is_renamed


def test_what_was_answered_has_the_name_that_was_told() -> None:
    """Of an unchanged record that is the planned one, of a changed one only where it still says the same."""
    planned = replace(KNOWN, facets={"a": said(5, "x"), "b": said(5, "x")})
    told = replace(said(5, "x"), version=said(4, "x").version, answered=True)
    moved = replace(KNOWN, facets={"a": said(4, "x"), "b": said(4, "x"), "c": said(4, "x")})
    assert answered(moved, planned).facets == {"a": told, "b": told, "c": said(4, "x")}
    other = replace(moved, revision=5, facets={"a": said(4, "x"), "b": said(6, "y")})
    assert answered(other, planned) == replace(other, facets={"a": told, "b": said(6, "y")})


def test_findings_are_folded_into_what_is_known() -> None:
    """Root, members and who is made anew stand as found, tasks are open or closed, and nothing is unsure any more."""
    root = Record(HOME, HOME)
    new = Record(Ref(BOOKING, "b2"), HOME)
    task = Task(WHAT, "look", "v1", "Look at it.", ())
    held, done = OpenTask("1", HOME, "hold"), OpenTask("2", HOME, "done")
    before = Aggregate(
        "uni", HOME, root, (KNOWN, replace(KNOWN, ref=Ref(BOOKING, "b3"))), tasks=(held, done), unsure=True
    )
    findings = [
        Finding(HOME, Waits(None, "time"), closes=("done",)),
        Finding(WHAT, Handed(), tasks=(task,)),
        Finding(new.ref, Waits(ANNA, "her"), first=new),
    ]
    after = fold(before, findings, NOW)
    assert after == replace(
        before,
        root=replace(root, status=Status.WAITING, wanting=Wanting(None, "time", NOW)),
        members=(
            replace(KNOWN, status=Status.MANUAL),
            before.members[1],
            replace(new, status=Status.WAITING, wanting=Wanting(ANNA, "her", NOW)),
        ),
        tasks=(held, OpenTask(task.id("uni"), WHAT, "look")),
        unsure=False,
    )
    assert fold(after, findings[1:2], NOW).tasks == after.tasks
    assert fold(replace(before, root=None), findings, NOW).root is None


@pytest.mark.parametrize("status", Status)
def test_a_seat_is_handed_over_with_its_booking(status: Status) -> None:
    """The survivor's booking is told anew, after the end of the former seat, which is left to be given up."""
    former = replace(KNOWN, status=status, reason=WHY)
    after, left = hand_over(former, EMMA)
    due = Status.KNOWN if status is Status.KNOWN else Status.DUE
    assert after == replace(
        former, about=EMMA, status=due, revision=5, reason=None, confirmed={"lapsed": "merged/anna"}
    )
    assert left == Record(
        Ref(DEPARTURE, "b1@o1/anna"),
        HOME,
        about=ANNA,
        facets={DEPARTURE: Statement.first(said(1, "x").version, {"booking": "b1"})},
        confirmed={"seat": True},
        revision=1,
        cause="e1",
    )


def test_a_seat_that_only_may_be_there_is_left_without_an_end() -> None:
    """Nothing was told of it yet, so what comes is told as if for the first time."""
    after, left = hand_over(replace(KNOWN, status=Status.DUE, confirmed={"tries": 1}), EMMA)
    assert (after.confirmed, after.about) == ({"tries": 1}, EMMA)
    assert left is not None
    after, left = hand_over(replace(KNOWN, confirmed={"tries": 1}), EMMA)
    assert (after.confirmed, after.about, left) == ({"tries": 1}, EMMA, None)


def test_whose_other_name_a_record_is() -> None:
    """That of a record of its own kind that it is about; a booking is about somebody and is still itself."""
    assert alias_of(Record(ANNA, ANNA, about=EMMA)) == EMMA
    assert alias_of(Record(ANNA, ANNA)) is None
    assert alias_of(KNOWN) is None


def test_which_booking_left_a_seat() -> None:
    """A departure says it; whatever else has such a facet does not."""
    facets = {DEPARTURE: Statement.first(said(1, "x").version, {"booking": "b7"})}
    assert successor(Record(Ref(DEPARTURE, "b7@o1"), HOME, facets=facets)) == Ref(BOOKING, "b7")
    assert successor(Record(WHAT, HOME, facets=facets)) is None
