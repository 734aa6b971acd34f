"""Run ``python -m greenrt.monkey [-m module | script.py] args...``."""

import sys

from greenrt.monkey.runner import run

if __name__ == "__main__":
    run(sys.argv[1:], "python -m greenrt.monkey")
