"""The ledger: what should be, what is, what is due and what has to be told, in one database.

SQLite by default, PostgreSQL in production, one code base. Every public call is one transaction; it
either is stored whole or raises a `LedgerError` and is not stored at all.
"""
