"""The recipe as a bundle keeps it."""

from collections.abc import Mapping
from typing import Any

from trainer.core.augmentation import Policy
from trainer.core.recipe import Learning, Recipe


def read_recipe(stored: Mapping[str, Any]) -> Recipe:
    """Read what recipe.json holds; what it does not name is as it is now."""
    policy: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored["policy"].items()
    }
    parts = {"policy": Policy(**policy), "learning": Learning(**stored["learning"])}
    return Recipe(**{**stored, **parts})
