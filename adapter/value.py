"""Values: immutable, equal when they hold the same, and cheap to make; each booking goes through dozens of them.

A frozen dataclass would do, but it sets each of its fields through a call, and so costs ten times as much to make and
twenty times as much to make anew with something changed (`msgspec.structs.replace`).
"""

from typing import ClassVar

import msgspec


class Value(msgspec.Struct, frozen=True):
    """A value whose `PRIVATE` fields, which may be personal, are never shown."""

    PRIVATE: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        """Show it as its constructor would be called."""
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in self.PRIVATE)
        return f"{type(self).__name__}({', '.join(shown)})"
