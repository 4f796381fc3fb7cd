"""`pneumo`, and `python -m pneumo`."""

import sys

from pneumo.cli.address import hoisted
from pneumo.cli.app import new_app
from pneumo.cli.ending import Exit, exit_of, sentence_of
from pneumo.errors import PneumoError


def main() -> None:
    """Run a command; whatever goes wrong ends in one sentence and an exit code."""
    # httpcore looks for sniffio six times a request. That it is not there costs a third of what a
    # bulk's client does, for each time all of sys.path is searched; here it is asyncio in any case.
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]
    try:
        new_app()(hoisted(sys.argv[1:]), prog_name="pneumo")
    except PneumoError as error:
        _end(sentence_of(error), exit_of(error))
    except OSError as error:
        named = f"{error.filename}: " if error.filename else ""
        _end(f"{named}{error.strerror or error}", Exit.USAGE)


def _end(sentence: str, code: Exit) -> None:
    sys.stderr.write(f"pneumo: {sentence}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
