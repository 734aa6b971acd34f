"""The types of the public interface: aliases of generic classes, names in signatures, and where Any is left.

`make types` checks what mypy and pyright make of them (tests/typed/user_code.py).
"""

import copy
import inspect
import pickle
import pydoc
import typing
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from support import any_types, public

import greenrt
from greenrt import dns

GENERIC = [
    greenrt.AsyncResult,
    greenrt.Channel,
    greenrt.Greenlet,
    greenrt.LifoQueue,
    greenrt.PriorityQueue,
    greenrt.Queue,
    greenrt.SimpleQueue,
]
ALLOWED = dict(
    line.split(" | ")
    for line in Path(__file__).with_name("typed").joinpath("any.txt").read_text().splitlines()
    if not line.startswith("#")
)
PLACES = sorted(any_types.places())


def test_any_is_in_no_other_public_signature() -> None:
    others = [place for place in PLACES if not any(fnmatchcase(place, pattern) for pattern in ALLOWED)]
    assert others == []


def test_the_list_of_any_is_needed() -> None:
    unused = [pattern for pattern in ALLOWED if not any(fnmatchcase(place, pattern) for place in PLACES)]
    assert unused == []
    assert all(reason.strip() for reason in ALLOWED.values())


@pytest.mark.parametrize("kind", GENERIC)
def test_a_generic_class_has_aliases(kind: Any) -> None:
    alias = kind[int]
    assert typing.get_origin(alias) is kind
    assert typing.get_args(alias) == (int,)
    assert repr(alias).endswith(f"{kind.__name__}[int]")
    assert type(alias()) is kind


def test_a_subclass_of_an_alias_is_a_subclass() -> None:
    class Numbers(greenrt.Queue[int]):
        pass

    class Download(greenrt.Greenlet[bytes]):
        def _run(self) -> bytes:
            return b"body"

    numbers = Numbers(items=[1, 2])
    assert isinstance(numbers, greenrt.Queue)
    assert numbers.get() == 1
    assert issubclass(greenrt.LifoQueue, greenrt.Queue)
    assert Download.spawn().get() == b"body"


@pytest.mark.parametrize("kind", [*GENERIC, dns.Answer])
def test_a_generic_class_has_no_instance_dict_for_that(kind: type) -> None:
    generic = next(base for base in kind.__mro__ if base.__name__ == "Generic")
    assert generic.__slots__ == ()
    assert "__dict__" not in vars(generic)


def test_help_has_no_stand_ins() -> None:
    for name, thing in public.exported().items():
        if not name.startswith("greenrt.green.") and (isinstance(thing, type) or inspect.isroutine(thing)):
            text = pydoc.render_doc(thing, renderer=pydoc.plaintext)
            assert "_StandIn" not in text
            assert "_Name" not in text


def test_hints_can_be_evaluated() -> None:
    def function(result: "greenrt.AsyncResult[int]", call: Callable[[], greenrt.Greenlet[str]]) -> None: ...

    hints = typing.get_type_hints(function)
    assert hints["result"] == greenrt.AsyncResult[int]
    for thing in (greenrt.spawn_raw, greenrt.with_timeout, greenrt.Pool.map, greenrt.Queue.put, greenrt.wait):
        assert typing.get_type_hints(thing)


def test_an_answer_can_be_copied_and_pickled() -> None:
    answer = dns.Answer("example.org", ["192.0.2.1"])
    assert copy.copy(answer) == pickle.loads(pickle.dumps(answer)) == answer
