"""What is public: the modules whose ``__all__`` the reference documents. The stability policy covers these names."""

import importlib
from collections.abc import Container

__all__ = ["MODULES", "TWINS", "missing_names"]

MODULES = (
    "greenrt",
    "greenrt.adapters.celery",
    "greenrt.adapters.gunicorn",
    "greenrt.dns",
    "greenrt.errors",
    "greenrt.happy_eyeballs",
    "greenrt.monkey",
    "greenrt.monkey.pytest_plugin",
    "greenrt.serve",
    "greenrt.sync",
)
# The cooperative twins of standard modules. Their names are those of the standard modules.
TWINS = tuple(
    f"greenrt.green.{name}"
    for name in (
        "os",
        "queue",
        "select",
        "selectors",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "thread",
        "threading",
        "time",
    )
)


def missing_names(known: Container[str]) -> list[str]:
    """Return the public names that are not in `known`."""
    names = [
        f"{module}.{name}"
        for module in MODULES
        for name in getattr(importlib.import_module(module), "__all__", ())
    ]
    return [name for name in (*names, *TWINS) if name not in known]
