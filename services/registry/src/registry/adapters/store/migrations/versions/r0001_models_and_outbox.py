"""Models, the history of their promotions, and the outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "models",
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("bundle_sha256", sa.String(64), nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("promoted_at_ms", sa.BigInteger),
        sa.CheckConstraint(
            "state IN ('candidate', 'current', 'retired', 'rejected')", name="models_state"
        ),
    )
    current = sa.text("state = 'current'")
    op.create_index(
        "models_one_current",
        "models",
        ["state"],
        unique=True,
        sqlite_where=current,
        postgresql_where=current,
    )
    op.create_table(
        "promotions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("version", sa.String(64), sa.ForeignKey("models.version"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("rollback_to", sa.Integer, sa.ForeignKey("promotions.number")),
        sa.Column("promoted_at_ms", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    unsent = sa.text("sent_at_ms IS NULL")
    op.create_index(
        "outbox_unsent", "outbox", ["number"], sqlite_where=unsent, postgresql_where=unsent
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("outbox")
    op.drop_table("promotions")
    op.drop_table("models")
