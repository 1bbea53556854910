"""History that is written straight into the tables is like what the adapter leaves: settled, published, due no more."""

import sqlalchemy as sa

from adapter.ledger.schema import metadata, outbox, records, work
from tests.benchmarks.history import fill


def test_history_is_settled_and_leaves_nothing_to_do(postgres_url: str) -> None:
    """Each booking has a record, a message, two outcomes and two lines of the journal, and belongs to a sitting."""
    engine = sa.create_engine(postgres_url)
    metadata.create_all(engine)

    rows = fill(postgres_url, 400)

    with engine.connect() as connection:
        counts = {table.name: _count(connection, table) for table in metadata.sorted_tables}
        booked = _count(connection, records, records.c.kind == "booking", records.c.home_key == "former-sitting-3")
        homes = connection.execute(sa.select(records.c.home_key).distinct().where(records.c.kind == "booking")).all()
        assert _count(connection, work, work.c.due_at.is_not(None)) == 0
        assert _count(connection, outbox, outbox.c.published_at.is_(None)) == 0
    engine.dispose()
    assert rows == sum(counts.values())
    assert (counts["records"], counts["messages"], counts["outbox"], counts["journal"]) == (504, 400, 800, 800)
    assert (booked, len(homes)) == (100, 4)


def _count(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one()
