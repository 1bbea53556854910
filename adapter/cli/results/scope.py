"""What a look at results covers: which tenants, and which exams, people or bookings of theirs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from adapter.cli.console import Exit, fail
from adapter.domain.allowance import Spending
from adapter.domain.policy import Policy
from adapter.domain.records import BOOKING, CANDIDATE, SITTING
from adapter.domain.version import utc_text
from adapter.ledger.ledger import Ledger
from adapter.ledger.results import Wanted
from adapter.settings import Settings
from handlers.results.view import ResultList

Tenant = Annotated[str | None, typer.Option(metavar="NAME", help="Look at this tenant only.", show_default=False)]


@dataclass(frozen=True, slots=True)
class Listed:
    """The results of one exam at one moment."""

    tenant: str
    policy: Policy
    view: ResultList
    now: datetime

    @property
    def exam(self) -> str | None:
        """The exam's id in the SIS."""
        return self.view.sitting.record.ref.key if self.view.sitting is not None else None


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one tenant's calls for results today."""

    tenant: str
    policy: Policy
    spending: Spending | None
    now: datetime

    @property
    def calls(self) -> int:
        """How many calls may still be made, for what is most needed."""
        return self.policy.results.allowance.left(self.spending, self.now)

    @property
    def resets_at(self) -> datetime:
        """When the count begins anew."""
        return self.policy.results.allowance.ends(self.now)

    @property
    def refused_until(self) -> datetime | None:
        """Until when no call is made, since Cirrus has said that there are none left."""
        until = self.spending.refused_until if self.spending is not None else None
        return until if until is not None and until > self.now else None

    def data(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {
            "tenant": self.tenant,
            "per_day": self.policy.results.allowance.calls,
            "left": self.calls,
            "resets_at": utc_text(self.resets_at),
            "refused_until": utc_text(self.refused_until) if self.refused_until else None,
        }

    def __str__(self) -> str:
        text = (
            f"{self.tenant}: {self.calls} of {self.policy.results.allowance.calls} calls for results are left today;"
            f" the count begins anew at {utc_text(self.resets_at)}"
        )
        if self.refused_until is not None:
            text += f"; none is made before {moment(self.refused_until)}, for Cirrus has said that there are none left"
        return text


def policies(chosen: Settings, tenant: str | None) -> Mapping[str, Policy]:
    """Return the policies of the tenants that are looked at."""
    known = {each.name: each.to_policy() for each in chosen.tenants.values()}
    if tenant is None:
        return known
    if tenant not in known:
        fail(f"there is no tenant '{tenant}' in the settings; there is {', '.join(sorted(known))}", Exit.USAGE)
    return {tenant: known[tenant]}


def listed(ledger: Ledger, covered: Mapping[str, Policy], wanted: Wanted) -> Iterator[Listed]:
    """Yield the lists of results that are looked for, one after the other; ends the command when nobody knows an id.

    An id with a slip in it must not look like one of somebody for whom nothing is outstanding.
    """
    tenants = sorted(covered)
    for what, kind, name in (
        ("exam", SITTING, wanted.exam),
        ("person", CANDIDATE, wanted.person),
        ("booking", BOOKING, wanted.booking),
    ):
        if name is not None and not ledger.named(tenants, kind, name):
            fail(f"nothing is known of {what} '{name}'; an event about it may be among the dead letters")
    now = ledger.now()
    for placed in ledger.result_lists(tenants, wanted):
        policy = covered[placed.tenant]
        yield Listed(placed.tenant, policy, ResultList.of(ledger.look(placed.tenant, placed.ref), policy), now)


def left(ledger: Ledger, covered: Mapping[str, Policy]) -> list[Left]:
    """Return what is left of each tenant's calls."""
    spent, now = ledger.spendings(sorted(covered)), ledger.now()
    return [Left(tenant, policy, spent.get(tenant), now) for tenant, policy in sorted(covered.items())]


def moment(at: datetime) -> str:
    """Return a moment as people read it."""
    return utc_text(at.replace(microsecond=0))
