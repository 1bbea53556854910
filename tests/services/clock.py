"""A host clock that is wrong for one process only, and may be put wrong while it runs (libfaketime)."""

from pathlib import Path

from tests.services.packages import UnavailableError, install

PACKAGE = "libfaketime"


def ensure_installed() -> None:
    """Install the library where it is missing; raise `UnavailableError` where that cannot be."""
    if _library() is None:
        install(PACKAGE)


class HostClock:
    """The clock that the processes see whose environment holds `environment`; it is right at first."""

    def __init__(self, file: Path) -> None:
        """Set the clock right; `file` is where its error is kept."""
        library = _library()
        if library is None:
            raise UnavailableError(f"not installed: {PACKAGE} (on Debian: apt-get install {PACKAGE})")
        self._file = file
        self.step(0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds until a running process notices
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # a step of the clock does not change how long a second is
        }

    def step(self, seconds: int) -> None:
        """Be wrong by so many seconds from now on."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)


def _library() -> Path | None:
    """Return the variant for programs with threads; Debian keeps it in a folder of its own."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
