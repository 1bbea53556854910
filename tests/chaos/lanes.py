"""Lanes: installations side by side, each for some kinds of faults, so that slow ones do not hold up the others."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from random import Random
from time import monotonic

from tests.chaos import hands
from tests.chaos.checker import Judgement, describe, judge
from tests.chaos.expectation import expect
from tests.chaos.facts import read_ledger
from tests.chaos.hands import Hand, Tally
from tests.chaos.stage import Cast, Stage, new_sis, opened
from tests.services.postgres import PostgresServer
from tests.services.processes import Leash, wait_until
from tests.services.rabbit import RabbitServer

BEGIN_PATIENCE = 60.0
"""Seconds until the first event is in the ledger."""

LAST_KIND_PATIENCE = 60.0
"""Seconds that a run goes on for a kind that has not struck yet."""

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
    pace: float = 0.3
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


def _links(stage: Stage, chance: Random) -> list[Hand]:
    found = [hand for worker in stage.workers for hand in hands.on_links(worker, (1.0, 3.0))]
    found += [hands.on_process(worker, (6.0, 11.0), chance) for worker in stage.workers]
    return [*found, hands.on_cirrus(stage, (0.5, 1.5), chance)]


def _leases(stage: Stage, _chance: Random) -> list[Hand]:
    return [hands.on_leases(stage, worker, (1.5, 3.0)) for worker in stage.workers]


def _everything(stage: Stage, chance: Random) -> list[Hand]:
    pause = (0.5, 2.0)
    found = [hand for worker in stage.workers for hand in hands.on_links(worker, pause)]
    found += [hands.on_process(worker, pause, chance) for worker in stage.workers[1:]]
    found += [*hands.on_broker(stage, pause), hands.on_ledger(stage, pause), hands.on_cirrus(stage, pause, chance)]
    return [*found, hands.on_leases(stage, stage.workers[0], pause)]


LANES = (
    Lane("links", Cast(3, links=True), _links),
    Lane("leases", Cast(5, latency_ms=700), _leases),
    Lane("broker", Cast(2), lambda stage, _: hands.on_broker(stage, (0.3, 1.0)), own_broker=True),
    Lane("restart", Cast(2), lambda stage, _: [hands.on_broker_restart(stage, (1.0, 2.5))], own_broker=True),
    Lane("ledger", Cast(2), lambda stage, _: [hands.on_ledger(stage, (0.3, 1.0))], own_database=True),
    Lane("disk", Cast(1, small_disk=True), lambda stage, _: [hands.on_disk(stage, (0.8, 1.5))]),
)
"""What `make chaos` runs, all at the same time."""

EVERYTHING = Lane("everything", Cast(3, links=True), _everything, own_broker=True, own_database=True)
"""Every fault of one installation at once; its servers are restarted, too."""


def run_lane(
    lane: Lane,
    servers: tuple[RabbitServer, PostgresServer],
    folder: Path,
    leash: Leash,
    *,
    seconds: float,
    seed: str,
    now: datetime,
    say: Callable[[str], None],
) -> Outcome:
    """Open the stage, break it for so many seconds, heal it, and judge what is left."""
    folder = folder / lane.name
    with opened(lane.cast, servers, folder, leash) as stage:
        sis = new_sis(stage, now, Random(f"{seed} {lane.name}"), lane.pace)
        stop_sis = threading.Event()
        with ThreadPoolExecutor(1, thread_name_prefix="sis") as pool:
            publishing = pool.submit(sis.work, stop_sis)
            try:
                strikes = _break(lane, stage, seconds, seed)
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


def _break(lane: Lane, stage: Stage, seconds: float, seed: str) -> Counter[str]:
    stage.start()
    wait_until(lambda: _has_begun(stage), patience=BEGIN_PATIENCE, what="a first event in the ledger", every=POLL)
    chance = Random(f"{seed} {lane.name} faults")
    working = [replace(hand, chance=Random(chance.random())) for hand in lane.hands(stage, chance)]
    tally = Tally(nemesis.name for hand in working for nemesis in hand.nemeses)
    stop = threading.Event()
    until = monotonic() + seconds
    with ThreadPoolExecutor(len(working), thread_name_prefix="hand") as pool:
        try:
            running = [pool.submit(hand.work, stop, tally) for hand in working]
            while not _is_over(tally, until) and not any(hand.done() for hand in running):
                stop.wait(POLL)
        finally:
            stop.set()
        for hand in running:
            hand.result()
    return tally.counts()


def _has_begun(stage: Stage) -> bool:
    return bool(read_ledger(stage.engine).kept)


def _is_over(tally: Tally, until: float) -> bool:
    now = monotonic()
    return now >= until + LAST_KIND_PATIENCE or (now >= until and 0 not in tally.counts().values())
