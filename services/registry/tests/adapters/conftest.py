"""One database a test, of each kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from registry.adapters.store.engine import new_engine


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Give an engine over an empty database."""
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'registry.db'}" if on_sqlite else None
    engine = new_engine(url or request.getfixturevalue("postgres_url"))
    yield engine
    engine.dispose()
