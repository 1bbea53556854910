"""Notices of results as they arrive, the documents that are kept of results, and what of an allowance is spent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NEW = sa.text("state = 'new'")
UNREADABLE = sa.text("state = 'unreadable'")


def _time() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the three tables."""
    _notices()
    _documents()
    _allowances()


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.Column("received_at", _time(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("notices_new", "notices", ["seq"], sqlite_where=NEW, postgresql_where=NEW)
    op.create_index(
        "notices_unreadable", "notices", ["tenant", "seq"], sqlite_where=UNREADABLE, postgresql_where=UNREADABLE
    )
    op.create_index("notices_age", "notices", ["received_at"])


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=True),
        sa.Column("at", _time(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "key", "part", "version"),
    )
    op.create_index("documents_age", "documents", ["at"])


def _allowances() -> None:
    op.create_table(
        "allowances",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", _time(), nullable=False),
        sa.Column("spent", sa.Integer(), nullable=False),
        sa.Column("swept", sa.Integer(), nullable=False),
        sa.Column("refused_until", _time(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "name"),
    )
