"""One `replace` for whatever a test changes: the tests need not know which values are made how."""

import dataclasses
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def replace(value: T, **changes: Any) -> T:  # noqa: ANN401 - of any of the fields
    """Return a value of the adapter's, or any dataclass, with something changed."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]
