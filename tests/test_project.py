"""What holds for the whole repository: sizes, docstrings, pins and the version."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PINS = sorted((ROOT / "deploy" / "requirements").glob("*.txt"))
SOURCES = sorted(path for top in ("adapter", "handlers", "tests") for path in (ROOT / top).rglob("*.py"))
MAX_LINES = 400
MAX_FUNCTION_LINES = 40


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_each_file_says_what_it_is_for_and_stays_readable(path: Path) -> None:
    """Every module opens with a docstring and has at most 400 lines."""
    text = path.read_text()

    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= MAX_LINES


def test_functions_stay_short() -> None:
    """No function of the product has more than 40 lines."""
    long = [
        f"{_name(path)}:{node.lineno} {node.name}"
        for path in SOURCES
        if path.parts[len(ROOT.parts)] != "tests"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _length(node) > MAX_FUNCTION_LINES
    ]

    assert long == []


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    docstring = ast.get_docstring(node, clean=False) or ""
    return (node.end_lineno or node.lineno) - node.lineno + 1 - len(docstring.splitlines())


@pytest.mark.parametrize("path", PINS, ids=_name)
def test_pins_name_no_place_to_fetch_from(path: Path) -> None:
    """Where packages come from is the machine's setting: no address, index or path stands in the pins."""
    text = path.read_text()

    assert "://" not in text
    assert not re.search(r"^\s*(-|[\w.]*/)", text.replace("    --hash=sha256:", "    "), re.MULTILINE)


@pytest.mark.parametrize("path", PINS, ids=_name)
def test_every_pin_is_exact_and_hashed(path: Path) -> None:
    """Each requirement has one version and at least one hash, so that nothing else can be installed."""
    requirements = re.findall(r"^([a-z0-9][^\n]*)((?:\n    --hash=[^\n]*)*)", path.read_text(), re.MULTILINE)

    assert requirements
    assert [line for line, hashes in requirements if "==" not in line or "--hash=sha256:" not in hashes] == []


def test_the_pins_hold_every_dependency_of_the_project() -> None:
    """A dependency that is added to the project file is pinned too."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "deploy/requirements/runtime.txt").read_text(), re.MULTILINE))
    wanted = {re.split(r"[^a-z0-9-]", dependency)[0] for dependency in project["dependencies"]}

    assert wanted - pinned == set()


def test_development_and_production_use_the_same_versions() -> None:
    """What is tested is what is deployed."""
    pins = {path.stem: set(re.findall(r"^[a-z0-9-]+==\S+", path.read_text(), re.MULTILINE)) for path in PINS}

    assert pins["runtime"] - pins["dev"] == set()
    assert pins["build"] - pins["dev"] == set()


def test_the_newest_heading_of_the_changelog_is_the_version() -> None:
    """A release without a word to its operators cannot happen."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == version


def test_make_alone_lists_every_task() -> None:
    """Each task that a person may call has a line of explanation."""
    makefile = (ROOT / "Makefile").read_text()
    tasks = re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE)

    assert {"demo", "run", "test", "check", "bench", "chaos", "docs"} <= set(tasks)
