"""Statements over leases."""

from sqlalchemy import Connection, delete, insert, select

from registry.adapters.store.tables import LEASES
from registry.core.lease import Lease


class SqlLeases:
    """The leases' part of a transaction. connection: inside a transaction, SQLAlchemy Core."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lease(self, name: str) -> Lease | None:
        """Give who has it, or had it last."""
        query = select(LEASES).where(LEASES.c.name == name)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Lease(row.holder, row.until_ms)

    def keep_lease(self, name: str, lease: Lease) -> None:
        """Write who has it from now on."""
        self._connection.execute(delete(LEASES).where(LEASES.c.name == name))
        values = {"name": name, "holder": lease.holder, "until_ms": lease.until_ms}
        self._connection.execute(insert(LEASES).values(values))

    def end_lease(self, name: str, holder: str) -> None:
        """Give it up; nothing happens if another has it."""
        held = LEASES.c.name == name, LEASES.c.holder == holder
        self._connection.execute(delete(LEASES).where(*held))
