"""The stories of the commands."""
