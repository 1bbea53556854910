"""The shapes of OOAPI v5 / NED-OOAPI that several events share (events.md "In").

Unknown fields are ignored, missing or wrong ones are refused with their JSON path. Fields that hold
personal data are left out of every `repr`.
"""

import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

LONGEST_NAME = 500
"""Characters that Cirrus takes for a name (cirrus-api.md 1.1)."""


def _clean(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("control characters are not allowed")
    return text


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Identifier = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_clean)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_clean)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME), AfterValidator(_clean)
]
Mail = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=3, max_length=100, pattern=r"^[^@\s]+@[^@\s]+$")
]
Moment = Annotated[AwareDatetime, AfterValidator(_utc)]
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
    startDate: date | None = None  # noqa: N815 - the contract's spelling
    endDate: date | None = None  # noqa: N815 - the contract's spelling
    additionalTimeInMin: Minutes | None = None  # noqa: N815 - the contract's spelling
    extraTimePercentage: Percent | None = None  # noqa: N815 - the contract's spelling


class Person(Shape):
    """A person in full."""

    personId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code  # noqa: N815 - the contract's spelling
    givenName: Name = Field(repr=False)  # noqa: N815 - the contract's spelling
    surnamePrefix: Text | None = Field(default=None, repr=False)  # noqa: N815 - the contract's spelling
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
    name: Text


class Component(Shape):
    """A part of a course that is examined."""

    componentId: Identifier  # noqa: N815 - the contract's spelling
    primaryCode: Code  # noqa: N815 - the contract's spelling
