"""The dataset of uploads, its conflicts and its audit, and training jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the four tables."""
    _make_dataset()
    _make_jobs()


def downgrade() -> None:
    """Drop them; what they held is gone, the image files stay."""
    op.drop_table("jobs")
    op.drop_table("dataset_audit")
    op.drop_table("dataset_conflicts")
    op.drop_table("dataset_images")


def _make_dataset() -> None:
    op.create_table(
        "dataset_images",
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("label", sa.String(64), nullable=False),
        sa.Column("patient", sa.String(64)),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("content_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
    )
    image = sa.ForeignKey("dataset_images.sha256")
    op.create_table(
        "dataset_conflicts",
        sa.Column("sha256", sa.String(64), image, primary_key=True),
        sa.Column("label", sa.String(64), primary_key=True),
        sa.Column("is_open", sa.Boolean, nullable=False),
    )
    op.create_table(
        "dataset_audit",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("dataset_audit_sha256", "dataset_audit", ["sha256"])


def _make_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("policy", sa.String(16), nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("seconds_left", sa.Float),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("gate", sa.Text),
        sa.Column("model_version", sa.String(64)),
        sa.Column("error", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("requested_at_ms", sa.BigInteger, nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger, nullable=False),
        sa.Column("lease_holder", sa.Text),
        sa.Column("lease_until_ms", sa.BigInteger),
        sa.Column("outcome", sa.Text),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'evaluating',"
            " 'succeeded', 'rejected', 'failed', 'cancelled')",
            name="jobs_state",
        ),
    )
    op.create_index("jobs_requested", "jobs", ["requested_at_ms"])
