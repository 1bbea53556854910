"""The sandbox's deliveries to a webhook (§C): tries, their delays, and chance drawn from the seed."""

import socket
from collections import Counter

import pytest
import requests

from adapter.cirrus.sandbox import SandboxOptions, SandboxServer, Webhook
from tests.contract.sandbox_kit import NO_NOTICES, Cirrus, candidate, receiving, running, until

FAST = 0.0005


def test_it_is_tried_again_until_it_is_answered_with_200() -> None:
    """§C: every other answer is a failure, redirects and other successes too; the message stays the same."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver, time_scale=FAST)
        receiver.answers = [500, 302, 202, 404]
        cirrus.sat()
        cirrus.ui("publish_results")
        assert cirrus.settled() == NO_NOTICES | {"announced": 1, "sent": 5, "delivered": 1, "retried": 4}
        assert len({notice.raw for notice in receiver.notices}) == 1
        tries = cirrus.control.deliveries()
        assert [(each["n"], each["try"], each["status"]) for each in tries] == [
            (1, 1, 500),
            (2, 2, 302),
            (3, 3, 202),
            (4, 4, 404),
            (5, 5, 200),
        ]
        assert tries[0] == {
            "n": 1,
            "time": "2026-01-12T08:00:00+00:00",
            "tenant": "alpha",
            "candidate": "c1",
            "schedule": "S1",
            "attempt": 1,
            "try": 1,
            "status": 500,
        }
        assert cirrus.control.deliveries(limit=2) == tries[-2:]


def test_it_is_given_up_after_ten_attempts() -> None:
    """§C: a total of 10, here without any answer; the event is lost."""
    with socket.socket() as reserved, running() as cirrus:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/hook"
        cirrus.control.webhook(url, tenant="alpha", time_scale=0.00002)
        cirrus.sat()
        cirrus.ui("publish_results")
        assert cirrus.settled() == NO_NOTICES | {"announced": 1, "sent": 10, "retried": 9, "given_up": 1}
        assert {each["status"] for each in cirrus.control.deliveries()} == {None}


def test_a_receiver_that_does_not_answer_in_time_has_failed() -> None:
    """The time limit is the webhook's."""
    with socket.create_server(("127.0.0.1", 0)) as deaf, running() as cirrus:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/hook"
        cirrus.control.webhook(url, tenant="alpha", timeout_seconds=0.05, time_scale=0)
        cirrus.sat()
        cirrus.ui("publish_results")
        assert cirrus.settled()["given_up"] == 1


@pytest.mark.parametrize(
    ("retry", "least", "most"), [(1, 15, 44), (2, 16, 74), (3, 31, 118), (4, 96, 212), (5, 271, 416), (9, 4111, 4372)]
)
def test_the_delays_are_the_documented_ones(retry: int, least: int, most: int) -> None:
    """§C: round((n-1)^4 + 15 + rand(0..29) * n) seconds; the whole span is drawn, and compressed at will."""
    hook = Webhook(url="http://127.0.0.1/")
    delays = [hook.delay(retry, "seed", n) for n in range(500)]
    assert (min(delays), max(delays)) == (least, most)
    compressed = Webhook(url="http://127.0.0.1/", time_scale=0.01)
    assert compressed.delay(retry, "seed", 1) == pytest.approx(delays[1] / 100)


@pytest.mark.parametrize(("lost", "expected"), [(0.1, 3), (0.5, 15), (1.0, 30)])
def test_the_lost_share_of_a_publication_is_exact(lost: float, expected: int) -> None:
    """Which ones are lost follows from the seed, how many from the share."""
    names = [f"c{n}" for n in range(30)]
    runs = []
    for order in (names, names[::-1]):
        with receiving() as receiver, running() as cirrus:
            cirrus.hook(receiver, lost=lost)
            cirrus.sat(*order)
            cirrus.ui("publish_results")
            counts = cirrus.settled()
            assert (counts["announced"], counts["lost"], counts["delivered"]) == (30, expected, 30 - expected)
            runs.append(sorted(notice.body["CandidateExtId"] for notice in receiver.notices))
    assert runs[0] == runs[1]


def test_notices_come_more_than_once() -> None:
    """§C: at least once; each is repeated as often as the seed says, within the limits."""
    runs = []
    for _ in range(2):
        with receiving() as receiver, running() as cirrus:
            cirrus.hook(receiver, repeats=[1, 3], spread_seconds=0.1)
            cirrus.sat(*(f"c{n}" for n in range(20)))
            cirrus.ui("publish_results")
            counts = cirrus.settled()
            runs.append(Counter(notice.body["CandidateExtId"] for notice in receiver.notices))
            assert counts["announced"] == 20
            assert counts["delivered"] == runs[-1].total()
    assert runs[0] == runs[1]
    assert set(runs[0].values()) == {1, 2, 3}


def test_notices_are_spread_and_shuffled() -> None:
    """§C: the order is not documented."""
    names = [f"c{n}" for n in range(20)]
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver, spread_seconds=0.3)
        cirrus.sat(*names)
        cirrus.ui("publish_results")
        cirrus.settled()
        order = [notice.body["CandidateExtId"] for notice in receiver.notices]
        assert sorted(order) == sorted(names)
        assert order != names


def test_a_waiting_delivery_follows_the_webhook_as_it_is_now() -> None:
    """An administrator corrects the Payload URL, and the retry goes there."""
    with receiving() as receiver, running() as cirrus:
        cirrus.control.webhook(receiver.url.replace("/hook", "/old"), tenant="alpha", time_scale=0.02)
        receiver.answers = [500]
        cirrus.sat()
        cirrus.ui("publish_results")
        until(lambda: len(receiver.notices) == 1)
        cirrus.hook(receiver)
        assert cirrus.settled()["delivered"] == 1
        assert [notice.path for notice in receiver.notices] == ["/old", "/hook"]


def test_at_most_twenty_are_sent_at_once() -> None:
    """A receiver that is slow holds up the rest of a cohort, and gets all of it in the end."""
    with receiving() as receiver, running() as cirrus:
        cirrus.hook(receiver)
        receiver.is_open.clear()
        cirrus.sat(*(f"c{n}" for n in range(300)))
        cirrus.ui("publish_results")
        until(lambda: len(receiver.notices) == 20)
        counts = cirrus.control.webhook_counts()
        assert (counts["sent"], counts["delivered"], counts["waiting"]) == (20, 0, 300)
        receiver.is_open.set()
        assert cirrus.settled()["delivered"] == 300
        assert len(receiver.notices) == 300


def test_the_sandbox_stops_with_deliveries_under_way() -> None:
    """Neither a deaf receiver nor a retry hours away holds it up."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        server = SandboxServer(SandboxOptions(auto_assessments=True))
        with server:
            server.control.webhook(f"http://127.0.0.1:{deaf.getsockname()[1]}/hook", spread_seconds=0)
            cirrus = Cirrus(server, requests.Session())
            with cirrus.session:
                cirrus.token = "sandbox-token"
                cirrus.book("S1", [candidate("c1")])
            server.control.ui("sit", schedule="S1")
            server.control.ui("publish_results", schedule="S1")
            until(lambda: server.control.webhook_counts()["sent"] == 1)
        assert not server._thread.is_alive()
