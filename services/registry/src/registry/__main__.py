"""`python -m registry` serves; `python -m registry downgrade <revision>` makes way for the old."""

import argparse
import functools
import sys

from pydantic import ValidationError

from registry.main import run, undo_migrations
from registry.ports import StartError
from registry.settings import Settings
from shared.observability.logs import configure_logs
from shared.observability.process import run_service


def main(arguments: list[str]) -> int:
    """Run until asked to stop; 1, and one sentence on stderr, if it cannot start."""
    parser = argparse.ArgumentParser(prog="registry")
    commands = parser.add_subparsers(dest="command")
    down = commands.add_parser("downgrade", help="bring the database's schema down")
    down.add_argument("revision", help="the revision to arrive at; base: an empty database")
    chosen = parser.parse_args(arguments)
    try:
        settings = Settings()
        configure_logs("registry", level=settings.log_level)
        if chosen.command == "downgrade":
            undo_migrations(settings, chosen.revision)
        else:
            run_service(functools.partial(run, settings))
    except StartError as error:
        sys.stderr.write(f"registry: {error}\n")
        return 1
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        sys.stderr.write(f"registry: wrong settings: {wrong}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
