"""What people do with exams in the sandbox (§7, §9, §11): sit, mark, publish, rescore, void, withdraw."""

import pytest

from adapter.cirrus.sandbox import ControlError
from tests.contract.sandbox_kit import HOUR, Cirrus, candidate, running

THREE = [candidate("c1"), candidate("c2"), candidate("c3")]


def _attempts(cirrus: Cirrus, candidate_id: str) -> list[dict[str, object]]:
    path = "/external/schedule/S1/attempt-info"
    answer = cirrus.call("GET", path, params={"CandidateExtId": candidate_id})
    return answer.json()["Content"][0]["Attempts"]


def test_everybody_sits_but_the_absent() -> None:
    """Without a candidate, `sit` is for all on the schedule; absent ids need not be on it."""
    with running() as cirrus:
        cirrus.book("S1", THREE)
        cirrus.control.advance(3 * HOUR)
        cirrus.ui("sit", absent=["c2", "elsewhere"])
        seats = cirrus.schedule()["seats"]
        expected = {"c1": ["HANDED_IN"], "c2": [], "c3": ["HANDED_IN"]}
        assert expected == {key: seat["attempts"] for key, seat in seats.items()}


@pytest.mark.parametrize(("hours", "ended"), [(3, "11:00:00"), (5, "12:00:00"), (30, "12:00:00")])
def test_an_attempt_lies_inside_the_window_even_after_it(hours: int, ended: str) -> None:
    """Nobody has to wait for a window: they sat from its start, for 120 minutes or until now."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.advance(hours * HOUR)
        cirrus.ui("sit", candidate="c1")
        expected = {
            "AttemptNumber": 1,
            "StartDate": "2026-01-12T10:00:00Z",
            "EndDate": f"2026-01-12T{ended}Z",
            "Status": "HANDED_IN",
        }
        assert [expected] == _attempts(cirrus, "c1")


def test_extra_time_is_used_and_never_goes_past_the_end() -> None:
    """§6.2, §11: 25 % of 120 minutes is half an hour; the window's end is final."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1", SpecialNeeds="true", ReasonableAdjustmentPercentage=25)])
        cirrus.control.advance(10 * HOUR)
        cirrus.ui("sit")
        cirrus.ui("sit")
        first, second = _attempts(cirrus, "c1")
        assert first["EndDate"] == "2026-01-12T12:30:00Z"
        assert (second["StartDate"], second["EndDate"]) == ("2026-01-12T12:30:00Z", "2026-01-12T14:00:00Z")


def test_nobody_sits_before_the_window_unless_told_to() -> None:
    """`early` spares the tests the clock; the times are those of the clock then."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        with pytest.raises(ControlError, match="Schedule has not yet begun"):
            cirrus.ui("sit")
        cirrus.ui("sit", early=True)
        cirrus.control.advance(3 * HOUR)
        (attempt,) = _attempts(cirrus, "c1")
        assert (attempt["StartDate"], attempt["EndDate"]) == ("2026-01-12T08:00:00Z", "2026-01-12T08:00:00Z")


def test_nobody_sits_a_draft() -> None:
    """§11: candidates see a schedule only once it is activated."""
    with running() as cirrus:
        cirrus.user("c1")
        cirrus.draft("S1")
        cirrus.ui("add_candidate", candidate="c1")
        with pytest.raises(ControlError, match="Schedule is not activated"):
            cirrus.ui("sit", early=True)


def test_who_is_busy_hands_in() -> None:
    """`sit` ends the running attempt; it does not start a second one beside it."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.advance(2.5 * HOUR)
        cirrus.ui("start_attempt", candidate="c1")
        cirrus.control.advance(60)
        cirrus.ui("sit")
        (attempt,) = _attempts(cirrus, "c1")
        assert (attempt["StartDate"], attempt["EndDate"]) == ("2026-01-12T10:30:00Z", "2026-01-12T10:31:00Z")


def test_a_mark_is_what_is_given_and_what_follows() -> None:
    """Points follow from percent, the outcome from the pass mark of 55, and all of it can be given."""
    with running() as cirrus:
        cirrus.book("S1", THREE)
        cirrus.ui("sit", early=True)
        cirrus.ui("mark", candidate="c1", score=54.5)
        cirrus.ui("mark", candidate="c2", raw_score=30, max_raw_score=40, grade="B")
        cirrus.ui("mark", candidate="c3", score=90, outcome="NOT_SATISFACTORY")
        unpublished = {"attempt": 1, "published": False, "published_at": None}
        assert cirrus.marks("c1") == [
            unpublished
            | {"outcome": "NOT_SATISFACTORY", "score": 54.5, "raw_score": 27.25, "max_raw_score": 50, "grade": "5.5"}
        ]
        assert cirrus.marks("c2") == [
            unpublished | {"outcome": "SATISFACTORY", "score": 75.0, "raw_score": 30, "max_raw_score": 40, "grade": "B"}
        ]
        assert cirrus.marks("c3")[0]["outcome"] == "NOT_SATISFACTORY"


@pytest.mark.parametrize(
    "wrong",
    [
        {"score": 101},
        {"score": "50"},
        {"score": True},
        {"raw_score": 51},
        {"max_raw_score": 40},
        {"outcome": "PASSED"},
        {"outcome": "VOIDED"},
        {"attempt": 2},
    ],
)
def test_a_mark_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    """A typing mistake in a test must not pass as a mark."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.ui("sit", early=True)
        with pytest.raises(ControlError):
            cirrus.ui("mark", candidate="c1", **wrong)
        assert cirrus.marks("c1") == []


def test_marks_of_everybody_follow_from_the_seed() -> None:
    """Two runs agree in whatever order candidates came, another seed differs, and a mark by hand stays."""

    def marks(order: list[str], **options: object) -> dict[str, object]:
        with running(**options) as cirrus:
            cirrus.book("S1", [candidate(who) for who in order])
            cirrus.ui("sit", early=True)
            cirrus.ui("mark", candidate="c0", score=12)
            cirrus.ui("mark")
            return {who: cirrus.marks(who)[0] for who in sorted(order)}

    order = [f"c{n}" for n in range(30)]
    first = marks(order)
    assert first == marks(order[::-1])
    assert first != marks(order, seed="other")
    assert first["c0"]["score"] == 12
    scores = [mark["score"] for who, mark in first.items() if who != "c0"]
    assert all(20 <= score <= 100 for score in scores)
    assert len(set(scores)) > 10
    assert all((mark["outcome"] == "SATISFACTORY") == (mark["score"] >= 55) for mark in first.values())


@pytest.mark.parametrize("outcome", ["SATISFACTORY", "NOT_SATISFACTORY"])
def test_a_given_outcome_has_a_score_that_fits(outcome: str) -> None:
    """A test that wants a pass need not think of a score."""
    with running() as cirrus:
        cirrus.book("S1", THREE)
        cirrus.ui("sit", early=True)
        cirrus.ui("mark", outcome=outcome)
        marks = [cirrus.marks(who)[0] for who in ("c1", "c2", "c3")]
        assert all(mark["outcome"] == outcome for mark in marks)
        assert all((mark["score"] >= 55) == (outcome == "SATISFACTORY") for mark in marks)


def test_only_what_was_handed_in_is_marked() -> None:
    """Who is absent is left out of all, and refused by name."""
    with running() as cirrus:
        cirrus.book("S1", THREE)
        cirrus.ui("sit", candidate="c1", early=True)
        cirrus.ui("mark")
        assert [len(cirrus.marks(who)) for who in ("c1", "c2", "c3")] == [1, 0, 0]
        for action in ("mark", "publish_results"):
            with pytest.raises(ControlError, match=r"has not handed in \[c2\]"):
                cirrus.ui(action, candidate="c2")
        with pytest.raises(ControlError, match="not on this schedule"):
            cirrus.ui("mark", candidate="c9")


def test_what_was_started_and_not_handed_in_can_be_a_result() -> None:
    """§8: NOT_SUBMITTED is in the vocabulary; such a result has no score."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.advance(3 * HOUR)
        cirrus.ui("start_attempt", candidate="c1")
        cirrus.ui("mark", candidate="c1", outcome="NOT_SUBMITTED")
        cirrus.ui("publish_results")
        (result,) = cirrus.results("c1").json()["Results"]
        assert (result["PassedStatus"], result["Score"], result["LastSatDate"]) == (
            "NOT_SUBMITTED",
            None,
            "2026-01-12T11:00:00Z",
        )


def test_publication_is_of_everybody_or_of_the_named() -> None:
    """What was handed in without a mark is marked by the way; publishing again changes nothing."""
    with running() as cirrus:
        cirrus.book("S1", [*THREE, candidate("c4")])
        cirrus.ui("sit", early=True, absent=["c4"])

        def published() -> list[str]:
            return [key for key in ("c1", "c2", "c3", "c4") if any(mark["published"] for mark in cirrus.marks(key))]

        cirrus.ui("publish_results", candidate="c2")
        assert published() == ["c2"]
        cirrus.ui("publish_results", candidates=["c2", "c3"])
        assert published() == ["c2", "c3"]
        before = cirrus.marks("c2")
        cirrus.control.advance(60)
        cirrus.ui("publish_results")
        assert published() == ["c1", "c2", "c3"]
        assert before == cirrus.marks("c2")


def test_a_published_result_is_rescored_and_not_marked_again() -> None:
    """§C: a rescore changes what is published; score, grade and outcome may change one by one."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.ui("sit", early=True)
        with pytest.raises(ControlError, match="no published result"):
            cirrus.ui("rescore", candidate="c1", score=60)
        cirrus.ui("mark", candidate="c1", score=50)
        cirrus.ui("publish_results")
        with pytest.raises(ControlError, match="rescore it"):
            cirrus.ui("mark", candidate="c1", score=60)
        with pytest.raises(ControlError, match="Nothing to change"):
            cirrus.ui("rescore", candidate="c1")
        seen = []
        for change in ({"score": 60}, {"grade": "A"}, {"outcome": "NOT_SATISFACTORY"}, {"outcome": "NOT_SUBMITTED"}):
            cirrus.ui("rescore", candidate="c1", **change)
            mark = cirrus.marks("c1")[0]
            seen.append((mark["outcome"], mark["score"], mark["grade"], mark["published"]))
        assert seen == [
            ("SATISFACTORY", 60, "6.0", True),
            ("SATISFACTORY", 60, "A", True),
            ("NOT_SATISFACTORY", 60, "A", True),
            ("NOT_SUBMITTED", None, None, True),
        ]


def test_a_voided_result_stays_published_and_its_attempt_is_void() -> None:
    """§6.2, §8: VOIDED and VOID; a rescore of the score lifts it again."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.control.advance(3 * HOUR)
        cirrus.ui("sit")
        cirrus.ui("mark", candidate="c1", score=70)
        cirrus.ui("publish_results")
        cirrus.ui("void_result", candidate="c1")
        assert cirrus.results("c1").json()["Results"][0]["PassedStatus"] == "VOIDED"
        assert _attempts(cirrus, "c1")[0]["Status"] == "VOID"
        cirrus.ui("rescore", candidate="c1", grade="X")
        assert cirrus.results("c1").json()["Results"][0]["PassedStatus"] == "VOIDED"
        cirrus.ui("rescore", candidate="c1", score=71)
        assert cirrus.results("c1").json()["Results"][0]["PassedStatus"] == "SATISFACTORY"
        assert _attempts(cirrus, "c1")[0]["Status"] == "HANDED_IN"


def test_a_withdrawn_result_is_shown_no_more_and_can_be_published_again() -> None:
    """The mark stays; GET /results shows published results only (§9.1)."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.ui("sit", early=True)
        cirrus.ui("publish_results")
        shown = cirrus.results("c1").json()["Results"]
        cirrus.ui("withdraw_result", candidate="c1")
        assert cirrus.results("c1").json()["Results"] == []
        with pytest.raises(ControlError, match="no published result"):
            cirrus.ui("withdraw_result", candidate="c1")
        cirrus.ui("publish_results")
        assert shown == cirrus.results("c1").json()["Results"]


def test_each_attempt_has_its_own_result() -> None:
    """The newest attempt is meant unless one is named by its number."""
    with running() as cirrus:
        cirrus.book("S1", [candidate("c1")])
        cirrus.ui("sit", early=True)
        cirrus.ui("mark", candidate="c1", score=30)
        cirrus.ui("sit", early=True)
        cirrus.ui("mark", candidate="c1", score=80)
        cirrus.ui("publish_results", candidate="c1", attempt=2)
        assert [mark["published"] for mark in cirrus.marks("c1")] == [False, True]
        cirrus.ui("publish_results", candidate="c1")
        cirrus.ui("rescore", candidate="c1", attempt=1, score=31)
        results = cirrus.results("c1").json()["Results"]
        assert [(result["AttemptNumber"], result["Score"]) for result in results] == [(1, 31), (2, 80)]


@pytest.mark.parametrize("action", ["sit", "hand_in_attempt"])
def test_without_assessors_handing_in_publishes(action: str) -> None:
    """§9.1: workflow "Do not assign assessors"; a voided attempt is not published."""
    with running(auto_publish=True) as cirrus:
        cirrus.book("S1", [candidate("c1"), candidate("c2")])
        cirrus.control.advance(3 * HOUR)
        for who in ("c1", "c2"):
            cirrus.ui("start_attempt", candidate=who)
        cirrus.ui(action, candidate="c1")
        cirrus.ui("hand_in_attempt", candidate="c2", void=True)
        assert [mark["published"] for mark in cirrus.marks("c1")] == [True]
        assert cirrus.marks("c2") == []


def test_who_was_added_by_hand_has_results_too() -> None:
    """§11: a person adds candidates the adapter knows nothing of."""
    with running() as cirrus:
        cirrus.user("u1")
        cirrus.book("S1", [])
        cirrus.ui("add_candidate", candidate="u1")
        cirrus.ui("sit", early=True)
        cirrus.ui("publish_results")
        assert len(cirrus.results("u1").json()["Results"]) == 1


@pytest.mark.parametrize(
    ("path_variants", "plain", "external"), [("plain", 200, 404), ("external", 404, 200), ("both", 200, 200)]
)
def test_invigilation_information_has_two_spellings(path_variants: str, plain: int, external: int) -> None:
    """§6.2 ⚠: the heading omits /external, the sample has it."""
    with running(path_variants=path_variants) as cirrus:
        cirrus.book("S1", [candidate("c1")])
        assert cirrus.call("GET", "/schedule/S1/invigilation-info").status_code == plain
        assert cirrus.call("GET", "/external/schedule/S1/invigilation-info").status_code == external


def test_invigilation_information_is_by_attempt() -> None:
    """§6.2: NOT_STARTED, IN_PROGRESS, HANDED_IN, VOID, and who submitted."""
    with running() as cirrus:
        cirrus.draft("D1")
        cirrus.book("S1", [*THREE, candidate("c4", SpecialNeeds="true", ReasonableAdjustmentPercentage=10)])
        cirrus.control.advance(3 * HOUR)
        cirrus.ui("sit", candidates=["c1"])
        for who in ("c2", "c3"):
            cirrus.ui("start_attempt", candidate=who)
        cirrus.ui("hand_in_attempt", candidate="c3", by_system=True, void=True)
        path = "/schedule/{}/invigilation-info"
        lines = cirrus.call("GET", path.format("S1")).json()["Content"]
        assert [(line["CandidateExtId"], line["Status"], line["ExamSubmittedBy"]) for line in lines] == [
            ("c1", "HANDED_IN", "CANDIDATE"),
            ("c2", "IN_PROGRESS", None),
            ("c3", "VOID", "SYSTEM"),
            ("c4", "NOT_STARTED", None),
        ]
        assert lines[3] == {
            "ScheduleTitle": cirrus.schedule()["title"],
            "CandidateName": "F L",
            "CandidateExtId": "c4",
            "PinCode": None,
            "Status": "NOT_STARTED",
            "Attempt": 1,
            "StartTime": None,
            "EndTime": None,
            "ExamDuration": 120,
            "ExtraTimeForCurrentAttempt": 12,
            "ExtraTimeForNextAttempt": 12,
            "ExamSubmittedBy": None,
        }
        codes = [cirrus.call("GET", path.format(key)).json()["Errors"][0]["Code"] for key in ("none", "D1")]
        assert codes == [301, 303]


def test_results_are_inspected_without_their_dates_in_the_final_state() -> None:
    """Two runs with the same effect at different times compare equal."""
    finals = []
    for wait in (0, 3 * HOUR):
        with running() as cirrus:
            cirrus.book("S1", [candidate("c1")])
            cirrus.control.advance(3 * HOUR)
            cirrus.ui("sit")
            cirrus.control.advance(wait)
            cirrus.ui("publish_results")
            finals.append(cirrus.control.final_state()["alpha"]["schedules"]["S1"]["seats"])
            assert cirrus.marks("c1")[0]["published_at"] is not None
    assert finals[0]["c1"]["results"] == finals[1]["c1"]["results"]
    assert finals[0]["c1"]["results"][0].keys() == {
        "attempt", "outcome", "score", "raw_score", "max_raw_score", "grade", "published",
    }  # fmt: skip
