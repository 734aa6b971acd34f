"""Check the types that users get: ``python user_code.py FOLDER FILE``; FOLDER contains the package greenrt.

mypy and pyright, both strict, read FILE. Each line that ends in ``# error`` must be an error for both of them, and no
other line may be one for either.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

_MARK = re.compile(r"# error( # noqa: \w+)?$")
_MYPY_ERROR = re.compile(r"^.*?:(\d+): error: (.*)$", re.MULTILINE)

Errors = dict[int, str]


def main() -> None:
    folder, file = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    lines = file.read_text().splitlines()
    marked = {number for number, line in enumerate(lines, 1) if _MARK.search(line)}
    complaints = []
    for checker, errors in (("mypy", run_mypy(folder, file)), ("pyright", run_pyright(folder, file))):
        complaints += compare(checker, marked, errors)
        print(f"{file.name}: {checker} finds {len(errors)} wrong lines; {len(marked)} are marked as errors")
    for complaint in complaints:
        print(f"{file}:{complaint}")
    if complaints:
        sys.exit(1)


def compare(checker: str, marked: set[int], errors: Errors) -> list[str]:
    """Return what differs between the marked lines and the errors of a checker."""
    return [
        *(f"{number}: {checker} finds no error here" for number in sorted(marked - errors.keys())),
        *(f"{number}: {checker}: {errors[number]}" for number in sorted(errors.keys() - marked)),
    ]


def run_mypy(folder: Path, file: Path) -> Errors:
    """Return {line: message} of mypy's errors."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", str(file)],
        env={**os.environ, "MYPYPATH": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode > 1:
        sys.exit(done.stdout)
    return {int(number): message for number, message in reversed(_MYPY_ERROR.findall(done.stdout))}


def run_pyright(folder: Path, file: Path) -> Errors:
    """Return {line: message} of pyright's errors."""
    with tempfile.TemporaryDirectory() as project:
        settings = {"include": [str(file)], "extraPaths": [str(folder)], "typeCheckingMode": "strict"}
        Path(project, "pyrightconfig.json").write_text(json.dumps(settings))
        done = subprocess.run(
            [sys.executable, "-m", "basedpyright", "--outputjson", "--project", project],
            # pyright asks the first Python in PATH for its environment.
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            check=False,
        )
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {
        1 + error["range"]["start"]["line"]: error["message"].splitlines()[0]
        for error in reversed(found)
        if error["severity"] == "error"
    }


if __name__ == "__main__":
    main()
