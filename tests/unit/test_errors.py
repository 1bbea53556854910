"""Tests of the error tree: what is drawn at the top of `errors.py` is what there is."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import adapter
import handlers
from adapter import errors
from adapter.errors import AdapterError, ConfigurationError, InvalidMessage, LedgerOutdated

BRANCH = re.compile(r"^(?P<indent>[│ ]*)[├└]── (?P<name>\w+)", re.MULTILINE)


def drawn() -> dict[str, str]:
    """Return each error in the drawing with the one it hangs from."""
    assert errors.__doc__ is not None
    parents = ["AdapterError"]
    tree: dict[str, str] = {}
    for branch in BRANCH.finditer(errors.__doc__):
        depth = len(branch["indent"]) // 4
        del parents[depth + 1 :]
        tree[branch["name"]] = parents[depth]
        parents.append(branch["name"])
    return tree


def raised() -> Iterator[type[AdapterError]]:
    """Yield every subclass of `AdapterError` in the packages."""
    for package in (adapter, handlers):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__") and ".migrations." not in module.name:
                importlib.import_module(module.name)
    found = [AdapterError]
    while found:
        kind = found.pop()
        found += kind.__subclasses__()
        if kind is not AdapterError:
            yield kind


def test_the_tree_is_drawn_as_it_is() -> None:
    """Every error of the adapter is drawn under its base, and nothing is drawn that is not there."""
    assert drawn() == {kind.__name__: kind.__base__.__name__ for kind in raised() if kind.__base__ is not None}


def test_every_error_explains_itself() -> None:
    """Each has a docstring of its own that says what happened."""
    kinds = list(raised())
    assert all("__doc__" in vars(kind) and kind.__doc__ for kind in kinds)


def test_an_error_says_what_to_do() -> None:
    """Key, problem and remedy, or reason, place and detail, stand in the message and as attributes."""
    setting = ConfigurationError("tenants.uni.token", "is missing", "set CIRRUS_TOKEN")
    assert str(setting) == "tenants.uni.token: is missing; set CIRRUS_TOKEN"
    message = InvalidMessage("bad-data", "missing", "$.data.person")
    assert str(message) == "bad-data at $.data.person: missing"
    assert "cirrus-adapter ledger migrate" in str(LedgerOutdated.between(None, "0002"))
