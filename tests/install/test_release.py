"""What is published: the sdist's files, the wheels' equality, the metadata and the text for the package index."""

import email
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from support.wheels import built, compiler, last_wheel

import greenrt

pytestmark = [pytest.mark.install, pytest.mark.time_limit(300)]


def unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def contents(wheel: zipfile.ZipFile) -> dict[str, bytes]:
    return {name: wheel.read(name) for name in wheel.namelist()}


def test_the_sdist_holds_the_whole_project(checkout: Path, sdist: Path, tmp_path: Path) -> None:
    found = files(unpacked(sdist, tmp_path / "sdist"))
    missing = files(checkout) - found
    assert missing <= {".gitignore"}
    more = {name for name in found - files(checkout) if ".egg-info/" not in name}
    assert more <= {"PKG-INFO", "setup.cfg"}


def test_wheels_from_the_sdist_and_from_the_tree_are_equal(
    built_checkout: Path, sdist: Path, tmp_path: Path
) -> None:
    tree = unpacked(sdist, tmp_path / "sdist")
    shutil.copytree(built_checkout / "build" / "cython", tree / "build" / "cython")
    one = contents(last_wheel(built_checkout))
    other = contents(built(tree, CC=compiler(tmp_path / "cc")))
    assert len(one) > 200
    assert one == other


def test_the_metadata(checkout: Path) -> None:
    wheel = built(checkout, GREENRT_PURE="1")
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = email.message_from_bytes(wheel.read(name))
    assert metadata["Version"] == greenrt.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", greenrt.__version__), "pip needs --pre for it"
    assert metadata["Author"] == "greenrt contributors"
    assert metadata["License-Expression"] == "MIT"
    assert set(metadata.get_all("Provides-Extra") or []) == {"gunicorn", "celery"}
    description = metadata.get_payload()
    assert metadata["Description-Content-Type"] == "text/markdown"
    # A package index has none of the files that a relative link leads to.
    assert re.findall(r"\]\((?!https:)[^)]+\)", str(description)) == []
