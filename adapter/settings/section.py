"""What every section of the settings is: frozen, closed to unknown keys, and able to say what makes no sense."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, SecretStr

from adapter.errors import ConfigurationError

LARGEST_SECRET = 4096


class Fault(NamedTuple):
    """What makes no sense about a section whose shape is right; `key` is relative to the section."""

    key: str
    problem: str
    remedy: str


class Section(BaseModel):
    """Base of every section. The text under a field is its line in the example and in the reference.

    The pages read it there themselves: if pydantic did, with each class, that would be a tenth of every start.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
    )

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        yield from ()


def either_fault(key: str, value: SecretStr | None, file: Path | None, *, required: bool) -> Iterator[Fault]:
    """Yield what is wrong with a secret that stands either in the settings or in a file of its own."""
    if value is not None and file is not None:
        yield Fault(key, f"{key} and {key}_file are both set", "keep one of them")
    elif file is not None:
        try:
            read_secret(key, file)
        except ConfigurationError as error:
            yield Fault(error.key, error.problem, error.remedy)
    elif value is not None and not value.get_secret_value().strip():
        yield Fault(key, "it is empty", "give the secret, or leave the key out")
    elif value is None and required:
        yield Fault(key, "it is missing", f"set {key}_file to the name of a file that holds it, or {key} itself")


def read_secret(key: str, file: Path) -> str:
    """Return what a secret's file holds, without surrounding white space; `key` names the secret in errors.

    Raises `ConfigurationError`. The file is read on every call, so that a rotated secret is seen.
    """
    name = f"{key}_file"
    try:
        with file.open("rb") as opened:
            held = opened.read(LARGEST_SECRET + 1)
        text = held.decode().strip()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigurationError(name, f"cannot read {file}: {why}", "name a file that this user may read") from None
    except UnicodeDecodeError:
        raise ConfigurationError(name, f"{file} is not text", "write the secret as UTF-8 text") from None
    except ValueError:  # a NUL, or half a character
        raise ConfigurationError(name, "no file can have this name", "correct the name") from None
    if not text:
        raise ConfigurationError(name, f"{file} is empty", "write the secret into it")
    if len(held) > LARGEST_SECRET:
        raise ConfigurationError(
            name, f"{file} has more than {LARGEST_SECRET} bytes", "write the secret alone into the file"
        )
    return text
