"""The command line of the gateway."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from gateway.adapters.key_file import KeyFileError
from gateway.cli.keys import list_keys, new_key, revoke_key
from gateway.core.permissions import KeyScope
from gateway.main import run_gateway
from gateway.settings import Settings


def new_parser() -> argparse.ArgumentParser:
    """Describe every command."""
    parser = argparse.ArgumentParser("python -m gateway", description="PneumoStream's gateway.")
    parser.add_argument(
        "--insecure", action="store_true", help="serve other machines without API keys"
    )
    commands = parser.add_subparsers(dest="command")
    keys = commands.add_parser("keys", help="create, list and revoke API keys")
    keys.add_argument("--file", type=Path, help="[default: PNEUMO_GATEWAY_KEYS_FILE]")
    actions = keys.add_subparsers(dest="action", required=True)
    new = actions.add_parser("new", help="create a key and show it once")
    new.add_argument("name")
    new.add_argument(
        "--scope",
        action="append",
        default=[],
        choices=[*KeyScope],
        help="repeatable; without: may only read",
    )
    new.add_argument(
        "--days", type=float, help="days until it expires; without: until it is revoked"
    )
    new.add_argument("--rate", type=float, help="requests per second [default: the settings']")
    new.add_argument("--burst", type=int, help="requests at once [default: the settings']")
    actions.add_parser("list", help="list every key, without its secret")
    actions.add_parser("revoke", help="revoke a key; gateways notice within a second").add_argument(
        "name"
    )
    return parser


def main(arguments: Sequence[str]) -> None:
    """Run the command; an error ends the process with one sentence."""
    parsed = new_parser().parse_args(arguments)
    if parsed.command is None:
        run_gateway(insecure=parsed.insecure)
        return
    try:
        _keep_keys(parsed)
    except (KeyFileError, ValueError) as error:
        sys.exit(str(error))


def _keep_keys(parsed: argparse.Namespace) -> None:
    path = parsed.file or _keys_file()
    if path is None:
        raise ValueError("Name the key file with --file or PNEUMO_GATEWAY_KEYS_FILE.")
    match parsed.action:
        case "new":
            new_key(
                path,
                name=parsed.name,
                scopes=frozenset(map(KeyScope, parsed.scope)),
                days=parsed.days,
                rate_per_s=parsed.rate,
                burst=parsed.burst,
            )
        case "list":
            list_keys(path)
        case _:
            revoke_key(path, parsed.name)


def _keys_file() -> Path | None:
    try:
        return Settings().keys_file
    except ValidationError as error:
        raise ValueError(f"The settings cannot be read: {error}") from error
