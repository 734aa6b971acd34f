"""Checks of the interpreter, made before greenrt imports any other module.

Each refusal is an ImportError with a message of one line. This module imports nothing else of greenrt, and has only
syntax that Python 3.6 accepts. So Python 3.6 to 3.10 raise this error; Python 2 and older ones raise SyntaxError.
"""

import sys
import warnings
from importlib import import_module

__all__ = ["prepare", "require_gil"]

OLDEST = (3, 11)
# The newest version that the tests have run on. On newer ones the frame-stack cache, which uses CPython's internals,
# is off.
NEWEST = (3, 15)
# Compiled subclasses of greenlet contain the size of its C struct.
GREENLET_MAJOR = 3
GREENLET = "'greenlet>=3.5,<4'"
REINSTALL = f"rename it if it is yours, else run: pip install --force-reinstall {GREENLET}"


def prepare() -> None:
    """Check the interpreter and greenlet, and exempt greenrt's own modules from lazy imports.

    Raises ImportError if greenrt does not work here. Emits a RuntimeWarning if the interpreter is newer than each one
    that greenrt was tested on.
    """
    version = ".".join(map(str, sys.version_info[:2]))
    if sys.version_info < OLDEST:
        raise ImportError(
            f"greenrt needs Python {OLDEST[0]}.{OLDEST[1]} or newer, and this is {version}; use a newer Python"
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
    """Raise ImportError if the GIL is off. The import of a compiled module turns it on, except with PYTHON_GIL=0."""
    is_enabled = getattr(sys, "_is_gil_enabled", None)
    if is_enabled is not None and not is_enabled():
        raise ImportError(
            "greenrt needs the GIL, and this free-threaded Python runs without it; set PYTHON_GIL=1, or start Python "
            "with -X gil=1"
        )


def _in_subinterpreter() -> bool:
    # Python 3.13 adds the first and removes the second.
    for name in ("_interpreters", "_xxsubinterpreters"):
        try:
            interpreters = import_module(name)
        except ImportError:
            continue
        return bool(interpreters.get_current() != interpreters.get_main())
    return False


def _check_greenlet() -> None:
    try:
        import greenlet
    except ModuleNotFoundError as error:
        if error.name != "greenlet":
            raise _broken_greenlet(error) from error
        raise ImportError(
            f"greenrt needs greenlet, which is not installed; run: pip install {GREENLET}"
        ) from None
    except Exception as error:
        raise _broken_greenlet(error) from error
    found = getattr(greenlet, "__version__", None)
    if not isinstance(found, str) or not hasattr(greenlet, "getcurrent"):
        place = getattr(greenlet, "__file__", None) or list(getattr(greenlet, "__path__", []))
        raise ImportError(f"greenrt needs greenlet, and {place} is no greenlet that works; {REINSTALL}")
    if found.split(".")[0] != str(GREENLET_MAJOR):
        raise ImportError(
            f"greenrt needs greenlet {GREENLET_MAJOR}, and {found} is installed; run: pip install {GREENLET}"
        )


def _broken_greenlet(error: Exception) -> ImportError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return ImportError(f"greenrt needs greenlet, whose import raises {reason}; {REINSTALL}")


def _import_eagerly() -> None:
    """Exempt greenrt from ``-X lazy_imports=all`` (Python 3.15).

    greenrt's modules must be imported eagerly: they register themselves and bind unpatched names. The program's own
    filter still decides about all other modules. If the program sets another filter later, the modules of greenrt
    that are imported after that are lazy. The modules of the runtime are imported before that.
    """
    set_filter = getattr(sys, "set_lazy_imports_filter", None)
    if set_filter is None:
        return
    others = sys.get_lazy_imports_filter()  # type: ignore[attr-defined]

    def is_lazy(importer: str, imported: str, names: object) -> bool:
        if importer == "greenrt" or importer.startswith("greenrt."):
            return False
        return others is None or bool(others(importer, imported, names))

    set_filter(is_lazy)
