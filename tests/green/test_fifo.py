"""Opening a FIFO waits for the other end, suspends only the greenlet, and leaks nothing if it is interrupted."""

import ctypes  # noqa: F401  # The plain build loads it at the first wait, which may open a file descriptor.
import errno
import io
import os as stdlib_os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.child import run_script

import greenrt
from greenrt.green import _open, os


@pytest.fixture
def fifo(tmp_path: Path) -> str:
    path = str(tmp_path / "fifo")
    stdlib_os.mkfifo(path)
    return path


def open_and_close(function: Callable[..., Any], *args: Any) -> None:
    made = function(*args)
    if isinstance(made, int):
        stdlib_os.close(made)
    else:
        made.close()


OPENER = ("rb", -1, None, None, None, True, os.open)
WAYS: dict[str, Callable[[str], None]] = {
    "os.open to read": lambda path: open_and_close(os.open, path, stdlib_os.O_RDONLY),
    "os.open to write": lambda path: open_and_close(os.open, path, stdlib_os.O_WRONLY),
    "open to read": lambda path: open_and_close(_open.open, path),
    "open to write": lambda path: open_and_close(_open.open, path, "wb", 0),
    "open to append": lambda path: open_and_close(_open.open, path, "a"),
    "open with an opener": lambda path: open_and_close(_open.open, path, *OPENER),
    "open with an opener to write": lambda path: open_and_close(_open.open, path, "wb", *OPENER[1:]),
    "FileIO to read": lambda path: open_and_close(_open.FileIO, path),
    "FileIO to write": lambda path: open_and_close(_open.FileIO, path, "w"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ["kill", "timeout", "partner"])
def test_others_run_and_the_wait_can_be_broken(way: str, end: str, fifo: str) -> None:
    greenrt.sleep(0)
    before = stdlib_os.listdir("/proc/self/fd")
    opener = greenrt.spawn(WAYS[way], fifo)
    greenrt.sleep(0.03)
    assert not opener.dead
    if end == "kill":
        opener.kill()
    elif end == "timeout":
        with pytest.raises(greenrt.Timeout):
            opener.get(timeout=0.01)
        opener.kill(greenrt.Timeout(1))
    else:
        stdlib_os.close(stdlib_os.open(fifo, stdlib_os.O_RDWR | stdlib_os.O_NONBLOCK))
        partner = stdlib_os.open(fifo, stdlib_os.O_RDWR | stdlib_os.O_NONBLOCK)
        opener.get(timeout=20)
        stdlib_os.close(partner)
    assert opener.dead
    assert stdlib_os.listdir("/proc/self/fd") == before


def test_a_waiting_reader_takes_nothing_out(fifo: str) -> None:
    both = stdlib_os.open(fifo, stdlib_os.O_RDWR)
    stdlib_os.write(both, b"data")
    with _open.open(fifo, "rb") as file:
        stdlib_os.close(both)
        assert file.read() == b"data"


def test_a_writer_that_has_left_counts(fifo: str) -> None:
    reader = greenrt.spawn(lambda: _open.open(fifo, "rb"))
    greenrt.sleep(0.02)
    # Without a chance to check in between.
    stdlib_os.close(stdlib_os.open(fifo, stdlib_os.O_WRONLY))
    with reader.get(timeout=20) as file:
        assert stdlib_os.get_blocking(file.fileno())
        assert file.read() == b""


def test_what_never_waits_is_the_original_call(fifo: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such device") as caught:
        os.open(fifo, stdlib_os.O_WRONLY | stdlib_os.O_NONBLOCK)
    assert caught.value.errno == errno.ENXIO
    with pytest.raises(FileExistsError):
        os.open(fifo, stdlib_os.O_WRONLY | stdlib_os.O_CREAT | stdlib_os.O_EXCL)
    with pytest.raises(FileNotFoundError):
        os.open(str(tmp_path / "none"), stdlib_os.O_RDONLY)
    with pytest.raises(TypeError):
        os.open(1.5, 0)
    for flags in (stdlib_os.O_RDWR, stdlib_os.O_PATH, stdlib_os.O_RDONLY | stdlib_os.O_NONBLOCK):
        stdlib_os.close(os.open(fifo, flags))
    folder = stdlib_os.open(tmp_path, stdlib_os.O_RDONLY)
    fd = os.open("new", stdlib_os.O_WRONLY | stdlib_os.O_CREAT, 0o600, dir_fd=folder)
    assert stdlib_os.get_inheritable(fd) is False
    stdlib_os.close(fd)
    stdlib_os.close(folder)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", ["r", "w"])
def test_another_process_is_the_partner(mode: str, fifo: str) -> None:
    """The other process is not patched: its open(2) blocks until this process has opened the FIFO."""
    program = "import sys; f = open(*sys.argv[1:]); print(f.read() if f.mode == 'r' else f.write('x'))"
    with subprocess.Popen(
        [sys.executable, "-c", program, fifo, mode], stdout=subprocess.PIPE, text=True
    ) as child:
        with _open.open(fifo, "w" if mode == "r" else "r") as file:
            if mode == "r":
                file.write("hello")
            else:
                assert file.read() == "x"
        assert child.stdout is not None
        assert child.stdout.read() == ("hello\n" if mode == "r" else "1\n")


def test_files_of_pipes_by_the_patched_class() -> None:
    there, back = stdlib_os.pipe()
    with _open.FileIO(there) as reader, _open.FileIO(back, "w") as writer:
        reading = greenrt.spawn(reader.read, 5)
        greenrt.sleep(0.01)
        assert not reading.dead
        writer.write(b"hello")
        assert reading.get(timeout=20) == b"hello"
        with io.BufferedReader(reader) as buffered:
            line = greenrt.spawn(buffered.readline)
            greenrt.sleep(0.01)
            assert not line.dead
            writer.write(b"line\n")
            assert line.get(timeout=20) == b"line\n"


PROGRAM = """
    import sys
    if sys.argv[1] == "patched":
        from greenrt import monkey
        monkey.patch_all()
    import array, io, os, pathlib, pickle, shutil, socket, tempfile, threading
    def attempt(function, *args, **kwargs):
        try: return function(*args, **kwargs)
        except Exception as error: return type(error).__name__, str(error).replace(folder, "FOLDER")
    folder = tempfile.mkdtemp()
    fifo = pathlib.Path(folder, "fifo")
    os.mkfifo(fifo)
    def both(read, write):
        found = []
        thread = threading.Thread(target=lambda: found.append(attempt(read)))
        thread.start()
        wrote = attempt(write)
        thread.join()
        return found, wrote
    def whole(opened):
        with opened: return opened.read()
    def put(opened, data):
        with opened: return opened.write(data), opened.mode, type(opened).__name__
    def fd_of(flags):
        return os.fdopen(os.open(fifo, flags), "rb" if flags == os.O_RDONLY else "wb")
    print(both(lambda: whole(open(fifo)), lambda: put(open(fifo, "w"), "text")))
    print(both(fifo.read_bytes, lambda: fifo.write_bytes(b"bytes")))
    print(both(lambda: whole(io.open(fifo, "rb", 0)), lambda: put(io.FileIO(fifo, "w"), b"raw")))
    print(both(lambda: whole(io.FileIO(str(fifo))), lambda: put(fd_of(os.O_WRONLY), b"fd")))
    print(both(lambda: whole(fd_of(os.O_RDONLY)), lambda: put(open(fifo, "ab"), b"more")))
    print(attempt(open, fifo, "r+"), attempt(open, fifo, "x"), attempt(open, folder), attempt(open, folder + "/no"))
    print(attempt(open, "a\\0b"), attempt(open, 1.5), attempt(io.FileIO, folder + "/no"), attempt(io.FileIO, -1))
    # The class of the file objects.
    name = folder + "/file"
    with open(name, "wb", 0) as file:
        print(isinstance(file, io.FileIO), issubclass(type(file), io.FileIO), isinstance(file, io.RawIOBase))
    class Mine(io.FileIO):
        def write(self, data): return super().write(bytes(data).upper())
    class Mixed(io.FileIO, socket.SocketIO if 0 else io.RawIOBase): pass
    with Mine(name, "w") as mine, open(name, "rb", 0) as other:
        print(mine.write(b"abc"), other.readall(), isinstance(other, Mine), isinstance(mine, io.FileIO))
        print(issubclass(Mine, io.FileIO), issubclass(type(other), Mine), issubclass(int, io.FileIO))
        print(attempt(pickle.dumps, mine)[0], repr(other).replace(name, "NAME"), mine.closefd, mine.mode)
    print(repr(mine).replace("__main__.", ""), attempt(mine.write, b"x"), attempt(other.read))
    print(io.FileIO.__module__, io.FileIO.__qualname__, repr(io.FileIO), io.FileIO.__doc__[:20])
    print(pickle.loads(pickle.dumps(io.FileIO)) is io.FileIO, isinstance(3, io.FileIO))
    with io.FileIO(name) as standard: print(repr(standard).replace(name, "NAME"), repr(standard)[:5])
    print(repr(standard))
    empty = io.FileIO.__new__(io.FileIO)
    print(attempt(empty.read), attempt(empty.close))
    print(os.open in os.supports_dir_fd, shutil.rmtree.avoids_symlink_attacks)
    shutil.rmtree(folder)
"""


def test_results_and_errors_are_the_standard_ones() -> None:
    patched, _ = run_script(PROGRAM, "patched")
    plain, _ = run_script(PROGRAM, "plain")
    assert patched.splitlines() == plain.splitlines()


@pytest.mark.parametrize("kind", ["rb", "r", "raw"])
def test_reads_of_a_fifo_that_an_opener_opens(kind: str, fifo: str) -> None:
    folder = stdlib_os.open(stdlib_os.path.dirname(fifo), stdlib_os.O_RDONLY)

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, dir_fd=folder)

    writer = stdlib_os.open(fifo, stdlib_os.O_RDWR)
    if kind == "raw":
        file = _open.open("fifo", "rb", 0, opener=opener)
    else:
        file = _open.open("fifo", kind, opener=opener)
    with file:
        reading = greenrt.spawn(file.readline)
        greenrt.sleep(0.01)
        assert not reading.ready()
        stdlib_os.write(writer, b"line\n")
        assert reading.get(timeout=20) == ("line\n" if kind == "r" else b"line\n")
    for fd in (writer, folder):
        stdlib_os.close(fd)


def test_a_regular_file_of_an_opener_has_the_standard_classes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for mode, kind in [("wb", io.BufferedWriter), ("rb", io.BufferedReader), ("rb+", io.BufferedRandom)]:
        with _open.open(path, mode, opener=stdlib_os.open) as file:
            assert type(file) is kind
            assert isinstance(file.raw, io.FileIO)
            if mode != "rb":
                file.write(b"text")
    with _open.open(path, opener=stdlib_os.open) as text:
        assert text.read() == "text"
    for mode in ("z", "rw", "tb", "r" * 2):
        with pytest.raises(ValueError, match=r".") as ours:
            _open.open(path, mode, opener=stdlib_os.open)
        with pytest.raises(ValueError, match=r".") as theirs:
            open(path, mode, opener=stdlib_os.open)  # noqa: SIM115
        assert ours.value.args == theirs.value.args
