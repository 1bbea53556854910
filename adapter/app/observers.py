"""Observers: what the parts of a process tell while they run, as metrics and as the log lines that somebody needs."""

from collections.abc import Callable

import structlog

from adapter.domain.pace import Trouble
from adapter.flow.gate import Circuit
from adapter.flow.pacing import Observe
from adapter.observe.catalogue import CIRCUIT_STATES, HALT_REASONS, SLOWED_BY
from adapter.observe.metrics import Metrics

_log = structlog.get_logger()


class Observers:
    """Makes the functions that the parts call with what happens to them."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._connected: dict[str, bool] = {}

    def connected(self, loop: str) -> bool:
        """Tell whether the connection of a loop to the broker stands."""
        return self._connected.get(loop, False)

    def transaction(self, operation: str, seconds: float, failed: bool) -> None:  # noqa: FBT001 - an observer's shape
        """Count a transaction with the ledger."""
        self._metrics.ledger_transaction.of(operation).observe(seconds)
        if failed:
            self._metrics.ledger_errors.of(operation).inc()

    def connection(self, loop: str) -> Callable[[bool], None]:
        """Return what hears whether a loop's connection to the broker stands."""

        def observe(connected: bool) -> None:  # noqa: FBT001 - an observer's shape
            self._metrics.broker_connected.of(loop).set(connected)
            if connected and loop in self._connected:
                self._metrics.broker_reconnects.of(loop).inc()
            self._connected[loop] = connected

        return observe

    def burst(self, tenant: str, begins: bool) -> None:  # noqa: FBT001 - an observer's shape
        """Show that more of a tenant's events come in than one batch holds, or that it is over."""
        self._metrics.intake_burst.of(tenant).set(begins)

    def halt(self, tenant: str) -> Callable[[str | None], None]:
        """Return what hears why no calls are made to a tenant's Cirrus; None when they are again."""

        def observe(cause: str | None) -> None:
            for reason in HALT_REASONS:
                self._metrics.cirrus_tenant_halted.of(tenant, reason).set(reason == cause)
            if cause is None:
                _log.info("tenant_resumed", tenant=tenant)
            else:
                _log.error("tenant_halted", tenant=tenant, cause=cause)

        return observe

    def circuit(self, tenant: str) -> Callable[[Circuit], None]:
        """Return what hears the state of a tenant's circuit."""

        def observe(circuit: Circuit) -> None:
            # The new one first: whoever scrapes in between sees two rather than none.
            for state in sorted(CIRCUIT_STATES, key=lambda state: state != circuit):
                self._metrics.cirrus_circuit_state.of(tenant, state).set(state == circuit)

        return observe

    def pace(self, tenant: str) -> Observe:
        """Return what hears the calls a second that a tenant's Cirrus gets, and what lowers them."""

        def observe(rate: float, lowered_by: Trouble | None) -> None:
            self._metrics.cirrus_pace.of(tenant).set(rate)
            for trouble in SLOWED_BY:
                self._metrics.cirrus_slowed.of(tenant, trouble).set(trouble == lowered_by)

        return observe

    def call(self, operation: str, status: str, seconds: float, items: int) -> None:
        """Count a call to Cirrus, with the seconds that it took and what it carried."""
        self._metrics.cirrus_requests.of(operation, status).inc()
        self._metrics.cirrus_request_seconds.of(operation).observe(seconds)
        if items:
            self._metrics.cirrus_items.of(operation).observe(items)
