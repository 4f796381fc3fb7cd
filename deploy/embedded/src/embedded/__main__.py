"""`python -m embedded`: the command line of the embedded stack."""

from embedded.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
