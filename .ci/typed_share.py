"""Fail when less of the public interface has a known type than `LEAST`: ``python typed_share.py FOLDER``.

pyright's ``--verifytypes`` looks for packages in the environment of the running Python only, so the folder, which
contains the package greenrt, is made a part of it for the time of the check.
"""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

# Percent.
LEAST = 98.0


def main() -> None:
    link = Path(sysconfig.get_path("purelib"), "greenrt_types.pth")
    link.write_text(f"{Path(sys.argv[1]).resolve()}\n")
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "basedpyright",
                "--verifytypes",
                "greenrt",
                "--ignoreexternal",
                "--outputjson",
            ],
            # pyright asks the first Python in PATH for its environment.
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            check=False,
        )
    finally:
        link.unlink()
    found = json.loads(done.stdout)["typeCompleteness"]
    share = 100 * found["completenessScore"]
    counts = found["exportedSymbolCounts"]
    print(
        f"public interface: {share:.1f} % of {sum(counts.values())} symbols have a known type "
        f"({counts['withAmbiguousType']} ambiguous, {counts['withUnknownType']} unknown); the least is {LEAST} %"
    )
    if share < LEAST:
        sys.exit(1)


if __name__ == "__main__":
    main()
