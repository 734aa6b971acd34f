# cython: boundscheck=False, wraparound=False
"""A FIFO of objects: the storage of the run queue."""


cdef class Ring:
    """A first-in first-out queue; owner thread only.

    The slots are a Python list, not a C array, so that the cyclic garbage collector sees what is queued. It grows
    before it is full: a wake while memory has run out finds a place.
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
        """Add `item` before the first one. Not between a `peek` and its `popleft`."""
        if self.count > self.mask - (self.mask >> 2):
            self._grow()
        self.head = (self.head - 1) & self.mask
        self.slots[self.head] = item
        self.count += 1

    cpdef object popleft(self):
        """Remove and return the first item; raise IndexError when there is none."""
        if self.count == 0:
            raise IndexError("pop from an empty run queue")
        cdef object item = self.slots[self.head]
        self.slots[self.head] = None
        self.head = (self.head + 1) & self.mask
        self.count -= 1
        return item

    cpdef object peek(self):
        """Return the first item without removing it, or None when there is none."""
        return self.slots[self.head] if self.count else None

    cpdef clear(self):
        """Drop all items."""
        # Dropping an item may run a finalizer that appends: detach the old slots first.
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
            # No more in here: Cython's code for a clause that may raise takes a traceback for granted.
            failed = True
        if failed:
            if self.count > self.mask:
                raise MemoryError("no memory for the run queue to grow")
            return
        self.head = 0
        self.mask = len(self.slots) - 1
