"""What is wrong with the settings, all of it at once, each as one line with its key and a remedy."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from adapter.errors import ConfigurationError
from adapter.settings.environment import model_of, tenant_model, variable
from adapter.settings.section import Section
from adapter.settings.tree import Settings

Names = Mapping[tuple[str, ...], str]

_WORDS = {
    "int_parsing": "it is not a whole number",
    "int_type": "it is not a whole number",
    "int_from_float": "it is not a whole number",
    "float_parsing": "it is not a number",
    "float_type": "it is not a number",
    "finite_number": "it is not a number",
    "bool_parsing": "it is neither true nor false",
    "bool_type": "it is neither true nor false",
    "string_type": "it is not text",
    "path_type": "it is not the name of a file",
    "model_type": "it is not a table",
    "mapping_type": "it is not a table",
    "dict_type": "it is not a table",
    "tuple_type": "it is not a list",
    "greater_than": "it must be more than {gt}",
    "greater_than_equal": "it must be at least {ge}",
    "less_than": "it must be less than {lt}",
    "less_than_equal": "it must be at most {le}",
    "literal_error": "it must be {expected}",
    "string_too_short": "it is empty",
    "string_too_long": "it has more than {max_length} characters",
    "too_short": "it is empty",
    "string_pattern_mismatch": "it does not have the form {pattern}",
}
"""Problems in our words, by the type pydantic gives them; its own words serve for the rest."""

NO_TENANT = ConfigurationError(
    "tenants",
    "no tenant is configured",
    "add [tenants.<slug>] with name, region or base_url, token_file and mapping.default_hierarchy;"
    " see config/adapter.example.toml",
)


class ConfigurationErrors(ConfigurationError):  # noqa: N818 - several of them
    """Several settings are missing or wrong; `problems` has each, and the first is repeated as this error's own."""

    def __init__(self, problems: Sequence[ConfigurationError]) -> None:
        first = problems[0]
        super().__init__(first.key, first.problem, first.remedy)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def shape_problems(error: ValidationError, names: Names) -> Iterator[ConfigurationError]:
    """Yield what is wrong with keys and types; `names` tells which keys came from which variables."""
    for fault in error.errors(include_input=False, include_url=False):
        location = tuple(str(part) for part in fault["loc"] if part != "[key]")
        kind, context = fault["type"], fault.get("ctx", {})
        if location == ("tenants",) and kind in ("missing", "too_short"):
            yield NO_TENANT
        elif kind == "extra_forbidden":
            yield _unknown(location)
        elif kind == "missing":
            yield _missing(location)
        elif "[key]" in fault["loc"] and location[0] == "tenants":
            yield ConfigurationError(
                ".".join(location), "it cannot be a tenant's slug", "use small letters, digits and single underscores"
            )
        else:
            problem = _WORDS[kind].format(**context) if kind in _WORDS else f"it is not valid ({fault['msg']})"
            yield ConfigurationError(".".join(location), problem, _correct(location, names))


def sense_problems(settings: Settings) -> Iterator[ConfigurationError]:
    """Yield what makes no sense although every type is right."""
    yield from _faults(settings, ())
    yield from _twins(settings)


def _unknown(location: tuple[str, ...]) -> ConfigurationError:
    *path, key = location
    section = _section(tuple(path))
    known = list(section.model_fields) if section is not None else []
    near = get_close_matches(key, known, n=1, cutoff=0.6)
    remedy = f"did you mean {near[0]}?" if near else f"the keys here are {', '.join(known)}"
    return ConfigurationError(".".join(location), "there is no such setting", remedy)


def _missing(location: tuple[str, ...]) -> ConfigurationError:
    key = ".".join(location)
    section = _section(location)
    if section is not None:
        return ConfigurationError(key, "it is missing", f"add the table [{key}]")
    return ConfigurationError(key, "it is missing", f"set {location[-1]} in the file, or {variable(location)}")


def _correct(location: tuple[str, ...], names: Names) -> str:
    where = next((name for path, name in names.items() if path == location[: len(path)]), None)
    return f"correct {where}" if where is not None else "correct it in the file"


def _section(path: tuple[str, ...]) -> type[BaseModel] | None:
    """Return the section at `path`, None when there is none."""
    section: type[BaseModel] = Settings
    steps = list(path)
    while steps:
        field = section.model_fields.get(steps.pop(0))
        inner = model_of(field.annotation) if field is not None else None
        if inner is None and field is not None and steps:
            inner = tenant_model(field.annotation)
            steps.pop(0)
        if inner is None:
            return None
        section = inner
    return section


def _faults(section: BaseModel, path: tuple[str, ...]) -> Iterator[ConfigurationError]:
    if isinstance(section, Section):
        for fault in section.faults():
            yield ConfigurationError(".".join((*path, fault.key)), fault.problem, fault.remedy)
    for name in type(section).model_fields:
        yield from _inner_faults(getattr(section, name), (*path, name))


def _inner_faults(value: Any, path: tuple[str, ...]) -> Iterator[ConfigurationError]:  # noqa: ANN401 - any setting
    match value:
        case BaseModel():
            yield from _faults(value, path)
        case Mapping():
            for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
                yield from _inner_faults(item, (*path, str(key)))  # pyright: ignore[reportUnknownArgumentType]
        case _:
            pass


def _twins(settings: Settings) -> Iterator[ConfigurationError]:
    """Two tenants with one name would mix their events up, two with one token their exams."""
    names: dict[str, str] = {}
    tokens: dict[str, str] = {}
    for slug, tenant in settings.tenants.items():
        if (other := names.setdefault(tenant.name, slug)) != slug:
            yield ConfigurationError(
                f"tenants.{slug}.name", f"tenants.{other} has the same name", "give each tenant a name of its own"
            )
        try:
            token = tenant.read_token()
        except ConfigurationError:
            continue  # told among the tenant's own faults
        if (other := tokens.setdefault(token, slug)) != slug:
            yield ConfigurationError(
                f"tenants.{slug}.token",
                f"tenants.{other} has the same token",
                "have Cirrus issue one for each: the token decides whose data is touched",
            )
