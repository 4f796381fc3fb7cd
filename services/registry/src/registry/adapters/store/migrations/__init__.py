"""The schema's history, run by `migrate`."""
