"""`pneumo`, and `python -m pneumo`."""

import sys

from pneumo.cli.address import hoisted
from pneumo.cli.app import new_app
from pneumo.cli.exit_codes import ExitCode, exit_code_of, format_error
from pneumo.errors import PneumoError


def main() -> None:
    """Run a command; an error is one sentence on stderr and an exit code."""
    # httpcore imports sniffio six times per request. If it is not installed, each import searches
    # all of sys.path: a third of the CPU of a bulk run. asyncio is the only event loop here.
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]
    try:
        new_app()(hoisted(sys.argv[1:]), prog_name="pneumo")
    except PneumoError as error:
        _end(format_error(error), exit_code_of(error))
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        _end(f"{named}{error.strerror or error}", ExitCode.USAGE)


def _end(sentence: str, code: ExitCode) -> None:
    sys.stderr.write(f"pneumo: {sentence}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
