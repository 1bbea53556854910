"""The console script of the package: load everything, and hand over to the command line."""

import gc


def main() -> None:
    """Run the command line.

    While modules are loaded almost nothing becomes garbage, and to look for it would be a sixth of the start. What was
    loaded stays, so it is not looked at later either.
    """
    gc.disable()
    from adapter.cli import main as run  # noqa: PLC0415 - this is the loading

    gc.freeze()
    gc.enable()
    run()
