"""The ledger as the loops see it: each method one transaction."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from adapter.domain.allowance import Allowance, Need, Spending
from adapter.domain.findings import Finding
from adapter.domain.handler import Hear
from adapter.domain.notices import Arrival
from adapter.domain.pace import Limits, Sign, Slots
from adapter.domain.policy import Policy
from adapter.domain.records import Aggregate, Ref
from adapter.errors import LedgerConflict
from adapter.ledger import (
    aggregates,
    allowances,
    converge,
    documents,
    erasing,
    gauges,
    history,
    holds,
    intake,
    migrate,
    notices,
    outbox,
    paces,
    resealing,
    results,
    retention,
    statistics,
    work,
)
from adapter.ledger.database import Database, Transaction
from adapter.ledger.sealing import Seal

CONFLICT_TRIES = 10
"""How often a transaction is run that another worker's keeps colliding with; each run makes progress for one."""


T = TypeVar("T")


class Ledger:
    """The truth: desired state, confirmed state, due work, outbox, journal and tasks.

    Every method may be called from any thread and raises `LedgerUnavailable` when nothing was stored.
    """

    def __init__(self, database: Database, *, source: str, seal: Seal, worker: str) -> None:
        self._database = database
        self._seal = seal
        self._writer = outbox.Writer(source)
        self._worker = worker
        self._held: set[work.Claim] = set()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise `LedgerUnavailable` or `LedgerOutdated` unless the ledger can be used."""
        migrate.check(self._database)

    def check_keys(self) -> None:
        """Raise `LedgerSealed` unless every key is configured that something may be sealed with."""
        self._again("keys", resealing.check_keys)

    @property
    def newest_key(self) -> str | None:
        """Id of the key that seals, None without any."""
        return self._seal.newest

    def keys_in_use(self) -> Mapping[str, Mapping[str, int]]:
        """Count for each table the values under each key; see `resealing.counted`."""
        return self._again("keys", resealing.counted)

    def reseal(self) -> Iterator[resealing.Batch]:
        """Bring everything under the newest key, one transaction for each batch that is asked for."""
        for store in resealing.STORES:
            batch = self._again("reseal", partial(resealing.reseal, store=store, after=None))
            yield batch
            while batch.after is not None:
                batch = self._again("reseal", partial(resealing.reseal, store=store, after=batch.after))
                yield batch

    def settle_keys(self) -> Mapping[str, int]:
        """Strike off the keys that are in use no more; return how many values are not under the newest, by key."""
        left = self._again("keys", resealing.settle_keys)
        self._database.checkpoint()
        return left

    def now(self) -> datetime:
        """Return the ledger's time, by which every deadline and lease is measured."""
        with self._database.transaction("now") as tx:
            return tx.now

    def store_batch(self, incoming: Sequence[intake.Incoming], policies: Mapping[str, Policy]) -> list[str]:
        """Store a batch of events; see `intake.store_batch`.

        Where removals are not delayed, they are seen to in the same transaction.
        """

        def store(tx: Transaction) -> list[str]:
            handled = intake.store_batch(tx, incoming, policies)
            kept = {i.envelope.tenant for i, what in zip(incoming, handled, strict=True) if what == intake.HELD}
            for tenant in sorted(kept):
                guard = policies[tenant].guard
                if guard is not None and not guard.delay:
                    holds.watch(tx, tenant, guard, self._writer)
                    intake.release_removals(tx, tenant, policies[tenant], len(incoming))
            return handled

        return self._again("intake", store)

    def watch_removals(self, tenant: str, policy: Policy) -> int:
        """Hold removals that are too many at once, and return how many were held now; see `holds.watch`."""
        guard = policy.guard
        return 0 if guard is None else self._again("guard", lambda tx: holds.watch(tx, tenant, guard, self._writer))

    def release_removals(self, tenant: str, policy: Policy, limit: int) -> int:
        """Carry out removals that have waited long enough, or were approved; see `intake.release_removals`."""
        return self._again("guard", lambda tx: intake.release_removals(tx, tenant, policy, limit))

    def decide(self, selection: holds.Selection, decision: holds.Decision, *, by: str, why: str) -> dict[str, int]:
        """Approve or discard held removals; return how many of each hold. See `holds.decide`."""
        return self._again(
            "holds", lambda tx: holds.decide(tx, selection, decision, by=by, why=why, writer=self._writer)
        )

    def holds(self, *, closed: bool = False) -> list[holds.Hold]:
        """Return the holds with what they hold."""
        return self._again("holds", lambda tx: holds.listed(tx, closed=closed))

    def claim(
        self,
        tenant: str,
        limit: int,
        lease: timedelta,
        reserve: work.Reserve = work.NO_RESERVE,
        *,
        at_once: int = 0,
    ) -> list[work.Claim]:
        """Take due work; see `work.claim_due`. Each claim is held until `let_go`.

        With `at_once` all workers together hold no more than so many claims of the tenant.
        """

        def claim(tx: Transaction) -> list[work.Claim]:
            if at_once:
                paces.locked(tx, tenant)  # so that no two workers take the last one
            free = min(limit, at_once - work.held(tx, tenant)) if at_once else limit
            return work.claim_due(tx, tenant, self._worker, free, lease, reserve) if free > 0 else []

        claims = self._again("claim", claim)
        with self._lock:
            self._held.update(claims)
        return claims

    def let_go(self, claim: work.Claim) -> None:
        """Prolong this lease no more. Unless it was given back, it runs out, and whoever claims next reads first."""
        with self._lock:
            self._held.discard(claim)

    def renew_lease(self, claim: work.Claim, lease: timedelta) -> None:
        """Prolong the lease of one claim; raises `LeaseLost`."""
        self._again("renew", lambda tx: work.hold_lease(tx, claim, lease))

    def doubt(self, claim: work.Claim) -> None:
        """Have the aggregate of a lost claim read from Cirrus once more; see `work.doubt`."""
        self._again("doubt", lambda tx: work.doubt(tx, claim))

    def renew_leases(self, lease: timedelta) -> int:
        """Prolong what this worker holds; see `work.renew_leases`."""
        with self._lock:
            held = tuple(self._held)
        return self._again("renew", lambda tx: work.renew_leases(tx, held, lease)) if held else 0

    def load(self, claim: work.Claim, *, whole: bool = False) -> tuple[Aggregate, datetime]:
        """Return the claimed aggregate, and the ledger's time at which it was read; see `load_aggregate`."""
        with self._database.transaction("load", snapshot=True, seal=self._seal) as tx:
            return aggregates.load_aggregate(tx, claim, whole=whole), tx.now

    def record(
        self,
        claim: work.Claim,
        aggregate: Aggregate,
        findings: Sequence[Finding],
        policy: Policy,
        then: timedelta | work.Release,
    ) -> converge.Recorded:
        """Store what was found, and prolong the lease or give the work back; see `converge.record_findings`.

        Raises `LeaseLost` when the work is another worker's by now.
        """
        return self._again(
            "record",
            lambda tx: converge.record_findings(
                tx, claim, aggregate, findings, writer=self._writer, policy=policy, then=then
            ),
        )

    def release(self, claim: work.Claim, how: work.Release) -> None:
        """Give the work back; raises `LeaseLost`."""
        self._again("release", lambda tx: work.release(tx, claim, how))

    def claim_outbox(self, limit: int, lease: timedelta) -> list[outbox.Pending]:
        """Take events to publish; see `outbox.claim_pending`."""
        return self._again("outbox", lambda tx: outbox.claim_pending(tx, limit, lease))

    def mark_published(self, published: Sequence[int], failed: Sequence[tuple[int, str]]) -> None:
        """Mark what the broker has confirmed, and give back the rest."""
        self._again("published", lambda tx: outbox.mark_published(tx, published, failed))

    def owes_outcomes(self) -> bool:
        """Tell whether the broker has refused an event that it has not taken since; see `outbox.owed`."""
        return self._again("outbox", outbox.owed)

    def spend(self, tenant: str, allowance: Allowance, need: Need) -> datetime | None:
        """Count one call for results; see `allowances.spend`."""
        return self._again("allowance", lambda tx: allowances.spend(tx, tenant, allowance, need))

    def give_back(self, tenant: str, allowance: Allowance, need: Need) -> None:
        """Take back the count of a call that was not sent."""
        self._again("allowance", lambda tx: allowances.give_back(tx, tenant, allowance, need))

    def refuse_results(self, tenant: str, allowance: Allowance, after: float | None) -> None:
        """Grant no calls for a while: Cirrus says that there are none left; see `allowances.refuse`."""
        self._again("allowance", lambda tx: allowances.refuse(tx, tenant, allowance, after))

    def pace(self, tenant: str) -> paces.Seen:
        """Return how fast the tenant's Cirrus may be called; see `paces.look`."""
        return self._again("pace", lambda tx: paces.look(tx, tenant))

    def take_slots(self, tenant: str, limits: Limits, wanted: int, *, urgent: bool) -> Slots:
        """Take moments at which calls may start; see `paces.take_slots`."""
        return self._again("slots", lambda tx: paces.take_slots(tx, tenant, limits, wanted, urgent=urgent))

    def slow_down(self, tenant: str, limits: Limits, sign: Sign) -> paces.Seen:
        """Have all workers call more slowly; see `paces.slow_down`."""
        return self._again("pace", lambda tx: paces.slow_down(tx, tenant, limits, sign))

    def keep_notices(self, arrivals: Sequence[Arrival]) -> None:
        """Store notices of the webhook as they came; they are durable when this returns."""
        self._again("notices", lambda tx: notices.keep(tx, arrivals))

    def digest_notices(
        self, limit: int, understand: notices.Understand, hear: Hear, policies: Mapping[str, Policy]
    ) -> notices.Digested:
        """Turn new notices into wishes for results; see `notices.digest`."""
        return self._again("digest", lambda tx: notices.digest(tx, limit, understand, hear, policies))

    def notices(self, state: str, limit: int = 100) -> list[notices.Kept]:
        """Return the newest notices in one state."""
        return self._again("notices", lambda tx: notices.listed(tx, state, limit))

    def read_notices_again(self) -> int:
        """Have the unreadable notices looked at once more, and return how many that are."""
        return self._again("notices", notices.again)

    def documents(self, tenant: str, ref: Ref) -> list[documents.Filed]:
        """Return what is kept of a record for people to look at."""
        return self._again("documents", lambda tx: documents.filed(tx, tenant, ref))

    def count(self, tenants: tuple[str, ...]) -> gauges.Counts:
        """Count what operators watch."""
        return self._again("count", lambda tx: gauges.count(tx, tenants))

    def explain(self, external_id: str, tenant: str | None = None) -> list[history.History]:
        """Return all that is known of an external id."""
        return self._again("history", lambda tx: history.history_of(tx, external_id, tenant))

    def tasks(self, *, closed: bool = False) -> list[history.TaskRow]:
        """Return the manual tasks."""
        return self._again("tasks", lambda tx: history.list_tasks(tx, closed=closed))

    def tidy(self, keep: retention.Retention) -> int:
        """Delete history that is past its retention, a few thousand rows at a time; return how many that were."""
        total = 0
        while deleted := self._again("tidy", lambda tx: retention.tidy(tx, keep)):
            total += deleted
        return total

    def analyse_unknown(self) -> list[str]:
        """Analyse large tables that never were; see `statistics.analyse_unknown`."""
        return self._again("analyse", statistics.analyse_unknown)

    def look(self, tenant: str, ref: Ref) -> Aggregate:
        """Return a whole aggregate, to look at it only."""
        with self._database.transaction("look", snapshot=True, seal=self._seal) as tx:
            return aggregates.whole_aggregate(tx, tenant, ref)

    def result_lists(self, tenants: Sequence[str], wanted: results.Wanted) -> list[results.Placed]:
        """Return the lists of results that are looked for."""
        return self._again("results", lambda tx: results.lists(tx, tenants, wanted))

    def named(self, tenants: Sequence[str], kind: str, name: str) -> list[results.Placed]:
        """Return the records of one kind that the SIS or Cirrus knows by this id."""
        return self._again("results", lambda tx: results.named(tx, tenants, kind, name))

    def sittings_to_come(self, tenants: Sequence[str]) -> list[results.Placed]:
        """Return the sittings that have not begun, the soonest first."""
        return self._again("results", lambda tx: results.sittings_to_come(tx, tenants))

    def results_filed(self, tenants: Sequence[str], part: str) -> list[results.Placed]:
        """Return the results of which this part is kept."""
        return self._again("results", lambda tx: results.filed_under(tx, tenants, part))

    def ask_for_results(self, asked: Sequence[results.Asked], hear: Hear, policies: Mapping[str, Policy]) -> None:
        """Have results read that an operator wants; see `results.ask`."""
        self._again("results", lambda tx: results.ask(tx, asked, hear, policies, self._worker))

    def spendings(self, tenants: Sequence[str]) -> Mapping[str, Spending]:
        """Return what each tenant has spent of its calls for results."""
        return self._again("allowance", lambda tx: allowances.spendings(tx, tenants))

    def erasures_to_search(self, lease: timedelta) -> list[erasing.Erasure]:
        """Take the persons whose dead letters are to be taken out; see `erasing.to_search`."""
        return self._again("erasure", lambda tx: erasing.to_search(tx, lease))

    def note_letters(self, found: Mapping[tuple[str, str], frozenset[str]]) -> None:
        """Keep which dead letters are about to be taken out, by tenant and person."""
        self._again("erasure", lambda tx: erasing.note_letters(tx, found))

    def note_searched(self, searched: Sequence[erasing.Erasure], *, done: bool | None) -> None:
        """Keep that the dead letters were searched; see `erasing.note_searched`."""
        self._again("erasure", lambda tx: erasing.note_searched(tx, searched, done=done))

    def erase_persons(self, limit: int, policies: Mapping[str, Policy]) -> int:
        """Erase who can be erased now, each in a transaction of its own, and return how many that were."""
        asked = self._again("erasure", lambda tx: erasing.to_erase(tx, policies, limit))
        done = sum(
            self._again(
                "erasure", partial(erasing.erase, erasure=each, writer=self._writer, policy=policies[each.tenant])
            )
            for each in asked
        )
        if done:
            self._database.checkpoint()
        return done

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def _again(self, operation: str, run: Callable[[Transaction], T]) -> T:
        for _ in range(CONFLICT_TRIES - 1):
            try:
                with self._database.transaction(operation, seal=self._seal) as tx:
                    return run(tx)
            except LedgerConflict:
                continue
        with self._database.transaction(operation, seal=self._seal) as tx:
            return run(tx)
