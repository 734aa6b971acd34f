"""The patched `open`: green file objects for descriptors that may have to wait, and standard ones for all others."""

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import greenrt
from greenrt.green import _file_objects, _open


def test_a_pipe_suspends_the_greenlet_only() -> None:
    there, back = os.pipe()
    with _open.open(there, "rb") as reader, _open.open(back, "wb", buffering=0) as writer:
        reading = greenrt.spawn(reader.read, 5)
        greenrt.sleep(0)
        writer.write(b"hello")
        assert reading.get(timeout=10) == b"hello"


def test_kinds(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    with _open.open(path) as file:
        assert type(file.buffer) is io.BufferedReader
    with _open.open(os.open(path, os.O_RDONLY), "rb") as file:
        assert type(file) is io.BufferedReader
    there, back = os.pipe()
    with _open.open(there, "rb") as reader, _open.open(back, "wb") as writer:
        assert isinstance(reader, _file_objects.BufferedReader)
        assert isinstance(writer, _file_objects.BufferedWriter)
    with pytest.raises(OSError, match="Bad file descriptor"):
        _open.open(there)


@pytest.mark.parametrize("what", ["__file__", "os.pipe()[0]"])
def test_a_missing_encoding_is_blamed_on_the_caller(what: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(f"import os\nfrom greenrt import monkey\nmonkey.patch_os()\nopen({what})\n")
    done = subprocess.run(
        [sys.executable, "-X", "warn_default_encoding", str(program)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    warned = [line for line in done.stderr.splitlines() if "EncodingWarning" in line]
    assert [line.split(": ")[0] for line in warned if "program.py" in line] == [f"{program}:4"], done.stderr


@pytest.mark.parametrize("name", sorted(set(_open.FUNCTIONS) - {"open"}))
def test_replaced_types_are_immutable(name: str) -> None:
    replaced, standard = _open.FUNCTIONS[name], getattr(io, name)
    for change in (
        lambda kind: setattr(kind, "foo", 1),
        lambda kind: setattr(kind, "read", None),
        lambda kind: delattr(kind, "read"),
        lambda kind: delattr(kind, "foo"),
    ):
        with pytest.raises(TypeError) as mine:
            change(replaced)
        with pytest.raises(TypeError) as theirs:
            change(standard)
        assert str(mine.value) == str(theirs.value)
    mine_too = type("Mine", (replaced,), {})
    mine_too.foo = 1  # type: ignore[attr-defined]
    del mine_too.foo  # type: ignore[attr-defined]
    assert not hasattr(mine_too, "foo")


def test_replaced_types_of_buffers_are_the_standard_ones() -> None:
    for name, raws in {
        "BufferedRWPair": [io.BytesIO(), io.BytesIO()],
        "BufferedRandom": [io.BytesIO()],
        "BufferedReader": [io.BytesIO()],
        "BufferedWriter": [io.BytesIO()],
    }.items():
        replaced, standard = _open.FUNCTIONS[name], getattr(io, name)
        green, plain = replaced(*raws), standard(*raws)
        assert isinstance(green, standard)
        assert isinstance(plain, replaced)
        assert issubclass(standard, replaced)
        assert not isinstance(io.BytesIO(), replaced)
        assert not isinstance(plain, type("Mine", (replaced,), {}))
        assert (repr(replaced), replaced.__doc__) == (repr(standard), standard.__doc__)
        assert repr(green).split(" at ")[0] == repr(plain).split(" at ")[0]


def test_the_type_of_raw_files_is_the_standard_one() -> None:
    with io.FileIO(os.devnull) as standard, _open.FileIO(os.devnull) as green:
        for kind in (_open.FileIO, _file_objects.FileIO):
            assert issubclass(kind, io.FileIO)
            assert issubclass(kind, io.RawIOBase)
        assert isinstance(standard, _open.FileIO)
        assert isinstance(green, io.FileIO)
        assert repr(green) == repr(standard)
        assert repr(_open.FileIO) == repr(io.FileIO)

        # The repr has the name of the class, as for a subclass of the standard type.
        def subclass(base: type) -> type:
            return type("FileIO", (base,), {"__module__": "elsewhere"})

        with subclass(io.FileIO)(os.devnull) as theirs, subclass(_open.FileIO)(os.devnull) as mine:
            assert repr(mine) == repr(theirs)
        with pytest.raises(TypeError) as refused:
            pickle.dumps(green)
        with pytest.raises(TypeError) as refused_too:
            pickle.dumps(standard)
        # CPython 3.11 prints the C name of the class, with its module.
        assert str(refused.value).replace("_io.", "") == str(refused_too.value).replace("_io.", "")
    assert repr(green) == repr(standard)
