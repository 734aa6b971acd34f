import cython

from greenrt._hub.park cimport Park, new_park
from greenrt.dns.udp cimport Asker, Exchange


cdef class Flight(Asker):
    cdef Line line
    cdef str name
    cdef object rtype
    cdef tuple key
    cdef Exchange exchange
    cdef object channel, outcome
    cdef Py_ssize_t askers
    cdef bint shared
    cdef list parks
    cdef tuple error

    cdef bint is_done(self)
    cdef join(self)
    @cython.locals(park=Park, parks=list)
    cdef land(self, object outcome, tuple error)


cdef class Line:
    cdef object settings
    cdef double limit
    cdef object _loop
    cdef list _servers
    cdef Py_ssize_t _first
    cdef set _exchanging
    cdef dict _channels, _awaited, flights
    cdef bint retired

    cdef launch(self, Flight flight)
    cdef list _in_turn(self)
    cdef exchanged(self, Flight flight, list records, tuple failure)
    cdef truncated(self, Flight flight)
    cdef _by_channel(self, Flight flight, bint use_vc)
    @cython.locals(exchange=Exchange)
    cdef orphan(self, Flight flight)
    cdef _replace(self, object channel)
    cdef retire(self)
    cpdef bint is_idle(self)
    @cython.locals(flight=Flight, exchange=Exchange)
    cdef list drop(self)
    @cython.locals(flight=Flight)
    cdef close(self)
    cdef _tidy(self, object channel)
    cpdef _answered(self, Flight flight, object records, object error)
    cdef _land(self, Flight flight, object records, tuple failure)


cdef class Lookup:
    cdef Flight _flight
    cdef bint _left

    @cython.locals(flight=Flight)
    cpdef result(self, object timeout=*)
    @cython.locals(flight=Flight, line=Line, park=Park, limit=double)
    cdef _wait(self, object timeout)
    @cython.locals(flight=Flight, line=Line)
    cpdef cancel(self)


cdef class Stub:
    cdef object __weakref__
    cdef readonly object hub
    cdef readonly bint cache, coalesce
    cdef object _settings
    cdef Line _current
    cdef readonly dict _lines
    cdef bint _closed

    @cython.locals(old=Line, new=Line)
    cpdef configure(self, object config)
    @cython.locals(line=Line, flight=Flight)
    cpdef Lookup submit(self, object name, object rtype, object servers=*)
    @cython.locals(line=Line)
    cdef Line _line(self, object servers)
    @cython.locals(line=Line)
    cdef _forget_idle(self)
    @cython.locals(line=Line)
    cpdef close(self)
    @cython.locals(line=Line, flight=Flight)
    cpdef after_fork(self)
    @cython.locals(line=Line)
    cpdef _ask_again(self, Flight flight)
