"""The rules, alert tests and runbooks of `deploy/observability`, read for the tests beside this file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from adapter.observe.catalogue import PREFIX
from adapter.observe.metrics import catalogue

HOME = Path(__file__).parents[2] / "deploy" / "observability"
RULES_FILE = HOME / "rules" / "cirrus-adapter.yml"
TEST_FILES = sorted((HOME / "tests").glob("*.yml"))
RUNBOOKS = sorted((HOME / "runbooks").glob("*.md"))

RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(RULES_FILE.read_text())["groups"] for rule in group["rules"]
]
ALERTS = sorted({rule["alert"] for rule in RULES})

SCRAPED = frozenset({"job", "instance"})
"""Labels that Prometheus adds to every series."""

LABELS = {name: frozenset(labels) for name, _, labels, _ in catalogue()}
for _name, _type, _labels, _help in catalogue():
    if _type == "histogram":
        LABELS |= {
            f"{_name}_bucket": frozenset((*_labels, "le")),
            f"{_name}_count": frozenset(_labels),
            f"{_name}_sum": frozenset(_labels),
        }

_SERIES = re.compile(rf"({PREFIX}\w*)(\(([\w|]+)\))?(\\?\{{[^}}'\n]*)?")
_MATCHER = re.compile(r'(\w+)(?:=~|!~|!=|=)"([^"]*)')


@dataclass(frozen=True, slots=True)
class Mention:
    """A metric that a text speaks of, with the labels and values it gives it."""

    metric: str
    values: tuple[tuple[str, str], ...]

    @property
    def labels(self) -> frozenset[str]:
        """Return the labels that are named."""
        return frozenset(label for label, _ in self.values)


def mentions(text: str) -> Iterator[Mention]:
    """Yield every metric of ours in PromQL, in exposition lines and in `grep -E` patterns."""
    for start, _, choice, matchers in _SERIES.findall(text):
        values = tuple(_MATCHER.findall(matchers))
        for end in choice.split("|"):
            yield Mention(start + end, values)


def fenced(markdown: str, language: str) -> Iterator[str]:
    """Yield the lines of every fenced block of one language, joined where they end in a backslash."""
    for block in re.findall(rf"^ *```{language}\n(.*?)^ *```", markdown, re.MULTILINE | re.DOTALL):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip())
