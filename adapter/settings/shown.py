"""The settings as they are in force, to be shown: every secret masked, every address without its credentials."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from adapter.settings.urls import MASK, masked_url


def shown(section: BaseModel) -> dict[str, Any]:
    """Return the tree as JSON values."""
    names = type(section).model_fields
    return {
        name: None if getattr(section, f"{name}_file", None) else _shown(name, getattr(section, name)) for name in names
    }


def lines(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of what `shown` returned."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from lines(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield f"{prefix}{name}", value


def _shown(name: str, value: Any) -> Any:  # noqa: ANN401 - any setting
    match value:
        case SecretStr():
            return masked_url(value.get_secret_value()) if name == "url" else MASK
        case BaseModel():
            return shown(value)
        case Mapping():
            return {str(key): _shown(str(key), item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        case Path():
            return str(value)
        case tuple():
            return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case _:
            return value
