"""A real Kafka in the foreground, as `make up` runs it: python -m bench.peers.broker FOLDER PORT.

The process becomes the broker, so that who starts it also measures and stops it.
"""

import argparse
import os
from pathlib import Path

from embedded.kafka.broker import prepare_broker
from embedded.kafka.properties import BrokerConfig


def main() -> None:
    """Become the broker."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("controller_port", type=int)
    options = parser.parse_args()
    config = BrokerConfig(options.folder, options.port, options.controller_port)
    command = prepare_broker(config)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
