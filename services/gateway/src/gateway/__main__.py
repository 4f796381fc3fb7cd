"""`python -m gateway`: serve; `python -m gateway keys`: keep API keys."""

import sys

from gateway.cli.arguments import main

main(sys.argv[1:])
