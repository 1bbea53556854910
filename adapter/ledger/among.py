"""Among: a column's value is one of many, in one parameter, so that a statement is the same for however many."""

from collections.abc import Sequence
from typing import Any, Self

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine


class _Values(TypeDecorator[Sequence[Any]]):
    """Several values of one type: an array on PostgreSQL, JSON on SQLite."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return what the database knows."""
        return dialect.type_descriptor(postgresql.ARRAY(self.item) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: Sequence[Any] | None, dialect: Dialect) -> object:
        """Send the values."""
        values = list(value or ())
        return values if dialect.name == "postgresql" else orjson.dumps(values).decode()


class _Among(FunctionElement[bool]):
    """`column` and `values`, compared as each database does it best."""

    type = sa.Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:  # noqa: ARG002 - the hook's shape
        """Stand as it is: as `... = 1`, which is how SQLite is told of a truth, no index would be used."""
        return self


def among(column: sa.ColumnElement[Any], name: str) -> sa.ColumnElement[bool]:
    """Match any of the values that the parameter of this name holds."""
    return _Among(column, sa.bindparam(name, type_=_Values(column.type)))


def _on_postgresql(element: _Among, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the hook's shape
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} = ANY ({values})"


def _on_sqlite(element: _Among, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 - the hook's shape
    column, values = (compiler.process(part, **options) for part in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - a column's name and a parameter's


compiles(_Among, "postgresql")(_on_postgresql)
compiles(_Among, "sqlite")(_on_sqlite)
