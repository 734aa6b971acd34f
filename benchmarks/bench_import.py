"""The cost of an import: the wall time of ``python -c "import x"`` less that of a bare interpreter."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from time import perf_counter

from benchmarks.harness.model import Area, Metric, Once, Target, median

# At most 0.7 of gevent's time.
TARGET_RATIO = round(1 / 0.7, 2)


def wall(statement: str) -> float:
    """Return the seconds that a new interpreter needs to run one statement and exit."""
    # Without -P, the repository's directory would be searched first, unlike for installed programs.
    command = [sys.executable, "-P", "-W", "ignore", "-c", statement]
    start = perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=os.environ)
    return perf_counter() - start


def cost(metric: str, statement: str) -> Callable[[int], Mapping[str, float]]:
    def measure(count: int) -> dict[str, float]:
        wall(statement)  # compiles missing .pyc files and warms the page cache
        # The bare interpreter alternates with the import, so that both see the same load on the machine.
        return {metric: median([wall(statement) - wall("pass") for _ in range(count)])}

    return measure


IMPORTS = {name: f"import {name}" for name in ("greenrt", "gevent", "eventlet", "asyncio", "uvloop")}
PATCHED = {
    "greenrt": "from greenrt import monkey; monkey.patch_all()",
    "gevent": "from gevent import monkey; monkey.patch_all()",
    "eventlet": "import eventlet; eventlet.monkey_patch()",
}

AREA = Area(
    "import",
    "Import time",
    (
        Once(
            "import",
            (Metric("import", "import", targets=(Target(TARGET_RATIO),)),),
            {name: cost("import", statement) for name, statement in IMPORTS.items()},
            full=15,
            smoke=1,
        ),
        Once(
            "patch-all",
            (Metric("patch-all", "import + patch_all()", targets=(Target(TARGET_RATIO, later=True),)),),
            {name: cost("patch-all", statement) for name, statement in PATCHED.items()},
            full=15,
            smoke=1,
        ),
    ),
)

if __name__ == "__main__":
    # Imported here, because the measuring processes import this module too and do not need the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
