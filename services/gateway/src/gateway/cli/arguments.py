"""What a command line may say."""

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
    keys = commands.add_parser("keys", help="make, list and revoke API keys")
    keys.add_argument("--file", type=Path, help="[default: PNEUMO_GATEWAY_KEYS_FILE]")
    actions = keys.add_subparsers(dest="action", required=True)
    new = actions.add_parser("new", help="make a key and show it, this once")
    new.add_argument("name")
    new.add_argument(
        "--scope", action="append", default=[], choices=[*KeyScope], help="repeat; none: may read"
    )
    new.add_argument("--days", type=float, help="for so long; otherwise until it is revoked")
    new.add_argument("--rate", type=float, help="requests a second [default: the settings']")
    new.add_argument("--burst", type=int, help="requests at once [default: the settings']")
    actions.add_parser("list", help="show what is known of every key")
    actions.add_parser("revoke", help="end a key; gateways notice in a second").add_argument("name")
    return parser


def main(arguments: Sequence[str]) -> None:
    """Do what the arguments say; what cannot be done ends the process with one sentence."""
    said = new_parser().parse_args(arguments)
    if said.command is None:
        run_gateway(insecure=said.insecure)
        return
    try:
        _keep_keys(said)
    except (KeyFileError, ValueError) as error:
        sys.exit(str(error))


def _keep_keys(said: argparse.Namespace) -> None:
    path = said.file or _keys_file()
    if path is None:
        raise ValueError("Name the file: --file, or PNEUMO_GATEWAY_KEYS_FILE.")
    match said.action:
        case "new":
            new_key(
                path,
                name=said.name,
                scopes=frozenset(map(KeyScope, said.scope)),
                days=said.days,
                rate_per_s=said.rate,
                burst=said.burst,
            )
        case "list":
            list_keys(path)
        case _:
            revoke_key(path, said.name)


def _keys_file() -> Path | None:
    try:
        return Settings().keys_file
    except ValidationError as error:
        raise ValueError(f"The settings cannot be read: {error}") from error
