"""Statistics: PostgreSQL plans for a table that it has never analysed as if almost nothing were in it.

Then a thousand keys of one tenant are looked for by reading everything of that tenant, and each batch is dearer than
the one before. Autovacuum comes by once a minute; a first import, or a ledger that was just restored, is faster than
that. What was analysed once keeps to its indexes, and autovacuum sees to the rest.
"""

import sqlalchemy as sa

from adapter.ledger.database import Transaction
from adapter.ledger.schema import metadata

NOTABLE = 256 * 1024
"""Bytes of a table from which on a wrong plan costs something."""

_UNKNOWN = sa.text("""
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid IN (SELECT to_regclass(quote_ident(name)) FROM unnest(CAST(:names AS TEXT[])) AS name)
      AND pg_relation_size(c.oid) > :notable
      AND pg_has_role(c.relowner, 'USAGE')
      AND NOT EXISTS (SELECT 1 FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname)
""")


def analyse_unknown(tx: Transaction) -> list[str]:
    """Analyse the tables that are large and were never analysed, and return their names; nothing on SQLite.

    Only the owner of a table may; where the worker's role owns none, that is left to autovacuum.
    """
    if not tx.postgresql:
        return []
    names: list[str] = list(tx.connection.scalars(_UNKNOWN, {"names": sorted(metadata.tables), "notable": NOTABLE}))
    for name in names:
        tx.connection.exec_driver_sql(f"ANALYZE {tx.connection.dialect.identifier_preparer.quote(name)}")
    return names
