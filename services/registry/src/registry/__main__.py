"""`python -m registry` serves; `backup`, `restore` and `downgrade` are for its operator."""

import argparse
import functools
import sys
from pathlib import Path

from pydantic import ValidationError

from registry.core.backup import tell_holdings
from registry.main import back_up, restore, run, undo_migrations
from registry.ports import BackupError, StartError
from registry.settings import Settings
from shared.observability.logs import configure_logs
from shared.observability.process import run_service


def main(arguments: list[str]) -> int:
    """Run until asked to stop; 1, and one sentence on stderr, if it cannot start."""
    chosen = _parser().parse_args(arguments)
    try:
        settings = Settings()
        configure_logs("registry", level=settings.log_level)
        _do(chosen, settings)
    except (StartError, BackupError) as error:
        sys.stderr.write(f"registry: {error}\n")
        return 1
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        sys.stderr.write(f"registry: wrong settings: {wrong}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="registry")
    commands = parser.add_subparsers(dest="command")
    down = commands.add_parser("downgrade", help="bring the database's schema down")
    down.add_argument("revision", help="the revision to arrive at; base: an empty database")
    save = commands.add_parser("backup", help="copy all that it keeps, which may go on meanwhile")
    save.add_argument("to", type=Path, metavar="TO", help="a folder that does not exist yet")
    fill = commands.add_parser("restore", help="fill an empty registry that does not run")
    fill.add_argument("origin", type=Path, metavar="FROM", help="a folder that is a backup")
    return parser


def _do(chosen: argparse.Namespace, settings: Settings) -> None:
    if chosen.command == "downgrade":
        undo_migrations(settings, chosen.revision)
    elif chosen.command == "backup":
        kept = tell_holdings(back_up(settings, chosen.to))
        sys.stdout.write(f"{chosen.to} is a whole backup: {kept}.\n")
    elif chosen.command == "restore":
        kept = tell_holdings(restore(settings, chosen.origin))
        sys.stdout.write(f"All of {chosen.origin} is restored: {kept}.\n")
    else:
        run_service(functools.partial(run, settings))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
