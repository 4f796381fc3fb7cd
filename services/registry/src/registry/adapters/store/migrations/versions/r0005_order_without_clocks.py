"""What came before what, without comparing times: image numbers, and offsets at a deletion."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty: for rows from before, times go on deciding."""
    op.add_column("dataset_images", sa.Column("number", sa.BigInteger))
    op.add_column("dataset_audit", sa.Column("upload_ends", sa.Text))
    op.add_column("jobs", sa.Column("newest_image", sa.BigInteger))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("jobs", "newest_image")
    op.drop_column("dataset_audit", "upload_ends")
    op.drop_column("dataset_images", "number")
