"""What the webhook answers, over real HTTP: to Cirrus, and to whoever is not Cirrus."""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapter.domain.notices import Arrival
from adapter.errors import LedgerUnavailable
from adapter.settings.webhook import WebhookSettings
from tests.unit.webhook_kit import BODY, JSON, PATH, SECRET, Webhook, logged, receiving


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """Lend a webhook that asks for the secret in the path alone."""
    with receiving() as running:
        yield running


def test_a_notice_is_stored_before_it_is_answered(webhook: Webhook) -> None:
    """200, a word, and the notice as it came, under the tenant's name."""
    reply = webhook.send(headers={"Content-Type": "application/json; charset=utf-8"})

    assert (reply.status, reply.body) == (200, b"OK\n")
    assert webhook.store.arrivals == [Arrival("uni.example", BODY, "application/json; charset=utf-8")]
    assert webhook.statuses == ["200"]


def test_a_repeat_is_stored_again(webhook: Webhook) -> None:
    """Cirrus announces a result again when it has changed, in the same words."""
    assert [webhook.send().status, webhook.send().status] == [200, 200]
    assert [arrival.body for arrival in webhook.store.arrivals] == [BODY, BODY]


@pytest.mark.parametrize(
    "body", [b"not json", b"{", b"\xff\xfe\x00", b" ", b"[]", b'{"a":' * 300, "é".encode("latin-1")]
)
def test_a_notice_that_cannot_be_read_is_stored_all_the_same(webhook: Webhook, body: bytes) -> None:
    """Whoever is believed is never told no: what it means is for a person to find out."""
    assert webhook.send(body=body).status == 200
    assert [arrival.body for arrival in webhook.store.arrivals] == [body]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/webhook",
        "/webhook/",
        "/webhook/uni",
        "/webhook/uni/",
        "/webhook/uni/wrong-secret-0123456789",
        f"/webhook/other/{SECRET}",
        f"/webhook/UNI/{SECRET}",
        f"/webhook/uni/{SECRET}/",
        f"/webhook/uni/{SECRET}/more",
        f"/webhook/uni/{SECRET}%00",
        f"/webhook/uni/{SECRET}%0A",
        f"/webhook/uni/{SECRET}%20",
        f"/webhook/uni//{SECRET}",
        f"/webhook/./uni/{SECRET}",
        f"/webhook/college/../uni/{SECRET}",
        f"/webhook/college/%2e%2e/uni/{SECRET}",
        f"/x/../webhook/uni/{SECRET}",
        f"/webhook/uni/{SECRET.replace('p', '%2570')}",
        f"/webhook/uni/{'a' * 5000}",
        "/webhook/uni/..%2f..%2fetc%2fpasswd",
        "/metrics",
        "/webhook/uni?secret=" + SECRET,
        f"/webhook/%C3%BCni/{SECRET}",
    ],
)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_every_other_path_is_nothing(webhook: Webhook, path: str, method: str) -> None:
    """A wrong secret is answered byte for byte as a path that never was, whatever the method."""
    reply, nothing = webhook.send(path, method=method), webhook.send("/nothing", method=method)

    assert (reply.status, reply.body) == (404, nothing.body)
    assert dict(reply.headers.items()) | {"Date": ""} == dict(nothing.headers.items()) | {"Date": ""}
    assert webhook.store.arrivals == []


def test_a_path_may_be_spelled_with_percent_signs(webhook: Webhook) -> None:
    """`%70` is `p`, whoever writes it so; and what follows a `?` is no part of the path."""
    assert webhook.send(f"/webhook/uni/{SECRET.replace('p', '%70')}?x=1").status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"])
def test_only_post_is_taken(webhook: Webhook, method: str) -> None:
    """Any other method on the right path is refused with the one that is right."""
    reply = webhook.send(method=method)

    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    assert reply.body == (b"" if method == "HEAD" else b"Method Not Allowed\n")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON;charset=UTF-8", 200),
        ("text/json", 200),
        ("text/plain", 200),
        (None, 200),
        ("", 200),
        ("; charset=utf-8", 200),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("json", 415),
    ],
)
def test_content_types(webhook: Webhook, content_type: str | None, status: int) -> None:
    """Those of the settings are taken, without a look at their parameters, and none at all."""
    headers = {} if content_type is None else {"Content-Type": content_type}

    assert webhook.send(headers=headers).status == status


def test_any_content_type_can_be_taken() -> None:
    """What Cirrus sends is not documented: `*/*` is for the day when it is none of ours."""
    with receiving(content_types=("*/*",)) as webhook:
        assert webhook.send(headers={"Content-Type": "application/x-www-form-urlencoded"}).status == 200


def test_a_notice_has_a_body(webhook: Webhook) -> None:
    """An empty one is refused, and so is one without a length."""
    assert webhook.send(body=b"").status == 400
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    assert webhook.send_raw(head).startswith(b"HTTP/1.1 411 ")
    empty = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert webhook.send_raw(empty.encode()).startswith(b"HTTP/1.1 400 ")
    assert webhook.store.arrivals == []


def sign(secret: str) -> dict[str, str]:
    """Sign the body."""
    return {"X-Signature": hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()}


def basic(user: str, password: str) -> dict[str, str]:
    """Log in."""
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


KEY = {"X-Key": "k3y"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (KEY | basic("cirrus", "pw") | sign("s1gn"), 200),
        (basic("cirrus", "pw") | sign("s1gn"), 401),
        (KEY | sign("s1gn"), 401),
        (KEY | basic("cirrus", "pw"), 401),
        (KEY | basic("cirrus", "pw") | sign("forged"), 401),
        (KEY | basic("cirrus", "wrong") | sign("s1gn"), 401),
        ({"X-Key": "wrong"} | basic("cirrus", "pw") | sign("s1gn"), 401),
        ({}, 401),
    ],
)
def test_everything_that_is_asked_for_has_to_fit(headers: dict[str, str], status: int) -> None:
    """A forged notice is refused, and not stored."""
    settings = WebhookSettings(
        path_secret=SECRET,
        header_name="X-Key",
        header_value="k3y",
        basic_user="cirrus",
        basic_password="pw",
        hmac_secret="s1gn",
    )
    with receiving({"uni": settings}) as webhook:
        reply = webhook.send(headers=JSON | headers)

        assert reply.status == status
        assert reply.headers["WWW-Authenticate"] == (None if status == 200 else "Basic")
        assert len(webhook.store.arrivals) == (1 if status == 200 else 0)


def test_nobody_is_told_to_log_in_where_that_is_of_no_use() -> None:
    """What else could be wrong is not for everybody to know; and without a secret the path has two parts."""
    with receiving({"uni": WebhookSettings(header_name="X-Key", header_value="k3y")}) as webhook:
        reply = webhook.send("/webhook/uni")

        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, None)
        assert webhook.send("/webhook/uni", headers=JSON | KEY).status == 200
        assert webhook.send(PATH, headers=JSON | KEY).status == 404


@pytest.mark.parametrize(
    ("allowed", "proxies", "forwarded", "status"),
    [
        (["127.0.0.0/8"], [], None, 200),
        (["192.0.2.0/24"], [], None, 403),
        (["192.0.2.0/24"], [], "192.0.2.1", 403),
        (["192.0.2.0/24"], ["127.0.0.1"], "192.0.2.1", 200),
        (["192.0.2.0/24"], ["127.0.0.1"], "198.51.100.1, 192.0.2.1", 200),
        (["192.0.2.0/24"], ["127.0.0.1"], "192.0.2.1, 198.51.100.1", 403),
        (["192.0.2.0/24"], ["127.0.0.1"], None, 403),
    ],
)
def test_addresses(allowed: list[str], proxies: list[str], forwarded: str | None, status: int) -> None:
    """Only from where the settings say; a proxy is believed only when it is ours."""
    settings = WebhookSettings(path_secret=SECRET, allow_from=tuple(allowed))
    headers = JSON if forwarded is None else {**JSON, "X-Forwarded-For": forwarded}
    with receiving({"uni": settings}, trusted_proxies=tuple(proxies)) as webhook:
        assert webhook.send(headers=headers).status == status


def test_tenants_are_kept_apart() -> None:
    """Each path stores under its own tenant's name."""
    other = "college-secret-0123456789"
    tenants = {"uni": WebhookSettings(path_secret=SECRET), "college": WebhookSettings(path_secret=other)}
    with receiving(tenants) as webhook:
        assert webhook.send(f"/webhook/college/{other}").status == 200
        assert webhook.send(f"/webhook/college/{SECRET}").status == 404
        assert webhook.send(PATH).status == 200
        assert [arrival.tenant for arrival in webhook.store.arrivals] == ["college.example", "uni.example"]


def test_what_cannot_be_stored_is_sent_again(webhook: Webhook) -> None:
    """503 with a pause while the ledger is away; 200 once it is back."""
    webhook.store.failures.append(LedgerUnavailable("notices: the ledger cannot be used"))
    first, second = webhook.send(), webhook.send()

    assert (first.status, first.headers["Retry-After"], second.status) == (503, "30", 200)
    assert len(webhook.store.arrivals) == 1


def test_what_the_database_refuses_is_no_loss_of_the_process(webhook: Webhook) -> None:
    """The log names the kind of error; its text may hold a part of the notice."""
    webhook.store.failures.append(ValueError("S1000001 is not storable"))
    with logged() as log:
        assert webhook.send().status == 503
    assert webhook.send().status == 200
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["error"] for line in lines if line["event"] == "webhook_notice_not_storable"] == ["ValueError"]
    assert "S1000001" not in log.getvalue()


def test_a_secret_that_cannot_be_read_refuses_nobody_for_good(tmp_path: Path) -> None:
    """While its file is missing, the sender is asked to come back; strangers see what they always see."""
    file = tmp_path / "secret"
    file.write_text("former-secret-0123456789", encoding="utf-8")
    with receiving({"uni": WebhookSettings(path_secret_file=file)}) as webhook, logged() as log:
        file.unlink()
        assert webhook.send().status == 503
        assert webhook.send(f"/webhook/other/{SECRET}").status == 404
        file.write_text(SECRET, encoding="utf-8")
        assert webhook.send().status == 200
    assert "path_secret_file: cannot read" in log.getvalue()


def test_a_fault_of_ours_is_answered_and_names_no_path() -> None:
    """The server itself would log the path with what gets out of the application."""

    class Broken(WebhookSettings):
        def read_path_secret(self) -> str | None:
            if broken:
                raise RuntimeError("a fault")
            return SECRET

    broken: list[bool] = []
    with receiving({"uni": Broken()}) as webhook, logged() as log:
        broken.append(True)
        reply = webhook.send()

    assert (reply.status, reply.body) == (500, b"Internal Server Error\n")
    assert "a fault" in log.getvalue()
    assert SECRET not in log.getvalue()


def test_the_answer_says_nothing_of_what_it_is_made_of(webhook: Webhook) -> None:
    """No product name, nothing to be cached, nothing of what was sent."""
    reply = webhook.send()

    assert sorted(name.lower() for name in reply.headers) == ["cache-control", "content-length", "content-type", "date"]
    assert reply.headers["Cache-Control"] == "no-store"
