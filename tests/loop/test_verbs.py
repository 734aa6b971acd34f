"""Methods of all watchers besides start and stop: priorities, feed, references."""

import pytest
from support.threads import in_thread

from greenrt._events import READ, WRITE
from greenrt._loop.loop import Loop
from greenrt.errors import Finalized, LoopClosed, WrongThread

from .conftest import Rig


@pytest.mark.promised_order
def test_priorities(virtual: Rig) -> None:
    loop, seen = virtual.loop, []
    for priority in (0, -1, 2, 0, 1, -2, 2):
        loop.timer(1, priority=priority).start(seen.append, priority)
    loop.timer(1).start(loop.run_callback, seen.append, "callback")
    loop.run()
    assert seen == [2, 2, 1, 0, 0, -1, -2, "callback"]


def test_a_priority_is_set_while_nothing_happens(loop: Loop) -> None:
    watcher = loop.timer(0)
    assert watcher.priority == 0
    for wrong in (3, -3):
        with pytest.raises(ValueError, match=str(wrong)):
            watcher.priority = wrong
    watcher.priority = loop.MAXPRI
    assert loop.prepare(priority=loop.MINPRI).priority == -2
    watcher.start(print)
    with pytest.raises(AttributeError, match="stop it before you set its priority"):
        watcher.priority = 1
    watcher.stop()
    with pytest.raises(WrongThread):
        in_thread(setattr, watcher, "priority", 1)


def test_all_of_a_turn_runs_whatever_its_priority(rig: Rig) -> None:
    one, other = rig.pair()
    other.send(b"x")
    seen = []
    low = rig.loop.io(one.fileno(), READ, priority=-2)
    low.start(lambda: (seen.append("low"), low.stop()))
    high = rig.loop.idle(priority=2)
    high.start(lambda: seen.append("high"))
    while "low" not in seen:
        rig.turn()
    high.stop()
    rig.turn()


def test_a_watcher_with_a_priority_that_is_stopped_is_not_called(loop: Loop) -> None:
    seen = []
    one, other = (loop.timer(0, priority=1) for _ in range(2))
    one.start(other.stop)
    other.start(seen.append, 1)
    loop.run()
    assert seen == []


def test_once(rig: Rig) -> None:
    loop, seen = rig.loop, []
    one, other = rig.pair()
    other.send(b"never read")
    watcher = loop.io(one.fileno(), READ)
    watcher.start(seen.append, "io", once=True)
    prepare = loop.prepare()
    prepare.start(seen.append, "prepare", once=True)
    timer = loop.timer(0, 0.001)
    timer.start(seen.append, "timer", once=True)
    made_async = loop.async_()
    made_async.start(seen.append, "async", once=True)
    made_async.send()
    for _ in range(5):
        rig.turn()
    assert sorted(seen) == ["async", "io", "prepare", "timer"]
    assert not any(one.active for one in (watcher, prepare, timer, made_async))
    # The callback may start the watcher again, and the next start is not a one-shot.
    watcher.start(lambda: watcher.start(seen.append, "again"), once=True)
    for _ in range(3):
        rig.turn()
    assert watcher.active
    assert seen.count("again") >= 2
    watcher.stop()


def test_once_keeps_the_loop_no_longer_than_needed(loop: Loop) -> None:
    seen = []
    loop.timer(0.001, 0.001).start(seen.append, "timer", once=True)
    loop.embed(interval=0.001).start(seen.append, "embed", once=True)
    loop.run()
    assert sorted(seen) == ["embed", "timer"]


def test_again_repeats_what_was_started_for_once(loop: Loop) -> None:
    seen = []
    timer = loop.timer(0.001, 0.001)
    timer.start(seen.append, "once", once=True)
    loop.run()
    timer.again(lambda: (seen.append("again"), len(seen) == 4 and timer.stop()))
    loop.run()
    assert seen == ["once", "again", "again", "again"]


def test_feed(loop: Loop) -> None:
    seen = []
    timer = loop.timer(1000, 1000)
    with pytest.raises(ValueError, match="no callback"):
        timer.feed(4)
    timer.feed(4, seen.append, "inactive")
    assert timer.pending
    loop.run()
    assert seen == ["inactive"]
    timer.start(seen.append, "active")
    at = timer.at
    timer.feed(4)
    timer.feed(4)
    loop.run(nowait=True)
    assert seen == ["inactive", "active"]
    assert timer.active
    assert timer.at == at
    timer.feed(4)
    timer.stop()
    loop.run()
    assert len(seen) == 2


def test_feed_with_a_priority_before_the_poll(loop: Loop) -> None:
    """A prepare watcher feeds it: the poll must not sleep."""
    seen = []
    watcher = loop.timer(1000, priority=1)
    watcher.start(seen.append, "fed")
    prepare = loop.prepare()
    prepare.start(lambda: (watcher.feed(4), prepare.stop()))
    loop.run(once=True)
    assert seen == ["fed"]
    watcher.stop()


def test_feed_io(rig: Rig) -> None:
    one, _ = rig.pair()
    seen = []
    with rig.loop.io(one.fileno(), READ) as watcher:
        watcher.feed(READ | WRITE | 8, seen.append, "fed")
        rig.turn(2)
        watcher.start(lambda events: seen.append(events), pass_events=True)
        watcher.feed(READ)
        rig.turn(2)
        assert watcher.active
    assert seen == ["fed", READ]


def test_feed_where_it_can_not_be(loop: Loop) -> None:
    timer, closed, dead = loop.timer(1), loop.timer(1), loop.timer(1)
    closed.close()
    dead.finalize()
    with pytest.raises(WrongThread, match="feed was called"):
        in_thread(timer.feed, 4, print)
    with pytest.raises(TypeError, match="42"):
        timer.feed(4, 42)
    with pytest.raises(ValueError, match="closed"):
        closed.feed(4, print)
    with pytest.raises(Finalized):
        dead.feed(4, print)
    loop.close()
    with pytest.raises(LoopClosed):
        timer.feed(4, print)
