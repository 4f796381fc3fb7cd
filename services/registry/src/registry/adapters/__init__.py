"""The outside world: the database, the disk, the broker."""
