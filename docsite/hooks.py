"""What MkDocs is told beside mkdocs.yml: pages from elsewhere, the order of pages, their links."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docsite.dialect import for_python_markdown
from docsite.links import links_of, rewritten
from docsite.notebook_page import notebook_page
from docsite.places import Tree

# Below MkDocs' own logger: what is told there counts, and `--strict` fails for it.
_log = logging.getLogger("mkdocs.docsite")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the notebooks' pages, and whatever of the repository a page or mkdocs.yml leads to."""
    tree = _tree(config)
    for notebook in sorted((tree.root / "docs").rglob("*.ipynb")):
        path = notebook.relative_to(tree.root).as_posix()
        page = notebook_page(notebook.read_text())
        files.append(File.generated(config, _uri(tree, path), content=page))
    named = _named(config.nav or [])
    waiting = [tree.path_of(uri) for uri in {*_uris(files), *named}]
    while waiting:
        path = waiting.pop()
        uri = _uri(tree, path)
        if files.get_file_from_path(uri) is None and (tree.root / path).is_file():
            files.append(File.generated(config, uri, abs_src_path=str(tree.root / path)))
        waiting += [each for each in _elsewhere(tree, path) if not _has(files, tree, each)]
    if config.nav is not None:
        config.nav = list(_expanded(config.nav, files, named))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links through the site, and put the text as Python-Markdown reads it."""
    del files
    tree = _tree(config)
    led = rewritten(markdown, tree.path_of(page.file.src_uri), tree, _log.warning)
    return for_python_markdown(led)


def _tree(config: MkDocsConfig) -> Tree:
    return Tree(Path(config.docs_dir).parent)


def _elsewhere(tree: Tree, path: str) -> Iterator[str]:
    if not path.endswith(".md") or not (tree.root / path).is_file():
        return
    for link in links_of((tree.root / path).read_text()):
        found = None if link.is_external else tree.resolve(path, link.path or ".")
        if found and not found.startswith("docs/") and tree.uri_of(found):
            yield found


def _uris(files: Files) -> Iterator[str]:
    return (file.src_uri for file in files.documentation_pages())


def _has(files: Files, tree: Tree, path: str) -> bool:
    return files.get_file_from_path(_uri(tree, path)) is not None


def _uri(tree: Tree, path: str) -> str:
    uri = tree.uri_of(path)
    if uri is None:
        raise ValueError(f"{path} is no page of the site")
    return uri


def _expanded(nav: list[Any], files: Files, named: frozenset[str]) -> Iterator[Any]:
    """Put every page of a folder that mkdocs.yml names nowhere in the place of `folder/*`."""
    for entry in nav:
        if isinstance(entry, dict):
            ((title, below),) = entry.items()
            is_list = isinstance(below, list)
            yield {title: list(_expanded(below, files, named))} if is_list else entry
        elif entry.endswith("/*"):
            folder = entry.removesuffix("*")
            below = (uri for uri in _uris(files) if uri.startswith(folder))
            yield from sorted(uri for uri in below if uri not in named)
        else:
            yield entry


def _named(nav: list[Any]) -> frozenset[str]:
    named = set[str]()
    for entry in nav:
        below = next(iter(entry.values())) if isinstance(entry, dict) else entry
        named |= _named(below) if isinstance(below, list) else {below}
    return frozenset(named)
