"""The rights on config/PRIVILEGES.md, read from the page itself, so that what is tested is what is written there."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "config" / "PRIVILEGES.md"


@dataclass(frozen=True)
class BrokerRights:
    """What one user may configure, write and read, as RabbitMQ's patterns."""

    user: str
    configure: str
    write: str
    read: str


@dataclass(frozen=True)
class Grant:
    """One right on one table or sequence for one role."""

    right: str
    kind: str
    name: str
    role: str

    @property
    def sql(self) -> str:
        """The statement that gives it."""
        return f"GRANT {self.right} ON {self.kind} {self.name} TO {self.role}"

    @property
    def undone(self) -> str:
        """The statement that takes it."""
        return f"REVOKE {self.right} ON {self.kind} {self.name} FROM {self.role}"


def broker_rights() -> dict[str, BrokerRights]:
    """Return the rights of each user of the broker."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("rabbitmqctl set_permissions ")]
    return {rights.user: rights for rights in (BrokerRights(*shlex.split(line)[4:]) for line in lines)}


def statements(role: str) -> list[str]:
    """Return the SQL statements of the page that are about one role, or about everybody."""
    blocks = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
    every = [statement.strip() for block in blocks for statement in block.split(";") if statement.strip()]
    return [statement for statement in every if re.search(rf"\b({role}|PUBLIC)$", statement)]


def grants(role: str) -> list[Grant]:
    """Return the rights of one role, each by itself."""
    return [grant for statement in statements(role) for grant in _each(statement, role)]


def _each(statement: str, role: str) -> Iterator[Grant]:
    said = re.fullmatch(
        r"GRANT (?P<rights>[A-Z, ]+) ON (?P<kind>SEQUENCE |SCHEMA )?(?P<names>[\w, ]+) TO \w+", statement
    )
    if said is None:
        return
    for name in said["names"].split(", "):
        for right in said["rights"].split(", "):
            yield Grant(right, (said["kind"] or "TABLE").strip(), name, role)
