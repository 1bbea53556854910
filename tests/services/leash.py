"""End the servers of a test session whose pytest was killed before it could do so itself.

Runs as its own process beside pytest. Each line on standard input is `hold PID` or `release PID`; the end of the
input means that pytest is gone, in whatever way, so what is still held is killed and the folder is removed.
"""

import contextlib
import shutil
import sys
from pathlib import Path

import psutil


def main(folder: Path) -> None:
    """Follow the orders on standard input until it closes, then leave nothing behind."""
    held: dict[int, psutil.Process] = {}
    for line in sys.stdin:
        verb, pid = line.split()
        if verb == "release":
            held.pop(int(pid), None)
        elif psutil.pid_exists(int(pid)):
            held[int(pid)] = psutil.Process(int(pid))
    for process in held.values():
        with contextlib.suppress(psutil.NoSuchProcess):
            for doomed in [process, *process.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    doomed.kill()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
