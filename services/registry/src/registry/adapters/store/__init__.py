"""The database: SQLite by default, Postgres by URL, one schema for both."""
