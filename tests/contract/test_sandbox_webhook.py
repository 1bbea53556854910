"""The sandbox's webhook (§C): what is announced, what a message says, and how it is set up."""

import hmac
from hashlib import sha256

import pytest
import requests

from adapter.cirrus.sandbox import ControlError, read_webhook
from tests.contract.sandbox_kit import HOUR, NO_NOTICES, candidate, receiving, running, until


def test_a_publication_is_announced_with_ids_alone() -> None:
    """§C: the payload is UNSEEN; thin is the default, a POST of JSON."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver)
        cirrus.sat()
        cirrus.ui("publish_results")
        expected = NO_NOTICES | {"announced": 1, "sent": 1, "delivered": 1}
        assert expected == cirrus.settled()
        (notice,) = receiver.notices
        assert notice.body == {"CandidateExtId": "c1", "ScheduleExtId": "S1"}
        assert (notice.path, notice.headers["content-type"]) == ("/hook", "application/json")


def test_the_attempt_is_named_where_it_has_an_id() -> None:
    """§5.1: AttemptExtId, in the EXTERNAL_ATTEMPTS workflow alone."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver)
        cirrus.book("S1", [candidate("c1", AttemptExtId="T1")], Workflow="EXTERNAL_ATTEMPTS")
        cirrus.ui("sit", early=True)
        cirrus.ui("publish_results")
        cirrus.settled()
        assert receiver.notices[0].body == {"CandidateExtId": "c1", "ScheduleExtId": "S1", "AttemptExtId": "T1"}


@pytest.mark.parametrize("shape", ["list", "nested", "flat"])
def test_the_payload_may_be_the_whole_result(shape: str) -> None:
    """§C: a parser must tolerate a full body; it is what GET /results would answer for the attempt."""
    with receiving() as receiver, running(result_shape=shape) as cirrus:
        cirrus.hook(receiver, payload="full")
        cirrus.sat()
        cirrus.ui("publish_results")
        cirrus.settled()
        assert receiver.notices[0].body == cirrus.results("c1", ScheduleExtId="S1").json()


def test_a_full_payload_is_of_its_attempt_alone() -> None:
    """Two attempts are two messages, each with its own result."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver, payload="full")
        cirrus.sat()
        cirrus.ui("sit", early=True)
        cirrus.ui("publish_results")
        cirrus.settled()
        told = [[result["AttemptNumber"] for result in notice.body["Results"]] for notice in receiver.notices]
        assert sorted(told) == [[1], [2]]


def test_changes_of_a_published_result_are_announced_again() -> None:
    """§C: since 2021 for the same attempt; a repeated publication and a withdrawal say nothing by themselves."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver)
        cirrus.sat()
        told = []
        for action, more in (
            ("mark", {}),
            ("publish_results", {}),
            ("publish_results", {}),
            ("rescore", {"score": 90}),
            ("void_result", {}),
            ("withdraw_result", {}),
            ("publish_results", {}),
            ("withdraw_result", {"announce": True}),
        ):
            cirrus.ui(action, candidate="c1", **more)
            cirrus.settled()
            told.append(len(receiver.notices))
        assert told == [0, 1, 1, 2, 3, 3, 4, 5]


def test_handing_in_announces_where_no_assessors_are_assigned() -> None:
    """§C: published automatically after hand-in; all who sit together are one batch."""
    with receiving() as receiver, running(auto_publish=True) as cirrus:
        cirrus.hook(receiver)
        cirrus.sat("c1", "c2")
        cirrus.settled()
        assert sorted(notice.body["CandidateExtId"] for notice in receiver.notices) == ["c1", "c2"]


def test_only_satisfactory_hides_failures_and_downgrades() -> None:
    """§C: failed results, and corrections from pass to fail, are never announced."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver, only_satisfactory=True)
        cirrus.sat("c1", "c2")
        cirrus.ui("mark", candidate="c1", outcome="SATISFACTORY")
        cirrus.ui("mark", candidate="c2", outcome="NOT_SATISFACTORY")
        cirrus.ui("publish_results")
        cirrus.ui("rescore", candidate="c1", outcome="NOT_SATISFACTORY")
        cirrus.ui("void_result", candidate="c1")
        assert cirrus.settled() == NO_NOTICES | {"announced": 1, "sent": 1, "delivered": 1, "dropped": 3}
        cirrus.ui("rescore", candidate="c2", outcome="SATISFACTORY")
        cirrus.settled()
        assert [notice.body["CandidateExtId"] for notice in receiver.notices] == ["c1", "c2"]


def test_an_inactive_webhook_drops_and_never_replays() -> None:
    """§C: events during inactivity are gone."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver, active=False)
        cirrus.sat()
        cirrus.ui("publish_results")
        cirrus.hook(receiver)
        assert cirrus.settled() == NO_NOTICES | {"dropped": 1}
        cirrus.ui("rescore", candidate="c1", score=80)
        assert cirrus.settled()["delivered"] == 1
        assert len(receiver.notices) == 1


def test_without_a_webhook_nothing_is_announced() -> None:
    """The default; and a tenant's webhook is its own."""
    with receiving() as receiver, running() as cirrus:
        cirrus.control.webhook(receiver.url, tenant="beta")
        cirrus.sat()
        cirrus.ui("publish_results")
        assert cirrus.settled() == NO_NOTICES
        assert receiver.notices == []


def test_a_signature_and_headers_can_be_asked_for() -> None:
    """§C: authentication is UNSEEN but implied; the secrets are never shown."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver, headers={"Authorization": "Bearer b"}, secret="s", signature_header="X-Sig")
        cirrus.sat()
        cirrus.ui("publish_results")
        cirrus.settled()
        (notice,) = receiver.notices
        assert notice.headers["authorization"] == "Bearer b"
        assert notice.headers["x-sig"] == hmac.new(b"s", notice.raw, sha256).hexdigest()
        shown = requests.get(f"{cirrus.server.url}/_sandbox/webhook", timeout=10).json()["tenants"]["alpha"]
        assert (shown["webhook"]["headers"], shown["webhook"]["secret"]) == ({"Authorization": "***"}, "***")
        assert shown["webhook"]["url"] == receiver.url
        assert shown["counts"] == cirrus.control.webhook_counts(tenant="alpha")


def test_the_signature_has_a_usual_name() -> None:
    """Without a name of its own."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver, secret="s")
        cirrus.sat()
        cirrus.ui("publish_results")
        cirrus.settled()
        assert len(receiver.notices[0].headers["x-cirrus-signature"]) == 64


def test_a_removed_webhook_takes_its_deliveries_with_it() -> None:
    """And keeps its counts; a reset drops them too."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver)
        receiver.answers = [500]
        cirrus.sat()
        cirrus.ui("publish_results")
        until(lambda: cirrus.control.webhook_counts()["sent"] == 1)
        assert cirrus.control.webhook_counts()["waiting"] == 1
        cirrus.control.remove_webhook(tenant="alpha")
        assert cirrus.settled() == NO_NOTICES | {"announced": 1, "sent": 1}
        cirrus.hook(receiver, spread_seconds=HOUR)
        cirrus.ui("rescore", candidate="c1", score=80)
        assert cirrus.control.webhook_counts()["waiting"] == 1
        cirrus.control.reset()
        assert cirrus.control.webhook_counts() == NO_NOTICES | {"waiting": 0}
        assert cirrus.control.deliveries() == []


def test_webhooks_of_all_tenants_are_removed_at_once() -> None:
    """Without a tenant."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver)
        cirrus.control.remove_webhook()
        cirrus.sat()
        cirrus.ui("publish_results")
        assert cirrus.settled() == NO_NOTICES


def test_a_deactivated_webhook_drops_what_waits() -> None:
    """§C: nothing is sent while it is inactive, retries neither."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver, time_scale=0.02)
        receiver.answers = [500]
        cirrus.sat()
        cirrus.ui("publish_results")
        until(lambda: cirrus.control.webhook_counts()["sent"] == 1)
        cirrus.hook(receiver, active=False)
        assert cirrus.settled() == NO_NOTICES | {"announced": 1, "sent": 1, "dropped": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://127.0.0.1/"},
        {"url": "hook"},
        {"activ": True},
        {"active": "yes"},
        {"url": "http://127.0.0.1:70000/"},
        {"headers": {"A": 1}},
        {"headers": {"A": "b\n"}},
        {"headers": {"A b": "c"}},
        {"signature_header": ""},
        {"secret": ""},
        {"payload": "fat"},
        {"payload": ["thin"]},
        {"repeats": [0, 1]},
        {"repeats": [2, 1]},
        {"repeats": 2},
        {"lost": 1.5},
        {"time_scale": -1},
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    """A typing mistake in a test must not pass as a quiet webhook."""
    with running() as cirrus, pytest.raises(ControlError):
        cirrus.control.webhook(**{"url": "http://127.0.0.1/", "tenant": "alpha"} | wrong)


def test_a_webhook_needs_a_url() -> None:
    """Everything else has a default."""
    with pytest.raises(ValueError, match="url is missing"):
        read_webhook({"active": True})


def test_people_see_what_the_webhook_did() -> None:
    """The page for people shows the counts and the published results."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver)
        cirrus.sat()
        cirrus.ui("publish_results")
        cirrus.settled()
        page = requests.get(f"{cirrus.server.url}/_sandbox/", timeout=10).text
        assert "<th>given_up</th>" in page
        assert "<th>published</th>" in page
        assert "<th>spent today</th>" in page
