"""A heap of deadlines from which any node can be removed (plain twin: heapq with lazy removal)."""

from heapq import heapify, heappop, heappush
from math import inf

from greenrt._native.fields import blank
from greenrt._typing import Any, Self

__all__ = ["HeapNode", "TimerHeap"]


class HeapNode:
    """Base class of the items of a TimerHeap. A node can be claimed once."""

    __slots__ = ("_claims", "deadline", "order")

    deadline: float
    order: int
    _claims: list[None]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        blank(self)
        self.deadline = 0.0
        self.order = 0
        self._claims = [None]
        return self

    def claim(self) -> bool:
        """Return True to the first caller and False to all later ones, from any thread."""
        try:
            # The GIL makes this one step.
            self._claims.pop()
        except IndexError:
            return False
        return True

    def unclaim(self) -> None:
        """Undo the claim; only for the caller that claimed the node."""
        self._claims.append(None)


class TimerHeap:
    """Nodes ordered by deadline (seconds); nodes with equal deadlines in the order of `push`. Owner thread only."""

    def __init__(self) -> None:
        # (deadline, order): that of a removed node stays until it is the first, without the node.
        self._heap: list[tuple[float, int]] = []
        self._nodes: dict[int, HeapNode] = {}
        self._counter = 0

    def __len__(self) -> int:
        return len(self._nodes)

    def contains(self, node: HeapNode) -> bool:
        """Return whether `node` is in this heap. A node is in one heap at most."""
        return node.order != 0

    def push(self, node: HeapNode, deadline: float) -> None:
        """Add `node`, or move it if it is in the heap already."""
        self.remove(node)
        self._counter += 1
        node.deadline = deadline
        node.order = self._counter
        self._nodes[node.order] = node
        heappush(self._heap, (deadline, node.order))

    def remove(self, node: HeapNode) -> bool:
        """Remove `node`; return whether it was in the heap."""
        # A signal handler may come after `pop_due` has taken the node.
        if not node.order or self._nodes.pop(node.order, None) is None:
            return False
        node.order = 0
        if len(self._heap) > 64 and len(self._nodes) * 2 < len(self._heap):
            self._compact()
        return True

    def _compact(self) -> None:
        counter = self._counter
        left = [item for item in tuple(self._heap) if item[1] in self._nodes]
        heapify(left)
        # A signal handler that has added a node meanwhile has added it to the old list. One that has removed nodes
        # does no harm.
        if self._counter == counter:
            self._heap = left

    def _skip_removed(self) -> None:
        heap = self._heap
        while heap and heap[0][1] not in self._nodes:
            heappop(heap)

    def first_deadline(self) -> float:
        """Return the earliest deadline, or infinity if the heap is empty."""
        self._skip_removed()
        return self._heap[0][0] if self._heap else inf

    def pop_due(self, now: float) -> HeapNode | None:
        """Remove and return the first node if its deadline is not after `now`, else return None."""
        while self._heap and self._heap[0][0] <= now:
            # The node may have been removed, also by a signal handler that runs now.
            node = self._nodes.pop(heappop(self._heap)[1], None)
            if node is not None:
                node.order = 0
                return node
        return None

    def drain(self) -> list[HeapNode]:
        """Remove and return all nodes, in no order."""
        nodes = list(self._nodes.values())
        for node in nodes:
            node.order = 0
        self._heap = []
        self._nodes = {}
        return nodes
