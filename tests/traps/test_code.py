"""Traps that cannot bite because of what our code does not do: the code is read to see that it stays so."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for top in ("adapter", "handlers") for path in (ROOT / top).rglob("*.py"))

NEVER = {
    "ConsumerMixin": "P1, P6 to P9: stops for ever, starves the heartbeat, cannot be stopped, acks what it cannot read",
    "ConsumerProducerMixin": "P1: the same",
    "ack_log_error": "P1: swallows the failed write that ought to end the session",
    "confirm_publish": "finding 2: takes any ack for the ack of the message at hand",
    "retry": "finding 3, P16: reconnects in a hot loop on a nack, and changes options that are shared",
    "retry_policy": "finding 3, P16: the same",
    "native_delayed_delivery": "finding 5, B5: a retry goes to every subscriber, and bindings catch strangers' keys",
    "setup_native_delayed_delivery": "finding 5, B5: the same",
    "x-message-ttl": "B5: retries wait in the ledger, not in a ladder of queues",
    "multiple": "finding 8: ignored by emulated brokers, and acks unfinished work on real ones",
    "requeue": "P19: a reject in disguise, which is charged as a failed delivery",
    "reject": "P19: charged as a failed delivery",
    "basic_reject": "P19: the same",
    "reject_log_error": "P19: the same",
    "basic_recover": "P19: gives everything back at once",
    "basic_get": "P3: polls where a consumer is pushed to",
    "fork": "P23: a connection that two processes write to",
    "forkpty": "P23: the same",
    "multiprocessing": "P23: the same",
    "ProcessPoolExecutor": "P23: the same",
    "pickle": "P9: bodies are bytes, and are never decoded by the library",
    "loads": "P9: the same",
}
"""Words that stand nowhere in the code that ships but where `EXCEPT` allows it."""

EXCEPT = {
    # takes the broker's confirm for a whole range: the parameter of a callback, not an ack of ours
    ("adapter/broker/confirms.py", "multiple"),
}

BROKER_ONLY = {"retry", "reject", "loads", "requeue", "multiple"}
"""Words that mean something else elsewhere."""

EMULATED = {
    "drain_events": {("Link", "pump"), ("EmulatedSession", "pump")},
    "basic_publish": {("_EmulatedLine", "publish")},
    "new_consumer": {("EmulatedSession", "__init__")},
}
"""What kombu's own objects may be used for: emulated brokers have no connection that could be lost."""

LEAST = {"amqp": (5, 4, 2), "kombu": (5, 7)}
"""Below: acks from threads corrupt frames (P11), a re-opened channel forgets its confirm mode (P12)."""


def words(tree: ast.AST) -> Iterator[str]:
    """Yield every name, attribute, keyword, import and whole string of a piece of code."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.arg(arg=word):
                yield word
            case ast.keyword(arg=str(word)) | ast.Constant(value=str(word)):
                yield word
            case ast.alias(name=word):
                yield from word.split(".")
            case ast.ImportFrom(module=str(module)):
                yield from module.split(".")
            case _:
                pass


def uses(word: str) -> Iterator[tuple[str, str]]:
    """Yield class and method of each place where an attribute or function of this name is called."""
    for path in SOURCES:
        for owner in ast.walk(ast.parse(path.read_text())):
            if not isinstance(owner, ast.ClassDef | ast.Module):
                continue
            for method in owner.body:
                if isinstance(method, ast.FunctionDef) and word in set(_called(method)):
                    yield getattr(owner, "name", path.name), method.name


def _called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from (name for name in (getattr(node.func, "attr", None), getattr(node.func, "id", None)) if name)


@pytest.mark.parametrize("word", NEVER)
def test_what_the_traps_need_is_not_used(word: str) -> None:
    """Findings 1 to 5 and 8, P1, P3, P16, P19, P23, B5: see `NEVER` for what each word would bring back."""
    sources = [path for path in SOURCES if word not in BROKER_ONLY or "broker" in path.parts]
    found = {path.relative_to(ROOT).as_posix() for path in sources if word in set(words(ast.parse(path.read_text())))}
    assert found - {place for place, allowed in EXCEPT if allowed == word} == set(), NEVER[word]


@pytest.mark.parametrize(
    "code",
    [
        "message.requeue()",
        "requeue(message)",
        "from kombu import requeue",
        "import kombu.requeue",
        "from kombu.requeue import x",
        "f(requeue=True)",
        "options = {'requeue': True}",
        "def f(requeue): ...",
    ],
)
def test_the_reader_sees_a_word_wherever_it_stands(code: str) -> None:
    """The test above would notice a call, an import, a keyword, an option and a parameter."""
    assert "requeue" in set(words(ast.parse(code)))


@pytest.mark.parametrize("word", EMULATED)
def test_kombus_own_objects_serve_emulated_brokers_only(word: str) -> None:
    """P1, P17, finding 7: real brokers are read from and written to over the raw connection of `Link`."""
    assert set(uses(word)) == EMULATED[word]


def test_p18_no_read_without_a_select_before_it() -> None:
    """P18: `Link.pump` hands no time-out to py-amqp, whose 0 spins when a frame is not complete."""
    [pump] = [
        node
        for node in ast.walk(ast.parse((ROOT / "adapter/broker/link.py").read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "pump"
    ]
    [drain] = [node for node in ast.walk(pump) if isinstance(node, ast.Call) and "drain_events" in ast.unparse(node)]
    assert (drain.args, drain.keywords) == ([], [])


@pytest.mark.parametrize("package", LEAST)
def test_the_pins_are_safe_versions(package: str) -> None:
    """P11, P12: what is installed, and what the project allows, is not below the version without the fault."""
    pins = (ROOT / "deploy/requirements/runtime.txt").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [pinned] = re.findall(rf"^{package}==([\d.]+)", pins, re.MULTILINE)
    [floor] = re.findall(rf"^{package}>=([\d.]+)$", "\n".join(project["dependencies"]), re.MULTILINE)
    assert _version(pinned) >= _version(floor) >= LEAST[package]


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
