"""Every metric the adapter exports: its name, type, labels, and what to do when it moves.

The alerts, the runbooks and the generated reference page are checked against this file.

Rules: base units in the name, `_total` for counts, points in time as UNIX timestamps (0 means there is
none, so a rule guards with `> 0`). A label never holds the id of a candidate, an exam or an event.
Gauges that describe the ledger are the same in every process that shares it: aggregate with `max`,
never with `sum`.
"""

from dataclasses import dataclass
from typing import Literal

PREFIX = "cirrus_adapter_"

HORIZONS = ("1h", "24h", "7d", "later")
INTAKES = ("intake", "urgent")
LOOPS = (*INTAKES, "notices", "guard", "converge", "erasures", "publish", "leases", "gauges")
BROKER_LOOPS = (*INTAKES, "publish")
HALT_REASONS = ("auth", "setup", "outage")
SLOWED_BY = ("throttled", "slow")
CIRCUIT_STATES = ("closed", "open", "half_open")
HANDLED_OUTCOMES = ("applied", "unchanged", "duplicate", "superseded", "waiting", "held", "dead_lettered")
NOTICE_OUTCOMES = ("understood", "unreadable")
ALLOWANCES = ("results_per_day",)
DRIFTING = ("sitting",)
WEBHOOK_STATUSES = ("200", "400", "401", "403", "404", "411", "413", "415", "500", "503")
VERDICTS = ("confirmed", "rejected", "retry", "unsure", "manual", "halt")

UNKNOWN = "unknown"

_AGE = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
_CALL = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_ITEMS = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0)
_TRANSACTION = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric. `name` is without the prefix; `buckets` are the upper bounds of a histogram."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


MESSAGES_RECEIVED = Entry(
    "messages_received_total",
    "counter",
    ("event_type", "tenant"),
    "Messages taken from the broker; `unknown` stands for an event type or tenant that is not set up. "
    "A rising `unknown` means the SIS sends what nobody handles: compare with `cirrus-adapter check-config --show`.",
)
MESSAGES_HANDLED = Entry(
    "messages_handled_total",
    "counter",
    ("event_type", "tenant", "outcome"),
    "Messages that are durable in the ledger or in the dead-letter queue, by outcome: "
    "applied, unchanged, duplicate, superseded, waiting, held, dead_lettered. "
    "Held is what takes away: it is kept back, for a moment or until somebody decides. "
    "Received without handled means the intake is stuck: look at the ledger errors.",
)
MESSAGE_AGE = Entry(
    "message_age_seconds",
    "histogram",
    ("event_type", "loop"),
    "Time from the event's own `time` until it was durable in the ledger, by way of the intake queue or the urgent "
    "one. High while that queue is empty: the SIS sends late. High with a long queue: the intake is slow.",
    _AGE,
)
DESIRED_AGE = Entry(
    "desired_age_seconds",
    "histogram",
    ("kind",),
    "Time from a change of the desired state until Cirrus confirmed it: what the registrar feels. "
    "High: see work_due, cirrus_request_seconds and cirrus_tenant_halted.",
    (*_AGE, 604800.0),
)
WORK_DUE = Entry(
    "work_due",
    "gauge",
    ("kind",),
    "Objects whose desired state is due to be brought to Cirrus now. "
    "Rising for minutes: Cirrus is slow or halted, or the converge loop is stuck.",
)
WORK_WAITING = Entry(
    "work_waiting",
    "gauge",
    ("kind", "waiting_for"),
    "Objects that wait for another one, such as a booking for its exam. "
    "Rising: the SIS sends references to what it has not sent; `cirrus-adapter explain` names it.",
)
BOOKINGS_UNCONFIRMED = Entry(
    "bookings_unconfirmed",
    "gauge",
    ("tenant", "horizon"),
    "Live bookings that Cirrus has not confirmed, each counted once, under the nearest horizon its exam starts "
    "within: 1h (also an exam that runs now), 24h, 7d, later. "
    "Not 0 at 1h: a candidate may be unable to sit the exam; act at once.",
)
NEXT_UNCONFIRMED_EXAM = Entry(
    "next_unconfirmed_exam_timestamp_seconds",
    "gauge",
    ("tenant",),
    "Start of the next exam that has an unconfirmed booking; 0 when there is none. "
    "It says how much time is left to act.",
)
VERDICTS_TOTAL = Entry(
    "verdicts_total",
    "counter",
    ("kind", "verdict"),
    "What was decided about one object after a call: confirmed, rejected, retry, unsure, manual, halt. "
    "Many rejected: the data of the SIS and of Cirrus disagree; read the outcome events.",
)
CIRRUS_REQUESTS = Entry(
    "cirrus_requests_total",
    "counter",
    ("operation", "status"),
    "Calls to Cirrus by HTTP status; the status is a word when no answer came. "
    "Many 401 or 403: the token. Many 5xx or words: Cirrus or the network.",
)
CIRRUS_REQUEST_SECONDS = Entry(
    "cirrus_request_seconds",
    "histogram",
    ("operation",),
    "Duration of one call to Cirrus. Slow for every operation: Cirrus; slow for one: its batches are too large.",
    _CALL,
)
CIRRUS_ITEMS = Entry(
    "cirrus_items_per_request",
    "histogram",
    ("operation",),
    "Objects carried by one call. Near 1 in the booking season means that batching does not work.",
    _ITEMS,
)
CIRRUS_TENANT_HALTED = Entry(
    "cirrus_tenant_halted",
    "gauge",
    ("tenant", "reason"),
    "1 while a tenant makes no calls but a probe: auth (Cirrus refuses the token), setup (its External API settings "
    "are incomplete) or outage (Cirrus does not answer). auth and setup need a person; outage ends by itself.",
)
CIRRUS_CIRCUIT_STATE = Entry(
    "cirrus_circuit_state",
    "gauge",
    ("tenant", "state"),
    "1 for the state of the tenant's circuit in this process: closed (calls are made), open (none are), half_open "
    "(one probe, and then calls in growing numbers). Not closed for minutes: cirrus_tenant_halted says why.",
)
CIRRUS_PACE = Entry(
    "cirrus_pace_calls_per_second",
    "gauge",
    ("tenant",),
    "Calls that all workers together may start each second; 0 is without a limit. "
    "Below `calls_per_second`: it was lowered and comes back by itself; cirrus_slowed says what lowered it.",
)
CIRRUS_SLOWED = Entry(
    "cirrus_slowed",
    "gauge",
    ("tenant", "cause"),
    "1 while fewer calls are made than may be: throttled (Cirrus has asked for less, with 429) or slow (it takes much "
    "longer than usual). Again and again: lower `calls_per_second`, or ask Cirrus what it can take.",
)
RETRIES_DELAYED = Entry(
    "retries_delayed_total",
    "counter",
    ("tenant",),
    "Times that work had to wait because the tenant's budget of retries was spent; it is not lost, and no attempt is "
    "counted. Rising: Cirrus fails a part of the calls; see cirrus_requests_total by status.",
)
OUTCOMES_PUBLISHED = Entry(
    "outcomes_published_total",
    "counter",
    ("event_type",),
    "Outcome events that the broker confirmed. Flat while outbox_pending rises: publishing is stuck.",
)
OUTBOX_PENDING = Entry(
    "outbox_pending",
    "gauge",
    (),
    "Outcome events that the broker has not confirmed yet. Rising: see publish_failures_total.",
)
OUTBOX_OLDEST = Entry(
    "outbox_oldest_timestamp_seconds",
    "gauge",
    (),
    "When the oldest unpublished outcome event was written; 0 when the outbox is empty. "
    "Older than minutes: the SIS does not hear what happened.",
)
PUBLISH_FAILURES = Entry(
    "publish_failures_total",
    "counter",
    ("reason",),
    "Outcome events the broker did not take; they stay in the outbox and are tried again. "
    "Rising: look for a missing binding, a full queue or a lost connection.",
)
DEAD_LETTERS = Entry(
    "dead_letters_total",
    "counter",
    ("reason",),
    "Messages that can never be read and went to the dead-letter queue. "
    "Each one is something the SIS said and nobody did: have it corrected and sent again.",
)
INTAKE_PAUSED = Entry(
    "intake_paused",
    "gauge",
    ("loop", "reason"),
    "1 while an intake takes no messages but a few at a time, because most of the last ones failed in this way. "
    "What is in the queue stays there: have the sender corrected, or the adapter if it is wrong.",
)
INTAKE_BURST = Entry(
    "intake_burst",
    "gauge",
    ("tenant",),
    "1 while more of a tenant's events come in than one batch holds. Meanwhile only what is urgent is called, and the "
    "rest is gathered, for `policy.burst_longest_s` at most: few calls and a growing work_due are as they should be.",
)
TASKS_OPEN = Entry(
    "tasks_open",
    "gauge",
    ("kind",),
    "Manual tasks, for what the Cirrus API cannot do. Not falling: nobody works on them; `cirrus-adapter tasks list`.",
)
HOLDS_OPEN = Entry(
    "holds_open",
    "gauge",
    ("tenant",),
    "Questions of the mass-change guard that nobody has answered. Not 0: the SIS would take away more at once than is "
    "usual, and nothing of it is carried out; `cirrus-adapter hold list`.",
)
DRIFT_ITEMS = Entry(
    "drift_items",
    "gauge",
    ("tenant", "kind"),
    "What staff have changed by hand in Cirrus and nobody has decided about: seats, candidates and values, by the kind "
    "of object that they belong to. Not 0: `cirrus-adapter reconcile` shows each; it stands until somebody decides.",
)
DRIFT_CHECK = Entry(
    "drift_check_timestamp_seconds",
    "gauge",
    ("kind",),
    "When an object was last read back from Cirrus and compared; 0 when none was since the start of this process. "
    "Old: no exam was near enough to be looked at, or the converge loop is stuck.",
)
CIRRUS_ALLOWANCE_REMAINING = Entry(
    "cirrus_allowance_remaining_ratio",
    "gauge",
    ("tenant", "allowance"),
    "Part of what Cirrus grants that is left, from 1 to 0; results_per_day are the calls to GET /results until its "
    "next count begins. At 0 the rest waits for that moment, in order of need; bookings are not concerned.",
)
RESULTS_OVERDUE = Entry(
    "results_overdue",
    "gauge",
    ("tenant",),
    "Candidates who sat an exam and have no result although it should be there (results.expected_days). "
    "Not 0: marking is late, or nobody has published; `cirrus-adapter results list --missing` names the exams.",
)
RESULTS_DELETION = Entry(
    "results_deletion_timestamp_seconds",
    "gauge",
    ("tenant",),
    "When Cirrus' automatic deletion may first delete a result that was not read; 0 when there is none to lose. "
    "Near: have the results published and read, or the deletion put off, in Cirrus.",
)
NOTICES_TOTAL = Entry(
    "notices_total",
    "counter",
    ("outcome",),
    "Notices of Cirrus' webhook that were looked at: understood or unreadable. "
    "Unreadable ones are kept: `cirrus-adapter results notices` shows them, the settings name the fields.",
)
NOTICES_PENDING = Entry(
    "notices_pending",
    "gauge",
    (),
    "Notices of Cirrus' webhook that nobody has looked at yet. Rising: no worker runs beside the receiver.",
)
WEBHOOK_REQUESTS = Entry(
    "webhook_requests_total",
    "counter",
    ("status",),
    "Requests to the webhook's receiver by the HTTP status it answered. 503: the notice could not be stored, and "
    "Cirrus repeats it for a few hours. 401, 403 or 404: somebody else, or the credentials of one side were changed.",
)
WEBHOOK_REQUEST_SECONDS = Entry(
    "webhook_request_seconds",
    "histogram",
    ("status",),
    "Duration of one request to the webhook's receiver. Slow: the ledger; Cirrus gives up on a slow receiver.",
    _TRANSACTION,
)
LEDGER_TRANSACTION = Entry(
    "ledger_transaction_seconds",
    "histogram",
    ("operation",),
    "Duration of one ledger transaction. Slow: the database's disk, locks or missing vacuum.",
    _TRANSACTION,
)
LEDGER_ERRORS = Entry(
    "ledger_errors_total",
    "counter",
    ("operation",),
    "Ledger transactions that failed; each is run again and nothing of it is stored. "
    "Rising: the database is away, full or read-only; /readyz says which.",
)
BROKER_CONNECTED = Entry(
    "broker_connected",
    "gauge",
    ("loop",),
    "1 while the loop holds a working broker connection. 0 for minutes: the broker is away or refuses the login.",
)
BROKER_RECONNECTS = Entry(
    "broker_reconnects_total",
    "counter",
    ("loop",),
    "New broker connections after the first. Rising steadily: heartbeats are lost or a proxy cuts idle connections.",
)
CONSUMER_WATCHDOG = Entry(
    "consumer_watchdog_total",
    "counter",
    (),
    "Times that the broker had messages and did not send them, and an intake took a new connection for it. "
    "Rising: the broker loses consumers, as in a partition of its cluster; look at its log.",
)
LOOP_HEARTBEAT = Entry(
    "loop_heartbeat_timestamp_seconds",
    "gauge",
    ("loop",),
    "When the loop last turned. Older than two minutes: the loop hangs and the process needs a restart.",
)
BUILD_INFO = Entry(
    "build_info",
    "gauge",
    ("version", "revision", "python"),
    "Always 1; the labels say what is running. More than one version for long: an update stopped half-way.",
)
