"""The index of what was published holds nothing that waits: SQLite would take all of that from it, and sort it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index anew, without what waits."""
    published = sa.text("published_at IS NOT NULL")
    op.drop_index("outbox_age", "outbox")
    op.create_index("outbox_age", "outbox", ["published_at"], sqlite_where=published, postgresql_where=published)
