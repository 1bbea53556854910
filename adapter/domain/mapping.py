"""The mapping of one institution: how external ids, hierarchies and assessments follow from events.

Rules: events.md "External IDs", cirrus-api.md section 0 "External-ID alphabet" and D.18. An id that does
not fit is refused with its reason, or replaced by a digest when the institution chose so; it is never cut.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from adapter.domain.steps import Hierarchy

LONGEST_ID = 60
"""The smallest of the documented limits (60, 64, 500)."""

PLAIN = re.compile(r"[A-Za-z0-9]{1,60}")
DASHED = re.compile(r"[A-Za-z0-9-]{1,60}")
DIGEST = re.compile(r"x[0-9a-f]{40}")
"""What a digest looks like; a given id of this form is digested too, so that it cannot meet one."""

Misfit = Literal["refuse", "digest"]


class Unmappable(Exception):  # noqa: N818 - a fact about an id, told to the SIS in these words
    """An id of the SIS has no form that Cirrus accepts."""


@dataclass(frozen=True, slots=True)
class IdMapping:
    """How one tenant's ids follow from its events; every field is explained in config/adapter.example.toml."""

    default_hierarchy: Hierarchy
    candidate_id: str = "primaryCode"
    schedule_id: Literal["offeringId", "primaryCode"] = "offeringId"
    misfit: Misfit = "refuse"
    strip: str = " ._/:{}"
    hierarchies: Mapping[str, Hierarchy] = field(default_factory=dict[str, Hierarchy])
    assessments: Mapping[str, str] = field(default_factory=dict[str, str])
    external_attempts: bool = False
    """Whether Cirrus knows each booking by an id of its own, the attempt's."""

    def external_id(self, given: str) -> str:
        """Return the id in the form Cirrus accepts, raise `Unmappable` when there is none.

        Characters named in `strip` are taken out; everything else has to fit as it is. Two ids that differ
        only in such characters meet in one external id, which the ledger then refuses to the later of them.
        Under `misfit="digest"` nothing is taken out: an id that does not fit as it is becomes its digest.
        """
        if self.misfit == "digest" and given:
            fits = DASHED.fullmatch(given) and not DIGEST.fullmatch(given)
            return given if fits else "x" + sha256(given.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        reduced = given.translate({ord(character): None for character in self.strip})
        if DASHED.fullmatch(reduced):
            return reduced
        raise Unmappable(self._why(reduced))

    @staticmethod
    def _why(reduced: str) -> str:
        if not reduced:
            return "the id is empty"
        if len(reduced) > LONGEST_ID:
            return f"the id has {len(reduced)} characters, Cirrus accepts {LONGEST_ID}"
        return f"the id '{reduced}' has characters that Cirrus does not accept; it accepts letters, digits and dashes"

    def hierarchy(self, code: str | None, name: str | None) -> Hierarchy:
        """Return where an organisation's people belong in Cirrus: as mapped, as named, else the default."""
        if code is None:
            return self.default_hierarchy
        if (mapped := self.hierarchies.get(code)) is not None:
            return mapped
        if name and PLAIN.fullmatch(code):
            return Hierarchy(code, name)
        return self.default_hierarchy

    def assessment(self, component_code: str, tests: tuple[str, ...] = ()) -> str:
        """Return the external id of the assessment of a course component, or of the test named for this sitting."""
        source = tests[0] if tests else component_code
        return self.external_id(self.assessments.get(source, source))
