"""Tests of where a call goes: ids, paths of the documentation and of the settings, and regions."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapter.cirrus.client import CirrusClient
from adapter.cirrus.paths import Paths, sendable
from adapter.cirrus.regions import REGIONS, base_url
from adapter.domain import steps
from adapter.domain.answers import (
    Accepted,
    Garbled,
    NoAnswer,
    Seated,
    Unsendable,
)
from adapter.errors import ConfigurationError
from tests.unit.cirrus_stage import (
    ADA,
    NOW,
    OK,
    QUICK,
    SEAT,
    SITTING,
    Stage,
    calling,
    resets,
    says,
    scene,
    staged,
)
from tests.values import replace


@pytest.mark.parametrize(
    ("step", "misfit"),
    [
        (steps.ReadSchedule(""), ""),
        (steps.ReadSchedule("S_1"), "S_1"),
        (steps.ReadSchedule("S-1\n"), "S-1\n"),
        (steps.DeleteSchedule("../user/c1"), "../user/c1"),
        (steps.ReadCandidate("c" * 61), "c" * 61),
        (steps.ReadCandidate("é"), "é"),
        (steps.ReadCandidate("\u0661"), "\u0661"),
        (steps.ListCandidates("S-1", ("c1", "c 2")), "c 2"),
        (steps.DraftSchedule(replace(SITTING, assessment_id="A/1")), "A/1"),
        (replace(SEAT, seats=(steps.Seat(replace(ADA, external_id="c.1")),)), "c.1"),
    ],
)
def test_an_id_that_cirrus_does_not_accept_is_not_sent(step: steps.Step, misfit: str) -> None:
    """Section 0, "External-ID alphabet": the smallest rule of all."""
    with scene() as (client, stage):
        assert client.perform(step) == Unsendable(misfit, "1 to 60 letters, digits and dashes")
        assert stage.requests == []


def test_an_unsendable_attempt_id_matters_only_where_it_is_sent() -> None:
    """Without the EXTERNAL_ATTEMPTS workflow nobody sends it."""
    step = replace(SEAT, seats=(steps.Seat(ADA, "1/2"),))
    with scene() as (client, stage):
        client.perform(step)
        assert "1/2" not in stage.requests[0].body.decode()
    with scene(options=replace(QUICK, external_attempts=True)) as (client, stage):
        assert client.perform(step) == Unsendable("1/2", "1 to 60 letters, digits and dashes")
        assert stage.requests == []


ENDPOINTS = (
    (steps.ReadCandidate, "/api/user/{}"),
    (steps.ReadSchedule, "/api/external/schedule/{}"),
    (steps.ReadAttempts, "/api/external/schedule/{}/attempt-info"),
    (steps.ActivateSchedule, "/api/external/schedule/{}/activate"),
    (steps.DeleteSchedule, "/api/external/schedule/{}"),
)


@pytest.fixture(scope="module")
def line() -> Iterator[tuple[CirrusClient, Stage]]:
    """One client and its stage for all examples."""
    with staged() as (stage, url), calling(url) as client:
        yield client, stage


@settings(max_examples=200)
@given(name=st.text(max_size=70) | st.text("ab1-./?#%&:@ \\\r\n\u2028", max_size=12) | st.from_regex(r"[A-Za-z0-9-]+"))
@example(name="..")
@example(name="a?b=c")
@example(name="a/activate")
@example(name="%2e%2e")
def test_any_id_is_unsendable_or_reaches_exactly_its_own_endpoint(line: tuple[CirrusClient, Stage], name: str) -> None:
    """No id, whatever its characters, leads to a path that another step uses."""
    client, stage = line
    for make, path in ENDPOINTS:
        stage.requests.clear()
        answer = client.perform(make(name))
        if sendable(name):
            assert [request.target for request in stage.requests] == [path.format(name)]
        else:
            assert isinstance(answer, Unsendable)
            assert stage.requests == []


def test_where_two_paths_are_documented_the_other_is_tried_after_a_404_and_remembered() -> None:
    """D.4: once per client, not once per call."""
    added = {"Success": True, "Content": {"AddedCandidateExternalIds": ["c1"]}}
    listing = steps.ListCandidates("S-1", ("c1",))
    seen: list[tuple[str, str, float, int]] = []
    with staged(says(b"", 404), says(added)) as (stage, url), calling(url, seen=seen) as client:
        assert [client.perform(listing) for _ in range(3)] == [Accepted(Seated({"c1": None}))] * 3
        plain, external = "/api/schedule/S-1/candidates", "/api/external/schedule/S-1/candidates"
        assert [request.target for request in stage.requests] == [plain, external, external, external]
        assert [(each[0], each[1]) for each in seen[:2]] == [("list_candidates", "404"), ("list_candidates", "200")]


def test_only_a_404_leads_to_the_other_path() -> None:
    """A request that may have been carried out is not made again in another spelling."""
    for fault, expected in ((resets(), NoAnswer()), (says(b"", 301), Garbled(301))):
        with scene(fault, says(OK)) as (client, stage):
            assert client.perform(steps.ListCandidates("S-1", ("c1",))) == expected
            assert len(stage.requests) == 1


def test_when_both_paths_are_missing_the_answer_is_the_404() -> None:
    """Two tries, then it is for people to set the path."""
    with scene(says(b"", 404)) as (client, stage):
        assert client.perform(steps.ListCandidates("S-1", ("c1",))) == Garbled(404)
        assert len(stage.requests) == 2


def test_a_path_of_the_settings_replaces_both() -> None:
    """What a tenant has set is tried alone."""
    paths = Paths.with_settings({"list_candidates": "/v2/schedule/{externalId}/people"})
    with staged(says(b"", 404)) as (stage, url), calling(url, paths=paths) as client:
        assert client.perform(steps.ListCandidates("S-1", ("c1",))) == Garbled(404)
        assert [request.target for request in stage.requests] == ["/api/v2/schedule/S-1/people"]


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("list_people", "/x/{externalId}"),
        ("read_schedule", "/external/schedule"),
        ("publish_schedule", "/schedule/{externalId}"),
        ("read_schedule", "schedule/{externalId}"),
        ("read_schedule", "/schedule/{externalId}?a=b"),
        ("read_schedule", "/../schedule/{externalId}"),
        ("read_schedule", "//elsewhere.example/{externalId}"),
    ],
)
def test_a_path_that_cannot_work_is_a_configuration_error(name: str, template: str) -> None:
    """Found when the settings are read, with the key that holds it."""
    with pytest.raises(ConfigurationError, match=f"cirrus.paths.{name}"):
        Paths.with_settings({name: template})


@pytest.mark.parametrize(
    "url",
    ["", "api.example", "ftp://api.example", "https://", "https://u:p@api.example", "https://a?b", "http://a:99999"],
)
def test_a_base_url_that_is_none_is_a_configuration_error(url: str) -> None:
    """Found when the client is made."""
    with pytest.raises(ConfigurationError, match=r"cirrus\.base_url"):
        CirrusClient(url, str, paths=Paths(), options=QUICK, observe=lambda *_: None, clock=lambda: NOW)


def test_every_region_has_its_api_domain() -> None:
    """Section 00."""
    assert base_url("eu") == "https://api.cirrusplatform.com/api/v1/integrations"
    assert {base_url(region) for region in REGIONS} == {
        f"https://{domain}/api/v1/integrations"
        for domain in (
            "api.cirrusplatform.com",
            "api-euprem.cirrusplatform.com",
            "api.cirrusrc.eu",
            "api-ca.cirrusplatform.com",
            "api-sg.cirrusplatform.com",
        )
    }
    with pytest.raises(ConfigurationError, match="'mars' is not a region"):
        base_url("mars")
