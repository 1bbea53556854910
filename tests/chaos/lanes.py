"""Lanes: installations side by side, each for some kinds of faults, so that slow ones do not hold up the others."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from random import Random
from time import monotonic

from tests.chaos import hands
from tests.chaos.checker import Judgement, describe, judge
from tests.chaos.expectation import expect
from tests.chaos.facts import read_ledger
from tests.chaos.hands import Hand, Tally
from tests.chaos.nemesis import LeaseOutlived, Nemesis, Span
from tests.chaos.stage import Cast, Stage, new_sis, opened
from tests.services.postgres import PostgresServer
from tests.services.processes import Leash, wait_until
from tests.services.rabbit import RabbitServer

BEGIN_PATIENCE = 60.0
"""Seconds until the first event is in the ledger."""

LAST_KIND_PATIENCE = 240.0
"""Seconds that a run goes on at the least for a kind that has not struck often enough."""

REST_PATIENCE = 180.0
POLL = 0.2

Hands = Callable[[Stage, Random], list[Hand]]


@dataclass(frozen=True, slots=True)
class Lane:
    """A stage, and what happens to it. `pace` is the seconds between two deeds of the SIS.

    With `own_broker` or `own_database` that server is this lane's alone: what happens to it happens to nobody else.
    """

    name: str
    cast: Cast
    hands: Hands
    pace: float = 1.0
    own_broker: bool = False
    own_database: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one lane."""

    lane: str
    strikes: Counter[str]
    judgement: Judgement
    calls: int
    refused: int
    leases_lost: int
    folder: Path


def _links(stage: Stage, _chance: Random) -> list[Hand]:
    """Break one worker's way to the broker, and another's to the ledger; the third one goes on."""
    found: list[Hand] = []
    for number, worker in enumerate(stage.workers[:2]):
        assert worker.links is not None
        found.append(Hand(hands.of_link(*worker.links.ways()[number]), (0.3, 1.0)))
    return found


def _cirrus(stage: Stage, chance: Random) -> list[Hand]:
    """Let calls fail, and break every worker's way to Cirrus; seldom enough that one that has halted calls again."""
    found = [Hand(hands.of_cirrus(stage, chance), (2.0, 4.0))]
    for worker in stage.workers:
        assert worker.links is not None
        found.append(Hand(hands.of_link(*worker.links.ways()[2]), (1.5, 4.0)))
    return found


def _workers(stage: Stage, chance: Random) -> list[Hand]:
    return [Hand(hands.of_process(worker, chance), (1.0, 3.0)) for worker in stage.workers]


def _leases(stage: Stage, _chance: Random) -> list[Hand]:
    return [Hand((LeaseOutlived(worker, stage.engine),), (1.5, 3.0)) for worker in stage.workers]


def _broker(stage: Stage, _chance: Random) -> list[Hand]:
    return [Hand(hands.of_broker(stage), (0.3, 1.0)), Hand(hands.of_queues(stage), (0.3, 1.0))]


def _everything(stage: Stage, chance: Random) -> list[Hand]:
    """Break one installation in every way, one after the other, while one of its workers outlives its leases."""
    linked, killed, frozen = stage.workers
    assert linked.links is not None
    in_turn: list[Nemesis] = [
        *hands.of_links(linked.links),
        *hands.of_process(killed, chance),
        *hands.of_cirrus(stage, chance),
        *hands.of_broker(stage),
        *hands.of_queues(stage),
        *hands.of_broker_restart(stage),
        *hands.of_ledger(stage),
    ]
    return [Hand(in_turn, (0.2, 0.6)), Hand((LeaseOutlived(frozen, stage.engine),), (0.0, 1.0))]


def _alone(nemeses: Callable[[Stage], tuple[Nemesis, ...]], pause: Span) -> Hands:
    return lambda stage, _chance: [Hand(nemeses(stage), pause)]


LANES = (
    Lane("links", Cast(3, links=True), _links, pace=0.4),
    Lane("Cirrus", Cast(4, links=True), _cirrus, pace=0.3),
    Lane("workers", Cast(3), _workers, pace=0.4),
    Lane("leases", Cast(5, latency_ms=700), _leases, pace=0.4),
    Lane("broker", Cast(2), _broker, own_broker=True),
    Lane("restart", Cast(2), _alone(hands.of_broker_restart, (1.0, 2.5)), own_broker=True),
    Lane("ledger", Cast(2), _alone(hands.of_ledger, (0.3, 1.0)), own_database=True),
    Lane("disk", Cast(1, small_disk=True), _alone(hands.of_disk, (0.8, 1.5))),
)
"""What `make chaos` runs, all at the same time; who is through leaves the machine to those who are not."""

EVERYTHING = Lane("everything", Cast(3, links=True), _everything, pace=0.3, own_broker=True, own_database=True)
"""Every kind of fault in one installation."""


def run_lane(
    lane: Lane,
    servers: tuple[RabbitServer, PostgresServer],
    folder: Path,
    leash: Leash,
    *,
    seconds: float,
    least: int,
    seed: str,
    now: datetime,
    say: Callable[[str], None],
) -> Outcome:
    """Open the stage, break it for so many seconds and in each way so often, heal it, and judge what is left."""
    folder = folder / lane.name
    with opened(lane.cast, servers, folder, leash) as stage:
        sis = new_sis(stage, now, Random(f"{seed} {lane.name}"), lane.pace)
        stop_sis = threading.Event()
        with ThreadPoolExecutor(1, thread_name_prefix="sis") as pool:
            publishing = pool.submit(sis.work, stop_sis)
            try:
                strikes = _break(lane, stage, seconds, least, seed)
            finally:
                stop_sis.set()
            publishing.result()
        expected = expect(sis.said)
        say(f"{lane.name}: {len(sis.said)} messages, {strikes.total()} strikes, waiting for rest")
        if not stage.rest(expected, REST_PATIENCE):
            say(f"{lane.name}: no rest")
        facts = stage.facts()
        judgement = judge(expected, facts)
        (folder / "facts.json").write_text(facts.as_json())
        (folder / "findings.txt").write_text(describe(judgement.findings, most=10_000))
        return Outcome(
            lane=lane.name,
            strikes=strikes,
            judgement=judgement,
            calls=stage.cirrus.control.tally()["calls"],
            refused=sis.refused,
            leases_lost=sum(worker.log.read_text(errors="replace").count("lease_lost") for worker in stage.workers),
            folder=folder,
        )


def _break(lane: Lane, stage: Stage, seconds: float, least: int, seed: str) -> Counter[str]:
    stage.start()
    wait_until(lambda: _has_begun(stage), patience=BEGIN_PATIENCE, what="a first event in the ledger", every=POLL)
    chance = Random(f"{seed} {lane.name} faults")
    working = lane.hands(stage, chance)
    tally = Tally(nemesis.name for hand in working for nemesis in hand.nemeses)
    stop = threading.Event()
    until = monotonic() + seconds
    at_last = until + max(LAST_KIND_PATIENCE, 2 * seconds)
    with ThreadPoolExecutor(len(working), thread_name_prefix="hand") as pool:
        try:
            running = [pool.submit(hand.work, Random(chance.random()), stop, tally) for hand in working]
            while monotonic() < (until if tally.least() >= least else at_last):
                if any(hand.done() for hand in running):
                    break
                stop.wait(POLL)
        finally:
            stop.set()
        for hand in running:
            hand.result()
    return tally.counts()


def _has_begun(stage: Stage) -> bool:
    return bool(read_ledger(stage.engine).kept)
