"""The version guard: which of two statements about the same thing is the newer one.

Rules (events.md, design.md "Version guard"): compare `sequence` when both have one, else `time`; on a
tie cancel > update > create; still a tie: the same content is a duplicate, other content is decided
by the higher event id. Arrival never decides, so any order of arrival ends in the same state.

One stream must carry `sequence` on all of its events or on none: where only some have it, the rule
is not transitive and no order-free answer exists.
"""

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, ClassVar, NamedTuple, Self

import orjson
from msgspec.structs import replace

from adapter.value import Value

MOMENTS = 4096
"""Of which the text is remembered, and the other way round: a booking names few, and each of them many times."""


class Rank(enum.IntEnum):
    """What wins when two versions are otherwise equal."""

    CREATE = 0
    UPDATE = 1
    CANCEL = 2


class Version(NamedTuple):
    """Where a statement stands among all the statements about the same thing."""

    time: datetime
    sequence: int | None
    rank: Rank
    event_id: str

    def key_against(self, other: "Version") -> tuple[Any, ...]:
        """Return what is compared with `other`; the event id comes last and only breaks a tie."""
        stamp = self.sequence if self.sequence is not None and other.sequence is not None else self.time
        return (stamp, self.rank, self.event_id)

    @property
    def stamp(self) -> str:
        """The version as text, the same for a resend under another event id."""
        return f"s{self.sequence}" if self.sequence is not None else utc_text(self.time)


class Statement(Value, frozen=True):
    """What somebody said a thing should be, and since which version it has been said.

    `since` is the oldest known version that said the same: a repetition under a newer version changes
    nothing, so it must not look like a new version to those who hear of it. `external_id` is the id by
    which Cirrus knows the thing, where the statement tells one. `replaced` is the newest known version that
    said something else: what said the same before that is no repetition of this, so an old event that is
    replayed cannot give a new statement an old one's name. `answered` says that `since` stands: an outcome has
    been told under it, and the same must not be told under another id because an older repetition comes late.
    What is said may be personal and is never shown.
    """

    PRIVATE: ClassVar[frozenset[str]] = frozenset({"data"})

    version: Version
    since: Version
    data: Mapping[str, Any]
    external_id: str | None = None
    replaced: Version | None = None
    answered: bool = False

    @classmethod
    def first(cls, version: Version, data: Mapping[str, Any]) -> Self:
        """Return a statement nobody has repeated yet."""
        return cls(version, version, data)

    @property
    def label(self) -> str:
        """Name this content at this version; equal on every worker."""
        return f"{self.since.stamp}-{fingerprint(self.data)[:8]}"

    def repeats(self, told: "Statement") -> bool:
        """Tell whether this says what `told` says, and nothing else has been said since."""
        anew = self.replaced is not None and _is_newer(self.replaced, told.version)
        return not anew and self.data == told.data and self.external_id == told.external_id

    def named_as(self, told: "Statement") -> "Statement":
        """Return this statement under the name by which `told` was answered."""
        return replace(self, since=told.since, answered=True)


class Merge(enum.Enum):
    """What a statement did to what was held before."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    SUPERSEDED = "superseded"


class Merged(Value, frozen=True):
    """The statement that holds from now on; `tie` when only the event id decided.

    Even when nothing was applied the statement may know more than before, so it is kept.
    """

    merge: Merge
    statement: Statement
    tie: bool = False


def merge(held: Statement | None, said: Statement) -> Merged:
    """Decide between what is held and what is said; data and version are the same in any order of arrival.

    So is `since` of what was not answered yet, but for one case: something else arrives late, from before two or
    more repetitions. Only a full history could tell which of them came first; the newest is taken.
    """
    if held is None:
        return Merged(Merge.APPLIED, said)
    newer = _is_newer(said.version, held.version)
    if held.data == said.data and held.external_id == said.external_id:
        return Merged(Merge.UNCHANGED, _repeated(held, said.version, newer=newer))
    tie = held.version.key_against(said.version)[:-1] == said.version.key_against(held.version)[:-1]
    if newer:
        return Merged(Merge.APPLIED, _contradicted(said, held.version), tie)
    return Merged(Merge.SUPERSEDED, _contradicted(held, said.version), tie)


def _repeated(held: Statement, said: Version, *, newer: bool) -> Statement:
    version = said if newer else held.version
    same_run = held.replaced is None or _is_newer(said, held.replaced)
    earlier = same_run and not held.answered and _is_newer(held.since, said)
    since = said if earlier else held.since
    return replace(held, version=version, since=since)


def _contradicted(held: Statement, said: Version) -> Statement:
    replaced = said if held.replaced is None or _is_newer(said, held.replaced) else held.replaced
    since = held.since if held.answered or _is_newer(held.since, replaced) else held.version
    return replace(held, since=since, replaced=replaced)


def _is_newer(one: Version, other: Version) -> bool:
    return one.key_against(other) > other.key_against(one)


def fingerprint(data: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the SHA-256 of a JSON value, in hex; equal values give equal text."""
    return sha256(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)).hexdigest()


def utc_text(moment: datetime) -> str:
    """Return `2026-11-24T09:00:00Z`, with microseconds only where there are some."""
    return _utc_text(moment.astimezone(UTC))


@lru_cache(MOMENTS)
def _utc_text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@lru_cache(MOMENTS)
def utc_time(text: str) -> datetime:
    """Read what `utc_text` wrote, or any RFC 3339 time that carries a zone."""
    return datetime.fromisoformat(text).astimezone(UTC)
