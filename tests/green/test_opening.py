"""The patched `open`: green file objects for fds that may have to wait, the standard ones for all else."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import greenrt
from greenrt.green import fileobject, opening


def test_a_pipe_suspends_the_greenlet_only():
    there, back = os.pipe()
    with opening.open(there, "rb") as reader, opening.open(back, "wb", buffering=0) as writer:
        reading = greenrt.spawn(reader.read, 5)
        greenrt.sleep(0)
        writer.write(b"hello")
        assert reading.get(timeout=10) == b"hello"


def test_kinds(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("text")
    with opening.open(path) as file:
        assert type(file.buffer) is io.BufferedReader
    with opening.open(os.open(path, os.O_RDONLY), "rb") as file:
        assert type(file) is io.BufferedReader
    there, back = os.pipe()
    with opening.open(there, "rb") as reader, opening.open(back, "wb") as writer:
        assert isinstance(reader, fileobject.BufferedReader)
        assert isinstance(writer, fileobject.BufferedWriter)
    with pytest.raises(OSError, match="Bad file descriptor"):
        opening.open(there)


@pytest.mark.parametrize("what", ["__file__", "os.pipe()[0]"])
def test_a_missing_encoding_is_blamed_on_the_caller(what: str, tmp_path: Path):
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
