"""Patching looks at the program's modules, classes and objects; their code must not run, and may raise anything."""

from pathlib import Path

import pytest
from support.child import run_script

ODD_MODULES = (
    "unnamed",
    "unhashable name",
    "name with methods",
    "lazy",
    "fixed",
    "odd key",
    "large key",
    "odd defaults",
)


@pytest.mark.parametrize("kind", ODD_MODULES)
def test_copies_in_odd_modules(kind: str) -> None:
    run_script(
        """
        import os, sys, threading, types
        def asked(*args):
            raise ZeroDivisionError("code of the program")
        class Lazy(types.ModuleType):
            __getattribute__ = asked
        class Fixed(types.ModuleType):
            __setattr__ = asked
        class Name(str):
            __hash__ = str.__hash__
            __eq__ = split = asked
        class Key(str):
            calm = True
            def __hash__(self): return str.__hash__(self) if self.calm else asked()
        class Defaults(tuple):
            __bool__ = __iter__ = asked
        kind = sys.argv[1]
        odd = {"lazy": Lazy, "fixed": Fixed}.get(kind, types.ModuleType)("odd")
        names = types.ModuleType.__dict__["__dict__"].__get__(odd)
        if kind == "unnamed":
            names["__name__"] = None
        elif kind == "unhashable name":
            names["__name__"] = []
        elif kind == "name with methods":
            names["__name__"] = Name("odd")
        elif kind == "odd key":
            names[Key("other")] = os.write
            Key.calm = False
        elif kind == "large key":
            # CPython makes no text of it.
            names[10**5000] = kept = {10**5000: os.write}
            locks = {-10**5000: threading.Lock()}
        elif kind == "odd defaults":
            def function(write=os.write): pass
            function.__module__ = "odd"
            function.__defaults__ = Defaults(function.__defaults__)
            names["function"] = function
        names["write"] = os.write
        names["lock"] = threading.Lock()
        native = [os.write]
        sys.modules["odd"] = odd
        from greenrt import monkey
        import greenrt
        monkey.patch_all()
        lines = monkey.report()
        assert names["write"] is os.write is not native[0]
        assert isinstance(names["lock"], greenrt.Lock)
        if kind == "large key":
            assert isinstance(locks[-10**5000], greenrt.Lock)
            assert "not reached: os.write: <dict object>.<int of 16610 bits>" in lines, lines
        missed = {"odd key": "odd.<__main__.Key object>", "odd defaults": "odd.function"}.get(kind)
        assert missed is None or f"not reached: {missed}: setting it raised ZeroDivisionError" in lines, lines
        """,
        kind,
    )


RIVALS_AND_DRIVERS = ("gevent", "gevent.monkey", "eventlet", "eventlet.patcher", "psycopg", "psycopg2")


@pytest.mark.parametrize("name", ["this", *RIVALS_AND_DRIVERS, "multiprocessing.util"])
def test_lazy_modules_are_not_loaded(name: str, tmp_path: Path) -> None:
    """importlib's lazy modules load at the first look at an attribute."""
    if name in RIVALS_AND_DRIVERS:
        for each in RIVALS_AND_DRIVERS:
            path = tmp_path.joinpath(*each.split("."))
            path.mkdir()
            (path / "__init__.py").write_text("")
    run_script(
        """
        import importlib.util, sys
        sys.path.insert(0, sys.argv[2])
        name = sys.argv[1]
        spec = importlib.util.find_spec(name)
        spec.loader = importlib.util.LazyLoader(spec.loader)
        lazy = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(lazy)
        kind = type(lazy)
        from greenrt import monkey
        monkey.patch_all()
        monkey.report()
        assert type(lazy) is kind
        """,
        name,
        str(tmp_path),
    )


# Classes, and a metaclass, that raise at whatever they are asked once `calm` is False.
ODD_CLASSES = """
import os, sys, threading
calm = True
def asked(*args):
    raise ZeroDivisionError("code of the program")
class Meta(type):
    def __getattribute__(cls, name): return type.__getattribute__(cls, name) if calm else asked()
    def __eq__(cls, other): return cls is other if calm else asked()
    def __hash__(cls): return type.__hash__(cls) if calm else asked()
    def __setattr__(cls, name, value): type.__setattr__(cls, name, value) if calm else asked()
    __instancecheck__ = __subclasscheck__ = asked
class Odd(metaclass=Meta):
    __slots__ = ("lock", "__hidden", "unset", "__dict__")
    write = os.write
    shared = threading.Lock()
    __getattribute__ = __setattr__ = asked
class Plain: pass
class Covered(Plain, metaclass=Meta):
    __dict__ = property(asked)
class Closed(metaclass=Meta):
    # Without a `__dict__` of a base class, nothing but C code gets at the dict.
    __dict__ = property(asked)
class Key:
    def __hash__(self): return 1 if calm else asked()
fields = type.__dict__["__dict__"].__get__
native, NativeLock = [os.write], type(threading.Lock())
"""


def test_objects_whose_classes_raise() -> None:
    run_script(
        ODD_CLASSES
        + """
odd, covered, closed = Odd(), Covered(), Closed()
names = object.__getattribute__(odd, "__dict__")
names.update(lock=threading.RLock(), kind=NativeLock, native=os.write)
slots = [fields(Odd)[name] for name in ("lock", "_Odd__hidden")]
for slot in slots:
    slot.__set__(odd, threading.Lock())
covered.lock, covered.kind = threading.Lock(), NativeLock
closed.lock = threading.Lock()
table = {Key(): threading.Lock()}
untitled = {"__name__": [], "write": os.write, "lock": threading.Lock()}
calm = False
from greenrt import monkey
import greenrt
monkey.patch_all()
lines = monkey.report()
assert fields(Odd)["write"] is os.write is not native[0]
assert isinstance(fields(Odd)["shared"], greenrt.Lock)
assert isinstance(names["lock"], greenrt.RLock)
assert all(isinstance(slot.__get__(odd), greenrt.Lock) for slot in slots)
assert isinstance(covered.lock, greenrt.Lock)
assert isinstance(untitled["lock"], greenrt.Lock)
assert "not made green: the lock in <__main__.Closed object>" in lines, lines
assert "not made green: the lock <dict object>.<__main__.Key object>" in lines, lines
assert "not reached: os.write: <__main__.Odd object>.native" in lines, lines
assert "not reached: os.write: <dict object>.write" in lines, lines
"""
    )


def test_subclasses_whose_metaclass_raises() -> None:
    run_script(
        ODD_CLASSES
        + """
class Local(threading.local, metaclass=Meta): pass
# In a namespace without `__name__`, classes get no `__module__`.
scope = {"local": threading.local}
exec("Unknown = type('Unknown', (local,), {})", scope)
calm = False
from greenrt import monkey
monkey.patch_all()
derived = [line.split(",")[0] for line in monkey.report() if "derived from threading.local" in line]
assert derived == [f"not made green: the class {name}" for name in ("__main__.Local", "?.Unknown")], derived
"""
    )


def test_classes_with_a_metaclass_in_c() -> None:
    """Such metaclasses refuse `type.__setattr__`."""
    run_script("""
        import ctypes, os
        native = [os.write]
        class Record(ctypes.Structure):
            write = os.write
        from greenrt import monkey
        monkey.patch_all()
        assert vars(Record)["write"] is os.write is not native[0]
    """)


def test_handlers_streams_and_folders_that_raise() -> None:
    run_script("""
        import logging, signal, sys, threading
        def asked(*args):
            raise ZeroDivisionError("code of the program")
        class Proxy:
            __class__ = property(asked)
            def __call__(self, *args): handled.append(args[0])
        class Stream:
            __getattr__ = asked
        class Lockless(logging.Handler):
            lock = property(lambda self: None if handled else asked(), lambda self, lock: None)
        handled = []
        kept = Lockless()
        signal.signal(signal.SIGUSR1, Proxy())
        sys.stdin = Stream()
        sys.path += [None, b"/", 0]
        from greenrt import monkey
        monkey.patch_thread(logging=False)
        monkey.patch_all()
        signal.raise_signal(signal.SIGUSR1)
        assert handled == [signal.SIGUSR1]
    """)


@pytest.mark.parametrize("kind", ["mock", "empty module", "module that raises", "object without a dict"])
def test_stand_ins_for_packages(kind: str) -> None:
    """Tests, and builds of documentation, put such objects in place of packages that they lack."""
    run_script(
        """
        import sys, types, unittest.mock
        class Raises(types.ModuleType):
            def __getattr__(self, name): raise ZeroDivisionError("code of the program")
        make = {
            "mock": unittest.mock.MagicMock,
            "empty module": lambda: types.ModuleType("stand_in"),
            "module that raises": lambda: Raises("stand_in"),
            "object without a dict": object,
        }[sys.argv[1]]
        for name in ("psycopg", "psycopg2", "gevent", "gevent.monkey", "eventlet", "eventlet.patcher",
                     "psycopg.waiting", "psycopg2.extensions", "pycares"):
            sys.modules[name] = make()
        from greenrt import monkey
        monkey.patch_all()
        monkey.report()
        """,
        kind,
    )


def test_methods_of_replaced_functions() -> None:
    """A place that holds a method of a function, which never waits, is no finding."""
    out, _ = run_script("""
        import time
        kept = [time.sleep.__reduce__]
        from greenrt import monkey
        monkey.patch_all()
        print([line for line in monkey.report() if line.startswith("not reached")])
    """)
    assert out == "[]\n"
