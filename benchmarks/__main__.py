"""Run all areas: ``python -m benchmarks``."""

import sys

from benchmarks.harness.cli import main

if __name__ == "__main__":
    sys.exit(main())
