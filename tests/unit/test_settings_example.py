"""The example file, the example mappings and the policy: complete, valid, and the same as the code."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from adapter.cli.pages.keys import tables
from adapter.cli.pages.settings import INSTEAD, SLUG, example
from adapter.domain.mapping import IdMapping
from adapter.domain.policy import Policy
from adapter.domain.steps import Hierarchy
from adapter.settings import HierarchySettings, MappingSettings, PolicySettings, ResultSettings, Settings, load
from adapter.settings.guard import GuardSettings

CONFIG = Path(__file__).parents[2] / "config"
KEYS = [(section.path, key.name) for section in tables(SLUG) for key in section.keys]


def loaded(text: str, folder: Path) -> Settings:
    """Load settings from a text."""
    file = folder / "adapter.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, {})


def test_the_example_works_as_it_is(tmp_path: Path) -> None:
    """A newcomer copies it and starts, with the sandbox beside it."""
    settings = loaded((CONFIG / "adapter.example.toml").read_text(encoding="utf-8"), tmp_path)

    assert settings.tenants[SLUG].api_url() == "http://127.0.0.1:8900/api/v1/integrations"
    assert settings.broker.read_url()


def test_every_line_of_the_example_can_be_uncommented(tmp_path: Path) -> None:
    """With all defaults and examples in force, it is still valid."""
    whole = re.sub(r"^#(?=[a-z_]+ = )", "", example(), flags=re.MULTILINE)
    settings = loaded(whole, tmp_path)

    document = tomllib.loads(whole)
    for path, name in KEYS:
        table = document
        for part in path:
            table = table[part]
        assert (name in table) is (name not in INSTEAD), name
    assert settings.tenants[SLUG].to_policy().mode_of("ORAL7") == "before_start"


COMPANIONS = {"header_value_file": "header_name", "basic_password_file": "basic_user"}
"""Keys that make no sense without another one."""


@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_what_stands_instead_is_valid_too(name: str, tmp_path: Path) -> None:
    """Each `# or:` can take the place of the key that it names."""
    secret = tmp_path / "secret"
    held = {"url_file": "sqlite://", "seal_key_file": "A" * 43 + "=", "path_secret_file": "path-secret-0123456789"}
    secret.write_text(held.get(name, "tok"), encoding="utf-8")
    other = "base_url" if name == "region" else name.removesuffix("_file")
    text = re.sub(rf"^{other} = .*\n", "", example(), flags=re.MULTILINE)
    text = re.sub(rf"^# or: ({name} = .*)$", r"\1", text, flags=re.MULTILINE)
    text = re.sub(rf"^#({COMPANIONS.get(name, 'nothing')} = .*)$", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r'^(\w+_file) = ".*"$', rf'\1 = "{secret}"', text, flags=re.MULTILINE)

    settings = loaded(text, tmp_path)

    tenant = settings.tenants[SLUG]
    sections = (tenant, tenant.webhook, settings.broker, settings.ledger)
    assert name in set().union(*(section.model_fields_set for section in sections))


@pytest.mark.parametrize("path_and_name", KEYS, ids=lambda key: ".".join((*key[0], key[1])))
def test_each_key_is_explained(path_and_name: tuple[tuple[str, ...], str]) -> None:
    """The comment above a key is the text below its field, and it is a sentence."""
    (key,) = [key for section in tables(SLUG) for key in section.keys if (section.path, key.name) == path_and_name]

    assert key.meaning.endswith((".", ")"))
    assert re.search(rf"^(#|# or: )?{key.name} = ", example(), re.MULTILINE)


def test_no_default_points_at_a_real_cirrus() -> None:
    """Whose data is touched is always somebody's explicit choice."""
    assert "cirrusplatform" not in example()


def test_the_defaults_are_those_of_the_domain() -> None:
    """An institution that decides nothing gets the policy and the mapping that the handlers are tested with."""
    hierarchy = HierarchySettings(id="EXAMS", name="All exams")

    assert PolicySettings().to_policy() == Policy()
    assert MappingSettings(default_hierarchy=hierarchy).id_mapping() == IdMapping(Hierarchy("EXAMS", "All exams"))


def test_every_rule_of_a_policy_can_be_set() -> None:
    """Each field of the policy has a key, with its unit in the name."""
    keys = {re.sub(r"_(s|min|h)$", "", name) for name in PolicySettings.model_fields}

    assert {field.name for field in fields(Policy)} == keys | {"results", "guard", "limits"}
    assert ResultSettings().to_policy() == Policy().results
    assert GuardSettings().to_policy() == Policy().guard


def test_the_example_mappings_are_valid() -> None:
    """Each kind of institution in the file has a mapping that loads."""
    tenants = tomllib.loads((CONFIG / "mapping.example.toml").read_text(encoding="utf-8"))["tenants"]
    mappings = {slug: MappingSettings(**tenant["mapping"]) for slug, tenant in tenants.items()}

    assert list(mappings) == ["university", "college", "board"]
    assert [fault for mapping in mappings.values() for fault in mapping.faults()] == []
    assert mappings["university"].id_mapping().external_id("LAW101/2026.1") == "LAW10120261"
