"""The first schema of the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _time() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables and indexes of an empty ledger."""
    _journal()
    _messages()
    _outbox()
    _records()
    _record_indexes()
    _tasks()
    _work()


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", _time(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("journal_age", "journal", ["at"])
    op.create_index("journal_object", "journal", ["tenant", "kind", "key", "seq"])


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("time", _time(), nullable=False),
        sa.Column("received_at", _time(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "source", "id"),
    )
    op.create_index("messages_age", "messages", ["received_at"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("deadline", _time(), nullable=False),
        sa.Column("created_at", _time(), nullable=False),
        sa.Column("lease_until", _time(), nullable=True),
        sa.Column("published_at", _time(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "outbox_pending",
        "outbox",
        ["deadline", "seq"],
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_index("outbox_age", "outbox", ["published_at"])
    op.create_index("outbox_subject", "outbox", ["tenant", "subject", "seq"])


def _records() -> None:
    op.create_table(
        "records",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("home_kind", sa.Text(), nullable=False),
        sa.Column("home_key", sa.Text(), nullable=False),
        sa.Column("about_kind", sa.Text(), nullable=True),
        sa.Column("about_key", sa.Text(), nullable=True),
        sa.Column("external_id", sa.Text(), nullable=True),
        sa.Column("rival", sa.Text(), nullable=True),
        sa.Column("facets", sa.Text(), nullable=False),
        sa.Column("confirmed", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("wanting_kind", sa.Text(), nullable=True),
        sa.Column("wanting_key", sa.Text(), nullable=True),
        sa.Column("wanting_reason", sa.Text(), nullable=True),
        sa.Column("wanting_since", _time(), nullable=True),
        sa.Column("reason_code", sa.Text(), nullable=True),
        sa.Column("reason_text", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("deadline", _time(), nullable=True),
        sa.Column("changed_at", _time(), nullable=False),
        sa.Column("settled_at", _time(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "kind", "key"),
    )


def _record_indexes() -> None:
    op.create_index("records_about", "records", ["tenant", "about_kind", "about_key"])
    op.create_index(
        "records_holder",
        "records",
        ["tenant", "kind", "external_id"],
        unique=True,
        sqlite_where=sa.text("rival IS NULL AND external_id IS NOT NULL"),
        postgresql_where=sa.text("rival IS NULL AND external_id IS NOT NULL"),
    )
    op.create_index("records_home", "records", ["tenant", "home_kind", "home_key"])
    op.create_index(
        "records_open",
        "records",
        ["tenant", "kind", "status"],
        sqlite_where=sa.text("status IN ('due', 'waiting', 'manual')"),
        postgresql_where=sa.text("status IN ('due', 'waiting', 'manual')"),
    )
    op.create_index(
        "records_rival",
        "records",
        ["tenant", "kind", "external_id"],
        sqlite_where=sa.text("rival IS NOT NULL"),
        postgresql_where=sa.text("rival IS NOT NULL"),
    )
    op.create_index(
        "records_wanting",
        "records",
        ["tenant", "wanting_kind", "wanting_key"],
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("home_kind", sa.Text(), nullable=False),
        sa.Column("home_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.Column("deadline", _time(), nullable=True),
        sa.Column("raised_at", _time(), nullable=False),
        sa.Column("closed_at", _time(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "tasks_open",
        "tasks",
        ["tenant", "home_kind", "home_key"],
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _work() -> None:
    op.create_table(
        "work",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("due_at", _time(), nullable=True),
        sa.Column("deadline", _time(), nullable=False),
        sa.Column("lease_by", sa.Text(), nullable=True),
        sa.Column("lease_until", _time(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("touched", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("unsure", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "key"),
    )
    op.create_index(
        "work_due",
        "work",
        ["tenant", "deadline", "due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )


def downgrade() -> None:
    """Refuse: a ledger is never taken back, its backup is restored."""
    raise NotImplementedError("restore the backup that was made before the migration")
