"""Socket calls that neither block nor raise when nothing is ready, on the stdlib's own socket objects."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from libc.errno cimport EAGAIN, EINTR, errno

import _socket


cdef extern from "<sys/socket.h>" nogil:
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *buffer, size_t size, int flags)
    int MSG_DONTWAIT, SOCK_STREAM, AF_INET, AF_INET6

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1
    object PyErr_SetFromErrno(object type)
    int PyErr_CheckSignals() except -1
    char *PyBytes_AS_STRING(object bytes)

cdef extern from *:
    """
    #include <Python.h>
    /* The beginning of PySocketSockObject (CPython's Modules/socketmodule.h), which no header installs. It has been
       the same from 3.5 to 3.14; whether it is that of this interpreter is tested below, on a real socket. */
    typedef struct {
        PyObject_HEAD
        int fd;
        int family;
        int type;
        int proto;
        PyObject *(*errorhandler)(void);
        int64_t timeout;
    } greenrt_sock;
    #define GREENRT_SCRATCH 65536
    /* One is enough: whoever uses it holds the GIL, and copies out of it at once. */
    static char greenrt_scratch[GREENRT_SCRATCH];
    """
    ctypedef struct greenrt_sock:
        int fd
        int family
        int type
        long long timeout
    char *greenrt_scratch
    int GREENRT_SCRATCH


cdef bint layout_known = False
cdef object socket_type = _socket.socket


cdef _test_layout():
    global layout_known
    probe = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        sock = <greenrt_sock *><PyObject *>probe
        probe.settimeout(1.5)
        good = sock.fd == probe.fileno() and sock.family == probe.family and sock.timeout == 1500000000
        probe.settimeout(None)
        layout_known = good and sock.timeout < 0
    finally:
        probe.close()


_test_layout()


cpdef int descriptor(object sock) except? -1:
    """Return the fd of a socket; -1 if it is closed."""
    if layout_known and isinstance(sock, socket_type):
        return (<greenrt_sock *><PyObject *>sock).fd
    return sock.fileno()


cpdef double timeout_of(object sock) except? -2.0:
    """Return a socket's timeout in seconds: 0 for non-blocking, negative for none."""
    if layout_known and isinstance(sock, socket_type):
        return (<greenrt_sock *><PyObject *>sock).timeout * 1e-9
    timeout = sock.gettimeout()
    return -1.0 if timeout is None else timeout


cpdef int plain_stream(object sock) except? -1:
    """Return the fd if it is that of a TCP socket that may wait, else -1.

    Of these alone a short read says that nothing more is there: Unix sockets end reads at ancillary data.
    """
    cdef greenrt_sock *raw
    if layout_known and isinstance(sock, socket_type):
        raw = <greenrt_sock *><PyObject *>sock
        if (raw.type & 0xF) == SOCK_STREAM and (raw.family == AF_INET or raw.family == AF_INET6) and raw.timeout != 0:
            return raw.fd
    return -1


cpdef object receive(object sock, Py_ssize_t size, int flags):
    """recv(2) without waiting: return the bytes, or None when there are none yet."""
    cdef int fd = descriptor(sock)
    cdef ssize_t count
    if size < 0:
        raise ValueError("negative buffersize in recv")
    if size == 0:
        return b""
    if size > GREENRT_SCRATCH:
        return _receive_much(fd, size, flags)
    while True:
        # With the GIL: giving it up costs more than a call that doesn't wait.
        count = c_recv(fd, greenrt_scratch, size, flags | MSG_DONTWAIT)
        if count >= 0:
            return PyBytes_FromStringAndSize(greenrt_scratch, count)
        if errno == EAGAIN:
            return None
        if errno != EINTR:
            PyErr_SetFromErrno(OSError)
        PyErr_CheckSignals()


cdef object _receive_much(int fd, Py_ssize_t size, int flags):
    cdef object whole = PyBytes_FromStringAndSize(NULL, size)
    cdef char *start = PyBytes_AS_STRING(whole)
    cdef ssize_t count
    while True:
        with nogil:
            count = c_recv(fd, start, size, flags | MSG_DONTWAIT)
        if count >= 0:
            # A bytes object of the requested size may be far larger than what came.
            return whole if count == size else PyBytes_FromStringAndSize(start, count)
        if errno == EAGAIN:
            return None
        if errno != EINTR:
            PyErr_SetFromErrno(OSError)
        PyErr_CheckSignals()


cpdef Py_ssize_t receive_into(object sock, object buffer, Py_ssize_t start, Py_ssize_t size, int flags) except? -2:
    """recv(2) into `buffer` from `start` on, at most `size` bytes, without waiting: the count, -1 for none yet."""
    cdef int fd = descriptor(sock)
    cdef Py_buffer view
    cdef ssize_t count
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        while True:
            count = c_recv(fd, <char *>view.buf + start, size, flags | MSG_DONTWAIT)
            if count >= 0:
                return count
            if errno == EAGAIN:
                return -1
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()
    finally:
        PyBuffer_Release(&view)


cpdef Py_ssize_t transmit(object sock, object data, Py_ssize_t start, int flags) except? -2:
    """send(2) what `data` holds from `start` on, without waiting: return the count, or -1 when nothing fits yet."""
    cdef int fd = descriptor(sock)
    cdef Py_buffer view
    cdef ssize_t count
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        while True:
            if view.len - start > GREENRT_SCRATCH:
                with nogil:
                    count = c_send(fd, <char *>view.buf + start, view.len - start, flags | MSG_DONTWAIT)
            else:
                # With the GIL: giving it up costs more than a short call that doesn't wait.
                count = c_send(fd, <char *>view.buf + start, view.len - start, flags | MSG_DONTWAIT)
            if count >= 0:
                return count
            if errno == EAGAIN:
                return -1
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()
    finally:
        PyBuffer_Release(&view)


cpdef object attempt(object sock, object method, tuple args):
    """Call ``method(sock, *args)``, one of `_socket.socket`'s, which must not block; return WOULD_BLOCK if it would."""
    cdef greenrt_sock *raw
    cdef long long timeout
    if not (layout_known and isinstance(sock, socket_type)):
        return _attempt_on_copy(sock, method, args)
    raw = <greenrt_sock *><PyObject *>sock
    timeout = raw.timeout
    # A positive timeout would make the method wait in poll(2), with all greenlets.
    raw.timeout = -1
    try:
        return method(sock, *args)
    except BlockingIOError:
        return WOULD_BLOCK
    finally:
        raw.timeout = timeout


def _attempt_on_copy(sock, method, args):
    copy = _socket.socket(sock.family, sock.type, sock.proto, fileno=sock.fileno())
    try:
        return method(copy, *args)
    except BlockingIOError:
        return WOULD_BLOCK
    finally:
        copy.detach()


class _WouldBlock:
    """The type of WOULD_BLOCK."""

    __slots__ = ()

    def __repr__(self):
        return "WOULD_BLOCK"


# What `attempt` returns when the method would have had to wait.
WOULD_BLOCK = _WouldBlock()
