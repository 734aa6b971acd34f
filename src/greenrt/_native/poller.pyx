"""An epoll instance: registration that returns an errno, and a wait that fills a batch on the heap.

The batch must not be on the C stack: a pointer to a C local does not survive a greenlet switch.
"""

from libc.errno cimport EINTR, ENOSYS, EPERM, errno
from libc.math cimport ceil
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from posix.time cimport timespec
from posix.unistd cimport close

from greenrt._native.high_fds import move_high
from greenrt._native.thread cimport coarse


cdef extern from "<sys/epoll.h>" nogil:
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event *event)
    int epoll_wait(int epfd, epoll_event *events, int maxevents, int timeout)
    int EPOLL_CLOEXEC
    int EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL

cdef extern from *:
    """
    #include <unistd.h>
    #include <sys/syscall.h>
    #include <signal.h>
    /* Called by number: Linux has the call since 5.11, but glibc has a wrapper only since 2.35. */
    static int greenrt_epoll_pwait2(int epfd, struct epoll_event *events, int maxevents, struct timespec *timeout)
    {
    #ifdef SYS_epoll_pwait2
        return (int)syscall(SYS_epoll_pwait2, epfd, events, maxevents, timeout, NULL, 8);
    #else
        errno = ENOSYS;
        return -1;
    #endif
    }
    """
    int greenrt_epoll_pwait2(int epfd, epoll_event *events, int maxevents, timespec *timeout) nogil

cdef extern from "finalizing.h" nogil:
    int Py_IsFinalizing()
    void greenrt_stay_if_finalizing(int before)

cdef extern from "Python.h":
    object PyErr_SetFromErrno(object type)

ADD = EPOLL_CTL_ADD
MODIFY = EPOLL_CTL_MOD
DELETE = EPOLL_CTL_DEL

# The longest wait, in seconds: longer ones would overflow the kernel's types. One needless wake-up in this time is
# cheap.
cdef double LONGEST_WAIT = 86400.0
cdef bint has_pwait2 = True
# How often (seconds) polls that don't sleep release the GIL. More than twice CPython's switch interval of 5 ms.
cdef double RELEASE_EVERY = 0.012


cdef class Poller:
    """An epoll instance (epoll(7)). Owner thread only, except `control`, which is thread-safe in the kernel.

    capacity: how many events a batch can hold. `fd` is the descriptor of the instance; -1 once it is closed.
    """

    def __cinit__(self, int capacity=1024):
        self.fd = -1
        self.capacity = capacity
        self.batch = <epoll_event *>malloc(capacity * sizeof(epoll_event))
        if self.batch == NULL:
            raise MemoryError()
        self.fd = epoll_create1(EPOLL_CLOEXEC)
        if self.fd < 0:
            PyErr_SetFromErrno(OSError)
        self.fd = move_high(self.fd)

    def __dealloc__(self):
        if self.fd >= 0:
            close(self.fd)
        free(self.batch)

    cpdef int control(self, int operation, int fd, unsigned int events, unsigned int generation):
        """Call epoll_ctl(2); return 0 or the errno. Each event of this fd carries `generation`."""
        cdef epoll_event event
        event.events = events
        event.data.u64 = (<uint64_t>generation << 32) | <uint32_t>fd
        if epoll_ctl(self.fd, operation, fd, &event) == 0:
            return 0
        return errno

    cpdef int wait(self, double timeout) except -1:
        """Wait for at most `timeout` seconds (negative: forever); return how many events are in the batch.

        A signal (EINTR) ends the wait with 0 events: the caller runs the handlers.
        """
        cdef int count
        cdef int epfd = self.fd
        cdef int capacity = self.capacity
        cdef epoll_event *batch = self.batch
        cdef timespec limit
        cdef int finalizing = Py_IsFinalizing()
        global has_pwait2
        cdef double now
        if timeout == 0.0:
            # This does not sleep. A thread that waits for the GIL asks for it when it has seen no release for a while
            # (sys.setswitchinterval), and only then gets it for certain. A release in each poll would restart its
            # wait and give it no time to wake up: a loop that always has work would starve it.
            now = coarse()
            if now - self.released < RELEASE_EVERY:
                count = epoll_wait(epfd, batch, capacity, 0)
            else:
                # Code without bytecode boundaries lets no thread run, however long that one asks.
                self.released = now
                with nogil:
                    count = epoll_wait(epfd, batch, capacity, 0)
                    greenrt_stay_if_finalizing(finalizing)
        elif timeout < 0.0:
            with nogil:
                count = epoll_wait(epfd, batch, capacity, -1)
                greenrt_stay_if_finalizing(finalizing)
        else:
            if timeout > LONGEST_WAIT:
                timeout = LONGEST_WAIT
            count = -1
            if has_pwait2:
                limit.tv_sec = <long>timeout
                limit.tv_nsec = <long>((timeout - <double>limit.tv_sec) * 1e9)
                with nogil:
                    count = greenrt_epoll_pwait2(epfd, batch, capacity, &limit)
                    greenrt_stay_if_finalizing(finalizing)
                # Some sandboxes return EPERM for system calls that they do not know.
                if count < 0 and (errno == ENOSYS or errno == EPERM):
                    has_pwait2 = False
            if not has_pwait2:
                # In milliseconds, rounded up: a wait never ends early.
                with nogil:
                    count = epoll_wait(epfd, batch, capacity, <int>ceil(timeout * 1e3))
                    greenrt_stay_if_finalizing(finalizing)
        if count < 0:
            if errno == EINTR:
                return 0
            PyErr_SetFromErrno(OSError)
        return count

    cpdef close(self):
        """Close the epoll instance; idempotent."""
        if self.fd >= 0:
            close(self.fd)
            self.fd = -1

    cpdef int ready_fd(self, int index):
        """Return the fd of event number `index` of the batch."""
        return <int>(self.batch[index].data.u64 & 0xFFFFFFFFu)

    cpdef unsigned int ready_generation(self, int index):
        """Return the generation with which the fd of event number `index` was registered."""
        return <unsigned int>(self.batch[index].data.u64 >> 32)

    cpdef unsigned int ready_events(self, int index):
        """Return the epoll event mask of event number `index`."""
        return self.batch[index].events
