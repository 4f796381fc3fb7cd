"""Whether the packages that only full training and evaluation need are installed."""

from importlib.util import find_spec

_PACKAGES = ("tensorflow", "keras", "nncf", "matplotlib")


def find_missing_packages() -> str | None:
    """Return a sentence that names the packages missing here; None if none is missing."""
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if not missing:
        return None
    return (
        f"Full training needs packages that are not installed ({', '.join(missing)}): "
        "run make install-full, or install pneumostream-trainer[full]."
    )
