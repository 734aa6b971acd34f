"""A heap of deadlines in which each node knows its position, so that any node can be removed quickly."""

from libc.math cimport INFINITY

from cpython.list cimport PyList_GET_ITEM
from cpython.ref cimport Py_DECREF, PyObject

cdef extern from "Python.h":
    void Py_SET_SIZE(object sized, Py_ssize_t size)


cdef inline HeapNode _at(list nodes, Py_ssize_t position):
    return <HeapNode>PyList_GET_ITEM(nodes, position)


cdef void _shorten(list nodes) noexcept:
    """Remove the last item of `nodes`; the caller holds a reference to it."""
    cdef PyObject *last = <PyObject *>PyList_GET_ITEM(nodes, len(nodes) - 1)
    Py_SET_SIZE(nodes, len(nodes) - 1)
    Py_DECREF(<object>last)


cdef inline bint _before(HeapNode a, HeapNode b):
    return a.deadline < b.deadline or (a.deadline == b.deadline and a.order < b.order)


# How many nodes the list always has storage for: otherwise a heap with few timers, which come and go, would have its
# storage allocated each time.
cdef Py_ssize_t KEPT = 64


cdef class HeapNode:
    """Base class of the items of a TimerHeap. A node can be claimed once."""

    def __cinit__(self):
        self.position = -1

    cpdef bint claim(self) noexcept:
        """Return True to the first caller and False to all later ones, from any thread."""
        # No Python code runs between the test and the store: the GIL makes them one step.
        if self.claimed:
            return False
        self.claimed = True
        return True

    def unclaim(self):
        """Undo the claim; only for the caller that claimed the node."""
        self.claimed = False


cdef class TimerHeap:
    """Nodes ordered by deadline (seconds); nodes with equal deadlines in the order of `push`. Owner thread only.

    Each node has four children: the tree is half as deep as a binary one, and a late deadline (the usual case) takes
    its position in one step.
    """

    def __cinit__(self):
        self.nodes = []
        self.counter = 0

    def __len__(self):
        return len(self.nodes)

    cpdef bint contains(self, HeapNode node):
        """Return whether `node` is in this heap. A node is in one heap at most."""
        return node.position >= 0

    cpdef push(self, HeapNode node, double deadline):
        """Add `node`, or move it if it is in the heap already."""
        self.remove(node)
        node.deadline = deadline
        self.counter += 1
        node.order = self.counter
        self.nodes.append(node)
        self._rise(len(self.nodes) - 1, node)

    cpdef bint remove(self, HeapNode node):
        """Remove `node`; return whether it was in the heap."""
        cdef Py_ssize_t position = node.position
        cdef HeapNode last
        if position < 0:
            return False
        last = _at(self.nodes, len(self.nodes) - 1)
        if len(self.nodes) <= KEPT:
            _shorten(self.nodes)
        else:
            try:
                self.nodes.pop()
            except MemoryError:
                # Shrinking the list's storage takes memory too, so the storage is kept.
                _shorten(self.nodes)
        node.position = -1
        if last is not node:
            if position > 0 and _before(last, _at(self.nodes, (position - 1) >> 2)):
                self._rise(position, last)
            else:
                self._sink(position, last)
        return True

    cpdef double first_deadline(self):
        """Return the earliest deadline, or infinity if the heap is empty."""
        return _at(self.nodes, 0).deadline if self.nodes else INFINITY

    cpdef HeapNode pop_due(self, double now):
        """Remove and return the first node if its deadline is not after `now`, else return None."""
        cdef HeapNode first
        if not self.nodes:
            return None
        first = _at(self.nodes, 0)
        if first.deadline > now:
            return None
        self.remove(first)
        return first

    cpdef list drain(self):
        """Remove and return all nodes, in no order."""
        cdef list nodes = self.nodes
        cdef HeapNode node
        self.nodes = []
        for node in nodes:
            node.position = -1
        return nodes

    cdef void _place(self, Py_ssize_t position, HeapNode node) noexcept:
        self.nodes[position] = node
        node.position = position

    cdef void _rise(self, Py_ssize_t position, HeapNode node) noexcept:
        cdef Py_ssize_t parent
        cdef HeapNode other
        while position > 0:
            parent = (position - 1) >> 2
            other = _at(self.nodes, parent)
            if not _before(node, other):
                break
            self._place(position, other)
            position = parent
        self._place(position, node)

    cdef void _sink(self, Py_ssize_t position, HeapNode node) noexcept:
        cdef Py_ssize_t size = len(self.nodes)
        cdef Py_ssize_t child, best, end
        cdef HeapNode candidate
        while True:
            child = position * 4 + 1
            if child >= size:
                break
            best = child
            end = min(child + 4, size)
            child += 1
            while child < end:
                if _before(_at(self.nodes, child), _at(self.nodes, best)):
                    best = child
                child += 1
            candidate = _at(self.nodes, best)
            if not _before(candidate, node):
                break
            self._place(position, candidate)
            position = best
        self._place(position, node)
