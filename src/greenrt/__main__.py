"""``python -m greenrt``: the command ``greenrt``, under the options of Python's own that precede ``-m``."""

from greenrt.cli.main import main

if __name__ == "__main__":
    main()
