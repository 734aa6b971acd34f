"""The Unix socket through which `greenrt dump` asks a process."""

import os
import stat
import struct
from _socket import AF_UNIX, SO_PEERCRED, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET
from contextlib import suppress
from errno import EADDRINUSE, ECONNREFUSED, EMFILE, ENFILE

from greenrt import _original
from greenrt._native.high_fds import move_high, release
from greenrt._native.thread import monotonic
from greenrt._typing import Any, Self
from greenrt.inspect.answering import Interrupted, answering
from greenrt.inspect.protocol import answer_head, folders, make_own, read_question
from greenrt.inspect.report import failure_text, render

__all__ = ["Listener", "listen"]

# How long an asker may take to send its question, and to read the answer, in seconds: the next one waits meanwhile.
ASKING = 1.0
READING = 10.0
# The longest question in bytes.
LONGEST = 100
BACKLOG = 16
# How many files of a folder are looked at for sockets of processes that were killed.
SWEEP = 100
# The most bytes of one write(2). The socket does not block, so they may be more than it has room for.
PIECE = 1 << 16
# struct ucred of unix(7): pid, uid, gid.
UCRED = struct.Struct("=iII")


class Listener:
    """A socket that answers each question with a dump. `listen` makes it.

    Attribute: `path`, the file of the socket; an empty text after `close`.
    """

    def __init__(self, path: str | None) -> None:
        self._given = path
        self._sock: Any = None
        self._file: tuple[int, int] = (0, 0)
        # Two fds that are given up to answer a question when the process has none left: one for the connection, one
        # for the list of all fds.
        self._reserve: list[int] = []
        self.path: str = ""
        self._open()

    def _open(self, suffix: str = "") -> None:
        if self._given is not None:
            is_folder = os.path.isdir(self._given)
            self._open_at(_path_in(self._given, suffix) if is_folder else self._given + suffix)
            return
        problem: OSError | None = None
        for folder in folders(os.geteuid(), os.environ.get("XDG_RUNTIME_DIR")):
            try:
                make_own(folder)
                self._open_at(_path_in(folder, suffix))
                return
            except OSError as error:
                if error.errno == EADDRINUSE:
                    # This process listens there already.
                    raise
                # XDG_RUNTIME_DIR may name a folder that is not there, is read-only, or has a path that is too long.
                problem = error
        assert problem is not None
        raise problem

    def _open_at(self, path: str) -> None:
        _make_room(path)
        sock = _original.socket_type(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
        sock = _original.socket_type(fileno=move_high(sock.detach()))
        try:
            # The file gets the mode of the socket, so other users can't connect in between.
            os.fchmod(sock.fileno(), 0o600)
            sock.bind(path)
            sock.listen(BACKLOG)
            found = os.lstat(path)
        except BaseException:
            sock.close()
            raise
        self._sock, self.path, self._file = sock, path, (found.st_dev, found.st_ino)
        self._fill_reserve()

    def _fill_reserve(self) -> None:
        try:
            while len(self._reserve) < 2:
                self._reserve.append(move_high(_original.os_open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)))
        except OSError:
            pass

    def _free_reserve(self) -> None:
        while self._reserve:
            release(self._reserve.pop())

    def fileno(self) -> int:
        """Return the number of the listening socket; -1 after `close`."""
        return -1 if self._sock is None else int(self._sock.fileno())

    # -- In the answering thread

    def answer(self) -> None:
        """See `Source.answer`."""
        try:
            connection = self._accept()
            try:
                if _may_ask(connection):
                    self._answer(connection.fileno())
            finally:
                connection.close()
        except BlockingIOError:
            # The asker has left again.
            pass
        finally:
            self._fill_reserve()

    def _accept(self) -> Any:
        try:
            fd, _ = self._sock._accept()
        except OSError as error:
            if error.errno not in (EMFILE, ENFILE):
                raise
            self._free_reserve()
            fd, _ = self._sock._accept()
        connection = _original.socket_type(fileno=fd)
        connection.setblocking(False)
        return connection

    def _answer(self, fd: int) -> None:
        line = _read_line(fd)
        try:
            format = read_question(line)
        except ValueError as error:
            pieces, kind = [str(error)], "error"
        else:
            pieces, kind = _pieces(format)
        body = [piece.encode(errors="backslashreplace") for piece in pieces]
        deadline = monotonic() + READING
        answering.write(fd, answer_head(kind, sum(map(len, body))), deadline)
        for data in body:
            answering.write(fd, data, deadline, PIECE)

    # -- The end

    def renew(self) -> None:
        """See `Source.renew`: the child of a fork has a socket of its own, with its own pid in the path."""
        if self._sock is not None:
            self._sock.close()
        self._sock, self.path = None, ""

    def lose(self) -> None:
        """See `Source.lose`."""
        if self._sock is not None:
            self._sock.detach()
        self._sock = None
        self._reserve.clear()

    def start_again(self) -> None:
        """See `Source.start_again`."""
        if self._sock is None:
            self._open(f".{os.getpid()}")

    def close(self) -> None:
        """Answer no more questions, and remove the socket's file. A second call does nothing. Any thread."""
        answering.remove(self)
        self.end()

    def end(self) -> None:
        """See `Source.end`."""
        path, self.path = self.path, ""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()
        if path:
            try:
                found = os.lstat(path)
                if (found.st_dev, found.st_ino) == self._file:
                    os.unlink(path)
            except OSError:
                # The folder has gone, or has become read-only.
                pass
        self._free_reserve()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Listener at {id(self):#x} {self.path or 'closed'}>"


def listen(path: str | os.PathLike[str] | None = None) -> Listener:
    """Let ``greenrt dump`` ask this process: open a Unix socket, and answer in a native thread. For any thread.

    path: the file of the socket. None: ``PID.sock`` in ``$XDG_RUNTIME_DIR/greenrt``, or in ``/tmp/greenrt-UID`` if
        that can't be used; there ``greenrt dump PID`` finds it. A folder: ``PID.sock`` in it.

    Only root and the user of this process get answers. The child of a fork answers too, from the first turn of its
    loop on: with its own pid in the file's name, which is added to a `path` that names a file. The end of the process
    removes the file. Raises OSError if the file can't be made, and RuntimeError if no thread can be started.
    """
    listener = Listener(None if path is None else os.path.abspath(os.fspath(path)))
    try:
        answering.add(listener)
    except BaseException:
        listener.end()
        raise
    return listener


def _pieces(format: str) -> tuple[list[str], str]:
    """Return the pieces of an answer, and its kind. An error of the dump is part of the answer."""
    try:
        return [*render(format, answering.check), "\n"], "ok"
    except Interrupted:
        raise
    except Exception as error:
        return [failure_text(error)], "error"


def _path_in(folder: str, suffix: str) -> str:
    if not suffix:
        _sweep(folder)
    return os.path.join(folder, f"{os.getpid()}.sock")


def _sweep(folder: str) -> None:
    """Remove the sockets of processes that were killed, but not those of other PID namespaces that answer."""
    for name in os.listdir(folder)[:SWEEP]:
        pid, dot, ending = name.partition(".")
        if pid.isdigit() and dot + ending == ".sock" and not os.path.exists(f"/proc/{pid}"):
            path = os.path.join(folder, name)
            with suppress(OSError):
                if _is_dead(path):
                    os.unlink(path)


def _is_dead(path: str) -> bool:
    sock = _original.socket_type(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
    try:
        return bool(sock.connect_ex(path) == ECONNREFUSED)
    finally:
        sock.close()


def _make_room(path: str) -> None:
    """Remove the file of a process that has ended. bind(2) raises OSError if something else is there."""
    with suppress(OSError):
        if stat.S_ISSOCK(os.lstat(path).st_mode) and _is_dead(path):
            os.unlink(path)


def _may_ask(connection: Any) -> bool:
    """Return whether the process at the other end is of the same user, or root's."""
    _, uid, _ = UCRED.unpack(connection.getsockopt(SOL_SOCKET, SO_PEERCRED, UCRED.size))
    return uid in (0, os.geteuid())


def _read_line(fd: int) -> bytes:
    line, deadline = b"", monotonic() + ASKING
    while not line.endswith(b"\n") and len(line) < LONGEST:
        piece = answering.read(fd, LONGEST, deadline)
        if not piece:
            raise ConnectionResetError("the asker has left")
        line += piece
    return line
