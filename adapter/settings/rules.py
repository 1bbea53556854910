"""What an institution decides: how its ids follow from its events, and how its exams are brought into Cirrus."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field, StringConstraints

from adapter.domain.mapping import DASHED, IdMapping, Misfit, Unmappable
from adapter.domain.policy import Drift, Erasing, Mode, Policy, Relink
from adapter.domain.steps import Hierarchy
from adapter.settings.section import Fault, Section

Code = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class HierarchySettings(Section):
    """A hierarchy in Cirrus, which its API calls a group."""

    id: Annotated[str, StringConstraints(pattern=f"^{DASHED.pattern}$")] = Field(examples=["EXAMS"])
    """Its external id ("Organisation ID"): letters, digits and dashes, 60 at most."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)] = Field(
        examples=["All exams"]
    )
    """Its name, needed whenever Cirrus may have to make it."""

    def hierarchy(self) -> Hierarchy:
        """Return it in the domain's words."""
        return Hierarchy(self.id, self.name)


class MappingSettings(Section):
    """How external ids, hierarchies and assessments follow from what the SIS sends."""

    default_hierarchy: HierarchySettings = Field(examples=[{"id": "EXAMS", "name": "All exams"}])
    """Hierarchy of candidates and schedules whose organisation is not mapped. Required: Cirrus cannot do without."""

    candidate_id: Code = "primaryCode"
    """What becomes the candidate's user id in Cirrus: `primaryCode`, `personId`, or the codeType of another code of the
    person. It has to equal what single sign-on sends."""

    schedule_id: str = Field(default="offeringId", pattern="^(offeringId|primaryCode)$")
    """What becomes the external id of a schedule: `offeringId`, or the code of `primaryCode`."""

    misfit: Misfit = "refuse"
    """What happens to an id that Cirrus would not accept: `refuse` tells the SIS why, `digest` uses a hash of it."""

    strip: str = Field(default=IdMapping(Hierarchy("", "")).strip, max_length=50, pattern=r"^[^A-Za-z0-9]*$")
    """Characters that are taken out of every id before it is looked at. Ids must stay different without them."""

    hierarchies: Mapping[Code, HierarchySettings] = Field(
        default_factory=dict[str, HierarchySettings],
        examples=[{"FAC-LAW": {"id": "LAW", "name": "Faculty of Law"}}],
    )
    """Hierarchy for each organisation or programme, by its code in the SIS."""

    assessments: Mapping[Code, Code] = Field(
        default_factory=dict[str, str], examples=[{"LAW101-WRITTEN": "LAW101exam"}]
    )
    """External id of the assessment in Cirrus for each course component or test, by its code in the SIS; a code that is
    not listed is its own external id."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        mapping = self.id_mapping()
        for code in self.assessments:
            try:
                mapping.assessment(code)
            except Unmappable as problem:
                yield Fault(f"assessments.{code}", str(problem), "give the external id as it stands in Cirrus")

    def id_mapping(self) -> IdMapping:
        """Return the mapping in the domain's words."""
        return IdMapping(
            default_hierarchy=self.default_hierarchy.hierarchy(),
            candidate_id=self.candidate_id,
            schedule_id="primaryCode" if self.schedule_id == "primaryCode" else "offeringId",
            misfit=self.misfit,
            strip=self.strip,
            hierarchies={code: given.hierarchy() for code, given in self.hierarchies.items()},
            assessments=dict(self.assessments),
        )


class PolicySettings(Section):
    """How exams are brought into Cirrus. `_s`, `_min` and `_h` are seconds, minutes and hours."""

    mode: Mode = "at_once"
    """`at_once`: an exam is published in Cirrus with its first candidates. `before_start`: it stays a draft, which can
    still be changed, until shortly before it starts."""

    modes: Mapping[Code, Mode] = Field(default_factory=dict[str, Mode], examples=[{"ORAL*": "before_start"}])
    """Another `mode` for the assessments whose external id fits a pattern with `*` and `?`; the first to fit counts."""

    batch_size: int = Field(default=100, ge=1, le=500)
    """Candidates that go to Cirrus in one call, at most."""

    linger_s: float = Field(default=2, ge=0, le=600)
    """Seconds to wait for more changes before Cirrus is called; not for urgent ones."""

    burst_longest_s: float = Field(default=120, ge=0, le=3600)
    """Seconds for which what is not urgent waits, at most, while events come in faster than they are taken in: then
    they are gathered first, and Cirrus is called once for each exam instead of again and again. 0 gathers nothing."""

    urgent_within_min: float = Field(default=60, ge=0, le=10_080)
    """Minutes before its start from which on whatever concerns an exam is urgent."""

    activate_before_h: float = Field(default=24, gt=0, le=720)
    """Hours before its start that a draft is activated (`before_start` only). It has to exceed `preparation_min`."""

    preparation_min: float = Field(default=20, ge=0, le=1440)
    """Minutes before its start that Cirrus freezes an exam: extra time that comes later is a task for a person."""

    pending_after_min: float = Field(default=15, gt=0, le=10_080)
    """Minutes that a booking may wait before the SIS is told that it does."""

    pending_near_h: float = Field(default=24, ge=0, le=720)
    """Hours before the exam at which the SIS is told once more that a booking still waits."""

    recheck_min: float = Field(default=15, ge=1, le=1440)
    """Minutes between two looks at what only a person in Cirrus can change."""

    drift: Drift = "report"
    """What becomes of what staff have changed by hand in Cirrus: `report` tells of it and leaves it, until the SIS says
    something new or an operator runs `cirrus-adapter reconcile --apply`; `restore` puts it right when it is seen."""

    drift_check_before_h: float = Field(default=20, ge=0, le=720)
    """Hours before its start that an exam is looked at once for such changes, by one call; 0: it is not. With 20, a
    morning's exam is looked at the afternoon before."""

    create_empty: bool = False
    """Make the schedule as soon as the exam is known, without waiting for a booking."""

    launch_links: bool = True
    """Publish each candidate's personal launch link, in an event of its own; exams of mode `at_once` only."""

    relink: Relink = "never"
    """How a launch link is asked for again whose answer was lost: `never` raises a task; `add_candidates` adds the
    candidate once more, where Cirrus is known to answer that with a link."""

    withdrawal_cancels: bool = True
    """A student who left the last programme loses the bookings that are still to come."""

    withdrawal_disables_login: bool = False
    """A student who left the last programme can no longer log in to Cirrus."""

    erase_in_cirrus: Erasing = "delete"
    """Who deletes the user of a person who is to be erased: `delete` calls Cirrus, whose trash can keeps the user until
    an administrator purges it; `task` asks a person."""

    erase_overwrites: bool = True
    """Overwrite name and mail address before the user is deleted, so that the trash can shows none."""

    external_attempts: bool = False
    """Send the booking's id as the attempt's id; only with the external attempts workflow switched on in Cirrus."""

    retry_first_s: float = Field(default=1, gt=0, le=60)
    """Seconds before the second try; each further pause is twice as long."""

    retry_longest_s: float = Field(default=300, gt=0, le=3600)
    """Seconds between two tries, at most."""

    retry_share: float = Field(default=0.2, ge=0, le=1)
    """Retries for each fresh call, at most, over all work of the tenant: an outage must not multiply the calls. What
    finds none left waits, urgent work first; nothing is lost."""

    retries_per_second: float = Field(default=1, gt=0, le=1000)
    """Retries that are granted in any case, for each second."""

    halt_probe_s: float = Field(default=30, ge=1, le=3600)
    """Seconds before the first probe when Cirrus refuses the token, its settings are incomplete, or it does not answer;
    each further pause is twice as long. A token that has changed is tried at once."""

    halt_longest_s: float = Field(default=120, ge=1, le=3600)
    """Seconds between two probes, at most; where Cirrus asks for more (Retry-After), an hour at most."""

    def faults(self) -> Iterator[Fault]:
        """Yield what the types alone cannot refuse."""
        if self.activate_before_h * 60 <= self.preparation_min:
            yield Fault(
                "activate_before_h",
                f"it does not exceed preparation_min ({self.preparation_min:g})",
                "activate earlier, or Cirrus freezes the exam before its candidates see it",
            )
        if self.retry_longest_s < self.retry_first_s:
            yield Fault("retry_longest_s", "it is shorter than retry_first_s", "make it longer")
        if self.halt_longest_s < self.halt_probe_s:
            yield Fault("halt_longest_s", "it is shorter than halt_probe_s", "make it longer")

    def to_policy(self) -> Policy:
        """Return the policy in the domain's words."""
        return Policy(
            mode=self.mode,
            modes=dict(self.modes),
            batch_size=self.batch_size,
            linger=timedelta(seconds=self.linger_s),
            burst_longest=self.burst_longest_s,
            urgent_within=timedelta(minutes=self.urgent_within_min),
            activate_before=timedelta(hours=self.activate_before_h),
            preparation=timedelta(minutes=self.preparation_min),
            pending_after=timedelta(minutes=self.pending_after_min),
            pending_near=timedelta(hours=self.pending_near_h),
            recheck=timedelta(minutes=self.recheck_min),
            drift=self.drift,
            drift_check_before=timedelta(hours=self.drift_check_before_h),
            create_empty=self.create_empty,
            launch_links=self.launch_links,
            relink=self.relink,
            withdrawal_cancels=self.withdrawal_cancels,
            withdrawal_disables_login=self.withdrawal_disables_login,
            erase_in_cirrus=self.erase_in_cirrus,
            erase_overwrites=self.erase_overwrites,
            external_attempts=self.external_attempts,
            retry_first=self.retry_first_s,
            retry_longest=self.retry_longest_s,
            retry_share=self.retry_share,
            retries_per_second=self.retries_per_second,
            halt_probe=self.halt_probe_s,
            halt_longest=self.halt_longest_s,
        )
