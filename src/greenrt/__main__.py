"""``python -m greenrt``: the command ``greenrt``, run with the Python options that precede ``-m``."""

from greenrt.cli.main import main

if __name__ == "__main__":
    main()
