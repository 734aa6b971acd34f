"""Cooperative file objects for pipes and files behave as those of `open`, and several greenlets may share one."""

import builtins
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from support.parking import until_parked

import greenrt
from greenrt.green import _file_objects


@pytest.fixture
def pipe() -> Iterator[tuple[Any, Any]]:
    readable, writable = os.pipe()
    with _file_objects.open(readable, "rb") as reader, _file_objects.open(writable, "wb") as writer:
        yield reader, writer


def test_lines_of_a_pipe(pipe: tuple[Any, Any]) -> None:
    reader, writer = pipe
    lines = greenrt.spawn(list, reader)
    for part in (b"one\ntw", b"o\n", b"three"):
        writer.write(part)
        writer.flush()
        greenrt.sleep(0.005)
    assert not lines.dead
    writer.close()
    assert lines.get() == [b"one\n", b"two\n", b"three"]


def test_a_full_pipe(pipe: tuple[Any, Any]) -> None:
    reader, writer = pipe
    data = b"x" * 500_000

    def write() -> None:
        writer.write(data)
        writer.close()

    writing = greenrt.spawn(write)
    assert reader.read() == data
    writing.get()


def test_several_greenlets_at_one_object(pipe: tuple[Any, Any]) -> None:
    reader, writer = pipe
    readers = [greenrt.spawn(reader.readline) for _ in range(3)]
    greenrt.sleep(0.005)
    writer.write(b"a\nb\nc\n")
    writer.flush()
    assert [each.get() for each in readers] == [b"a\n", b"b\n", b"c\n"]


class Slow(io.RawIOBase):
    """A raw file of the program's own, whose calls wait."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return 0

    def _wait(self, call: str) -> None:
        self.calls.append(call)
        greenrt.sleep(0.01)
        self.calls.append(call)

    def readinto(self, buffer: Any, /) -> int:
        self._wait("read")
        buffer[:] = b"x" * len(buffer)
        return len(buffer)

    def write(self, data: Any, /) -> int:
        self._wait("write")
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._wait("close")
        super().close()


@pytest.mark.parametrize("kind", ["BufferedReader", "BufferedWriter", "BufferedRandom", "BufferedRWPair"])
def test_a_close_waits_for_its_turn_and_others_wait_for_it(kind: str) -> None:
    raws = [Slow(), Slow()] if kind == "BufferedRWPair" else [Slow()]
    made = getattr(_file_objects, kind)(*raws)
    read = partial(made.read, 10)
    use = read if kind == "BufferedReader" else lambda: made.write(b"x" * 100_000)
    using = greenrt.spawn(use)
    greenrt.sleep(0)
    closing = greenrt.spawn(made.close)
    greenrt.sleep(0.015)
    assert not closing.dead
    with pytest.raises(ValueError, match="closed"):
        use()
    assert made.closed
    using.get()
    closing.get()
    for raw in raws:
        assert raw.calls[::2] == raw.calls[1::2], "calls overlap"


def test_close_wakes_a_raw_reader() -> None:
    readable, writable = os.pipe()
    with _file_objects.open(writable, "wb"), _file_objects.open(readable, "rb", 0) as raw:
        reader = greenrt.spawn(raw.read, 1)
        until_parked(reader)
        raw.close()
        with pytest.raises(OSError, match="closed"):
            reader.get()


def test_a_finalizer_does_not_switch(pipe: tuple[Any, Any]) -> None:
    reader, _ = pipe
    others = 0

    def count() -> None:
        nonlocal others
        others += 1

    files = [_file_objects.open(os.dup(pipe[1].fileno()), "w")]
    files[0].write("kept")
    greenrt.spawn(count)
    with pytest.warns(ResourceWarning):
        files.clear()
    assert others == 0
    assert reader.read(4) == b"kept"


def test_non_blocking(pipe: tuple[Any, Any]) -> None:
    reader, _ = pipe
    os.set_blocking(reader.fileno(), False)
    assert reader.read(1) is None
    assert reader.raw.readall() is None


MODES = ["r", "w", "x", "a", "r+", "w+", "rb", "wb", "ab", "r+b", "w+b", "rw", "b", "", "rr", "rbt"]


@pytest.mark.parametrize("buffering", [-1, 0, 1, 64])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.filterwarnings("ignore:line buffering:RuntimeWarning")
def test_files_are_as_with_the_builtin(mode: str, buffering: int, tmp_path: Path) -> None:
    def scenario(opening: Callable[..., Any]) -> Any:
        path = tmp_path / "file"
        path.unlink(missing_ok=True)
        if "x" not in mode:
            path.write_bytes(b"one\r\ntwo\n")
        found: list[Any] = []
        try:
            with opening(path, mode, buffering) as file:
                kind = type(file).__mro__
                found += [
                    next(each.__name__ for each in kind if each.__module__ == "_io"),
                    file.mode,
                    file.tell(),
                ]
                for call in (
                    lambda: file.readline(),
                    lambda: file.write(b"three" if "b" in mode else "three"),
                    lambda: file.seek(2),
                    lambda: file.read(),
                    lambda: file.truncate(3),
                    lambda: (file.readable(), file.writable(), file.seekable(), file.isatty()),
                ):
                    try:
                        found.append(call())
                    except (OSError, ValueError) as error:
                        found.append((type(error), str(error)))
            found.append(path.read_bytes())
        except (OSError, ValueError) as error:
            found.append(type(error))
        return found

    assert scenario(_file_objects.open) == scenario(builtins.open)


def test_text_arguments(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with _file_objects.open(path, "w", encoding="utf-16", newline="\r\n") as file:
        file.write("é\n")
    assert path.read_bytes() == "é\r\n".encode("utf-16")
    with _file_objects.open(path, encoding="ascii", errors="replace") as file:
        assert isinstance(file, io.TextIOWrapper)
        assert "\ufffd" in file.read()
    for wrong in ({"mode": "rb", "encoding": "ascii"}, {"mode": "r", "buffering": 0}):
        with pytest.raises(ValueError, match=r"can't have unbuffered|binary mode"):
            _file_objects.open(path, **wrong)
