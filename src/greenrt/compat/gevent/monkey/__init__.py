"""gevent.monkey: greenrt's patching with gevent's names, events and results."""

from collections.abc import Callable

from greenrt._typing import Any
from greenrt.compat._missing import missing_names
from greenrt.compat.gevent.monkey._main import main
from greenrt.compat.gevent.monkey._patching import (
    get_original,
    is_object_patched,
    patch_all,
    patch_builtins,
    patch_contextvars,
    patch_dns,
    patch_item,
    patch_module,
    patch_os,
    patch_queue,
    patch_select,
    patch_selectors,
    patch_signal,
    patch_socket,
    patch_ssl,
    patch_subprocess,
    patch_sys,
    patch_thread,
    patch_time,
    remove_item,
)
from greenrt.compat.gevent.monkey._saved import saved
from greenrt.monkey import MonkeyPatchWarning, is_anything_patched, is_module_patched

__all__ = [
    "MonkeyPatchWarning",
    "get_original",
    "is_anything_patched",
    "is_module_patched",
    "is_object_patched",
    "main",
    "patch_all",
    "patch_builtins",
    "patch_contextvars",
    "patch_dns",
    "patch_item",
    "patch_module",
    "patch_os",
    "patch_queue",
    "patch_select",
    "patch_selectors",
    "patch_signal",
    "patch_socket",
    "patch_ssl",
    "patch_subprocess",
    "patch_sys",
    "patch_thread",
    "patch_time",
    "remove_item",
    "saved",
]

__getattr__: Callable[[str], Any] = missing_names(__name__, {})
