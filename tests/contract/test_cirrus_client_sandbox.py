"""The client against the sandbox: two readings of the same documentation, written apart, must agree."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from adapter.cirrus.client import CirrusClient, ClientOptions
from adapter.cirrus.paths import Paths
from adapter.cirrus.sandbox import SandboxControl, SandboxOptions, SandboxServer
from adapter.domain import steps
from adapter.domain.answers import (
    Absent,
    Accepted,
    Answer,
    AttemptsSeen,
    CandidateSeen,
    Done,
    Failing,
    Forbidden,
    NoAnswer,
    Phrase,
    Refused,
    ScheduleSeen,
    Seated,
    Throttled,
    Unlisted,
)
from tests.values import replace

NOW = datetime(2026, 1, 12, 8, 0, tzinfo=UTC)
START = datetime(2026, 1, 12, 10, 0, tzinfo=UTC)
END = datetime(2026, 1, 12, 14, 0, tzinfo=UTC)
GROUP = steps.Hierarchy("G1", "Faculty")
SITTING = steps.Schedule("S-1", "A1", "Mock exam", START, END, GROUP)
ADA = steps.Profile("c1", "Ada", "Lovelace", "ada@example.org")
BOB = steps.Profile("c2", "Bob", "Byron", "bob@example.org", extra_time=25)
BOTH = (steps.Seat(ADA), steps.Seat(BOB))
PUBLISH = steps.PublishSchedule(SITTING, BOTH)
MAKE_GROUP = steps.PublishSchedule(replace(SITTING, external_id="S-0"), ())
"""A draft needs a group that exists; publishing makes it on the way."""
DRAFT = steps.DraftSchedule(SITTING)
SEEN = ScheduleSeen("S-1", "Mock exam", START, END, activated=False, archived=False, candidates=frozenset({"c1", "c2"}))


@dataclass(frozen=True, slots=True)
class Bench:
    """A sandbox with assessment A1, and a client of it."""

    client: CirrusClient
    control: SandboxControl

    def do(self, *wanted: steps.Step) -> Answer:
        """Carry out the steps and return the last answer."""
        return [self.client.perform(step) for step in wanted][-1]


@contextmanager
def running(
    sandbox: SandboxOptions | None = None, client: ClientOptions | None = None, token: str = "sandbox-token"
) -> Iterator[Bench]:
    """Run a sandbox and a client for one test."""
    with SandboxServer(sandbox or SandboxOptions(now=lambda: NOW)) as server:
        server.control.seed_assessments({"A1": 120})
        platform = CirrusClient(
            server.api_url,
            lambda: token,
            paths=Paths(),
            options=client or ClientOptions(connect_timeout=2.0, read_timeout=5.0),
            observe=lambda *_: None,
            clock=lambda: NOW,
        )
        try:
            yield Bench(platform, server.control)
        finally:
            platform.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Run a sandbox with its ordinary options."""
    with running() as bench:
        yield bench


def phrases(answer: Answer) -> set[Phrase]:
    """Return what a refusal says."""
    assert isinstance(answer, Refused), answer
    assert answer.status == 400
    return {remark.phrase for remark in answer.remarks}


def test_a_published_schedule_is_there_with_its_candidates_and_links(bench: Bench) -> None:
    """One call makes the schedule, the candidates and a link for each; all of it can be read back."""
    published = bench.do(PUBLISH)
    assert isinstance(published, Accepted)
    assert isinstance(published.content, Seated)
    assert set(published.content.seated) == {"c1", "c2"}
    assert all(link is not None and link.startswith("https://") for link in published.content.seated.values())
    assert bench.do(steps.ReadSchedule("S-1")) == Accepted(replace(SEEN, activated=True))
    ada = CandidateSeen("c1", "Ada", "Lovelace", "ada@example.org", 0, False, frozenset({"G1"}))
    bob = CandidateSeen("c2", "Bob", "Byron", "bob@example.org", 25, False, frozenset({"G1"}))
    assert bench.do(steps.ReadCandidate("c1")) == Accepted(ada)
    assert bench.do(steps.ReadCandidate("c2")) == Accepted(bob)


def test_candidates_are_added_to_a_schedule_that_exists(bench: Bench) -> None:
    """add-candidates (5.7) gives the newcomer a link; who is seated already is not lost."""
    bench.do(replace(PUBLISH, seats=BOTH[:1]))
    added = bench.do(steps.SeatCandidates("S-1", GROUP, BOTH))
    assert isinstance(added, Accepted)
    assert isinstance(added.content, Seated)
    assert (added.content.seated["c2"] or "").startswith("https://")
    assert bench.do(steps.ReadSchedule("S-1")) == Accepted(replace(SEEN, activated=True))


def test_a_draft_is_filled_changed_and_activated(bench: Bench) -> None:
    """The late way: draft, candidates, list, unlist, move, activate (5.2, 5.8, 5.9, 5.3, 5.5)."""
    assert bench.do(MAKE_GROUP, DRAFT) == Accepted(Done())
    for profile in (ADA, BOB):
        assert bench.do(steps.CreateCandidate(profile, ())) == Accepted(Done())
    listed = bench.do(steps.ListCandidates("S-1", ("c1", "c2", "nobody")))
    assert listed == Accepted(Seated({"c1": None, "c2": None}, frozenset({"nobody"})))
    assert bench.do(steps.ListCandidates("S-1", ("c1",))) == Accepted(Seated({"c1": None}))
    later = replace(SITTING, title="Moved", start=START.replace(hour=11))
    assert bench.do(steps.ChangeSchedule(later)) == Accepted(Done())
    assert bench.do(steps.ReadSchedule("S-1")) == Accepted(replace(SEEN, title="Moved", start=later.start))
    assert bench.do(steps.UnlistCandidates("S-1", ("c2", "nobody"))) == Accepted(Unlisted(frozenset({"c2", "nobody"})))
    assert bench.do(steps.UnlistCandidates("S-1", ("c2", "c1"))) == Accepted(Unlisted(frozenset({"c2", "c1"})))
    assert bench.do(steps.ActivateSchedule("S-1")) == Accepted(Done())
    seen = bench.do(steps.ReadSchedule("S-1"))
    empty = replace(SEEN, title="Moved", start=later.start, activated=True, candidates=frozenset())
    assert seen == Accepted(empty)


def test_a_candidate_is_created_and_changed_field_by_field(bench: Bench) -> None:
    """Only the named fields change (1.2)."""
    bench.do(steps.CreateCandidate(ADA, ()))
    known = CandidateSeen("c1", "Ada", "Lovelace", "ada@example.org", 0, False, frozenset())
    assert bench.do(steps.ReadCandidate("c1")) == Accepted(known)
    wanted = steps.Profile("c1", "A.", "Byron", "a@example.org", extra_time=20, login_disabled=True)
    assert bench.do(steps.ChangeCandidate(wanted, frozenset({"extra_time", "mail"}))) == Accepted(Done())
    changed = replace(known, mail="a@example.org", extra_time=20)
    assert bench.do(steps.ReadCandidate("c1")) == Accepted(changed)
    bench.do(steps.ChangeCandidate(wanted, frozenset({"login_disabled"})))
    assert bench.do(steps.ReadCandidate("c1")) == Accepted(replace(changed, login_disabled=True))
    bench.do(steps.ChangeCandidate(replace(wanted, extra_time=0), frozenset({"extra_time"})))
    assert bench.do(steps.ReadCandidate("c1")) == Accepted(replace(changed, login_disabled=True, extra_time=0))


def test_what_is_not_there_is_absent(bench: Bench) -> None:
    """A read of an unknown id is an answer, not a failure."""
    for step in (steps.ReadCandidate("none"), steps.ReadSchedule("none"), steps.ReadAttempts("none")):
        assert bench.do(step) == Accepted(Absent())


def test_who_has_started_is_seen(bench: Bench) -> None:
    """Nobody before the activation and the start, then those with an attempt (6.1)."""
    nobody = AttemptsSeen(frozenset())
    assert bench.do(MAKE_GROUP, DRAFT, steps.ReadAttempts("S-1")) == Accepted(nobody)
    for profile in (ADA, BOB):
        bench.do(steps.CreateCandidate(profile, ()))
    bench.do(steps.ListCandidates("S-1", ("c1", "c2")), steps.ActivateSchedule("S-1"))
    assert bench.do(steps.ReadAttempts("S-1")) == Accepted(nobody)
    bench.control.advance(2 * 3600 + 60)
    assert bench.do(steps.ReadAttempts("S-1")) == Accepted(AttemptsSeen(frozenset(), {"c1": (), "c2": ()}))
    bench.control.ui("start_attempt", schedule="S-1", candidate="c1")
    said = bench.do(steps.ReadAttempts("S-1"))
    assert isinstance(said, Accepted)
    assert isinstance(said.content, AttemptsSeen)
    assert said.content.started == {"c1"}
    assert [attempt.status for attempt in said.content.attempts["c1"]] == ["IN_PROGRESS"]


def test_a_deleted_candidate_is_gone_and_asked_again_it_still_is(bench: Bench) -> None:
    """The trash can shows nobody; deleting who is not there is an answer, not a failure (1.4)."""
    bench.do(steps.CreateCandidate(ADA, ()))
    assert bench.do(steps.DeleteCandidate("c1")) == Accepted(Done())
    assert bench.do(steps.ReadCandidate("c1")) == Accepted(Absent())
    assert bench.do(steps.DeleteCandidate("c1")) == Accepted(Absent())


@pytest.mark.parametrize(
    ("before", "step", "phrase"),
    [
        ((PUBLISH,), PUBLISH, Phrase.ALREADY_EXISTS),
        ((MAKE_GROUP, DRAFT), DRAFT, Phrase.ALREADY_EXISTS),
        ((PUBLISH,), steps.ActivateSchedule("S-1"), Phrase.ALREADY_ACTIVATED),
        ((PUBLISH,), steps.ChangeSchedule(SITTING), Phrase.FROZEN),
        ((PUBLISH,), steps.UnlistCandidates("S-1", ("c1",)), Phrase.FROZEN),
        ((PUBLISH,), steps.DeleteSchedule("S-1"), Phrase.CANNOT_DELETE),
        ((), steps.ActivateSchedule("S-1"), Phrase.NOT_FOUND),
        ((), steps.ChangeSchedule(SITTING), Phrase.NOT_FOUND),
        ((), steps.DeleteSchedule("S-1"), Phrase.NOT_FOUND),
        ((), steps.ListCandidates("S-1", ("c1",)), Phrase.NOT_FOUND),
        ((), steps.UnlistCandidates("S-1", ("c1",)), Phrase.NOT_FOUND),
        ((), steps.SeatCandidates("S-1", GROUP, BOTH), Phrase.NOT_FOUND),
        ((MAKE_GROUP, DRAFT), steps.ListCandidates("S-1", ("nobody",)), Phrase.USER_NOT_FOUND),
        ((), steps.ChangeCandidate(ADA, frozenset({"mail"})), Phrase.USER_NOT_FOUND),
        ((steps.CreateCandidate(ADA, ()),), steps.CreateCandidate(ADA, ()), Phrase.ALREADY_EXISTS),
        ((), steps.PublishSchedule(replace(SITTING, assessment_id="A2"), BOTH), Phrase.ASSESSMENT_UNUSABLE),
        ((), steps.DraftSchedule(replace(SITTING, assessment_id="A2")), Phrase.ASSESSMENT_UNUSABLE),
        ((), steps.PublishSchedule(replace(SITTING, end=START.replace(hour=11)), BOTH), Phrase.WINDOW_TOO_SHORT),
    ],
)
def test_a_refusal_is_understood(
    bench: Bench, before: tuple[steps.Step, ...], step: steps.Step, phrase: Phrase
) -> None:
    """The sandbox words its refusals as documented; the phrasebook knows each."""
    for each in before:
        assert isinstance(bench.do(each), Accepted)
    assert phrases(bench.do(step)) == {phrase}


def test_a_deleted_candidate_lies_in_the_trash_can(bench: Bench) -> None:
    """The id cannot be used again until an administrator restores the user (1.4)."""
    bench.do(steps.CreateCandidate(ADA, ()))
    bench.control.ui("delete_user", candidate="c1")
    assert bench.do(steps.ReadCandidate("c1")) == Accepted(Absent())
    assert phrases(bench.do(steps.CreateCandidate(ADA, ()))) == {Phrase.IN_TRASH}


def test_a_draft_is_deleted(bench: Bench) -> None:
    """And is absent afterwards (5.13)."""
    assert bench.do(MAKE_GROUP, DRAFT, steps.DeleteSchedule("S-1")) == Accepted(Done())
    assert bench.do(steps.ReadSchedule("S-1")) == Accepted(Absent())


def test_incomplete_settings_are_understood() -> None:
    """Without a Scheduler every schedule call is refused for the same reason (0.1)."""
    with running(SandboxOptions(now=lambda: NOW, scheduler=None)) as bench:
        for step in (PUBLISH, DRAFT):
            assert phrases(bench.do(step)) == {Phrase.SETUP}


def test_one_bad_candidate_has_its_own_remark(bench: Bench) -> None:
    """Item errors under 200: the neighbour is seated."""
    bad = steps.Seat(replace(ADA, mail="no address"))
    answer = bench.do(replace(PUBLISH, seats=(bad, steps.Seat(BOB))))
    assert isinstance(answer, Accepted)
    assert isinstance(answer.content, Seated)
    assert set(answer.content.seated) == {"c2"}
    assert {name: remark.phrase for name, remark in answer.content.refused.items()} == {"c1": Phrase.INVALID_FIELD}


def test_a_bad_candidate_may_cost_the_whole_call() -> None:
    """The other reading of what is undocumented is understood too."""
    with running(SandboxOptions(now=lambda: NOW, invalid_candidates="whole")) as bench:
        bad = steps.Seat(replace(ADA, mail="no address"))
        assert phrases(bench.do(replace(PUBLISH, seats=(bad, steps.Seat(BOB))))) == {Phrase.INVALID_FIELD}


@pytest.mark.parametrize("repeat", ["ignored_without_link", "ignored_with_link", "refused"])
def test_a_repeated_seat_is_told_from_a_lost_one(repeat: str) -> None:
    """However Cirrus answers a repetition, the candidate counts as seated or as added already, never as refused."""
    with running(SandboxOptions(now=lambda: NOW, repeat_add=repeat)) as bench:
        bench.do(PUBLISH)
        answer = bench.do(steps.SeatCandidates("S-1", GROUP, BOTH))
        assert isinstance(answer, Accepted)
        assert isinstance(answer.content, Seated)
        told = set(answer.content.seated) | set(answer.content.refused)
        assert told == {"c1", "c2"}
        assert {remark.phrase for remark in answer.content.refused.values()} <= {Phrase.ALREADY_ADDED}
        assert all(answer.content.seated.values()) or repeat != "ignored_with_link"


def test_upsert_brings_a_published_schedule_up_to_date() -> None:
    """With the option, the repetition of POST /schedule is no refusal (5.1)."""
    options = ClientOptions(connect_timeout=2.0, read_timeout=5.0, upsert=True)
    with running(client=options) as bench:
        assert isinstance(bench.do(PUBLISH, replace(PUBLISH, schedule=replace(SITTING, title="New"))), Accepted)
        assert bench.do(steps.ReadSchedule("S-1")) == Accepted(replace(SEEN, title="New", activated=True))


@pytest.mark.parametrize("variant", ["plain", "external", "both"])
def test_either_spelling_of_the_path_is_found(variant: str) -> None:
    """D.4: whichever exists."""
    with running(SandboxOptions(now=lambda: NOW, path_variants=variant)) as bench:
        bench.do(MAKE_GROUP, DRAFT, steps.CreateCandidate(ADA, ()))
        assert bench.do(steps.ListCandidates("S-1", ("c1",))) == Accepted(Seated({"c1": None}))


def test_times_without_a_zone_are_read_in_the_tenants_zone() -> None:
    """When the settings name the same zone as the tenant has, the times are right."""
    from zoneinfo import ZoneInfo

    sandbox = SandboxOptions(now=lambda: NOW, zoneless_answers=True, time_zone="Europe/Amsterdam")
    options = ClientOptions(connect_timeout=2.0, read_timeout=5.0, zone=ZoneInfo("Europe/Amsterdam"))
    with running(sandbox, options) as bench:
        bench.do(PUBLISH)
        assert bench.do(steps.ReadSchedule("S-1")) == Accepted(replace(SEEN, activated=True))


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_token_is_forbidden(status: int) -> None:
    """Whatever the step."""
    with running(SandboxOptions(now=lambda: NOW, refused_status=status), token="another") as bench:
        assert bench.do(PUBLISH) == Forbidden(status)
        assert bench.do(steps.ReadSchedule("S-1")) == Forbidden(status)


def test_faults_of_the_platform_are_told_apart(bench: Bench) -> None:
    """Throttling, failure, maintenance and a broken connection, each as its own answer."""
    bench.control.fault("throttle", retry_after=7)
    assert bench.do(PUBLISH) == Throttled(7.0)
    bench.control.fault("status", status=500)
    assert bench.do(PUBLISH) == Failing(500)
    bench.control.fault("maintenance", retry_after=60)
    maintenance = bench.do(PUBLISH)
    assert isinstance(maintenance, Failing)
    assert maintenance.status == 503
    bench.control.fault("reset")
    assert bench.do(PUBLISH) == NoAnswer()
    assert bench.do(steps.ReadSchedule("S-1")) == Accepted(Absent())


def test_a_lost_answer_leaves_what_was_done_to_be_read_back(bench: Bench) -> None:
    """The call took effect and its answer was lost (S16): one request was made, and the schedule is there."""
    bench.control.fault("reset", when="after", method="POST", path="^/schedule$")
    assert bench.do(PUBLISH) == NoAnswer()
    assert bench.control.counts() == {"POST /schedule": 1}
    assert bench.do(steps.ReadSchedule("S-1")) == Accepted(replace(SEEN, activated=True))
    assert phrases(bench.do(PUBLISH)) == {Phrase.ALREADY_EXISTS}


def test_silence_of_the_platform_is_no_answer() -> None:
    """A hanging call ends with the read timeout."""
    with running(client=ClientOptions(connect_timeout=2.0, read_timeout=0.3)) as bench:
        bench.control.fault("hang", hang_seconds=2.0)
        assert bench.do(PUBLISH) == NoAnswer()
