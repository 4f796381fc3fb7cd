"""One database a test: SQLite always, Postgres where PNEUMO_TEST_POSTGRES_URL names a server."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url

from registry.adapters.store.engine import new_engine

POSTGRES_URL = os.environ.get("PNEUMO_TEST_POSTGRES_URL")


@pytest.fixture(params=["sqlite", *(["postgres"] if POSTGRES_URL else [])])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Give an engine over an empty database."""
    if request.param == "sqlite":
        engine = new_engine(f"sqlite:///{tmp_path / 'registry.db'}")
        yield engine
        engine.dispose()
    else:
        assert POSTGRES_URL
        yield from _on_postgres(POSTGRES_URL)


def _on_postgres(server: str) -> Iterator[Engine]:
    name = f"t{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        url = make_url(server).set(database=name)
        engine = new_engine(url.render_as_string(hide_password=False))
        yield engine
        engine.dispose()
        admin.execute(f"DROP DATABASE {name}".encode())
