"""Socket calls that neither block nor raise when nothing is ready, on the stdlib's own socket objects."""

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
    /* One is enough: its user holds the GIL, and copies out of it at once. */
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
    """Return the C fields of a socket object, NULL if they can't be reached."""
    # isinstance() would ask the class of sockets for an __instancecheck__ each time.
    if layout_known and PyObject_TypeCheck(sock, <PyTypeObject *>socket_type):
        return <greenrt_sock *><PyObject *>sock
    return NULL


cpdef int descriptor(object sock) except? -1:
    """Return the fd of a socket; -1 if it is closed."""
    cdef greenrt_sock *raw = raw_of(sock)
    return raw.fd if raw != NULL else sock.fileno()


cpdef double timeout_of(object sock) except? -2.0:
    """Return a socket's timeout in seconds: 0 for non-blocking, negative for none."""
    cdef greenrt_sock *raw = raw_of(sock)
    if raw != NULL:
        return raw.timeout / 1e9
    timeout = sock.gettimeout()
    return -1.0 if timeout is None else timeout


cpdef int plain_stream(object sock) except? -1:
    """Return the fd if it is that of a TCP socket that may wait, else -1.

    Of these alone a short read says that nothing more is there: Unix sockets end reads at ancillary data, SCTP
    at messages.
    """
    cdef greenrt_sock *raw = raw_of(sock)
    if raw == NULL or raw.timeout == 0 or (raw.type & 0xF) != SOCK_STREAM:
        return -1
    if (raw.family == AF_INET or raw.family == AF_INET6) and (raw.proto == IPPROTO_TCP or raw.proto == 0):
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
    # With MSG_TRUNC the kernel returns a datagram's real length, which may exceed the scratch buffer.
    if size > GREENRT_SCRATCH or flags & MSG_TRUNC:
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
    cdef PyObject *whole = new_bytes(NULL, size)
    cdef char *start = PyBytes_AS_STRING(<object>whole)
    cdef ssize_t count
    try:
        while True:
            with nogil:
                count = c_recv(fd, start, size, flags | MSG_DONTWAIT)
            if count >= 0:
                if count < size >> 1:
                    # Shrinking it would leave most of it allocated.
                    return PyBytes_FromStringAndSize(start, count)
                if count > size and PY_VERSION_HEX >= 0x030F0000:
                    # As CPython's socket.recv from 3.15 on; before, what follows the `size` bytes is left over.
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
    """recv(2) into `buffer` from `start` on, at most `size` bytes, without waiting: the count, -1 for none yet."""
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
    """send(2) what `data` holds from `start` on, without waiting: return the count, or -1 when nothing fits yet."""
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
                # With the GIL: giving it up costs more than a short call that doesn't wait.
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
    """Call ``method(sock, *args)``, one of `_socket.socket`'s; return WOULD_BLOCK if it would block."""
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
