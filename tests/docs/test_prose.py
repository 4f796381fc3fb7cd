"""User documents are written in plain words: no personification, no idiom."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = (
    *("README.md", "CONTRIBUTING.md", "docs/index.md", "docs/compose.md", "docs/security.md"),
    *("docs/glossary.md", "docs/slo.md", "docs/capacity.md", "docs/first-time-path.md"),
    *("docs/tutorials/*.md", "docs/how-to/*.md", "docs/explanation/*.md", "docs/runbooks/*.md"),
    *("*/README.md", "services/*/README.md", "deploy/*/README.md", "deploy/prometheus/rules/*.yml"),
)
PLAIN = {
    r"told|said|speaks?|hears?|heard": "reported, returned, status, message",
    r"nobody|somebody|everybody": "no client, a person, every service",
    r"anew|of late|lest|all the same": "again, recently, still",
    r"by (?:itself|themselves)": "automatically",
    r"go(?:es)? on": "continues, resumes",
    r"the (?:least|most)(?= *[.,;:)|])": "minimum, maximum",
    r"not there|not to be had|is away|was away": "unavailable, unreachable",
    r"giv(?:en|es|ing) up|gave up": "dead letter, failed",
    r"pictures?|radiographs? (?:that|which) (?:was|were) asked": "image",
    r"the story|the law|the house|innocent": "the use case, the rule",
    r"who (?:asks|wants|sends|changes|upgrades|comes|knows|waits)": "the client, the operator",
    r"a (?:folder|line|file|worker|image|CPU) a (?:class|file|request|second|worker|minute)": "per",
}


def find_pages() -> list[Path]:
    found = {path for pattern in PAGES for path in ROOT.glob(pattern)}
    return sorted(path for path in found if ".venv" not in path.parts)


def find_dialect(text: str) -> list[str]:
    """Return what is not plain, with its line's number and what to write."""
    prose = re.sub(r"```.*?```", lambda m: "\n" * m.group().count("\n"), text, flags=re.DOTALL)
    prose = re.sub(r"`[^`\n]*`|\]\([^)\n]*\)", "", prose)
    return [
        f"{prose.count(chr(10), 0, match.start()) + 1}: {match.group()!r}: write {plain}"
        for pattern, plain in PLAIN.items()
        for match in re.finditer(
            rf"\b(?:{pattern})\b", prose.replace("\n", " "), flags=re.IGNORECASE
        )
    ]


@pytest.mark.parametrize("page", find_pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_is_written_in_plain_words(page: Path) -> None:
    assert find_dialect(page.read_text()) == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Kafka has told everybody.", 2),
        ("The worker goes on by itself.", 2),
        ("Nobody knows: it goes\non.", 2),
        ("Twenty images are the least.", 1),
        ("At the least scope", 0),
        ("`told` and [said](told.md)", 1),
        ("```\nnobody\n```\nplain", 0),
        ("one folder per class", 0),
        ("a folder a class", 1),
    ],
)
def test_what_is_not_plain_is_found(text: str, count: int) -> None:
    assert len(find_dialect(text)) == count
