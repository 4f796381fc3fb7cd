"""The schema as the code uses it; `migrations/` makes it, and a test keeps the two equal."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
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
