"""The sandbox's door (§00, §0, §0.1): tokens, tenants, unknown paths, settings of the administrator."""

import pytest
import requests

from adapter.cirrus.sandbox import Sandbox, SandboxOptions
from tests.contract.sandbox_kit import candidate, running


@pytest.mark.parametrize("header", [None, "EAPI wrong", "Bearer token-a", "token-a", "EAPI"])
def test_without_a_valid_token_every_call_is_403(header: str | None) -> None:
    """§0: access refused is 403 "Not allowed to use external API"."""
    with running() as cirrus:
        headers = {} if header is None else {"Authorization": header}
        answer = requests.get(cirrus.server.api_url + "/groups", headers=headers, timeout=10)
        assert answer.status_code == 403
        assert answer.json() == {"Success": False, "Errors": "Not allowed to use external API"}


def test_a_refused_token_can_be_401() -> None:
    """§0: 401 is documented nowhere, yet a client must accept both."""
    with running(refused_status=401) as cirrus:
        cirrus.token = "wrong"
        assert cirrus.call("GET", "/groups").status_code == 401


def test_the_token_alone_decides_whose_data_is_touched() -> None:
    """§00: the URL is never customer specific, so the same id lives once per tenant."""
    with running() as cirrus:
        assert cirrus.user("u1", LastName="Alpha").status_code == 200
        cirrus.token = "token-b"
        assert cirrus.call("GET", "/user/u1").status_code == 400
        assert cirrus.user("u1", LastName="Beta").status_code == 200
        tenants = cirrus.control.state()["tenants"]
        assert tenants["alpha"]["users"]["u1"]["profile"]["LastName"] == "Alpha"
        assert tenants["beta"]["users"]["u1"]["profile"]["LastName"] == "Beta"


def test_a_rotated_token_replaces_the_old_one() -> None:
    """§00: an administrator generates a new token; the old one stops working at once."""
    with running() as cirrus:
        fresh = cirrus.control.rotate_token("alpha")
        assert cirrus.call("GET", "/groups").status_code == 403
        cirrus.token = fresh
        assert cirrus.call("GET", "/groups").status_code == 200


def test_an_expired_token_can_be_restored() -> None:
    """§0: expiry is UNSEEN; the sandbox answers as for a wrong token until it is restored."""
    with running() as cirrus:
        cirrus.control.expire_token("token-a")
        assert cirrus.call("GET", "/groups").status_code == 403
        cirrus.control.restore_token("token-a")
        assert cirrus.call("GET", "/groups").status_code == 200


def test_an_unknown_path_is_404_and_an_unknown_id_is_400() -> None:
    """§0: 404 is not documented for ids; it is left for paths that do not exist."""
    with running() as cirrus:
        assert cirrus.call("GET", "/schedules/S1").status_code == 404
        assert cirrus.call("GET", "/external/schedule/S1").status_code == 400
        assert cirrus.call("GET", "/assessment/none").status_code == 400
        assert cirrus.call("GET", "/user/none").status_code == 400


@pytest.mark.parametrize("raw", [b"", b"not json", b"[]", b"{}", b"7"])
def test_an_unreadable_body_is_400(raw: bytes) -> None:
    """§10: code 100, request body null or empty."""
    with running() as cirrus:
        headers = {"Authorization": "EAPI token-a"}
        answer = requests.post(cirrus.server.api_url + "/user", data=raw, headers=headers, timeout=10)
        assert answer.status_code == 400
        assert answer.json()["Errors"][0]["Code"] == 100


def test_without_a_scheduler_every_schedule_call_fails() -> None:
    """§0.1: the Scheduler in the External API settings is needed by all schedule calls."""
    with running(scheduler=None) as cirrus:
        for answer in (cirrus.draft(), cirrus.call("PUT", "/external/schedule/S1/activate")):
            assert answer.status_code == 400
            assert answer.json()["Errors"] == "Scheduler hasn't been set in External API settings"
        booked = cirrus.book("S1", [candidate("c1")])
        assert booked.json() == {"Message": "Scheduler hasn't been set in External API settings"}


def test_the_legacy_query_parameter_is_accepted() -> None:
    """§0: the 2020 client posts to /schedule?type=json."""
    with running() as cirrus:
        answer = cirrus.call("POST", "/schedule?type=json", {"Schedule": {}})
        assert answer.status_code == 400
        assert cirrus.control.counts() == {"POST /schedule": 1}


def test_the_rules_can_be_tried_without_http() -> None:
    """The sandbox is pure state and rules below its server."""
    sandbox = Sandbox(SandboxOptions(tokens={"t": "alpha"}))
    body = {"ExternalId": "u1", "FirstName": "F", "LastName": "L"}
    assert sandbox.call("POST", "/user", body, token="t").status == 200
    assert sandbox.call("GET", "/user/u1", token="t").status == 200
    assert sandbox.call("GET", "/user/u1", token="other").status == 403
