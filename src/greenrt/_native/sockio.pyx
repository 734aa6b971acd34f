"""Calls on the standard library's socket objects that never block, and that return a marker if they would have to."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_XDECREF
from cpython.version cimport PY_VERSION_HEX
from libc.errno cimport EAGAIN, EINPROGRESS, EINTR, errno

import _socket


cdef extern from "<sys/socket.h>" nogil:
    ssize_t c_recv "recv"(int fd, void *buffer, size_t size, int flags)
    ssize_t c_send "send"(int fd, const void *buffer, size_t size, int flags)
    int MSG_DONTWAIT, MSG_TRUNC, SOCK_STREAM, AF_INET, AF_INET6

cdef extern from "<netinet/in.h>" nogil:
    int IPPROTO_TCP

cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *start, Py_ssize_t size) except NULL
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1
    bint PyObject_TypeCheck(object thing, PyTypeObject *type)
    object PyErr_SetFromErrno(object type)
    int PyErr_CheckSignals() except -1
    char *PyBytes_AS_STRING(object bytes)

cdef extern from *:
    """
    #include <Python.h>
    /* The first fields of PySocketSockObject (CPython's Modules/socketmodule.h), which no installed header declares.
       They are the same from 3.5 to 3.14; the code below tests with a real socket whether this interpreter has them.
       */
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
    /* One buffer is enough: its user holds the GIL, and copies the data out at once. */
    static char greenrt_scratch[GREENRT_SCRATCH];
    """
    ctypedef struct greenrt_sock:
        int fd
        int family
        int type
        int proto
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


cdef inline greenrt_sock *raw_of(object sock):
    """Return the C fields of a socket object; NULL if their layout is unknown."""
    # isinstance() would look up __instancecheck__ on the class of sockets each time.
    if layout_known and PyObject_TypeCheck(sock, <PyTypeObject *>socket_type):
        return <greenrt_sock *><PyObject *>sock
    return NULL


cpdef int descriptor(object sock) except? -1:
    """Return the file descriptor of `sock`; -1 if it is closed."""
    cdef greenrt_sock *raw = raw_of(sock)
    return raw.fd if raw != NULL else sock.fileno()


cpdef double timeout_of(object sock) except? -2.0:
    """Return the timeout of `sock` in seconds: 0 if it is non-blocking, negative if it has none."""
    cdef greenrt_sock *raw = raw_of(sock)
    if raw != NULL:
        return raw.timeout / 1e9
    timeout = sock.gettimeout()
    return -1.0 if timeout is None else timeout


cpdef int plain_stream(object sock) except? -1:
    """Return the fd if `sock` is a TCP socket that is not in non-blocking mode, else -1.

    Only on TCP sockets does a short read mean that there is no more data: on Unix sockets a read ends at ancillary
    data, on SCTP sockets at the end of a message.
    """
    cdef greenrt_sock *raw = raw_of(sock)
    if raw == NULL or raw.timeout == 0 or (raw.type & 0xF) != SOCK_STREAM:
        return -1
    if (raw.family == AF_INET or raw.family == AF_INET6) and (raw.proto == IPPROTO_TCP or raw.proto == 0):
        return raw.fd
    return -1


cpdef object receive(object sock, Py_ssize_t size, int flags):
    """Call recv(2) without waiting; return at most `size` bytes, or None if there is no data yet."""
    cdef int fd = descriptor(sock)
    cdef ssize_t count
    if size < 0:
        raise ValueError("negative buffersize in recv")
    if size == 0:
        return b""
    # With MSG_TRUNC the kernel returns the real length of a datagram, which may exceed the scratch buffer.
    if size > GREENRT_SCRATCH or flags & MSG_TRUNC:
        return _receive_much(fd, size, flags)
    while True:
        # The thread keeps the GIL: releasing it costs more than a call that does not wait.
        count = c_recv(fd, greenrt_scratch, size, flags | MSG_DONTWAIT)
        if count >= 0:
            return PyBytes_FromStringAndSize(greenrt_scratch, count)
        if errno == EAGAIN:
            return None
        if errno != EINTR:
            PyErr_SetFromErrno(OSError)
        PyErr_CheckSignals()


cdef object _receive_much(int fd, Py_ssize_t size, int flags):
    cdef PyObject *whole = new_bytes(NULL, size)
    cdef char *start = PyBytes_AS_STRING(<object>whole)
    cdef ssize_t count
    try:
        while True:
            with nogil:
                count = c_recv(fd, start, size, flags | MSG_DONTWAIT)
            if count >= 0:
                if count < size >> 1:
                    # Shrinking the object would leave most of its memory allocated.
                    return PyBytes_FromStringAndSize(start, count)
                if count > size and PY_VERSION_HEX >= 0x030F0000:
                    # CPython's socket.recv does so from 3.15 on; before, the rest of the buffer is uninitialized.
                    raise ValueError("size larger than allocated size")
                _PyBytes_Resize(&whole, count)
                return <object>whole
            if errno == EAGAIN:
                return None
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()
    finally:
        Py_XDECREF(whole)


cpdef Py_ssize_t receive_into(object sock, object buffer, Py_ssize_t start, Py_ssize_t size, int flags) except? -2:
    """Call recv(2) without waiting, into `buffer` from offset `start` on, for at most `size` bytes.

    Returns the number of bytes, or -1 if there is no data yet. Raises BufferError if the buffer is too small.
    """
    cdef int fd = descriptor(sock)
    cdef Py_buffer view
    cdef ssize_t count
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        if start < 0 or size < 0 or start > view.len or size > view.len - start:
            raise BufferError("the buffer was resized while it was being filled")
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
    """Call send(2) without waiting, for the bytes of `data` from offset `start` on.

    Returns the number of bytes sent, or -1 if the socket's buffer is full. Raises BufferError if `start` is outside
    `data`.
    """
    cdef int fd = descriptor(sock)
    cdef Py_buffer view
    cdef ssize_t count
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        if start < 0 or start > view.len:
            raise BufferError("the buffer was resized while it was being sent")
        while True:
            if view.len - start > GREENRT_SCRATCH:
                with nogil:
                    count = c_send(fd, <char *>view.buf + start, view.len - start, flags | MSG_DONTWAIT)
            else:
                # The thread keeps the GIL: releasing it costs more than a short call that does not wait.
                count = c_send(fd, <char *>view.buf + start, view.len - start, flags | MSG_DONTWAIT)
            if count >= 0:
                return count
            # EINPROGRESS: with TCP_FASTOPEN_CONNECT the first send connects the socket.
            if errno == EAGAIN or errno == EINPROGRESS:
                return -1
            if errno != EINTR:
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()
    finally:
        PyBuffer_Release(&view)


cpdef object attempt(object sock, object method, tuple args):
    """Call ``method(sock, *args)``, a method of `_socket.socket`; return WOULD_BLOCK if it would block."""
    cdef greenrt_sock *raw = raw_of(sock)
    cdef long long timeout
    if raw == NULL:
        return _attempt_on_copy(sock, method, args)
    timeout = raw.timeout
    if timeout <= 0:
        try:
            return method(sock, *args)
        except BlockingIOError:
            return WOULD_BLOCK
    # A positive timeout would make the method wait in poll(2), which blocks all greenlets.
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


# The result of `attempt` if the method would have to wait.
WOULD_BLOCK = _WouldBlock()
