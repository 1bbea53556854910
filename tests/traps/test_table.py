"""The table of the traps is complete: every number stands in it once, and every test that it names exists."""

import ast
import re
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

FINDINGS = tuple(f"F{number}" for number in range(1, 13))
PITFALLS = tuple(f"P{number}" for number in range(1, 24))
RULES = ("B2", "B3", "B4", "B5", "B6")
"""Threads, confirms, queues and versions, delayed retry, virtual transports."""

MOST_LINES = 40


def _rows() -> list[list[str]]:
    lines = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_every_number_stands_in_the_table_once() -> None:
    """Each finding, pitfall and rule is there, and no other."""
    numbers = [number for _, cell, _ in _rows() for number in cell.split()]
    assert sorted(numbers) == sorted(FINDINGS + PITFALLS + RULES)


def test_every_named_test_exists() -> None:
    """A test that is renamed or removed is missed here."""
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", (FOLDER / "README.md").read_text())
    assert len(named) >= len(_rows())
    missing = [(file, name) for file, name in named if name not in _tests(file)]
    assert missing == []


def test_every_test_says_its_number() -> None:
    """A test that is named after a number is in the row of that number, or in a file that the row names."""
    files = {
        number: set(re.findall(r"`([\w/]+\.py)", reason)) for _, cell, reason in _rows() for number in cell.split()
    }
    for path in FOLDER.glob("test_*.py"):
        for name in _tests(path.name):
            if found := re.match(r"test_([fpb])(\d\d)_", name):
                assert path.name in files[f"{found[1].upper()}{int(found[2])}"], name


def test_the_table_is_short() -> None:
    """It is read as a whole, or not at all."""
    assert len((FOLDER / "README.md").read_text().splitlines()) <= MOST_LINES


def _tests(file: str) -> set[str]:
    path = ROOT / file if file.startswith("tests/") else FOLDER / file
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
