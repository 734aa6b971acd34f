"""gevent.fileobject: files, pipes and terminals whose reads and writes suspend only the greenlet."""

import io
import os
from collections.abc import Callable
from errno import EBADF

from greenrt import _original
from greenrt._typing import Any, Self
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent._config import config
from greenrt.green import _file_objects

__all__ = ["FileObject", "FileObjectBlock", "FileObjectPosix", "FileObjectThread"]


class _InThreads(_file_objects.FileIO):
    """A raw file whose every call runs in a thread of the hub's pool."""

    def __init__(self, file: Any, mode: str = "r", closefd: bool = True, opener: Any = None) -> None:
        super().__init__(file, mode, closefd, opener)
        self._may_wait = False


class FileObjectBase:
    """A file object over a path, a descriptor, or an object with ``fileno()``.

    Arguments: `fobj`, the path, the descriptor or the object. `mode`, `encoding`, `errors` and `newline` are as for
    `open`. `buffering`, or its former name `bufsize`, the size of the buffer; -1 is the default size, 0 none.
    `closefd`, or its former name `close`: whether `close` closes `fobj` too. TypeError if both names are given.

    Attributes and methods are those of the file object that `open` returns for the mode, which is `io`.
    """

    _raw_class: Any = _file_objects.FileIO

    def __init__(
        self,
        fobj: Any,
        mode: str = "r",
        bufsize: int | None = None,
        close: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        buffering: int | None = None,
        closefd: bool | None = None,
        atomic_write: bool = False,
    ) -> None:
        self._io: Any = None
        buffering = _one_of("buffering", buffering, "bufsize", bufsize, -1)
        self._close_fobj = _one_of("closefd", closefd, "close", close, True)
        self._fobj: Any = fobj if hasattr(fobj, "fileno") else None
        if self._fobj is None and not isinstance(fobj, int):
            fobj = os.fspath(fobj)
        mode = mode.replace("U", "" if "r" in mode else "r")
        if "b" not in mode and "t" not in mode and buffering == 0:
            # Text without a buffer: each write is passed on at once.
            buffering, unbuffered = -1, True
        else:
            unbuffered = False
        self._io = self._open(
            fobj.fileno() if self._fobj is not None else fobj,
            mode,
            buffering,
            encoding,
            errors,
            newline,
            self._close_fobj if isinstance(fobj, int) else self._fobj is None,
        )
        if unbuffered and hasattr(self._io, "reconfigure"):
            self._io.reconfigure(write_through=True)
        self.fileio: Any = _raw_below(self._io)
        if self._fobj is not None:
            # As the object: `name` raises AttributeError if that has none.
            if hasattr(fobj, "name"):
                self.fileio.name = fobj.name
            else:
                del self.fileio.name

    def _open(self, *args: Any) -> Any:
        file, mode, buffering, encoding, errors, newline, closefd = args
        return _file_objects.open_with(
            self._raw_class, file, mode, buffering, encoding, errors, newline, closefd, None
        )

    @property
    def io(self) -> Any:
        """The file object of the standard library's class, or what stands for it after `close`."""
        return self._io

    @property
    def closed(self) -> bool:
        """Whether the file object is closed."""
        return self._io is None or bool(self._io.closed)

    def close(self) -> None:
        """Write what is buffered, and close. A second call does nothing."""
        made, fobj = self._io, self._fobj
        if made is None or made.closed:
            return
        self._fobj = None
        try:
            made.close()
        finally:
            if fobj is not None and self._close_fobj:
                fobj.close()

    def __getattr__(self, name: str) -> Any:
        made = self.__dict__.get("_io")
        if made is None:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        if name == "fileno" and made.closed:
            raise OSError(EBADF, os.strerror(EBADF))
        return getattr(made, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        line = self._io.readline()
        if not line:
            raise StopIteration
        return line

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} _fobj={self._io!r}>"


class FileObjectPosix(FileObjectBase):
    """A file object that waits for readiness; regular files, which have none, use the hub's threads."""


class FileObjectThread(FileObjectBase):
    """A file object each of whose calls runs in a thread of the hub's pool.

    Further arguments: `lock` and `threadpool` are accepted, and have no effect: a buffer serves one greenlet at a
    time, and the threads are those of the hub.
    """

    _raw_class = _InThreads

    def __init__(self, *args: Any, lock: Any = True, threadpool: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class FileObjectBlock(FileObjectBase):
    """A file object whose calls block the native thread."""

    _raw_class = _original.FileIO

    def _open(self, *args: Any) -> Any:
        return _original.open(*args)


def _one_of(name: str, value: Any, former_name: str, former: Any, default: Any) -> Any:
    """Return the argument that is given by one of two names."""
    if value is not None and former is not None:
        raise TypeError(f"{former_name} is the former name of {name}; give one of them")
    return former if value is None and former is not None else default if value is None else value


def _raw_below(made: Any) -> Any:
    while not isinstance(made, io.RawIOBase):
        made = made.buffer if hasattr(made, "buffer") else made.raw
    return made


FileObject: Any = config.fileobject

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
