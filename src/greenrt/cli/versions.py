"""The versions that ``greenrt --version`` and ``greenrt doctor`` print."""

import sys
from importlib.metadata import PackageNotFoundError, version

import greenrt
from greenrt import _alias
from greenrt._build import plain_build

__all__ = ["doctor_lines", "version_lines"]


def version_lines() -> list[str]:
    """Return the version of greenrt and, for the plain build, what it costs."""
    return [
        f"greenrt {greenrt.__version__} ({greenrt.__build__}, Python {sys.version.split()[0]})",
        *_build(),
    ]


def doctor_lines() -> list[str]:
    """Return the versions of greenrt, Python and greenrt's dependencies and, for the plain build, what it costs."""
    needs = [f"{name} {_version(name)}" for name in ("greenlet", "pycares")]
    python = f"{sys.implementation.name} {sys.version.split()[0]}"
    served = [f"{name} {_alias.VERSIONS[name]} is served by greenrt" for name in _alias.installed()]
    return [
        ", ".join([f"greenrt {greenrt.__version__} ({greenrt.__build__})", python, *needs]),
        *_build(),
        *served,
    ]


def _build() -> list[str]:
    return [f"build: {plain_build()}"] if greenrt.__build__ == "pure" else []


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
