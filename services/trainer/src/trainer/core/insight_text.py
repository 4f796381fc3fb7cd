"""Insights on a page: a picture and a sentence each."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Insight:
    """title: for people. file: the drawing beside the page. interpretation: one sentence or two."""

    title: str
    file: str
    interpretation: str


def summary_text(name: str, data_sha256: str, insights: Sequence[Insight]) -> str:
    """Give summary.md."""
    parts = "\n\n".join(
        f"## {one.title}\n\n{one.interpretation}\n\n![{one.title}]({one.file})" for one in insights
    )
    return f"# {name}\n\nFolder sha256 `{data_sha256[:16]}…`.\n\n{parts}\n"
