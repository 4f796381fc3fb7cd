"""The site, built once for all tests of it, as `make docs` builds it."""

from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def build_site():
    """Build the site of a working tree into a folder; raises mkdocs' Abort for any warning."""

    def build_it(root: Path, out: Path) -> Path:
        config = load_config(str(root / "mkdocs.yml"), site_dir=str(out))
        config.plugins.on_startup(command="build", dirty=False)
        build(config)
        return out

    return build_it


@pytest.fixture(scope="session")
def site(build_site, tmp_path_factory) -> Path:
    return build_site(ROOT, tmp_path_factory.mktemp("site"))
