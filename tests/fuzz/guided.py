"""Guided: the same surfaces under atheris, which keeps the inputs that reach code no other has reached.

Atheris is not among the development tools: it has wheels for Linux on x86-64 alone.
"""

import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, NoReturn

INSTALL = "atheris is not installed; it runs on Linux on x86-64: .venv/bin/uv pip install --group fuzz"
LARGEST = 1_000_000
"""Bytes of an input; what has to be larger is among the nasties."""


def guided(name: str, *, inputs: int, seed: int, keep: Path) -> NoReturn:
    """Fuzz one surface until an input breaks a promise, which is written to `keep`, or so many inputs are through."""
    if find_spec("atheris") is None:
        sys.exit(INSTALL)
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["adapter", "handlers"]):
        surface = import_module("tests.fuzz.surfaces").SURFACES[name]
    mutated: Callable[..., bytes] = import_module("tests.fuzz.mutate").mutated
    keep.mkdir(parents=True, exist_ok=True)

    def mutator(given: bytes, largest: int, chance: int) -> bytes:
        """Change what was found by its structure, or let atheris change it in its own way."""
        chances = Random(chance)
        if chances.randrange(2):
            return mutated((given, *surface.seeds), chances)[:largest]
        return bytes(atheris.Mutate(given, largest))

    with tempfile.TemporaryDirectory() as corpus, surface.opened() as feed:
        for number, given in enumerate(surface.seeds):
            (Path(corpus) / str(number)).write_bytes(given[:LARGEST])
        options = (f"-runs={inputs}", f"-seed={seed}", f"-max_len={LARGEST}", "-timeout=20", "-rss_limit_mb=2048")
        prefix = f"-artifact_prefix={keep}/{name}-"
        atheris.Setup([sys.argv[0], *options, prefix, corpus], feed, custom_mutator=mutator)
        atheris.Fuzz()
    sys.exit(0)
