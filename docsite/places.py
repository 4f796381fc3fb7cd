"""Where a page lies in the repository, and where in the site.

Pages of docs/ keep their place. Markdown from elsewhere (a service's README) becomes a page under
`repository/`, and a notebook becomes the page it reads as. Anything else of the repository is no
part of the site: it is named by its path.
"""

import posixpath
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ELSEWHERE = "repository"
_INDEXES = ("README.md", "index.md")
_PICTURES = (".png", ".svg", ".jpeg", ".jpg", ".gif", ".webp")


@dataclass(frozen=True, slots=True)
class Tree:
    """A working tree whose pages lie in `root`/docs."""

    root: Path

    def uri_of(self, path: str) -> str | None:
        """Give the place in the site of a file of the repository; None if it has none there."""
        suffix = PurePosixPath(path).suffix.lower()
        inside = path.removeprefix("docs/") if path.startswith("docs/") else None
        if suffix == ".ipynb" and inside is not None:
            return f"{inside.removesuffix('.ipynb')}.md"
        if inside is not None:
            return inside
        return f"{ELSEWHERE}/{path}" if suffix in (".md", *_PICTURES) else None

    def path_of(self, uri: str) -> str:
        """Give the file of the repository that a page of the site is made from."""
        if uri.startswith(f"{ELSEWHERE}/"):
            return uri.removeprefix(f"{ELSEWHERE}/")
        notebook = f"docs/{uri.removesuffix('.md')}.ipynb"
        return notebook if (self.root / notebook).is_file() else f"docs/{uri}"

    def resolve(self, page: str, target: str) -> str | None:
        """Give the file of the repository that a link of `page` means, of a folder its index.

        A folder without one is itself. None: there is no such file in the repository.
        """
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
        there = self.root / path
        if path.startswith("..") or not there.exists():
            return None
        if there.is_dir():
            return next((f"{path}/{name}" for name in _INDEXES if (there / name).is_file()), path)
        return path
