"""The composition root: the only place where the registry's parts meet."""

from registry.main.commands import back_up, restore, undo_migrations
from registry.main.serving import build, run

__all__ = ["back_up", "build", "restore", "run", "undo_migrations"]
