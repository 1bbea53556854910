"""Install the Debian packages of the servers that tests need, where they are missing and we may."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")


class UnavailableError(Exception):
    """A server program is not installed, and this user cannot install it; the message says what to do."""


def install(*packages: str) -> None:
    """Install `packages` with apt-get without starting what they contain; raise `UnavailableError`."""
    wanted = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise UnavailableError(f"not installed: {wanted} (on Debian: apt-get install {wanted})")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends"]
    try:
        with _services_stay_down():
            for command in (["update", "-q"], ["install", *options, *packages]):
                subprocess.run(["apt-get", *command], check=True, env=environment, capture_output=True)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip()
        raise UnavailableError(f"could not install {wanted}: {reason}") from error


@contextlib.contextmanager
def _services_stay_down() -> Generator[None]:
    """Refuse, by Debian's own switch, that a package starts its daemon on the standard port."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
