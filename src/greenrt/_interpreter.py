"""What greenrt needs of the interpreter: checked before anything else is imported.

Each refusal is an ImportError of one line. The syntax is that of any Python 3, so that an interpreter that is too old
reads the refusal, and no SyntaxError.
"""

import sys
import warnings
from importlib import import_module

from greenrt._typing import Any

__all__ = ["prepare", "require_gil"]

OLDEST = (3, 11)
# The newest that the tests have run on; beyond it the frame-stack cache, which uses CPython's internals, is off.
NEWEST = (3, 15)
# Compiled subclasses bake in the size of greenlet's object.
GREENLET_MAJOR = 3


def prepare() -> None:
    """Check the interpreter and greenlet, and have greenrt's own modules imported eagerly.

    Raises ImportError. Warns (RuntimeWarning) of an interpreter that is newer than any that greenrt was tested on.
    """
    version = ".".join(map(str, sys.version_info[:2]))
    if sys.version_info < OLDEST:
        raise ImportError(
            f"greenrt needs Python {OLDEST[0]}.{OLDEST[1]} or newer, and this is {version}; run it with a newer one"
        )
    if _in_subinterpreter():
        raise ImportError(
            "greenrt works in the main interpreter only, and this is a subinterpreter; import it in the main one, "
            "and use blocking calls here"
        )
    _check_greenlet()
    if sys.version_info[:2] > NEWEST:
        warnings.warn(
            f"this greenrt has not been tested on Python {version}, and runs with the frame-stack cache off; "
            "look for a newer greenrt",
            RuntimeWarning,
            stacklevel=3,
        )
    _import_eagerly()


def require_gil() -> None:
    """Raise ImportError if the GIL is off. The import of a compiled module turns it on, unless PYTHON_GIL=0."""
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    if is_enabled is not None and not is_enabled():
        raise ImportError(
            "greenrt needs the GIL, and this free-threaded Python runs without it; set PYTHON_GIL=1, or start Python "
            "with -X gil=1"
        )


def _in_subinterpreter() -> bool:
    # The first is new in 3.13, and takes the place of the other.
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            interpreters = import_module(name)
        except ImportError:
            continue
        return bool(interpreters.get_current() != interpreters.get_main())
    return False


def _check_greenlet() -> None:
    import greenlet

    found = greenlet.__version__
    if found.split(".")[0] != str(GREENLET_MAJOR):
        raise ImportError(
            f"greenrt needs greenlet {GREENLET_MAJOR}, and {found} is installed; run: pip install 'greenlet>=3.5,<4'"
        )


def _import_eagerly() -> None:
    """Except greenrt from ``-X lazy_imports=all`` (3.15): its modules register themselves, and bind unpatched names.

    The program's own filter still decides of all other modules. If the program sets another filter later, then
    those modules of greenrt's that are imported after that are lazy, which none of the runtime's are.
    """
    set_filter: Any = getattr(sys, "set_lazy_imports_filter", None)
    if set_filter is None:
        return
    get_filter: Any = sys.get_lazy_imports_filter  # type: ignore[attr-defined]
    others = get_filter()

    def is_lazy(importer: str, imported: str, names: object) -> bool:
        if importer == "greenrt" or importer.startswith("greenrt."):
            return False
        return others is None or bool(others(importer, imported, names))

    set_filter(is_lazy)
