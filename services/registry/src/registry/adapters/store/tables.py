"""The schema as the code uses it; `migrations/` makes it, and a test keeps the two equal."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

METADATA = MetaData()

MODELS = Table(
    "models",
    METADATA,
    Column("version", String(64), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("bundle_sha256", String(64), nullable=False),
    Column("manifest", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("promoted_at_ms", BigInteger),
    # The row of a deleted version stays, for the history and so that its name is never used again.
    Column("deleted_at_ms", BigInteger),
    CheckConstraint(
        "state IN ('candidate', 'current', 'retired', 'rejected')", name="models_state"
    ),
)

Index(
    "models_one_current",
    MODELS.c.state,
    unique=True,
    sqlite_where=text("state = 'current'"),
    postgresql_where=text("state = 'current'"),
)

PROMOTIONS = Table(
    "promotions",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("version", String(64), ForeignKey("models.version"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("rollback_to", Integer, ForeignKey("promotions.number")),
    Column("promoted_at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,  # a deleted row's number is never given again
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("topic", String(128), nullable=False),
    Column("key", String(128), nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("sent_at_ms", BigInteger),
    sqlite_autoincrement=True,  # a deleted row's number is never given again
)

Index(
    "outbox_unsent",
    OUTBOX.c.number,
    sqlite_where=text("sent_at_ms IS NULL"),
    postgresql_where=text("sent_at_ms IS NULL"),
)

DATASET_IMAGES = Table(
    "dataset_images",
    METADATA,
    Column("sha256", String(64), primary_key=True),
    Column("label", String(64), nullable=False),
    Column("patient", String(64)),
    Column("source", String(64), nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("number", BigInteger),  # in the order of storing, never reused; NULL: before 0005
    Column("upload_id", String(64)),  # of the request that stored it; NULL: before 0007
)

Index("dataset_images_upload", DATASET_IMAGES.c.upload_id)

# A label that somebody claimed and that is not the image's own: open until it is decided.
DATASET_CONFLICTS = Table(
    "dataset_conflicts",
    METADATA,
    Column("sha256", String(64), ForeignKey("dataset_images.sha256"), primary_key=True),
    Column("label", String(64), primary_key=True),
    Column("is_open", Boolean, nullable=False),
)

DATASET_AUDIT = Table(
    "dataset_audit",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("action", String(16), nullable=False),
    Column("detail", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("upload_ends", Text),  # of a deletion: JSON, offset of the next record by partition
    sqlite_autoincrement=True,
)

Index("dataset_audit_sha256", DATASET_AUDIT.c.sha256)

JOBS = Table(
    "jobs",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("mode", String(16), nullable=False),
    Column("policy", String(16), nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("phase", Text, nullable=False),
    Column("progress", Float, nullable=False),
    Column("seconds_left", Float),
    Column("metrics", Text, nullable=False),
    Column("curves", Text, nullable=False, server_default="[]"),
    Column("gate", Text),
    Column("model_version", String(64)),
    Column("error", Text),
    Column("attempt", Integer, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column("requested_at_ms", BigInteger, nullable=False),
    Column("updated_at_ms", BigInteger, nullable=False),
    Column("lease_holder", Text),
    Column("lease_until_ms", BigInteger),
    Column("outcome", Text),
    Column("newest_image", BigInteger),  # number of the dataset's newest image at the request
    Column("releases", Integer, nullable=False, server_default="0"),
    CheckConstraint(
        "state IN ('queued', 'running', 'evaluating',"
        " 'succeeded', 'rejected', 'failed', 'cancelled')",
        name="jobs_state",
    ),
)

Index("jobs_requested", JOBS.c.requested_at_ms)

OPEN_STATES = ("queued", "running", "evaluating")
_IS_OPEN = text("state IN ('queued', 'running', 'evaluating')")

Index("jobs_open", JOBS.c.requested_at_ms, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)

LEASES = Table(
    "leases",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)
