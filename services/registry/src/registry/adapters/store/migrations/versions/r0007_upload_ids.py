"""The request that an image came with."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and its index; images from before have no upload id."""
    op.add_column("dataset_images", sa.Column("upload_id", sa.String(64)))
    op.create_index("dataset_images_upload", "dataset_images", ["upload_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("dataset_images_upload", "dataset_images")
    op.drop_column("dataset_images", "upload_id")
