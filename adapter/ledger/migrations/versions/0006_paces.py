"""The pace of each tenant, shared by all workers, and an index of what is held."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

HELD = sa.text("lease_by IS NOT NULL")


def _time() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the table and the index."""
    op.create_table(
        "paces",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("next_at", _time(), nullable=False),
        sa.Column("urgent_at", _time(), nullable=False),
        sa.Column("usual", sa.Float(53), nullable=False),
        sa.Column("factor", sa.Float(53), nullable=False),
        sa.Column("lowered_at", _time(), nullable=True),
        sa.Column("lowered_by", sa.Text(), nullable=True),
        sa.Column("paused_until", _time(), nullable=True),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_index("work_held", "work", ["tenant"], sqlite_where=HELD, postgresql_where=HELD)
