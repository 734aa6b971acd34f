"""The libraries whose own test-suites run, unpatched and patched: libraries.toml."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from support.suite_run import PATIENCE

__all__ = ["LIBRARIES", "Library"]


@dataclass(frozen=True)
class Library:
    """A library and how to run its tests.

    name, version: the distribution on PyPI.
    needs: requirements of its tests, besides pytest.
    arguments: pytest's arguments. "{port}" is the server's port, here and in `variables` and `files`.
    server: the function of support.servers that runs the server the tests need; empty for none.
    variables: environment variables of the tests.
    files: contents of files that configure the tests, by their path in the sources.
    source: URL and #sha256= of the sources, where the source distribution has no tests.
    left_out: prefixes of ids of tests that run on neither side, each with the reason.
    patience: seconds after which a silent test hangs.
    """

    name: str
    version: str
    needs: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=lambda: ["tests"])
    server: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    source: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    patience: float = PATIENCE

    @property
    def recipe(self) -> str:
        """Return what decides whether a prepared environment is up to date."""
        return f"{self.name}=={self.version} {' '.join(self.needs)} {self.source}"


LIBRARIES = [
    Library(name, **fields)
    for name, fields in tomllib.loads(Path(__file__).with_suffix(".toml").read_text()).items()
]
