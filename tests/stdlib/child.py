"""Runs one of the interpreter's own test modules, patched or not, and logs each test as it begins and ends.

    python child.py MODULE patched|unpatched LOG [FILTER]

FILTER is a JSON file: {"only": [test ids] or null, "skip": [test ids]}. LOG gets JSON lines; what a crash or a hang
interrupts is the test that began last.
"""

import json
import os
import sys
import tempfile
import unittest

PATCHED = sys.argv[2] == "patched"
if PATCHED:
    from greenrt import monkey

    monkey.patch_all()

import test  # noqa: E402
from test import support  # noqa: E402

# The modules of this suite.
sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from support.unittest_log import Log, chosen  # noqa: E402

# `make install` of 3.11 and 3.12 forgot some modules. Here, since multiprocessing's children look for them too.
test.__path__.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "left_out"))

# Modules that ask for "network" and stay on this machine.
LOOPBACK = {"test_socketserver": ["network"]}


def main() -> None:
    name, log = sys.argv[1], sys.argv[3]
    wanted = {"only": None, "skip": []}
    if len(sys.argv) > 4:
        with open(sys.argv[4]) as file:
            wanted = json.load(file)
    # As `python -m test -u cpu,subprocess,walltime,decimal` does.
    support.use_resources = ["cpu", "subprocess", "walltime", "decimal", *LOOPBACK.get(sys.argv[1], ())]
    support.verbose = 0
    os.chdir(tempfile.mkdtemp(prefix="stdlib-"))
    result = Log(log)
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{name}")
    except unittest.SkipTest as reason:
        result.write(test=f"test.{name}", outcome="skipped", detail=str(reason))
        return
    only = None if wanted["only"] is None else set(wanted["only"])
    chosen(suite, only, set(wanted["skip"])).run(result)
    result.write(outcome="done")


# multiprocessing's children import this file again.
if __name__ == "__main__":
    main()
