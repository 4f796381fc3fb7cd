"""Markdown as GitHub reads it, turned into Markdown as Python-Markdown reads it.

The pages are written for both. GitHub lets a list or a table begin right below a paragraph;
Python-Markdown wants an empty line before it, and shows hyphens and bars as text otherwise. What
is folded away is Markdown to GitHub, and to Python-Markdown if it is told.
"""

import re

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_ITEM = re.compile(r"^(?:[-*+]|\d+\.)\s")
_FOLDED = "<details>"
_RULE = re.compile(r"^\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?$")


def for_python_markdown(markdown: str) -> str:
    """Put an empty line before each list and table that needs one; see to what is folded away."""
    lines, out = markdown.splitlines(), list[str]()
    fenced = in_list = False
    for number, line in enumerate(lines):
        if _FENCE.match(line):
            fenced = not fenced
        if not fenced:
            if _begins(lines, number, in_list=in_list):
                out.append("")
            before = lines[number - 1] if number else ""
            in_list = _stays_in_list(line, before, in_list=in_list)
        is_folded = line.startswith(_FOLDED) and not fenced
        out.append(line.replace(">", ' markdown="1">', 1) if is_folded else line)
    return "\n".join(out) + "\n"


def _begins(lines: list[str], number: int, *, in_list: bool) -> bool:
    before = lines[number - 1] if number else ""
    if not before.strip() or before.startswith("#"):
        return False
    if _ITEM.match(lines[number]):
        return not in_list
    if not lines[number].startswith("|") or before.startswith("|"):
        return False
    return number + 1 < len(lines) and bool(_RULE.match(lines[number + 1]))


def _stays_in_list(line: str, before: str, *, in_list: bool) -> bool:
    if _ITEM.match(line):
        return True
    # A heading ends it, or a table, or a paragraph of its own: neither indented nor a lazy rest.
    is_paragraph = not before.strip() and line[:1].strip() != ""
    return in_list and not is_paragraph and not line.startswith(("#", "|"))
