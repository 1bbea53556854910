"""S15: HTTP 200 with errors for single candidates."""

from adapter.domain.records import Status
from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, candidate
from tests.scenarios.world import World

GOOD = [f"p{number}" for number in range(8)]
BAD_MAIL = "nobody@nowhere"


def _book_ten(world: World) -> None:
    """Book eight good students, one with an address that Cirrus refuses, and one who lies in its trash can."""
    sis = world.sis
    world.say(sis.scheduled("before", 2 * DAY), sis.booked("b-before", "before", "trashed"))
    world.heard("booking.confirmed", "b-before")
    world.cirrus.ui("delete_user", candidate=candidate("trashed"))
    world.say(
        *(sis.booked(f"b-{who}", "off-1", who) for who in GOOD),
        sis.booked("b-mail", "off-1", "mailed", mail=BAD_MAIL),
        sis.booked("b-trash", "off-1", "trashed"),
        sis.scheduled("off-1", 3 * DAY),
    )
    world.heard("booking.rejected", "b-mail")
    world.heard("booking.rejected", "b-trash")
    world.settle()


def _sent(world: World) -> list[list[str]]:
    calls = [call for call in world.calls("POST /schedule") if call["sent"]["Schedule"]["ScheduleExtId"] == "off-1"]
    return [[each["CandidateExtId"] for each in call["sent"]["Candidates"]] for call in calls]


def test_each_candidate_of_a_call_has_a_verdict_of_its_own(world: World) -> None:
    """S15: eight of ten are seated and confirmed, two rejected with the reason; nobody is sent twice."""
    _book_ten(world)
    assert world.seats("off-1") == {candidate(who) for who in GOOD}
    for who in GOOD:
        assert world.heard("booking.confirmed", f"b-{who}").data["confirmedBy"] == "answer"
    mail = world.heard("booking.rejected", "b-mail").data["error"]
    assert mail["code"] == "invalid-field"
    assert BAD_MAIL not in mail["text"], "no personal data"
    trash = world.heard("booking.rejected", "b-trash").data["error"]
    assert trash["code"] == "in-trash-can"
    assert "administrator must restore" in trash["text"]
    assert [len(sent) for sent in _sent(world)] == [10]
    assert world.tasks() == []
    assert world.explain("b-mail").record.status is Status.REJECTED


def test_only_the_failed_one_is_sent_again_once_it_is_corrected(world: World) -> None:
    """S15: a corrected address sends that candidate, and nobody else."""
    _book_ten(world)
    world.say(world.sis.booked("b-mail", "off-1", "mailed", mail="somebody@example.org"))
    world.heard("booking.confirmed", "b-mail")
    world.settle()
    assert _sent(world)[1:] == [[candidate("mailed")]]
    assert len(world.outcomes("booking.confirmed")) == 1 + len(GOOD) + 1


def test_a_call_refused_whole_costs_only_those_it_names(begin: Begin) -> None:
    """S15: where Cirrus refuses the whole call for two of them, the other eight are seated all the same."""
    world = begin(sandbox={"invalid_candidates": "whole"})
    _book_ten(world)
    assert world.seats("off-1") == {candidate(who) for who in GOOD}
    assert world.types()["booking.rejected"] == 2
    assert len(_sent(world)) <= 4
