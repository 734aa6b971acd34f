"""Warnings of CPython's C code have the line of the caller, even if the call passes through a patched function."""

import builtins
import io
import os
import select
import sys
import termios
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from greenrt.green import _file_objects, _open, _termios
from greenrt.green import os as green_os
from greenrt.green import select as green_select

BOOLS_ARE_WARNED_OF = sys.version_info >= (3, 13)


def warned(call: Callable[[], Any]) -> list[tuple[str, str, str]]:
    """Return category, text and file of the warnings that `call` causes; ignore errors of the call."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            call()
        except (OSError, KeyError):
            pass
    return [(warning.category.__name__, str(warning.message), warning.filename) for warning in found]


class StandardFile(io.FileIO):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)


class GreenFile(_open.FileIO):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)


def _registered(poll: Any) -> None:
    poller = poll()
    poller.register(True, 1)
    poller.modify(False, 1)
    poller.unregister(True)


WITH_BOOL = {
    "open": (
        lambda: builtins.open(True, "wb", 0, closefd=False),  # noqa: SIM115
        lambda: _open.open(True, "wb", 0, closefd=False),
    ),
    "FileIO": (lambda: io.FileIO(True, "w", False), lambda: _open.FileIO(True, "w", False)),
    "subclass": (lambda: StandardFile(True, "w", False), lambda: GreenFile(True, "w", False)),
    "fileobject": (lambda: io.FileIO(True, "w", False), lambda: _file_objects.FileIO(True, "w", False)),
    "os.open": (lambda: os.open("missing", 0, dir_fd=True), lambda: green_os.open("missing", 0, dir_fd=True)),
    "eventfd_read": (lambda: os.eventfd_read(False), lambda: green_os.eventfd_read(False)),
    "eventfd_write": (lambda: os.eventfd_write(False, 1), lambda: green_os.eventfd_write(False, 1)),
    "select": (
        lambda: select.select([], [True, 2], [False], 0),
        lambda: green_select.select([], [True, 2], [False], 0),
    ),
    "poll": (lambda: _registered(select.poll), lambda: _registered(green_select.poll)),
}


@pytest.fixture
def no_terminal() -> Iterator[None]:
    """Replace file descriptors 0 and 1 by the ends of a pipe with data."""
    kept = [(fd, os.dup(fd)) for fd in (0, 1)]
    ends = os.pipe()
    os.write(ends[1], bytes(64))
    for (fd, _), end in zip(kept, ends, strict=True):
        os.dup2(end, fd)
    yield
    for fd, copy in kept:
        os.dup2(copy, fd)
        os.close(copy)
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("name", WITH_BOOL)
def test_bool_as_fd(name: str, no_terminal: None) -> None:
    standard, green = WITH_BOOL[name]
    found = warned(green)
    assert found == warned(standard)
    assert bool(found) == BOOLS_ARE_WARNED_OF
    assert {file for *_, file in found} <= {__file__}


OF_TERMINALS: dict[str, tuple[Any, ...]] = {
    "tcdrain": (),
    "tcsendbreak": (0,),
    "tcsetattr": (termios.TCSADRAIN, [0, 0, 0, 0, 0, 0, [b""] * 32]),
}


@pytest.mark.parametrize("name", OF_TERMINALS)
def test_bool_as_terminal(name: str, no_terminal: None) -> None:
    def call(function: Any) -> Any:
        try:
            function(True, *OF_TERMINALS[name])
        except termios.error:
            pass

    found = warned(lambda: call(getattr(_termios, name)))
    assert found == warned(lambda: call(getattr(termios, name)))
    assert bool(found) == BOOLS_ARE_WARNED_OF


def test_a_bool_stays_the_name(no_terminal: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for mode, buffering in (("wb", 0), ("wb", -1), ("w", -1)):
            with _open.open(True, mode, buffering, closefd=False) as file:
                assert file.name is True
        with _open.FileIO(True, "w", False) as raw, io.FileIO(True, "w", False) as standard:
            assert (raw.name, repr(raw)) == (True, repr(standard))


def test_a_bool_is_selected(no_terminal: None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert green_select.select([False], [True], [], 5) == ([False], [True], [])


def test_bool_as_path() -> None:
    with pytest.raises(TypeError) as mine:
        green_os.open(True, 0)
    with pytest.raises(TypeError) as theirs:
        os.open(True, 0)  # type: ignore[arg-type]
    assert str(mine.value) == str(theirs.value)


@pytest.mark.parametrize("mode", ["rb", "wb", "r+b", "w", "rwb", "rbb", "rbt", "qb", "rb+b"])
@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_line_buffering(mode: str, encoding: str | None, no_terminal: None) -> None:
    def outcome(function: Any, file: Any) -> tuple[Any, Any]:
        errors = []

        def call() -> None:
            try:
                function(file, mode, 1, encoding, closefd=isinstance(file, str)).close()
            except ValueError as error:
                errors.append(str(error))

        return warned(call), errors

    assert outcome(_open.open, os.devnull) == outcome(builtins.open, os.devnull)
    if mode in ("rb", "wb"):
        fd = int(mode == "wb")
        assert outcome(_open.open, fd) == outcome(builtins.open, fd)
