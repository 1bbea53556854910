"""Former seasons, straight into the ledger's tables: what a tenant has after years, without waiting for them."""

from datetime import datetime

import sqlalchemy as sa

from adapter.ledger.schema import journal, messages, outbox, records, work
from tests.benchmarks.season import TENANT

BOOKINGS_PER_SITTING = 100
BOOKINGS_PER_STUDENT = 4
LETTERS = 400
"""Length of what was said of each object, about as long as what a season says."""

Name = sa.ColumnElement[str]
Value = sa.ColumnElement[str] | sa.ColumnElement[datetime] | str | int | bool
Values = dict[str, Value]

NUMBER = sa.column("number", sa.Integer)
TEXT = sa.literal("x" * LETTERS)
PAST: sa.ColumnElement[datetime] = sa.func.now() - sa.text("interval '90 days'")


def fill(postgres_url: str, bookings: int) -> int:
    """Write the rows of so many settled bookings, their sittings and candidates; return how many rows that are."""
    sittings, students = bookings // BOOKINGS_PER_SITTING, bookings // BOOKINGS_PER_STUDENT
    booked = _booking(
        _name("sitting", NUMBER // BOOKINGS_PER_SITTING),
        _name("candidate", NUMBER // BOOKINGS_PER_STUDENT),
    )
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        rows = sum(
            (
                _write(connection, records, sittings, _record("sitting", "sitting", _name("sitting"))),
                _write(connection, records, students, _record("candidate", "candidate", _name("candidate"))),
                _write(connection, records, bookings, booked),
                _write(connection, work, sittings, _work("sitting")),
                _write(connection, work, students, _work("candidate")),
                _write(connection, messages, bookings, _message()),
                _write(connection, outbox, bookings, _outcome("cirrus.booking.confirmed.v1")),
                _write(connection, outbox, bookings, _outcome("cirrus.launch-link.issued.v1")),
                _write(connection, journal, bookings, _entry("said")),
                _write(connection, journal, bookings, _entry("confirmed")),
            )
        )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
    engine.dispose()
    return rows


def _write(connection: sa.Connection, table: sa.Table, rows: int, values: Values) -> int:
    """Insert one row for each number from 0 on; the values may be expressions of `NUMBER`."""
    numbers = sa.func.generate_series(0, rows - 1).table_valued(NUMBER.name).render_derived()
    columns = {name: sa.cast(value, table.c[name].type) for name, value in values.items()}
    query = sa.select(*columns.values()).select_from(numbers)
    connection.execute(table.insert().from_select(list(columns), query))
    return rows


def _name(word: str, number: sa.ColumnElement[int] = NUMBER) -> Name:
    return sa.literal(f"former-{word}-") + sa.cast(number, sa.Text)


def _record(kind: str, home_kind: str, home: Name) -> Values:
    key = _name(kind)
    return {
        "tenant": TENANT,
        "kind": kind,
        "key": key,
        "home_kind": home_kind,
        "home_key": home,
        "external_id": key,
        "facets": TEXT,
        "confirmed": TEXT,
        "revision": 1,
        "status": "settled",
        "changed_at": PAST,
        "settled_at": PAST,
    }


def _booking(sitting: Name, student: Name) -> Values:
    return {**_record("booking", "sitting", sitting), "about_kind": "candidate", "about_key": student}


def _work(kind: str) -> Values:
    return {
        "tenant": TENANT,
        "kind": kind,
        "key": _name(kind),
        "deadline": PAST,
        "fence": 1,
        "touched": 1,
        "attempt": 0,
        "unsure": False,
    }


def _message() -> Values:
    return {
        "tenant": TENANT,
        "source": "https://sis.uni.example/events",
        "id": _name("event"),
        "type": "sis.exam.booked.v1",
        "subject": _name("booking"),
        "fingerprint": sa.func.md5(_name("event")),
        "outcome": "applied",
        "time": PAST,
        "received_at": PAST,
    }


def _outcome(kind: str) -> Values:
    return {
        "id": _name(kind),
        "tenant": TENANT,
        "subject": _name("booking"),
        "type": kind,
        "body": sa.func.convert_to(TEXT, "UTF8"),
        "sealed": False,
        "deadline": PAST,
        "created_at": PAST,
        "published_at": PAST,
    }


def _entry(what: str) -> Values:
    return {
        "at": PAST,
        "tenant": TENANT,
        "kind": "booking",
        "key": _name("booking"),
        "who": "sis",
        "what": what,
        "note": "",
    }
