"""Attempts that were released, jobs that are open, and models that were deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_IS_OPEN = sa.text("state IN ('queued', 'running', 'evaluating')")


def upgrade() -> None:
    """Add the columns and the index; no attempt was released before, and no model deleted."""
    op.add_column("jobs", sa.Column("releases", sa.Integer, nullable=False, server_default="0"))
    op.create_index(
        "jobs_open",
        "jobs",
        ["requested_at_ms"],
        sqlite_where=_IS_OPEN,
        postgresql_where=_IS_OPEN,
    )
    op.add_column("models", sa.Column("deleted_at_ms", sa.BigInteger))


def downgrade() -> None:
    """Drop them. A version that was deleted is then listed as rejected, and has no files."""
    op.drop_column("models", "deleted_at_ms")
    op.drop_index("jobs_open", "jobs")
    op.drop_column("jobs", "releases")
