"""The machinery: broker, ledger, Cirrus client and the loops between them.

The machinery knows no event and no rule of an exam office; those are in `handlers`.
"""

from importlib.metadata import version

__version__ = version("cirrus-adapter")
