"""Every test may ask for a real broker, a real Postgres, and an S3 server."""

# First of all, so that tests in ui/tests, which pytest calls ui.tests.…, find the package and do
# not take its folder for it.
import ui as _ui  # noqa: F401

pytest_plugins = ["embedded.testing", "shared.testing.postgres", "shared.testing.s3"]
