"""The composition roots: the only places where parts meet."""

from trainer.main.serving import Trainer, build, serve_trainer

__all__ = ["Trainer", "build", "serve_trainer"]
