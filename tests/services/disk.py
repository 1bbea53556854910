"""A disk so small that a test can fill it, and free it again."""

import contextlib
import subprocess
from collections.abc import Generator
from pathlib import Path

from tests.services.packages import UnavailableError

CHUNK = 64 * 1024


class SmallDisk:
    """A file system in memory with a limit of its own."""

    def __init__(self, folder: Path) -> None:
        """Describe the disk mounted at `folder`."""
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave no room for a single byte."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (CHUNK, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(bytes(size))

    def free(self) -> None:
        """Give back what `fill` took."""
        self._ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(folder: Path, megabytes: int) -> Generator[SmallDisk]:
    """Lend a disk of so many megabytes at `folder`; raises `UnavailableError` where it cannot be mounted."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        raise UnavailableError(f"a small disk cannot be mounted without root: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
