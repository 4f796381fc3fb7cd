"""Generate the synchronous client from the asynchronous one, and the models from openapi.json.

`python client/generate.py` writes the files; `python client/generate.py check` exits with 1 if one
of them is stale.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import tokenize_rt
from response_models import render
from unasync import Rule

CLIENT = Path(__file__).parent
PACKAGE = CLIENT / "src" / "pneumo"
OPENAPI = CLIENT.parent / "docs" / "reference" / "openapi.json"

SYNCHRONOUS = {"async_base_client.py": "base_client.py", "async_client.py": "client.py"}
_RULE = Rule(
    "",
    "",
    additional_replacements={
        "AsyncBaseTransport": "BaseTransport",
        "AsyncClient": "Client",
        "AsyncBaseClient": "BaseClient",
        "AsyncSleep": "Sleep",
        "aclose": "close",
        "aclosing": "closing",
        "aiter_lines": "iter_lines",
        "aread": "read",
        "async_base_client": "base_client",
        "asyncio": "time",
    },
)
_HEADER = '"""{what}\n\nGenerated from {source} by client/generate.py; do not edit.\n"""\n\n'


def main() -> None:
    """Write or check the generated files."""
    is_check = sys.argv[1:] == ["check"]
    stale = [path for path, text in _generate() if not path.exists() or path.read_text() != text]
    if is_check:
        names = ", ".join(path.name for path in stale)
        sys.exit(f"Stale: {names}. Run make client-code." if stale else 0)
    for path, text in _generate():
        path.write_text(text)


def _generate() -> Iterator[tuple[Path, str]]:
    for source, target in SYNCHRONOUS.items():
        text = _to_synchronous((PACKAGE / source).read_text())
        body = text.split('"""\n', 1)[1].lstrip()
        header = _HEADER.format(what=f"The synchronous twin of `{source}`.", source=source)
        yield PACKAGE / target, _format(header + body)
    models = render(json.loads(OPENAPI.read_text()))
    header = _HEADER.format(
        what="The responses of the gateway as frozen Pydantic models.",
        source="docs/reference/openapi.json",
    )
    yield PACKAGE / "models.py", _format(header + models)


def _to_synchronous(source: str) -> str:
    tokens = _RULE._unasync_tokens(tokenize_rt.src_to_tokens(source))  # noqa: SLF001  no public name
    return str(tokenize_rt.tokens_to_src(tokens))


def _format(text: str) -> str:
    """Sort imports, drop duplicates and format, as `make format` does."""
    for arguments in (["check", "--select=I,F", "--fix-only"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--stdin-filename"]
        command = [*ruff, str(PACKAGE / "generated.py"), "-"]
        text = subprocess.run(
            command, input=text, text=True, check=True, capture_output=True
        ).stdout
    return text


if __name__ == "__main__":
    main()
