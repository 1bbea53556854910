"""The shapes of OOAPI v5 / NED-OOAPI that several events share (events.md "In").

Unknown fields are ignored, missing or wrong ones are refused with their JSON path. Fields that hold
personal data are left out of every `repr`.
"""

import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

LONGEST_NAME = 500
"""Characters that Cirrus takes for a name (cirrus-api.md 1.1)."""

FIRST_YEAR, LAST_YEAR = 2000, 2199
"""Of any exam; what lies outside is a slip of the SIS, and would break sums with times."""


def _clean(text: str) -> str:
    # What is printable has none; that is said at once of most texts.
    if not text.isprintable() and any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("control characters are not allowed")
    return text


def _one_line(text: str) -> str:
    return _clean(" ".join(text.split()))


def _written(given: object) -> object:
    if not isinstance(given, str) or "-" not in given:
        raise ValueError("a date written as in RFC 3339 was expected")
    return given


def _utc(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"a year from {FIRST_YEAR} to {LAST_YEAR} was expected")
    return moment.astimezone(UTC)


Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_clean)]
Text = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_one_line)]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000), AfterValidator(_clean)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME), AfterValidator(_clean)
]
Prefix = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), AfterValidator(_clean)]
Mail = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=100, pattern=r"^[^@\s]+@[^@\s]+$"),
    AfterValidator(_clean),
]
Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_utc)]
Day = Annotated[date, BeforeValidator(_written)]
Percent = Annotated[int, Field(ge=0, le=1000)]
Minutes = Annotated[int, Field(ge=0, le=1440)]


class Shape(BaseModel):
    """Base of every shape: frozen, and tolerant of fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Code(Shape):
    """A code and what kind of code it is."""

    codeType: Identifier  # noqa: N815 - the contract's spelling
    code: Identifier


class Need(Shape):
    """A facility that was granted to a person."""

    code: Identifier
    description: Text | None = None
    startDate: Day | None = None  # noqa: N815 - the contract's spelling
    endDate: Day | None = None  # noqa: N815 - the contract's spelling
    additionalTimeInMin: Minutes | None = None  # noqa: N815 - the contract's spelling
    extraTimePercentage: Percent | None = None  # noqa: N815 - the contract's spelling


class Person(Shape):
    """A person in full."""

    personId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code  # noqa: N815 - the contract's spelling
    givenName: Name = Field(repr=False)  # noqa: N815 - the contract's spelling
    surnamePrefix: Prefix | None = Field(default=None, repr=False)  # noqa: N815 - the contract's spelling
    surname: Name = Field(repr=False)
    displayName: Text | None = Field(default=None, repr=False)  # noqa: N815 - the contract's spelling
    mail: Mail = Field(repr=False)
    languageOfChoice: tuple[Identifier, ...] = ()  # noqa: N815 - the contract's spelling
    otherCodes: tuple[Code, ...] = ()  # noqa: N815 - the contract's spelling
    assignedNeeds: tuple[Need, ...] = ()  # noqa: N815 - the contract's spelling


class Organisation(Shape):
    """A part of the institution."""

    organisationId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code  # noqa: N815 - the contract's spelling
    name: Name


class Component(Shape):
    """A part of a course that is examined."""

    componentId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code  # noqa: N815 - the contract's spelling
