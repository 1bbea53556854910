"""S14: a tenant's token expires or is rotated: it halts at once, keeps everything, and goes on with the new one."""

from pathlib import Path

import structlog

from tests.scenarios.conftest import Begin
from tests.scenarios.sis import DAY, candidate
from tests.scenarios.world import World

EXAMS = [f"off-{number}" for number in range(30)]
CONCURRENCY = 4
LONG = {"halt_probe_s": 600, "halt_longest_s": 600, "linger_s": 0}
"""Pauses so long that only a changed token ends them within the test."""


def _world(begin: Begin, folder: Path, policy: dict[str, float]) -> tuple[World, Path]:
    secret = folder / "token"
    secret.write_text("token-of-uni\n")
    tenant = {"token": None, "token_file": str(secret), "concurrency": CONCURRENCY}
    return begin(policy=policy, tenant=tenant), secret


def _book_everybody(world: World) -> None:
    for number, exam in enumerate(EXAMS):
        world.say(world.sis.scheduled(exam, (3 + number) * DAY), world.sis.booked(f"b-{exam}", exam, f"p-{exam}"))


def _refused(world: World) -> int:
    return int(world.cirrus.tally()["statuses"].get("403", 0))


def _everything_is_there(world: World) -> None:
    for exam in EXAMS:
        world.heard("booking.confirmed", f"b-{exam}", patience=60)
        assert world.seats(exam) == {candidate(f"p-{exam}")}
    assert world.types()["booking.confirmed"] == len(EXAMS)
    assert world.dead_letters(0) == []
    assert world.metric("cirrus_tenant_halted") == 0


def test_a_rotated_token_is_taken_up_without_a_restart(begin: Begin, tmp_path: Path) -> None:
    """S14: no call with the refused token but those under way; the new one is tried as soon as the file has it."""
    world, secret = _world(begin, tmp_path, LONG)
    fresh = world.cirrus.rotate_token("uni")
    _book_everybody(world)
    world.until(lambda: world.metric("cirrus_tenant_halted", reason="auth"), "the tenant is halted")
    world.until(lambda: world.metric("messages_handled_total", outcome="applied") == 2 * len(EXAMS), "all is stored")
    assert world.metric("cirrus_circuit_state", state="open") == 1
    assert 1 <= _refused(world) <= CONCURRENCY
    assert world.outcomes("booking.confirmed") == []
    secret.write_text(f"{fresh}\n")
    _everything_is_there(world)
    assert _refused(world) <= CONCURRENCY


def test_an_expired_token_is_probed_and_not_stormed(begin: Begin, tmp_path: Path) -> None:
    """S14: while it is refused one probe at a time asks; made valid again in Cirrus, work goes on by itself."""
    world, _ = _world(begin, tmp_path, {"halt_probe_s": 1, "halt_longest_s": 1, "linger_s": 0})
    world.cirrus.expire_token("token-of-uni")
    with structlog.testing.capture_logs() as logs:
        _book_everybody(world)
        world.until(lambda: _refused(world), "the token is refused")
        under_way = _refused(world) + CONCURRENCY
        world.until(lambda: _refused(world) >= under_way, "it is probed")
        assert _refused(world) <= under_way + 1
        assert [line["cause"] for line in logs if line["event"] == "tenant_halted"] == ["auth"], "one alert"
    assert world.metric("messages_handled_total", outcome="dead_lettered") == 0
    world.cirrus.restore_token("token-of-uni")
    _everything_is_there(world)


def test_a_secret_that_is_away_is_waited_for(begin: Begin, tmp_path: Path) -> None:
    """S14: while a rotation has taken the file away nothing is sent at all, and it is noticed when it is back."""
    world, secret = _world(begin, tmp_path, LONG)
    secret.rename(tmp_path / "aside")
    _book_everybody(world)
    world.until(lambda: world.metric("cirrus_tenant_halted", reason="auth"), "the tenant is halted")
    assert world.calls() == []
    (tmp_path / "aside").rename(secret)
    _everything_is_there(world)
