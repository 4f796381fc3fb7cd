"""The verdict as a page, and as lines for a terminal."""

from collections.abc import Sequence
from html import escape
from string import Template

from load.soak.verdict import Check, has_passed

_WORDS = {True: "passed", False: "FAILED", None: "not told"}
_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>$title</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; }
 table { border-collapse: collapse; } td, th { padding: .2rem .8rem; text-align: left; }
 td:last-child { white-space: nowrap; } tr { border-bottom: 1px solid #ddd; }
 .passed { color: #18794e; } .FAILED { color: #ce2c31; }
 iframe { border: 0; height: 75rem; width: 100%; }
</style>
<h1 class="$word">$title</h1>
<p>$what</p>
<table><tr><th>check<th>found<th>wanted<th></tr>
$rows
</table>
<iframe src="locust.html" title="Locust's report"></iframe>
</html>
""")


def page(what: str, checks: Sequence[Check]) -> str:
    """Give the HTML report; Locust's own page is expected beside it."""
    word = _WORDS[has_passed(checks)]
    rows = "\n".join(_row(check) for check in checks)
    return _PAGE.substitute(title=f"Soak {word}", word=word, what=escape(what), rows=rows)


def lines(checks: Sequence[Check]) -> Sequence[str]:
    """Give one line a check."""
    return [
        f"  {_WORDS[check.passed]:<9} {check.name}: {check.found} (wanted: {check.wanted})"
        for check in checks
    ]


def _row(check: Check) -> str:
    word = _WORDS[check.passed]
    cells = "".join(f"<td>{escape(text)}" for text in (check.name, check.found, check.wanted))
    return f'<tr>{cells}<td class="{word}">{word}</tr>'
