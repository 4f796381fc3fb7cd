"""Bring the schema to a revision, up or down, in one transaction."""

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from registry.adapters.store.engine import write_transaction
from registry.ports import StartError

_SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Apply what is missing, all or nothing. Raises StartError."""
    _migrate(engine, revision, up=True)


def downgrade(engine: Engine, revision: str) -> None:
    """Undo down to `revision`; `base` is an empty database. Raises StartError."""
    _migrate(engine, revision, up=False)


def revision_of(connection: Connection) -> str | None:
    """Give the revision of a schema; None where there is none yet."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str | None:
    """Give the revision that this code makes and needs."""
    return ScriptDirectory(_SCRIPTS).get_current_head()


def _migrate(engine: Engine, revision: str, *, up: bool) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    try:
        with write_transaction(engine) as connection:
            config.attributes["connection"] = connection
            (command.upgrade if up else command.downgrade)(config, revision)
    except CommandError as error:
        raise StartError(f"The database's schema fits no migration of this version: {error}") from (
            error
        )
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise StartError(f"The database cannot be opened: {cause}") from error
