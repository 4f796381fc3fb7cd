"""Links of a page: found where they are text and not code, checked, and led through the site."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from posixpath import relpath
from urllib.parse import urlsplit

from docsite.places import Tree

_FENCE = re.compile(r"^(?P<mark> *(?:`{3,}|~{3,})).*?^ *[`~]{3,} *$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`)", re.DOTALL)
_LINK = re.compile(
    r"(?P<picture>!?)\[(?P<text>(?:`[^`]*`|[^\[\]`])*)\]\((?P<target>[^()\s]+)\)", re.DOTALL
)
_EXTERNAL = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is written. target: with what follows `#`, if there is any."""

    text: str
    target: str
    is_picture: bool

    @property
    def is_external(self) -> bool:
        """Tell whether it leads out of the repository."""
        return bool(_EXTERNAL.match(self.target))

    @property
    def path(self) -> str:
        """Give what it leads to without the place in it; empty: this page."""
        return self.target.partition("#")[0]


def code_ranges(markdown: str) -> list[tuple[int, int]]:
    """Give the stretches that are shown as they are, as [begin, end)."""
    fences = [match.span() for match in _FENCE.finditer(markdown)]
    spans = [match.span() for match in _SPAN.finditer(_blanked(markdown, fences))]
    return fences + spans


def links_of(markdown: str) -> Iterator[Link]:
    """Give every link of a page, in reading order."""
    for match in _found(markdown):
        yield _link(match)


def rewritten(markdown: str, page: str, tree: Tree, warn: Callable[[str], None]) -> str:
    """Lead every link to its place in the site, and tell of those that lead nowhere.

    page: the file of the repository. A file that is no page of the site is named instead.
    """

    def replace(match: re.Match[str]) -> str:
        link = _link(match)
        if link.is_external:
            if not is_well_formed(link.target):
                warn(f"{page}: '{link.target}' is no address")
            return match.group()
        return match.group() if not link.path else _led(link, page, tree, warn)

    pieces, at = [], 0
    for match in _found(markdown):
        pieces += [markdown[at : match.start()], replace(match)]
        at = match.end()
    return "".join([*pieces, markdown[at:]])


def is_well_formed(address: str) -> bool:
    """Tell whether an external address can be one; whether it answers, nobody is asked."""
    parts = urlsplit(address)
    if parts.scheme == "mailto":
        return "@" in parts.path
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _led(link: Link, page: str, tree: Tree, warn: Callable[[str], None]) -> str:
    path = tree.resolve(page, link.path)
    if path is None:
        warn(f"{page}: '{link.target}' leads to no file of the repository")
        return link.text
    uri, here = tree.uri_of(path), tree.uri_of(page)
    if uri is None or here is None or (tree.root / path).is_dir():
        named = f"`{path}`"
        return link.text if path in link.text else f"{link.text} ({named} in the repository)"
    place = link.target.removeprefix(link.path)
    target = relpath(uri, here.rpartition("/")[0] or ".")
    return f"{'!' if link.is_picture else ''}[{link.text}]({target}{place})"


def _found(markdown: str) -> Iterator[re.Match[str]]:
    hidden = code_ranges(markdown)
    for match in _LINK.finditer(markdown):
        if not any(begin <= match.start() < end for begin, end in hidden):
            yield match


def _link(match: re.Match[str]) -> Link:
    return Link(match["text"], match["target"], bool(match["picture"]))


def _blanked(text: str, ranges: list[tuple[int, int]]) -> str:
    for begin, end in ranges:
        text = text[:begin] + " " * (end - begin) + text[end:]
    return text
