"""`python -m ui`: the web UI, until it is told to stop."""

import sys
from pathlib import Path

from pydantic import ValidationError
from streamlit.web import bootstrap

from ui.adapters.server import address_of, server_options
from ui.settings import Settings

MISUSED = 2


def main() -> int:
    """Serve until a signal. 2: a variable is unusable, which one line says."""
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).upper() if first["loc"] else "HOST"
        name = name if name.startswith("PNEUMO_") else f"PNEUMO_UI_{name}"
        sys.stderr.write(f"{name} is not usable: {first['msg']}.\n")
        return MISUSED
    options = server_options(settings)
    sys.stdout.write(f"Web UI at {address_of(settings)}, for the gateway at {settings.url}\n")
    sys.stdout.flush()
    bootstrap.load_config_options(options)
    bootstrap.run(
        str(Path(__file__).with_name("app.py")), is_hello=False, args=[], flag_options=options
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
