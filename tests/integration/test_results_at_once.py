"""1,800 results published at once, with everything in the way: notices repeated, shuffled and lost, receiver and broker killed.

The receiver is a process of its own, as on a host in front of the firewall; the rest runs in this one.
"""

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.scenarios.conftest import Begin
from tests.scenarios.exams import MINUTES
from tests.scenarios.sis import HOUR, candidate
from tests.scenarios.world import PATH_SECRET, Outcome, World
from tests.services.processes import Leash, ServerProcess, free_port
from tests.services.rabbit import RabbitServer

EXAMS = 6
SEATS = 300
RESULTS = EXAMS * SEATS
LOST = 0.02
RESCORED = 60
VOIDED = 20
PER_DAY = 3000
PATIENCE = 240.0

SETTINGS = """
[ledger]
url = "{ledger}"
[observe]
port = 0
log_level = "warning"
[webhook]
port = {port}
[tenants.uni]
name = "uni.example"
base_url = "http://127.0.0.1:9"
token = "not-used-here"
mapping.default_hierarchy = {{ id = "ROOT", name = "ROOT" }}
webhook.path_secret = "{secret}"
"""


class Receiver:
    """`cirrus-adapter webhook` as a process that can be killed and started again."""

    def __init__(self, folder: Path, ledger: str, leash: Leash) -> None:
        """Write its settings; nothing runs yet."""
        self._folder, self._leash = folder, leash
        self._port = free_port()
        self._file = folder / "webhook.toml"
        self._file.write_text(SETTINGS.format(ledger=ledger, port=self._port, secret=PATH_SECRET), encoding="utf-8")
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """The Payload URL."""
        return f"http://127.0.0.1:{self._port}/webhook/uni/{PATH_SECRET}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        program = [sys.executable, "-c", "from adapter.cli import main; main()", "webhook", "--config", str(self._file)]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CIRRUS_ADAPTER_")}
        self._process = ServerProcess(
            program,
            leash=self._leash,
            log=self._folder / "webhook.log",
            environment={**kept, "PYTHONPATH": str(Path.cwd())},
        )
        self._process.wait_ready(self._answers, patience=30)

    def kill(self) -> None:
        """End it as a power cut does."""
        assert self._process is not None
        self._process.kill()

    def _answers(self) -> bool:
        try:
            return requests.get(self.url, timeout=2).status_code == 405
        except requests.ConnectionError:
            return False


@contextmanager
def _receiver(folder: Path, ledger: str) -> Iterator[Receiver]:
    leash = Leash()
    receiver = Receiver(folder, ledger, leash)
    try:
        receiver.start()
        yield receiver
    finally:
        leash.close()


def _exam(number: int) -> str:
    return f"exam-{number}"


def _who(exam: int, seat: int) -> str:
    return f"p{exam}x{seat:03}"


def _season(world: World) -> None:
    """Book and seat everybody, and let them hand in."""
    sis = world.sis
    for exam in range(EXAMS):
        world.say(sis.scheduled(_exam(exam), -2 * HOUR, minutes=MINUTES, window=2 * HOUR + timedelta(minutes=2)))
        world.say(*[sis.booked(f"b-{_who(exam, seat)}", _exam(exam), _who(exam, seat)) for seat in range(SEATS)])
    world.until(lambda: world.types()["booking.confirmed"] == RESULTS, "all are seated", patience=PATIENCE)
    for exam in range(EXAMS):
        world.cirrus.ui("sit", tenant="uni", schedule=_exam(exam))


def _chains(world: World) -> dict[str, list[Outcome]]:
    """Return what was told of each booking's result, each event once, by version."""
    chains: dict[str, dict[str, Outcome]] = defaultdict(dict)
    for outcome in world.outcomes():
        if outcome.type.startswith("result."):
            chains[outcome.subject][outcome.id] = outcome
    return {
        subject: sorted(events.values(), key=lambda event: event.data["resultVersion"])
        for subject, events in chains.items()
    }


@pytest.mark.timeout(900)
def test_every_booking_ends_with_exactly_one_current_result(
    begin: Begin,
    rabbit: RabbitServer,
    amqp_url: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """S18, S19, S30, S31: whatever is lost on the way, and for at most 1.1 calls for each version of a result."""
    if str(rabbit.port) not in amqp_url:
        pytest.skip("the broker of this run is not ours to kill")
    day_began = datetime.now(UTC) - 12 * HOUR  # noqa: TID251 - PostgreSQL's clock is this machine's
    reset = day_began.strftime("%H:%M")
    world = begin(
        results={
            "per_day": PER_DAY,
            "reset_utc": reset,
            "quiet_s": 15,
            "quiet_longest_s": 120,
            "missing_after_h": 30 / 3600,
        },
        sandbox={"results_per_day": PER_DAY, "results_reset": reset},
    )
    with _receiver(tmp_path, world.settings.ledger.read_url()) as receiver:
        world.cirrus.webhook(receiver.url, tenant="uni", time_scale=0.01, repeats=[1, 10], spread_seconds=5, lost=LOST)
        _season(world)
        for exam in range(EXAMS):
            world.cirrus.ui("publish_results", tenant="uni", schedule=_exam(exam))
        _break(world, receiver, rabbit)
        told = lambda: sum(1 for chain in _chains(world).values() if chain)  # noqa: E731 - read in one place
        world.until(lambda: told() == RESULTS, "every result is told", patience=PATIENCE)

        world.cirrus.webhook(receiver.url, tenant="uni", time_scale=0.01, repeats=[1, 10], spread_seconds=5)
        _correct(world)
        versions = RESULTS + RESCORED + VOIDED
        world.until(
            lambda: sum(map(len, _chains(world).values())) >= versions, "every change is told", patience=PATIENCE
        )
        world.settle(patience=PATIENCE, quiet=20)
        _check(world, versions)
    notices, calls = world.cirrus.webhook_counts(), len(world.readings())
    with capsys.disabled():
        sys.stdout.write(f"\n{versions} versions, {calls} calls ({calls / versions:.3f}), notices {notices} ")


def _break(world: World, receiver: Receiver, rabbit: RabbitServer) -> None:
    """Kill the receiver twice and the broker once, while notices arrive."""
    for enough in (500, 3000):
        world.until(lambda enough=enough: world.cirrus.webhook_counts()["delivered"] >= enough, "notices", patience=60)
        receiver.kill()
        receiver.start()
    rabbit.restart()


def _correct(world: World) -> None:
    """Let some results be rescored and others voided, spread over all exams."""
    for number in range(RESCORED + VOIDED):
        exam, seat = number % EXAMS, number // EXAMS
        whose = {"tenant": "uni", "schedule": _exam(exam), "candidate": candidate(_who(exam, seat))}
        if number < RESCORED:
            world.cirrus.ui("rescore", **whose, score=99.5, outcome="SATISFACTORY")
        else:
            world.cirrus.ui("void_result", **whose)


def _check(world: World, versions: int) -> None:
    chains = _chains(world)
    assert chains.keys() == {f"b-{_who(exam, seat)}" for exam in range(EXAMS) for seat in range(SEATS)}
    for chain in chains.values():
        assert [event.data["resultVersion"] for event in chain] == list(range(1, len(chain) + 1))
        for earlier, later in zip(chain, chain[1:], strict=False):
            assert later.data["supersedes"] == earlier.id
    last = Counter(chain[-1].type for chain in chains.values())
    assert last == {
        "result.published": RESULTS - RESCORED - VOIDED,
        "result.corrected": RESCORED,
        "result.voided": VOIDED,
    }
    _compare(world, chains)
    counts = world.cirrus.webhook_counts()
    assert counts["lost"] == round(LOST * RESULTS)
    calls = len(world.readings())
    spent = world.cirrus.tally()["results"]["uni"]
    assert calls <= 1.1 * versions
    assert (spent["over"], spent["most"] <= PER_DAY) == (0, True)


def _compare(world: World, chains: dict[str, list[Outcome]]) -> None:
    """Hold what the SIS heard last against what Cirrus shows."""
    schedules = world.schedules()
    for exam in range(EXAMS):
        for seat in range(SEATS):
            who = _who(exam, seat)
            held = schedules[_exam(exam)]["seats"][candidate(who)]["attempts"][-1]
            newest = chains[f"b-{who}"][-1]
            if newest.type != "result.voided":
                assert newest.data["result"]["score"] == held["score"], who
