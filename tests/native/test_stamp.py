"""Stamps of a file's state."""

import os
from pathlib import Path

from greenrt._native.stamp import stamp


def test_a_file_looks_the_same_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    os.utime(path, ns=(0, 10**18))
    first = stamp(str(path))
    assert first
    assert stamp(str(path)) == first
    os.utime(path, ns=(0, 10**18 + 1))
    assert stamp(str(path)) != first


def test_another_file_of_the_same_size_and_time_looks_different(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    for one in (path, other):
        one.write_bytes(b"one")
        os.utime(one, ns=(0, 10**18))
    first = stamp(str(path))
    other.rename(path)
    assert stamp(str(path)) != first


def test_what_is_not_there_looks_like_nothing(tmp_path: Path) -> None:
    assert stamp(str(tmp_path / "none")) == b""
    assert stamp(str(tmp_path / ("long" * 100))) == b""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert stamp(str(tmp_path / "loop")) == b""
