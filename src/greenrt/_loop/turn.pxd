import cython

from greenrt._native.thread cimport check_signals, ident
from greenrt._loop.backends.base cimport Backend
from greenrt._loop.clock cimport Clock
from greenrt._loop.callback cimport Callback, Entry
from greenrt._loop.fd_table cimport FdTable
from greenrt._loop.wakeup cimport SignalWakeup, Wakeup
from greenrt._native.heap cimport HeapNode, TimerHeap
from greenrt._native.ring cimport Ring


cdef Py_ssize_t POSTS_AT_MOST, POSTS_AT_LEAST, TIMERS_AT_MOST, TIMERS_AT_LEAST
cdef double NAP, PROMPT
cdef int FULL_BATCH, FULL_BATCHES
cdef int CLOSED, READ, TIMER


cdef class Drain(Entry):
    cdef FdTable fds
    cdef object source
    cdef int fd
    cdef bint needed


cdef class LoopBase:
    cdef public Clock clock
    cdef public Backend _backend
    cdef public FdTable fds
    cdef public TimerHeap timers
    cdef public Ring ready
    cdef public int refs
    cdef public bint closed
    cdef public bint ended
    cdef public object waits_for
    cdef public object owner_mark
    cdef public int calling
    cdef public unsigned long owner
    cdef public unsigned long long iteration
    cdef readonly bint polling
    cdef readonly unsigned long long posts
    cdef public object lag
    cdef public object error_handler
    cdef public list prepares
    cdef public list checks
    cdef public list idles
    cdef public list prioritized
    cdef public list holders
    cdef readonly object inspector
    cdef object foreign
    cdef bint armed
    cdef bint watches_signals
    cdef Wakeup wakeup
    cdef readonly SignalWakeup signal_wakeup
    cdef Backend _polled
    cdef double _now, _polled_at
    cdef int _full_batches
    cdef object __weakref__

    cpdef bint on_owner_thread(self)
    cpdef check_owner(self, what)
    cpdef bint alive(self)
    cpdef post(self, Entry entry)
    cpdef bint post_final(self, Entry entry) except -1
    cpdef wake(self)
    cdef bint _withdraw_post(self, Entry entry) except -1
    cpdef watch_signals(self)
    cpdef gather(self, double limit)
    cdef int _poll(self, double limit) except -1
    @cython.locals(begin=double, timeout=double)
    cdef int _wait(self, double limit) except -1
    cdef int _sleep(self, Backend backend, double timeout) except -1
    cdef _dispatch(self, int count)
    @cython.locals(now=double, late=double)
    cdef _note_poll(self, double begin, double timeout, int count)
    @cython.locals(ready=Ring)
    cpdef collect_posts(self, Py_ssize_t limit=*)
    cdef _run_hooks(self, list hooks)
    cdef double _timeout(self, double limit, double now)
    cdef _expire_timers(self)
    cdef _queue_prioritized(self)
