"""Tests of what the client sends: method, path, headers and body of every step, and what it refuses to send."""

from datetime import datetime, timedelta, timezone

import pytest
import structlog

from adapter.cirrus.client import ClientOptions
from adapter.cirrus.paths import DOCUMENTED
from adapter.domain import steps
from adapter.domain.answers import (
    Accepted,
    Done,
    Forbidden,
    Phrase,
    Refused,
    Remark,
    Seated,
)
from adapter.errors import ConfigurationError
from tests.unit.cirrus_stage import (
    ADA,
    ALL_STEPS,
    BOB,
    GROUP,
    OK,
    PUBLISH,
    QUICK,
    SEAT,
    SITTING,
    TOKEN,
    Request,
    calling,
    resets,
    says,
    scene,
    staged,
)
from tests.values import replace

ADA_SEAT = {"CandidateExtId": "c1", "FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.org"}
BOB_SEAT = {
    "CandidateExtId": "c2",
    "FirstName": "Bob",
    "LastName": "Byron",
    "Email": "bob@example.org",
    "SpecialNeeds": "true",
    "ReasonableAdjustmentPercentage": 25,
}
GROUP_KEYS = {"GroupExtId": "FAC1", "GroupName": "Faculty"}
PUBLISHED = {
    "Schedule": {
        "AssessmentExtId": "A1",
        "Title": "Mock exam",
        "ScheduleExtId": "S-1",
        "StartDateTime": "2026-12-01T09:00:00Z",
        "EndDateTime": "2026-12-01T13:00:00Z",
        **GROUP_KEYS,
    },
    "Candidates": [ADA_SEAT, BOB_SEAT],
}
MOVED = {"StartDateTime": "2026-12-01T09:00:00Z", "EndDateTime": "2026-12-01T13:00:00Z", "Title": "Mock exam"}
DRAFTED = MOVED | {"AssessmentExternalId": "A1", "ScheduleExternalId": "S-1", "HierarchyExternalId": "FAC1"}


def sent(step: steps.Step, options: ClientOptions = QUICK) -> Request:
    """Return the one request that a step makes."""
    with scene(options=options) as (client, stage):
        client.perform(step)
        (request,) = stage.requests
        return request


@pytest.mark.parametrize(
    ("step", "method", "path", "body"),
    [
        (steps.ReadCandidate("c1"), "GET", "/user/c1", None),
        (
            steps.CreateCandidate(BOB, ("FAC1", "g2")),
            "POST",
            "/user",
            {
                "ExternalId": "c2",
                "FirstName": "Bob",
                "LastName": "Byron",
                "Email": "bob@example.org",
                "SpecialNeeds": True,
                "ReasonableAdjustmentPercentage": 25,
                "Hierarchies": [{"ExternalId": "FAC1"}, {"ExternalId": "g2"}],
            },
        ),
        (
            steps.CreateCandidate(replace(ADA, extra_time=0, login_disabled=True), ()),
            "POST",
            "/user",
            {
                "ExternalId": "c1",
                "FirstName": "Ada",
                "LastName": "Lovelace",
                "Email": "ada@example.org",
                "SpecialNeeds": False,
                "DisableLogin": True,
            },
        ),
        (
            steps.ChangeCandidate(BOB, frozenset({"mail", "extra_time"})),
            "PATCH",
            "/user/c2",
            {"Email": "bob@example.org", "SpecialNeeds": True, "ReasonableAdjustmentPercentage": 25},
        ),
        (
            steps.ChangeCandidate(replace(ADA, login_disabled=False), frozenset({"login_disabled", "first_name"})),
            "PATCH",
            "/user/c1",
            {"FirstName": "Ada", "DisableLogin": False},
        ),
        (steps.ReadSchedule("S-1"), "GET", "/external/schedule/S-1", None),
        (steps.ReadAttempts("S-1"), "GET", "/external/schedule/S-1/attempt-info", None),
        (PUBLISH, "POST", "/schedule", PUBLISHED),
        (
            replace(PUBLISH, schedule=replace(SITTING, pin="0042"), seats=()),
            "POST",
            "/schedule",
            {"Schedule": PUBLISHED["Schedule"] | {"PIN": "0042"}, "Candidates": []},
        ),
        (
            SEAT,
            "POST",
            "/schedule/add-candidates",
            {"Schedule": {"ScheduleExtId": "S-1", **GROUP_KEYS}, "Candidates": [ADA_SEAT, BOB_SEAT]},
        ),
        (steps.DraftSchedule(SITTING), "POST", "/external/schedule", DRAFTED),
        (steps.DraftSchedule(replace(SITTING, pin="1")), "POST", "/external/schedule", DRAFTED | {"PIN": "1"}),
        (steps.ChangeSchedule(SITTING), "PATCH", "/external/schedule/S-1", MOVED),
        (steps.ListCandidates("S-1", ("c1", "c2")), "PUT", "/schedule/S-1/candidates", ["c1", "c2"]),
        (steps.UnlistCandidates("S-1", ("c1",)), "DELETE", "/external/schedule/S-1/candidates", ["c1"]),
        (steps.ActivateSchedule("S-1"), "PUT", "/external/schedule/S-1/activate", None),
        (steps.DeleteSchedule("S-1"), "DELETE", "/external/schedule/S-1", None),
    ],
)
def test_each_step_is_the_documented_call(step: steps.Step, method: str, path: str, body: object) -> None:
    """Sections 1, 5 and 6.1, in both dialects (D.3), with bodies on DELETE where they belong (D.17)."""
    request = sent(step)
    assert (request.method, request.target) == (method, "/api" + path)
    assert (request.json if request.body else None) == body


def test_every_request_carries_the_documented_headers() -> None:
    """Scheme word, one space, token; the content type on every request, GET too (section 0)."""
    for step in (steps.ReadCandidate("c1"), PUBLISH):
        headers = sent(step).headers
        assert headers["authorization"] == f"EAPI {TOKEN}"
        assert headers["content-type"] == "application/json"
        assert headers["user-agent"].startswith("cirrus-adapter/")
        assert "cookie" not in headers


def test_attempt_ids_and_upsert_are_sent_only_when_the_settings_say_so() -> None:
    """Workflow EXTERNAL_ATTEMPTS and Upsert (5.1)."""
    options = replace(QUICK, external_attempts=True, upsert=True)
    seats = [ADA_SEAT | {"AttemptExtId": "c1-1"}, BOB_SEAT | {"AttemptExtId": "c2-1"}]
    expected = PUBLISHED | {"Workflow": "EXTERNAL_ATTEMPTS", "Upsert": True, "Candidates": seats}
    assert sent(PUBLISH, options).json == expected
    assert sent(SEAT, options).json["Candidates"] == seats


def test_no_extra_time_is_said_as_such_in_a_seat() -> None:
    """0 percent takes special needs away, as a text in this call (5.7)."""
    step = steps.SeatCandidates("S-1", GROUP, (steps.Seat(replace(ADA, extra_time=0)),))
    assert sent(step).json["Candidates"] == [ADA_SEAT | {"SpecialNeeds": "false"}]


def test_times_are_sent_in_utc() -> None:
    """Any zone becomes UTC with Z (D.12)."""
    start = datetime(2026, 12, 1, 10, 0, tzinfo=timezone(timedelta(hours=1)))
    assert sent(steps.ChangeSchedule(replace(SITTING, start=start))).json == MOVED


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
        ("x" * 98 + " y" * 10, "x" * 98 + "…"),
        ("😀" * 50, "😀" * 50),
        ("😀" * 51, "😀" * 49 + "…"),
    ],
)
def test_a_long_title_is_cut_with_a_mark(title: str, expected: str) -> None:
    """At most 100, counted in UTF-16 as .NET does."""
    assert sent(steps.ChangeSchedule(replace(SITTING, title=title))).json["Title"] == expected


def test_long_names_are_cut_with_a_mark() -> None:
    """At most 500 for people and groups."""
    long = "n" * 501
    step = steps.SeatCandidates(
        "S-1", replace(GROUP, name=long), (steps.Seat(replace(ADA, first_name=long, last_name=long)),)
    )
    body = sent(step).json
    cut = "n" * 499 + "…"
    assert body["Schedule"]["GroupName"] == cut
    assert body["Candidates"] == [ADA_SEAT | {"FirstName": cut, "LastName": cut}]


@pytest.mark.parametrize(
    "step",
    [
        steps.CreateCandidate(replace(ADA, mail="a" * 90 + "@example.org"), ()),
        steps.ChangeCandidate(replace(ADA, mail="a" * 90 + "@example.org"), frozenset({"mail"})),
        steps.CreateCandidate(replace(ADA, first_name="\ud800"), ()),
        steps.DraftSchedule(replace(SITTING, pin="12345")),
        steps.DraftSchedule(replace(SITTING, title="\udfff")),
        steps.ChangeSchedule(replace(SITTING, title="\udfff")),
        replace(PUBLISH, schedule=replace(SITTING, pin="12345")),
        replace(PUBLISH, seats=(steps.Seat(replace(ADA, mail="a" * 101)),)),
        replace(SEAT, hierarchy=replace(GROUP, name="\ud800")),
    ],
)
def test_what_cirrus_would_never_take_is_refused_without_a_call(step: steps.Step) -> None:
    """The remark names the field, never the value."""
    with scene() as (client, stage):
        refusal = client.perform(step)
        assert isinstance(refusal, Refused)
        assert (refusal.status, [remark.phrase for remark in refusal.remarks]) == (0, [Phrase.INVALID_FIELD])
        assert "aaa" not in repr(refusal)
        assert "12345" not in repr(refusal)
        assert stage.requests == []


def test_one_unusable_mail_address_does_not_cost_the_others_their_seats() -> None:
    """The call goes out without that candidate, whose refusal stands in the answer."""
    bad = replace(ADA, mail="a" * 101)
    remark = Remark(Phrase.INVALID_FIELD, "the e-mail address is longer than 100 characters", about=("c1",))
    with scene(says({"Schedule": {}, "Candidates": [{"CandidateExtId": "c2"}]})) as (client, stage):
        step = replace(SEAT, seats=(steps.Seat(bad), steps.Seat(BOB)))
        assert client.perform(step) == Accepted(Seated({"c2": None}, refused={"c1": remark}))
        assert stage.requests[0].json["Candidates"] == [BOB_SEAT]
        alone = replace(SEAT, seats=(steps.Seat(bad),))
        assert client.perform(alone) == Accepted(Seated({}, refused={"c1": remark}))
        assert len(stage.requests) == 1


def test_there_is_one_operation_per_step() -> None:
    """Every step has a route, and no route is without its step."""
    seen: list[tuple[str, str, float, int]] = []
    with staged() as (_, url), calling(url, seen=seen) as client:
        for step in ALL_STEPS:
            client.perform(step)
    assert {each[0] for each in seen} == set(DOCUMENTED)
    assert len(ALL_STEPS) == len(DOCUMENTED) == len(steps.Step.__args__)
    assert {each[0]: each[3] for each in seen}["unlist_candidates"] == 2


def test_the_token_is_asked_for_at_every_call() -> None:
    """A rotated token is used without a restart (S14)."""
    tokens = iter(["first", "second", "second"])
    with staged() as (stage, url), calling(url, token=lambda: next(tokens)) as client:
        for _ in range(3):
            client.perform(steps.ActivateSchedule("S-1"))
        sent_tokens = [request.headers["authorization"] for request in stage.requests]
        assert sent_tokens == ["EAPI first", "EAPI second", "EAPI second"]


@pytest.mark.parametrize("trouble", [ConfigurationError("token", "it is away", "put it there"), OSError("it is away")])
def test_a_token_that_cannot_be_read_halts_the_tenant_only(trouble: Exception) -> None:
    """While the file of a secret is away, calls are answered as forbidden; when it is back, they go on."""
    tokens = iter([trouble, TOKEN])

    def token() -> str:
        if isinstance(now := next(tokens), Exception):
            raise now
        return now

    with staged() as (_, url), calling(url, token=token) as client:
        assert client.perform(steps.ActivateSchedule("S-1")) == Forbidden(0)
        assert client.perform(steps.ActivateSchedule("S-1")) == Accepted(Done())


def test_a_token_that_was_replaced_after_a_refusal_is_noticed() -> None:
    """Only another token than the refused one is renewed: not the same one, and none that could not be sent (S14)."""
    tokens = ["first"]
    with staged(says(b"", 403)) as (_, url), calling(url, token=lambda: tokens[-1]) as client:
        assert client.perform(steps.ActivateSchedule("S-1")) == Forbidden(403)
        assert not client.renewed()
        for given, renewed in (("two words", False), ("second", True), ("first", False)):
            tokens.append(given)
            assert client.renewed() is renewed


def test_a_token_that_can_be_read_again_is_a_renewed_one() -> None:
    """A secret that was away when it was needed is tried as soon as it is there; its absence is logged once."""
    tokens: list[str | Exception] = [OSError("it is away")]

    def token() -> str:
        if isinstance(now := tokens[-1], Exception):
            raise now
        return now

    with structlog.testing.capture_logs() as logs, staged() as (_, url), calling(url, token=token) as client:
        assert client.perform(steps.ActivateSchedule("S-1")) == Forbidden(0)
        assert [client.renewed() for _ in range(3)] == [False] * 3
        tokens.append(TOKEN)
        assert client.renewed()
    assert [line["event"] for line in logs].count("the token cannot be read") == 1


@pytest.mark.parametrize("token", ["", "two words", "line\r\nX-Evil: 1", "schlüssel"])
def test_a_token_that_is_none_is_forbidden_without_a_call(token: str) -> None:
    """An empty or broken secret halts the tenant; it never becomes part of a request or an error text."""
    with staged() as (stage, url), calling(url, token=lambda: token) as client:
        assert client.perform(PUBLISH) == Forbidden(0)
        assert stage.requests == []


def test_nothing_personal_and_no_secret_is_logged_or_shown() -> None:
    """Neither the log line nor any repr holds the token, a link, a name, an address or a candidate's id."""
    link = "https://uni.cirrusplatform.com/delivery/external-login?session=abcdef"
    body = {"Schedule": {}, "Candidates": [{"CandidateExtId": "c1", "LaunchUrl": link}]}
    refusal = {"Message": "ada@example.org is used already, see https://x.example/?session=abcdef"}
    with structlog.testing.capture_logs() as lines, scene(says(body), says(refusal, 400)) as (client, _):
        shown = [repr(client.perform(PUBLISH)), repr(client.perform(PUBLISH)), repr(client)]
    assert lines == [
        {"event": "cirrus call", "log_level": "debug", "operation": "publish_schedule", "items": 2}
        | {"status": status, "seconds": line["seconds"]}
        for status, line in zip(("200", "400"), lines, strict=True)
    ]
    for secret in (TOKEN, "session", "Lovelace", "@example.org", "'c1'"):
        assert secret not in "".join(map(str, (*lines, *shown)))


def test_the_observer_hears_of_each_call() -> None:
    """Operation, status or the word for its lack, seconds, candidates."""
    seen: list[tuple[str, str, float, int]] = []
    with staged(says(OK), resets()) as (_, url), calling(url, seen=seen) as client:
        assert client.perform(steps.ActivateSchedule("S-1")) == Accepted(Done())
        client.perform(PUBLISH)
    assert [(name, status, items) for name, status, _, items in seen] == [
        ("activate_schedule", "200", 1),
        ("publish_schedule", "no-answer", 2),
    ]
    assert all(0 <= seconds < 5 for _, _, seconds, _ in seen)
