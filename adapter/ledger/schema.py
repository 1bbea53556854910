"""The tables of the ledger. A change here needs a migration in `migrations/versions`.

Free texts and bodies may be sealed (`adapter.ledger.sealing`), and then no query looks into them: in `records` what was
said, what Cirrus holds and the reasons; tasks, notes of the journal, and the bodies of events, notices and documents.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""Deadline of work without one, so that every order is by deadline."""


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite, which knows no zones, stores it without one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC."""
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


metadata = sa.MetaData()

KNOWN: sa.ColumnClause[str] = sa.literal_column("'known'")
DUE: sa.ColumnClause[str] = sa.literal_column("'due'")
WAITING: sa.ColumnClause[str] = sa.literal_column("'waiting'")
MANUAL: sa.ColumnClause[str] = sa.literal_column("'manual'")
REJECTED: sa.ColumnClause[str] = sa.literal_column("'rejected'")
SETTLED: sa.ColumnClause[str] = sa.literal_column("'settled'")
"""Each `Status`, spelt out, not bound: SQLite uses a partial index only where the query says the same as the index."""

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("time", UtcTime, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Index("messages_age", "received_at"),
)

records = sa.Table(
    "records",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("home_kind", sa.Text, nullable=False),
    sa.Column("home_key", sa.Text, nullable=False),
    sa.Column("about_kind", sa.Text),
    sa.Column("about_key", sa.Text),
    sa.Column("external_id", sa.Text),
    sa.Column("rival", sa.Text),
    sa.Column("facets", sa.Text, nullable=False),
    sa.Column("confirmed", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("wanting_kind", sa.Text),
    sa.Column("wanting_key", sa.Text),
    sa.Column("wanting_reason", sa.Text),
    sa.Column("wanting_since", UtcTime),
    sa.Column("reason_code", sa.Text),
    sa.Column("reason_text", sa.Text),
    sa.Column("cause", sa.Text),
    sa.Column("deadline", UtcTime),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("settled_at", UtcTime),
    sa.Index("records_home", "tenant", "home_kind", "home_key"),
    sa.Index("records_about", "tenant", "about_kind", "about_key"),
    sa.Index(
        "records_holder",
        "tenant",
        "kind",
        "external_id",
        unique=True,
        sqlite_where=sa.text("rival IS NULL AND external_id IS NOT NULL"),
        postgresql_where=sa.text("rival IS NULL AND external_id IS NOT NULL"),
    ),
    sa.Index(
        "records_rival",
        "tenant",
        "kind",
        "external_id",
        sqlite_where=sa.text("rival IS NOT NULL"),
        postgresql_where=sa.text("rival IS NOT NULL"),
    ),
    sa.Index(
        "records_wanting",
        "tenant",
        "wanting_kind",
        "wanting_key",
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    ),
    sa.Index(
        "records_open",
        "tenant",
        "kind",
        "status",
        sqlite_where=sa.text("status IN ('due', 'waiting', 'manual')"),
        postgresql_where=sa.text("status IN ('due', 'waiting', 'manual')"),
    ),
)

work = sa.Table(
    "work",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("due_at", UtcTime),
    sa.Column("deadline", UtcTime, nullable=False),
    sa.Column("lease_by", sa.Text),
    sa.Column("lease_until", UtcTime),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Column("touched", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("unsure", sa.Boolean, nullable=False),
    sa.Index(
        "work_due",
        "tenant",
        "deadline",
        "due_at",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
    sa.Index(
        "work_held",
        "tenant",
        sqlite_where=sa.text("lease_by IS NOT NULL"),
        postgresql_where=sa.text("lease_by IS NOT NULL"),
    ),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("cause", sa.Text),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("sealed", sa.Boolean, nullable=False),
    sa.Column("deadline", UtcTime, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("lease_until", UtcTime),
    sa.Column("published_at", UtcTime),
    sa.Column("failure", sa.Text),
    sa.Index(
        "outbox_pending",
        "deadline",
        "seq",
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    ),
    sa.Index(
        "outbox_subject",
        "tenant",
        "subject",
        "seq",
    ),
    sa.Index(
        "outbox_age",
        "published_at",
        sqlite_where=sa.text("published_at IS NOT NULL"),
        postgresql_where=sa.text("published_at IS NOT NULL"),
    ),
    sqlite_autoincrement=True,
    postgresql_with={"fillfactor": 50},
)

journal = sa.Table(
    "journal",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Index("journal_object", "tenant", "kind", "key", "seq"),
    sa.Index("journal_age", "at"),
    sqlite_autoincrement=True,
)

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("home_kind", sa.Text, nullable=False),
    sa.Column("home_key", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("steps", sa.Text, nullable=False),
    sa.Column("deadline", UtcTime),
    sa.Column("raised_at", UtcTime, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Index(
        "tasks_open",
        "tenant",
        "home_kind",
        "home_key",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("sealed", sa.Boolean, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Index(
        "notices_new",
        "seq",
        sqlite_where=sa.text("state = 'new'"),
        postgresql_where=sa.text("state = 'new'"),
    ),
    sa.Index(
        "notices_unreadable",
        "tenant",
        "seq",
        sqlite_where=sa.text("state = 'unreadable'"),
        postgresql_where=sa.text("state = 'unreadable'"),
    ),
    sa.Index("notices_age", "received_at"),
    sqlite_autoincrement=True,
)

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("event_id", sa.Text),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("sealed", sa.Boolean, nullable=False),
    sa.Index("documents_age", "at"),
)

seal_keys = sa.Table(
    "seal_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
)

peppers = sa.Table(
    "peppers",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

tombstones = sa.Table(
    "tombstones",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("until", UtcTime, nullable=False),
)

erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("orders", sa.Text, nullable=False),
    sa.Column("letters", sa.Text, nullable=False),
    sa.Column("searched", sa.Boolean),
    sa.Column("lease_until", UtcTime),
    sa.Column("asked_at", UtcTime, nullable=False),
)

allowances = sa.Table(
    "allowances",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("spent", sa.Integer, nullable=False),
    sa.Column("swept", sa.Integer, nullable=False),
    sa.Column("refused_until", UtcTime),
)

paces = sa.Table(
    "paces",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("next_at", UtcTime, nullable=False),
    sa.Column("urgent_at", UtcTime, nullable=False),
    sa.Column("usual", sa.Float(53), nullable=False),
    sa.Column("factor", sa.Float(53), nullable=False),
    sa.Column("lowered_at", UtcTime),
    sa.Column("lowered_by", sa.Text),
    sa.Column("paused_until", UtcTime),
)

removals = sa.Table(
    "removals",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("facet", sa.Text, primary_key=True),
    sa.Column("said", sa.Text, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("takes", sa.Text, nullable=False),
    sa.Column("said_at", UtcTime, nullable=False),
    sa.Column("release_at", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("hold", sa.Text),
    sa.Index("removals_state", "tenant", "state", "release_at"),
)

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("tenant", sa.Text, nullable=False),
    sa.Column("sitting", sa.Text),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Column("closed_as", sa.Text),
    sa.Column("closed_by", sa.Text),
    sa.Index(
        "holds_open",
        "tenant",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    ),
)
