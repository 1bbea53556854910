"""Tests of what the client makes of each documented answer (shapes of cirrus-samples.md), over real HTTP."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from adapter.cirrus.client import ClientOptions
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
    Garbled,
    Phrase,
    Refused,
    Remark,
    ScheduleSeen,
    Seated,
    Throttled,
    Unlisted,
)
from tests.unit.cirrus_stage import ALL_STEPS, OK, PUBLISH, QUICK, SEAT, says, scene
from tests.values import replace

LINK = "https://uni.cirrusplatform.com/delivery/external-login?session=" + "0f" * 32
STARTUP = "/delivery/external-login?session=" + "1e" * 32
READ_USER = steps.ReadCandidate("c1")
READ_SCHEDULE = steps.ReadSchedule("S-1")
READ_ATTEMPTS = steps.ReadAttempts("S-1")
LIST = steps.ListCandidates("S-1", ("c1", "c2", "c3"))
UNLIST = steps.UnlistCandidates("S-1", ("c1", "c2", "c3"))
ACTIVATE = steps.ActivateSchedule("S-1")

USER = {
    "ExternalId": "c1",
    "LastName": "Lovelace",
    "FirstName": "Ada",
    "Email": "ada@example.org",
    "UserName": "c1",
    "SpecialNeeds": True,
    "ReasonableAdjustmentPercentage": 75,
    "DisableLogin": False,
    "Labels": ["Label 1"],
    "Hierarchies": [{"ExternalId": "g1", "IsCoordinator": True}, {"ExternalId": "g2"}],
    "SomethingNew": {"a": 1},
}
SCHEDULE = {
    "ExternalId": "S-1",
    "Title": "new_title",
    "StartDateTime": "2018-05-21T10:00:00Z",
    "EndDateTime": "2018-05-25T20:00:00.000Z",
    "Hierarchy": {"ExternalId": "g1", "FullPath": "a \\ b"},
    "ArchiveState": 1,
    "IsActivated": True,
    "Candidates": [{"ExternalId": "c1", "FirstName": "Ada", "LastName": "L", "UserName": "u"}, {"ExternalId": "c2"}],
    "Invigilators": [],
}
ADA_SEEN = CandidateSeen("c1", "Ada", "Lovelace", "ada@example.org", 75, False, frozenset({"g1", "g2"}))
SCHEDULE_SEEN = ScheduleSeen(
    "S-1",
    "new_title",
    datetime(2018, 5, 21, 10, tzinfo=UTC),
    datetime(2018, 5, 25, 20, tzinfo=UTC),
    activated=True,
    archived=False,
    candidates=frozenset({"c1", "c2"}),
)


def e1(content: object) -> dict[str, object]:
    """Wrap content in envelope E1."""
    return {"Content": content, "Success": True, "Errors": None}


def lower(value: object) -> object:
    """Return the JSON value with every key beginning in lower case."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: lower(each) for key, each in value.items()}
    return [lower(each) for each in value] if isinstance(value, list) else value


def answer(step: steps.Step, body: object, status: int = 200, options: ClientOptions = QUICK, **headers: str) -> Answer:
    """Return what the client makes of one HTTP answer."""
    with scene(says(body, status, **headers), options=options) as (client, _):
        return client.perform(step)


def test_a_candidate_is_read() -> None:
    """S-USER-GET; unknown fields are ignored, and keys may begin in lower case."""
    assert answer(READ_USER, e1({"User": USER})) == Accepted(ADA_SEEN)
    assert answer(READ_USER, lower(e1({"User": USER}))) == Accepted(ADA_SEEN)


@pytest.mark.parametrize(
    ("fields", "percent"),
    [
        ({"SpecialNeeds": False, "ReasonableAdjustmentPercentage": 75}, 0),
        ({"SpecialNeeds": True, "ReasonableAdjustmentPercentage": None}, 0),
        ({"SpecialNeeds": "true", "ReasonableAdjustmentPercentage": "25"}, 25),
        ({"SpecialNeeds": None}, 0),
    ],
)
def test_extra_time_counts_only_with_special_needs(fields: dict[str, object], percent: int) -> None:
    """The percentage without the flag has no effect in Cirrus (1.1); both may come as text (5.7)."""
    read = answer(READ_USER, e1({"User": USER | fields}))
    assert read == Accepted(replace(ADA_SEEN, extra_time=percent))


def test_a_schedule_is_read() -> None:
    """S-SCHED-GET with the keys of its table."""
    assert answer(READ_SCHEDULE, e1(SCHEDULE)) == Accepted(SCHEDULE_SEEN)
    assert answer(READ_SCHEDULE, lower(e1(SCHEDULE))) == Accepted(SCHEDULE_SEEN)


def test_an_archived_schedule_says_so() -> None:
    """ArchiveState 2 (5.6)."""
    assert answer(READ_SCHEDULE, e1(SCHEDULE | {"ArchiveState": 2})) == Accepted(replace(SCHEDULE_SEEN, archived=True))


def test_times_without_a_zone_are_read_in_the_zone_of_the_settings() -> None:
    """UTC unless set (section 0, "Date/time"); the summer time of that zone counts."""
    zoneless = e1(SCHEDULE | {"StartDateTime": "2018-05-21T10:00:00", "EndDateTime": "0001-01-01T00:00:00"})
    amsterdam = replace(QUICK, zone=ZoneInfo("Europe/Amsterdam"))
    read = answer(READ_SCHEDULE, zoneless, options=amsterdam)
    assert read == Accepted(replace(SCHEDULE_SEEN, start=datetime(2018, 5, 21, 8, tzinfo=UTC), end=None))
    in_utc = answer(READ_SCHEDULE, e1(SCHEDULE | {"StartDateTime": "2018-05-21T10:00:00"}))
    assert in_utc == Accepted(SCHEDULE_SEEN)


@pytest.mark.parametrize("step", [READ_USER, READ_SCHEDULE])
def test_an_answer_about_somebody_else_is_garbled(step: steps.Step) -> None:
    """An answer with another external id says nothing about the one asked for."""
    other = {"User": USER | {"ExternalId": "c11"}} if step is READ_USER else SCHEDULE | {"ExternalId": "S-11"}
    assert answer(step, e1(other)) == Garbled(200)


def test_attempts_are_read() -> None:
    """S-ATTEMPT: who has one has started; nobody else has."""
    people = [
        {"ExternalId": "c1", "FirstName": "f", "Attempts": [{"AttemptNumber": 1, "Status": "HANDED_IN"}]},
        {"ExternalId": "c2", "Attempts": []},
        {"ExternalId": "c3", "Attempts": [{"AttemptNumber": 1, "Status": "NOT_STARTED"}]},
        {"ExternalId": "c4", "Attempts": None},
        {"ExternalId": "c5", "Attempts": ["AttemptNumber", "Status"]},
    ]
    said = answer(READ_ATTEMPTS, e1(people))
    assert isinstance(said, Accepted)
    assert isinstance(said.content, AttemptsSeen)
    assert said.content.started == {"c1", "c5"}
    assert {name: [attempt.status for attempt in attempts] for name, attempts in said.content.attempts.items()} == {
        "c1": ["HANDED_IN"],
        "c2": [],
        "c3": ["NOT_STARTED"],
        "c4": [],
        "c5": ["", ""],
    }
    assert answer(READ_ATTEMPTS, e1([])) == Accepted(AttemptsSeen(frozenset()))
    assert answer(READ_ATTEMPTS, OK) == Accepted(AttemptsSeen(frozenset()))


@pytest.mark.parametrize("errors", [303, [{"Code": 310, "Error": "x"}], "Schedule has not yet begun"])
def test_nobody_has_started_what_has_not_begun(errors: object) -> None:
    """Codes 303 and 310 of 6.1 are the answer that there are no attempts."""
    refusal = answer(READ_ATTEMPTS, {"Success": False, "Errors": errors}, 400)
    assert refusal == Accepted(AttemptsSeen(frozenset()))


@pytest.mark.parametrize(
    ("step", "errors"),
    [
        (READ_USER, [{"Code": 202, "Error": "User not found"}]),
        (READ_USER, "User with ExternalId [c1] is not found."),
        (READ_USER, "202"),
        (READ_SCHEDULE, [{"Code": 301, "Error": "Schedule not found"}]),
        (READ_SCHEDULE, ["Schedule [S-1] is not found"]),
        (READ_ATTEMPTS, {"Code": 301, "Error": "Schedule not found"}),
    ],
)
@pytest.mark.parametrize("status", [400, 200, 404])
def test_an_unknown_id_is_absent(step: steps.Step, errors: object, status: int) -> None:
    """An unknown id is a 400 (section 0); the same words under 200 or 404 mean the same."""
    assert answer(step, {"Success": False, "Errors": errors}, status) == Accepted(Absent())


@pytest.mark.parametrize(
    ("step", "errors"),
    [
        (READ_USER, "Unknown error"),
        (READ_USER, [{"Code": 202, "Error": "User not found"}, {"Code": 102, "Error": "Unknown error"}]),
        (READ_SCHEDULE, "User not found"),
        (READ_SCHEDULE, "Scheduler hasn't been set in External API settings"),
        (READ_SCHEDULE, "Url not found"),
        (READ_SCHEDULE, None),
        (steps.DeleteSchedule("S-1"), "Schedule not found"),
    ],
)
def test_only_a_plain_not_found_to_a_question_is_absent(step: steps.Step, errors: object) -> None:
    """Anything less certain stays a refusal: an absence that is none would be booked twice."""
    assert isinstance(answer(step, {"Success": False, "Errors": errors}, 400), Refused)


def test_publishing_gives_a_link_for_each_candidate() -> None:
    """S-SCHED-CREATE, without an envelope; a relative link is completed from its neighbour's host."""
    body = {
        "Result": "Schedule[S-1] created successfully",
        "Schedule": {"Title": "Mock exam", "ScheduleExtId": "S-1"},
        "Candidates": [
            {"CandidateExtId": "c1", "StartupLink": STARTUP, "LaunchUrl": LINK, "FirstName": "F", "Password": None},
            {"CandidateExtId": "c2", "StartupLink": STARTUP, "LaunchUrl": None},
            {"CandidateExtId": "somebody-else", "LaunchUrl": LINK},
        ],
    }
    expected = Accepted(Seated({"c1": LINK, "c2": "https://uni.cirrusplatform.com" + STARTUP}))
    for step in (PUBLISH, SEAT):
        assert answer(step, body) == expected
        assert answer(step, e1(body)) == expected
        assert answer(step, lower(body)) == expected


def test_a_relative_link_alone_is_completed_by_the_settings_or_not_at_all() -> None:
    """The API's host is not the tenant's; a link to the wrong place is worse than none."""
    body = {"Schedule": {}, "Candidates": [{"CandidateExtId": "c1", "StartupLink": STARTUP}]}
    assert answer(SEAT, body) == Accepted(Seated({"c1": None}))
    known = replace(QUICK, launch_origin="https://uni.cirrusplatform.com")
    assert answer(SEAT, body, options=known) == Accepted(Seated({"c1": "https://uni.cirrusplatform.com" + STARTUP}))


def test_each_refused_candidate_of_an_accepted_call_has_its_own_remark() -> None:
    """S-SCHED-INV style item errors under 200, beside the list or inside it; a repeat keeps its link."""
    body = {
        "Success": True,
        "Content": {
            "Candidates": [
                {"CandidateExtId": "c1", "LaunchUrl": LINK, "Error": "Candidate has already been added"},
                {"CandidateExtId": "c2", "Error": "Email is invalid"},
            ],
            "Errors": [{"UserExtId": "c2", "Code": 318, "Error": "Email is invalid"}],
        },
    }
    remark = Remark(Phrase.INVALID_FIELD, "Email is invalid", 318, ("c2",))
    assert answer(SEAT, body) == Accepted(Seated({"c1": LINK}, refused={"c2": remark}))


@pytest.mark.parametrize("status", [200, 201])
def test_item_errors_beside_a_result_are_no_refusal_of_the_call(status: int) -> None:
    """E4 has no `Success`: a result with errors about candidates is a partial yes, errors alone are a no."""
    errors = [{"CandidateExtId": "c2", "Error": "Email is invalid"}]
    body = {"Result": "Schedule[S-1] created successfully", "Candidates": [{"CandidateExtId": "c1"}], "Errors": errors}
    remark = Remark(Phrase.INVALID_FIELD, "Email is invalid", about=("c2",))
    assert answer(PUBLISH, body, status) == Accepted(Seated({"c1": None}, refused={"c2": remark}))
    assert answer(PUBLISH, {"Schedule": {"ScheduleExtId": "S-1"}, "Errors": errors}) == Refused(200, (remark,))


def test_listing_sorts_candidates_into_seated_and_unknown() -> None:
    """S-SCHED-CAND-PUT; ids come back as we spell them."""
    body = e1(
        {
            "AddedCandidateExternalIds": ["C1"],
            "NotFoundUserExternalIds": ["c3"],
            "AlreadyAddedCandidateExternalIds": ["c2"],
        }
    )
    assert answer(LIST, body) == Accepted(Seated({"c1": None, "c2": None}, frozenset({"c3"})))


def test_unlisting_counts_everybody_who_is_not_there_any_more() -> None:
    """S-SCHED-CAND-DEL: deleted, not on the schedule, or not a user at all."""
    body = e1(
        {
            "DeletedCandidateExternalIds": ["c1"],
            "NotFoundCandidateExternalIds": ["c2"],
            "NotFoundUserExternalIds": ["c3"],
        }
    )
    assert answer(UNLIST, body) == Accepted(Unlisted(frozenset({"c1", "c2", "c3"})))


@pytest.mark.parametrize(
    ("step", "body", "status"),
    [
        (ACTIVATE, OK, 200),
        (steps.DeleteSchedule("S-1"), OK, 200),
        (steps.DeleteCandidate("c1"), OK, 200),
        (steps.DeleteCandidate("c1"), b"", 204),
        (ALL_STEPS[1], e1("c1"), 201),
        (ALL_STEPS[1], b"", 201),
        (ALL_STEPS[2], b"", 204),
        (ALL_STEPS[7], e1("S-1"), 200),
        (ALL_STEPS[8], b"", 200),
    ],
)
def test_a_plain_success_is_done(step: steps.Step, body: object, status: int) -> None:
    """E2 and E1 alike; where the answer is undocumented an empty body is a success too."""
    assert answer(step, body, status) == Accepted(Done())


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"[]", b"null", b'"yes"', b"\xff\xfe", b'{"Success":true'])
@pytest.mark.parametrize("step", [READ_USER, READ_SCHEDULE, READ_ATTEMPTS, PUBLISH, LIST, UNLIST, ACTIVATE])
def test_a_success_that_cannot_be_read_is_garbled(step: steps.Step, body: bytes) -> None:
    """Where the documentation shows an answer, its lack is no success."""
    assert answer(step, body) == Garbled(200)


@pytest.mark.parametrize("step", [READ_USER, READ_SCHEDULE, READ_ATTEMPTS, PUBLISH, LIST, UNLIST, ACTIVATE])
def test_an_empty_object_is_no_success(step: steps.Step) -> None:
    """`{}` says nothing, so nothing is concluded from it."""
    assert answer(step, {}) == Garbled(200)


def test_the_parts_of_a_message_are_remarks_of_their_own() -> None:
    """S-SCHED-CREATE failure: parts joined by `|`, ids in brackets, under 400 and under 200."""
    said = {"Message": "Something else | Schedule with ScheduleExtId [S-1] already exists"}
    for status in (400, 200):
        refusal = answer(PUBLISH, said, status)
        assert isinstance(refusal, Refused)
        assert refusal.status == status
        assert [remark.phrase for remark in refusal.remarks] == [Phrase.UNKNOWN, Phrase.ALREADY_EXISTS]
        assert refusal.remarks[1].about == ("S-1",)


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"Success": False, "Errors": None}, 200, Refused(200, ())),
        (b"", 400, Refused(400, ())),
        (b"Schedule is archived", 400, Refused(400, (Remark(Phrase.ARCHIVED, "Schedule is archived"),))),
        (b"<html>Bad Request</html>", 400, Garbled(400)),
        (b"<html>Not Allowed</html>", 405, Garbled(405)),
        (b"", 413, Garbled(413)),
        ({"Message": "Email is invalid"}, 422, Refused(422, (Remark(Phrase.INVALID_FIELD, "Email is invalid"),))),
        (b"", 404, Garbled(404)),
        ({"Message": "No HTTP resource was found that matches the request URI"}, 404, Garbled(404)),
        ({"Success": False, "Errors": "Schedule is archived"}, 404, Garbled(404)),
        ({"Message": "Not allowed to use external API"}, 403, Forbidden(403)),
        (b"", 401, Forbidden(401)),
        (b"", 500, Failing(500)),
        ({"Success": False, "Errors": "Internal error"}, 500, Failing(500)),
        (b"", 408, Failing(408)),
        (b"", 301, Garbled(301)),
        (b"", 304, Garbled(304)),
        (b"", 429, Throttled(None)),
    ],
)
def test_a_status_and_its_body_decide(body: object, status: int, expected: Answer) -> None:
    """One row per way in which a write is not accepted."""
    assert answer(ACTIVATE, body, status) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("Tue, 24 Nov 2026 09:01:30 GMT", 90.0),
        ("Tue, 24 Nov 2026 08:00:00 GMT", 0.0),
        ("Tuesday, 24-Nov-26 09:01:30 GMT", 90.0),
        ("999999999", 86400.0),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_pause_is_read_from_seconds_and_from_dates(header: str, seconds: float | None) -> None:
    """Retry-After in both of its forms, never negative, never longer than a day."""
    assert answer(ACTIVATE, b"", 429, Retry_After=header) == Throttled(seconds)
    assert answer(ACTIVATE, b"", 503, Retry_After=header) == Failing(503, seconds)


def test_a_redirect_is_not_followed() -> None:
    """The token goes to no other host, and the same request to no other path."""
    with scene(says(OK)) as (_, elsewhere):
        with scene(says(b"", 307, Location="/api/elsewhere"), says(OK)) as (client, stage):
            assert client.perform(ACTIVATE) == Garbled(307)
            assert len(stage.requests) == 1
        assert elsewhere.requests == []
