"""Describe the machine of a run: processor, kernel, versions."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("greenrt", "greenlet", "gevent", "eventlet", "uvloop")


def cores() -> list[int]:
    """Return the CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))


def facts() -> dict[str, Any]:
    """Return what a reader needs in order to judge the figures; it does not name the machine or its user."""
    return {
        "processor": _processor(),
        "cores": len(cores()),
        "load": round(os.getloadavg()[0], 2),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "greenrt_build": _build(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _build() -> str | None:
    """Return ``greenrt.__build__``. Another process imports greenrt, because this one must load no runtime."""
    command = [sys.executable, "-P", "-c", "import greenrt; print(greenrt.__build__)"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None
