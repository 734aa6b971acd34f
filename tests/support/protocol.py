"""A model of posts, finalizers, breaks and the close of a loop, for a search of all their interleavings.

Each actor is a chain of steps, one for each access of the code in `_loop/turn.py` and `Loop.end` to state that
threads share, in the same order. The search visits each state once, and counts the schedules that lead through it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["BUGS", "Scenario", "Violation", "search"]

# Mistakes that can be put in, to see that the search finds them: the kind of scenario that shows each, the report.
BUGS = {
    "armed is cleared after the last look at the queue": ("posts", "a post sleeps in the queue"),
    "armed is cleared only if something was posted": ("posts", "a post sleeps in the queue"),
    "a post does not look for the close again": ("a post and a close", "a post was lost"),
    "a finalizer does not look for the end again": ("a finalizer and a close", "a finalizer was lost"),
    "what a close finds at its end is not run": ("a finalizer and a close", "a finalizer was lost"),
}
LATE, SELDOM, *_ = BUGS


class Violation(AssertionError):
    """A schedule that breaks a promise."""


@dataclass(frozen=True)
class Scenario:
    """The actors: for each thread its actions in turn, from "post", "final", "break", "close"."""

    threads: tuple[tuple[str, ...], ...]
    # A finalizer that the owner runs finalizes another watcher.
    chain: bool = False
    bug: str = ""


class State(NamedTuple):
    foreign: tuple[str, ...] = ()
    ready: tuple[str, ...] = ()
    armed: bool = False
    readable: bool = False
    closed: bool = False
    ended: bool = False
    # The entries that ran, in order; the entries that were refused.
    ran: tuple[str, ...] = ()
    raised: frozenset[str] = frozenset()
    owner: str = "look"
    left: int = 0
    # For each thread, the number of its action and the step of that action.
    at: tuple[tuple[int, str], ...] = ()


def search(scenario: Scenario) -> tuple[int, int]:
    """Follow every interleaving; return (states, schedules). Raise Violation if one breaks a promise."""
    start = State(at=tuple((0, "first") for _ in scenario.threads))
    counts: dict[State, int] = {}
    stack: list[tuple[State, Iterator[State], list[State]]] = []
    following = list(_next(scenario, start))
    stack.append((start, iter(following), following))
    while stack:
        state, remaining, following = stack[-1]
        for step in remaining:
            if step not in counts:
                after = list(_next(scenario, step))
                stack.append((step, iter(after), after))
                break
        else:
            stack.pop()
            if not following:
                _judge(scenario, state)
            counts[state] = sum(counts[step] for step in following) or 1
    return len(counts), counts[start]


def _next(scenario: Scenario, state: State) -> Iterator[State]:
    owner = OWNER[state.owner](scenario, state)
    if owner is not None:
        yield owner
    for index, actions in enumerate(scenario.threads):
        if state.at[index][0] < len(actions):
            yield _thread(scenario, state, index)


# -- Threads: LoopBase.post, post_final, wake


def _thread(scenario: Scenario, state: State, index: int) -> State:
    number, step = state.at[index]
    kind = scenario.threads[index][number]
    name = f"{kind} {index}.{number}"

    def to(step: str, **changes: Any) -> State:
        at = list(state.at)
        at[index] = (number + 1, "first") if step == "end" else (number, step)
        return state._replace(at=tuple(at), **changes)

    def refused() -> State:
        if kind == "final":
            # The loop has ended: the caller runs the entry.
            return to("end", ran=(*state.ran, name))
        return to("end", raised=state.raised | {name})

    if kind == "break":
        return to("end", readable=True)
    over = state.closed if kind == "post" else state.ended
    if step == "first":
        return refused() if over else to("append")
    if step == "append":
        return to("armed?", foreign=(*state.foreign, name))
    if step == "armed?":
        return to("again") if state.armed else to("arm")
    if step == "arm":
        return to("send", armed=True)
    if step == "send":
        return to("again", readable=True)
    if step == "again":
        blind = {
            "post": "a post does not look for the close",
            "final": "a finalizer does not look for the end",
        }
        if not over or (kind in blind and scenario.bug.startswith(blind[kind])):
            return to("end")
        return to("take back")
    assert step == "take back"
    if name not in state.foreign:
        return to("end")
    state = state._replace(foreign=tuple(other for other in state.foreign if other != name))
    return refused()


# -- The owner: collect_posts, _timeout, the poll, run_batch, Loop.end. "!" marks steps of the close, "!!" its last.


def _marks(state: State) -> str:
    return state.owner[len(state.owner.rstrip("!")) :]


def _look(scenario: Scenario, state: State) -> State:
    marks = _marks(state)
    if scenario.bug == SELDOM and not state.foreign:
        return state._replace(owner=_AFTER[marks])
    if scenario.bug == LATE:
        return state._replace(owner="count" + marks)
    return state._replace(owner="clear" + marks)


def _clear(scenario: Scenario, state: State) -> State:
    return state._replace(armed=False, owner="count" + _marks(state))


_AFTER = {"": "sleep?", "!": "run!", "!!": "run!!"}


def _count(scenario: Scenario, state: State) -> State:
    return state._replace(left=len(state.foreign), owner="pop" + _marks(state))


def _pop(scenario: Scenario, state: State) -> State:
    if state.left and state.foreign:
        return state._replace(
            left=state.left - 1,
            ready=(*state.ready, state.foreign[0]),
            foreign=state.foreign[1:],
        )
    return state._replace(left=0, owner=_AFTER[_marks(state)])


def _sleep(scenario: Scenario, state: State) -> State:
    if state.ready or state.foreign:
        return state._replace(owner="poll")
    return state._replace(owner="clear late" if scenario.bug == LATE else "asleep")


def _clear_late(scenario: Scenario, state: State) -> State:
    return state._replace(armed=False, owner="asleep")


def _asleep(scenario: Scenario, state: State) -> State | None:
    return state._replace(readable=False, owner="run") if state.readable else None


def _poll(scenario: Scenario, state: State) -> State:
    return state._replace(readable=False, owner="run")


def _run(scenario: Scenario, state: State) -> State:
    marks = _marks(state)
    if not state.ready:
        if marks == "!":
            # One more check after the last one that found an entry.
            return state._replace(owner="last?!")
        return state._replace(owner="gone" if marks else "look")
    name, rest = state.ready[0], state.ready[1:]
    state = state._replace(ready=rest, ran=(*state.ran, name))
    if scenario.chain and name.startswith("final") and not name.endswith("+"):
        if state.ended:
            state = state._replace(ran=(*state.ran, name + "+"))
        else:
            state = state._replace(foreign=(*state.foreign, name + "+"))
    if name.startswith("close") and not marks:
        return state._replace(owner="close")
    return state


def _close(scenario: Scenario, state: State) -> State:
    return state._replace(closed=True, owner="look!")


def _last(scenario: Scenario, state: State) -> State:
    if state.foreign:
        return state._replace(owner="look!")
    return state._replace(owner="end")


def _end(scenario: Scenario, state: State) -> State:
    lazy = scenario.bug == "what a close finds at its end is not run"
    return state._replace(ended=True, owner="gone" if lazy else "look!!")


OWNER: dict[str, Callable[[Scenario, State], State | None]] = {
    "sleep?": _sleep,
    "clear late": _clear_late,
    "asleep": _asleep,
    "poll": _poll,
    "close": _close,
    "last?!": _last,
    "end": _end,
    "gone": lambda scenario, state: None,
}
for _part in ("", "!", "!!"):
    OWNER |= {"look" + _part: _look, "clear" + _part: _clear, "count" + _part: _count, "pop" + _part: _pop}
    OWNER["run" + _part] = _run


# -- Promises that must hold at the end


def _judge(scenario: Scenario, state: State) -> None:
    if state.owner == "asleep" and state.foreign:
        raise Violation(f"a post sleeps in the queue, and no thread wakes the loop: {state}")
    closes = any("close" in actions for actions in scenario.threads)
    if closes != (state.owner == "gone"):
        raise Violation(f"the loop is not at its end: {state}")
    for index, actions in enumerate(scenario.threads):
        for number, kind in enumerate(actions):
            name = f"{kind} {index}.{number}"
            done = state.ran.count(name) + (name in state.raised)
            if kind == "post" and done != 1:
                raise Violation(f"a post was {'lost' if not done else 'run twice'}: {name} in {state}")
            if kind == "final":
                ran = state.ran.count(name)
                if ran != 1:
                    raise Violation(
                        f"a finalizer was {'lost' if not ran else 'run twice'}: {name} in {state}"
                    )
        mine = [name for name in state.ran if name.startswith(f"post {index}.")]
        if mine != sorted(mine):
            raise Violation(f"posts of one thread ran out of order: {state}")
    chained = [name for name in state.ran if name.endswith("+")]
    if len(chained) != len(set(chained)):
        raise Violation(f"a finalizer's finalizer ran twice: {state}")
