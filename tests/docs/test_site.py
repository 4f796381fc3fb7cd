"""The site builds strictly, leads nowhere but where something is, and needs no network."""

import html
import re
import shutil
from pathlib import Path

import pytest
from mkdocs.exceptions import Abort

from docsite.dialect import for_python_markdown
from docsite.links import code_ranges, is_well_formed, links_of

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(
    r"<(?:script|img|source|iframe)[^>]+\bsrc=\"(?P<src>[^\"]+)\"|<link[^>]+\bhref=\"(?P<href>[^\"]+)\""
)
SHOWN = re.compile(r"<(?:pre|code|script|style)\b.*?</(?:pre|code|script|style)>", re.DOTALL)


def test_the_site_builds_strictly_and_fetches_nothing_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 80
    for page in pages:
        for match in FETCHED.finditer(page.read_text()):
            address = match["src"] or match["href"]
            assert not re.match(r"(https?:)?//", address), (page, address)
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import )[\"']?(https?:)?//", sheet.read_text()), sheet


def test_every_link_of_the_built_pages_leads_to_a_file_and_a_place_in_it(site):
    places = {
        page: set(re.findall(r"\bid=\"?([^\"\s>]+)", page.read_text()))
        for page in site.rglob("*.html")
    }
    for page in places:
        if page.name == "404.html":
            continue
        for target in re.findall(r"<a\s[^>]*\bhref=\"([^\"]+)\"", page.read_text()):
            if re.match(r"[a-z]+:", target):
                assert is_well_formed(html.unescape(target)), (page, target)
                continue
            path, _, anchor = html.unescape(target).partition("#")
            there = (page.parent / path).resolve() if path else page
            assert there.is_file(), (page, target)
            assert not anchor or there not in places or anchor in places[there], (page, target)


def test_no_page_shows_its_markdown(site):
    for page in site.rglob("*.html"):
        text = re.sub(r"<[^>]+>", "", SHOWN.sub("", page.read_text()))
        for raw in (r"^\|.*\|\s*$", r"^[-*] \S", r"\]\(\S", r"^#{1,4} \S", r"\*\*\w"):
            found = re.search(raw, text, re.MULTILINE)
            assert found is None, (page, found.group())


@pytest.mark.parametrize(
    "planted",
    [
        "[gone](nowhere.md)",
        "[gone](../services/gateway/README.md#no-such-place)",
        "[gone](glossary.md#no-such-place)",
        "[gone](../services/gateway/src/gateway/gone.py)",
        "[no address](http:///glossary)",
        "![no picture](images/gone.png)",
    ],
)
def test_a_link_that_leads_nowhere_fails_the_build(planted, build_site, tmp_path):
    for folder in ("docs", "docsite", "services", "samples"):
        only = shutil.ignore_patterns("*.py", "*.bin", "*.json", "model", "__pycache__", "tests")
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=only if folder != "docsite" else None
        )
    nav = "nav: [index.md, glossary.md]\nnot_in_nav: /*\n"
    (tmp_path / "mkdocs.yml").write_text(
        (ROOT / "mkdocs.yml").read_text().partition("not_in_nav:")[0] + nav
    )
    for page in (tmp_path / "docs").rglob("*.md"):
        page.unlink()
    shutil.rmtree(tmp_path / "docs" / "notebooks", ignore_errors=True)
    shutil.copy(ROOT / "docs" / "glossary.md", tmp_path / "docs")
    index = tmp_path / "docs" / "index.md"
    index.write_text("# Home\n\n[words](glossary.md), [samples](../samples/README.md)\n")
    assert build_site(tmp_path, tmp_path / "site")
    index.write_text(f"# Home\n\n{planted}\n")
    with pytest.raises(Abort):
        build_site(tmp_path, tmp_path / "site")


def test_links_are_found_in_text_and_not_in_code():
    page = "[a](x.md) `[b](y.md)`\n```\n[c](z.md)\n```\n[`d`](v.md#e) ![f](w.svg)\n"
    assert [(link.target, link.is_picture) for link in links_of(page)] == [
        ("x.md", False),
        ("v.md#e", False),
        ("w.svg", True),
    ]
    assert len(code_ranges(page)) >= 2


def test_a_list_below_a_paragraph_is_a_list_for_python_markdown_too():
    page = "Two:\n- one\n  more\n- two\n\nText\n1. x\n\n```\nnot:\n- this\n```\n"
    assert for_python_markdown(page) == (
        "Two:\n\n- one\n  more\n- two\n\nText\n\n1. x\n\n```\nnot:\n- this\n```\n"
    )
