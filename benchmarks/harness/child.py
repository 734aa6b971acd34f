"""Make one measurement in a process of its own: ``python -m benchmarks.harness.child AREA WORKLOAD RIVAL EFFORT``.

EFFORT is ``full`` or ``smoke``. The process prints one JSON object a line: the metric, the value in the metric's base
unit, and the number of operations. A failure ends with a traceback and a status other than zero, which the parent
shows.
"""

import json
import sys

from benchmarks.harness import areas
from benchmarks.harness.model import FULL, SMOKE


def main() -> None:
    area, name, rival, effort = sys.argv[1:]
    workload = next(workload for workload in areas.load(area).workloads if workload.name == name)
    for sample in workload.measure(rival, {"full": FULL, "smoke": SMOKE}[effort]):
        line = {"metric": sample.metric, "value": sample.value, "count": sample.count}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
