"""Half of each page of the outbox is left free on PostgreSQL: to take an event then touches none of its indexes."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Leave room on the pages that are filled from now on."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE outbox SET (fillfactor = 50)")
