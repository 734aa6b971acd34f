"""A configuration file is read again after a change, and counts as empty if it cannot be read."""

import os
from pathlib import Path

import pytest

from greenrt.dns.etc.config_file import Reloaded
from greenrt.dns.etc.resolvconf import resolv_conf


def test_a_change_is_seen_at_the_next_look(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    file = Reloaded(str(path), bytes.upper)
    assert file.get() == b"ONE"
    path.write_bytes(b"two")
    assert file.get() == b"TWO"
    path.unlink()
    assert file.get() == b""


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    reads = []
    file = Reloaded(str(path), reads.append)
    for _ in range(3):
        file.get()
    assert reads == [b"one"]


def test_an_older_file_moved_in_is_seen(tmp_path: Path) -> None:
    path, older = tmp_path / "file", tmp_path / "older"
    path.write_bytes(b"one")
    older.write_bytes(b"old")
    os.utime(older, (1, 1))
    file = Reloaded(str(path), bytes)
    assert file.get() == b"one"
    older.rename(path)
    assert file.get() == b"old"


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo", "loop", "device", "unreadable"])
def test_an_irregular_file_counts_as_empty(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "unreadable":
        # Every user may open such a file, but its first byte cannot be read.
        path.symlink_to("/proc/self/mem")
    assert Reloaded(str(path), bytes).get() == b""


def test_a_file_that_may_not_be_opened_counts_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"secret")

    def refused(*args: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    assert Reloaded(str(path), bytes).get() == b""


def test_of_a_huge_file_the_beginning_counts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.write(b"begin")
        file.truncate(1 << 40)
    file = Reloaded(str(path), bytes, 1000)
    assert file.get() == b"begin" + bytes(995)
    assert len(Reloaded(str(path), bytes).get()) == 1 << 20


def test_no_reload_in_resolv_conf(tmp_path: Path) -> None:
    path = tmp_path / "resolv.conf"
    file = type(resolv_conf)(str(path), resolv_conf.parse)
    path.write_text("options ndots:2")
    assert file.get().ndots == 2
    path.write_text("options ndots:3 no-reload")
    assert file.get().ndots == 3
    path.write_text("options ndots:4")
    assert file.get().ndots == 3
