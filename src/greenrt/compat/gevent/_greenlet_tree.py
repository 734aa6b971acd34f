"""The tree of greenlets: each is below the greenlet that has spawned it."""

import pprint
import traceback
from collections.abc import Iterator
from types import FrameType

from greenlet import getcurrent, greenlet

from greenrt._freeze import hidden_objects
from greenrt._hub.frozen import frozen_instances
from greenrt._hub.local import all_local_dicts_for_greenlet
from greenrt._hub.report import all_greenlets
from greenrt._typing import Any, Self

__all__ = ["GreenletTree"]

_DETAILS: dict[str, Any] = {
    "running_stacks": True,
    "running_stack_limit": None,
    "spawning_stacks": True,
    "locals": True,
}

# A line of text, and whether it describes a greenlet rather than names one.
_Line = tuple[bool, str]


class GreenletTree:
    """A greenlet and those that it has spawned. `forest` and `current_tree` make trees.

    A greenlet whose spawner has ended stands below the main greenlet of its thread. `str` gives a short text, and
    `format` a longer one. Other attributes are those of the greenlet.

    Attributes: `greenlet`; `is_current_tree`, whether it is the root of the calling thread; `child_trees`.
    """

    def __init__(self, greenlet: Any) -> None:
        self.greenlet = greenlet
        self.is_current_tree = False
        self.child_trees: list[Self] = []

    def add_child(self, tree: Self) -> None:
        """Put `tree` below this one."""
        if tree is not self:
            self.child_trees.append(tree)

    @property
    def root(self) -> bool:
        """Whether the greenlet is the main greenlet of a thread."""
        return self.greenlet.parent is None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.greenlet, name)

    # -- Trees

    @classmethod
    def forest(cls) -> list[Self]:
        """Return the tree of each native thread with greenlets."""
        return list(cls._trees().values())

    @classmethod
    def current_tree(cls) -> Self:
        """Return the tree of the calling thread."""
        trees = cls._trees()
        return trees[_root_of(getcurrent())]

    @classmethod
    def _trees(cls) -> dict[Any, Self]:
        """Return the trees by their roots."""
        main = _root_of(getcurrent())
        made: dict[Any, Self] = {main: cls(main)}
        roots: dict[Any, Self] = {main: made[main]}
        made[main].is_current_tree = True
        found = all_greenlets()
        if hidden_objects():
            found = [*frozen_instances((greenlet,), found), *found]
        for each in found:
            if getattr(each, "greenlet_tree_is_ignored", False):
                continue
            above = _spawner_of(each)
            if above is None:
                above = _root_of(each)
                if above not in roots:
                    roots[above] = made.setdefault(above, cls(above))
            tree = made.setdefault(each, cls(each))
            made.setdefault(above, cls(above)).add_child(tree)
        return roots

    # -- Text

    def __str__(self) -> str:
        return self.format(False)

    def format(self, details: Any = True) -> str:
        """Return a text of the tree. See `format_lines`."""
        return "\n".join(self.format_lines(details))

    def format_lines(self, details: Any = True) -> list[str]:
        """Return the lines of a text.

        details: whether greenlets have parents, stacks, locals and spawn tree locals too. A dict chooses: its keys
        are running_stacks, running_stack_limit, spawning_stacks and locals.
        """
        chosen: dict[str, Any] = (
            {**_DETAILS, **details} if isinstance(details, dict) else _DETAILS if details else {}
        )
        return [text for _, text in self._render(chosen, 0)]

    def _render(self, details: dict[str, Any], depth: int) -> list[_Line]:
        lines: list[_Line] = [(False, self._label())]
        mark = " " if depth else ":"
        if details:
            lines += [(True, f" {mark}    {text}") for text in self._describe(details)]
        children = sorted(self.child_trees, key=_rank)
        for child in children:
            first, *others = child._render(details, depth + 1)
            is_last = child is children[-1]
            lines.append((False, f" +--- {first[1]}"))
            for describes, text in others:
                if describes:
                    lines.append((True, f" {' ' if is_last else mark}    {text}"))
                else:
                    lines.append((False, f" {' ' if is_last else '|'}   {text}"))
        return lines

    def _label(self) -> str:
        target = self.greenlet
        label = repr(target)
        if target:
            return label
        ready = getattr(target, "ready", None)
        if ready is None or not ready():
            return f"{label}; not running"
        label += "; finished"
        if target.value is not None:
            label += f" with value {repr(target.value)[:30]}"
        elif target.exception is not None:
            label += f" with exception {target.exception!r}"
        return label

    def _describe(self, details: dict[str, Any]) -> Iterator[str]:
        target = self.greenlet
        yield f"Parent: {target.parent!r}"
        if target and details["running_stacks"]:
            yield "Running:"
            yield from _stack(target.gr_frame, details["running_stack_limit"])
        stack = getattr(target, "spawning_stack", None)
        if stack is not None and details["spawning_stacks"]:
            yield "Spawned at:"
            yield from _stack(stack, None)
        shared = getattr(target, "spawn_tree_locals", None)
        if shared and shared is not getattr(_spawner_of(target), "spawn_tree_locals", None):
            yield "Spawn Tree Locals"
            yield from pprint.pformat(shared).splitlines()
        if details["locals"]:
            yield from _locals(target)


def _locals(target: Any) -> Iterator[str]:
    found = [entry for entry in all_local_dicts_for_greenlet(target) if entry[1]]
    if found:
        yield "Greenlet Locals:"
    for (kind, ident), values in found:
        yield f"  Local {kind} at {ident:#x}"
        yield from ("    " + pprint.pformat(values)).splitlines()


def _stack(frame: FrameType | None, limit: int | None) -> list[str]:
    return "".join(traceback.format_stack(frame, limit)).splitlines()


def _rank(tree: GreenletTree) -> Any:
    # Raw greenlets first, then those that run.
    target = tree.greenlet
    ready = getattr(target, "ready", None)
    number = -1 if ready is None else target.minimal_ident
    return number, ready is None or ready(), id(target.parent)


def _root_of(target: Any) -> Any:
    while target.parent is not None and not getattr(target, "greenlet_tree_is_root", False):
        target = target.parent
    return target


def _spawner_of(target: Any) -> Any:
    reference = getattr(target, "spawning_greenlet", None)
    return None if reference is None else reference()
