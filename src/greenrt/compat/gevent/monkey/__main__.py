"""Run ``python -m gevent.monkey [OPTIONS] script.py ARGUMENTS``."""

from greenrt.compat.gevent.monkey._main import main

if __name__ == "__main__":
    main()
