import cython

from greenrt._hub.park cimport Park, new_park
from greenrt.dns.udp cimport ExchangeOwner, Exchange


cdef class InFlight(ExchangeOwner):
    cdef Transport transport
    cdef str name
    cdef object rtype
    cdef tuple key
    cdef double asked_at
    cdef Exchange exchange
    cdef object channel, answer
    cdef Py_ssize_t lookups
    cdef bint shared
    cdef list parks
    cdef tuple error

    cdef bint is_done(self)
    cdef add_lookup(self)
    @cython.locals(park=Park, parks=list)
    cdef finish(self, object answer, tuple error)


cdef class Transport:
    cdef object settings
    cdef double limit
    cdef object _loop
    cdef list _servers
    cdef Py_ssize_t _first
    cdef set _exchanging
    cdef dict _channels, _awaited
    cdef readonly dict in_flight
    cdef bint retired

    cdef send(self, InFlight query)
    cdef list _server_order(self)
    cdef exchange_ended(self, InFlight query, list records, tuple failure)
    cdef truncated(self, InFlight query)
    cdef _send_by_channel(self, InFlight query, bint use_vc)
    @cython.locals(exchange=Exchange)
    cdef withdraw(self, InFlight query)
    cdef _replace(self, object channel)
    cdef retire(self)
    cpdef bint is_idle(self)
    @cython.locals(query=InFlight, exchange=Exchange)
    cdef list abandon(self)
    @cython.locals(query=InFlight)
    cdef close(self)
    cdef _release_unused(self, object channel)
    cpdef _answered(self, InFlight query, object records, object error)
    cdef _finish(self, InFlight query, object records, tuple failure)


cdef class Lookup:
    cdef InFlight _query
    cdef bint _left

    @cython.locals(query=InFlight)
    cpdef result(self, object timeout=*)
    @cython.locals(query=InFlight, transport=Transport, park=Park, limit=double)
    cdef _wait(self, object timeout)
    @cython.locals(query=InFlight, transport=Transport)
    cpdef cancel(self)


cdef class Stub:
    cdef object __weakref__
    cdef readonly object hub
    cdef readonly bint cache, coalesce
    cdef object _settings
    cdef Transport _current
    cdef readonly dict _transports
    cdef bint _closed

    @cython.locals(old=Transport, new=Transport)
    cpdef configure(self, object config)
    @cython.locals(transport=Transport, query=InFlight)
    cpdef Lookup submit(self, object name, object rtype, object servers=*)
    @cython.locals(transport=Transport)
    cdef Transport _transport(self, object servers)
    @cython.locals(transport=Transport)
    cdef _forget_idle(self)
    @cython.locals(transport=Transport)
    cpdef close(self)
    @cython.locals(transport=Transport, query=InFlight)
    cpdef after_fork(self)
    @cython.locals(transport=Transport)
    cpdef _ask_again(self, InFlight query)
