"""Fresh virtual environments, and pip."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["Environment", "pip"]

ASK = """
import sys, greenrt, greenrt.monkey
assert "monkey" not in sys.modules
print(greenrt.__build__, greenrt.__file__, greenrt.monkey.__file__)
"""


def run(python: Path, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *arguments],
        cwd=python.parent,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "GREENRT_PURE": "", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def pip(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the pip of the tests' own environment, which has what a build without isolation needs."""
    return run(Path(sys.executable), "-m", "pip", *arguments, **variables)


class Environment:
    """A virtual environment without packages, not even pip: the tests' pip installs into it.

    The pip that `venv` installs would be the same version, and each environment would spend seconds on it. For the
    same reason pip compiles no .py files. If `wheels` is given, pip takes packages from that folder instead of the
    package index.
    """

    def __init__(self, path: Path, wheels: Path | None = None) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", path], check=True)
        self.python = path / "bin" / "python"
        # Variables also reach the pip that fills the environment of an isolated build. pip reads the variable of
        # --no-compile as the value of `compile`.
        self.options = {"PIP_NO_COMPILE": "0"}
        if wheels is not None:
            self.options |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}

    def run(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the environment's interpreter."""
        return run(self.python, *arguments, **variables)

    def pip(self, *arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return pip("--python", self.python, *arguments, **self.options, **variables)

    def ask(self) -> tuple[str, Path, Path]:
        """Return the build, and where greenrt and greenrt.monkey come from."""
        done = self.run("-c", ASK)
        assert done.returncode == 0, done.stdout
        build, package, monkey = done.stdout.split()
        return build, Path(package), Path(monkey)
