"""What an import costs: the wall time of ``python -c "import x"`` less that of a bare interpreter."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from time import perf_counter

from benchmarks.harness.model import Area, Metric, Once, Target, median

# At most 0.7 of gevent's time.
TARGET_RATIO = round(1 / 0.7, 2)


def wall(statement: str) -> float:
    """Return the seconds a new interpreter needs to run one statement and leave."""
    # Without -P the directory of the repository would be searched first, which no installed program does.
    command = [sys.executable, "-P", "-W", "ignore", "-c", statement]
    start = perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=os.environ)
    return perf_counter() - start


def cost(metric: str, statement: str) -> Callable[[int], Mapping[str, float]]:
    def measure(count: int) -> dict[str, float]:
        wall(statement)  # compiles what has no .pyc yet, and warms the page cache
        # The bare interpreter takes turns with the import: both see the same neighbours.
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
    # Imported here: the measuring processes import this module too, and need none of the command line.
    from benchmarks.harness.cli import main

    sys.exit(main(AREA.name))
