"""Environments of libraries: the sources with their tests, and a venv with the library and the greenrt under test."""

import hashlib
import importlib.metadata
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path

from thirdparty.libraries import Library

import greenrt

__all__ = ["Workshop"]

HOME = Path(__file__).parents[2] / "build" / "thirdparty"
# greenrt is linked into each venv as it is built, so what it is compiled against has the same version there.
SHARED = ("greenlet", "pycares")


class Workshop:
    """Prepares a library under build/thirdparty, unless the same is already there.

    Attributes: `source` is the folder with the library's tests, `python` the interpreter of its venv.
    """

    def __init__(self, library: Library) -> None:
        self.library = library
        version = "{}.{}".format(*sys.version_info)
        self.home = HOME / f"{library.name}-{version}"
        self.source = self.home / "source"
        self.python = self.home / "venv" / "bin" / "python"

    def prepare(self) -> None:
        """Fetch, install and link what is missing; raise CalledProcessError with pip's output in the log."""
        pinned = [f"{name}=={importlib.metadata.version(name)}" for name in SHARED]
        wanted = f"{sys.version} {self.library.recipe} {pinned}"
        stamp = self.home / "made"
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(self.home, ignore_errors=True)
            self.home.mkdir(parents=True)
            self._unpack(self._fetch())
            subprocess.run([sys.executable, "-m", "venv", str(self.home / "venv")], check=True)
            self._pip(
                self.python,
                "install",
                "pytest",
                f"{self.library.name}=={self.library.version}",
                *pinned,
                *self.library.needs,
            )
            stamp.write_text(wanted)
        # pytest looks for its configuration in all parents, and greenrt's is not meant for these tests.
        HOME.joinpath("pytest.ini").touch()
        (packages,) = self.home.glob("venv/lib/python*/site-packages")
        link = packages / "greenrt"
        link.unlink(missing_ok=True)
        link.symlink_to(Path(greenrt.__file__).parent)

    def _fetch(self) -> Path:
        """Download the sources; return the archive's path."""
        library = self.library
        if library.source:
            url, digest = library.source.split("#sha256=")
            archive = self.home / url.rpartition("/")[2]
            with urllib.request.urlopen(url, timeout=60) as response:
                archive.write_bytes(response.read())
            found = hashlib.sha256(archive.read_bytes()).hexdigest()
            if found != digest:
                raise ValueError(f"{url} has the SHA-256 {found}; libraries.py expects {digest}")
            return archive
        pinned = f"{library.name}=={library.version}"
        self._pip(sys.executable, "download", "--no-deps", "--no-binary=:all:", "-d", str(self.home), pinned)
        return next(path for path in self.home.iterdir() if path.name.endswith((".tar.gz", ".tar.xz")))

    def _unpack(self, archive: Path) -> None:
        """Unpack the archive's only folder as `source`."""
        with tarfile.open(archive) as tar:
            tar.extractall(self.home / "unpacked", filter="data")
        (folder,) = (self.home / "unpacked").iterdir()
        folder.rename(self.source)

    def _pip(self, python: str | Path, *arguments: str) -> None:
        with (self.home / "pip.log").open("a") as out:
            subprocess.run(
                [str(python), "-m", "pip", "--disable-pip-version-check", *arguments],
                check=True,
                stdout=out,
                stderr=out,
            )

    def report(self, **differences: dict[str, str]) -> None:
        """Write the details of the tests that differ to report.txt, in sections by name."""
        with (self.home / "report.txt").open("w") as out:
            for title, tests in differences.items():
                for name, detail in tests.items():
                    out.write(f"== {title}: {name}\n{detail}\n\n")
