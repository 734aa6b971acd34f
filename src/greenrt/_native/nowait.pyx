"""Reads and writes of file descriptors that never wait, and the file type of a descriptor."""

import os

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.number cimport PyNumber_Index
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.errno cimport EAGAIN, EINTR, EINVAL, ENOSYS, EOPNOTSUPP, ESPIPE, errno


cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *start, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1
    object PyErr_SetFromErrno(object type)
    int PyErr_CheckSignals() except -1
    char *bytes_start "PyBytes_AS_STRING"(PyObject *bytes)

cdef extern from *:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <sys/uio.h>

    /* -1 if the fd is not open. */
    static int greenrt_kind(int fd)
    {
        struct stat status;
        return fstat(fd, &status) < 0 ? -1 : (int)(status.st_mode & S_IFMT);
    }

    #ifdef SPLICE_F_NONBLOCK
    static ssize_t greenrt_tee(int from, int to) { return tee(from, to, 1, SPLICE_F_NONBLOCK); }
    #else
    static ssize_t greenrt_tee(int from, int to) { errno = ENOSYS; return -1; }
    #endif

    #ifdef RWF_NOWAIT
    static ssize_t greenrt_read(int fd, char *start, size_t size)
    {
        struct iovec piece = {start, size};
        return preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
    }
    static ssize_t greenrt_write(int fd, const char *start, size_t size)
    {
        struct iovec piece = {(char *)start, size};
        return pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
    }
    #else
    static ssize_t greenrt_read(int fd, char *start, size_t size) { errno = ENOSYS; return -1; }
    static ssize_t greenrt_write(int fd, const char *start, size_t size) { errno = ENOSYS; return -1; }
    #endif
    """
    int greenrt_kind(int fd) nogil
    ssize_t greenrt_tee(int source, int target)
    ssize_t greenrt_read(int fd, char *start, size_t size)
    ssize_t greenrt_write(int fd, const char *start, size_t size)
    int S_IFREG


# Missing where the C library has no preadv2.
cdef int NOWAIT = getattr(os, "RWF_NOWAIT", 0)


def kind_of(fd):
    """Return the file type of an fd, one of stat's ``S_IF…``; S_IFREG if `fd` is not an open fd.

    For a regular file the caller makes the original system call, which then raises the error.
    """
    cdef int number, kind
    try:
        number = PyNumber_Index(fd)
    except (TypeError, OverflowError):
        return S_IFREG
    with nogil:
        kind = greenrt_kind(number)
    return S_IFREG if kind < 0 else kind


cdef bint unsupported(int number):
    """Return whether the errno `number` means that this file or this kernel does not support the call."""
    return number in (EOPNOTSUPP, EINVAL, ENOSYS, ESPIPE)


cdef bint interrupted() except -1:
    """Return whether a signal interrupted the call (errno is EINTR), after running the handlers: call again."""
    if errno != EINTR:
        return False
    PyErr_CheckSignals()
    return True


cdef object answer():
    """Return None if errno says that the call would wait, NotImplemented if unsupported; else raise OSError."""
    if errno == EAGAIN:
        return None
    if unsupported(errno):
        return NotImplemented
    PyErr_SetFromErrno(OSError)


def read_now(int fd, Py_ssize_t size):
    """Read at most `size` bytes, by preadv2(2) with RWF_NOWAIT, and return them.

    Returns None if the read would wait, and NotImplemented if the file or the kernel does not support RWF_NOWAIT.
    Raises OSError as read(2) does. The call holds the GIL, since it never waits.
    """
    cdef PyObject *made = new_bytes(NULL, size)
    cdef ssize_t count
    try:
        while True:
            count = greenrt_read(fd, bytes_start(made), size)
            if count >= 0:
                _PyBytes_Resize(&made, count)
                return <object>made
            if not interrupted():
                return answer()
    finally:
        Py_XDECREF(made)


def readv_now(fd, buffers):
    """Read into `buffers` and return the number of bytes; None, NotImplemented and OSError as for `read_now`."""
    try:
        return os.preadv(fd, buffers, -1, NOWAIT) if NOWAIT else NotImplemented
    except BlockingIOError:
        return None
    except OSError as error:
        if unsupported(error.errno):
            return NotImplemented
        raise


def write_now(int fd, data, Py_ssize_t start):
    """Write the bytes of `data` from offset `start` on, by pwritev2(2) with RWF_NOWAIT; return how many were written.

    Returns None or NotImplemented as `read_now` does. Raises OSError as write(2) does, and TypeError if `data` is not
    contiguous.
    """
    cdef Py_buffer view
    cdef ssize_t count
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        while True:
            count = greenrt_write(fd, <const char *>view.buf + start, view.len - start)
            if count >= 0:
                return count
            if not interrupted():
                return answer()
    finally:
        PyBuffer_Release(&view)


def has_writer(int fd, int scratch):
    """Return whether a pipe has data or a writer, by tee(2), which removes no data.

    scratch: the write end of an empty pipe, which may hold a byte afterwards. Raises OSError as tee(2) does.
    """
    cdef ssize_t count = greenrt_tee(fd, scratch)
    if count >= 0:
        return count > 0
    if errno == EAGAIN:
        return True
    PyErr_SetFromErrno(OSError)
