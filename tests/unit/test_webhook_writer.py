"""The writer of notices: one transaction for many, and what becomes of those that wait when it fails."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from adapter.domain.notices import Arrival
from adapter.errors import LedgerConflict, LedgerUnavailable
from adapter.webhook.writer import NoticeWriter
from tests.services.processes import wait_until


def notice(number: int) -> Arrival:
    """Return one of many."""
    return Arrival("uni.example", b"%d" % number, "application/json")


class Gate:
    """A store that waits at each call until it is opened."""

    def __init__(self, then: Callable[[Sequence[Arrival]], None] = lambda _: None) -> None:
        self.batches: list[list[Arrival]] = []
        self.opened = threading.Event()
        self.reached = threading.Event()
        self._then = then

    def __call__(self, batch: Sequence[Arrival]) -> None:
        """Store a batch once the gate is open."""
        self.batches.append(list(batch))
        self.reached.set()
        assert self.opened.wait(20)
        self._then(batch)


@contextmanager
def writing(store: Callable[[Sequence[Arrival]], None], **bounds: float) -> Iterator[NoticeWriter]:
    """Run a writer."""
    writer = NoticeWriter(store, **{"deadline": 20, **bounds})
    writer.start()
    try:
        yield writer
    finally:
        writer.stop(20)


@contextmanager
def crowd(writer: NoticeWriter, gate: Gate, size: int) -> Iterator[list["Future[None]"]]:
    """Let one notice into the gate and `size` wait behind it."""
    with ThreadPoolExecutor(size + 1) as pool:
        first = pool.submit(writer.keep, notice(0))
        assert gate.reached.wait(20)
        others = [pool.submit(writer.keep, notice(number)) for number in range(1, size + 1)]
        wait_until(lambda: len(writer._queue) == size, patience=20, what="the crowd")
        try:
            yield [first, *others]
        finally:
            gate.opened.set()


def test_one_transaction_stores_what_many_brought() -> None:
    """While one batch is under way the next one gathers, and each sender waits for its own."""
    gate = Gate()
    with writing(gate) as writer, crowd(writer, gate, 40) as waiting:
        assert [future for future in waiting if future.done()] == []
        gate.opened.set()
        assert [future.result(20) for future in waiting] == [None] * 41
    assert [len(batch) for batch in gate.batches] == [1, 40]
    assert {arrival.body for batch in gate.batches for arrival in batch} == {b"%d" % n for n in range(41)}


def test_a_batch_is_bounded() -> None:
    """More than a batch may hold waits for the next one."""
    gate = Gate()
    with writing(gate, batch=15) as writer, crowd(writer, gate, 40):
        pass
    assert [len(batch) for batch in gate.batches] == [1, 15, 15, 10]


def test_a_batch_that_is_not_stored_is_told_to_all_in_it_and_to_nobody_else() -> None:
    """Everybody who waits for it gets the ledger's error; who comes later is stored."""
    failures = [LedgerUnavailable("away")]

    def store(_: Sequence[Arrival]) -> None:
        if len(gate.batches) == 2:
            raise failures.pop()

    gate = Gate(store)
    with writing(gate) as writer, crowd(writer, gate, 10) as (first, *others):
        gate.opened.set()
        assert first.result(20) is None
        assert [type(future.exception(20)) for future in others] == [LedgerUnavailable] * 10
        writer.keep(notice(11))
    assert len(gate.batches) == 3


def test_a_notice_that_cannot_be_stored_does_not_fail_its_neighbours() -> None:
    """They are stored one by one, and it alone is told."""
    stored: list[Arrival] = []

    def store(batch: Sequence[Arrival]) -> None:
        if notice(3) in batch:
            raise ValueError("no such value")
        stored.extend(batch)

    gate = Gate(store)
    with writing(gate) as writer, crowd(writer, gate, 5) as waiting:
        gate.opened.set()
        errors = [type(future.exception(20)) for future in waiting]
    assert errors == [type(None)] * 3 + [ValueError] + [type(None)] * 2
    assert sorted(arrival.body for arrival in stored) == [b"0", b"1", b"2", b"4", b"5"]


def test_a_ledger_that_goes_away_ends_the_one_by_one() -> None:
    """Each of those that are left would have to wait for a time-out of its own."""
    calls = 0

    def store(batch: Sequence[Arrival]) -> None:
        nonlocal calls
        calls += 1
        if len(batch) > 1:
            raise ValueError("one of them")
        if batch[0] == notice(2):
            raise LedgerConflict("away")

    gate = Gate(store)
    with writing(gate) as writer, crowd(writer, gate, 6) as waiting:
        gate.opened.set()
        errors = [type(future.exception(20)) for future in waiting]
    assert sorted(error.__name__ for error in errors) == sorted(
        ["NoneType"] * errors.count(type(None))
        + ["LedgerConflict"]
        + ["LedgerUnavailable"] * (6 - errors.count(type(None)))
    )
    assert calls == 2 + errors.count(type(None))


def test_too_many_are_refused_at_once() -> None:
    """Whoever would have to wait behind a full queue is told so, and nothing of it is kept."""
    gate = Gate()
    with writing(gate, waiting=5) as writer, crowd(writer, gate, 5) as waiting:
        with pytest.raises(LedgerUnavailable, match="5 notices wait"):
            writer.keep(notice(99))
        gate.opened.set()
        assert [future.result(20) for future in waiting] == [None] * 6
    assert notice(99) not in [arrival for batch in gate.batches for arrival in batch]


def test_a_slow_ledger_is_not_waited_for_for_ever() -> None:
    """After the deadline the sender is told; what was not begun by then is dropped, what was may be stored."""
    gate = Gate()
    with writing(gate, deadline=0.2) as writer:
        with crowd(writer, gate, 3) as waiting:
            assert [type(future.exception(20)) for future in waiting] == [LedgerUnavailable] * 4
        writer.keep(notice(9))
    assert gate.batches == [[notice(0)], [notice(9)]]


def test_stop_stores_what_waits_and_takes_no_more() -> None:
    """Nobody who was let in is left without an answer."""
    gate = Gate()
    writer = NoticeWriter(gate, deadline=20)
    writer.start()
    with crowd(writer, gate, 5) as waiting:
        assert not writer.stop(0.01)
        with pytest.raises(LedgerUnavailable, match="this process ends"):
            writer.keep(notice(99))
        gate.opened.set()
        assert [future.result(20) for future in waiting] == [None] * 6
    assert writer.stop(20)
    assert writer.stop(20)
    assert [len(batch) for batch in gate.batches] == [1, 5]


def test_before_the_start_nothing_is_taken() -> None:
    """A notice that nobody would store is refused; and what never started can be stopped."""
    writer = NoticeWriter(Gate(), deadline=20)
    with pytest.raises(LedgerUnavailable):
        writer.keep(notice(1))
    assert not writer.alive()
    assert writer.stop(1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_is_ended_leaves_nobody_waiting() -> None:
    """Those in the batch and those behind it are told at once, and so is whoever comes later."""

    def end(_: Sequence[Arrival]) -> None:
        raise SystemExit

    gate = Gate(end)
    with writing(gate) as writer:
        with crowd(writer, gate, 3) as waiting:
            gate.opened.set()
            assert [type(future.exception(20)) for future in waiting] == [LedgerUnavailable] * 4
        with pytest.raises(LedgerUnavailable):
            writer.keep(notice(9))
        wait_until(lambda: not writer.alive(), patience=20, what="the end of the writer")


def test_many_senders_at_once() -> None:
    """Nothing is lost or stored twice, whoever comes when."""
    stored: list[Arrival] = []
    with writing(stored.extend, batch=7) as writer, ThreadPoolExecutor(32) as pool:
        list(pool.map(lambda number: writer.keep(notice(number)), range(2000)))
    assert sorted(int(arrival.body) for arrival in stored) == list(range(2000))
