"""Run: so many inputs through one surface, with a watch on the time and the memory that each of them takes."""

import gc
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import count, islice
from multiprocessing import get_context
from pathlib import Path
from random import Random
from tempfile import NamedTemporaryFile
from types import FrameType

from tests.fuzz.mutate import mutated
from tests.fuzz.promises import Broken, Surface

LONGEST = 10.0
"""Seconds of computing after which an input counts as hung: thousands of times what the largest needs."""

WAITING = 300.0
"""Seconds after which it counts as hung though nothing is computed; a busy machine may compute as slowly."""

ROOM = 1_000_000_000
"""Bytes by which a process may grow; more is refused to it, and the input that asked for it has broken a promise."""

MOST_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that broke a promise."""

    seed: int
    number: int
    given: bytes
    error: str

    def keep(self, folder: Path, surface: str) -> Path:
        """Write the input to a file that is named after it."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{surface}-{sha256(self.given).hexdigest()[:16]}"
        file.write_bytes(self.given)
        return file


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run: how the inputs ended, seconds, the longest of them in seconds, and the peak in bytes."""

    surface: str
    ends: Counter[str]
    seconds: float
    longest: float
    peak: int
    failures: tuple[Failure, ...]


def run_in_processes(name: str, inputs: int, seed: int, jobs: int) -> Outcome:
    """Feed a surface from processes of their own, each with a seed of its own, so that the peak is the surface's."""
    share = _surface(name).share
    counts = [max(1, round((inputs // jobs + (job < inputs % jobs)) * share)) for job in range(jobs)]
    with ThreadPoolExecutor(jobs) as watchers:
        outcomes = [*watchers.map(_run_in_process, [name] * jobs, counts, range(seed, seed + jobs))]
    return Outcome(
        name,
        sum((outcome.ends for outcome in outcomes), Counter[str]()),
        max(outcome.seconds for outcome in outcomes),
        max(outcome.longest for outcome in outcomes),
        max(outcome.peak for outcome in outcomes),
        tuple(failure for outcome in outcomes for failure in outcome.failures),
    )


def _run_in_process(name: str, inputs: int, seed: int) -> Outcome:
    with NamedTemporaryFile() as reached, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        try:
            return process.submit(_run_by_name, name, inputs, seed, reached.name).result()
        except BrokenProcessPool:
            number = int.from_bytes(Path(reached.name).read_bytes()[:8], "big")
            given = input_at(_surface(name), seed, number)
            return Outcome(name, Counter(BROKEN=1), 1.0, 0.0, 0, (Failure(seed, number, given, "the process died"),))


def _run_by_name(name: str, inputs: int, seed: int, reached: str) -> Outcome:
    with Path(reached).open("r+b", buffering=0) as file:
        return run(_surface(name), inputs=inputs, seed=seed, reached=lambda number: _note(file.fileno(), number))


def _note(file: int, number: int) -> None:
    os.pwrite(file, number.to_bytes(8, "big"), 0)


def input_at(surface: Surface, seed: int, number: int) -> bytes:
    """Return the input that a run with this seed fed as its `number`."""
    chances = Random(seed)
    return next(islice((mutated(surface.seeds, chances) for _ in count()), number, None))


def replayed(name: str, given: bytes) -> str:
    """Feed one input to a surface, and return how it ended."""
    with _surface(name).opened() as feed, watched():
        return feed(given)


def _surface(name: str) -> Surface:
    from tests.fuzz.surfaces import SURFACES  # here, since atheris has to see how the adapter is imported

    return SURFACES[name]


def run(surface: Surface, *, inputs: int, seed: int, reached: Callable[[int], None] = lambda _number: None) -> Outcome:
    """Feed a surface; the inputs follow from the seed. Enough broken promises end the run.

    `reached` hears the number of each input before it is fed.
    """
    chances = Random(seed)
    ends: Counter[str] = Counter()
    failures: list[Failure] = []
    longest = 0.0
    began = time.perf_counter()
    with surface.opened() as feed, bounded_memory():
        for number in range(inputs):
            given = mutated(surface.seeds, chances)
            reached(number)
            before = time.process_time()
            try:
                with watched():
                    ends[feed(given)] += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                ends["BROKEN"] += 1
                failures.append(Failure(seed, number, given, told(error)))
                gc.collect()
                if len(failures) >= MOST_FAILURES:
                    break
            longest = max(longest, time.process_time() - before)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Outcome(surface.name, ends, time.perf_counter() - began, longest, peak, tuple(failures))


def told(error: BaseException) -> str:
    """Return an error in one line, with the place where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else "?"
    return f"{type(error).__name__} at {where}: {error!s:.300}"


@contextmanager
def watched() -> Iterator[None]:
    """Raise `Broken` in the middle of what takes too long; whoever else has set an alarm gets it back."""
    previous = {each: signal.signal(each, _hung) for each in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    alarm = signal.setitimer(signal.ITIMER_REAL, WAITING)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for each, handler in previous.items():
            signal.signal(each, handler)
        signal.setitimer(signal.ITIMER_REAL, *alarm)


def _hung(number: int, _frame: FrameType | None) -> None:
    raise Broken(f"hung: {signal.Signals(number).name}")


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Refuse this process more memory than it may need."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    in_use = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
