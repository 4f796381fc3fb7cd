from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect

from registry.adapters.store.engine import new_engine, write_transaction
from registry.adapters.store.migrate import downgrade, upgrade
from registry.adapters.store.tables import METADATA
from registry.ports import StartError

OWN = "alembic_version"


def test_migrations_make_exactly_the_tables_the_code_uses(engine: Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    inspector = inspect(engine)
    assert set(inspector.get_table_names()) == {*METADATA.tables, OWN}
    indexes = {index["name"] for name in METADATA.tables for index in inspector.get_indexes(name)}
    assert {"models_one_current", "outbox_unsent"} <= indexes


def test_migrations_go_down_and_up_again(engine: Engine) -> None:
    upgrade(engine)
    upgrade(engine)
    downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) == {OWN}
    upgrade(engine)
    assert set(METADATA.tables) <= set(inspect(engine).get_table_names())


def test_a_migration_that_fails_leaves_nothing_behind(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with write_transaction(engine) as connection:
        METADATA.tables["outbox"].create(connection)  # in the way of the last step
    with pytest.raises(StartError):
        upgrade(engine)
    assert "models" not in inspect(engine).get_table_names()


def test_a_database_of_a_newer_release_is_refused(engine: Engine) -> None:
    upgrade(engine)
    with write_transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StartError, match="9999"):
        upgrade(engine)


def test_sqlite_is_durable_and_checks_its_references(tmp_path: Path) -> None:
    engine = new_engine(f"sqlite:///{tmp_path / 'registry.db'}")
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u:pw@h/d"])
def test_another_kind_of_database_is_refused_without_repeating_its_password(url: str) -> None:
    with pytest.raises(StartError) as refused:
        new_engine(url)
    assert "pw" not in str(refused.value)


def test_a_database_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    engine = new_engine(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}")
    with pytest.raises(StartError, match="cannot be opened: unable to open database file"):
        upgrade(engine)
    engine.dispose()
