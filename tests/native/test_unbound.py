"""unbound: it behaves like the function that it wraps, except on classes and in pickle."""

import gc
import inspect
import pickle
import weakref

import pytest
from support.child import run_script

import greenrt
from greenrt._native.unbound import unbound


@unbound
def double(number: int, /, *, plus: int = 0) -> int:
    """Return twice the number."""
    return 2 * number + plus


class Holder:
    double = double


def test_a_class_does_not_bind_it() -> None:
    assert Holder().double(2) == Holder.double(2) == double(2) == 4
    assert double(2, plus=1) == double(*(2,), plus=1) == 5


def test_it_is_called_and_described_as_the_function() -> None:
    assert (double.__name__, double.__module__) == ("double", __name__)
    assert double.__doc__ == "Return twice the number."
    assert str(inspect.signature(double)) == "(number: int, /, *, plus: int = 0) -> int"
    assert "double" in repr(double)


def test_it_is_pickled_by_its_name() -> None:
    assert pickle.loads(pickle.dumps(double)) is double


@pytest.mark.parametrize("arguments", [(), (1, 2)])
def test_errors_are_those_of_the_function(arguments: tuple[int, ...]) -> None:
    with pytest.raises(TypeError, match=r"^double\(\)"):
        double(*arguments)


def test_a_cycle_through_it_is_collected() -> None:
    made = unbound(lambda: None)
    made.me = made
    there = weakref.ref(made)
    del made
    gc.collect()
    assert there() is None


def test_builtin_functions_are_left_as_they_are() -> None:
    assert unbound(len)("four") == 4
    assert greenrt.__build__ == "pure" or unbound(len) is len


def test_at_the_end_it_calls_another_function() -> None:
    output, errors = run_script("""
        import builtins, os
        from greenrt._native.unbound import unbound
        class Late:
            uses = staticmethod(unbound(lambda text: "before", at_end=str.upper)), unbound(lambda text: text)
            write = staticmethod(os.write)
            def __del__(self):
                self.write(1, " ".join(use("end") for use in self.uses).encode())
        builtins.late = Late()
        print(*[use("end") for use in Late.uses])
    """)
    assert (output, errors) == ("before end\nEND end", "")
