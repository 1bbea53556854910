"""`docs`: generated pages are current, complete, and what other programs can read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from adapter.cli import app
from adapter.cli.docs import NAMES
from adapter.cli.pages.schemas import event_schemas, outcome_schemas
from adapter.cli.pages.written import PAGES, SCHEMAS, generated, stale
from adapter.cli.pages.yaml import to_yaml
from adapter.observe.metrics import catalogue
from handlers import ALL, EVENTS
from handlers.shapes import OUTCOMES

CONFIG = Path(__file__).parents[2] / "config"


def test_every_page_can_be_named() -> None:
    """The command knows the names without what writes the pages."""
    assert tuple(PAGES) == NAMES


def test_the_pages_in_the_repository_are_current() -> None:
    """After a change of settings, metrics or events: cirrus-adapter docs --write."""
    assert stale(CONFIG) == []


def test_written_pages_are_current_and_leftovers_go(tmp_path: Path) -> None:
    """A second run finds nothing to do; the schema of a type that is gone is removed."""
    leftover = tmp_path / SCHEMAS / "sis.gone.v1.json"
    leftover.parent.mkdir(parents=True)
    leftover.write_text("{}", encoding="utf-8")
    before = CliRunner().invoke(app, ["docs", "--check", "--folder", str(tmp_path)])
    written = CliRunner().invoke(app, ["docs", "--write", "--folder", str(tmp_path)])
    after = CliRunner().invoke(app, ["docs", "--check", "--folder", str(tmp_path)])

    assert (before.exit_code, written.exit_code, after.exit_code) == (1, 0, 0)
    assert f"error: {leftover} is stale; run: cirrus-adapter docs --write\n" in before.stderr
    assert len(before.stderr.splitlines()) == len(generated()) + 1
    assert not leftover.exists()


def test_a_changed_page_is_stale(tmp_path: Path) -> None:
    """Generated pages are not edited by hand."""
    CliRunner().invoke(app, ["docs", "--write", "--folder", str(tmp_path)])
    page = tmp_path / "reference" / "metrics.md"
    page.write_text(page.read_text(encoding="utf-8") + "by hand", encoding="utf-8")

    assert stale(tmp_path) == ["reference/metrics.md"]


@pytest.mark.parametrize("page", ["example", "settings", "metrics", "events", "asyncapi"])
def test_one_page_can_be_printed(page: str) -> None:
    """It goes to stdout, ready for a pipe."""
    result = CliRunner().invoke(app, ["docs", page])

    assert result.exit_code == 0
    assert result.stdout in generated().values()


@pytest.mark.parametrize("arguments", [[], ["--write", "--check"], ["metrics", "--write"], ["nonsense"]])
def test_one_thing_is_asked_for_at_a_time(arguments: list[str]) -> None:
    """Anything else is wrong usage."""
    assert CliRunner().invoke(app, ["docs", *arguments]).exit_code == 2


def test_every_event_and_outcome_is_described() -> None:
    """A handler's new type needs a meaning, in its model's words, or a shape, and none is left over."""
    assert all(vars(model).get("__doc__") for model in EVENTS.values())
    assert sorted(OUTCOMES) == sorted({kind for handler in ALL for kind in handler.outcomes})


def test_every_metric_and_every_event_is_on_its_page() -> None:
    """The tables have a row for each."""
    pages = generated()

    assert all(f"| `{name}` |" in pages["reference/metrics.md"] for name, *_ in catalogue())
    assert all(f"| `{kind}` |" in pages["reference/events.md"] for kind in (*EVENTS, *OUTCOMES))


def test_links_lead_somewhere() -> None:
    """Every relative link of a generated page is a file of the repository."""
    for file, text in generated().items():
        if file.endswith(".md"):
            for target in re.findall(r"\]\(([^)#:]+)\)", text):
                assert (CONFIG / file).parent.joinpath(target).is_file(), (file, target)


def test_references_of_the_asyncapi_document_lead_somewhere() -> None:
    """Every $ref is a part of the document, or a schema beside it."""
    file = CONFIG / "reference" / "asyncapi.yaml"
    document = yaml.safe_load(file.read_text(encoding="utf-8"))

    def references(value: object) -> list[str]:
        match value:
            case {"$ref": str(target)}:
                return [target]
            case {**items}:
                return [found for item in items.values() for found in references(item)]
            case _:
                return []

    found = references(document)
    for target in found:
        if target.startswith("#/"):
            part = document
            for key in target[2:].split("/"):
                part = part[key]
        else:
            assert (file.parent / target).is_file(), target
    assert document["asyncapi"] == "3.0.0"
    assert len([target for target in found if target.endswith(".json")]) == len(EVENTS) + len(OUTCOMES)


def test_references_of_a_schema_are_defined_in_it() -> None:
    """A schema can be used alone."""
    for schema in (*event_schemas().values(), *outcome_schemas().values()):
        used = set(re.findall(r'"#/definitions/(\w+)"', json.dumps(schema)))
        assert used == set(schema.get("definitions", {}))


def test_examples_fit_their_schemas() -> None:
    """What the schema says is what the adapter takes; a wrong example does not fit."""
    jsonschema = pytest.importorskip("jsonschema")
    for kind, schema in event_schemas().items():
        event = json.loads((CONFIG / "events" / f"{kind}.json").read_text(encoding="utf-8"))
        jsonschema.validate(event, schema)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**event, "data": {}}, schema)


TEXT = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, JSON, min_size=1, max_size=4))
def test_yaml_that_is_written_is_read_back_the_same(value: dict[str, Any]) -> None:
    """Whatever printable text a page holds, a YAML reader finds again."""
    assert yaml.safe_load(to_yaml(value)) == value
