"""What ends a long-running command: in order when it can, at its deadline when something hangs for good."""

import subprocess
import sys
from pathlib import Path

import pytest

from adapter.cli.console import Exit

SCRIPT = """
import os, signal, threading
from adapter.cli.process import serve
from adapter.settings import Settings

class Ending:
    def start(self):
        threading.Thread(target=threading.Event().wait, daemon={daemon}).start()
        os.kill(os.getpid(), signal.SIGTERM)

    def stop(self):
        {stop}

mapping = {{"default_hierarchy": {{"id": "ROOT", "name": "Root"}}}}
uni = {{"name": "uni.example", "base_url": "http://127.0.0.1:1", "token": "t", "mapping": mapping}}
chosen = Settings.model_validate({{"process": {{"drain_s": 1}}, "tenants": {{"uni": uni}}}})
serve(chosen, Ending, ports="observe.port", unfinished="something is left")
"""


@pytest.mark.parametrize(
    ("stop", "daemon", "code"),
    [
        ("return True", True, Exit.OK),
        ("return False", False, Exit.UNFINISHED),
        ("threading.Event().wait()", False, Exit.UNFINISHED),
        ("raise RuntimeError('a mistake')", False, Exit.UNFINISHED),
    ],
)
def test_a_stop_ends_the_process(stop: str, daemon: bool, code: Exit) -> None:
    """Whatever hangs or breaks in it, and whatever thread is left behind: an orderly exit would wait for that."""
    script = SCRIPT.format(stop=stop, daemon=daemon)
    environment = {"PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert done.returncode == code, done.stderr
    assert ("error: something is left" in done.stderr) == (code is Exit.UNFINISHED)
