"""What a sandbox can be told to be: its tokens, its clock, and every behaviour Cirrus does not document."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Literal

API_BASE = "/api/v1/integrations"


def wall_clock() -> datetime:
    """Return the present moment in UTC; the default of `SandboxOptions.now`."""
    return datetime.now(UTC)  # noqa: TID251 - the one place where the sandbox's injected clock comes from


def _default_tokens() -> Mapping[str, str]:
    return {"sandbox-token": "demo"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Everything that may differ between two sandboxes; sections are those of `cirrus-api.md`."""

    tokens: Mapping[str, str] = field(default_factory=_default_tokens)
    """Token to tenant. The token alone decides whose data is touched (§00)."""

    seed: str = "cirrus"
    """Launch links, generated ids, rotated tokens and fault rates derive from it."""

    now: Callable[[], datetime] = wall_clock
    """The sandbox clock, timezone-aware; the control API adds its offset to it."""

    latency_ms: float = 0.0
    """Added to every API call, for benchmarks."""

    refused_status: Literal[403, 401] = 403
    """Answer to a missing, wrong or expired token (§0: 403 documented, 401 presumed possible)."""

    auto_assessments: bool = False
    """Treat every unknown assessment id as a published assessment of `assessment_minutes` (§4 has no publish call)."""

    assessment_minutes: int = 120
    """Duration of assessments made by `auto_assessments` or seeded without one."""

    time_zone: str = "UTC"
    """The tenant's default time zone, in which zone-less times are read (§0, inferred)."""

    zoneless_answers: bool = False
    """Write times in answers without a zone, in `time_zone` (§0: the docs show both forms)."""

    underscore_ids: bool = False
    """Accept underscores in external ids, as the samples but not the rules do (§0)."""

    path_variants: Literal["plain", "external", "both"] = "both"
    """Which spelling exists where heading and sample disagree: candidates (PUT), invigilators, their view (§A, ⚠)."""

    scheduler: str | None = "scheduler"
    """User name of the Scheduler in the External API settings; None makes schedule calls fail (§0.1)."""

    api_user: str = "eapi"
    """External id of the token's own user, whom DELETE /user refuses with code 260 (§1.4)."""

    existing_users: Literal["kept", "overwritten"] = "kept"
    """Whether a schedule call changes the profile of a user who already exists (§5.7, UNSEEN)."""

    invalid_candidates: Literal["per_item", "whole"] = "per_item"
    """A bad candidate in a schedule call: 200 with an `Errors` entry, or 400 for the whole call (§5.7, UNSEEN)."""

    repeat_add: Literal["ignored_without_link", "ignored_with_link", "refused"] = "ignored_without_link"
    """A candidate who already has a seat: links are issued once, or again, or it is an error (§5.7, UNSEEN)."""

    upsert_merges_candidates: bool = True
    """Upsert adds candidates to those present; False: the list replaces those who have not started (§5.1, UNSEEN)."""

    delete_activated: bool = False
    """Allow deletion of an activated schedule on which nobody has started (§5.13, conditions n.d.)."""

    auto_publish: bool = False
    """Marking workflow "Do not assign assessors": what is handed in is marked and published at once (§9.1)."""

    result_shape: Literal["list", "nested", "flat"] = "list"
    """How results stand in the answer of GET /results, whose tail is UNSEEN (§9.1, `documents.SHAPES`)."""

    no_results: Literal["empty", "refused", "nothing"] = "empty"
    """Answer when nothing is published: the document without entries, 400, or 200 without a body (§9.1, UNSEEN)."""

    results_per_day: int = 3000
    """Calls of GET /results a tenant has per day (§9.1); all count, refused ones too."""

    results_reset: str = "13:30"
    """Time of day, in UTC, at which the count of GET /results begins anew (§9.1)."""

    over_allowance: Literal["throttled", "refused"] = "throttled"
    """Answer over the allowance: 429 without Retry-After, or 400 with a text (§9.1, UNSEEN)."""

    calls_kept: int = 50_000
    """How many of the newest calls and deliveries the inspection API can list; counts are never cut."""

    def __post_init__(self) -> None:
        """Refuse a reset time that is none (ValueError), before it refuses calls."""
        time.fromisoformat(self.results_reset)
