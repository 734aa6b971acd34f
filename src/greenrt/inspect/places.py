"""Places in the program's code, and stacks of them."""

import runpy
from dataclasses import dataclass
from types import CodeType, FrameType

from greenrt._bare import plain
from greenrt._hub.bare import site_code_of, site_offset_of
from greenrt._hub.greenlet import Greenlet
from greenrt._render import is_own_frame, module_of_frame, render_site
from greenrt._typing import Any

__all__ = ["Place", "Sites", "Stacks"]

# The files of runpy, which starts programs as `__main__`: it is frozen in some versions.
_RUNPY = ("<frozen runpy>", runpy.__file__)
# The methods of threading.Thread in which each green thread begins.
_BEGINNINGS = ("Thread._bootstrap", "Thread._bootstrap_inner", "Thread.run")
# The modules of greenrt that start programs. Frames outside of theirs are of no interest either.
_STARTERS = ("greenrt.monkey.runner", "greenrt.cli.")


@dataclass(frozen=True, slots=True)
class Place:
    """A line of code. Attributes: `file`, `line` and `function`, the qualified name."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


class Stacks:
    """Makes stacks of places. Equal stacks are one object, since many greenlets have the same."""

    def __init__(self) -> None:
        # By the id of the code and the offset: to find the line takes longer. The code is kept, so that its id stays
        # its own.
        self._known: dict[tuple[int, int], _Known] = {}
        self._places: dict[Place, Place] = {}
        # By the ids of the places.
        self._stacks: dict[tuple[int, ...], tuple[Place, ...]] = {}
        # By the ids and offsets of all code, which `_known` keeps.
        self._of_code: dict[tuple[int, ...], tuple[Place, ...]] = {}

    def of(self, frame: FrameType | None) -> tuple[Place, ...]:
        """Return the places of the program's frames, the innermost first, without greenrt's own at either end."""
        innermost = frame
        key: list[int] = []
        while frame is not None:
            key.append(id(frame.f_code))
            key.append(frame.f_lasti)
            frame = frame.f_back
        stack = self._of_code.get(tuple(key))
        return self._make(innermost) if stack is None else stack

    def _make(self, frame: FrameType | None) -> tuple[Place, ...]:
        found: list[_Known] = []
        # Not the caller's key: the frames may have gone on in another thread.
        whole: list[int] = []
        begun = False
        while frame is not None:
            code = frame.f_code
            key = id(code), frame.f_lasti
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = self._know(frame, code)
            whole += key
            begun = begun or known[3]
            if not begun:
                found.append(known)
            frame = frame.f_back
        begin, end = 0, len(found)
        while begin < end and found[begin][2]:
            begin += 1
        while begin < end and found[end - 1][2]:
            end -= 1
        places = [place for _, place, _, _ in found[begin:end]]
        # Lines of greenrt's own may differ.
        stack = self._stacks.setdefault(tuple(map(id, places)), tuple(places))
        self._of_code[tuple(whole)] = stack
        return stack

    def _know(self, frame: FrameType, code: CodeType) -> "_Known":
        own = is_own_frame(frame)
        # The program may have compiled the code with texts of a class of its own.
        file, function = plain(code.co_filename), plain(code.co_qualname)
        place = Place(file, frame.f_lineno or code.co_firstlineno, function)
        return (
            code,
            self._places.setdefault(place, place),
            own or file in _RUNPY or (function in _BEGINNINGS and module_of_frame(frame) == "threading"),
            own and module_of_frame(frame).startswith(_STARTERS),
        )


class Sites:
    """Makes the texts of the places where greenlets were made, each once: rendering one takes long."""

    def __init__(self) -> None:
        # By the id of the code, which is kept, and the offset.
        self._known: dict[tuple[int, int], tuple[CodeType | None, str]] = {}

    def of(self, target: Greenlet[Any]) -> str:
        """Return the `spawned_at` of a greenlet."""
        code, offset = site_code_of(target), site_offset_of(target)
        key = id(code), offset
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = code, render_site(code, offset)
        return known[1]


# The code, the place, whether a user looks for something else, and whether the program begins inside of it.
_Known = tuple[CodeType, Place, bool, bool]
