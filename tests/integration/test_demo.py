"""`demo`: the whole day as a process of its own, without a terminal and on one, and what it leaves behind."""

import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from time import monotonic

PROGRAM = [str(Path(sys.executable).with_name("cirrus-adapter")), "demo"]
PATIENCE = 110.0

TITLES = (
    "What the SIS said",
    "What Cirrus was asked",
    "What came out",
    "Results",
    "Dead letters",
    "Open tasks for people",
    "Explained: booking LAW101R-p03",
    "Does it add up?",
)


def environment(folder: Path) -> dict[str, str]:
    """Return an environment in which temporary files go to a folder, and settings of whoever tests do not count."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CIRRUS_ADAPTER_")}
    return {**kept, "TMPDIR": str(folder), "TERM": "xterm-256color", "COLUMNS": "120"}


@contextmanager
def started(tmp_path: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], Path, Path]]:
    """Start a demo in an empty folder; yield it with that folder and the one for temporary files."""
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    with subprocess.Popen(
        [*PROGRAM, *options],
        cwd=here,
        env=environment(temporary),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process, here, temporary
        finally:
            process.kill()


def test_the_day_adds_up(tmp_path: Path) -> None:
    """Every sum comes out, all that was to happen has happened, and no file is left anywhere."""
    with started(tmp_path, "--json") as (process, here, temporary):
        out, notes = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, notes
    told = json.loads(out)

    assert {check["name"]: check["holds"] for check in told["checks"]} == {
        "every message has an end": True,
        "no dead letter is lost": True,
        "fewer calls than one for each event": True,
        "each outcome is told once": True,
        "every booking has an answer": True,
        "nothing is unsettled": True,
        "Cirrus holds the wanted seats": True,
        "each version of a result is told once": True,
        "the last told is what Cirrus shows": True,
        "hardly more than one call for each version": True,
    }
    assert told["ok"] is True
    assert told["bookings"] == {"total": 99, "confirmed": 91, "cancelled": 3, "rejected": 1, "with a task": 4}
    assert (told["handled"]["duplicate"], told["handled"]["superseded"], told["handled"]["unchanged"]) == (1, 1, 1)
    assert told["dead_letters"] == [
        {"type": "not readable", "reason": "not-json", "path": "$"},
        {"type": "sis.exam.updated.v1", "reason": "bad-data", "path": "$.data.startDateTime"},
        {"type": "sis.locker.rented.v1", "reason": "unknown-type", "path": "$.type"},
    ]
    assert sorted((task["kind"], task["about"]) for task in told["tasks"]) == [
        ("late-extra-time", "booking BIO110-p21"),
        ("remove-candidate", "booking BIO110-p22"),
        ("remove-candidate", "booking ECON130A-p06"),
        ("remove-candidate", "booking LAW101-p06"),
    ]
    assert told["outcomes"]["by_type"]["cirrus.booking.pending.v1"] >= 3
    assert told["outcomes"]["by_type"]["cirrus.booking.rejected.v1"] == 1
    assert told["attendance"] == {"present": 11, "notStarted": 1}
    assert [(one["booking"], one["version"], one["told"]) for one in told["results"] if one["version"] > 1] == [
        ("STAT210-p09", 2, "corrected"),
        ("STAT210-p14", 2, "voided"),
    ]
    assert [(one["candidate"], one["told"]) for one in told["results"] if one["orphan"]] == [("S260102", "published")]
    assert len(told["results"]) == told["notices"]["versions"] == 14
    assert (told["notices"]["lost"], told["allowance"]["swept"]) == (1, 1), "the lost notice is made up for by one call"
    assert told["notices"]["delivered"] > 13, "notices are repeated"
    assert told["calls"]["by_operation"]["GET /external/schedule/{id}"]["calls"] >= 2, "both hiccups are read back"
    assert (list(here.iterdir()), list(temporary.iterdir())) == ([], [])


def test_without_a_terminal_it_is_lines_and_a_table(tmp_path: Path) -> None:
    """Notes say where to look and how far it is; the ledger is kept, and the command it names explains a booking."""
    with started(tmp_path, "--keep") as (process, here, temporary):
        out, notes = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, notes

    assert [title for title in TITLES if title not in out] == []
    assert "NO" not in out.partition("Does it add up?")[2]
    assert "\x1b" not in out + notes
    lines = notes.splitlines()
    assert lines[0].startswith("Metrics: http://127.0.0.1:")
    assert lines[1].startswith("Cirrus, simulated: http://127.0.0.1:")
    assert "not durable" in lines[3]
    assert "The day is over: 130 events said, 0 queued" in lines[-2]
    assert list(here.iterdir()) == []
    (kept,) = temporary.iterdir()
    command = lines[-1].partition("Try: cirrus-adapter ")[2].split()
    assert str(kept) in command[-1]
    explained = subprocess.run(
        [PROGRAM[0], *command], env=environment(temporary), capture_output=True, text=True, timeout=60, check=True
    )
    assert "cirrus.booking.pending.v1: published" in explained.stdout


def test_on_a_terminal_it_is_a_live_page_that_ctrl_c_ends(tmp_path: Path) -> None:
    """The page is drawn while the day goes on; Ctrl-C ends it in a few seconds with 130, and leaves no file."""
    screen, terminal = pty.openpty()
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 110, 0, 0))
    # Whoever runs the tests in the background may have had Ctrl-C ignored, which a child would inherit.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        PROGRAM, cwd=tmp_path, env=environment(tmp_path), stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        signal.signal(signal.SIGINT, ours)
        os.close(terminal)
        try:
            seen = drawn(screen, "The rush: two exams", PATIENCE)
            process.send_signal(signal.SIGINT)
            seen += drawn(screen, None, PATIENCE)
            assert process.wait(PATIENCE) == 130
        finally:
            process.kill()
            os.close(screen)
    for text in ("A day at a small university", "The SIS says", "Bookings confirmed", "it is not durable"):
        assert text in seen
    assert "Traceback" not in seen
    assert list(tmp_path.iterdir()) == []


def drawn(screen: int, text: str | None, patience: float) -> str:
    """Read what is drawn until a text appears, or until the terminal is closed."""
    seen = b""
    until = monotonic() + patience
    while monotonic() < until and (text is None or text not in seen.decode(errors="replace")):
        if not select.select([screen], [], [], 0.5)[0]:
            continue
        try:
            seen += os.read(screen, 65536)
        except OSError:
            return seen.decode(errors="replace")  # Linux says so when the last process has left the terminal
    return seen.decode(errors="replace")
