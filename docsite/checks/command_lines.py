"""A line of shell, or a synopsis, taken apart into the words of simple commands."""

import re
import shlex
from collections.abc import Iterator, Sequence

_SUBSTITUTION = re.compile(r"\$\((?:[^()]|\([^()]*\))*\)")
_OPTIONAL = re.compile(r"\[([^\[\]]+)\](?:\.\.\.)?")
_OWN = re.compile(r"(?:\S*/)?(?:pneumo |python3? -m )")
_PLACEHOLDER = re.compile(r"<[^<> ]+>")
_ENDS = {";", "|", "||", "&", "&&"}
STAND_IN = "1"
"""Takes the place of `<id>`, FILE and the like: usable as text, path and number."""


def split_commands(line: str) -> Iterator[Sequence[str]]:
    """Yield the words of each simple command of a line.

    A synopsis of our own programs yields one command per alternative (`list | show ID`,
    `new|revoke`, `[ID | --all]`), with every optional part.
    """
    plain = _PLACEHOLDER.sub(STAND_IN, _SUBSTITUTION.sub(STAND_IN, line))
    for variant in _variants(plain) if _OWN.match(plain) else [plain]:
        yield from _simple_commands(variant)


def _variants(text: str) -> Iterator[str]:
    optional = _OPTIONAL.search(text)
    if optional is not None:
        before, after = text[: optional.start()], text[optional.end() :]
        for part in optional[1].split(" | "):
            yield from _variants(f"{before}{part}{after}")
        return
    joined = re.search(r"\S+\|\S+", text)
    if joined is not None:
        before, after = text[: joined.start()], text[joined.end() :]
        for part in joined[0].split("|"):
            yield from _variants(f"{before}{part}{after}")
        return
    first, *others = text.split(" | ")
    shared_words = first.rstrip().rpartition(" ")[0]
    yield first
    yield from (f"{shared_words} {other}" for other in others)


def _simple_commands(text: str) -> Iterator[Sequence[str]]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";|&")
    lexer.whitespace_split = True
    lexer.commenters = ""
    words: list[str] = []
    try:
        for word in lexer:
            if word in _ENDS:
                yield words
                words = []
            else:
                words.append(word)
    except ValueError:  # an open quotation mark: the command goes on in the next line
        pass
    yield words
