"""How far the demo is, for people: a live page on a terminal, a line every few seconds elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from adapter.cli.console import note
from adapter.cli.demo.play import Progress

EVERY = 3.0
"""Seconds between two plain lines."""

WIDTH = 104
"""Columns that the live page takes at most."""

MOST_STORIES = 8
"""Lines of what happened last, on the live page."""


@dataclass(frozen=True, slots=True)
class Room:
    """How the lines of a terminal are shared out: rows of a box, stories, and empty lines between the parts."""

    rows: int
    stories: int
    gap: int

    @classmethod
    def within(cls, height: int, fixed: int) -> "Room":
        """Share out a terminal's lines; `fixed` ones are taken in any case."""
        rows, gap = (13, 1) if height >= ROOMY else (8, 0)
        left = height - fixed - rows - 3 * gap
        return cls(rows, max(1, min(MOST_STORIES, left)), gap)


ROOMY = 36
"""Lines of a terminal from which on the live page spares empty lines."""

FRAME = 4
"""Lines of the frame, of the boxes' titles, and the last one, which the cursor has."""


class Screen(Protocol):
    """A view that is opened for the time of the play."""

    def __enter__(self) -> Self:
        """Begin to show."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the screen as it was."""
        ...

    def show(self, progress: Progress) -> None:
        """Show it; called a few times each second."""
        ...


class LiveView:
    """A page that is drawn anew a few times each second, and gone at the end."""

    def __init__(self, console: Console, places: Mapping[str, str]) -> None:
        self._console = console
        self._places = places
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, progress: Progress) -> None:
        """Draw the page."""
        width, height = self._console.size
        room = Room.within(height, FRAME + len(progress.day.sittings) + 1 + len(self._places))
        self._live.update(page(progress, self._places, min(WIDTH, width), room), refresh=True)


class PlainView:
    """A line every few seconds, and one as each act begins."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._next = 0.0
        self._act: str = ""

    def __enter__(self) -> Self:
        for what, where in self._places.items():
            note(f"{what}: {where}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, progress: Progress) -> None:
        """Say a line when it is time for one."""
        if progress.seconds < self._next and progress.act == self._act:
            return
        self._next = progress.seconds + EVERY
        self._act = progress.act
        note(line(progress))


def line(progress: Progress) -> str:
    """Return the progress as one line."""
    confirmed, wanted = bookings(progress)
    calls = progress.seen.called.total if progress.seen else 0
    return (
        f"{progress.seconds:5.1f} s  {progress.act}: {progress.said.total()} events said, {progress.queued} queued, "
        f"{calls} calls, {confirmed} of {wanted} bookings confirmed, {progress.outcomes.total()} outcomes, "
        f"{len(progress.results)} of results, "
        f"{len(progress.dead)} dead letters"
    )


def bookings(progress: Progress) -> tuple[int, int]:
    """Return how many live bookings are confirmed, and how many there are."""
    if progress.seen is None:
        return 0, 0
    counts = [progress.seen.held.confirmed(sitting) for sitting in progress.day.sittings]
    return sum(confirmed for confirmed, _ in counts), sum(wanted for _, wanted in counts)


def short(event_type: str) -> str:
    """Return an event type without what all of them share."""
    return event_type.removeprefix("sis.").removeprefix("cirrus.").removesuffix(".v1")


def page(progress: Progress, places: Mapping[str, str], width: int, room: Room) -> Panel:
    """Return the whole live page."""
    boxes = Table.grid(expand=True, padding=(0, 2))
    for _ in range(3):
        boxes.add_column(ratio=1)
    boxes.add_row(
        _box("The SIS says", _by_type(progress.said, room.rows)),
        _box("The adapter", _adapter(progress)[: room.rows]),
        _box("The SIS hears", _by_type(progress.outcomes, room.rows)),
    )
    gap = [Text()] * room.gap
    parts: list[RenderableType] = [boxes, *gap, _bars(progress), *gap]
    parts += [*_stories(progress, room.stories), *gap, *_where(places)]
    title = f"[bold]A day at a small university[/bold] - {progress.act} - {int(progress.seconds)} s"
    return Panel(Group(*parts), title=title, width=width)


def _box(title: str, lines: list[tuple[str, int]]) -> Table:
    box = Table(title=title, title_justify="left", title_style="bold cyan", box=None, show_header=False, padding=0)
    box.add_column(no_wrap=True, ratio=1)
    box.add_column(justify="right")
    box.expand = True
    for name, count in lines:
        box.add_row(name, f" {count}" if count else "[dim]-[/dim]")
    return box


def _by_type(counts: Mapping[str, int], rows: int) -> list[tuple[str, int]]:
    """Return the types in the order of their first event; where they do not fit, the oldest are summed up."""
    lines = [(short(kind), count) for kind, count in counts.items()]
    if len(lines) <= rows:
        return lines
    older, newer = lines[: 1 - rows], lines[1 - rows :]
    return [(f"{len(older)} others", sum(count for _, count in older)), *newer]


def _adapter(progress: Progress) -> list[tuple[str, int]]:
    if progress.seen is None:
        return []
    seen = progress.seen
    handled = [(outcome.replace("_", "-"), count) for outcome, count in sorted(seen.handled.items()) if count]
    return [
        ("in the queue", progress.queued),
        ("in the outbox", seen.held.outbox_pending),
        ("calls under way", seen.called.under_way),
        ("calls made", seen.called.total),
        ("open tasks", len(seen.held.tasks)),
        ("notices from Cirrus", seen.announced.delivered),
        *handled,
    ]


def _bars(progress: Progress) -> Table:
    bars = Table.grid(expand=True, padding=(0, 1))
    bars.add_column(no_wrap=True)
    bars.add_column(ratio=1)
    bars.add_column(justify="right", no_wrap=True)
    counts = dict.fromkeys(progress.day.sittings.values(), (0, 0))
    if progress.seen is not None:
        held = progress.seen.held
        counts = {name: held.confirmed(sitting) for sitting, name in progress.day.sittings.items()}
    for name, (confirmed, wanted) in counts.items():
        bars.add_row(name, ProgressBar(total=max(1, wanted), completed=confirmed), f"{confirmed} of {wanted}")
    confirmed, wanted = bookings(progress)
    total = ProgressBar(total=max(1, wanted), completed=confirmed)
    bars.add_row("[bold]Bookings confirmed[/bold]", total, f"[bold]{confirmed} of {wanted}[/bold]")
    return bars


def _stories(progress: Progress, number: int) -> Iterator[Text]:
    told = progress.stories[-number:]
    for seconds, story in told:
        yield Text(f"{seconds:5.1f} s  {story}", style="bold" if story.isupper() else "", no_wrap=True)
    for _ in range(number - len(told)):
        yield Text()


def _where(places: Mapping[str, str]) -> Iterator[Text]:
    for what, where in places.items():
        yield Text(f"{what}: {where}", style="dim", no_wrap=True)
