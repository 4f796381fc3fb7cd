"""python -m bench.compare run."""

from bench.compare.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
