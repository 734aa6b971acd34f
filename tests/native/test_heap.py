"""The timer heap, compared with heapq; and claims by several threads."""

import heapq
import itertools
import random
import threading
from math import inf

import pytest
from support.child import run_script

from greenrt._native.heap import HeapNode, TimerHeap


def drained(heap: TimerHeap) -> list[HeapNode]:
    return list(iter(lambda: heap.pop_due(inf), None))


def test_equal_deadlines_in_the_order_of_their_push() -> None:
    heap, nodes = TimerHeap(), [HeapNode() for _ in range(500)]
    for node in nodes:
        heap.push(node, 7.0)
    assert drained(heap) == nodes


def test_empty() -> None:
    heap = TimerHeap()
    assert len(heap) == 0
    assert heap.first_deadline() == inf
    assert heap.pop_due(inf) is None
    assert heap.drain() == []
    assert not heap.remove(HeapNode())


def test_pops_what_is_due_and_no_more() -> None:
    heap, node = TimerHeap(), HeapNode()
    heap.push(node, 5.0)
    assert heap.contains(node)
    assert heap.pop_due(4.999) is None
    assert heap.pop_due(5.0) is node
    assert not heap.contains(node)


def test_a_second_push_moves() -> None:
    heap, node, other = TimerHeap(), HeapNode(), HeapNode()
    heap.push(node, 1.0)
    heap.push(other, 2.0)
    heap.push(node, 3.0)
    assert len(heap) == 2
    assert drained(heap) == [other, node]


def test_extreme_deadlines() -> None:
    heap, nodes = TimerHeap(), [HeapNode() for _ in range(5)]
    for node, deadline in zip(nodes, (inf, 1e18, 0.0, -inf, -1.0), strict=True):
        heap.push(node, deadline)
    assert drained(heap) == [nodes[i] for i in (3, 4, 2, 1, 0)]


@pytest.mark.parametrize("seed", range(20))
def test_does_what_heapq_does(seed: int) -> None:
    dice = random.Random(seed)
    heap, counter = TimerHeap(), itertools.count()
    model: list[tuple[float, int, HeapNode]] = []
    nodes = [HeapNode() for _ in range(300)]
    for _ in range(4000):
        node = dice.choice(nodes)
        action = dice.random()
        if action < 0.5:
            model = [item for item in model if item[2] is not node]
            deadline = float(dice.randrange(40))
            model.append((deadline, next(counter), node))
            heap.push(node, deadline)
        elif action < 0.75:
            inside = any(item[2] is node for item in model)
            model = [item for item in model if item[2] is not node]
            assert heap.remove(node) == inside
        else:
            now = float(dice.randrange(40))
            heapq.heapify(model)
            expected = heapq.heappop(model)[2] if model and model[0][0] <= now else None
            assert heap.pop_due(now) is expected
        assert len(heap) == len(model)
        assert heap.first_deadline() == min((item[0] for item in model), default=inf)
        assert heap.contains(node) == any(item[2] is node for item in model)
    assert drained(heap) == [item[2] for item in sorted(model, key=lambda item: item[:2])]


def test_drain_gives_all_back_and_forgets_them() -> None:
    heap, nodes = TimerHeap(), [HeapNode() for _ in range(50)]
    for node in nodes:
        heap.push(node, 1.0)
    assert set(heap.drain()) == set(nodes)
    assert len(heap) == 0
    assert not any(heap.contains(node) for node in nodes)
    heap.push(nodes[0], 1.0)
    assert drained(heap) == [nodes[0]]


def test_one_claim_wins_among_threads() -> None:
    nodes = [HeapNode() for _ in range(20_000)]
    won: list[list[int]] = [[] for _ in range(4)]
    start = threading.Barrier(4)

    def claim_all(mine: list[int]) -> None:
        start.wait()
        for number, node in enumerate(nodes):
            if node.claim():
                mine.append(number)

    threads = [threading.Thread(target=claim_all, args=(mine,)) for mine in won]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(itertools.chain(*won)) == list(range(len(nodes)))
    assert not nodes[0].claim()


def test_nodes_leave_while_memory_has_run_out() -> None:
    """Releasing the storage of a list takes memory, too."""
    run_script(
        """
        import _testcapi
        from greenrt._native.heap import HeapNode, TimerHeap

        heap, nodes = TimerHeap(), [HeapNode() for _ in range(200)]
        for node in nodes:
            heap.push(node, 1.0)
        last = nodes.pop()
        # An iterator takes memory, too.
        each = iter(nodes)
        _testcapi.set_nomemory(0)
        try:
            for node in each:
                heap.remove(node)
        except MemoryError:
            pass
        finally:
            _testcapi.remove_mem_hooks()
        for node in nodes:
            heap.remove(node)
        assert len(heap) == 1, len(heap)
        assert heap.pop_due(1.0) is last
        assert heap.pop_due(1.0) is None
        """
    )
