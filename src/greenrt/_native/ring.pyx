# cython: boundscheck=False, wraparound=False
"""A FIFO of objects: the storage of the run queue."""


cdef class Ring:
    """A first-in first-out queue. Owner thread only.

    The slots are a Python list, not a C array, so that the cyclic garbage collector sees the queued objects. The list
    grows before it is full: a wake-up still finds a free slot if there is no more memory.
    """

    def __cinit__(self):
        self.slots = [None] * 64
        self.head = 0
        self.count = 0
        self.mask = 63

    def __len__(self):
        return self.count

    cpdef append(self, object item):
        """Add `item` at the end."""
        if self.count > self.mask - (self.mask >> 2):
            self._grow()
        self.slots[(self.head + self.count) & self.mask] = item
        self.count += 1

    cpdef appendleft(self, object item):
        """Add `item` before the first one. Must not be called between a `peek` and its `popleft`."""
        if self.count > self.mask - (self.mask >> 2):
            self._grow()
        self.head = (self.head - 1) & self.mask
        self.slots[self.head] = item
        self.count += 1

    cpdef object popleft(self):
        """Remove and return the first item; raise IndexError if the queue is empty."""
        if self.count == 0:
            raise IndexError("the run queue is empty; test its length before popleft()")
        cdef object item = self.slots[self.head]
        self.slots[self.head] = None
        self.head = (self.head + 1) & self.mask
        self.count -= 1
        return item

    cpdef object peek(self):
        """Return the first item without removing it; None if the queue is empty."""
        return self.slots[self.head] if self.count else None

    cpdef clear(self):
        """Drop all items."""
        # Dropping an item may run a finalizer that appends, so the old slots are detached first.
        cdef list dropped = self.slots
        self.slots = [None] * 64
        self.head = self.count = 0
        self.mask = 63
        dropped.clear()

    cdef _grow(self):
        cdef list old = self.slots
        cdef Py_ssize_t head = self.head
        cdef bint failed = False
        try:
            self.slots = old[head:] + old[:head] + [None] * len(old)
        except MemoryError:
            # Nothing else here: Cython's code for an except clause that may raise assumes that it can make a
            # traceback.
            failed = True
        if failed:
            if self.count > self.mask:
                raise MemoryError("the run queue is full, and there is no memory to grow it")
            return
        self.head = 0
        self.mask = len(self.slots) - 1
