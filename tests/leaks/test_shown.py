"""What every value of the adapter shows of itself: the classes are found by walking the packages, not by a list.

A field counts as personal or secret by its name (the names that the log masks), or because its type can hold
anything: raw bytes, free mappings, `Any`. Whoever adds such a field has to keep it out of `repr`.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

import adapter
import handlers
from adapter.observe.redaction import telling
from adapter.value import Value

CANARY = "Qanaria-4711"
MOMENT = datetime(2026, 11, 24, 9, tzinfo=UTC)

SHOWN_ALL_THE_SAME = {
    "adapter.cirrus.sandbox": "the simulated Cirrus knows nobody but made-up people",
    "adapter.cli.demo": "the demo knows nobody but made-up people",
}
"""Packages that no real person's data ever reaches."""

NOT_PERSONAL = {
    "adapter.broker.messages.Delivery.tag": "the broker's number of a delivery",
    "adapter.cli.pages.keys.Key.name": "the name of a setting",
    "adapter.domain.answers.Accepted.content": "one of the classes of `Content`, which are walked themselves",
    "adapter.domain.answers.Receipt.verdict": "one of the classes of `Verdict`, which are walked themselves",
    "adapter.domain.findings.Task.name": "the kind of task",
    "adapter.domain.records.OpenTask.name": "the kind of task",
    "adapter.domain.steps.Hierarchy.name": "the name of a part of the institution",
    "adapter.domain.verdict.Manual.name": "the kind of task",
    "adapter.flow.one_pass.Tenancy.name": "the name of a tenant",
    "adapter.ledger.history.TaskRow.name": "the kind of task",
    "adapter.observe.catalogue.Entry.name": "the name of a metric",
    "adapter.settings.rules.HierarchySettings.name": "the name of a part of the institution",
    "adapter.settings.tenants.TenantSettings.name": "the name of a tenant",
    "handlers.candidates.events.Programme.name": "the name of a programme",
    "handlers.ooapi.Organisation.name": "the name of a part of the institution",
    "handlers.sittings.events.ExamScheduled.name": "the title of an exam",
}
"""Fields with a telling name that hold nothing personal, each with what they hold."""


def _modules() -> Iterator[types.ModuleType]:
    for package in (adapter, handlers):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in found.name and not found.name.startswith(tuple(SHOWN_ALL_THE_SAME)):
                yield importlib.import_module(found.name)


def _classes() -> list[type]:
    found = {
        each
        for module in _modules()
        for _, each in inspect.getmembers(module, inspect.isclass)
        if each.__module__ == module.__name__
        and (dataclasses.is_dataclass(each) or issubclass(each, BaseModel | Value))
    }
    return sorted(found, key=_name)


def _name(each: type) -> str:
    return f"{each.__module__}.{each.__qualname__}"


def _fields(each: type) -> Mapping[str, Any]:
    hints = typing.get_type_hints(each)
    if dataclasses.is_dataclass(each):
        return {one.name: hints[one.name] for one in dataclasses.fields(each)}
    if issubclass(each, Value):
        return {name: hints[name] for name in each.__struct_fields__}
    assert issubclass(each, BaseModel)
    return {name: hints[name] for name in each.model_fields}


def _holds_anything(kind: Any) -> bool:  # noqa: ANN401 - any annotation
    """Tell whether a type can hold what nobody has looked at."""
    if kind is Any or kind in (bytes, bytearray, object):
        return True
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _holds_anything(arguments[0])
    return origin is not None and any(_holds_anything(one) for one in arguments)


def _is_function(kind: Any) -> bool:  # noqa: ANN401 - any annotation
    return "Callable" in str(typing.get_origin(kind) or kind)


def _filled(each: type) -> tuple[object, set[str]]:
    """Return an instance with a canary in every field that may hold something personal, and those fields' names."""
    personal = {
        name
        for name, kind in _fields(each).items()
        if f"{_name(each)}.{name}" not in NOT_PERSONAL
        and not _is_function(kind)
        and (telling(name) or _holds_anything(kind))
    }
    values = {name: _canary(kind) if name in personal else _plain(kind) for name, kind in _fields(each).items()}
    if issubclass(each, BaseModel):
        return each.model_construct(**values), personal
    if issubclass(each, Value):
        return each(**values), personal
    made = object.__new__(each)
    for name, value in (values | {name: value for name, value in _defaults(each) if name not in personal}).items():
        object.__setattr__(made, name, value)
    return made, personal


def _canary(kind: Any) -> object:  # noqa: ANN401 - any annotation
    """Return a canary in the form that a type asks for, as far as a `repr` may care."""
    if "SecretStr" in str(kind):
        return SecretStr(CANARY)
    return {CANARY: CANARY} if typing.get_origin(kind) in (dict, Mapping) else CANARY


def _plain(kind: Any) -> object:  # noqa: ANN401 - any annotation
    """Return something harmless that a `__str__` can work with."""
    if type(None) in typing.get_args(kind):
        return None
    if isinstance(kind, type) and (dataclasses.is_dataclass(kind) or issubclass(kind, Value)):
        return _filled(kind)[0]
    return MOMENT if kind is datetime else ()


def _defaults(each: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401 - a dataclass
    for one in dataclasses.fields(each):
        if one.default is not dataclasses.MISSING:
            yield one.name, one.default
        elif one.default_factory is not dataclasses.MISSING:
            yield one.name, one.default_factory()


@pytest.mark.parametrize("each", _classes(), ids=_name)
def test_no_value_shows_what_is_personal_or_secret(each: type) -> None:
    """`repr`, `str` and a formatted text of any dataclass or model leave out every such field."""
    made, _ = _filled(each)
    assert CANARY not in f"{made!r} {made} {[made]}"


def test_the_walk_finds_what_holds_people() -> None:
    """Among what is walked are the classes that are known to hold persons, secrets, raw bodies and marks."""
    found = {_name(each): _filled(each)[1] for each in _classes()}
    assert {"first_name", "last_name", "mail"} <= found["adapter.domain.steps.Profile"]
    assert "pin" in found["adapter.domain.steps.Schedule"]
    assert "givenName" in found["handlers.ooapi.Person"]
    assert "body" in found["adapter.broker.messages.Delivery"]
    assert "document" in found["adapter.domain.answers.ResultsSeen"]
    assert "score" in found["adapter.domain.answers.ResultSeen"]
    assert len([name for name, personal in found.items() if personal]) > 30


def test_every_exception_to_the_walk_is_still_there() -> None:
    """A field that is listed as not personal exists, so the list does not outlive what it is about."""
    fields = {f"{_name(each)}.{name}" for each in _classes() for name in _fields(each)}
    assert set(NOT_PERSONAL) <= fields
